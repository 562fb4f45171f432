"""The verbs of what a channel is made of: the channel itself, its settings and its users."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.auth import Call, Shopper, check_not_revoked, open_session
from chalicelib.core.errors import (
    Busy,
    ChannelExists,
    EmailTaken,
    FieldError,
    InvalidRequest,
    NotSignedIn,
    OutcomeUnknown,
    Refusal,
    UnknownChannel,
    UnknownUser,
)
from chalicelib.core.names import to_ms
from chalicelib.core.settings import (
    CATALOGUE,
    Channel,
    Setting,
    StoredSetting,
    Value,
    parse_value,
    setting_named,
    to_json,
)
from chalicelib.core.users import User
from chalicelib.outside.gateways import why_missing
from chalicelib.store import settings as stored_settings
from chalicelib.store import users as stored_users
from chalicelib.store.actions import Action, Item, Rows
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle
from chalicelib.store.users import email_key, user_key

USERS_AT_ONCE = 33
"""How many users one transaction registers: each is up to three actions of a hundred."""


@dataclass(frozen=True, slots=True)
class SettingValue:
    """A setting as it stands: its entry in the catalogue, its value, and when it was set."""

    setting: Setting
    value: Any
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Registration:
    """How the registration of one user ended: the user, or why not."""

    user_pk: str
    user: User | None
    created: bool
    refusal: Refusal | None


# --- channels and settings ------------------------------------------------------------------


def make_channel(call: Call, name: str, default_currency: str) -> Settled[Channel]:
    """Make a sales channel. Raises `ChannelExists` when it was made with other content."""

    def decide(rows: Rows) -> Commit[Channel] | Replay[Channel]:
        found = stored_settings.channel_in(rows, name)
        if found is None:
            channel = Channel(name, default_currency, to_ms(call.now))
            return Commit([stored_settings.make_channel(channel, call.by)], channel)
        if found.default_currency != default_currency:
            raise ChannelExists
        return Replay(found)

    return settle(decide, [stored_settings.channel_key(name)], deadline=call.deadline)


def read_settings(call: Call, channel: str) -> list[SettingValue]:
    """Return the whole catalogue with the channel's values. Raises `UnknownChannel`."""
    rows = batch_get(stored_settings.all_keys(channel), deadline=call.deadline, consistent=True)
    settings = stored_settings.settings_in(rows, channel)
    if settings is None:
        raise UnknownChannel
    found = []
    for setting in CATALOGUE.values():
        stored = stored_settings.stored_in(rows, channel, setting.name)
        value = getattr(settings, setting.name.lower())
        found.append(SettingValue(setting, value, None if stored is None else stored.at_ms))
    return found


def read_setting(call: Call, channel: str, name: str) -> SettingValue:
    """Return one setting. Raises `UnknownSetting` or `UnknownChannel`."""
    setting_named(name)
    return next(s for s in read_settings(call, channel) if s.setting.name == name)


def set_setting(call: Call, channel: str, name: str, value: object) -> SettingValue:
    """Set a setting; the same value again changes nothing, not even the time.

    Raises `UnknownSetting`, `InvalidRequest` for the value, or `UnknownChannel`.
    """
    setting = setting_named(name)
    parsed = parse_value(setting, value)
    _check_deployment(setting, parsed)
    text = to_json(setting, parsed)

    def decide(rows: Rows) -> Commit[StoredSetting] | Replay[StoredSetting]:
        if stored_settings.channel_in(rows, channel) is None:
            raise UnknownChannel
        found = stored_settings.stored_in(rows, channel, name)
        if found is not None and found.text == text:
            return Replay(found)
        stored = StoredSetting(name, text, to_ms(call.now))
        return Commit([stored_settings.set_value(channel, stored, found, call.by)], stored)

    keys = [stored_settings.channel_key(channel), stored_settings.setting_key(channel, name)]
    settled = settle(decide, keys, deadline=call.deadline, consistent=True)
    return SettingValue(setting, parsed, settled.answer.at_ms)


def _check_deployment(setting: Setting, value: Value) -> None:
    """Raise `InvalidRequest` for a payment gateway that this deployment does not have."""
    missing = why_missing(value) if setting.name == "PAYMENT_GATEWAY" else None
    if missing is not None:
        raise InvalidRequest(missing, errors=[FieldError("value", "gateway_missing", missing)])


# --- users ----------------------------------------------------------------------------------


def register_user(call: Call, channel: str, user_pk: str, email: str) -> Registration:
    """Register a user, or give one another address; who was erased is registered again by it.

    Raises `UnknownChannel`, or `EmailTaken` when another user owns the address.
    """
    registration = register_users(call, channel, [(user_pk, email)])[0]
    if registration.refusal is not None:
        raise registration.refusal
    return registration


def register_users(
    call: Call, channel: str, wanted: Sequence[tuple[str, str]]
) -> list[Registration]:
    """Register users by `user_pk` and e-mail; each row succeeds or is refused by itself.

    The pairs must not name a user or an address twice. Raises `UnknownChannel`.
    """
    groups = [wanted[i : i + USERS_AT_ONCE] for i in range(0, len(wanted), USERS_AT_ONCE)]
    return [done for group in groups for done in _register_group(call, channel, group)]


def find_user(call: Call, channel: str, email: str) -> User | None:
    """Return the user with this complete address, in any case. Raises `UnknownChannel`."""
    keys = [stored_settings.channel_key(channel), email_key(channel, email)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if stored_settings.channel_in(rows, channel) is None:
        raise UnknownChannel
    user_pk = stored_users.owner_in(rows, channel, email)
    return None if user_pk is None else _read_user(call, channel, user_pk)


def read_shopper(call: Call, shopper: Shopper) -> User:
    """Return the user of a session. Raises `NotSignedIn` where there is none, or it was ended."""
    user = _read_user(call, shopper.channel, shopper.user_pk)
    if user is None or user.erased_ms is not None:
        raise NotSignedIn
    check_not_revoked(shopper, user.sessions_valid_from_ms)
    return user


def list_users(
    call: Call, channel: str, *, limit: int, start: Item | None
) -> tuple[list[User], Item | None]:
    """Return a page of users by `user_pk`. Raises `UnknownChannel`."""
    users, last = stored_users.list_users(channel, limit=limit, start=start, deadline=call.deadline)
    if not users and start is None:
        require_channel(call, channel)
    return users, last


def mint_session(call: Call, channel: str, user_pk: str) -> tuple[str, int]:
    """Return a shopper's session and its end in milliseconds.

    Nothing is stored. Raises `UnknownChannel` or `UnknownUser`.
    """
    user = _read_user(call, channel, user_pk)
    if user is None or user.erased_ms is not None:
        require_channel(call, channel)
        raise UnknownUser
    return open_session(channel, user_pk, call.now)


def end_sessions(call: Call, channel: str, user_pk: str, valid_from_ms: int) -> User:
    """Revoke every session of a user that was issued before a time in milliseconds.

    The time only moves forward, so repeating it is safe. Raises `UnknownChannel`, `UnknownUser`.
    """

    def decide(rows: Rows) -> Commit[User] | Replay[User]:
        if stored_settings.channel_in(rows, channel) is None:
            raise UnknownChannel
        user = stored_users.user_in(rows, channel, user_pk)
        if user is None:
            raise UnknownUser
        if user.sessions_valid_from_ms >= valid_from_ms:
            return Replay(user)
        ended = replace(user, sessions_valid_from_ms=valid_from_ms)
        return Commit([stored_users.revoke_sessions(user, valid_from_ms)], ended)

    keys = [stored_settings.channel_key(channel), user_key(channel, user_pk)]
    return settle(decide, keys, deadline=call.deadline).answer


def require_channel(call: Call, channel: str) -> None:
    """Raise `UnknownChannel` unless the channel was made."""
    rows = batch_get(
        [stored_settings.channel_key(channel)], deadline=call.deadline, consistent=True
    )
    if stored_settings.channel_in(rows, channel) is None:
        raise UnknownChannel


def _read_user(call: Call, channel: str, user_pk: str) -> User | None:
    rows = batch_get([user_key(channel, user_pk)], deadline=call.deadline, consistent=True)
    return stored_users.user_in(rows, channel, user_pk)


def _register_group(
    call: Call, channel: str, group: Sequence[tuple[str, str]]
) -> list[Registration]:
    def decide(rows: Rows) -> Commit[list[Registration]] | Replay[list[Registration]]:
        if stored_settings.channel_in(rows, channel) is None:
            raise UnknownChannel
        pairs = [_register_one(call, channel, rows, *wanted) for wanted in group]
        actions = [action for made, _ in pairs for action in made]
        registrations = [registration for _, registration in pairs]
        return Commit(actions, registrations) if actions else Replay(registrations)

    keys = [
        stored_settings.channel_key(channel),
        *(user_key(channel, user_pk) for user_pk, _ in group),
        *(email_key(channel, email) for _, email in group),
    ]
    try:
        return settle(decide, keys, deadline=call.deadline, consistent=True).answer
    except (Busy, OutcomeUnknown) as refusal:
        # Other groups may be written already: each row says what became of it.
        return [Registration(user_pk, None, created=False, refusal=refusal) for user_pk, _ in group]


def _register_one(
    call: Call, channel: str, rows: Rows, user_pk: str, email: str
) -> tuple[list[Action], Registration]:
    if stored_users.owner_in(rows, channel, email) not in {None, user_pk}:
        return [], Registration(user_pk, None, created=False, refusal=EmailTaken())
    found = stored_users.user_in(rows, channel, user_pk)
    if found is None:
        user = User(channel, user_pk, email, to_ms(call.now), sessions_valid_from_ms=0)
        made = stored_users.register(user, call.by)
        return made, Registration(user_pk, user, created=True, refusal=None)
    user = User(channel, user_pk, email, found.created_ms, found.sessions_valid_from_ms)
    made = [] if found == user else stored_users.change_email(found, email)
    return made, Registration(user_pk, user, created=False, refusal=None)

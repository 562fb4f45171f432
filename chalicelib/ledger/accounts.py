"""Open a loyalty account, and read accounts: as they stand, as of a past time, and in lists."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.auth import Call
from chalicelib.core import transfers as rules
from chalicelib.core.accounts import (
    FIRST_HASH,
    Account,
    AccountKey,
    Entry,
    Opening,
    after_entry,
    as_opened,
)
from chalicelib.core.errors import (
    AccountExists,
    AccountIdTaken,
    AtTooRecent,
    IdConflict,
    UnknownAccount,
    UnknownUser,
)
from chalicelib.core.money import parse_opening
from chalicelib.core.names import to_ms
from chalicelib.ledger.required import require_account, require_channel
from chalicelib.store.accounts import (
    account_id_key,
    account_in,
    account_key,
    list_keys,
    list_of_user,
    named_in,
    opened_in,
    opening_key,
    put_account,
)
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.entries import last_entry_at, list_entries, put_entry
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle
from chalicelib.store.settings import channel_key
from chalicelib.store.transfers import put_transfer
from chalicelib.store.users import email_key, owner_in, user_in, user_key

AT_SETTLES_MS = 60_000
"""How old a time must be before a balance as of it is final: no write takes a minute."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is to be opened with. The user is named by pk, or by complete e-mail."""

    user_pk: str | None
    user_email: str | None
    currency: str
    balance: str
    debit_allowed: bool
    account_id: str | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """An account with the present e-mail address of its user; None for one who was erased."""

    account: Account
    user_email: str | None


@dataclass(frozen=True, slots=True)
class PastBalance:
    """An account as of a past time: what it held, whoever could spend it then."""

    owned: OwnedAccount
    balance: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which accounts to list; None does not filter."""

    user_email: str | None = None
    user_pk: str | None = None
    currency: str | None = None
    account_id: str | None = None


# --- opening --------------------------------------------------------------------------------


def open_account(call: Call, channel: str, wanted: NewAccount) -> Settled[OwnedAccount]:
    """Open an account for a registered user; opening credit comes as a transfer from BANK.

    Raises `UnknownChannel`, `UnknownUser`, `UnknownCurrency`, `InvalidAmount`, `AccountExists`,
    `AccountIdTaken`, or `IdConflict` for an idempotency key that was used with other content.
    """
    # A key of our own lets a repeated attempt of this same request recognise its first write.
    opening = Opening(
        balance=parse_opening(wanted.balance, wanted.currency),
        idempotency_key=wanted.idempotency_key or secrets.token_hex(16),
    )
    key = AccountKey(channel, _owner_of(call, channel, wanted), wanted.currency)
    new = Account(
        key=key,
        account_id=wanted.account_id or f"a-{secrets.token_hex(12)}",
        available=0,
        held=0,
        seq=0,
        entry_ms=to_ms(call.now),
        entry_hash=FIRST_HASH,
        debit_allowed=wanted.debit_allowed,
        opening=opening,
        created_ms=to_ms(call.now),
        by=call.by,
    )

    def decide(rows: Rows) -> Commit[OwnedAccount] | Replay[OwnedAccount]:
        require_channel(rows, channel)
        user = user_in(rows, channel, key.user_pk)
        found = account_in(rows, key, to_ms(call.now))
        if user is not None and found is not None and _is_same_request(found, opening):
            _check_replay(found, new, wanted)
            return Replay(OwnedAccount(as_opened(found), user.email))
        if user is None or user.erased_ms is not None:
            raise UnknownUser
        if wanted.idempotency_key and opened_in(rows, channel, wanted.idempotency_key):
            raise IdConflict
        if found is not None:
            raise AccountExists
        if named_in(rows, channel, new.account_id) is not None:
            raise AccountIdTaken
        return _commit_opening(new, user.email, wanted.idempotency_key)

    keys: list[AnyKey] = [
        channel_key(channel),
        user_key(channel, key.user_pk),
        account_key(key),
        account_id_key(channel, new.account_id),
    ]
    if wanted.idempotency_key is not None:
        keys.append(opening_key(channel, wanted.idempotency_key))
    return settle(decide, keys, deadline=call.deadline)


def _is_same_request(found: Account, opening: Opening) -> bool:
    return found.opening.idempotency_key == opening.idempotency_key


def _check_replay(found: Account, new: Account, wanted: NewAccount) -> None:
    same = (found.opening, found.debit_allowed) == (new.opening, new.debit_allowed)
    if not same or wanted.account_id not in {None, found.account_id}:
        raise IdConflict


def _commit_opening(
    new: Account, user_email: str | None, idempotency_key: str | None
) -> Commit[OwnedAccount]:
    if not new.opening.balance:
        return Commit(put_account(new, idempotency_key), OwnedAccount(new, user_email))
    movement = rules.open_with_credit(new, new.opening.balance)
    entry = movement.legs[0].entry
    account = after_entry(new, entry)
    actions = [
        *put_account(account, idempotency_key),
        put_entry(entry),
        put_transfer(movement.transfer),
    ]
    return Commit(actions, OwnedAccount(account, user_email))


def _owner_of(call: Call, channel: str, wanted: NewAccount) -> str:
    """Return whose account it will be; for a repeated request, whose it became.

    An address may have moved since, but what the idempotency key opened has not.
    """
    if wanted.user_pk is not None:
        return wanted.user_pk
    email = wanted.user_email or ""
    keys: list[AnyKey] = [channel_key(channel), email_key(channel, email)]
    if wanted.idempotency_key is not None:
        keys.append(opening_key(channel, wanted.idempotency_key))
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    if wanted.idempotency_key is not None:
        opened = opened_in(rows, channel, wanted.idempotency_key)
        if opened is not None and opened.currency == wanted.currency:
            return opened.user_pk
    user_pk = owner_in(rows, channel, email)
    if user_pk is None:
        raise UnknownUser("No user has this e-mail address; give the complete address.")
    return user_pk


# --- reading --------------------------------------------------------------------------------


def read_account(call: Call, key: AccountKey) -> OwnedAccount:
    """Return an account. Raises `UnknownChannel` or `UnknownAccount`."""
    keys = [
        channel_key(key.channel),
        account_key(key),
        user_key(key.channel, key.user_pk),
    ]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    return OwnedAccount(require_account(rows, key, to_ms(call.now)), _email(rows, key))


def read_account_at(call: Call, key: AccountKey, at_ms: int) -> PastBalance:
    """Return the balance as of a time, inclusive to the millisecond.

    Raises `AtTooRecent` for a time later than a minute ago, and `UnknownAccount` also for a
    time before the account was opened.
    """
    if at_ms > to_ms(call.now) - AT_SETTLES_MS:
        raise AtTooRecent
    owned = read_account(call, key)
    if at_ms < owned.account.created_ms:
        raise UnknownAccount("The account was not opened yet at that time.")
    entry = last_entry_at(key, at_ms, deadline=call.deadline)
    return PastBalance(owned, entry.balance_after if entry is not None else 0)


def list_accounts(
    call: Call, channel: str, filters: Filters, *, limit: int, start: Item | None
) -> tuple[list[OwnedAccount], Item | None]:
    """Return a page of accounts by currency and account id. Raises `UnknownChannel`."""
    if (filters.account_id, filters.user_pk, filters.user_email) == (None, None, None):
        prefix = f"{filters.currency}#" if filters.currency else ""
        keys, last = list_keys(
            channel, prefix=prefix, limit=limit, start=start, deadline=call.deadline
        )
    else:
        keys, last = _page_of(_few_keys(call, channel, filters), limit=limit, start=start)
    if not keys and start is None:
        rows = batch_get([channel_key(channel)], deadline=call.deadline, consistent=True)
        require_channel(rows, channel)
    return _owned(call, keys), last


def list_targets(
    call: Call, source: AccountKey, search: str | None, *, limit: int, start: Item | None
) -> tuple[list[OwnedAccount], Item | None]:
    """Return a page of the accounts that `source` may send to: its currency, not itself.

    `search` is a complete e-mail, or the start of an account id. Raises `UnknownAccount`.
    """
    read_account(call, source)
    if search and "@" in search:
        filters = Filters(user_email=search, currency=source.currency)
        found, last = list_accounts(call, source.channel, filters, limit=limit, start=None)
    else:
        prefix = f"{source.currency}#{search or ''}"
        keys, last = list_keys(
            source.channel, prefix=prefix, limit=limit, start=start, deadline=call.deadline
        )
        found = _owned(call, keys)
    return [target for target in found if target.account.key != source], last


def list_activities(
    call: Call, key: AccountKey, *, limit: int, start: Item | None
) -> tuple[list[Entry], Item | None]:
    """Return a page of an account's entries, newest first. Raises `UnknownAccount`."""
    entries, last = list_entries(
        key, limit=limit, start=start, deadline=call.deadline, consistent=True
    )
    if not entries and start is None:
        read_account(call, key)
    return entries, last


def _few_keys(call: Call, channel: str, filters: Filters) -> list[AccountKey]:
    """Return the accounts of one user, or with one id, in the order of their currencies."""
    owner = filters.user_pk
    if filters.user_email is not None:
        owner = _find_owner(call, channel, filters.user_email)
        if owner is None or filters.user_pk not in {None, owner}:
            return []
    if filters.account_id is not None:
        named = _find_named(call, channel, filters.account_id)
        keys = [named] if named is not None and owner in {None, named.user_pk} else []
    else:
        assert owner is not None, "without an account id a user is named"
        keys = [a.key for a in list_of_user(channel, owner, deadline=call.deadline)]
    return [key for key in keys if filters.currency in {None, key.currency}]


def _page_of(
    keys: list[AccountKey], *, limit: int, start: Item | None
) -> tuple[list[AccountKey], Item | None]:
    """Return a page of one user's accounts, which are ordered by currency."""
    after = start["currency"]["S"] if start is not None else ""
    left = [key for key in keys if key.currency > after]
    last = {"currency": {"S": left[limit - 1].currency}} if len(left) > limit else None
    return left[:limit], last


def _find_named(call: Call, channel: str, account_id: str) -> AccountKey | None:
    key = account_id_key(channel, account_id)
    rows = batch_get([key], deadline=call.deadline, consistent=True)
    return named_in(rows, channel, account_id)


def _find_owner(call: Call, channel: str, email: str) -> str | None:
    rows = batch_get([email_key(channel, email)], deadline=call.deadline, consistent=True)
    return owner_in(rows, channel, email)


def _owned(call: Call, keys: Sequence[AccountKey]) -> list[OwnedAccount]:
    if not keys:
        return []
    users = {key.user_pk: user_key(key.channel, key.user_pk) for key in keys}
    rows = batch_get(
        [*(account_key(key) for key in keys), *users.values()],
        deadline=call.deadline,
        consistent=True,
    )
    return [
        OwnedAccount(require_account(rows, key, to_ms(call.now)), _email(rows, key)) for key in keys
    ]


def _email(rows: Rows, key: AccountKey) -> str | None:
    user = user_in(rows, key.channel, key.user_pk)
    assert user is not None, "an account is opened only for a registered user"
    return user.email

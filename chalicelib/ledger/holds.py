"""Hold credit for a while: authorise, capture whole or in part, or void.

An open hold is on its account's row and has a row of its own. Every verb writes both in one
transaction, or neither.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.auth import Call
from chalicelib.core import holds as rules
from chalicelib.core import transfers
from chalicelib.core.accounts import Account, AccountKey, OpenHold
from chalicelib.core.errors import UnknownChannel, UnknownHold
from chalicelib.core.holds import Hold, HoldState, state_of
from chalicelib.core.money import parse_amount
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import LoyaltyDisabled
from chalicelib.core.transfers import Wanted, capture_id
from chalicelib.ledger.required import require_account
from chalicelib.store.accounts import account_key, free, keep
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.holds import end_hold, hold_in, hold_key, put_hold
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle, transact_get
from chalicelib.store.settings import all_keys, channel_key, settings_in
from chalicelib.store.transfers import post


@dataclass(frozen=True, slots=True)
class StandingHold:
    """A hold, and how it stands by its account."""

    hold: Hold
    state: HoldState


def authorize(
    call: Call, key: AccountKey, hold_id: str, *, amount: str, life_s: int
) -> Settled[StandingHold]:
    """Keep `amount` for `life_s` seconds, once for ever under this id of the account.

    A repetition is answered as the first time, whatever became of the hold since. Raises
    `InvalidAmount`, `UnknownChannel`, `UnknownAccount`, `LoyaltyDisabled`, `TooManyHolds`,
    `InsufficientCredit` or `IdConflict`.
    """
    now_ms = to_ms(call.now)
    wanted = Hold(
        account=key,
        id=hold_id,
        amount=parse_amount(amount, key.currency),
        captured=0,
        state=HoldState.OPEN,
        order=None,
        expires_ms=now_ms + life_s * 1000,
        created_ms=now_ms,
        by=call.by,
    )

    def decide(rows: Rows) -> Commit[StandingHold] | Replay[StandingHold]:
        stored = hold_in(rows, key, hold_id)
        if stored is not None:
            rules.check_replay(stored, wanted)
            return Replay(StandingHold(rules.as_authorized(stored), HoldState.OPEN))
        settings = settings_in(rows, key.channel)
        if settings is None:
            raise UnknownChannel
        account = require_account(rows, key, now_ms)
        if not settings.loyalty_money_enabled:
            raise LoyaltyDisabled
        rules.authorize(account, wanted)
        writes = [keep(account, wanted.on_account), put_hold(wanted)]
        return Commit(writes, StandingHold(wanted, HoldState.OPEN))

    keys: list[AnyKey] = [*all_keys(key.channel), account_key(key), hold_key(key, hold_id)]
    return settle(decide, keys, deadline=call.deadline)


def capture(
    call: Call, key: AccountKey, hold_id: str, *, amount: str | None, order: str | None
) -> Settled[StandingHold]:
    """Take `amount` (None is the whole) of an open hold to SALE, and free the rest.

    Raises `InvalidAmount`, `UnknownChannel`, `UnknownAccount`, `UnknownHold`, `HoldCaptured`,
    `HoldVoided`, `HoldLapsed` or `CaptureExceedsHold`.
    """
    minor = None if amount is None else parse_amount(amount, key.currency)
    now_ms = to_ms(call.now)

    def end(account: Account, hold: Hold) -> tuple[Hold, list[Action]] | None:
        captured = rules.capture(hold, state_of(hold, account), minor, order)
        if captured is None:
            return None
        transfer_id = capture_id(account.account_id, hold_id)
        wanted = Wanted(key.channel, transfer_id, captured.captured, None, call.by, order)
        movement = transfers.capture(account, hold.on_account, wanted, now_ms)
        return captured, post(movement)

    return _end(call, key, hold_id, end)


def void(call: Call, key: AccountKey, hold_id: str) -> Settled[StandingHold]:
    """Free the whole of an open hold.

    Raises `UnknownChannel`, `UnknownAccount`, `UnknownHold`, `HoldCaptured` or `HoldLapsed`.
    """

    def end(account: Account, hold: Hold) -> tuple[Hold, list[Action]] | None:
        voided = rules.void(hold, state_of(hold, account))
        if voided is None:
            return None
        return voided, [free(account, hold.on_account)]

    return _end(call, key, hold_id, end)


def _end(
    call: Call,
    key: AccountKey,
    hold_id: str,
    end: Callable[[Account, Hold], tuple[Hold, list[Action]] | None],
) -> Settled[StandingHold]:
    """End a hold as `end` says, with its writes; None means that it ended just so before."""
    now_ms = to_ms(call.now)

    def decide(rows: Rows) -> Commit[StandingHold] | Replay[StandingHold]:
        account = require_account(rows, key, now_ms)
        hold = hold_in(rows, key, hold_id)
        if hold is None:
            raise UnknownHold
        outcome = end(account, hold)
        if outcome is None:
            return Replay(StandingHold(hold, hold.state))
        changed, writes = outcome
        changed = rules.ended(changed, at_ms=now_ms, by=call.by)
        return Commit([*writes, end_hold(changed)], StandingHold(changed, changed.state))

    return settle(decide, _keys(key, hold_id), deadline=call.deadline)


def read_hold(call: Call, key: AccountKey, hold_id: str) -> StandingHold:
    """Return a hold as it stands. Raises `UnknownChannel`, `UnknownAccount` or `UnknownHold`.

    Both rows are read at one moment: a hold that ends between two reads would seem to lapse.
    """
    rows = transact_get(_keys(key, hold_id), deadline=call.deadline)
    account = require_account(rows, key, to_ms(call.now))
    hold = hold_in(rows, key, hold_id)
    if hold is None:
        raise UnknownHold
    return StandingHold(hold, state_of(hold, account))


def list_open_holds(call: Call, key: AccountKey) -> tuple[OpenHold, ...]:
    """Return the open holds of an account. Raises `UnknownChannel` or `UnknownAccount`."""
    keys = [channel_key(key.channel), account_key(key)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    return require_account(rows, key, to_ms(call.now)).open_holds


def _keys(key: AccountKey, hold_id: str) -> list[AnyKey]:
    return [channel_key(key.channel), account_key(key), hold_key(key, hold_id)]

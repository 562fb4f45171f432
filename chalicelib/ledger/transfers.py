"""Move credit: transfer it between accounts, adjust an account, reverse what was moved."""

from dataclasses import dataclass

from chalicelib.auth import Call
from chalicelib.core import transfers as rules
from chalicelib.core.accounts import Account, AccountKey
from chalicelib.core.errors import (
    CurrencyMismatch,
    IdConflict,
    InvalidAmount,
    SameAccount,
    UnknownAccount,
    UnknownTransfer,
)
from chalicelib.core.money import parse_amount, parse_change
from chalicelib.core.names import to_ms
from chalicelib.core.transfers import Party, Transfer, Wanted
from chalicelib.ledger.required import require_account, require_channel
from chalicelib.store.accounts import account_id_key, account_key, named_in
from chalicelib.store.actions import AnyKey, Rows
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle
from chalicelib.store.settings import channel_key
from chalicelib.store.transfers import post, transfer_in, transfer_key


@dataclass(frozen=True, slots=True)
class ByUsers:
    """The parties of a transfer, as users with accounts in one currency."""

    source: str
    target: str
    currency: str


@dataclass(frozen=True, slots=True)
class ByAccountIds:
    """The parties of a transfer, as account ids; the currency, if named, must be theirs."""

    source: str
    target: str
    currency: str | None


# --- transfers ------------------------------------------------------------------------------


def transfer(
    call: Call,
    channel: str,
    transfer_id: str,
    parties: ByUsers | ByAccountIds,
    *,
    amount: str,
    note: str | None,
) -> Settled[Transfer]:
    """Move credit between two accounts of one currency, once for ever under this id.

    Raises `InvalidAmount`, `UnknownCurrency`, `UnknownChannel`, `UnknownAccount`, `SameAccount`,
    `CurrencyMismatch`, `SourceWithoutEntries`, `InsufficientCredit` or `IdConflict`.
    """
    if parties.source == parties.target:
        raise SameAccount
    if isinstance(parties, ByUsers):
        source = AccountKey(channel, parties.source, parties.currency)
        target = AccountKey(channel, parties.target, parties.currency)
    else:
        named = _resolve(call, channel, transfer_id, parties)
        if isinstance(named, Transfer):
            return Settled(_repeated(call, named, parties, amount, note), written=False)
        source, target = named
    wanted = Wanted(channel, transfer_id, parse_amount(amount, source.currency), note, call.by)

    def decide(rows: Rows) -> Commit[Transfer] | Replay[Transfer]:
        stored = transfer_in(rows, channel, transfer_id)
        if stored is not None:
            same = _moved_between(stored, parties)
            rules.check_replay(stored, "transfer", wanted, same_parties=same)
            return Replay(stored)
        now_ms = to_ms(call.now)
        from_account = require_account(rows, source, now_ms)
        to_account = require_account(rows, target, now_ms)
        movement = rules.decide(wanted, from_account, to_account, now_ms)
        return Commit(post(movement), movement.transfer)

    keys = [
        channel_key(channel),
        transfer_key(channel, transfer_id),
        account_key(source),
        account_key(target),
    ]
    return settle(decide, keys, deadline=call.deadline)


def _repeated(
    call: Call, stored: Transfer, parties: ByAccountIds, amount: str, note: str | None
) -> Transfer:
    """Return the stored transfer if it is asked for again, and nothing of it otherwise."""
    try:
        minor = parse_amount(amount, stored.currency)
    except InvalidAmount:
        # Which digits are too many would tell the currency.
        raise IdConflict from None
    wanted = Wanted(stored.channel, stored.id, minor, note, call.by)
    same = _moved_between(stored, parties)
    rules.check_replay(stored, "transfer", wanted, same_parties=same)
    return stored


def read_transfer(call: Call, channel: str, transfer_id: str) -> Transfer:
    """Return a transfer. Raises `UnknownChannel` or `UnknownTransfer`."""
    keys = [channel_key(channel), transfer_key(channel, transfer_id)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    found = transfer_in(rows, channel, transfer_id)
    if found is None:
        raise UnknownTransfer
    return found


def _resolve(
    call: Call, channel: str, transfer_id: str, parties: ByAccountIds
) -> Transfer | tuple[AccountKey, AccountKey]:
    """Return the transfer if its id is taken, else the accounts that the ids name."""
    keys = [
        channel_key(channel),
        transfer_key(channel, transfer_id),
        account_id_key(channel, parties.source),
        account_id_key(channel, parties.target),
    ]

    def decide(rows: Rows) -> Replay[Transfer | tuple[AccountKey, AccountKey]]:
        stored = transfer_in(rows, channel, transfer_id)
        if stored is not None:
            return Replay(stored)
        source = named_in(rows, channel, parties.source)
        target = named_in(rows, channel, parties.target)
        if source is None or target is None:
            require_channel(rows, channel)
            missing = parties.source if source is None else parties.target
            raise UnknownAccount(f"No account of this channel has the account_id {missing!r}.")
        if parties.currency not in {None, source.currency}:
            raise CurrencyMismatch
        return Replay((source, target))

    return settle(decide, keys, deadline=call.deadline).answer


def _moved_between(stored: Transfer, parties: ByUsers | ByAccountIds) -> bool:
    asked = (parties.source, parties.target)
    if isinstance(parties, ByUsers):
        kept = (stored.source.user_pk, stored.target.user_pk)
        return asked == kept and stored.currency == parties.currency
    kept_ids = (stored.source.account_id, stored.target.account_id)
    return asked == kept_ids and parties.currency in {None, stored.currency}


# --- adjustments ----------------------------------------------------------------------------


def adjust(
    call: Call, key: AccountKey, adjustment_id: str, *, amount: str, reason: str
) -> Settled[Transfer]:
    """Give or take credit by decision of staff, once for ever under this id of a transfer.

    `amount` is signed text; `reason` is kept as the note. Raises `InvalidAmount`,
    `UnknownCurrency`, `UnknownChannel`, `UnknownAccount`, `InsufficientCredit` or `IdConflict`.
    """
    change = parse_change(amount, key.currency)
    wanted = Wanted(key.channel, adjustment_id, abs(change), reason, call.by)

    def decide(rows: Rows) -> Commit[Transfer] | Replay[Transfer]:
        stored = transfer_in(rows, key.channel, adjustment_id)
        if stored is not None:
            party = stored.source if change < 0 else stored.target
            same = (party.user_pk, stored.currency) == (key.user_pk, key.currency)
            rules.check_replay(stored, "adjust", wanted, same_parties=same)
            return Replay(stored)
        now_ms = to_ms(call.now)
        account = require_account(rows, key, now_ms)
        movement = rules.adjust(account, wanted, takes=change < 0, now_ms=now_ms)
        return Commit(post(movement), movement.transfer)

    keys = [
        channel_key(key.channel),
        transfer_key(key.channel, adjustment_id),
        account_key(key),
    ]
    return settle(decide, keys, deadline=call.deadline)


# --- credit that ends -----------------------------------------------------------------------


def expire(call: Call, key: AccountKey, transfer_id: str) -> Transfer | None:
    """Move everything available on an account to EXPIRED, once for ever under this id.

    None where nothing is. Raises `UnknownAccount`, or `CreditHeld` while holds keep some of it.
    """

    def decide(rows: Rows) -> Commit[Transfer | None] | Replay[Transfer | None]:
        stored = transfer_in(rows, key.channel, transfer_id)
        if stored is not None:
            return Replay(stored)
        now_ms = to_ms(call.now)
        account = require_account(rows, key, now_ms)
        movement = rules.expire(account, transfer_id, now_ms=now_ms, by=call.by)
        return Replay(None) if movement is None else Commit(post(movement), movement.transfer)

    keys: list[AnyKey] = [
        channel_key(key.channel),
        transfer_key(key.channel, transfer_id),
        account_key(key),
    ]
    # That nothing is available is believed at once: it must be no stale row.
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


# --- reversals ------------------------------------------------------------------------------


def reverse(call: Call, channel: str, transfer_id: str) -> Settled[Transfer]:
    """Move the whole amount of a transfer or an adjustment back, at most once.

    Raises `UnknownChannel`, `UnknownTransfer`, `NotReversible` or `InsufficientCredit`.
    """
    found = _find_reversible(call, channel, transfer_id)
    if isinstance(found, Settled):
        return found
    original = found
    reversal_id = rules.reversal_id(transfer_id)
    source, target = _key_of(original, original.source), _key_of(original, original.target)

    def decide(rows: Rows) -> Commit[Transfer] | Replay[Transfer]:
        stored = transfer_in(rows, channel, reversal_id)
        if stored is not None:
            return Replay(stored)
        now_ms = to_ms(call.now)

        def account(key: AccountKey | None) -> Account | None:
            return None if key is None else require_account(rows, key, now_ms)

        movement = rules.reverse(
            original, account(source), account(target), now_ms=now_ms, by=call.by
        )
        return Commit(post(movement), movement.transfer)

    keys: list[AnyKey] = [channel_key(channel), transfer_key(channel, reversal_id)]
    keys += [account_key(key) for key in (source, target) if key is not None]
    return settle(decide, keys, deadline=call.deadline)


def _find_reversible(call: Call, channel: str, transfer_id: str) -> Settled[Transfer] | Transfer:
    """Return the reversal if it was made before, else the original that it may undo."""
    reversal_id = rules.reversal_id(transfer_id)
    keys = [
        channel_key(channel),
        transfer_key(channel, transfer_id),
        transfer_key(channel, reversal_id),
    ]

    def decide(rows: Rows) -> Replay[Settled[Transfer] | Transfer]:
        stored = transfer_in(rows, channel, reversal_id)
        if stored is not None:
            return Replay(Settled(stored, written=False))
        original = transfer_in(rows, channel, transfer_id)
        if original is None:
            require_channel(rows, channel)
            raise UnknownTransfer
        rules.check_reversible(original)
        return Replay(original)

    return settle(decide, keys, deadline=call.deadline).answer


def _key_of(transfer: Transfer, party: Party) -> AccountKey | None:
    """Return the account of one side, or None for a house account."""
    if party.user_pk is None:
        return None
    return AccountKey(transfer.channel, party.user_pk, transfer.currency)

"""A transfer: one immutable movement of credit, and the rules that decide it.

Each rule turns accounts as they were read into the legs to write; the store's conditions make
sure that they are written only while the accounts are still as read.
"""

from dataclasses import dataclass
from typing import Final

from chalicelib.core.accounts import (
    HOUSE_BANK,
    HOUSE_EXPIRED,
    HOUSE_REFUND,
    HOUSE_SALE,
    Account,
    Entry,
    EntryKind,
    OpenHold,
    append_entry,
    covers,
)
from chalicelib.core.errors import (
    CreditHeld,
    CurrencyMismatch,
    IdConflict,
    InsufficientCredit,
    NotReversible,
    SameAccount,
    SourceWithoutEntries,
)
from chalicelib.core.money import format_amount

TransferKind = EntryKind

House = str
"""A counterparty that is no account and has no entries: `house:...`, or a distribution's escrow."""

ESCROW: Final = "escrow:"

REVERSIBLE: Final = frozenset({"transfer", "adjust"})
"""Kinds that a reversal undoes. What paid an order is given back by refunds, and by those alone."""


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a transfer: an account, or a house account or escrow, which has no key."""

    account_id: str
    user_pk: str | None
    balance_after: int | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A movement as it is kept for ever. Amount in minor units, time in milliseconds."""

    channel: str
    id: str
    kind: TransferKind
    source: Party
    target: Party
    currency: str
    amount: int
    note: str | None
    order: str | None
    at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class Leg:
    """An account as it was read, and the entry that follows.

    `may_overdraw` lifts the limit of what is available. `freed` are the holds that end with it.
    """

    before: Account
    entry: Entry
    may_overdraw: bool
    freed: tuple[OpenHold, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """Everything that one transfer writes."""

    transfer: Transfer
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a movement is asked to be, after parsing: `amount` in minor units, more than zero."""

    channel: str
    id: str
    amount: int
    note: str | None
    by: str
    order: str | None = None


# --- the ids that the service derives -----------------------------------------------------------


def opening_id(account_id: str) -> str:
    """Return the id of the transfer that brings an account's opening credit."""
    return f"open:{account_id}"


def order_id(reference: str) -> str:
    """Return the id of the transfer that pays the order with this reference."""
    return f"order:{reference}"


def capture_id(account_id: str, hold_id: str) -> str:
    """Return the id of the transfer that captures a hold."""
    return f"capture:{account_id}:{hold_id}"


def refund_id(sale_id: str, refund: str) -> str:
    """Return the id of one refund of a payment, under the caller's id of the refund."""
    return f"refund:{sale_id}:{refund}"


def reversal_id(transfer_id: str) -> str:
    """Return the id of the one reversal that a transfer may have."""
    return f"reversal:{transfer_id}"


def fund_id(distribution_id: str) -> str:
    """Return the id of the transfer that moves a distribution's whole total into its escrow."""
    return f"fund:{distribution_id}"


def return_id(distribution_id: str) -> str:
    """Return the id of the transfer that brings back what a distribution did not credit."""
    return f"return:{distribution_id}"


def undo_id(distribution_id: str) -> str:
    """Return the id of the transfer that brings back what an undo took from the customers."""
    return f"undo:{distribution_id}"


def expiry_id(account_id: str, erased_ms: int) -> str:
    """Return the id of the transfer that ends an account's credit as its user is erased.

    Who is registered again and erased again has another time, in milliseconds.
    """
    return f"expire:{account_id}:{erased_ms}"


def escrow_of(distribution_id: str) -> str:
    """Return how entries name the escrow of a distribution."""
    return f"{ESCROW}{distribution_id}"


# --- replays ------------------------------------------------------------------------------------


def check_replay(
    stored: Transfer, kind: TransferKind, wanted: Wanted, *, same_parties: bool
) -> None:
    """Raise `IdConflict` unless the stored transfer has the content that is asked for again.

    `same_parties` says whether it moved between the accounts that are named now.
    """
    same = (stored.kind, stored.amount, stored.note) == (kind, wanted.amount, wanted.note)
    if not (same and same_parties):
        raise IdConflict


# --- the kinds ----------------------------------------------------------------------------------


def decide(wanted: Wanted, source: Account, target: Account, now_ms: int) -> Movement:
    """Return the movement from `source` to `target`, or raise the refusal.

    Raises `CurrencyMismatch`, `SameAccount`, `SourceWithoutEntries` or `InsufficientCredit`.
    """
    if source.key.currency != target.key.currency:
        raise CurrencyMismatch
    if source.key == target.key:
        raise SameAccount
    if source.seq == 0:
        raise SourceWithoutEntries
    _require_credit(source, wanted.amount)
    return _move("transfer", wanted, source, target, now_ms)


def open_with_credit(account: Account, amount: int) -> Movement:
    """Return the opening credit of a new account as a transfer from BANK, in minor units."""
    wanted = Wanted(
        account.key.channel, opening_id(account.account_id), amount, note=None, by=account.by
    )
    return _move("opening", wanted, HOUSE_BANK, account, account.created_ms)


def pay_order(
    account: Account, *, reference: str, amount: int, may_overdraw: bool, now_ms: int, by: str
) -> Movement:
    """Return the payment of an order: `amount` (minor units) from the account to SALE.

    Whether the account suffices is decided before, and again by the store's condition.
    """
    wanted = Wanted(account.key.channel, order_id(reference), amount, None, by, reference)
    return _move("order", wanted, account, HOUSE_SALE, now_ms, may_overdraw=may_overdraw)


def pay_held(account: Account, hold: OpenHold, *, reference: str, now_ms: int, by: str) -> Movement:
    """Return the payment of an order by the whole of a hold that its checkout kept.

    It has the id of any order's payment, so that refunds find it, and no order is paid twice.
    """
    wanted = Wanted(account.key.channel, order_id(reference), hold.amount, None, by, reference)
    return _move("order", wanted, account, HOUSE_SALE, now_ms, may_overdraw=True, captured=(hold,))


def capture(account: Account, hold: OpenHold, wanted: Wanted, now_ms: int) -> Movement:
    """Return the capture of an open hold: `wanted.amount` of it to SALE, the rest is freed.

    The hold kept the credit, so whatever else is available plays no part.
    """
    assert 0 < wanted.amount <= hold.amount, "the rule of holds has refused anything else"
    return _move(
        "capture", wanted, account, HOUSE_SALE, now_ms, may_overdraw=True, captured=(hold,)
    )


def refund(account: Account, wanted: Wanted, now_ms: int) -> Movement:
    """Return a refund: `wanted.amount` from REFUND to the account that paid."""
    return _move("refund", wanted, HOUSE_REFUND, account, now_ms)


def adjust(account: Account, wanted: Wanted, *, takes: bool, now_ms: int) -> Movement:
    """Return an adjustment: from BANK to the account, or back where it `takes` credit.

    Raises `InsufficientCredit`.
    """
    if not takes:
        return _move("adjust", wanted, HOUSE_BANK, account, now_ms)
    _require_credit(account, wanted.amount)
    return _move("adjust", wanted, account, HOUSE_BANK, now_ms)


def fund(source: Account, wanted: Wanted, escrow: str, now_ms: int) -> Movement:
    """Return the movement of a distribution's total from its source into its escrow.

    Raises `SourceWithoutEntries` or `InsufficientCredit`.
    """
    if source.seq == 0:
        raise SourceWithoutEntries
    _require_credit(source, wanted.amount)
    return _move("distribution", wanted, source, escrow, now_ms)


def return_escrow(
    source: Account, wanted: Wanted, escrow: str, now_ms: int, *, undone: bool
) -> Movement:
    """Return the movement of a distribution's escrow back to its source.

    It is what was not credited, or what an undo took back.
    """
    return _move("undo" if undone else "distribution", wanted, escrow, source, now_ms)


def check_not_held(account: Account) -> None:
    """Raise `CreditHeld` while an open hold keeps credit of the account."""
    if account.open_holds:
        raise CreditHeld(
            f"The account {account.account_id} has {len(account.open_holds)} open holds, which "
            f"keep {format_amount(account.held, account.key.currency)} "
            f"{account.key.currency}. {CreditHeld.fallback}"
        )


def expire(account: Account, transfer_id: str, *, now_ms: int, by: str) -> Movement | None:
    """Return the movement of everything available to EXPIRED; None where that is nothing.

    What an account owes stays owed. Raises `CreditHeld`.
    """
    check_not_held(account)
    if account.available <= 0:
        return None
    wanted = Wanted(account.key.channel, transfer_id, account.available, None, by)
    return _move("expire", wanted, account, HOUSE_EXPIRED, now_ms)


def check_reversible(original: Transfer) -> None:
    """Raise `NotReversible` for a kind that is undone in another way, or not at all."""
    if original.kind not in REVERSIBLE:
        raise NotReversible(f"This is of kind {original.kind}. {NotReversible.fallback}")


def reverse(
    original: Transfer, source: Account | None, target: Account | None, *, now_ms: int, by: str
) -> Movement:
    """Return the movement of the whole amount back, from the target of the original.

    `source` and `target` are the original's accounts; None stands for BANK. Raises
    `InsufficientCredit` where what was received is no longer available.
    """
    wanted = Wanted(original.channel, reversal_id(original.id), original.amount, None, by)
    if target is not None:
        _require_credit(target, original.amount)
    giver: Account | House = HOUSE_BANK if target is None else target
    taker: Account | House = HOUSE_BANK if source is None else source
    return _move("reversal", wanted, giver, taker, now_ms)


# --- how every movement is made -----------------------------------------------------------------


def _require_credit(source: Account, amount: int) -> None:
    if not covers(source, amount):
        currency = source.key.currency
        raise InsufficientCredit(
            f"{format_amount(source.available, currency)} {currency} is available on the source, "
            "which does not allow debit; send at most that."
        )


def _move(
    kind: TransferKind,
    wanted: Wanted,
    source: Account | House,
    target: Account | House,
    now_ms: int,
    *,
    may_overdraw: bool | None = None,
    captured: tuple[OpenHold, ...] = (),
) -> Movement:
    """Return a movement with one leg for each account; all of it carries one time."""
    sides = [side for side in (source, target) if isinstance(side, Account)]
    at_ms = max([now_ms, *(account.entry_ms for account in sides)])
    legs: dict[bool, Leg] = {}
    for gives, account, other in ((True, source, target), (False, target, source)):
        if not isinstance(account, Account):
            continue
        entry = append_entry(
            account,
            amount=-wanted.amount if gives else wanted.amount,
            at_ms=at_ms,
            kind=kind,
            counterparty=other.account_id if isinstance(other, Account) else other,
            transfer_id=wanted.id,
            order=wanted.order,
            note=wanted.note,
        )
        overdraws = account.debit_allowed if may_overdraw is None else may_overdraw
        legs[gives] = Leg(account, entry, not gives or overdraws, account.lapsed + captured)
    transfer = Transfer(
        channel=wanted.channel,
        id=wanted.id,
        kind=kind,
        source=_party(source, legs.get(True)),
        target=_party(target, legs.get(False)),
        currency=sides[0].key.currency,
        amount=wanted.amount,
        note=wanted.note,
        order=wanted.order,
        at_ms=at_ms,
        by=wanted.by,
    )
    return Movement(transfer, tuple(legs.values()))


def _party(side: Account | House, leg: Leg | None) -> Party:
    if leg is None:
        assert not isinstance(side, Account)
        return Party(side, None, None)
    account = leg.before
    return Party(account.account_id, account.key.user_pk, leg.entry.balance_after)

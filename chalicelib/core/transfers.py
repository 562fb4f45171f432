"""A transfer: one immutable movement of credit, and the rules that decide it.

`decide` turns two accounts as they were read into the legs to write; the store's conditions
make sure that they are written only while the accounts are still as read.
"""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.accounts import (
    HOUSE_BANK,
    HOUSE_SALE,
    Account,
    AccountKey,
    Entry,
    append_entry,
    covers,
)
from chalicelib.core.errors import (
    CurrencyMismatch,
    IdConflict,
    InsufficientCredit,
    SameAccount,
    SourceWithoutEntries,
)
from chalicelib.core.money import format_amount

TransferKind = Literal["opening", "transfer", "order"]


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a transfer: an account, or a house account, which has no key."""

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
    """An account as it was read, and the entry that follows. `may_overdraw` lifts the limit."""

    before: Account
    entry: Entry
    may_overdraw: bool


@dataclass(frozen=True, slots=True)
class Movement:
    """Everything that one transfer writes."""

    transfer: Transfer
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of a transfer asks for, after parsing."""

    channel: str
    id: str
    amount: int
    note: str | None
    by: str


def opening_id(account_id: str) -> str:
    """Return the id of the transfer that brings an account's opening credit."""
    return f"open:{account_id}"


def order_id(reference: str) -> str:
    """Return the id of the transfer that pays the order with this reference."""
    return f"order:{reference}"


def check_replay(stored: Transfer, wanted: Wanted, *, same_parties: bool) -> None:
    """Raise `IdConflict` unless the stored transfer has the content that is asked for again.

    `same_parties` says whether it moved between the accounts that are named now.
    """
    same = (stored.kind, stored.amount, stored.note) == ("transfer", wanted.amount, wanted.note)
    if not (same and same_parties):
        raise IdConflict


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
    if not covers(source, wanted.amount):
        available = format_amount(source.available, source.key.currency)
        raise InsufficientCredit(
            f"{available} {source.key.currency} is available on the source, which does not allow "
            "debit; send at most that."
        )
    at_ms = max(now_ms, source.entry_ms, target.entry_ms)
    sent = append_entry(
        source,
        amount=-wanted.amount,
        at_ms=at_ms,
        kind="transfer",
        counterparty=target.account_id,
        transfer_id=wanted.id,
        note=wanted.note,
    )
    received = append_entry(
        target,
        amount=wanted.amount,
        at_ms=at_ms,
        kind="transfer",
        counterparty=source.account_id,
        transfer_id=wanted.id,
        note=wanted.note,
    )
    transfer = Transfer(
        channel=wanted.channel,
        id=wanted.id,
        kind="transfer",
        source=Party(source.account_id, source.key.user_pk, sent.balance_after),
        target=Party(target.account_id, target.key.user_pk, received.balance_after),
        currency=source.key.currency,
        amount=wanted.amount,
        note=wanted.note,
        order=None,
        at_ms=at_ms,
        by=wanted.by,
    )
    legs = (
        Leg(source, sent, may_overdraw=source.debit_allowed),
        Leg(target, received, may_overdraw=True),
    )
    return Movement(transfer, legs)


def open_with_credit(account: Account, amount: int) -> Movement:
    """Return the opening credit of a new account as a transfer from BANK, in minor units."""
    entry = append_entry(
        account,
        amount=amount,
        at_ms=account.created_ms,
        kind="opening",
        counterparty=HOUSE_BANK,
        transfer_id=opening_id(account.account_id),
    )
    transfer = _house_transfer(
        account.key, entry, Party(HOUSE_BANK, None, None), _party(account, entry), account.by
    )
    return Movement(transfer, (Leg(account, entry, may_overdraw=True),))


def pay_order(
    account: Account, *, reference: str, amount: int, may_overdraw: bool, now_ms: int, by: str
) -> Movement:
    """Return the payment of an order: `amount` (minor units) from the account to SALE.

    Whether the account suffices is decided before, and again by the store's condition.
    """
    entry = append_entry(
        account,
        amount=-amount,
        at_ms=max(now_ms, account.entry_ms),
        kind="order",
        counterparty=HOUSE_SALE,
        transfer_id=order_id(reference),
        order=reference,
    )
    transfer = _house_transfer(
        account.key, entry, _party(account, entry), Party(HOUSE_SALE, None, None), by
    )
    return Movement(transfer, (Leg(account, entry, may_overdraw=may_overdraw),))


def _party(account: Account, entry: Entry) -> Party:
    return Party(account.account_id, account.key.user_pk, entry.balance_after)


def _house_transfer(
    key: AccountKey, entry: Entry, source: Party, target: Party, by: str
) -> Transfer:
    assert entry.kind != "transfer"
    return Transfer(
        channel=key.channel,
        id=entry.transfer_id,
        kind=entry.kind,
        source=source,
        target=target,
        currency=key.currency,
        amount=abs(entry.amount),
        note=None,
        order=entry.order,
        at_ms=entry.at_ms,
        by=by,
    )

"""An account of store credit and the entries that explain its balance.

An entry carries the balance after it, a gapless number and the hash of its predecessor, so that
every balance can be proved from the entries alone.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

HOUSE_BANK: Final = "house:BANK"
HOUSE_SALE: Final = "house:SALE"
HOUSE_REFUND: Final = "house:REFUND"
HOUSE_EXPIRED: Final = "house:EXPIRED"

FIRST_HASH: Final = ""
"""What the first entry of an account names as its predecessor's hash."""

MAX_OPEN_HOLDS: Final = 8
"""How many holds an account may have open: they lie on its row, which must stay small."""

EntryKind = Literal[
    "opening",
    "transfer",
    "order",
    "capture",
    "refund",
    "reversal",
    "adjust",
    "distribution",
    "undo",
    "expire",
]


@dataclass(frozen=True, slots=True)
class AccountKey:
    """One account: a user of a channel, and an ISO 4217 code."""

    channel: str
    user_pk: str
    currency: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What an account was opened with; it never changes, so a replay is answered from it.

    The key is the caller's, or one that the service drew for the request.
    """

    balance: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class OpenHold:
    """What a hold keeps on its account's row, in minor units, until a time in milliseconds.

    Without a time it stays until it is captured or voided.
    """

    id: str
    amount: int
    expires_ms: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """The credit of one user in one currency. Amounts in minor units, times in milliseconds.

    `seq` counts the entries, `entry_ms` and `entry_hash` belong to the last one. `lapsed` are
    holds that count as available again and still lie on the row: its next write takes them out.
    """

    key: AccountKey
    account_id: str
    available: int
    held: int
    seq: int
    entry_ms: int
    entry_hash: str
    debit_allowed: bool
    opening: Opening
    created_ms: int
    by: str
    open_holds: tuple[OpenHold, ...] = ()
    lapsed: tuple[OpenHold, ...] = ()

    @property
    def balance(self) -> int:
        """What the account holds: available and held together."""
        return self.available + self.held


@dataclass(frozen=True, slots=True)
class Entry:
    """One leg of a movement on one account; never changed, never deleted.

    `amount` is signed minor units, `balance_after` is available plus held, `counterparty` is an
    account id or a house account.
    """

    account: AccountKey
    seq: int
    at_ms: int
    amount: int
    balance_after: int
    kind: EntryKind
    counterparty: str
    transfer_id: str
    order: str | None
    note: str | None
    hash: str


def fold_lapsed(account: Account, now_ms: int) -> Account:
    """Return the account as it counts at a time: credit of lapsed holds is available again."""
    lapsed = tuple(
        hold
        for hold in account.open_holds
        if hold.expires_ms is not None and hold.expires_ms <= now_ms
    )
    amount = total(lapsed)
    return replace(
        account,
        available=account.available + amount,
        held=account.held - amount,
        open_holds=tuple(hold for hold in account.open_holds if hold not in lapsed),
        lapsed=account.lapsed + lapsed,
    )


def total(holds: Iterable[OpenHold]) -> int:
    """Return what holds keep together, in minor units."""
    return sum(hold.amount for hold in holds)


def open_hold_of(account: Account, hold_id: str) -> OpenHold | None:
    """Return the hold with this id while it is open on the account."""
    return next((hold for hold in account.open_holds if hold.id == hold_id), None)


def covers(account: Account, amount: int) -> bool:
    """Return whether the account may give `amount` (minor units) without breaking its limit."""
    return account.debit_allowed or account.available >= amount


def append_entry(
    account: Account,
    *,
    amount: int,
    at_ms: int,
    kind: EntryKind,
    counterparty: str,
    transfer_id: str,
    order: str | None = None,
    note: str | None = None,
) -> Entry:
    """Return the entry that follows the account's last one; `amount` is signed minor units."""
    entry = Entry(
        account=account.key,
        seq=account.seq + 1,
        at_ms=at_ms,
        amount=amount,
        balance_after=account.balance + amount,
        kind=kind,
        counterparty=counterparty,
        transfer_id=transfer_id,
        order=order,
        note=note,
        hash="",
    )
    return replace(entry, hash=entry_hash(entry, account.entry_hash))


def after_entry(account: Account, entry: Entry) -> Account:
    """Return the account as it stands once its next entry is written; nothing is freed."""
    return replace(
        account,
        available=account.available + entry.amount,
        seq=entry.seq,
        entry_ms=entry.at_ms,
        entry_hash=entry.hash,
    )


def entry_hash(entry: Entry, previous_hash: str) -> str:
    """Return the SHA-256, in hex, of the entry's content and its predecessor's hash."""
    content = [
        previous_hash,
        entry.account.channel,
        entry.account.user_pk,
        entry.account.currency,
        entry.seq,
        entry.at_ms,
        entry.amount,
        entry.balance_after,
        entry.kind,
        entry.counterparty,
        entry.transfer_id,
        entry.order,
        entry.note,
    ]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def as_opened(account: Account) -> Account:
    """Return the account as it was when it was opened: what the first answer showed."""
    return replace(account, available=account.opening.balance, held=0, open_holds=(), lapsed=())

"""The audit: what makes the books right, and how each departure from it is said.

Pure. An account is followed through its entries, a transfer is laid beside its entries, refunds
beside their payment, and a currency's flows beside what its accounts hold.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from chalicelib.core.accounts import HOUSE_BANK, HOUSE_EXPIRED, HOUSE_REFUND, HOUSE_SALE, Entry
from chalicelib.core.currencies import DIGITS
from chalicelib.core.money import format_amount
from chalicelib.core.names import time_text
from chalicelib.core.transfers import ESCROW, REVERSIBLE, Party, Transfer, reversal_id

SETTLES_MS: Final = 60_000
"""What is younger than this when an audit begins may be in flight between two of its reads."""

MAX_FAULTS_SHOWN: Final = 100
"""How many faults a report names; it counts all of them."""

_HOUSE: Final = "house:"
_REFUND: Final = "refund:"
_REVERSAL: Final = reversal_id("")
_PAYMENTS: Final = frozenset({"order", "capture"})


class FaultKind(enum.StrEnum):
    """What can be wrong with the books. Values are stable: alarms may rest on them."""

    ENTRY_MISSING = "entry_missing"
    ENTRY_REPEATED = "entry_repeated"
    ENTRY_BEYOND = "entry_beyond"
    ENTRY_OUT_OF_TIME = "entry_out_of_time"
    ENTRY_BALANCE = "entry_balance"
    ENTRY_HASH = "entry_hash"
    LAST_HASH = "last_hash"
    LAST_TIME = "last_time"
    BALANCE = "balance"
    HELD = "held"
    TOO_MANY_HOLDS = "too_many_holds"
    OVERDRAWN = "overdrawn"
    DIGITS = "digits"
    ACCOUNT_ID = "account_id"
    OPENING = "opening"
    HOLD_MISSING = "hold_missing"
    HOLD_DIFFERS = "hold_differs"
    LEG_MISSING = "leg_missing"
    LEG_EXTRA = "leg_extra"
    LEG_DIFFERS = "leg_differs"
    TRANSFER_MISSING = "transfer_missing"
    REVERSAL = "reversal"
    REFUNDED_DIFFERS = "refunded_differs"
    REFUND_EXCEEDS = "refund_exceeds"
    REFUND_WITHOUT_ENTRIES = "refund_without_entries"
    REFUND_WITHOUT_PAYMENT = "refund_without_payment"
    CHUNK_DIFFERS = "chunk_differs"
    CREDIT_MISSING = "credit_missing"
    CREDIT_DIFFERS = "credit_differs"
    CREDIT_EXTRA = "credit_extra"
    ESCROW_DIFFERS = "escrow_differs"
    CONTENTS_DIFFER = "contents_differ"
    BETWEEN_ACCOUNTS = "between_accounts"
    CONSERVATION = "conservation"


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Kept):
    """One departure: its kind, what it is about, and a sentence with both values."""

    kind: FaultKind
    where: str
    detail: str


class CurrencyTotals(_Kept):
    """The flows of one currency up to a time: decimal strings, `escrow` of distributions too.

    issued + refunded = outstanding + escrow + spent + expired.
    """

    currency: str
    issued: str
    refunded: str
    outstanding: str
    escrow: str
    spent: str
    expired: str


class Report(_Kept):
    """What an audit found. Times are RFC 3339 in UTC; `totals` are as of `as_of`."""

    channel: str
    started_at: str
    as_of: str
    finished_at: str
    right: bool
    accounts: int
    entries: int
    transfers: int
    holds: int
    refunds: int
    distributions: int = 0
    totals: tuple[CurrencyTotals, ...]
    fault_count: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class OwnedEntry:
    """An entry with the id of its account, by which the other side names it."""

    account_id: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Flows:
    """What moved in one currency up to a time, in minor units, and what was held then.

    `between` is the sum over entries that name an account as counterparty, `escrow` what
    distributions took and neither credited nor gave back.
    """

    issued: int = 0
    refunded: int = 0
    outstanding: int = 0
    spent: int = 0
    expired: int = 0
    escrow: int = 0
    between: int = 0

    def __add__(self, other: "Flows") -> "Flows":
        """Return the flows of both together."""
        return Flows(
            self.issued + other.issued,
            self.refunded + other.refunded,
            self.outstanding + other.outstanding,
            self.spent + other.spent,
            self.expired + other.expired,
            self.escrow + other.escrow,
            self.between + other.between,
        )

    def with_entry(self, entry: Entry) -> "Flows":
        """Return the flows with one more entry of the same account."""
        house, amount = entry.counterparty, entry.amount
        return Flows(
            issued=self.issued + amount * (house == HOUSE_BANK),
            refunded=self.refunded + amount * (house == HOUSE_REFUND),
            outstanding=entry.balance_after,
            spent=self.spent - amount * (house == HOUSE_SALE),
            expired=self.expired - amount * (house == HOUSE_EXPIRED),
            escrow=self.escrow - amount * house.startswith(ESCROW),
            between=self.between + amount * (not house.startswith((_HOUSE, ESCROW))),
        )


# --- transfers and their entries ----------------------------------------------------------------


def is_settled(transfer: Transfer, entries: Sequence[OwnedEntry], as_of_ms: int) -> bool:
    """Return whether a transfer is old enough to be laid beside its entries."""
    times = [transfer.at_ms, *(owned.entry.at_ms for owned in entries)]
    return min(times) <= as_of_ms


def check_transfer(transfer: Transfer, entries: Sequence[OwnedEntry]) -> list[Fault]:
    """Return what is wrong between a transfer and the entries that name it."""
    where = f"transfer {transfer.id}"
    sides = [(party, other, sign) for party, other, sign in _sides(transfer) if not _house(party)]
    if not sides:
        detail = (
            f"It moves credit from {transfer.source.account_id} to {transfer.target.account_id}; "
            "one side at least must be an account."
        )
        return [Fault(kind=FaultKind.LEG_MISSING, where=where, detail=detail)]
    left = list(entries)
    faults = []
    for party, other, sign in sides:
        own = next((owned for owned in left if _belongs(owned, party)), None)
        if own is None:
            amount = money(sign * transfer.amount, transfer.currency)
            detail = f"The account {party.account_id} must have an entry of {amount}; it has none."
            faults.append(Fault(kind=FaultKind.LEG_MISSING, where=where, detail=detail))
            continue
        left.remove(own)
        differences = list(_differences(transfer, party, other, sign, own))
        if differences:
            detail = f"{_named(own)} differs: {'; '.join(differences)}."
            faults.append(Fault(kind=FaultKind.LEG_DIFFERS, where=where, detail=detail))
    for extra in left:
        detail = f"{_named(extra)} names this transfer, which has no such side."
        faults.append(Fault(kind=FaultKind.LEG_EXTRA, where=where, detail=detail))
    return faults


def transfer_missing(owned: OwnedEntry) -> Fault:
    """Return the fault of an entry whose transfer does not exist."""
    transfer_id = owned.entry.transfer_id
    return Fault(
        kind=FaultKind.TRANSFER_MISSING,
        where=f"transfer {transfer_id}",
        detail=f"{_named(owned)} names the transfer {transfer_id}, which does not exist.",
    )


def undone_by(transfer: Transfer) -> str | None:
    """Return the id of the transfer that a reversal undoes, or None for any other kind."""
    if transfer.kind == "reversal" or transfer.id.startswith(_REVERSAL):
        return transfer.id.removeprefix(_REVERSAL)
    return None


def check_reversal(reversal: Transfer, original: Transfer | None) -> list[Fault]:
    """Return what is wrong between a reversal and the transfer that it undoes."""
    where = f"transfer {reversal.id}"
    if original is None or reversal_id(original.id) != reversal.id:
        detail = f"It undoes {undone_by(reversal)}, which does not exist."
        return [Fault(kind=FaultKind.REVERSAL, where=where, detail=detail)]
    kinds = " or ".join(sorted(REVERSIBLE))
    expected = (original.currency, original.amount, _ids(original)[::-1])
    found = (reversal.currency, reversal.amount, _ids(reversal))
    if reversal.kind == "reversal" and original.kind in REVERSIBLE and expected == found:
        return []
    detail = (
        f"It is of kind {reversal.kind} and moves {_movement(reversal)}; it must be a reversal "
        f"that undoes a {kinds}, but {original.id} is of kind {original.kind} and moved "
        f"{_movement(original)}."
    )
    return [Fault(kind=FaultKind.REVERSAL, where=where, detail=detail)]


# --- refunds ------------------------------------------------------------------------------------


def sale_of(entry: Entry) -> str | None:
    """Return the id of the payment that an entry refunds a part of, or None."""
    if not entry.transfer_id.startswith(_REFUND):
        return None
    return entry.transfer_id.removeprefix(_REFUND).rpartition(":")[0]


def check_refunds(
    sale_id: str, payment: Transfer | None, *, refunded: int | None, by_entries: Sequence[int]
) -> list[Fault]:
    """Return what is wrong between a payment, what counts as refunded of it, and the entries.

    `refunded` is what its row says (None where there is none), in minor units as `by_entries`.
    """
    where = f"payment {sale_id}"
    if payment is None or payment.kind not in _PAYMENTS:
        detail = "Something is refunded of it, but no such payment exists."
        return [Fault(kind=FaultKind.REFUND_WITHOUT_PAYMENT, where=where, detail=detail)]
    faults = []
    row, entries = money(refunded or 0, payment.currency), money(sum(by_entries), payment.currency)
    if not by_entries:
        detail = f"{row} counts as refunded, but no entry is a refund of it."
        faults.append(Fault(kind=FaultKind.REFUND_WITHOUT_ENTRIES, where=where, detail=detail))
    elif (refunded or 0) != sum(by_entries):
        detail = f"{row} counts as refunded, but its refunds' entries add up to {entries}."
        faults.append(Fault(kind=FaultKind.REFUNDED_DIFFERS, where=where, detail=detail))
    if max(refunded or 0, sum(by_entries)) > payment.amount:
        paid = money(payment.amount, payment.currency)
        most = money(max(refunded or 0, sum(by_entries)), payment.currency)
        detail = f"Credit paid {paid}, but {most} is refunded."
        faults.append(Fault(kind=FaultKind.REFUND_EXCEEDS, where=where, detail=detail))
    return faults


# --- currencies and the report ------------------------------------------------------------------


def check_currency(currency: str, flows: Flows) -> list[Fault]:
    """Return what is wrong with a currency as a whole: each minor unit must come from somewhere."""
    where = f"currency {currency}"
    faults = []
    if flows.between:
        detail = (
            "What accounts gave one another must add up to nothing; it adds up to "
            f"{money(flows.between, currency)}."
        )
        faults.append(Fault(kind=FaultKind.BETWEEN_ACCOUNTS, where=where, detail=detail))
    came, went = flows.issued + flows.refunded, flows.escrow + flows.spent + flows.expired
    if came != flows.outstanding + went:
        detail = (
            f"{money(came, currency)} was issued and refunded; outstanding, escrow, spent and "
            f"expired together are {money(flows.outstanding + went, currency)}."
        )
        faults.append(Fault(kind=FaultKind.CONSERVATION, where=where, detail=detail))
    return faults


def totals_of(flows: Mapping[str, Flows]) -> tuple[CurrencyTotals, ...]:
    """Return the flows of each currency as a report shows them, by code."""
    return tuple(
        CurrencyTotals(
            currency=currency,
            issued=amount_text(found.issued, currency),
            refunded=amount_text(found.refunded, currency),
            outstanding=amount_text(found.outstanding, currency),
            escrow=amount_text(found.escrow, currency),
            spent=amount_text(found.spent, currency),
            expired=amount_text(found.expired, currency),
        )
        for currency, found in sorted(flows.items())
    )


def amount_text(minor: int, currency: str) -> str:
    """Return an amount as a decimal string, in minor units for a code that is not active."""
    return format_amount(minor, currency) if currency in DIGITS else str(minor)


def money(minor: int, currency: str) -> str:
    """Return an amount with its currency, also for a code that is not active."""
    return f"{amount_text(minor, currency)} {currency}"


# --- how a transfer is compared -----------------------------------------------------------------


def _sides(transfer: Transfer) -> tuple[tuple[Party, Party, int], ...]:
    source, target = transfer.source, transfer.target
    return (source, target, -1), (target, source, 1)


def _house(party: Party) -> bool:
    return party.account_id.startswith((_HOUSE, ESCROW))


def _belongs(owned: OwnedEntry, party: Party) -> bool:
    return owned.account_id == party.account_id or owned.entry.account.user_pk == party.user_pk


def _differences(
    transfer: Transfer, party: Party, other: Party, sign: int, own: OwnedEntry
) -> Iterator[str]:
    """Yield each thing that an entry and its transfer say differently."""
    entry, code = own.entry, transfer.currency
    after = party.balance_after
    pairs = {
        "account": (party.account_id, own.account_id),
        "user": (party.user_pk, entry.account.user_pk),
        "currency": (code, entry.account.currency),
        "amount": (money(sign * transfer.amount, code), money(entry.amount, code)),
        "kind": (transfer.kind, entry.kind),
        "time": (time_text(transfer.at_ms), time_text(entry.at_ms)),
        "counterparty": (other.account_id, entry.counterparty),
        "order": (transfer.order, entry.order),
        "note": (transfer.note, entry.note),
        "balance after": (
            None if after is None else money(after, code),
            money(entry.balance_after, code),
        ),
    }
    for word, (expected, found) in pairs.items():
        if expected != found:
            yield f"its {word} is {_said(found)}, and by the transfer {_said(expected)}"


def _said(value: str | None) -> str:
    return "none" if value is None else value


def _ids(transfer: Transfer) -> tuple[str, str]:
    return transfer.source.account_id, transfer.target.account_id


def _movement(transfer: Transfer) -> str:
    source, target = _ids(transfer)
    return f"{money(transfer.amount, transfer.currency)} from {source} to {target}"


def _named(owned: OwnedEntry) -> str:
    return f"Entry {owned.entry.seq} of account {owned.account_id}"

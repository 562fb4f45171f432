"""A reconciliation: what credit paid by the shop's orders, beside what was captured in a period.

The job walks the accounts of a channel in steps, each of which ends with a higher `rev`, and then
compares. Entries of a period that is over never change, so its differences are always the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.core.accounts import Entry
from chalicelib.core.audit import sale_of
from chalicelib.core.reconciliation_orders import Order

State = Literal["running", "comparing", "closed", "failed"]
Kind = Literal["captured_without_order", "order_without_capture", "amount_differs"]

PAGES_A_STEP: Final = 200
"""How many pages one step may read: it must be over within a message's time."""

ACCOUNTS_A_PAGE: Final = 100
"""As many rows as one request reads."""

ENTRIES_A_PAGE: Final = 500

MOVEMENTS_A_STEP: Final = 5000
"""What one step may find, about: it is written in one transaction, which ends at 4 MB."""

MAX_MOVEMENTS: Final = 100_000
"""Captures and refunds of a period that are still compared: all at once, in memory.

Even with the longest of names, the differences then fit the 100 rows that are read together.
"""

CAPTURES_SHOWN: Final = 20
"""How many captures of one order a difference lists; it counts them all."""

STALLED_MS: Final = 60_000
"""A message about a step that is over counts for lost after this: then the next one is sent."""

_CAPTURES: Final = frozenset({"order", "capture"})
_KINDS: Final[Mapping[Kind, int]] = {
    "captured_without_order": 0,
    "order_without_capture": 1,
    "amount_differs": 2,
}
"""In which order differences are listed."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A movement that paid with credit, in minor units; `order` is the shop's id, if it had one."""

    order: str | None
    currency: str
    amount: int
    transfer_id: str
    user_pk: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Refund:
    """What was given back of a sale, in minor units; `sale_id` is the transfer that paid."""

    order: str | None
    currency: str
    amount: int
    sale_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account stands in the index of its channel."""

    currency: str
    account_id: str
    user_pk: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far the walk is: all accounts up to a place, that one included.

    With `at_seq` that account is not done: its entries up to this key were looked at.
    """

    place: Place
    at_seq: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a step found, with where the next goes on: None once every account was looked at."""

    accounts: int
    captures: Sequence[Capture]
    refunds: Sequence[Refund]
    position: Position | None


@dataclass(frozen=True, slots=True)
class Difference:
    """An order and its captures that do not agree; amounts in minor units.

    `paid` is None where the list does not have the order, `order` where the capture named none.
    """

    kind: Kind
    order: str | None
    currency: str
    paid: int | None
    captured: int
    refunded: int
    capture_count: int
    captures: tuple[Capture, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The two sides in one currency, in minor units. `agreed` counts orders without difference."""

    currency: str
    orders: int = 0
    paid: int = 0
    captures: int = 0
    captured: int = 0
    refunded: int = 0
    agreed: int = 0
    captured_without_order: int = 0
    order_without_capture: int = 0
    amount_differs: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A reconciliation as it is stored; the period is from `since_ms` up to before `until_ms`."""

    channel: str
    id: str
    since_ms: int
    until_ms: int
    currency: str | None
    content_hash: str
    list_id: str
    lists: int
    orders: int
    created_ms: int
    by: str
    updated_ms: int
    state: State = "running"
    position: Position | None = None
    accounts: int = 0
    captures: int = 0
    refunds: int = 0
    result_id: str | None = None
    results: int = 0
    differences: int = 0
    totals: tuple[Totals, ...] = ()
    ended_ms: int | None = None
    rev: int = 1

    @property
    def in_progress(self) -> bool:
        """Whether there is still something to do."""
        return self.state in {"running", "comparing"}


# --- steps --------------------------------------------------------------------------------------


def look_on(job: Reconciliation, found: Found, now_ms: int) -> Reconciliation:
    """Return the job after a step of its walk; it fails where there is too much to compare."""
    assert job.state == "running", "only a walk goes on"
    after = replace(
        job,
        state="running" if found.position is not None else "comparing",
        position=found.position,
        accounts=job.accounts + found.accounts,
        captures=job.captures + len(found.captures),
        refunds=job.refunds + len(found.refunds),
        updated_ms=now_ms,
        rev=job.rev + 1,
    )
    if after.captures + after.refunds > MAX_MOVEMENTS:
        return replace(after, state="failed", ended_ms=now_ms)
    return after


def close(
    job: Reconciliation,
    differences: Sequence[Difference],
    totals: Sequence[Totals],
    *,
    result_id: str,
    results: int,
    now_ms: int,
) -> Reconciliation:
    """Return the job once it was compared; `results` pieces under `result_id` list differences."""
    assert job.state == "comparing", "the walk is over"
    return replace(
        job,
        state="closed",
        position=None,
        result_id=result_id,
        results=results,
        differences=len(differences),
        totals=tuple(totals),
        updated_ms=now_ms,
        ended_ms=now_ms,
        rev=job.rev + 1,
    )


def is_lost(job: Reconciliation, rev: int, now_ms: int) -> bool:
    """Return whether a late message about step `rev` shows that the one after it was never sent.

    Whoever comes twice at once finds that the job has just moved, and leaves it alone.
    """
    return job.in_progress and rev < job.rev and now_ms - job.updated_ms > STALLED_MS


# --- what entries say ---------------------------------------------------------------------------


def captures_in(entries: Iterable[Entry]) -> list[Capture]:
    """Return the payments with credit among entries: of orders, and captures of holds."""
    return [
        Capture(
            order=entry.order,
            currency=entry.account.currency,
            amount=-entry.amount,
            transfer_id=entry.transfer_id,
            user_pk=entry.account.user_pk,
            at_ms=entry.at_ms,
        )
        for entry in entries
        if entry.kind in _CAPTURES
    ]


def refunds_in(entries: Iterable[Entry]) -> list[Refund]:
    """Return what was given back of payments among entries."""
    return [
        Refund(entry.order, entry.account.currency, entry.amount, sale_of(entry) or "")
        for entry in entries
        if entry.kind == "refund"
    ]


# --- comparing ----------------------------------------------------------------------------------

_Key = tuple[str, str, bool]
"""Currency and order; or, with True, currency and the one transfer that named no order."""


def compare(
    orders: Iterable[Order], captures: Iterable[Capture], refunds: Iterable[Refund]
) -> tuple[list[Difference], list[Totals]]:
    """Return what does not agree, in a fixed order, and the totals of each currency.

    Compared is what was captured before refunds: orders say what credit paid.
    """
    paid: dict[_Key, int] = {(o.currency, o.order, False): o.paid for o in orders}
    captured: defaultdict[_Key, list[Capture]] = defaultdict(list)
    for capture in captures:
        captured[_key(capture.currency, capture.order, capture.transfer_id)].append(capture)
    refunded: defaultdict[_Key, int] = defaultdict(int)
    for refund in refunds:
        refunded[_key(refund.currency, refund.order, refund.sale_id)] += refund.amount
    found = [
        difference
        for key in paid.keys() | captured.keys()
        if (difference := _compare(key, paid.get(key), captured.get(key, []), refunded.get(key, 0)))
    ]
    return sorted(found, key=_rank), _totals(paid, captured, refunded, found)


def _key(currency: str, order: str | None, transfer_id: str) -> _Key:
    return (currency, transfer_id, True) if order is None else (currency, order, False)


def _compare(
    key: _Key, paid: int | None, captures: Sequence[Capture], refunded: int
) -> Difference | None:
    currency, name, nameless = key
    captured = sum(capture.amount for capture in captures)
    if paid == captured:
        return None
    kind: Kind = "amount_differs"
    if paid is None:
        kind = "captured_without_order"
    elif not captures:
        kind = "order_without_capture"
    return Difference(
        kind=kind,
        order=None if nameless else name,
        currency=currency,
        paid=paid,
        captured=captured,
        refunded=refunded,
        capture_count=len(captures),
        captures=tuple(sorted(captures, key=_when)[:CAPTURES_SHOWN]),
    )


def _when(capture: Capture) -> tuple[int, str]:
    return capture.at_ms, capture.transfer_id


def _rank(difference: Difference) -> tuple[int, str, str, str]:
    first = difference.captures[0].transfer_id if difference.captures else ""
    return _KINDS[difference.kind], difference.currency, difference.order or "", first


def _totals(
    paid: Mapping[_Key, int],
    captured: Mapping[_Key, Sequence[Capture]],
    refunded: Mapping[_Key, int],
    differences: Iterable[Difference],
) -> list[Totals]:
    """Return the totals of every currency that either side has, by its code."""
    counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (currency, *_), amount in paid.items():
        counts[currency]["orders"] += 1
        counts[currency]["agreed"] += 1
        counts[currency]["paid"] += amount
    for (currency, *_), captures in captured.items():
        counts[currency]["captures"] += len(captures)
        counts[currency]["captured"] += sum(capture.amount for capture in captures)
    for (currency, *_), amount in refunded.items():
        counts[currency]["refunded"] += amount
    for difference in differences:
        counts[difference.currency][difference.kind] += 1
        counts[difference.currency]["agreed"] -= difference.paid is not None
    return [Totals(currency, **counts[currency]) for currency in sorted(counts)]

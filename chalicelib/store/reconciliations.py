"""Reconciliations: the job, its orders, what each step found, and the differences.

They lie under one hash key. The job is put whole, on condition that its `rev` is as it was read.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple
from typing import Any, Final, cast

from chalicelib.core.accounts import AccountKey
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import (
    Capture,
    Difference,
    Found,
    Place,
    Position,
    Reconciliation,
    Refund,
    State,
    Totals,
)
from chalicelib.store.accounts import list_places
from chalicelib.store.actions import Action, Item, Key, Rows, put, put_once, written
from chalicelib.store.jobs import list_newest, packed, put_piece, unpacked
from chalicelib.store.requests import query
from chalicelib.store.tables import ReconciliationPieceRow, ReconciliationRow

_JOB: Final = "job"
_FOUND: Final = "found:"
_PIECES_A_PAGE: Final = 1000


def job_key(channel: str, reconciliation_id: str) -> Key[ReconciliationRow]:
    """Return the key of a reconciliation's job."""
    return Key(ReconciliationRow, f"{channel}#{reconciliation_id}", _JOB)


def list_keys(job: Reconciliation) -> list[Key[ReconciliationPieceRow]]:
    """Return the keys of the orders that a job compares."""
    return _piece_keys(job, f"list:{job.list_id}", job.lists)


def result_keys(job: Reconciliation) -> list[Key[ReconciliationPieceRow]]:
    """Return the keys of the differences of a job that is closed; none before."""
    return _piece_keys(job, f"result:{job.result_id}", job.results)


def job_in(rows: Rows, channel: str, reconciliation_id: str) -> Reconciliation | None:
    """Return the job out of rows that hold its key."""
    row = rows.get(job_key(channel, reconciliation_id))
    return None if row is None else _job(row)


def known_job(job: Reconciliation) -> Rows:
    """Return a job that was just read as rows that are known."""
    return written([put_job(job, job)])


def put_job(job: Reconciliation, before: Reconciliation | None) -> Action:
    """Return the put of a job, where it is as it was before; None for a new one."""
    place = None if job.position is None else job.position.place
    row = ReconciliationRow(
        id=f"{job.channel}#{job.id}",
        part=_JOB,
        channel=job.channel,
        since_ms=job.since_ms,
        until_ms=job.until_ms,
        currency=job.currency,
        content_hash=job.content_hash,
        list_id=job.list_id,
        lists=job.lists,
        orders=job.orders,
        state=job.state,
        place=None if place is None else "#".join(astuple(place)),
        at_seq=None if job.position is None else job.position.at_seq,
        accounts=job.accounts,
        captures=job.captures,
        refunds=job.refunds,
        result_id=job.result_id,
        results=job.results,
        differences=job.differences,
        totals=json.dumps([asdict(totals) for totals in job.totals], separators=(",", ":")),
        created_ms=job.created_ms,
        by=job.by,
        updated_ms=job.updated_ms,
        ended_ms=job.ended_ms,
        rev=job.rev,
    )
    return put_once(row) if before is None else put(row, ReconciliationRow.rev == before.rev)


def list_jobs(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[Reconciliation], Item | None]:
    """Return a page of a channel's jobs, newest first, and the key to go on from."""
    names, rows, last = list_newest(
        ReconciliationRow,
        channel,
        lambda name: job_key(channel, name),
        limit=limit,
        start=start,
        deadline=deadline,
    )
    found = [job_in(rows, channel, name) for name in names]
    return [job for job in found if job is not None], last


def list_accounts(
    job: Reconciliation, after: Place | None, *, limit: int, deadline: float
) -> tuple[list[Place], Place | None]:
    """Return the places of the next accounts to look at, and the one to go on after."""
    items, last = list_places(
        job.channel,
        prefix="" if job.currency is None else f"{job.currency}#",
        limit=limit,
        start=None if after is None else _start_after(job.channel, after),
        deadline=deadline,
    )
    places = [_place(job.channel, item) for item in items]
    return places, None if last is None else _place(job.channel, last)


def key_at(channel: str, place: Place) -> AccountKey:
    """Return the key of the account at a place."""
    return AccountKey(channel, place.user_pk, place.currency)


# --- pieces -------------------------------------------------------------------------------------


def put_found(job: Reconciliation, found: Found) -> list[Action]:
    """Return the puts of what the step at the job's `rev` has found; none if that is nothing."""
    if not found.captures and not found.refunds:
        return []
    content = {
        "captures": [astuple(capture) for capture in found.captures],
        "refunds": [astuple(refund) for refund in found.refunds],
    }
    pieces = packed(content)
    keys = _piece_keys(job, f"{_FOUND}{job.rev:06d}", len(pieces))
    return [put_piece(key, piece) for key, piece in zip(keys, pieces, strict=True)]


def read_found(job: Reconciliation, *, deadline: float) -> tuple[list[Capture], list[Refund]]:
    """Return what all steps of a job have found, strongly read."""
    steps: dict[str, list[bytes]] = {}
    start: Item | None = None
    while True:
        items, start = query(
            ReconciliationPieceRow,
            (ReconciliationPieceRow.id == f"{job.channel}#{job.id}")
            & ReconciliationPieceRow.part.startswith(_FOUND),
            limit=_PIECES_A_PAGE,
            consistent=True,
            start=start,
            deadline=deadline,
        )
        for item in items:
            row = ReconciliationPieceRow.from_raw_data(item)
            steps.setdefault(row.part.rpartition(":")[0], []).append(row.content)
        if start is None:
            break
    found = [unpacked(pieces) for pieces in steps.values()]
    captures = [Capture(*each) for content in found for each in content["captures"]]
    return captures, [Refund(*each) for content in found for each in content["refunds"]]


def packed_orders(orders: Iterable[Order]) -> list[bytes]:
    """Return orders as the pieces of a list keep them."""
    return packed([astuple(order) for order in orders])


def orders_of(pieces: Sequence[bytes]) -> list[Order]:
    """Return the orders that all pieces of a list keep."""
    return [Order(*each) for each in unpacked(pieces)]


def packed_differences(differences: Iterable[Difference]) -> list[bytes]:
    """Return differences as pieces keep them."""
    return packed([astuple(difference) for difference in differences])


def differences_of(pieces: Sequence[bytes]) -> list[Difference]:
    """Return the differences that all pieces keep, in their order."""
    return [_difference(each) for each in unpacked(pieces)] if pieces else []


def _difference(each: Sequence[Any]) -> Difference:
    kind, order, currency, paid, captured, refunded, count, captures = each
    listed = tuple(Capture(*capture) for capture in captures)
    return Difference(kind, order, currency, paid, captured, refunded, count, listed)


def _piece_keys(job: Reconciliation, name: str, count: int) -> list[Key[ReconciliationPieceRow]]:
    hash_value = f"{job.channel}#{job.id}"
    return [Key(ReconciliationPieceRow, hash_value, f"{name}:{n:03d}") for n in range(count)]


# --- rows ---------------------------------------------------------------------------------------


def _start_after(channel: str, place: Place) -> Item:
    return {
        "channel": {"S": channel},
        "currency_account_id": {"S": f"{place.currency}#{place.account_id}"},
        "user": {"S": f"{channel}#{place.user_pk}"},
        "currency": {"S": place.currency},
    }


def _place(channel: str, item: Item) -> Place:
    currency, _, account_id = item["currency_account_id"]["S"].partition("#")
    return Place(currency, account_id, item["user"]["S"].removeprefix(f"{channel}#"))


def _job(row: ReconciliationRow) -> Reconciliation:
    position = None
    if row.place is not None:
        position = Position(Place(*row.place.split("#")), row.at_seq)
    return Reconciliation(
        channel=row.channel,
        id=row.id.removeprefix(f"{row.channel}#"),
        since_ms=row.since_ms,
        until_ms=row.until_ms,
        currency=row.currency,
        content_hash=row.content_hash,
        list_id=row.list_id,
        lists=row.lists,
        orders=row.orders,
        created_ms=row.created_ms,
        by=row.by,
        updated_ms=row.updated_ms,
        state=cast("State", row.state),
        position=position,
        accounts=row.accounts,
        captures=row.captures,
        refunds=row.refunds,
        result_id=row.result_id,
        results=row.results,
        differences=row.differences,
        totals=tuple(Totals(**each) for each in json.loads(row.totals)),
        ended_ms=row.ended_ms,
        rev=row.rev,
    )

"""What staff do with a reconciliation: start it, and read how it stands and what it found."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from chalicelib.auth import Call
from chalicelib.core.errors import (
    AtTooRecent,
    FieldError,
    IdConflict,
    InvalidRequest,
    UnknownReconciliation,
)
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import Difference, Kind, Reconciliation
from chalicelib.ledger.accounts import AT_SETTLES_MS
from chalicelib.ledger.required import require_channel
from chalicelib.reconciliation.messages import send_step
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.jobs import keep_pieces, name_of, pieces_in
from chalicelib.store.reconciliations import (
    differences_of,
    job_in,
    job_key,
    list_jobs,
    list_keys,
    packed_orders,
    put_job,
    result_keys,
)
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle
from chalicelib.store.settings import channel_key


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be compared: a period in milliseconds, and the orders that the shop has in it.

    With a `currency` nothing else is looked at, and the orders are all in it.
    """

    since_ms: int
    until_ms: int
    currency: str | None
    orders: Sequence[Order]


def start(
    call: Call, channel: str, reconciliation_id: str, comparison: Comparison
) -> Settled[Reconciliation]:
    """Keep the orders and send the first step, once for ever under this id.

    The same content again sends the step that is due, which moves on what was interrupted.
    Raises `InvalidRequest`, `AtTooRecent`, `UnknownChannel` or `IdConflict`.
    """
    _check_period(call, comparison)
    keys: list[AnyKey] = [channel_key(channel), job_key(channel, reconciliation_id)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    content_hash = _content_hash(comparison)
    found = job_in(rows, channel, reconciliation_id)
    if found is None:
        settled = _make(call, channel, reconciliation_id, comparison, content_hash)
    else:
        settled = Settled(found, written=False)
    job = settled.answer
    if job.content_hash != content_hash:
        raise IdConflict
    if job.in_progress:
        send_step(job)
    return settled


def _make(
    call: Call, channel: str, reconciliation_id: str, comparison: Comparison, content_hash: str
) -> Settled[Reconciliation]:
    """Keep the orders and then the job; return the job that lies there by then."""
    pieces = packed_orders(comparison.orders)
    now_ms = to_ms(call.now)
    new = Reconciliation(
        channel=channel,
        id=reconciliation_id,
        since_ms=comparison.since_ms,
        until_ms=comparison.until_ms,
        currency=comparison.currency,
        content_hash=content_hash,
        list_id=name_of(pieces),
        lists=len(pieces),
        orders=len(comparison.orders),
        created_ms=now_ms,
        by=call.by,
        updated_ms=now_ms,
    )
    keep_pieces(list_keys(new), pieces, deadline=call.deadline)

    def decide(rows: Rows) -> Commit[Reconciliation] | Replay[Reconciliation]:
        stored = job_in(rows, channel, reconciliation_id)
        return Commit([put_job(new, None)], new) if stored is None else Replay(stored)

    key = job_key(channel, reconciliation_id)
    # It was not there a moment ago: the put's condition shows it where that has changed.
    return settle(decide, [key], deadline=call.deadline, known=Rows({key.identity: None}))


def _check_period(call: Call, comparison: Comparison) -> None:
    """Raise unless the period is in order and over: by then none of its entries can still come."""
    since_ms, until_ms = comparison.since_ms, comparison.until_ms
    if not 0 <= since_ms < until_ms:
        detail = "A period ends after it begins, and begins in 1970 or later."
        raise InvalidRequest(detail, errors=[FieldError("since", "not_before_until", detail)])
    if until_ms > to_ms(call.now) - AT_SETTLES_MS:
        raise AtTooRecent(
            "The period must have ended at least one minute ago; choose an earlier `until`."
        )


def _content_hash(comparison: Comparison) -> str:
    """Return what makes two requests the same; in which order orders are listed plays no part."""
    content = [
        comparison.since_ms,
        comparison.until_ms,
        comparison.currency,
        sorted(astuple(order) for order in comparison.orders),
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


# --- reading ------------------------------------------------------------------------------------


def read_reconciliation(call: Call, channel: str, reconciliation_id: str) -> Reconciliation:
    """Return a reconciliation as it stands. Raises `UnknownChannel`, `UnknownReconciliation`."""
    keys: list[AnyKey] = [channel_key(channel), job_key(channel, reconciliation_id)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    job = job_in(rows, channel, reconciliation_id)
    if job is None:
        raise UnknownReconciliation
    return job


def list_reconciliations(
    call: Call, channel: str, *, limit: int, start: Item | None
) -> tuple[list[Reconciliation], Item | None]:
    """Return a page of reconciliations, newest first. Raises `UnknownChannel`."""
    jobs, last = list_jobs(channel, limit=limit, start=start, deadline=call.deadline)
    if not jobs and start is None:
        rows = batch_get([channel_key(channel)], deadline=call.deadline, consistent=True)
        require_channel(rows, channel)
    return jobs, last


def list_differences(
    call: Call,
    channel: str,
    reconciliation_id: str,
    kind: Kind | None,
    *,
    limit: int,
    after: int,
) -> tuple[list[Difference], int | None]:
    """Return a page of differences after the first `after`, and how many are then behind.

    There are none before the reconciliation is closed. None comes second with the last page.
    Raises `UnknownChannel` or `UnknownReconciliation`.
    """
    job = read_reconciliation(call, channel, reconciliation_id)
    keys = result_keys(job)
    pieces = pieces_in(batch_get(keys, deadline=call.deadline, consistent=True), keys)
    assert pieces is not None, "pieces are kept before the job names them, and never deleted"
    found = [each for each in differences_of(pieces) if kind in {None, each.kind}]
    behind = after + limit
    return found[after:behind], behind if len(found) > behind else None

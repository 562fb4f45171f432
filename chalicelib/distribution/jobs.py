"""What staff do with a distribution: run, cancel and undo it, and read what became of each row.

Each step may be repeated: it goes on where it was interrupted, and sends what is left to the
queue again. A chunk that is done is not done again, whoever sends it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chalicelib.auth import Call
from chalicelib.core import distributions as rules
from chalicelib.core import transfers
from chalicelib.core.distribution_rows import BadRow
from chalicelib.core.distributions import Chunk, Distribution, Share
from chalicelib.core.errors import PreviewChanged, UnknownDistribution
from chalicelib.core.money import format_amount
from chalicelib.core.names import to_ms
from chalicelib.core.transfers import Wanted
from chalicelib.distribution.messages import send_chunks, send_close
from chalicelib.distribution.preview import read_lists
from chalicelib.ledger.required import require_account, require_channel
from chalicelib.store.accounts import account_key
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.distributions import (
    Lists,
    job_in,
    job_key,
    known_job,
    list_jobs,
    lists_in,
    possible_list_keys,
    put_chunk,
    put_job,
    read_whole,
    shares_of,
)
from chalicelib.store.requests import Commit, Replay, batch_get, settle
from chalicelib.store.settings import channel_key
from chalicelib.store.transfers import post, transfer_in, transfer_key

Outcome = Literal["refused", "ready", "waiting", "credited", "failed", "cancelled", "undone"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A distribution with how far it is: rows, and amounts in minor units."""

    job: Distribution
    chunks_done: int
    credited_rows: int
    credited: int
    waiting_rows: int
    failed_rows: int
    cancelled_rows: int
    undone_rows: int
    returned: int
    escrow: int


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one row; `amount` is text as it was given, or in the currency's digits."""

    line: int
    recipient: str
    user_pk: str | None
    amount: str
    note: str | None
    outcome: Outcome
    returned: int | None = None
    code: str | None = None
    detail: str | None = None


# --- steps --------------------------------------------------------------------------------------


def run(
    call: Call, channel: str, distribution_id: str, *, preview_id: str, skip_bad_rows: bool
) -> Standing:
    """Move the whole total into escrow, divide it among the chunks, and send them to be credited.

    Repeatable, and a run that was interrupted goes on. Raises `UnknownDistribution`,
    `PreviewChanged`, `BadRows`, `DistributionState`, `SourceWithoutEntries` or
    `InsufficientCredit`.
    """
    list_keys = possible_list_keys(channel, distribution_id, preview_id)
    seen, rows = _read_job(call, channel, distribution_id, list_keys)
    if seen.state == "closed" and not seen.cancelled and seen.preview_id == preview_id:
        return read_distribution(call, channel, distribution_id)
    rules.check_run(seen, preview_id, skip_bad_rows=skip_bad_rows)
    lists = lists_in(rows, seen)
    if lists is None:
        raise PreviewChanged("Its list was made anew at the same time; preview it once more.")
    was_running = seen.state == "running"
    packs = _packs(lists)
    job = _fund(call, seen, preview_id, skip_bad_rows=skip_bad_rows)
    job = _make_chunks(call, job, packs)
    chunks: Sequence[Chunk] | None = None
    if was_running:
        job, chunks = _read_whole(call, channel, distribution_id)
        packs = {c.number: packs[c.number] for c in chunks if c.state == "waiting"}
    if job.state == "running":
        send_chunks(job, "credit", packs)
    if chunks is None:
        chunks = [rules.new_chunk(job, number, each) for number, each in packs.items()]
    return _standing(job, chunks)


def cancel(call: Call, channel: str, distribution_id: str) -> Standing:
    """Stop a distribution between chunks; what was not credited returns. Repeatable.

    Raises `UnknownDistribution`, or `DistributionState` once it is closed.
    """

    def step(job: Distribution) -> Distribution | None:
        if job.cancelled and job.state in {"cancelling", "closed"}:
            return None
        return rules.cancel(job, to_ms(call.now), call.by)

    job = _step(call, channel, distribution_id, step)
    if job.state == "cancelling":
        send_close(job)
    return read_distribution(call, channel, distribution_id)


def undo(call: Call, channel: str, distribution_id: str) -> Standing:
    """Take back from every credited customer what is still available of it. Repeatable.

    Raises `UnknownDistribution`, or `DistributionState` unless it is closed.
    """

    def step(job: Distribution) -> Distribution | None:
        if job.state in {"undoing", "undone"}:
            return None
        return rules.begin_undo(job, call.by)

    _step(call, channel, distribution_id, step)
    job, chunks = _read_whole(call, channel, distribution_id)
    if job.state == "undoing":
        packs = _packs(read_lists(call, job))
        done = {c.number: packs[c.number] for c in chunks if c.state == "done"}
        send_chunks(job, "undo", done)
    return _standing(job, chunks)


def _fund(call: Call, seen: Distribution, preview_id: str, *, skip_bad_rows: bool) -> Distribution:
    """Move the total from the source into escrow, once; return the job."""
    channel, distribution_id, source = seen.channel, seen.id, seen.source
    fund_id = transfers.fund_id(distribution_id)
    total = seen.figures.total
    wanted = Wanted(channel, fund_id, total, None, call.by)

    def decide(rows: Rows) -> Commit[Distribution] | Replay[Distribution]:
        job = job_in(rows, channel, distribution_id)
        assert job is not None, "distributions are never deleted"
        rules.check_run(job, preview_id, skip_bad_rows=skip_bad_rows)
        if job.state == "running":
            return Replay(job)
        assert transfer_in(rows, channel, fund_id) is None, "funded before it ran"
        now_ms = to_ms(call.now)
        account = require_account(rows, source, now_ms)
        movement = transfers.fund(account, wanted, transfers.escrow_of(distribution_id), now_ms)
        begun = rules.begin(job, now_ms, call.by)
        return Commit([*post(movement), put_job(begun, job)], begun)

    keys: list[AnyKey] = [
        job_key(channel, distribution_id),
        account_key(source),
        transfer_key(channel, fund_id),
    ]
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def _make_chunks(
    call: Call, job: Distribution, packs: Mapping[int, Sequence[Share]]
) -> Distribution:
    """Let every chunk take its escrow from the job, as many at once as a transaction holds."""

    def decide(rows: Rows) -> Commit[Distribution] | Replay[Distribution]:
        stored = job_in(rows, channel, distribution_id)
        assert stored is not None, "distributions are never deleted"
        if stored.state != "running" or stored.made == stored.chunks:
            return Replay(stored)
        numbers = range(stored.made + 1, stored.chunks + 1)[: rules.CHUNKS_AT_ONCE]
        chunks = [rules.new_chunk(stored, number, packs[number]) for number in numbers]
        after = rules.take_escrow(stored, chunks)
        made = [put_chunk(chunk, None) for chunk in chunks]
        return Commit([put_job(after, stored), *made], after)

    channel, distribution_id = job.channel, job.id
    keys = [job_key(channel, distribution_id)]
    while job.state == "running" and job.made < job.chunks:
        known = known_job(job)
        job = settle(decide, keys, deadline=call.deadline, known=known).answer
    return job


def _step(
    call: Call,
    channel: str,
    distribution_id: str,
    step: Callable[[Distribution], Distribution | None],
) -> Distribution:
    """Change the job as `step` says, and return it; None leaves it as it is."""

    def decide(rows: Rows) -> Commit[Distribution] | Replay[Distribution]:
        job = _require_job(rows, channel, distribution_id)
        after = step(job)
        return Replay(job) if after is None else Commit([put_job(after, job)], after)

    keys: list[AnyKey] = [channel_key(channel), job_key(channel, distribution_id)]
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def _read_job(
    call: Call, channel: str, distribution_id: str, besides: Sequence[AnyKey] = ()
) -> tuple[Distribution, Rows]:
    """Return the job and what was read with it. Raises `UnknownChannel`, `UnknownDistribution`."""
    keys: list[AnyKey] = [channel_key(channel), job_key(channel, distribution_id), *besides]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    return _require_job(rows, channel, distribution_id), rows


def _read_whole(call: Call, channel: str, distribution_id: str) -> tuple[Distribution, list[Chunk]]:
    """Return the job and its chunks. Raises `UnknownChannel` or `UnknownDistribution`."""
    job, chunks = read_whole(channel, distribution_id, deadline=call.deadline)
    if job is None:
        job, _ = _read_job(call, channel, distribution_id)
    return job, chunks


def _require_job(rows: Rows, channel: str, distribution_id: str) -> Distribution:
    """Return the job out of rows. Raises `UnknownChannel` or `UnknownDistribution`."""
    job = job_in(rows, channel, distribution_id)
    if job is None:
        require_channel(rows, channel)
        raise UnknownDistribution
    return job


def _packs(lists: Lists) -> dict[int, list[Share]]:
    """Return the rows of each chunk by its number."""
    return dict(enumerate(rules.pack(shares_of(lists)), start=1))


# --- reading ------------------------------------------------------------------------------------


def read_distribution(call: Call, channel: str, distribution_id: str) -> Standing:
    """Return a distribution and how far it is. Raises `UnknownChannel`, `UnknownDistribution`."""
    return _standing(*_read_whole(call, channel, distribution_id))


def list_distributions(
    call: Call, channel: str, *, limit: int, start: Item | None
) -> tuple[list[Distribution], Item | None]:
    """Return a page of distributions, newest first. Raises `UnknownChannel`."""
    jobs, last = list_jobs(channel, limit=limit, start=start, deadline=call.deadline)
    if not jobs and start is None:
        rows = batch_get([channel_key(channel)], deadline=call.deadline, consistent=True)
        require_channel(rows, channel)
    return jobs, last


def list_rows(
    call: Call,
    channel: str,
    distribution_id: str,
    outcome: Outcome | None,
    *,
    limit: int,
    after_line: int,
) -> tuple[Distribution, list[OutcomeRow], int | None]:
    """Return the job, a page of its rows with what became of them, and the line to go on after.

    Raises `UnknownChannel` or `UnknownDistribution`.
    """
    job, chunks = _read_whole(call, channel, distribution_id)
    lists = read_lists(call, job)
    bad = (_refused(BadRow(*row)) for row in lists["bad"])
    rows = [*bad, *_outcomes(job, chunks, lists)]
    left = sorted((r for r in rows if r.line > after_line), key=lambda row: row.line)
    found = [row for row in left if outcome in {None, row.outcome}]
    page = found[:limit]
    return job, page, page[-1].line if len(found) > limit else None


def _refused(row: BadRow) -> OutcomeRow:
    return OutcomeRow(
        line=row.line,
        recipient=row.recipient,
        user_pk=None,
        amount=row.amount,
        note=None,
        outcome="refused",
        code=row.code,
        detail=row.detail,
    )


def _outcomes(job: Distribution, chunks: Iterable[Chunk], lists: Lists) -> Iterator[OutcomeRow]:
    """Yield what became of the rows to credit, in their order."""
    by_number = {chunk.number: chunk for chunk in chunks}
    for number, pack in _packs(lists).items():
        for share in pack:
            yield _outcome(job, by_number.get(number), share)


def _outcome(job: Distribution, chunk: Chunk | None, share: Share) -> OutcomeRow:
    code = None if chunk is None else (chunk.failed or {}).get(share.line)
    outcome: Outcome
    returned = None
    if code is not None:
        outcome = "failed"
    elif chunk is None:
        outcome = _unmade(job)
    elif chunk.state == "undone":
        outcome = "undone"
        returned = share.amount - (chunk.spent or {}).get(share.line, 0)
    else:
        outcome = "credited" if chunk.state == "done" else chunk.state
    return OutcomeRow(
        line=share.line,
        recipient=share.user_pk,
        user_pk=share.user_pk,
        amount=format_amount(share.amount, job.source.currency),
        note=share.note,
        outcome=outcome,
        returned=returned,
        code=code,
        detail=None if code is None else rules.WHY_FAILED[code],
    )


def _unmade(job: Distribution) -> Outcome:
    """Return what became of a row whose chunk was not made."""
    if job.state == "previewed":
        return "ready"
    return "cancelled" if job.cancelled else "waiting"


def _standing(job: Distribution, chunks: Sequence[Chunk]) -> Standing:
    def rows(*states: str) -> int:
        return sum(chunk.rows - chunk.failed_rows for chunk in chunks if chunk.state in states)

    failed = sum(chunk.failed_rows for chunk in chunks)
    over = rows("done", "undone", "cancelled") + failed
    left = 0 if job.state == "previewed" else job.figures.shares - over
    ended = job.cancelled and job.state != "cancelling"
    return Standing(
        job=job,
        chunks_done=sum(chunk.state in {"done", "undone"} for chunk in chunks),
        credited_rows=rows("done", "undone"),
        credited=sum(chunk.credited for chunk in chunks),
        waiting_rows=0 if ended else left,
        failed_rows=failed,
        cancelled_rows=rows("cancelled") + (left if ended else 0),
        undone_rows=rows("undone"),
        returned=sum(chunk.returned for chunk in chunks),
        escrow=job.escrow + sum(chunk.escrow for chunk in chunks),
    )

"""Distributions: the job, its chunks, and the lists that its preview found, under one hash key.

Job and chunks are put whole, on condition that they are as they were read.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, cast

from pynamodb.expressions.condition import Condition

from chalicelib.core.accounts import AccountKey
from chalicelib.core.distributions import Chunk, ChunkState, Distribution, Figures, Share, State
from chalicelib.store.actions import Action, Item, Key, Rows, put, put_once, written
from chalicelib.store.jobs import list_newest, pieces_in, unpacked
from chalicelib.store.requests import query
from chalicelib.store.tables import ChunkRow, DistributionRow, ListRow

_JOB: Final = "job"
_CHUNK: Final = "chunk:"

MOST_LISTS: Final = 16
"""More than the rows of any preview: what is uploaded has at most 4 MB."""

ROWS_OF_A_JOB: Final = 1000
"""More than a job and its chunks are: 20,000 rows that all open accounts make 607 chunks."""

Lists = dict[str, list[list[Any]]]
"""A preview's rows as they are kept: `shares` to credit, and `bad` ones."""


def job_key(channel: str, distribution_id: str) -> Key[DistributionRow]:
    """Return the key of a distribution's job."""
    return Key(DistributionRow, f"{channel}#{distribution_id}", _JOB)


def chunk_key(channel: str, distribution_id: str, number: int) -> Key[ChunkRow]:
    """Return the key of a chunk; numbers begin with 1."""
    return Key(ChunkRow, f"{channel}#{distribution_id}", f"{_CHUNK}{number:05d}")


def list_keys(job: Distribution) -> list[Key[ListRow]]:
    """Return the keys of the list that a job's preview found."""
    return possible_list_keys(job.channel, job.id, job.preview_id)[: job.lists]


def possible_list_keys(channel: str, distribution_id: str, preview_id: str) -> list[Key[ListRow]]:
    """Return the keys that a preview's list may have, before it is known how many it has."""
    name = f"{channel}#{distribution_id}"
    return [Key(ListRow, name, f"list:{preview_id}:{n:03d}") for n in range(MOST_LISTS)]


def job_in(rows: Rows, channel: str, distribution_id: str) -> Distribution | None:
    """Return the job out of rows that hold its key."""
    row = rows.get(job_key(channel, distribution_id))
    return None if row is None else _job(row)


def chunk_in(rows: Rows, channel: str, distribution_id: str, number: int) -> Chunk | None:
    """Return the chunk out of rows that hold its key."""
    row = rows.get(chunk_key(channel, distribution_id, number))
    return None if row is None else _chunk(row)


def put_job(job: Distribution, before: Distribution | None) -> Action:
    """Return the put of a job, where it is as it was before; None for a new one."""
    row = DistributionRow(
        id=f"{job.channel}#{job.id}",
        part=_JOB,
        channel=job.channel,
        source=job.source_account_id,
        source_user_pk=job.source.user_pk,
        currency=job.source.currency,
        open_accounts=job.open_accounts,
        content_hash=job.content_hash,
        preview_id=job.preview_id,
        lists=job.lists,
        rows=job.figures.rows,
        bad_reasons=json.dumps(dict(job.figures.bad_reasons)),
        shares=job.figures.shares,
        total=job.figures.total,
        openings=job.figures.openings,
        available=job.figures.available,
        debit_allowed=job.figures.debit_allowed,
        chunks=job.chunks,
        made=job.made,
        state=job.state,
        cancelled=job.cancelled,
        escrow=job.escrow,
        created_ms=job.created_ms,
        created_by=job.created_by,
        previewed_ms=job.previewed_ms,
        by=job.by,
        started_ms=job.started_ms,
        ended_ms=job.ended_ms,
        rev=job.rev,
    )
    return put_once(row) if before is None else put(row, DistributionRow.rev == before.rev)


def known_job(job: Distribution) -> Rows:
    """Return a job that was just read or written as rows that are known."""
    return written([put_job(job, job)])


def put_chunk(chunk: Chunk, before: Chunk | None) -> Action:
    """Return the put of a chunk, where it is as it was before; None for a new one."""
    row = ChunkRow(
        id=f"{chunk.channel}#{chunk.distribution_id}",
        part=f"{_CHUNK}{chunk.number:05d}",
        state=chunk.state,
        rows=chunk.rows,
        amount=chunk.amount,
        escrow=chunk.escrow,
        credited=chunk.credited,
        returned=chunk.returned,
        list_hash=chunk.list_hash,
        failed=None if chunk.failed is None else json.dumps(dict(chunk.failed)),
        spent=None if chunk.spent is None else json.dumps(dict(chunk.spent)),
        ended_ms=chunk.ended_ms,
    )
    return put_once(row) if before is None else put(row, _is_still(before))


def read_whole(
    channel: str, distribution_id: str, *, deadline: float
) -> tuple[Distribution | None, list[Chunk]]:
    """Return a job and its chunks by number, strongly read in one query."""
    name = f"{channel}#{distribution_id}"
    items, _ = query(
        DistributionRow,
        (DistributionRow.id == name) & DistributionRow.part.between(_CHUNK, _JOB),
        limit=ROWS_OF_A_JOB,
        consistent=True,
        deadline=deadline,
    )
    chunks = [
        _chunk(ChunkRow.from_raw_data(item))
        for item in items
        if item["part"]["S"].startswith(_CHUNK)
    ]
    if len(items) == len(chunks):
        return None, chunks
    return _job(DistributionRow.from_raw_data(items[-1])), chunks


def job_of(item: Item) -> Distribution | None:
    """Return the job of a row; None for a row of the table that is not a job."""
    return _job(DistributionRow.from_raw_data(item)) if item["part"]["S"] == _JOB else None


def list_jobs(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[Distribution], Item | None]:
    """Return a page of a channel's jobs, newest first, and the key to go on from."""
    names, rows, last = list_newest(
        DistributionRow,
        channel,
        lambda name: job_key(channel, name),
        limit=limit,
        start=start,
        deadline=deadline,
    )
    found = [job_in(rows, channel, name) for name in names]
    return [job for job in found if job is not None], last


# --- lists --------------------------------------------------------------------------------------


def lists_in(rows: Rows, job: Distribution) -> Lists | None:
    """Return a preview's lists out of rows that hold its keys, or None where a piece is missing."""
    pieces = pieces_in(rows, list_keys(job))
    if pieces is None:
        return None
    lists: Lists = unpacked(pieces)
    return lists


def shares_of(lists: Lists) -> list[Share]:
    """Return the rows to credit, in the order of their lines."""
    return [Share(*row) for row in lists["shares"]]


def share_rows(shares: Iterable[Share]) -> list[list[Any]]:
    """Return rows to credit as lists and messages keep them."""
    return [[s.line, s.user_pk, s.amount, s.note, s.opens] for s in shares]


def _is_still(chunk: Chunk) -> Condition:
    condition: Condition = (ChunkRow.state == chunk.state) & (ChunkRow.escrow == chunk.escrow)
    return condition


def _job(row: DistributionRow) -> Distribution:
    return Distribution(
        channel=row.channel,
        id=row.id.removeprefix(f"{row.channel}#"),
        source=AccountKey(row.channel, row.source_user_pk, row.currency),
        source_account_id=row.source,
        open_accounts=row.open_accounts,
        content_hash=row.content_hash,
        preview_id=row.preview_id,
        lists=row.lists,
        chunks=row.chunks,
        figures=Figures(
            rows=row.rows,
            bad_reasons=json.loads(row.bad_reasons),
            shares=row.shares,
            total=row.total,
            openings=row.openings,
            available=row.available,
            debit_allowed=row.debit_allowed,
        ),
        created_ms=row.created_ms,
        created_by=row.created_by,
        previewed_ms=row.previewed_ms,
        by=row.by,
        state=cast("State", row.state),
        cancelled=row.cancelled,
        made=row.made,
        escrow=row.escrow,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        rev=row.rev,
    )


def _chunk(row: ChunkRow) -> Chunk:
    channel, _, distribution_id = row.id.partition("#")
    return Chunk(
        channel=channel,
        distribution_id=distribution_id,
        number=int(row.part.removeprefix(_CHUNK)),
        state=cast("ChunkState", row.state),
        rows=row.rows,
        amount=row.amount,
        escrow=row.escrow,
        list_hash=row.list_hash,
        credited=row.credited,
        returned=row.returned,
        failed=_by_line(row.failed),
        spent=_by_line(row.spent),
        ended_ms=row.ended_ms,
    )


def _by_line(text: str | None) -> dict[int, Any] | None:
    return None if text is None else {int(line): each for line, each in json.loads(text).items()}

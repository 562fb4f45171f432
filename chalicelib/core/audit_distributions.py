"""The audit of one distribution: its chunks, beside its list and its customers' entries. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.audit import Fault, FaultKind, OwnedEntry, money
from chalicelib.core.distributions import (
    Chunk,
    Distribution,
    Share,
    credit_id,
    list_hash,
    taken_back_id,
)
from chalicelib.core.transfers import escrow_of

Entries = Mapping[str, Sequence[OwnedEntry]]
"""The entries that were seen, by what they name as their transfer."""


def names_of(job: Distribution, shares: Sequence[Share]) -> list[str]:
    """Return every name that entries of some rows may have."""
    ids = [(credit_id(job.id, s.line), taken_back_id(job.id, s.line)) for s in shares]
    return [name for pair in ids for name in pair]


def is_settled(job: Distribution, chunks: Sequence[Chunk], as_of_ms: int) -> bool:
    """Return whether nothing of a distribution was written after a time."""
    times = [job.started_ms, job.ended_ms, *(chunk.ended_ms for chunk in chunks)]
    return all(at_ms is None or at_ms <= as_of_ms for at_ms in times)


def check_chunk(
    job: Distribution, chunk: Chunk, shares: Sequence[Share], entries: Entries
) -> list[Fault]:
    """Return what is wrong between a chunk, its part of the list, and its customers' entries."""
    where = f"chunk {chunk.number} of distribution {job.id}"
    faults = []
    differences = list(_differences(chunk, shares))
    if differences:
        detail = f"Its row differs: {'; '.join(differences)}."
        faults.append(Fault(kind=FaultKind.CHUNK_DIFFERS, where=where, detail=detail))
    for share in shares:
        for name, amount in _expected(job, chunk, share).items():
            found = entries.get(name, ())
            faults += _check_entry(job, share, name, amount, found)
    return faults


def check_escrow(job: Distribution, chunks: Sequence[Chunk], by_entries: int) -> list[Fault]:
    """Return what is wrong with a settled distribution's escrow.

    `by_entries` is what entries moved into it less what they moved out, in minor units.
    """
    kept = job.escrow + sum(chunk.escrow for chunk in chunks)
    if kept == by_entries and (job.in_progress or not kept):
        return []
    currency = job.source.currency
    detail = (
        f"It is {job.state} and keeps {money(kept, currency)} in its rows; by the entries its "
        f"escrow is {money(by_entries, currency)}."
    )
    where = f"distribution {job.id}"
    return [Fault(kind=FaultKind.ESCROW_DIFFERS, where=where, detail=detail)]


def check_end(job: Distribution, chunks: Sequence[Chunk]) -> list[Fault]:
    """Return what is wrong between a job that has ended and what became of its chunks."""
    if job.in_progress:
        return []
    ends = {"undone", "cancelled"} if job.state == "undone" else {"done", "cancelled"}
    left = [chunk.number for chunk in chunks if chunk.state not in ends]
    whole = job.state == "previewed" or job.cancelled or len(chunks) == job.chunks
    if whole and not left:
        return []
    detail = f"It is {job.state}, with {len(chunks)} of {job.chunks} chunks; not ended: {left}."
    where = f"distribution {job.id}"
    return [Fault(kind=FaultKind.CHUNK_DIFFERS, where=where, detail=detail)]


def list_missing(job: Distribution) -> Fault:
    """Return the fault of a distribution that ran and whose list is gone."""
    detail = f"It is {job.state}, but the list that it credited is gone."
    return Fault(kind=FaultKind.CHUNK_DIFFERS, where=f"distribution {job.id}", detail=detail)


def _differences(chunk: Chunk, shares: Sequence[Share]) -> Iterator[str]:
    """Yield each thing that a chunk's row says, and its list and its state do not."""
    failed = sum(share.amount for share in shares if share.line in (chunk.failed or {}))
    was_credited = chunk.state in {"done", "undone"}
    amount = sum(share.amount for share in shares)
    credited = amount - failed if was_credited else 0
    spent = sum((chunk.spent or {}).values())
    returned = credited - spent if chunk.state == "undone" else 0
    # What is left goes back to the job, all of it at once, before the job ends.
    left = 0 if chunk.state == "cancelled" else amount - credited + returned
    escrows = {left} if chunk.state == "waiting" else {left, 0}
    pairs = {
        "list": (list_hash(shares), chunk.list_hash),
        "rows": (len(shares), chunk.rows),
        "amount": (amount, chunk.amount),
        "credited": (credited, chunk.credited),
        "returned": (returned, chunk.returned),
    }
    for word, (expected, found) in pairs.items():
        if expected != found:
            yield f"its {word} is {found}, and by its list {expected}"
    if chunk.escrow not in escrows:
        yield f"its escrow is {chunk.escrow} and must be {left}"


def _expected(job: Distribution, chunk: Chunk, share: Share) -> dict[str, int]:
    """Return what each entry of a row must be, by its name; nothing is no entry."""
    credited = chunk.state in {"done", "undone"} and share.line not in (chunk.failed or {})
    spent = (chunk.spent or {}).get(share.line, 0)
    undone = credited and chunk.state == "undone"
    return {
        credit_id(job.id, share.line): share.amount if credited else 0,
        taken_back_id(job.id, share.line): spent - share.amount if undone else 0,
    }


def _check_entry(
    job: Distribution, share: Share, name: str, amount: int, found: Sequence[OwnedEntry]
) -> Iterator[Fault]:
    currency = job.source.currency
    where = f"line {share.line} of distribution {job.id}"
    if amount and not found:
        detail = f"{share.user_pk} must have an entry of {money(amount, currency)}, and has none."
        yield Fault(kind=FaultKind.CREDIT_MISSING, where=where, detail=detail)
    for number, owned in enumerate(found):
        entry = owned.entry
        said = f"Entry {entry.seq} of account {owned.account_id}, named {name},"
        if number or not amount:
            detail = f"{said} of {money(entry.amount, currency)}, is one too many."
            yield Fault(kind=FaultKind.CREDIT_EXTRA, where=where, detail=detail)
            continue
        expected = (share.user_pk, currency, amount, escrow_of(job.id), share.note)
        account = entry.account
        has = (account.user_pk, account.currency, entry.amount, entry.counterparty, entry.note)
        if has != expected:
            detail = f"{said} has {_told(has)}; it must have {_told(expected)}."
            yield Fault(kind=FaultKind.CREDIT_DIFFERS, where=where, detail=detail)


def _told(content: Sequence[object]) -> str:
    return ", ".join("none" if each is None else str(each) for each in content)

"""Audit the distributions of a channel: each beside the entries that its list led to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.core import audit_distributions as rules
from chalicelib.core.audit import Fault
from chalicelib.core.distributions import Distribution, pack
from chalicelib.core.transfers import escrow_of
from chalicelib.ledger.audit import Calls
from chalicelib.store.actions import Item
from chalicelib.store.distributions import list_jobs, list_keys, lists_in, read_whole, shares_of
from chalicelib.store.requests import batch_get

JOBS_A_PAGE = 25

EscrowSeen = Callable[[str], int]
"""Returns what entries moved into an escrow less what they moved out, in minor units."""


@dataclass(frozen=True, slots=True)
class AuditedDistributions:
    """A page of distributions that were laid beside entries; `last` is where to go on."""

    count: int
    names: list[str]
    last: Item | None
    faults: list[Fault]


def audit_distributions(
    calls: Calls,
    channel: str,
    *,
    as_of_ms: int,
    start: Item | None,
    entries_of: Callable[[Sequence[str]], rules.Entries],
    escrow_by_entries: EscrowSeen,
) -> Iterator[AuditedDistributions]:
    """Yield the channel's distributions after `start`, page by page, with their faults.

    `entries_of` returns what entries were seen that have a name.
    """
    while True:
        jobs, start = list_jobs(channel, limit=JOBS_A_PAGE, start=start, deadline=calls().deadline)
        names: list[str] = []
        faults: list[Fault] = []
        for job in jobs:
            found = _audit(calls, job, as_of_ms, entries_of, escrow_by_entries)
            names += found[0]
            faults += found[1]
        yield AuditedDistributions(len(jobs), names, start, faults)
        if start is None:
            return


def _audit(
    calls: Calls,
    listed: Distribution,
    as_of_ms: int,
    entries_of: Callable[[Sequence[str]], rules.Entries],
    escrow_by_entries: EscrowSeen,
) -> tuple[list[str], list[Fault]]:
    job, chunks = read_whole(listed.channel, listed.id, deadline=calls().deadline)
    if job is None or job.started_ms is None:
        return [], []
    rows = batch_get(list_keys(job), deadline=calls().deadline, consistent=True)
    lists = lists_in(rows, job)
    if lists is None:
        return [], [rules.list_missing(job)]
    packs = pack(shares_of(lists))
    names: list[str] = []
    faults: list[Fault] = []
    for chunk in chunks:
        shares = packs[chunk.number - 1] if chunk.number <= len(packs) else []
        own = rules.names_of(job, shares)
        names += own
        if chunk.ended_ms is None or chunk.ended_ms <= as_of_ms:
            faults += rules.check_chunk(job, chunk, shares, entries_of(own))
    if rules.is_settled(job, chunks, as_of_ms):
        faults += rules.check_end(job, chunks)
        faults += rules.check_escrow(job, chunks, escrow_by_entries(escrow_of(job.id)))
    return names, faults

"""What a worker does with a message: look at the next accounts, or compare and end.

Each step reads, and ends with one transaction on condition that the job is as it was, so that a
step done twice counts once. Everything is decided by the job's row; a message says where to look.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.auth import Call
from chalicelib.core import reconciliations as rules
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliations import Capture, Found, Place, Position, Reconciliation, Refund
from chalicelib.reconciliation.messages import Message, send_step
from chalicelib.store.accounts import account_key, account_row_in
from chalicelib.store.actions import Action, Rows
from chalicelib.store.entries import list_between
from chalicelib.store.jobs import keep_pieces, name_of, pieces_in
from chalicelib.store.reconciliations import (
    job_in,
    job_key,
    key_at,
    known_job,
    list_accounts,
    list_keys,
    orders_of,
    packed_differences,
    put_found,
    put_job,
    read_found,
    result_keys,
)
from chalicelib.store.requests import Commit, Replay, batch_get, settle


def work(call: Call, message: Mapping[str, Any]) -> None:
    """Do the step that a message asks for, and send the next. What it raises brings it again."""
    asked = Message.model_validate(message)
    rows = batch_get([job_key(asked.channel, asked.id)], deadline=call.deadline, consistent=True)
    job = job_in(rows, asked.channel, asked.id)
    if job is None:
        raise LookupError(f"the reconciliation {asked.id} was sent and is not there")
    if not job.in_progress:
        return
    if asked.rev != job.rev:
        if rules.is_lost(job, asked.rev, to_ms(call.now)):
            send_step(job)
        return
    moved = _look_on(call, job) if job.state == "running" else _compare(call, job)
    if moved is not None and moved.in_progress:
        send_step(moved)


def _save(
    call: Call, job: Reconciliation, after: Reconciliation, besides: Sequence[Action]
) -> Reconciliation | None:
    """Write what a step has made of the job, once; return it, or None where another was first."""

    def decide(rows: Rows) -> Commit[Reconciliation | None] | Replay[Reconciliation | None]:
        stored = job_in(rows, job.channel, job.id)
        if stored == job:
            return Commit([put_job(after, job), *besides], after)
        # A write that was never answered may have been done: then this is what it wrote.
        return Replay(after if stored == after else None)

    keys = [job_key(job.channel, job.id)]
    return settle(decide, keys, deadline=call.deadline, known=known_job(job)).answer


# --- the walk -----------------------------------------------------------------------------------


def _look_on(call: Call, job: Reconciliation) -> Reconciliation | None:
    """Look at as many accounts as a step may, and keep what was found."""
    found = _step(_pages(call, job))
    after = rules.look_on(job, found, to_ms(call.now))
    return _save(call, job, after, put_found(job, found))


def _step(pages: Iterator[Found]) -> Found:
    """Return together what the next pages found, until it is enough or they end."""
    accounts = 0
    captures: list[Capture] = []
    refunds: list[Refund] = []
    position: Position | None = None
    for count, page in enumerate(pages, start=1):
        accounts += page.accounts
        captures += page.captures
        refunds += page.refunds
        position = page.position
        enough = len(captures) + len(refunds) >= rules.MOVEMENTS_A_STEP
        if count >= rules.PAGES_A_STEP or enough:
            break
    return Found(accounts, captures, refunds, position)


def _pages(call: Call, job: Reconciliation) -> Iterator[Found]:
    """Yield what each few requests find, from where the job stands; the last has no position.

    An account whose last entry is older than the period has none in it and is passed over.
    """
    position = job.position
    if position is not None and position.at_seq is not None:
        yield from _entries(call, job, position.place, position.at_seq, passed=0)
    after = None if position is None else position.place
    while True:
        places, after = list_accounts(
            job, after, limit=rules.ACCOUNTS_A_PAGE, deadline=call.deadline
        )
        moved = _moved_since(call, job, places)
        passed = 0
        for place in places:
            if place in moved:
                yield from _entries(call, job, place, None, passed=passed)
                passed = 0
            else:
                passed += 1
        yield Found(passed, (), (), None if after is None else Position(after))
        if after is None:
            return


def _moved_since(call: Call, job: Reconciliation, places: Sequence[Place]) -> set[Place]:
    """Return which accounts have an entry since the period began: their rows have the last one's.

    A row that an index shows and a strong read does not cannot be: accounts are never deleted.
    """
    if not places:
        return set()
    keys = {place: key_at(job.channel, place) for place in places}
    wanted = [account_key(key) for key in keys.values()]
    rows = batch_get(wanted, deadline=call.deadline, consistent=True)
    accounts = {place: account_row_in(rows, key) for place, key in keys.items()}
    return {
        place
        for place, account in accounts.items()
        if account is not None and account.seq and account.entry_ms >= job.since_ms
    }


def _entries(
    call: Call, job: Reconciliation, place: Place, at_seq: str | None, *, passed: int
) -> Iterator[Found]:
    """Yield what each page of an account's entries holds; `passed` accounts were before it."""
    while True:
        entries, at_seq = list_between(
            key_at(job.channel, place),
            job.since_ms,
            job.until_ms,
            after=at_seq,
            limit=rules.ENTRIES_A_PAGE,
            deadline=call.deadline,
        )
        yield Found(
            accounts=passed + (at_seq is None),
            captures=rules.captures_in(entries),
            refunds=rules.refunds_in(entries),
            position=Position(place, at_seq),
        )
        passed = 0
        if at_seq is None:
            return


# --- the end ------------------------------------------------------------------------------------


def _compare(call: Call, job: Reconciliation) -> Reconciliation | None:
    """Compare the orders with everything that was found, keep the differences, and end the job."""
    keys = list_keys(job)
    kept = pieces_in(batch_get(keys, deadline=call.deadline, consistent=True), keys)
    assert kept is not None, "orders are kept before the job names them, and never deleted"
    captures, refunds = read_found(job, deadline=call.deadline)
    differences, totals = rules.compare(orders_of(kept), captures, refunds)
    pieces = packed_differences(differences)
    closed = rules.close(
        job,
        differences,
        totals,
        result_id=name_of(pieces),
        results=len(pieces),
        now_ms=to_ms(call.now),
    )
    keep_pieces(result_keys(closed), pieces, deadline=call.deadline)
    return _save(call, job, closed, [])

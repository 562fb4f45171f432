"""What a worker does with a message: credit a chunk, take it back, or end the job.

Each is one read and one transaction that changes the state of its row, so that doing it again
changes nothing. Everything is decided by the rows; a message only says where to look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.auth import Call
from chalicelib.core import distributions as rules
from chalicelib.core import transfers
from chalicelib.core.accounts import Account, AccountKey, after_entry
from chalicelib.core.distributions import Chunk, Distribution, Share, Worked
from chalicelib.core.errors import AccountIdTaken, Refusal, UnknownUser
from chalicelib.core.names import to_ms
from chalicelib.core.transfers import Wanted
from chalicelib.distribution.messages import Message, send_look_again
from chalicelib.ledger.required import require_account
from chalicelib.store.accounts import (
    account_id_key,
    account_in,
    account_key,
    apply_leg,
    put_account_alone,
)
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.distributions import (
    chunk_in,
    chunk_key,
    job_in,
    job_key,
    known_job,
    put_chunk,
    put_job,
    read_whole,
)
from chalicelib.store.entries import put_entry
from chalicelib.store.requests import Commit, Replay, settle
from chalicelib.store.transfers import post
from chalicelib.store.users import registered_in, user_key


def work(call: Call, message: Mapping[str, Any]) -> None:
    """Do what a message asks for. Raises what `settle` raises: it is then delivered again."""
    asked = Message.model_validate(message)
    if asked.step == "close":
        _close(call, asked)
    else:
        _work_chunk(call, asked)


# --- chunks -------------------------------------------------------------------------------------


def _work_chunk(call: Call, asked: Message) -> None:
    """Credit a chunk or take it back, unless that is done, or no longer to be done."""
    shares = asked.shares

    def decide(rows: Rows) -> Commit[None] | Replay[None]:
        job = job_in(rows, asked.channel, asked.id)
        chunk = chunk_in(rows, asked.channel, asked.id, asked.chunk)
        if job is None or chunk is None:
            raise LookupError(f"chunk {asked.chunk} of {asked.id} was sent and is not there")
        due = ("running", "waiting") if asked.step == "credit" else ("undoing", "done")
        if (job.state, chunk.state) != due:
            return Replay(None)
        if rules.list_hash(shares) != chunk.list_hash:
            raise ValueError(f"the list of chunk {chunk.number} of {job.id} is not its own")
        worked = _decide(rows, job, chunk, shares, to_ms(call.now))
        return Commit(_writes(worked, chunk), None)

    keys: list[AnyKey] = [
        job_key(asked.channel, asked.id),
        chunk_key(asked.channel, asked.id, asked.chunk),
        *(account_key(AccountKey(asked.channel, s.user_pk, asked.currency)) for s in shares),
        *(user_key(asked.channel, s.user_pk) for s in shares if s.opens),
    ]
    # That a chunk is done, or not to be done, is believed at once: it must be no stale row.
    settle(decide, keys, deadline=call.deadline, consistent=True)


def _decide(
    rows: Rows, job: Distribution, chunk: Chunk, shares: list[Share], now_ms: int
) -> Worked:
    if job.state == "undoing":
        accounts = {
            s.user_pk: require_account(rows, replace(job.source, user_pk=s.user_pk), now_ms)
            for s in shares
            if s.line not in (chunk.failed or {})
        }
        return rules.take_back(chunk, shares, accounts, now_ms)
    found = {share.user_pk: _account_for(rows, job, share, now_ms) for share in shares}
    opening = {
        share.user_pk
        for share in shares
        if not rows.shows(account_key(replace(job.source, user_pk=share.user_pk)))
    }
    return rules.credit(chunk, shares, found, opening, now_ms)


def _account_for(rows: Rows, job: Distribution, share: Share, now_ms: int) -> Account | Refusal:
    """Return a row's account, one to be opened, or why there can be none."""
    found = account_in(rows, replace(job.source, user_pk=share.user_pk), now_ms)
    if found is not None:
        return found
    assert share.opens, "accounts are never deleted"
    if registered_in(rows, job.channel, share.user_pk) is None:
        return UnknownUser()
    new = rules.account_to_open(job, share, now_ms)
    # The id's row is not read: the engine shows it where it is another account's.
    taken = rows.shows(account_id_key(job.channel, new.account_id))
    return AccountIdTaken() if taken else new


def _writes(worked: Worked, before: Chunk) -> list[Action]:
    legs = (*worked.legs, *worked.opened)
    return [
        *(apply_leg(leg) for leg in worked.legs),
        *(
            put
            for leg in worked.opened
            for put in put_account_alone(after_entry(leg.before, leg.entry))
        ),
        *(put_entry(leg.entry) for leg in legs),
        put_chunk(worked.chunk, before),
    ]


# --- the end ------------------------------------------------------------------------------------


def _close(call: Call, asked: Message) -> None:
    """End a job whose chunks are all done: what is left of its escrow returns to the source."""
    job, chunks = read_whole(asked.channel, asked.id, deadline=call.deadline)
    if job is None or not job.in_progress:
        return
    if not rules.is_worked_off(job, chunks):
        send_look_again(asked)
        return
    gathered = _gather(call, job, chunks)
    # Only the state that was looked at is known to be worked off: an undo may have begun since.
    if gathered.state == job.state:
        _end(call, gathered)


def _gather(call: Call, job: Distribution, chunks: list[Chunk]) -> Distribution:
    """Bring what chunks have left back to the job, many at once, while it keeps its state.

    Return the job as it is then.
    """
    state = job.state
    left = [chunk.number for chunk in chunks if rules.gather(job, [chunk])[1]]
    for first in range(0, len(left), rules.CHUNKS_AT_ONCE):
        job = _gather_some(call, job, left[first : first + rules.CHUNKS_AT_ONCE])
        if job.state != state:
            break
    return job


def _gather_some(call: Call, job: Distribution, numbers: Sequence[int]) -> Distribution:
    def decide(rows: Rows) -> Commit[Distribution] | Replay[Distribution]:
        stored = job_in(rows, job.channel, job.id)
        assert stored is not None, "distributions are never deleted"
        found = [chunk_in(rows, job.channel, job.id, number) for number in numbers]
        before = {chunk.number: chunk for chunk in found if chunk is not None}
        after, emptied = rules.gather(stored, list(before.values()))
        if not emptied or stored.state != job.state:
            return Replay(stored)
        puts = [put_chunk(chunk, before[chunk.number]) for chunk in emptied]
        return Commit([put_job(after, stored), *puts], after)

    keys: list[AnyKey] = [job_key(job.channel, job.id)]
    keys += [chunk_key(job.channel, job.id, number) for number in numbers]
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def _end(call: Call, job: Distribution) -> None:
    """Close the job, and return what is left of its escrow to the source in the same write."""
    undone = job.state == "undoing"
    name = (transfers.undo_id if undone else transfers.return_id)(job.id)

    def decide(rows: Rows) -> Commit[None] | Replay[None]:
        stored = job_in(rows, job.channel, job.id)
        assert stored is not None, "distributions are never deleted"
        if stored.rev != job.rev:
            # Somebody else went on with it meanwhile: the next look sees how it stands.
            return Replay(None)
        now_ms = to_ms(call.now)
        ended = put_job(rules.end(stored, now_ms), stored)
        if not stored.escrow:
            return Commit([ended], None)
        wanted = Wanted(job.channel, name, stored.escrow, None, stored.by)
        source = require_account(rows, job.source, now_ms)
        escrow = transfers.escrow_of(job.id)
        movement = transfers.return_escrow(source, wanted, escrow, now_ms, undone=undone)
        return Commit([*post(movement), ended], None)

    keys: list[AnyKey] = [job_key(job.channel, job.id)]
    if job.escrow:
        keys.append(account_key(job.source))
        settle(decide, keys, deadline=call.deadline, consistent=True)
    else:
        settle(decide, keys, deadline=call.deadline, known=known_job(job))

"""A distribution: one source, many targets. What its preview, its chunks and its end decide.

The total moves into the distribution's escrow at once; chunks take their part of it, and each is
credited to up to 49 customers in one transaction. What is not credited returns to the source.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.core.accounts import (
    FIRST_HASH,
    Account,
    AccountKey,
    EntryKind,
    Opening,
    append_entry,
)
from chalicelib.core.errors import (
    AccountIdTaken,
    BadRows,
    DistributionState,
    PreviewChanged,
    Refusal,
    UnknownUser,
)
from chalicelib.core.transfers import Leg, escrow_of

CHUNK_WEIGHT: Final = 99
"""What a transaction holds beside the row of its chunk: a limit of DynamoDB.

Chunks follow from it and the list, so it must not change while a distribution runs.
"""

CREDIT_WEIGHT: Final = 2
"""An account and its entry."""

OPENING_WEIGHT: Final = 3
"""A new account, its id and its entry."""

CHUNKS_AT_ONCE: Final = 98
"""How many chunks take their escrow in one transaction, beside the distribution and one spare."""

State = Literal["previewed", "running", "cancelling", "closed", "undoing", "undone"]
ChunkState = Literal["waiting", "done", "cancelled", "undone"]


@dataclass(frozen=True, slots=True)
class Share:
    """A row that is to be credited: `amount` in minor units; `opens` an account first."""

    line: int
    user_pk: str
    amount: int
    note: str | None
    opens: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What a preview found; `total` is of the rows to credit, `available` the source's then."""

    rows: int
    bad_reasons: Mapping[str, int]
    shares: int
    total: int
    openings: int
    available: int
    debit_allowed: bool

    @property
    def bad_rows(self) -> int:
        """How many rows cannot be credited."""
        return sum(self.bad_reasons.values())

    @property
    def remaining(self) -> int:
        """What the source will have left, in minor units; below zero it may not suffice."""
        return self.available - self.total

    @property
    def suffices(self) -> bool:
        """Whether the source may give the total."""
        return self.debit_allowed or self.remaining >= 0


@dataclass(frozen=True, slots=True)
class Distribution:
    """The job. Amounts in minor units, times in milliseconds.

    `lists` rows keep the preview named `preview_id`, which may be made anew and is of
    `previewed_ms`; `made` of `chunks` have taken their escrow,
    and `escrow` is what they have left. `rev` grows with every change.
    """

    channel: str
    id: str
    source: AccountKey
    source_account_id: str
    open_accounts: bool
    content_hash: str
    preview_id: str
    lists: int
    chunks: int
    figures: Figures
    created_ms: int
    created_by: str
    previewed_ms: int
    by: str
    state: State = "previewed"
    cancelled: bool = False
    made: int = 0
    escrow: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    rev: int = 1

    @property
    def in_progress(self) -> bool:
        """Whether work is left to be done by itself."""
        return self.state in {"running", "cancelling", "undoing"}


@dataclass(frozen=True, slots=True)
class Chunk:
    """One transaction's customers. `credited` and `returned` are what they got and gave back.

    `failed` are lines that could not be credited, with the code why; `spent` are lines of an undo
    with what could not be taken back. `escrow` is neither with customers nor with the job.
    """

    channel: str
    distribution_id: str
    number: int
    state: ChunkState
    rows: int
    amount: int
    escrow: int
    list_hash: str
    credited: int = 0
    returned: int = 0
    failed: Mapping[int, str] | None = None
    spent: Mapping[int, int] | None = None
    ended_ms: int | None = None

    @property
    def failed_rows(self) -> int:
        """How many of its customers could not be credited."""
        return len(self.failed or {})


@dataclass(frozen=True, slots=True)
class Worked:
    """What a chunk's transaction writes: legs of accounts, accounts to open, and the chunk."""

    legs: tuple[Leg, ...]
    opened: tuple[Leg, ...]
    chunk: Chunk


WHY_FAILED: Final[Mapping[str, str]] = {
    UnknownUser.code: "The user was registered when it was previewed, and is not any more.",
    AccountIdTaken.code: "The id that the new account would have had is another account's.",
}
"""By code, why a row could not be credited though its preview was good."""


def credit_id(distribution_id: str, line: int) -> str:
    """Return how the entry of a credited row is named."""
    return f"credit:{distribution_id}:{line}"


def taken_back_id(distribution_id: str, line: int) -> str:
    """Return how the entry of a row is named that an undo took back."""
    return f"undo:{distribution_id}:{line}"


# --- the preview --------------------------------------------------------------------------------


def pack(shares: Iterable[Share]) -> list[list[Share]]:
    """Divide rows into chunks, in their order, each as large as one transaction may be."""
    chunks: list[list[Share]] = []
    weight = CHUNK_WEIGHT
    for share in shares:
        own = OPENING_WEIGHT if share.opens else CREDIT_WEIGHT
        if weight + own > CHUNK_WEIGHT:
            chunks.append([])
            weight = 0
        chunks[-1].append(share)
        weight += own
    return chunks


def list_hash(shares: Sequence[Share]) -> str:
    """Return the SHA-256, in hex, of who gets what in a chunk."""
    content = [[share.line, share.user_pk, share.amount, share.note] for share in shares]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- the job ------------------------------------------------------------------------------------


def check_run(job: Distribution, preview_id: str, *, skip_bad_rows: bool) -> None:
    """Raise the refusal of a run: it must be the preview that the caller saw, with good rows.

    Raises `PreviewChanged`, `BadRows` or `DistributionState`.
    """
    if job.preview_id != preview_id:
        raise PreviewChanged
    if job.state == "running":
        return
    if job.state != "previewed":
        raise DistributionState(_stands(job))
    if not job.figures.shares:
        raise DistributionState("No row of it can be credited, so there is nothing to run.")
    if job.figures.bad_rows and not skip_bad_rows:
        raise BadRows(
            f"{job.figures.bad_rows} of {job.figures.rows} rows cannot be credited; send "
            "skip_bad_rows to credit the others alone."
        )


def begin(job: Distribution, now_ms: int, by: str) -> Distribution:
    """Return the job once its total has moved into its escrow."""
    return _changed(job, state="running", escrow=job.figures.total, started_ms=now_ms, by=by)


def take_escrow(job: Distribution, chunks: Sequence[Chunk]) -> Distribution:
    """Return the job once its next chunks have taken their escrow."""
    taken = sum(chunk.escrow for chunk in chunks)
    return _changed(job, made=job.made + len(chunks), escrow=job.escrow - taken)


def cancel(job: Distribution, now_ms: int, by: str) -> Distribution:
    """Return the job once it is being cancelled. Raises `DistributionState` once it is closed."""
    if job.state == "previewed":
        return _changed(job, state="closed", cancelled=True, ended_ms=now_ms, by=by)
    if job.state != "running":
        raise DistributionState(_stands(job))
    return _changed(job, state="cancelling", cancelled=True, by=by)


def begin_undo(job: Distribution, by: str) -> Distribution:
    """Return the job once it is being undone. Raises `DistributionState` unless it is closed."""
    if job.state != "closed":
        raise DistributionState(_stands(job))
    if job.started_ms is None:
        raise DistributionState("It was cancelled before it ran, so there is nothing to undo.")
    return _changed(job, state="undoing", ended_ms=None, by=by)


def is_worked_off(job: Distribution, chunks: Sequence[Chunk]) -> bool:
    """Return whether no chunk is left to be worked on."""
    if job.state == "running":
        made = job.made == job.chunks == len(chunks)
        return made and all(chunk.state != "waiting" for chunk in chunks)
    if job.state == "undoing":
        return all(chunk.state in {"undone", "cancelled"} for chunk in chunks)
    return True


def gather(job: Distribution, chunks: Sequence[Chunk]) -> tuple[Distribution, list[Chunk]]:
    """Return the job and those chunks whose escrow comes back to it, as they are after that."""
    left = [c for c in chunks if c.escrow and (c.state != "waiting" or job.state == "cancelling")]
    if not left:
        return job, []
    after = [
        replace(c, escrow=0, state="cancelled" if c.state == "waiting" else c.state) for c in left
    ]
    return _changed(job, escrow=job.escrow + sum(chunk.escrow for chunk in left)), after


def end(job: Distribution, now_ms: int) -> Distribution:
    """Return the job once nothing is left of its escrow."""
    state: State = "undone" if job.state == "undoing" else "closed"
    return _changed(job, state=state, escrow=0, ended_ms=now_ms)


# --- chunks -------------------------------------------------------------------------------------


def new_chunk(job: Distribution, number: int, shares: Sequence[Share]) -> Chunk:
    """Return a chunk that has taken its escrow from the job; numbers begin with 1."""
    amount = sum(share.amount for share in shares)
    return Chunk(
        channel=job.channel,
        distribution_id=job.id,
        number=number,
        state="waiting",
        rows=len(shares),
        amount=amount,
        escrow=amount,
        list_hash=list_hash(shares),
    )


def credit(
    chunk: Chunk,
    shares: Sequence[Share],
    accounts: Mapping[str, Account | Refusal],
    opening: Collection[str],
    now_ms: int,
) -> Worked:
    """Return what credits a waiting chunk.

    `accounts`, by user, may be a refusal; those of the users in `opening` are not there yet.
    """
    legs: list[Leg] = []
    opened: list[Leg] = []
    failed: dict[int, str] = {}
    credited = 0
    for share in shares:
        account = accounts[share.user_pk]
        if isinstance(account, Refusal):
            failed[share.line] = account.code
            continue
        name = credit_id(chunk.distribution_id, share.line)
        leg = _leg(chunk, account, share.amount, "distribution", name, share.note, now_ms)
        (opened if share.user_pk in opening else legs).append(leg)
        credited += share.amount
    after = replace(
        chunk,
        state="done",
        credited=credited,
        escrow=chunk.escrow - credited,
        failed=failed or None,
        ended_ms=_latest((*legs, *opened), now_ms),
    )
    return Worked(tuple(legs), tuple(opened), after)


def take_back(
    chunk: Chunk, shares: Sequence[Share], accounts: Mapping[str, Account], now_ms: int
) -> Worked:
    """Return what undoes a chunk: each customer gives back what is still available of it."""
    legs: list[Leg] = []
    spent: dict[int, int] = {}
    for share in shares:
        if share.line in (chunk.failed or {}):
            continue
        account = accounts[share.user_pk]
        amount = min(share.amount, max(0, account.available))
        if amount:
            name = taken_back_id(chunk.distribution_id, share.line)
            legs.append(_leg(chunk, account, -amount, "undo", name, share.note, now_ms))
        if amount < share.amount:
            spent[share.line] = share.amount - amount
    returned = -sum(leg.entry.amount for leg in legs)
    after = replace(
        chunk,
        state="undone",
        returned=returned,
        escrow=chunk.escrow + returned,
        spent=spent or None,
        ended_ms=_latest(legs, now_ms),
    )
    return Worked(tuple(legs), (), after)


def account_to_open(job: Distribution, share: Share, now_ms: int) -> Account:
    """Return the account that a row opens: its id follows from the row, so repeating opens one."""
    name = credit_id(job.id, share.line)
    digest = hashlib.sha256(f"{job.channel}#{job.created_ms}#{name}".encode()).hexdigest()
    return Account(
        key=AccountKey(job.channel, share.user_pk, job.source.currency),
        account_id=f"a-{digest[:24]}",
        available=0,
        held=0,
        seq=0,
        entry_ms=now_ms,
        entry_hash=FIRST_HASH,
        debit_allowed=False,
        opening=Opening(0, name),
        created_ms=now_ms,
        by=job.by,
    )


def _leg(
    chunk: Chunk,
    account: Account,
    amount: int,
    kind: EntryKind,
    name: str,
    note: str | None,
    now_ms: int,
) -> Leg:
    entry = append_entry(
        account,
        amount=amount,
        at_ms=max(now_ms, account.entry_ms),
        kind=kind,
        counterparty=escrow_of(chunk.distribution_id),
        transfer_id=name,
        note=note,
    )
    return Leg(account, entry, may_overdraw=amount > 0, freed=account.lapsed)


def _latest(legs: Iterable[Leg], now_ms: int) -> int:
    return max([now_ms, *(leg.entry.at_ms for leg in legs)])


def _changed(job: Distribution, **changes: object) -> Distribution:
    return replace(job, rev=job.rev + 1, **changes)  # type: ignore[arg-type]  # named above


_STANDS: Final[Mapping[State, str]] = {
    "previewed": "It has not run yet.",
    "running": "It is running; cancel it first, or wait until it is closed.",
    "cancelling": "It is being cancelled.",
    "closed": "It is closed.",
    "undoing": "It is being undone.",
    "undone": "It is undone.",
}


def _stands(job: Distribution) -> str:
    return "It was cancelled." if job.state == "closed" and job.cancelled else _STANDS[job.state]

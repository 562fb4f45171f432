"""Doors to distributions: credit for many customers from one primary account."""

from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from chalicelib import distribution
from chalicelib.core.distribution_rows import BadRow, ParsedRows, parse_csv, parse_rows
from chalicelib.core.distributions import Distribution, State
from chalicelib.core.errors import (
    BadRows,
    BodyTooLarge,
    CurrencyMismatch,
    DistributionState,
    FieldError,
    IdConflict,
    InsufficientCredit,
    InvalidCsv,
    InvalidCursor,
    InvalidJson,
    InvalidRequest,
    PreviewChanged,
    SourceWithoutEntries,
    TooManyRows,
    UnknownAccount,
    UnknownChannel,
    UnknownCurrency,
    UnknownDistribution,
    UnsupportedMediaType,
)
from chalicelib.core.money import format_amount
from chalicelib.core.names import Identifier
from chalicelib.distribution import Outcome, OutcomeRow, Source, Standing, Upload
from chalicelib.http import (
    CSV,
    JSON,
    LONG_LIFE_S,
    Answer,
    Body,
    Query,
    Request,
    Routes,
    Shown,
    check_size,
    example,
    invalid_request,
    media_type,
    parse_json,
)
from chalicelib.routes.paging import Listed, ListQuery, StartKey, listed, next_cursor, start_of
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)

MAX_UPLOAD_BYTES = 4 * 1024 * 1024
MAX_ROWS_A_PAGE = 1000


class UploadQuery(Query):
    """What a CSV distributes: from which account, in which currency. JSON says it in its body."""

    source: Identifier | None = None
    source_user_pk: Identifier | None = None
    currency: str | None = None
    open_accounts: bool = False


class DistributionBody(Body):
    """Who gets how much from one account, in one currency. Each row is checked by itself.

    A row names its customer by one of user_email, user_pk and account_id, and has an amount and
    perhaps a note. `open_accounts` opens an account for a user who has none.
    """

    model_config = example(
        {
            "source": "treasury",
            "currency": "TRY",
            "rows": [{"user_pk": "1001", "amount": "25.00", "note": "Spring"}],
        }
    )

    source: Identifier | None = None
    source_user_pk: Identifier | None = None
    currency: str
    open_accounts: bool = False
    rows: Annotated[list[dict[str, object]], Field(default_factory=list)]

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        if (self.source is None) == (self.source_user_pk is None):
            raise ValueError("name the account by source, or by source_user_pk")
        return self


class RunBody(Body):
    """Which preview is accepted; with bad rows, that they are left out."""

    model_config = example({"preview_id": "e6d3bad16908220d", "skip_bad_rows": False})

    preview_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    skip_bad_rows: bool = False


class RowsQuery(ListQuery):
    """A list of rows by line: all, or those of one outcome; 1 to 1,000 at once."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS_A_PAGE)] = 100
    outcome: Outcome | None = None


class RefusedRowShown(Shown):
    """A row that cannot be credited, as it was given, and why."""

    line: int
    recipient: str
    amount: str
    code: str
    detail: str


class DistributionShown(Shown):
    """A distribution: what its preview found, and how far it is.

    `total` is of the rows to credit; `available` was the source's when it was previewed, and
    `remaining` is what it will have left. `escrow` is with neither source nor customers now.
    """

    id: str
    state: State
    cancelled: bool
    source: str
    source_user_pk: str
    currency: str
    open_accounts: bool
    preview_id: str
    rows: int
    bad_rows: int
    bad_reasons: dict[str, int]
    rows_to_credit: int
    total: str
    accounts_to_open: int
    available: str
    remaining: str
    sufficient: bool
    chunks: int
    created_at: Time
    started_at: Time | None
    ended_at: Time | None


class StandingShown(DistributionShown):
    """A distribution with its progress. `returned` is what an undo took back."""

    chunks_done: int
    credited_rows: int
    credited: str
    waiting_rows: int
    failed_rows: int
    cancelled_rows: int
    undone_rows: int
    returned: str
    escrow: str


class PreviewShown(DistributionShown):
    """A distribution with every row of it that cannot be credited."""

    refused_rows: list[RefusedRowShown]


class OutcomeRowShown(Shown):
    """A row and what became of it; `returned` is what an undo took back of it."""

    line: int
    recipient: str
    user_pk: str | None
    amount: str
    note: str | None
    outcome: Outcome
    returned: str | None
    code: str | None
    detail: str | None


@routes.route(
    "PUT",
    "/channels/{channel}/distributions/{distribution_id}",
    access="distributions",
    query=UploadQuery,
    body=DistributionBody,
    reads=(CSV, JSON),
    life_s=LONG_LIFE_S,
    answers={201: PreviewShown, 200: PreviewShown},
    refusals=(
        UnknownChannel,
        UnknownAccount,
        UnknownCurrency,
        CurrencyMismatch,
        IdConflict,
        InvalidCsv,
        InvalidJson,
        TooManyRows,
        BodyTooLarge,
        UnsupportedMediaType,
    ),
)
def put_distribution(request: Request, query: UploadQuery) -> Answer:
    """Preview a distribution, from CSV or JSON: every row is looked up, and nothing moves."""
    path = request.path
    settled = distribution.preview(
        request.call, path["channel"], path["distribution_id"], _upload(request, query)
    )
    previewed = settled.answer
    shown = PreviewShown(
        **_shown(previewed.job), refused_rows=[_refused(row) for row in previewed.bad]
    )
    return Answer(shown, 201 if settled.written else 200)


@routes.route(
    "GET",
    "/channels/{channel}/distributions",
    access="read",
    query=ListQuery,
    answers={200: Listed[DistributionShown]},
    refusals=(UnknownChannel, InvalidCursor),
)
def list_distributions(request: Request, query: ListQuery) -> Answer:
    """List distributions, newest first."""
    channel = request.path["channel"]
    name = ("distributions", channel)
    jobs, last = distribution.list_distributions(
        request.call, channel, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([DistributionShown(**_shown(job)) for job in jobs], last, *name))


@routes.route(
    "GET",
    "/channels/{channel}/distributions/{distribution_id}",
    access="read",
    answers={200: StandingShown},
    refusals=(UnknownChannel, UnknownDistribution),
)
def read_distribution(request: Request) -> Answer:
    """Read a distribution and how far it is."""
    path = request.path
    standing = distribution.read_distribution(
        request.call, path["channel"], path["distribution_id"]
    )
    return Answer(_standing(standing))


@routes.route(
    "GET",
    "/channels/{channel}/distributions/{distribution_id}/rows",
    access="read",
    query=RowsQuery,
    answers={200: Listed[OutcomeRowShown]},
    refusals=(UnknownChannel, UnknownDistribution, InvalidCursor),
)
def list_rows(request: Request, query: RowsQuery) -> Answer:
    """List the rows of a distribution by line, with what became of each."""
    channel, distribution_id = request.path["channel"], request.path["distribution_id"]
    name = ("distribution-rows", channel, distribution_id, query.outcome)
    start = start_of(query, *name)
    job, rows, last = distribution.list_rows(
        request.call,
        channel,
        distribution_id,
        query.outcome,
        limit=query.limit,
        after_line=0 if start is None else int(start["line"]["N"]),
    )
    key: StartKey | None = None if last is None else {"line": {"N": str(last)}}
    shown = [_row(row, job.source.currency) for row in rows]
    return Answer(Listed[OutcomeRowShown](items=shown, next_cursor=next_cursor(key, *name)))


@routes.route(
    "POST",
    "/channels/{channel}/distributions/{distribution_id}/run",
    access="distributions",
    body=RunBody,
    life_s=LONG_LIFE_S,
    answers={200: StandingShown},
    refusals=(
        UnknownChannel,
        UnknownDistribution,
        PreviewChanged,
        BadRows,
        DistributionState,
        SourceWithoutEntries,
        InsufficientCredit,
    ),
)
def run(request: Request, body: RunBody) -> Answer:
    """Credit the rows of a preview; repeated, a run that was interrupted goes on."""
    path = request.path
    standing = distribution.run(
        request.call,
        path["channel"],
        path["distribution_id"],
        preview_id=body.preview_id,
        skip_bad_rows=body.skip_bad_rows,
    )
    return Answer(_standing(standing))


@routes.route(
    "POST",
    "/channels/{channel}/distributions/{distribution_id}/cancel",
    access="distributions",
    answers={200: StandingShown},
    refusals=(UnknownChannel, UnknownDistribution, DistributionState),
)
def cancel(request: Request) -> Answer:
    """Stop a distribution between chunks; what was not credited returns to the source."""
    path = request.path
    return Answer(
        _standing(distribution.cancel(request.call, path["channel"], path["distribution_id"]))
    )


@routes.route(
    "POST",
    "/channels/{channel}/distributions/{distribution_id}/undo",
    access="distributions",
    answers={200: StandingShown},
    refusals=(UnknownChannel, UnknownDistribution, DistributionState),
)
def undo(request: Request) -> Answer:
    """Take back from every credited customer what is still available of it."""
    path = request.path
    return Answer(
        _standing(distribution.undo(request.call, path["channel"], path["distribution_id"]))
    )


# --- reading an upload --------------------------------------------------------------------------


def _upload(request: Request, query: UploadQuery) -> Upload:
    check_size(request.raw_body, MAX_UPLOAD_BYTES)
    kind = media_type(request.headers)
    if kind == JSON:
        if query != UploadQuery():
            detail = "Say it in the body, beside the rows; the query is for CSV."
            raise InvalidRequest(detail, errors=[FieldError("query", "not_for_json", detail)])
        body = parse_json(
            DistributionBody, request.raw_body, request.headers, most=MAX_UPLOAD_BYTES
        )
        return _upload_of(body, parse_rows(body.rows, body.currency))
    if kind != CSV:
        raise UnsupportedMediaType("Send the rows as text/csv, or as application/json.")
    try:
        said = DistributionBody.model_validate(query.model_dump())
    except ValidationError as error:
        raise invalid_request(error) from None
    return _upload_of(said, parse_csv(request.raw_body, said.currency))


def _upload_of(said: DistributionBody, rows: ParsedRows) -> Upload:
    source = Source(said.source, said.source_user_pk)
    return Upload(source, said.currency, said.open_accounts, rows)


# --- answers ------------------------------------------------------------------------------------


def _shown(job: Distribution) -> dict[str, Any]:
    figures, currency = job.figures, job.source.currency
    return {
        "id": job.id,
        "state": job.state,
        "cancelled": job.cancelled,
        "source": job.source_account_id,
        "source_user_pk": job.source.user_pk,
        "currency": currency,
        "open_accounts": job.open_accounts,
        "preview_id": job.preview_id,
        "rows": figures.rows,
        "bad_rows": figures.bad_rows,
        "bad_reasons": dict(figures.bad_reasons),
        "rows_to_credit": figures.shares,
        "total": format_amount(figures.total, currency),
        "accounts_to_open": figures.openings,
        "available": format_amount(figures.available, currency),
        "remaining": format_amount(figures.remaining, currency),
        "sufficient": figures.suffices,
        "chunks": job.chunks,
        "created_at": time_of(job.created_ms),
        "started_at": None if job.started_ms is None else time_of(job.started_ms),
        "ended_at": None if job.ended_ms is None else time_of(job.ended_ms),
    }


def _standing(standing: Standing) -> StandingShown:
    currency = standing.job.source.currency
    return StandingShown(
        **_shown(standing.job),
        chunks_done=standing.chunks_done,
        credited_rows=standing.credited_rows,
        credited=format_amount(standing.credited, currency),
        waiting_rows=standing.waiting_rows,
        failed_rows=standing.failed_rows,
        cancelled_rows=standing.cancelled_rows,
        undone_rows=standing.undone_rows,
        returned=format_amount(standing.returned, currency),
        escrow=format_amount(standing.escrow, currency),
    )


def _refused(row: BadRow) -> RefusedRowShown:
    return RefusedRowShown(
        line=row.line,
        recipient=row.recipient,
        amount=row.amount,
        code=row.code,
        detail=row.detail,
    )


def _row(row: OutcomeRow, currency: str) -> OutcomeRowShown:
    return OutcomeRowShown(
        line=row.line,
        recipient=row.recipient,
        user_pk=row.user_pk,
        amount=row.amount,
        note=row.note,
        outcome=row.outcome,
        returned=None if row.returned is None else format_amount(row.returned, currency),
        code=row.code,
        detail=row.detail,
    )

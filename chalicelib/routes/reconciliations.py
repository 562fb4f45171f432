"""Doors to reconciliations: the shop's orders of a period beside what credit was captured for."""

from typing import Annotated

from pydantic import Field, ValidationError

from chalicelib import reconciliation
from chalicelib.core.errors import (
    AtTooRecent,
    BadOrders,
    BodyTooLarge,
    FieldError,
    IdConflict,
    InvalidCsv,
    InvalidCursor,
    InvalidJson,
    InvalidRequest,
    TooManyRows,
    UnknownChannel,
    UnknownCurrency,
    UnknownReconciliation,
    UnsupportedMediaType,
)
from chalicelib.core.money import format_amount
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliation_orders import Order, parse_csv, parse_orders
from chalicelib.core.reconciliations import Capture, Difference, Kind, Reconciliation, State, Totals
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
from chalicelib.reconciliation import Comparison
from chalicelib.routes.distributions import MAX_UPLOAD_BYTES
from chalicelib.routes.paging import Listed, ListQuery, StartKey, listed, next_cursor, start_of
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)

MAX_DIFFERENCES_A_PAGE = 500


class PeriodQuery(Query):
    """Which period a CSV is of, and in which currency alone. JSON says it in its body."""

    since: Time | None = None
    until: Time | None = None
    currency: str | None = None


class PeriodBody(Body):
    """A period, from `since` up to before `until`; with `currency` nothing else is compared."""

    since: Time
    until: Time
    currency: str | None = None


class ReconciliationBody(PeriodBody):
    """The shop's orders of a period: `order`, `paid` by credit, and a `currency` of their own."""

    model_config = example(
        {
            "since": "2026-10-01T00:00:00Z",
            "until": "2026-11-01T00:00:00Z",
            "currency": "TRY",
            "orders": [{"order": "100201", "paid": "25.00"}],
        }
    )

    orders: list[dict[str, object]]


class DifferencesQuery(ListQuery):
    """A list of differences: all, or those of one kind; 1 to 500 at once."""

    limit: Annotated[int, Field(ge=1, le=MAX_DIFFERENCES_A_PAGE)] = 100
    kind: Kind | None = None


class TotalsShown(Shown):
    """The two sides in one currency, and how many orders agree or differ in which way."""

    currency: str
    orders: int
    paid: str
    captures: int
    captured: str
    refunded: str
    agreed: int
    captured_without_order: int
    order_without_capture: int
    amount_differs: int


class ReconciliationShown(Shown):
    """A reconciliation and how far it is; `totals` and `differences` count once it is closed."""

    id: str
    state: State
    since: Time
    until: Time
    currency: str | None
    orders: int
    accounts: int
    captures: int
    refunds: int
    differences: int
    totals: list[TotalsShown]
    created_at: Time
    updated_at: Time
    ended_at: Time | None


class CaptureShown(Shown):
    """A transfer that paid with credit."""

    id: str
    user_pk: str
    amount: str
    created_at: Time


class DifferenceShown(Shown):
    """An order and its captures that do not agree; `captures` are the first 20 of them."""

    kind: Kind
    order: str | None
    currency: str
    paid: str | None
    captured: str
    refunded: str
    capture_count: int
    captures: list[CaptureShown]


@routes.route(
    "PUT",
    "/channels/{channel}/reconciliations/{reconciliation_id}",
    access="audit",
    query=PeriodQuery,
    body=ReconciliationBody,
    reads=(CSV, JSON),
    life_s=LONG_LIFE_S,
    answers={201: ReconciliationShown, 200: ReconciliationShown},
    refusals=(
        UnknownChannel,
        UnknownCurrency,
        AtTooRecent,
        IdConflict,
        BadOrders,
        InvalidCsv,
        InvalidJson,
        TooManyRows,
        BodyTooLarge,
        UnsupportedMediaType,
    ),
)
def put_reconciliation(request: Request, query: PeriodQuery) -> Answer:
    """Start to compare the orders of a period, from CSV or JSON; repeated, it goes on."""
    path = request.path
    settled = reconciliation.start(
        request.call, path["channel"], path["reconciliation_id"], _comparison(request, query)
    )
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "GET",
    "/channels/{channel}/reconciliations",
    access="audit",
    query=ListQuery,
    answers={200: Listed[ReconciliationShown]},
    refusals=(UnknownChannel, InvalidCursor),
)
def list_reconciliations(request: Request, query: ListQuery) -> Answer:
    """List reconciliations, newest first."""
    channel = request.path["channel"]
    name = ("reconciliations", channel)
    jobs, last = reconciliation.list_reconciliations(
        request.call, channel, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([_shown(job) for job in jobs], last, *name))


@routes.route(
    "GET",
    "/channels/{channel}/reconciliations/{reconciliation_id}",
    access="audit",
    answers={200: ReconciliationShown},
    refusals=(UnknownChannel, UnknownReconciliation),
)
def read_reconciliation(request: Request) -> Answer:
    """Read a reconciliation and how far it is."""
    path = request.path
    return Answer(
        _shown(
            reconciliation.read_reconciliation(
                request.call, path["channel"], path["reconciliation_id"]
            )
        )
    )


@routes.route(
    "GET",
    "/channels/{channel}/reconciliations/{reconciliation_id}/differences",
    access="audit",
    query=DifferencesQuery,
    answers={200: Listed[DifferenceShown]},
    refusals=(UnknownChannel, UnknownReconciliation, InvalidCursor),
)
def list_differences(request: Request, query: DifferencesQuery) -> Answer:
    """List what does not agree, by kind, currency and order; none before it is closed."""
    channel, reconciliation_id = request.path["channel"], request.path["reconciliation_id"]
    name = ("differences", channel, reconciliation_id, query.kind)
    start = start_of(query, *name)
    found, behind = reconciliation.list_differences(
        request.call,
        channel,
        reconciliation_id,
        query.kind,
        limit=query.limit,
        after=0 if start is None else int(start["behind"]["N"]),
    )
    key: StartKey | None = None if behind is None else {"behind": {"N": str(behind)}}
    shown = [_difference(each) for each in found]
    return Answer(Listed[DifferenceShown](items=shown, next_cursor=next_cursor(key, *name)))


# --- reading an upload --------------------------------------------------------------------------


def _comparison(request: Request, query: PeriodQuery) -> Comparison:
    check_size(request.raw_body, MAX_UPLOAD_BYTES)
    kind = media_type(request.headers)
    if kind == JSON:
        if query != PeriodQuery():
            detail = "Say it in the body, beside the orders; the query is for CSV."
            raise InvalidRequest(detail, errors=[FieldError("query", "not_for_json", detail)])
        body = parse_json(
            ReconciliationBody, request.raw_body, request.headers, most=MAX_UPLOAD_BYTES
        )
        return _comparison_of(body, parse_orders(body.orders, body.currency))
    if kind != CSV:
        raise UnsupportedMediaType("Send the orders as text/csv, or as application/json.")
    try:
        said = PeriodBody.model_validate(
            {name: value for name, value in query if value is not None}
        )
    except ValidationError as error:
        raise invalid_request(error) from None
    return _comparison_of(said, parse_csv(request.raw_body, said.currency))


def _comparison_of(said: PeriodBody, orders: tuple[Order, ...]) -> Comparison:
    return Comparison(to_ms(said.since), to_ms(said.until), said.currency, orders)


# --- answers ------------------------------------------------------------------------------------


def _shown(job: Reconciliation) -> ReconciliationShown:
    return ReconciliationShown(
        id=job.id,
        state=job.state,
        since=time_of(job.since_ms),
        until=time_of(job.until_ms),
        currency=job.currency,
        orders=job.orders,
        accounts=job.accounts,
        captures=job.captures,
        refunds=job.refunds,
        differences=job.differences,
        totals=[_totals(totals) for totals in job.totals],
        created_at=time_of(job.created_ms),
        updated_at=time_of(job.updated_ms),
        ended_at=None if job.ended_ms is None else time_of(job.ended_ms),
    )


def _totals(totals: Totals) -> TotalsShown:
    currency = totals.currency
    return TotalsShown(
        currency=currency,
        orders=totals.orders,
        paid=format_amount(totals.paid, currency),
        captures=totals.captures,
        captured=format_amount(totals.captured, currency),
        refunded=format_amount(totals.refunded, currency),
        agreed=totals.agreed,
        captured_without_order=totals.captured_without_order,
        order_without_capture=totals.order_without_capture,
        amount_differs=totals.amount_differs,
    )


def _difference(difference: Difference) -> DifferenceShown:
    currency = difference.currency
    return DifferenceShown(
        kind=difference.kind,
        order=difference.order,
        currency=currency,
        paid=None if difference.paid is None else format_amount(difference.paid, currency),
        captured=format_amount(difference.captured, currency),
        refunded=format_amount(difference.refunded, currency),
        capture_count=difference.capture_count,
        captures=[_capture(capture) for capture in difference.captures],
    )


def _capture(capture: Capture) -> CaptureShown:
    return CaptureShown(
        id=capture.transfer_id,
        user_pk=capture.user_pk,
        amount=format_amount(capture.amount, capture.currency),
        created_at=time_of(capture.at_ms),
    )

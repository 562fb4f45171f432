"""The rim: everything between API Gateway's event and a view, once for all routes.

A route is declared once, with its access, models and statuses; from the declarations come
`/openapi.json`, the test of every caller on every route, and the check of the documents. Here,
and only here, paths are decoded, callers identified, bodies parsed and errors written.
"""

import datetime
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote

from chalice.app import Blueprint, CloudWatchEvent, Cron, DynamoDBEvent, Rate, Response, SQSEvent
from chalice.app import Request as ChaliceRequest
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from chalicelib import auth
from chalicelib.core import errors, page_errors
from chalicelib.core.errors import FieldError, InvalidRequest, Refusal
from chalicelib.core.names import Identifier, Reference, TransferId
from chalicelib.core.settings import Currency
from chalicelib.logs import log

MAX_BODY_BYTES: Final = 256 * 1024
REQUEST_LIFE_S: Final = 6.5
"""How long a request may work before it answers `busy`, and begins no further write."""

LONG_LIFE_S: Final = 20.0
"""The same for a request about thousands of customers; a gateway gives up after 29 seconds."""

LAST_WRITE_S: Final = 3.5
"""What is left of a function's time for a write that has begun: its time-outs, and the answer."""

MESSAGES_AT_ONCE: Final = 5
"""How many messages of a queue one call of a function gets."""

MESSAGE_LIFE_S: Final = 20.0
"""How long one message may be worked on, where the function has that much time for it."""

QUEUE_PLACE: Final = "arn:aws:sqs:us-east-1:123456789012:queue"
"""Stands for the stack's own queue, whose address nobody knows before the stack is made."""

STREAM_PLACE: Final = "arn:aws:dynamodb:us-east-1:123456789012:table/table/stream/time"
"""Stands for the streams of the stack's own tables."""

CHANGES_AT_ONCE: Final = 100
CHANGES_WAIT_S: Final = 1
"""How many changes of a table one call of a function gets, and how long the first may wait."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
CSV: Final = "text/csv"
PROBLEM: Final = "application/problem+json"

STATUS: Final[Mapping[type[Refusal], int]] = {
    errors.InvalidRequest: 422,
    errors.InvalidJson: 400,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.InvalidCursor: 400,
    errors.InvalidAmount: 422,
    errors.UnknownCurrency: 422,
    errors.NotSignedIn: 401,
    errors.Forbidden: 403,
    errors.CrossSiteWrite: 403,
    errors.UnknownChannel: 404,
    errors.ChannelExists: 409,
    errors.UnknownSetting: 404,
    errors.UnknownUser: 404,
    errors.EmailTaken: 409,
    errors.UnknownAccount: 404,
    errors.AccountExists: 409,
    errors.AccountIdTaken: 409,
    errors.IdConflict: 409,
    errors.UnknownTransfer: 404,
    errors.CurrencyMismatch: 422,
    errors.SameAccount: 422,
    errors.SourceWithoutEntries: 409,
    errors.InsufficientCredit: 409,
    errors.NotReversible: 409,
    errors.UnknownHold: 404,
    errors.TooManyHolds: 409,
    errors.HoldCaptured: 409,
    errors.HoldVoided: 409,
    errors.HoldLapsed: 409,
    errors.CaptureExceedsHold: 409,
    errors.CreditHeld: 409,
    errors.RefundExceedsPayment: 409,
    page_errors.LoyaltyDisabled: 409,
    page_errors.PaymentInProgress: 409,
    errors.NoAudit: 404,
    errors.AtTooRecent: 422,
    errors.AlreadyCompleted: 409,
    errors.UnknownOrder: 404,
    errors.InvalidCsv: 422,
    errors.TooManyRows: 422,
    errors.UnknownDistribution: 404,
    errors.PreviewChanged: 409,
    errors.BadRows: 409,
    errors.DistributionState: 409,
    errors.BadOrders: 422,
    errors.UnknownReconciliation: 404,
    errors.Busy: 503,
    errors.OutcomeUnknown: 504,
    errors.InternalError: 500,
}
"""The one table from refusal to status. Checkout pages answer their own refusals with 200."""

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
}

PATH_TYPES: Final[Mapping[str, Any]] = {
    "channel": Identifier,
    "user_pk": Identifier,
    "currency": Currency,
    "transfer_id": TransferId,
    "hold_id": Identifier,
    "adjustment_id": Identifier,
    "refund_id": Identifier,
    "distribution_id": Identifier,
    "reconciliation_id": Identifier,
    "reference": Reference,
    "name": str,
    "token": str,
    "asset": str,
}
"""What each path parameter must be, wherever it stands."""

PUBLIC: Final = "public"
GUEST: Final = "guest"
"""A session is used if there is one, and the answer says what a guest may do."""


class Body(BaseModel):
    """The base of every request model: unknown fields are refused, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def example(content: JsonValue) -> ConfigDict:
    """Return the setting of a request model that shows a body as it may be sent."""
    return ConfigDict(json_schema_extra={"examples": [content]})


class Query(BaseModel):
    """The base of every query model: unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Shown(BaseModel):
    """The base of every answer model."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    def to_json(self) -> str:
        """Return the JSON text of the answer."""
        return self.model_dump_json()


class ProblemField(Shown):
    """One wrong field of a request."""

    field: str
    code: str
    detail: str


class Problem(Shown):
    """An error body, RFC 9457, with a stable `code`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemField] | None = None

    def to_json(self) -> str:
        """Return the JSON text, without `errors` where no field is to blame."""
        return self.model_dump_json(exclude_none=True)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a view sees it: decoded, identified and allowed."""

    path: Mapping[str, str]
    caller: auth.Caller
    call: auth.Call
    headers: Mapping[str, str]
    raw_body: bytes
    asked_path: str
    """The path as it was sent: a slash at its end, which routes do not tell, is still there."""

    @property
    def shopper(self) -> auth.Shopper:
        """The shopper who calls; only for routes whose access is `shopper`."""
        return auth.require_shopper(self.caller)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a view returns: a model, or None for an empty body."""

    body: Shown | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Records = Sequence[Mapping[str, Any]]

Entry = Callable[[Any, Any], Any]
"""What Lambda calls: an event and a context."""

Parsed = TypeVar("Parsed", bound=BaseModel)
Work = Callable[[dict[str, Any], float], None]
"""Works on a message until a time in seconds of the monotonic clock; raises to get it again."""

View = TypeVar("View", bound=Callable[..., Answer])


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route; `answers` maps each status of success to its model."""

    method: str
    path: str
    access: str
    view: Callable[..., Answer]
    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    refusals: tuple[type[Refusal], ...]
    reads: tuple[str, ...]
    life_s: float

    @property
    def summary(self) -> str:
        """The first line of the view's docstring."""
        return (self.view.__doc__ or "").strip().splitlines()[0]

    @property
    def all_refusals(self) -> tuple[type[Refusal], ...]:
        """What the route may answer besides success: its own refusals and the rim's."""
        found: list[type[Refusal]] = [errors.InternalError]
        if self.access != PUBLIC:
            found += [errors.NotSignedIn, errors.Forbidden, errors.Busy]
        reads_body = self.body is not None and not self.reads
        if self.query is not None or reads_body or "{" in self.path:
            found.append(errors.InvalidRequest)
        if reads_body:
            found += [errors.InvalidJson, errors.BodyTooLarge, errors.UnsupportedMediaType]
        if self.method != "GET":
            found.append(errors.OutcomeUnknown)
        if self.method != "GET" and self.access in {auth.SHOPPER, GUEST}:
            found.append(errors.CrossSiteWrite)
        if "{currency}" in self.path:
            found.append(errors.UnknownCurrency)
        return tuple(dict.fromkeys([*found, *self.refusals]))


DECLARED: Final[list[Route]] = []
"""Every route of the service, once its doors are imported."""


class Routes:
    """The routes of one door: declares them, and serves them through a Chalice blueprint."""

    def __init__(self, import_name: str, declared: list[Route] = DECLARED) -> None:
        """Take the module's real import path, which Chalice needs.

        `declared` is another list for routes that are no part of the interface.
        """
        self.blueprint = Blueprint(import_name)
        self._declared = declared

    def route(  # noqa: PLR0913  # a declaration has this many parts
        self,
        method: str,
        path: str,
        *,
        access: str,
        answers: Mapping[int, type[BaseModel] | None],
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        refusals: tuple[type[Refusal], ...] = (),
        reads: tuple[str, ...] = (),
        life_s: float = REQUEST_LIFE_S,
    ) -> Callable[[View], View]:
        """Declare a route. The view is called with the request, and `body` and `query` if any.

        A view that `reads` media types by itself gets only `raw_body`: checkout pages, say, answer
        a body that they cannot read in their own envelope.
        """

        def declare(view: View) -> View:
            declared = Route(
                method,
                path,
                access,
                view,
                answers,
                body,
                query,
                refusals,
                reads,
                life_s,
            )
            self._declared.append(declared)

            def handle(**_: str) -> Response:
                return _serve(declared, self.blueprint.current_request)

            name = f"{view.__module__.rpartition('.')[2]}_{view.__name__}"
            # Any media type reaches us, so that its refusal has our form and not Chalice's.
            register = self.blueprint.route(
                path, methods=[method], content_types=["*/*"], name=name
            )
            register(handle)
            return view

        return declare

    def each_minute(self, name: str) -> Callable[[Callable[[], None]], Entry]:
        """Declare what a clock starts each minute, in a function of its own with this name."""
        return self._each(Rate(1, unit=Rate.MINUTES), name)

    def each_night(self, name: str) -> Callable[[Callable[[], None]], Entry]:
        """Declare what a clock starts at 3 o'clock UTC, in a function of its own with this name."""
        return self._each(Cron(0, 3, "*", "*", "?", "*"), name)

    def _each(self, rate: Rate | Cron, name: str) -> Callable[[Callable[[], None]], Entry]:
        def declare(work: Callable[[], None]) -> Entry:
            def handle(_: CloudWatchEvent) -> None:
                work()

            # Chalice names the function's entry after this one.
            handle.__name__ = name
            entry: Entry = self.blueprint.schedule(rate, name=name)(handle)
            return entry

        return declare

    def each_message(self, name: str, work: Work) -> Entry:
        """Declare what a queue starts, in a function of its own with this name.

        Messages that fail are reported, and only they are delivered again.
        """

        def handle(event: SQSEvent) -> dict[str, Any]:
            context: Any = event.context
            life_s = context.get_remaining_time_in_millis() / 1000 - LAST_WRITE_S
            request_id = context.aws_request_id
            return _work_on(event.to_dict()["Records"], work, life_s, request_id)

        handle.__name__ = name
        subscribe = self.blueprint.on_sqs_message(
            queue_arn=QUEUE_PLACE, batch_size=MESSAGES_AT_ONCE, name=name
        )
        entry: Entry = subscribe(handle)
        return entry

    def each_change(self, name: str) -> Callable[[Callable[[Records], None]], Entry]:
        """Declare what changes of tables start, in a function of its own with this name.

        Where it raises, the same changes come again, and those after them wait.
        """

        def declare(work: Callable[[Records], None]) -> Entry:
            def handle(event: DynamoDBEvent) -> None:
                work(event.to_dict()["Records"])

            handle.__name__ = name
            subscribe = self.blueprint.on_dynamodb_record(
                stream_arn=STREAM_PLACE,
                batch_size=CHANGES_AT_ONCE,
                starting_position="TRIM_HORIZON",
                maximum_batching_window_in_seconds=CHANGES_WAIT_S,
                name=name,
            )
            entry: Entry = subscribe(handle)
            return entry

        return declare


def _work_on(records: Records, work: Work, life_s: float, request_id: str) -> dict[str, Any]:
    """Work on every message of a batch; return those that failed, to be delivered again."""
    failed = []
    ends = time.monotonic() + life_s
    for number, record in enumerate(records):
        now = time.monotonic()
        # What is left is shared, so that a slow message does not take the time of the others.
        own_s = min(MESSAGE_LIFE_S, (ends - now) / (len(records) - number))
        message_id = record["messageId"]
        which = {"message_id": message_id, "request_id": request_id}
        try:
            work(json.loads(record["body"]), now + own_s)
        except ValidationError as error:
            # Without its traceback, which shows what the message holds: it is personal.
            wrong = [".".join(map(str, each["loc"])) for each in error.errors()]
            log.error("message_malformed", extra={**which, "wrong": wrong})
            failed.append({"itemIdentifier": message_id})
        except Exception:  # noqa: BLE001  # the rim: one message never takes others with it
            log.exception("message_failed", extra=which)
            failed.append({"itemIdentifier": message_id})
    return {"batchItemFailures": failed}


def status_of(refusal: Refusal | type[Refusal]) -> int:
    """Return the HTTP status of a refusal."""
    return STATUS[refusal if isinstance(refusal, type) else type(refusal)]


def problem_of(refusal: Refusal) -> Problem:
    """Return the error body of a refusal."""
    fields = [ProblemField(field=e.field, code=e.code, detail=e.detail) for e in refusal.errors]
    return Problem(
        type=f"urn:loyalty-money:problem:{refusal.code}",
        title=refusal.title,
        status=status_of(refusal),
        code=refusal.code,
        detail=refusal.detail,
        errors=fields or None,
    )


def invalid_request(error: ValidationError) -> InvalidRequest:
    """Return a model's complaints as one refusal that names each field."""
    renamed = {"extra_forbidden": "unknown_field", "missing": "missing_field"}
    problems = [
        FieldError(
            ".".join(str(part) for part in problem["loc"]) or "body",
            renamed.get(problem["type"], problem["type"]),
            problem["msg"],
        )
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return InvalidRequest(errors=problems)


def media_type(headers: Mapping[str, str]) -> str:
    """Return the body's media type without parameters; JSON where none is named."""
    return headers.get("content-type", JSON).partition(";")[0].strip().lower()


def parse_form(raw: bytes) -> dict[str, str]:
    """Return the fields of a form body; of a repeated field the last one counts."""
    fields = parse_qs(raw.decode(errors="replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


# --- serving --------------------------------------------------------------------------------


def _serve(route: Route, event: ChaliceRequest) -> Response:
    started = time.monotonic()
    request_id = str(event.context.get("requestId") or uuid.uuid4())
    try:
        response = _response(_answer(route, event, started), request_id)
    except Refusal as refusal:
        log.info("refused", extra={"code": refusal.code, "request_id": request_id})
        response = _response(_refused(refusal), request_id)
    except Exception:  # noqa: BLE001  # the rim: whatever fails leaves as our own error body
        log.exception("internal_error", extra={"request_id": request_id})
        response = _response(_refused(errors.InternalError()), request_id)
    log.info(
        "request",
        extra={
            "route": f"{route.method} {route.path}",
            "status": response.status_code,
            "ms": round((time.monotonic() - started) * 1000, 1),
            "request_id": request_id,
        },
    )
    return response


def _answer(route: Route, event: ChaliceRequest, started: float) -> Answer:
    now = datetime.datetime.now(datetime.UTC)
    headers: Mapping[str, str] = event.headers
    caller = None if route.access == PUBLIC else auth.identify(headers, now)
    raw_path = {name: unquote(value) for name, value in (event.uri_params or {}).items()}
    _authorize(route, caller, raw_path.get("channel"), headers)
    path = _path(raw_path)
    raw_body = _raw_body(event)
    arguments: dict[str, Any] = {}
    if route.query is not None:
        arguments["query"] = _query(route.query, event)
    if route.body is not None and not route.reads:
        arguments["body"] = parse_json(route.body, raw_body, headers)
    asked_path = str(event.context.get("path", ""))
    by = caller.by if caller is not None else "nobody"
    call = auth.Call(by=by, now=now, deadline=started + _life_s(event, route.life_s))
    return route.view(Request(path, caller, call, headers, raw_body, asked_path), **arguments)


def _authorize(
    route: Route, caller: auth.Caller, channel: str | None, headers: Mapping[str, str]
) -> None:
    if route.access == PUBLIC:
        return
    if route.access in {auth.SHOPPER, GUEST}:
        if route.access == auth.SHOPPER or caller is not None:
            auth.require_shopper(caller)
        if route.method != "GET":
            auth.check_same_site(headers)
        return
    auth.require_scope(caller, route.access, channel)


_PATH_ADAPTERS: Final = {name: TypeAdapter(kind) for name, kind in PATH_TYPES.items()}


def path_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a path parameter, wherever it stands."""
    return _PATH_ADAPTERS[name].json_schema()


def _path(raw: Mapping[str, str]) -> dict[str, str]:
    for name, value in raw.items():
        try:
            _PATH_ADAPTERS[name].validate_python(value)
        except ValidationError as error:
            if name == "currency":
                raise errors.UnknownCurrency(value) from None
            problem = error.errors(include_url=False)[0]
            detail = FieldError(name, problem["type"], problem["msg"])
            raise InvalidRequest("The path does not fit.", errors=[detail]) from None
    return dict(raw)


def _query(model: type[BaseModel], event: ChaliceRequest) -> BaseModel:
    sent: Mapping[str, str] = event.query_params or {}
    try:
        return model.model_validate({name: sent[name] for name in sent})
    except ValidationError as error:
        raise invalid_request(error) from None


def parse_json(
    model: type[Parsed], raw: bytes, headers: Mapping[str, str], most: int = MAX_BODY_BYTES
) -> Parsed:
    """Return the JSON body as its model.

    Raises `UnsupportedMediaType`, `BodyTooLarge`, `InvalidJson` or `InvalidRequest`.
    """
    if media_type(headers) != JSON:
        raise errors.UnsupportedMediaType
    check_size(raw, most)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        if any(p["type"] in {"json_invalid", "model_type"} and not p["loc"] for p in problems):
            raise errors.InvalidJson from None
        raise invalid_request(error) from None


def check_size(raw: bytes, most: int = MAX_BODY_BYTES) -> None:
    """Raise `BodyTooLarge` for a body of more bytes than its route takes."""
    if len(raw) > most:
        raise errors.BodyTooLarge(f"A body may hold at most {most:,} bytes here.")


def _raw_body(event: ChaliceRequest) -> bytes:
    raw = event.raw_body
    return raw.encode() if isinstance(raw, str) else raw


def _life_s(event: ChaliceRequest, most_s: float) -> float:
    remaining_ms = getattr(event.lambda_context, "get_remaining_time_in_millis", None)
    if remaining_ms is None:
        return most_s
    return min(most_s, float(remaining_ms()) / 1000 - LAST_WRITE_S)


def _refused(refusal: Refusal) -> Answer:
    headers = {"Content-Type": PROBLEM}
    status = status_of(refusal)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = "1"
    return Answer(problem_of(refusal), status, headers)


def _response(answer: Answer, request_id: str) -> Response:
    body = answer.body.to_json() if answer.body is not None else ""
    headers: dict[str, str | list[str]] = {"Content-Type": JSON, "X-Request-Id": request_id}
    headers |= SECURITY_HEADERS | dict(answer.headers)
    return Response(body=body, status_code=answer.status, headers=headers)

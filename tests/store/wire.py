"""The wire between the store and its engine: what was sent, what it costs, what goes wrong on it.

Faults are put where the network is, before botocore reads an answer, so that all of our own code
and all of botocore's runs as it does against AWS.
"""

import base64
import copy
import io
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.dynamodb.models import dynamodb_backends

Json = dict[str, Any]

NOWHERE = "http://nowhere.invalid/"
"""Where a request goes that the engine must not see; moto looks at the address alone."""

WRITES = {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1, "TransactWriteItems": 2}
"""Operations that write, and how many units each started kilobyte of an item costs."""


@dataclass(slots=True)
class Sent:
    """One request to the engine, and the write and read units that it was charged."""

    operation: str
    request: Json
    status: int | None = None
    units: int = 0
    read_units: float = 0

    @property
    def members(self) -> list[tuple[str, Json]]:
        """The single writes of the request: verb and content."""
        if self.operation == "TransactWriteItems":
            return [next(iter(member.items())) for member in self.request["TransactItems"]]
        return [(self.operation.removesuffix("Item"), self.request)]


@dataclass(frozen=True, slots=True)
class Reply:
    """The engine answers this and does nothing."""

    status: int
    body: Json | bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer comes; `done` says whether the engine did what was asked."""

    done: bool


@dataclass(frozen=True, slots=True)
class NoConnection:
    """No connection is made, so nothing can have been done."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Somebody else does something just before the engine gets the request."""

    act: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Instead:
    """The engine answers what `answer` makes of the request, and does nothing."""

    answer: Callable[[Json], Json]


Fault = Reply | Silence | NoConnection | Meanwhile | Instead


class Raw(io.BytesIO):
    """A body as botocore reads it from a connection."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.read()


def tables_of_moto() -> dict[str, Any]:
    """Return the tables that moto holds in this process, past every request."""
    backends = [engine for account in dynamodb_backends.values() for engine in account.values()]
    return {name: table for engine in backends for name, table in engine.tables.items()}


class Wire:
    """Records every request of one client, and lets planned faults happen to them."""

    def __init__(self, client: Any) -> None:
        """Listen on a client, from now on."""
        self.sent: list[Sent] = []
        self.weighs = False
        """Whether to charge write units: each written row is read again for it."""
        self._client = client
        self._planned: defaultdict[str, deque[Fault | None]] = defaultdict(deque)
        self._lasting: dict[str, Fault] = {}
        self._loses_answer = False
        self._paused = False
        # At the same level botocore calls handlers in order, and moto's stands in the middle.
        client.meta.events.register_first("before-send.dynamodb", self._before)
        client.meta.events.register_last("before-send", self._behind)
        client.meta.events.register("after-call.dynamodb", self._answered)

    def detach(self) -> None:
        """Stop listening."""
        self._client.meta.events.unregister("before-send.dynamodb", self._before)
        self._client.meta.events.unregister("before-send", self._behind)
        self._client.meta.events.unregister("after-call.dynamodb", self._answered)

    def plan(self, operation: str, *faults: Fault | None) -> None:
        """Let the next requests of an operation meet these faults, one each; None is none."""
        self._planned[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        """Let every request of an operation without a plan meet this fault."""
        self._lasting[operation] = fault

    def heal(self) -> None:
        """Forget all plans."""
        self._planned.clear()
        self._lasting.clear()

    def forget(self) -> None:
        """Forget what was sent."""
        self.sent.clear()

    @property
    def operations(self) -> list[str]:
        """The names of what was sent, in order."""
        return [sent.operation for sent in self.sent]

    @property
    def cost(self) -> tuple[int, int]:
        """How many requests were sent, and the write units of those that wrote."""
        return len(self.sent), sum(sent.units for sent in self.sent)

    @property
    def read_units(self) -> float:
        """The read units of the requests that read; an eventually consistent one costs half."""
        return sum(sent.read_units for sent in self.sent)

    def ask(self, operation: str, request: Json) -> Json:
        """Ask the engine something without recording it or meeting a fault."""
        was, self._paused = self._paused, True
        try:
            answer: Json = self._client._make_api_call(operation, request)
        finally:
            self._paused = was
        return answer

    def item(self, table: str, key: Json) -> Json | None:
        """Return a row as it stands."""
        request = {"TableName": table, "Key": key, "ConsistentRead": True}
        found: Json | None = self.ask("GetItem", request).get("Item")
        return found

    def everything(self) -> dict[str, list[Json]]:
        """Return all rows of all tables."""
        return {
            name: [copy.deepcopy(item.to_json()["Attributes"]) for item in table.all_items()]
            for name, table in tables_of_moto().items()
        }

    def restore(self, rows: Mapping[str, list[Json]]) -> None:
        """Give every table the rows that it once held, as `everything` returned them."""
        for name, table in tables_of_moto().items():
            table.items.clear()
            for item in rows[name]:
                self.ask("PutItem", {"TableName": name, "Item": item})

    # --- handlers ---------------------------------------------------------------------------

    def _before(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        if self._paused:
            return None
        sent = _read(request)
        self.sent.append(sent)
        plan = self._planned[sent.operation]
        fault = plan.popleft() if plan else self._lasting.get(sent.operation)
        if fault is None:
            return None
        return self._happen(fault, sent, request)

    def _happen(self, fault: Fault, sent: Sent, request: AWSPreparedRequest) -> AWSResponse | None:
        match fault:
            case Reply(status, body):
                return _response(request, status, body)
            case Instead(answer):
                return _response(request, 200, answer(sent.request))
            case Silence(done=False):
                raise ReadTimeoutError(endpoint_url=NOWHERE)
            case Silence():
                self._loses_answer = True
            case NoConnection():
                raise ConnectTimeoutError(endpoint_url=NOWHERE)
            case Meanwhile(act):
                self._paused = True
                try:
                    act()
                finally:
                    self._paused = False
        return None

    def _behind(self, **_: object) -> None:
        if self._loses_answer and not self._paused:
            self._loses_answer = False
            raise ReadTimeoutError(endpoint_url=NOWHERE)

    def _answered(self, http_response: AWSResponse, parsed: Json, **_: object) -> None:
        if self._paused:
            return
        sent = self.sent[-1]
        sent.status = http_response.status_code
        if self.weighs and sent.status == 200 and sent.operation in WRITES:
            sizes = [size_of(self._row_of(verb, content)) for verb, content in sent.members]
            sent.units = sum(WRITES[sent.operation] * -(-size // 1024) for size in sizes)
        elif self.weighs and sent.status == 200:
            sent.read_units = read_units(sent, parsed)

    def _row_of(self, verb: str, content: Json) -> Json:
        if verb == "Put":
            put: Json = content["Item"]
            return put
        found = self.item(content["TableName"], content["Key"])
        return found if found is not None else content["Key"]


def _read(request: AWSPreparedRequest) -> Sent:
    target = request.headers["X-Amz-Target"]
    name = target.decode() if isinstance(target, bytes) else str(target)
    body: Any = request.body
    return Sent(name.rpartition(".")[2], json.loads(body))


def _response(request: AWSPreparedRequest, status: int, body: Json | bytes) -> AWSResponse:
    # Every handler is called, even after one has answered: keep this request from the engine.
    request.url = NOWHERE
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(NOWHERE, status, headers, Raw(content))


# --- answers of DynamoDB ----------------------------------------------------------------------


def error(code: str, status: int = 400) -> Reply:
    """Return the engine's refusal of a whole request."""
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    return Reply(status, {"__type": kind, "message": "as planned by the test"})


def cancelled(*codes: str) -> Reply:
    """Return the cancellation of a transaction, with a reason for each of its members."""
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons "
        f"[{', '.join(codes)}]",
        "CancellationReasons": [
            {"Code": code} if code == "None" else {"Code": code, "Message": "as planned"}
            for code in codes
        ],
    }
    return Reply(400, body)


def past(rows: Mapping[str, list[Json]]) -> Instead:
    """Return a batch read that is answered from `rows`: tables as they once were."""

    def answer(request: Json) -> Json:
        responses = {
            table: [
                item
                for item in rows[table]
                if any(all(item.get(n) == v for n, v in key.items()) for key in wanted["Keys"])
            ]
            for table, wanted in request["RequestItems"].items()
        }
        return {"Responses": responses, "UnprocessedKeys": {}}

    return Instead(answer)


# --- what a row weighs --------------------------------------------------------------------------


def size_of(item: Json) -> int:
    """Return a row's size in bytes, names included, as DynamoDB's guide says it is counted.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def read_units(sent: Sent, answer: Json) -> float:
    """Return what a read was charged: by started 4 KB of each item, or of all that a list read.

    What is not there costs as much as the smallest item. Source: Amazon DynamoDB Developer Guide,
    "DynamoDB read and write operations".
    """
    request = sent.request
    match sent.operation:
        case "BatchGetItem":
            return sum(
                _charged(answer["Responses"].get(table, []), len(asked["Keys"]))
                * (1 if asked.get("ConsistentRead") else 0.5)
                for table, asked in request["RequestItems"].items()
            )
        case "TransactGetItems":
            found = [each["Item"] for each in answer["Responses"] if "Item" in each]
            return 2 * _charged(found, len(request["TransactItems"]))
        case "GetItem":
            found = [answer["Item"]] if "Item" in answer else []
            return _charged(found, 1) * (1 if request.get("ConsistentRead") else 0.5)
        case _:
            size = sum(size_of(item) for item in answer["Items"])
            return max(1, -(-size // 4096)) * (1 if request.get("ConsistentRead") else 0.5)


def _charged(items: list[Json], asked: int) -> int:
    return sum(-(-size_of(item) // 4096) for item in items) + asked - len(items)


def _size_of_value(value: Json) -> int:
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return len(str(content).encode())
        case "N":
            digits = str(content).lstrip("-")
            return (len(digits) + 1) // 2 + 1 + str(content).startswith("-")
        case "BOOL" | "NULL":
            return 1
        case "B":
            return len(content if isinstance(content, bytes) else base64.b64decode(content))
        case "M":
            nested: Json = content
            return 3 + len(nested) + size_of(nested)
        case "L":
            members: list[Json] = content
            return 3 + sum(1 + _size_of_value(member) for member in members)
    raise AssertionError(f"no row of ours holds the type {kind}")

"""The line between one client and a real engine, and what goes wrong on it.

The faults are put where botocore hands a signed request to the network: all that we and botocore
do with an answer, or without one, is done as against AWS. Only writes meet them. What is planned
here is met by this client alone; a whole shop's chance of faults is the shim's part.
"""

import json
import os
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from chalicelib.store.connection import connection
from tests.engine.workers import Job, settle, use
from tests.store.wire import WRITES, Json, NoConnection, Raw, Reply, Silence


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is closed before the engine has the request."""


@dataclass(frozen=True, slots=True)
class DoneBut:
    """The engine does what was asked, and this is the answer."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Twice:
    """The engine gets the request two times; the answer is the first's or the second's.

    Without its token the second is a stranger to the engine, as after ten minutes.
    """

    second_answers: bool
    with_token: bool


@dataclass(frozen=True, slots=True)
class Late:
    """No answer comes, and the engine gets the request only at `Line.deliver`."""


@dataclass(frozen=True, slots=True)
class Kill:
    """This process is killed, just after the engine has answered or just before it is asked."""

    done: bool


Fault = Reply | Silence | NoConnection | Cut | DoneBut | Twice | Late | Kill


class Line:
    """Stands between a client and its connections. Use as a context to leave it again."""

    def __init__(self, client: Any) -> None:
        self._endpoint = client._endpoint
        self._behind = self._endpoint.http_session
        self._planned: deque[Fault] = deque()
        self._lasting: Fault | None = None
        self._late: list[AWSPreparedRequest] = []

    def __enter__(self) -> Self:
        self._endpoint.http_session = self
        return self

    def __exit__(self, *_: object) -> None:
        self._endpoint.http_session = self._behind

    def plan(self, fault: Fault) -> None:
        """Let the next write meet this."""
        self._planned.append(fault)

    def always(self, fault: Fault) -> None:
        """Let every write meet this."""
        self._lasting = fault

    def heal(self) -> None:
        """Let nothing go wrong from now on, and see that all that was planned has happened."""
        self._lasting = None
        assert not self._planned, "no write was sent"

    def deliver(self) -> list[int]:
        """Give the engine what is late, and return the status of each of its answers."""
        late, self._late = self._late, []
        return [self._behind.send(request).status_code for request in late]

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send a request as botocore's own session does, unless something goes wrong."""
        fault = self._next() if _operation(request) in WRITES else None
        answer = self._before(fault, request)
        if answer is None:
            answer = self._after(fault, request, self._behind.send(request))
        return answer

    def _next(self) -> Fault | None:
        return self._planned.popleft() if self._planned else self._lasting

    def _before(self, fault: Fault | None, request: AWSPreparedRequest) -> AWSResponse | None:
        """Let happen what keeps a request from the engine; return what is answered instead."""
        match fault:
            case Reply():
                return _response(request, fault)
            case NoConnection():
                raise ConnectTimeoutError(endpoint_url=request.url)
            case Silence(done=False):
                raise ReadTimeoutError(endpoint_url=request.url)
            case Late():
                self._late.append(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case Cut():
                raise ConnectionClosedError(endpoint_url=request.url)
            case Kill(done=False):
                os.kill(os.getpid(), signal.SIGKILL)
        return None

    def _after(
        self, fault: Fault | None, request: AWSPreparedRequest, answer: AWSResponse
    ) -> AWSResponse:
        """Let happen what comes between the engine's answer and the client; return what is left."""
        match fault:
            case Silence():
                raise ReadTimeoutError(endpoint_url=request.url)
            case DoneBut(reply):
                return _response(request, reply)
            case Twice(second_answers, with_token):
                second = self._behind.send(request if with_token else _without_token(request))
                return second if second_answers else answer
            case Kill():
                os.kill(os.getpid(), signal.SIGKILL)
        return answer


def _operation(request: AWSPreparedRequest) -> str:
    target = request.headers["X-Amz-Target"]
    name = target.decode() if isinstance(target, bytes) else str(target)
    return name.rpartition(".")[2]


def _without_token(request: AWSPreparedRequest) -> AWSPreparedRequest:
    """Return the same request as nobody knows it. No local engine checks the signature."""
    body: Any = request.body
    content: Json = json.loads(body)
    content.pop("ClientRequestToken", None)
    text = json.dumps(content).encode()
    headers: Any = {**dict(request.headers.items()), "Content-Length": str(len(text))}
    return AWSPreparedRequest(request.method, request.url, headers, text, stream_output=False)


def _response(request: AWSPreparedRequest, reply: Reply) -> AWSResponse:
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, reply.status, headers, Raw(content))


def act_and_die(environment: Mapping[str, str], wanted: Job, kill: Kill) -> None:
    """Send a request; the process, this one, ends by its own hand on the way."""
    use(environment)
    with Line(connection().client) as line:
        line.plan(kill)
        settle(wanted)

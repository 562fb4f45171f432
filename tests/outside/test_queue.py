"""The queue: all messages go out in requests that SQS takes, or wait in this process until due."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError
from moto import mock_aws

from chalicelib.core.errors import Busy
from chalicelib.outside import aws, queue
from chalicelib.outside.queue import ATTEMPTS, BATCH_BYTES, LONGEST_DELAY_S, LocalQueue, Message
from tests.clock import Clock, stopped
from tests.store.engine import ENVIRONMENT, UNSET, forget
from tests.store.wire import NOWHERE, Raw

Json = dict[str, Any]
Answer = Callable[[list[Json]], AWSResponse]
Found = TypeVar("Found")

REGION: Final = ENVIRONMENT["AWS_DEFAULT_REGION"]


class Line:
    """The line to SQS: the entries of each request; planned answers come in SQS's place."""

    def __init__(self, address: str) -> None:
        self.requests: list[list[Json]] = []
        self.planned: deque[Answer | None] = deque()
        self.lasting: Answer | None = None
        self._address = address
        aws.client("sqs").meta.events.register_first("before-send.sqs", self._before)

    def _before(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        assert isinstance(request.body, bytes)
        asked = json.loads(request.body)
        assert asked["QueueUrl"] == self._address
        self.requests.append(asked["Entries"])
        answer = self.planned.popleft() if self.planned else self.lasting
        if answer is None:
            return None
        # botocore asks every listener, and moto, too, would take the messages.
        request.url = NOWHERE
        return answer(asked["Entries"])

    @property
    def bodies(self) -> list[list[Message]]:
        """The messages of each request."""
        return [[json.loads(entry["MessageBody"]) for entry in each] for each in self.requests]


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a client of our own to an SQS that holds one queue, for which the variable is set."""
    with mock_aws():
        for name in (*UNSET, "AWS_ENDPOINT_URL_SQS"):
            monkeypatch.delenv(name, raising=False)
        client: Any = botocore.session.get_session().create_client("sqs", REGION)
        address = client.create_queue(QueueName="distributions")["QueueUrl"]
        for name, value in {**ENVIRONMENT, "DISTRIBUTION_QUEUE": address}.items():
            monkeypatch.setenv(name, value)
        forget()
        aws.forget_clients()
        yield client
    forget()
    aws.forget_clients()


@pytest.fixture
def line(sqs: Any) -> Line:
    return Line(sqs.list_queues()["QueueUrls"][0])


def received(sqs: Any) -> list[Message]:
    """Take every message from SQS that can be had."""
    address = sqs.list_queues()["QueueUrls"][0]
    messages = []
    while found := sqs.receive_message(QueueUrl=address, MaxNumberOfMessages=10).get("Messages"):
        messages += [json.loads(each["Body"]) for each in found]
    return messages


def numbered(count: int, size: int = 0) -> list[tuple[Message, int]]:
    return [({"number": number, "rows": "x" * size}, 0) for number in range(count)]


def numbers(messages: list[Message]) -> list[int]:
    return [message["number"] for message in messages]


def refuse(*places: int) -> Answer:
    """Answer that SQS has not taken the entries at these places of the request."""

    def answer(entries: list[Json]) -> AWSResponse:
        ids = [entry["Id"] for entry in entries]
        failed = [{"Id": ids[at], "Code": "InternalError", "SenderFault": False} for at in places]
        taken = [
            {"Id": each, "MessageId": each, "MD5OfMessageBody": "0" * 32}
            for at, each in enumerate(ids)
            if at not in places
        ]
        return reply(200, {"Successful": taken, "Failed": failed})

    return answer


def fail(status: int, code: str) -> Answer:
    return lambda _: reply(status, {"__type": f"com.amazonaws.sqs#{code}", "message": "No."})


def stay_silent(error: type[BotoCoreError]) -> Answer:
    def answer(_: list[Json]) -> AWSResponse:
        raise error(endpoint_url=NOWHERE)

    return answer


def reply(status: int, body: Mapping[str, Any]) -> AWSResponse:
    headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(NOWHERE, status, headers, Raw(json.dumps(body).encode()))


# --- SQS ----------------------------------------------------------------------------------------


def test_a_message_arrives_as_it_was_sent(sqs: Any) -> None:
    message = {"rows": [[2, "ada", 100, "İyi günler, 🎁", True]], "looks": 0, "none": None}
    queue.send([(message, 0)])
    assert received(sqs) == [message]


def test_characters_that_sqs_refuses_arrive_too(sqs: Any, line: Line) -> None:
    message = {"note": "\x00 \x08 \x7f \ufffe \uffff \U0001fffe"}
    queue.send([(message, 0)])
    ((entry,),) = line.requests
    assert entry["MessageBody"].isascii()
    assert received(sqs) == [message]


def test_a_request_has_at_most_ten_messages(sqs: Any, line: Line) -> None:
    queue.send(numbered(23))
    assert [len(request) for request in line.requests] == [10, 10, 3]
    assert sorted(numbers(received(sqs))) == list(range(23))


def test_a_request_has_at_most_as_many_bytes_as_sqs_takes(sqs: Any, line: Line) -> None:
    queue.send(numbered(20, size=30 * 1024))
    assert [len(request) for request in line.requests] == [8, 8, 4]
    for request in line.requests:
        assert sum(len(entry["MessageBody"].encode()) for entry in request) <= BATCH_BYTES
    assert sorted(numbers(received(sqs))) == list(range(20))


@pytest.mark.parametrize(("over", "requests"), [(0, [2]), (1, [1, 1])])
def test_a_request_is_filled_to_the_last_byte(line: Line, over: int, requests: list[int]) -> None:
    around = len(json.dumps({"rows": ""}, separators=(",", ":")))
    half = BATCH_BYTES // 2 - around
    queue.send([({"rows": "x" * half}, 0), ({"rows": "x" * (half + over)}, 0)])
    assert [len(request) for request in line.requests] == requests


def test_a_delay_is_that_of_its_message(sqs: Any, line: Line) -> None:
    queue.send([({"number": 0}, 0), ({"number": 1}, LONGEST_DELAY_S)])
    ((first, second),) = line.requests
    assert (first["DelaySeconds"], second["DelaySeconds"]) == (0, LONGEST_DELAY_S)
    assert numbers(received(sqs)) == [0]


def test_nothing_is_asked_for_no_message(line: Line) -> None:
    queue.send([])
    assert line.requests == []


def test_only_what_sqs_has_not_taken_is_sent_again(line: Line) -> None:
    line.planned += [refuse(1, 4), refuse(1), None]
    queue.send(numbered(5))
    assert [numbers(bodies) for bodies in line.bodies] == [[0, 1, 2, 3, 4], [1, 4], [4]]


def test_a_batch_behind_one_that_was_resent_is_sent_once(line: Line) -> None:
    line.planned += [refuse(9), None]
    queue.send(numbered(12))
    assert [numbers(bodies) for bodies in line.bodies] == [list(range(10)), [9], [10, 11]]


TROUBLE: Final = {
    "refuses a message": refuse(0),
    "is throttled": fail(400, "RequestThrottled"),
    "fails": fail(500, "InternalFailure"),
    "does not answer": stay_silent(ReadTimeoutError),
    "is not there": stay_silent(ConnectTimeoutError),
}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
def test_passing_trouble_is_waited_out(sqs: Any, line: Line, trouble: Answer) -> None:
    line.planned += [trouble] * (ATTEMPTS - 1)
    queue.send(numbered(1))
    assert len(line.requests) == ATTEMPTS
    assert numbers(received(sqs)) == [0]


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
def test_lasting_trouble_is_busy(line: Line, trouble: Answer) -> None:
    """botocore itself never sends again, which would multiply the attempts."""
    line.lasting = trouble
    with pytest.raises(Busy):
        queue.send(numbered(1))
    assert len(line.requests) == ATTEMPTS


def test_no_event_of_trouble_holds_a_message(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    for trouble in TROUBLE.values():
        line.lasting = trouble
        with pytest.raises(Busy):
            queue.send([({"user_email": "ada@example.com"}, 0)])
    assert len(caplog.records) == ATTEMPTS * len(TROUBLE)
    assert "ada@example.com" not in caplog.text


def test_sqs_is_waited_for_no_longer_than_a_request_can_wait(line: Line) -> None:
    settings = aws.client("sqs").meta.config
    assert (settings.connect_timeout, settings.read_timeout) == (1, 5)


def test_a_command_keeps_its_messages_where_a_queue_is_set(line: Line) -> None:
    with queue.in_process() as waiting:
        queue.send(numbered(2))
        assert (waiting.take(0), waiting.take(0)) == tuple(m for m, _ in numbered(2))
    assert line.requests == []
    queue.send(numbered(1))
    assert len(line.requests) == 1


def test_threads_share_one_client(line: Line) -> None:
    aws.forget_clients()
    assert len({id(client) for client in in_threads(lambda: aws.client("sqs"))}) == 1


# --- the queue of one process -------------------------------------------------------------------


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped(queue) as clock:
        yield clock


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set no queue."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    forget()
    yield
    forget()


def in_threads(work: Callable[[], Found], count: int = 8) -> list[Found]:
    """Do the same in some threads at once, and return what came of it."""
    found: list[Found] = []
    together = threading.Barrier(count)

    def begin() -> None:
        together.wait(60)
        found.append(work())

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_without_a_queue_messages_wait_in_the_process(alone: None) -> None:
    queue.send(numbered(3))
    assert len(queue.local()) == 3
    assert [queue.local().take(0) for _ in range(4)] == [*(m for m, _ in numbered(3)), None]


def test_what_waits_can_be_forgotten(alone: None) -> None:
    queue.send(numbered(3))
    queue.forget_local()
    assert len(queue.local()) == 0


def test_threads_share_one_queue(alone: None) -> None:
    queue.forget_local()
    assert len({id(found) for found in in_threads(queue.local)}) == 1


def test_messages_come_when_they_are_due_and_otherwise_in_their_order(clock: Clock) -> None:
    waiting = LocalQueue()
    for name, delay_s in (("late", 60), ("first", 0), ("soon", 5), ("second", 0)):
        waiting.put({"name": name}, delay_s)
    assert [waiting.take(0) for _ in range(3)] == [{"name": "first"}, {"name": "second"}, None]
    clock.now_s += 4.9
    assert waiting.take(0) is None
    clock.now_s += 0.1
    assert waiting.take(0) == {"name": "soon"}
    assert (waiting.take(0), len(waiting)) == (None, 1)
    clock.now_s += 55
    assert waiting.take(0) == {"name": "late"}


@pytest.mark.parametrize("delay_s", [-1, LONGEST_DELAY_S + 1])
def test_a_delay_that_sqs_would_refuse_is_refused_here_too(alone: None, delay_s: int) -> None:
    with pytest.raises(AssertionError):
        queue.send([({}, 0), ({}, delay_s)])
    assert len(queue.local()) == 0


def test_a_message_is_what_it_was_when_it_was_put() -> None:
    waiting = LocalQueue()
    message: Message = {"rows": [(1, "ada")]}
    waiting.put(message)
    message["rows"].clear()
    assert waiting.take(0) == {"rows": [[1, "ada"]]}


def test_what_sqs_could_not_carry_is_refused() -> None:
    with pytest.raises(TypeError):
        LocalQueue().put({"rows": {1, 2}})


@pytest.mark.parametrize("delay_s", [0, 0.05])
def test_who_waits_gets_what_comes_later(delay_s: float) -> None:
    waiting = LocalQueue()
    found: list[Message | None] = []
    thread = threading.Thread(target=lambda: found.append(waiting.take(3600)), daemon=True)
    thread.start()
    waiting.put({"name": "later"}, 3600)
    waiting.put({"name": "now"}, delay_s)
    thread.join(30)
    assert found == [{"name": "now"}]


def test_each_message_is_taken_once_by_any_number_of_threads() -> None:
    waiting = LocalQueue()
    for message, _ in numbered(400):
        waiting.put(message)

    def take_all() -> list[int]:
        found = []
        while (message := waiting.take(0)) is not None:
            found.append(message["number"])
        return found

    taken = in_threads(take_all)
    assert sorted(number for each in taken for number in each) == list(range(400))


def test_a_wait_for_nothing_ends() -> None:
    started = time.monotonic()
    assert LocalQueue().take(0.01) is None
    assert time.monotonic() - started >= 0.01

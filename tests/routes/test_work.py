"""What a queue starts: each message is worked on in its own time, and comes again if it fails."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from chalice.test import Client
from pydantic import BaseModel

import app
from chalicelib import distribution, http
from chalicelib.core.errors import Busy
from chalicelib.http import LAST_WRITE_S, MESSAGE_LIFE_S, MESSAGES_AT_ONCE, Routes
from chalicelib.logs import JsonLines
from chalicelib.outside import queue
from chalicelib.outside.queue import Message
from tests.clock import Clock, stopped
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Silence, Wire
from tests.verbs import campaigns, comparisons, shop

FUNCTION_LIFE_S: Final = 60
SECRET: Final = "ada@example.com"
CUSTOMERS: Final = 50
"""One more than a chunk has."""


@dataclass
class Context:
    """What Lambda tells a function about its call."""

    remaining_ms: int = FUNCTION_LIFE_S * 1000
    aws_request_id: str = "call-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped(http) as clock:
        yield clock


Work = Callable[[Message, float], None]


def event_of(bodies: Sequence[str]) -> dict[str, Any]:
    """Return what SQS hands to the function."""
    event: dict[str, Any] = Client(app.app).events.generate_sqs_event(list(bodies))
    for number, record in enumerate(event["Records"]):
        record["messageId"] = f"message-{number}"
    return event


def deliver(work: Work, bodies: Sequence[str], context: Context | None = None) -> list[str]:
    """Let messages start some work; return the ids of those to be delivered again."""
    entry = Routes("app").each_message("tried", work)
    return failed_of(entry(event_of(bodies), context or Context()))


def failed_of(answer: dict[str, Any]) -> list[str]:
    assert answer.keys() == {"batchItemFailures"}
    assert all(each.keys() == {"itemIdentifier"} for each in answer["batchItemFailures"])
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def numbered(count: int) -> list[str]:
    return [json.dumps({"number": number, "note": SECRET}) for number in range(count)]


# --- the rim ------------------------------------------------------------------------------------


def test_every_message_is_worked_on_and_none_comes_again() -> None:
    worked: list[Message] = []
    assert deliver(lambda message, _: worked.append(message), numbered(3)) == []
    assert worked == [json.loads(body) for body in numbered(3)]


def test_only_those_that_fail_come_again() -> None:
    worked = []

    def work(message: Message, deadline: float) -> None:
        worked.append(message["number"])
        if message["number"] in {1, 3}:
            raise Busy

    assert deliver(work, numbered(5)) == ["message-1", "message-3"]
    assert worked == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("body", ["", "{", '{"number": 0', "\x00"])
def test_a_message_that_is_no_json_fails_alone(body: str) -> None:
    worked: list[Message] = []
    one, other = numbered(2)
    failed = deliver(lambda message, _: worked.append(message), [one, body, other])
    assert failed == ["message-1"]
    assert [message["number"] for message in worked] == [0, 1]


class Strict(BaseModel):
    number: int
    note: None


def test_a_failure_is_logged_without_what_the_message_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(message: Message, deadline: float) -> None:
        if message["number"] == 0:
            raise ZeroDivisionError
        Strict.model_validate(message)

    bodies = [*numbered(2), f'{{"note": "{SECRET}"']
    with caplog.at_level(logging.INFO):
        assert deliver(work, bodies) == ["message-0", "message-1", "message-2"]
    lines = [JsonLines().format(record) for record in caplog.records]
    told = [json.loads(line) for line in lines]
    assert [(each["event"], each["message_id"], each["request_id"]) for each in told] == [
        ("message_failed", "message-0", "call-1"),
        ("message_malformed", "message-1", "call-1"),
        ("message_failed", "message-2", "call-1"),
    ]
    assert "ZeroDivisionError" in told[0]["traceback"]
    assert told[1]["wrong"] == ["note"]
    assert not any(SECRET in line for line in lines)


@pytest.mark.parametrize(
    ("count", "remaining_s", "own_s"),
    [
        (1, 60, MESSAGE_LIFE_S),
        (1, 13.5, 13.5 - LAST_WRITE_S),
        (2, 60, MESSAGE_LIFE_S),
        (5, 60, (60 - LAST_WRITE_S) / 5),
    ],
)
def test_a_message_gets_its_share_of_the_functions_time(
    clock: Clock, count: int, remaining_s: float, own_s: float
) -> None:
    lives: list[float] = []

    def work(message: Message, deadline: float) -> None:
        lives.append(deadline - clock.now_s)
        clock.now_s = deadline

    deliver(work, numbered(count), Context(int(remaining_s * 1000)))
    assert lives == pytest.approx([own_s] * count)


def test_what_one_message_leaves_is_for_the_others(clock: Clock) -> None:
    deadlines: list[float] = []

    def work(message: Message, deadline: float) -> None:
        deadlines.append(deadline - clock.now_s)

    deliver(work, numbered(5))
    left_s = FUNCTION_LIFE_S - LAST_WRITE_S
    wanted = [left_s / 5, left_s / 4, left_s / 3, MESSAGE_LIFE_S, MESSAGE_LIFE_S]
    assert deadlines == pytest.approx(wanted)


def test_all_deadlines_leave_time_for_the_answer(clock: Clock) -> None:
    started = clock.now_s
    deadlines: list[float] = []

    def work(message: Message, deadline: float) -> None:
        deadlines.append(deadline)
        clock.now_s = deadline

    deliver(work, numbered(MESSAGES_AT_ONCE))
    assert deadlines[-1] <= started + FUNCTION_LIFE_S - LAST_WRITE_S + 1e-6


# --- distributions ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    """Give the tests an engine with all tables."""
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None) -> Iterator[Wire]:
    """Open a shop with more customers than a chunk has, to whom a distribution is running."""
    with empty_store() as wire:
        queue.forget_local()
        shop.open_shop()
        campaigns.open_primary()
        names = [f"u{number:03d}" for number in range(CUSTOMERS)]
        for name in names:
            shop.register(name)
            shop.open_account(name, "0")
        campaigns.preview("spring", campaigns.rows_for(*names))
        campaigns.run("spring")
        yield wire


def bodies() -> list[str]:
    return [json.dumps(message) for message in campaigns.taken()]


def distribute(sent: Sequence[str], remaining_s: int = FUNCTION_LIFE_S) -> list[str]:
    return failed_of(app.distribute(event_of(sent), Context(remaining_s * 1000)))


def test_the_function_works_a_distribution_off(wire: Wire) -> None:
    assert distribute(bodies()) == []
    done = distribution.read_distribution(shop.call(), shop.CHANNEL, "spring").job
    assert done.state == "closed"
    assert shop.balance_of("u000") == shop.balance_of(f"u{CUSTOMERS - 1:03d}") == 100


def test_a_chunk_that_could_not_be_written_comes_again_and_is_credited_once(wire: Wire) -> None:
    *chunks, close = bodies()
    wire.always("TransactWriteItems", Silence(done=False))
    assert len(chunks) == 2
    assert distribute(chunks, remaining_s=5) == ["message-0", "message-1"]
    wire.heal()
    assert distribute([*chunks, *chunks, close]) == []
    assert shop.balance_of("u000") == 100


def test_the_function_works_a_reconciliation_off_beside_it(wire: Wire) -> None:
    campaigns.taken()
    comparisons.start("march", {"o-1": 100})
    while messages := comparisons.taken():
        assert distribute([json.dumps(message) for message in messages]) == []
    job = comparisons.standing("march")
    assert (job.state, job.accounts, job.differences) == ("closed", CUSTOMERS + 1, 1)


def test_a_message_that_nobody_understands_is_reported() -> None:
    odd = '{"noun": "reconciliation", "channel": "demo"}'
    assert distribute(['{"channel": "demo"}', "[]", "5", odd]) == [
        "message-0",
        "message-1",
        "message-2",
        "message-3",
    ]

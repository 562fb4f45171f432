"""The local counterpart of the queue in AWS: threads work, and what fails comes again."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import pytest

from chalicelib.outside import queue
from chalicelib.outside.queue import LocalQueue, Message
from cli.worker import DELIVERIES, work_once, working
from tests.clock import Clock, stopped
from tests.demo.shopper import ask_as_staff, new_shopper
from tests.house.service import Service

WORKED_OFF_S: Final = 60.0


@pytest.fixture(autouse=True)
def fresh() -> None:
    queue.forget_local()


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped(queue) as clock:
        yield clock


def test_nothing_is_done_when_nothing_waits() -> None:
    assert not work_once(LocalQueue(), lambda *_: pytest.fail("nothing waits"), timeout_s=0)


def test_a_message_that_fails_comes_again_later_each_time_and_is_then_given_up(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = LocalQueue()
    waiting.put({"number": 1})
    seen: list[tuple[float, Message]] = []

    def fail(message: Message, _: float) -> None:
        seen.append((clock.now_s, message))
        raise ZeroDivisionError

    while len(waiting):
        clock.now_s += 0.25 if not work_once(waiting, fail, timeout_s=0) else 0
    times = [at for at, _ in seen]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [0.5, 1, 2, 4]
    assert [message for _, message in seen] == [{"number": 1}] * DELIVERIES
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4 + ["ERROR"]


def test_what_succeeds_after_a_failure_is_not_done_again(clock: Clock) -> None:
    waiting = LocalQueue()
    waiting.put({})
    outcomes = iter([ZeroDivisionError, None])

    def work(*_: object) -> None:
        if error := next(outcomes):
            raise error

    work_once(waiting, work, timeout_s=0)
    clock.now_s += 60
    assert work_once(waiting, work, timeout_s=0)
    assert len(waiting) == 0


def test_threads_work_side_by_side_until_the_context_ends() -> None:
    before = set(threading.enumerate())
    together = threading.Barrier(3)
    done = threading.Semaphore(0)

    def work(*_: object) -> None:
        together.wait(60)
        done.release()

    with working(work, threads=3):
        for number in range(3):
            queue.local().put({"number": number})
        assert all(done.acquire(timeout=60) for _ in range(3))
    queue.local().put({"number": 3})
    assert len(queue.local()) == 1
    assert set(threading.enumerate()) == before


def test_what_is_begun_is_ended_before_the_context_ends() -> None:
    begun, done = threading.Event(), threading.Event()
    go_on = threading.Event()

    def work(*_: object) -> None:
        begun.set()
        go_on.wait(60)
        done.set()

    with working(work, threads=1):
        queue.local().put({})
        assert begun.wait(60)
        threading.Timer(0.01, go_on.set).start()
    assert done.is_set()


def test_a_failure_ends_no_thread() -> None:
    seen: list[Any] = []
    second = threading.Event()

    def work(message: Message, _: float) -> None:
        seen.append(message["number"])
        if message["number"] == 0 and seen.count(0) == 1:
            raise ZeroDivisionError
        if message["number"] == 1:
            second.set()

    with working(work, threads=1):
        queue.local().put({"number": 0})
        queue.local().put({"number": 1})
        assert second.wait(60)
    assert seen[:2] == [0, 1]


def test_a_service_works_its_own_distributions_off(service: Service) -> None:
    email = new_shopper(service, "0.00")
    rows = [{"user_email": email, "amount": "10.00"}]
    wanted = {"source": "treasury", "currency": "TRY", "rows": rows}
    seen = ask_as_staff(service, "PUT", "/distributions/beside", wanted)
    path = f"/distributions/{seen['id']}"
    ask_as_staff(service, "POST", f"{path}/run", {"preview_id": seen["preview_id"]})
    until = time.monotonic() + WORKED_OFF_S
    while (stands := ask_as_staff(service, "GET", path))["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (stands["state"], stands["credited"], stands["escrow"]) == ("closed", "10.00", "0.00")

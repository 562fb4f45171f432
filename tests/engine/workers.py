"""Processes that act at once on one store, and what each of them was answered.

A test gives every writer its jobs, as functions of a module and their arguments. The processes
wait for one another at a barrier and then do them; only a definite answer ends a job, unless the
test wants to see what a single call ends in.
"""

import multiprocessing
import os
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING, Any, Final, Self

from chalicelib.config import config, key_ring
from chalicelib.core.errors import Busy, OutcomeUnknown, Refusal
from chalicelib.core.page_errors import PageRefusal
from chalicelib.store.connection import connection, forget_connection
from chalicelib.store.tables import definitions
from tests.engine.shim_items import Json

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

WAIT_S: Final = 1100.0
"""How long anybody waits for anybody: a test's own time limit comes first."""
_STOP_S: Final = 30.0

FORKS: Final = multiprocessing.get_context("forkserver")
"""Starts processes from one that has imported the service and does nothing else."""
FORKS.set_forkserver_preload(["tests.engine.line", "tests.engine.workers", "tests.verbs.shop"])


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a shop."""

    verb: Callable[..., Any]
    args: tuple[Any, ...]
    named: Mapping[str, Any]
    patient: bool = True
    """Whether it is repeated until it is definite."""

    def once(self) -> "Job":
        """Return the same request, to be sent a single time."""
        return Job(self.verb, self.args, self.named, patient=False)


def job(verb: Callable[..., Any], *args: Any, **named: Any) -> Job:
    """Return a request that is repeated until it is definite. All must be known to pickle."""
    return Job(verb, args, named)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended: with an `answer`, or the code of a refusal and its sentence."""

    answer: Any
    refused: str | None
    detail: str
    writes: tuple[int, ...]
    """How many transactions each call sent; all calls but the last were not definite."""
    lost: int
    """How many of its requests got no answer: none of them, unless the machine is very slow."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What one process is to do: the jobs of some writers, each a thread of its own."""

    environment: Mapping[str, str]
    writers: Sequence[Sequence[Job]]
    paced: bool
    rounds: int


@dataclass(frozen=True, slots=True)
class _Broken:
    """What a process died of."""

    said: str


# --- refusals on their way from process to process ----------------------------------------------


def _kinds(kind: type[PageRefusal]) -> Iterator[type[PageRefusal]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _again(kind: type[PageRefusal], args: tuple[Any, ...], said: dict[str, Any]) -> PageRefusal:
    refusal = kind.__new__(kind, *args)
    refusal.__dict__.update(said)
    return refusal


def _reduced(refusal: PageRefusal) -> tuple[Any, ...]:
    return _again, (type(refusal), refusal.args, vars(refusal))


for _kind in _kinds(PageRefusal):
    # What they are made with is not what an exception keeps, from which pickle would make them.
    ForkingPickler.register(_kind, _reduced)


# --- what came of it --------------------------------------------------------------------------


def refused(endings: Sequence[Ending]) -> Counter[str | None]:
    """Return how many ended with each refusal; None stands for an answer."""
    return Counter(ending.refused for ending in endings)


def answers(endings: Sequence[Ending]) -> list[Any]:
    """Return what those who were not refused were answered."""
    return [ending.answer.answer for ending in endings if ending.refused is None]


def check_one_wrote(endings: Sequence[Ending]) -> None:
    """Assert that all were answered alike, and one of them at most as the first.

    After a lost answer nobody is told that it was the first; a slow machine may lose some.
    """
    assert refused(endings) == {None: len(endings)}
    first, *others = answers(endings)
    assert all(other == first for other in others)
    written = sum(ending.answer.written for ending in endings)
    assert written == 1 or (written == 0 and any(ending.lost for ending in endings))


# --- processes --------------------------------------------------------------------------------


class Workers:
    """Processes that wait for work. Use as a context to end them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._barrier = FORKS.Barrier(count, timeout=WAIT_S)
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    def __enter__(self) -> Self:
        for _ in range(self.count):
            ours, theirs = FORKS.Pipe()
            process = FORKS.Process(target=_work, args=(theirs, self._barrier), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        # After a failure some may still wait at the barrier; all others wait for work.
        self._barrier.abort()
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_STOP_S)
            process.kill()
            process.join()

    def act(
        self,
        environment: Mapping[str, str],
        writers: Sequence[Sequence[Job]],
        *,
        paced: bool = False,
    ) -> list[list[Ending]]:
        """Let all writers do their jobs at once; return the endings of each, in order.

        `paced` lets them wait for one another before every job: one writer a process then.
        """
        assert not paced or len(writers) <= self.count
        rounds = max(map(len, writers))
        for number, pipe in enumerate(self._pipes):
            share = writers[number :: self.count]
            pipe.send(_Task(dict(environment), share, paced, rounds))
        shares = [self._receive(pipe) for pipe in self._pipes]
        return [shares[n % self.count][n // self.count] for n in range(len(writers))]

    def _receive(self, pipe: Connection) -> list[list[Ending]]:
        assert pipe.poll(WAIT_S), "a worker does not come to an end"
        received: list[list[Ending]] | _Broken = pipe.recv()
        assert not isinstance(received, _Broken), received.said
        return received


def rows_of(environment: Mapping[str, str], part: str = "") -> dict[str, list[Json]]:
    """Return the rows of all tables as the engine holds them, by the tables' nouns.

    With `part`, only rows whose hash key or `user_pk` contains it.
    """
    client = connection().client
    found: dict[str, list[Json]] = {}
    for definition in definitions(environment["TABLE_PREFIX"]):
        table, key = definition["TableName"], definition["KeySchema"][0]
        only: Json = {
            "FilterExpression": "contains(#key, :part) OR contains(user_pk, :part)",
            "ExpressionAttributeNames": {"#key": key["AttributeName"]},
            "ExpressionAttributeValues": {":part": {"S": part}},
        }
        request = {"TableName": table, "ConsistentRead": True, **(only if part else {})}
        pages = client.get_paginator("scan").paginate(**request)
        noun = table.removeprefix(environment["TABLE_PREFIX"])
        found[noun] = [item for page in pages for item in page["Items"]]
    return found


# --- in a process ---------------------------------------------------------------------------


def use(environment: Mapping[str, str]) -> None:
    """Let this process speak to the store that the environment names, and count what it sends."""
    os.environ.update(environment)
    config.cache_clear()
    key_ring.cache_clear()
    forget_connection()
    events = connection().client.meta.events
    events.register("before-send.dynamodb.TransactWriteItems", _count_write)
    events.register("response-received.dynamodb", _count_lost)


class _Counted(threading.local):
    """What the present thread sent."""

    writes = 0
    lost = 0


_counted = _Counted()


def _count_write(**_: object) -> None:
    _counted.writes += 1


def _count_lost(*, exception: Exception | None, **_: object) -> None:
    _counted.lost += exception is not None


def _work(pipe: Connection, barrier: Barrier) -> None:
    """Do tasks until the other end of the pipe is closed."""
    environment: Mapping[str, str] = {}
    while True:
        try:
            task: _Task = pipe.recv()
        except EOFError:
            return
        try:
            if task.environment != environment:
                environment = task.environment
                use(environment)
            pipe.send(_done(task, barrier))
        except BaseException:
            # Whoever waits at the barrier must not wait for this one.
            barrier.abort()
            pipe.send(_Broken(traceback.format_exc()))
            raise


def _done(task: _Task, barrier: Barrier) -> list[list[Ending]]:
    if task.paced:
        [jobs] = task.writers or [[]]
        endings = []
        for at in range(task.rounds):
            barrier.wait()
            endings += [settle(one) for one in jobs[at : at + 1]]
        return [endings]
    barrier.wait()
    if not task.writers:
        return []
    with ThreadPoolExecutor(len(task.writers)) as pool:
        return list(pool.map(lambda jobs: [settle(one) for one in jobs], task.writers))


def settle(wanted: Job) -> Ending:
    """Send a request, again and again with the same id if it is patient, and say how it ended."""
    writes: list[int] = []
    lost = _counted.lost
    while True:
        before = _counted.writes
        answer, refusal = _call(wanted)
        writes.append(_counted.writes - before)
        if refusal is None:
            return Ending(answer, None, "", tuple(writes), _counted.lost - lost)
        if not (wanted.patient and isinstance(refusal, Busy | OutcomeUnknown)):
            detail = refusal.detail
            return Ending(None, refusal.code, detail, tuple(writes), _counted.lost - lost)


def _call(wanted: Job) -> tuple[Any, Refusal | None]:
    try:
        return wanted.verb(*wanted.args, **wanted.named), None
    except Refusal as refusal:
        return None, refusal

"""The queue of work that is done after its request was answered: SQS, or this process's own.

A message may come more than once, in any order, and late. Whoever works on it must not mind.
"""

import heapq
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from chalicelib.config import config
from chalicelib.core.errors import Busy
from chalicelib.logs import log
from chalicelib.outside.aws import AwsError, client

Message = dict[str, Any]
"""What is to be done, as JSON."""

BATCH_MESSAGES: Final = 10
BATCH_BYTES: Final = 256 * 1024
"""What one request to SQS may hold: less than its limits."""

LONGEST_DELAY_S: Final = 900
"""The longest that SQS keeps a message back."""

ATTEMPTS: Final = 4
BASE_PAUSE_S: Final = 0.05

_making: Final = threading.Lock()
_in_process: Final = threading.Event()


def send(messages: Sequence[tuple[Message, int]]) -> None:
    """Send messages, each with a delay in whole seconds, 0 to 900.

    Raises `Busy` where the queue does not take them all: some may have been sent, and sending
    them again does no harm.
    """
    assert all(0 <= delay_s <= LONGEST_DELAY_S for _, delay_s in messages)
    address = config().distribution_queue
    if address is None or _in_process.is_set():
        for message, delay_s in messages:
            local().put(message, delay_s)
        return
    send_to(address, messages)


def send_to(address: str, messages: Sequence[tuple[Message, int]]) -> None:
    """Send messages to a queue of SQS. Raises `Busy` where it does not take them all."""
    entries = [_entry(number, *each) for number, each in enumerate(messages)]
    for batch in _batches(entries):
        _send_batch(address, batch)


@contextmanager
def in_process() -> Iterator["LocalQueue"]:
    """Keep what this process sends in the process, which then has to work on it: for commands."""
    _in_process.set()
    try:
        yield local()
    finally:
        _in_process.clear()


# --- the queue of one process -------------------------------------------------------------------


class LocalQueue:
    """Messages in the order in which they are due. Any number of threads may put and take."""

    def __init__(self) -> None:
        """Begin empty."""
        self._due: list[tuple[float, int, Message]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return how many messages wait, due or not."""
        with self._changed:
            return len(self._due)

    def put(self, message: Message, delay_s: float = 0) -> None:
        """Keep a message until it is due."""
        # As text, as any queue would keep it: nothing is shared.
        kept = json.loads(json.dumps(message))
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._count), kept))
            # All, since each waits for what was due next, and one alone might be about to give up.
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Message | None:
        """Return the next message that is due, or None when none was in that time."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                if now >= until:
                    return None
                next_due = self._due[0][0] if self._due else until
                self._changed.wait(max(0.0, min(until, next_due) - now))


def local() -> LocalQueue:
    """Return the queue of this process."""
    with _making:
        return _local()


@lru_cache(maxsize=1)
def _local() -> LocalQueue:
    return LocalQueue()


def forget_local() -> None:
    """Drop the queue of this process with all that waits in it."""
    _local.cache_clear()


# --- SQS ----------------------------------------------------------------------------------------

_Entry = dict[str, Any]


def _entry(number: int, message: Message, delay_s: int) -> _Entry:
    # Escaped to ASCII, since SQS refuses some characters that a note may hold.
    body = json.dumps(message, separators=(",", ":"))
    return {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_s}


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Yield the entries in batches that one request may hold."""
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        own = len(entry["MessageBody"].encode())
        if batch and (len(batch) == BATCH_MESSAGES or size + own > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += own
    if batch:
        yield batch


def _send_batch(address: str, entries: list[_Entry]) -> None:
    """Send until SQS has taken each; to send one twice is harmless."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BASE_PAUSE_S * 2**attempt * random.random())  # noqa: S311  # jitter
        try:
            answer = client("sqs").send_message_batch(QueueUrl=address, Entries=entries)
        except AwsError:
            log.warning("queue_unanswered", exc_info=True)
            continue
        failed = {each["Id"] for each in answer.get("Failed", [])}
        entries = [entry for entry in entries if entry["Id"] in failed]
        if not entries:
            return
        log.warning("queue_refused", extra={"code": answer["Failed"][0]["Code"]})
    raise Busy

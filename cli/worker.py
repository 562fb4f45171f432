"""What the queue in AWS does with messages, done by threads beside the local service."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from chalicelib.http import MESSAGE_LIFE_S
from chalicelib.outside import queue
from chalicelib.outside.queue import LocalQueue, Message
from cli.local import LocalError

THREADS: Final = 4
DELIVERIES: Final = 5
"""How often a message comes that fails each time, as in AWS; then it is given up."""

STUCK_S: Final = 30.0
"""How long nothing may wait in the queue before it counts as stuck: longer than a message lives."""

_LOOK_S: Final = 0.2
_COUNT: Final = "_deliveries"

_log: Final = logging.getLogger(__name__)

Work = Callable[[Message, float], Any]
"""Works on a message until a time in seconds of the monotonic clock."""


def work_once(waiting: LocalQueue, work: Work, *, timeout_s: float) -> bool:
    """Work on the next message that is due; return whether there was one.

    One that fails comes again, later each time.
    """
    message = waiting.take(timeout_s)
    if message is None:
        return False
    count = message.pop(_COUNT, 0) + 1
    try:
        work(message, time.monotonic() + MESSAGE_LIFE_S)
    except Exception:  # noqa: BLE001  # whatever failed: it is delivered again, as a queue does
        if count < DELIVERIES:
            _log.warning("A message has failed, and comes again.", exc_info=True)
            waiting.put({**message, _COUNT: count}, delay_s=2.0**count / 4)
        else:
            _log.exception("A message has failed %d times, and is given up.", count)
    return True


@contextmanager
def working(work: Work, threads: int = THREADS) -> Iterator[None]:
    """Work on what the process's own queue brings while the context is open."""
    ended = threading.Event()
    waiting = queue.local()

    def go_on() -> None:
        while not ended.is_set():
            work_once(waiting, work, timeout_s=_LOOK_S)

    workers = [threading.Thread(target=go_on, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        ended.set()
        for worker in workers:
            worker.join()


def wait_until(ended: Callable[[], bool], messages: LocalQueue, *, stuck: str) -> None:
    """Look again and again until what is worked on has `ended`.

    Raises `LocalError` with the sentence `stuck` where it has not, and nothing waits any more.
    """
    idle_since = time.monotonic()
    while True:
        time.sleep(_LOOK_S)
        if ended():
            return
        if len(messages):
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > STUCK_S:
            raise LocalError(stuck)

"""What a clock does in AWS, done by a thread of the local service."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MINUTE_S: Final = 60.0

_log: Final = logging.getLogger(__name__)


@contextmanager
def ticking(work: Callable[[], object], every_s: float = MINUTE_S) -> Iterator[None]:
    """Do `work` every so many seconds while the context is open; a failure is logged."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(every_s):
            try:
                work()
            except Exception:  # noqa: BLE001  # the next tick has its turn whatever became of this one
                _log.exception("What the clock started has failed.")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

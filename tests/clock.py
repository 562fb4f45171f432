"""A clock for tests: time passes when a test says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest


class Clock:
    """Stands in for the module `time` where a module reads what time it is, and no more."""

    def __init__(self) -> None:
        """Begin at any time."""
        self.now_s = 1000.0
        self._made_s = time.time() - self.now_s

    def monotonic(self) -> float:
        """Return what time it is."""
        return self.now_s

    def time(self) -> float:
        """Return what time it is by the calendar, which goes on from when the clock was made."""
        return self._made_s + self.now_s


@contextmanager
def stopped(module: ModuleType) -> Iterator[Clock]:
    """Let a module read a clock that stands still, while the context is open."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", clock)
        yield clock

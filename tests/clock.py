"""A clock for tests: time passes when a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest


class Clock:
    """Stands in for the module `time` where a module reads the monotonic clock alone."""

    def __init__(self) -> None:
        """Begin at any time."""
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """Return what time it is."""
        return self.now_s


@contextmanager
def stopped(module: ModuleType) -> Iterator[Clock]:
    """Let a module read a clock that stands still, while the context is open."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", clock)
        yield clock

"""Short words for writing to the store and reading it back."""

import time
from collections.abc import Sequence
from typing import Final

from chalicelib.core.audit import Report
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.requests import batch_get, transact_write

REPORT: Final = Report(
    channel="demo",
    started_at="2026-03-01T12:00:00+00:00",
    as_of="2026-03-01T11:59:00+00:00",
    finished_at="2026-03-01T12:00:01+00:00",
    right=True,
    accounts=0,
    entries=0,
    transfers=0,
    holds=0,
    refunds=0,
    totals=(),
    fault_count=0,
    faults=(),
)
"""What an audit of an empty channel finds."""


def soon() -> float:
    """Return a deadline that no test comes near."""
    return time.monotonic() + 30


def write(*actions: Action) -> None:
    """Write all actions or none."""
    transact_write(actions)


def read(keys: Sequence[AnyKey]) -> Rows:
    """Read rows as they stand."""
    return batch_get(keys, deadline=soon(), consistent=True)

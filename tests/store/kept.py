"""Short words for writing to the store and reading it back."""

import time
from collections.abc import Sequence

from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.requests import batch_get, transact_write


def soon() -> float:
    """Return a deadline that no test comes near."""
    return time.monotonic() + 30


def write(*actions: Action) -> None:
    """Write all actions or none."""
    transact_write(actions)


def read(keys: Sequence[AnyKey]) -> Rows:
    """Read rows as they stand."""
    return batch_get(keys, deadline=soon(), consistent=True)

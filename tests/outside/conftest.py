from collections.abc import Iterator

import pytest

from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Wire


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    """Give the tests of one module an engine with all tables."""
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None) -> Iterator[Wire]:
    """Give each test an empty store, and the wire to it."""
    with empty_store() as wire:
        yield wire

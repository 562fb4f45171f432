from collections.abc import Iterator

import pytest

from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Wire
from tests.verbs import shop


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


@pytest.fixture
def counted(wire: Wire) -> Wire:
    """Give a test the wire to a shop where ada has 50.00."""
    open_counted()
    return wire


def open_counted() -> None:
    """Open a shop where ada has 50.00 and grace nothing, and alan no account."""
    shop.open_shop()
    shop.register("ada", "grace", "alan")
    shop.open_account("ada", "50.00", account_id="ada-try")
    shop.open_account("grace", "0", account_id="grace-try")

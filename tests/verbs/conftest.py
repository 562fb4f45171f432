from collections.abc import Iterator

import pytest

from tests.store.engine import store_on_moto
from tests.store.wire import Wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Give each test an empty store on moto, and the wire to it."""
    with store_on_moto() as wire:
        yield wire

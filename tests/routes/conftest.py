"""The shop that doors are tested in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.routes.shop import Shop, opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Open the shop on tables of this test's own."""
    with opened(tmp_path) as shop:
        yield shop

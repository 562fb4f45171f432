"""The shop that doors are tested in."""

from collections.abc import Iterator

import pytest

from tests.routes.shop import Shop, opened


@pytest.fixture(scope="module")
def kept_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Open a shop for the tests of one file, which use it one after the other."""
    with opened(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(kept_shop: Shop) -> Shop:
    """Return the shop as it was furnished, whatever the test before did in it."""
    kept_shop.begin_again()
    return kept_shop

"""The order of these tests: what counts the others comes after them."""

import pytest

from tests.routes.conftest import kept_shop, shop  # noqa: F401  # fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "as_many_cases_as_were_promised" in item.name)

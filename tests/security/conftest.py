"""The shop of these tests, and their order: what counts the others of a file comes after them."""

from pathlib import Path

import pytest

from tests.routes.conftest import kept_shop, shop  # noqa: F401  # fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[Path, int] = {}
    for item in items:
        files.setdefault(item.path, len(files))
    items.sort(key=lambda item: (files[item.path], "as_were_promised" in item.name))

"""The shop of these tests, and their order: what counts the others of a file comes after them."""

import dataclasses
from pathlib import Path

import pytest

from tests.routes.conftest import kept_shop, shop  # noqa: F401  # fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[Path, int] = {}
    for item in items:
        files.setdefault(item.path, len(files))
        _, bracket, operation = item.name.partition("[")
        if bracket and item.id.params is None:
            # schemathesis names the operation in the name alone: to xdist all would be one test.
            item._id = dataclasses.replace(item.id, params=operation.removesuffix("]"))
    items.sort(key=lambda item: (files[item.path], "as_were_promised" in item.name))

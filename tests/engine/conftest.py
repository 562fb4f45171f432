"""An engine to be right under contention on, and our tables there for each test alone.

`ENGINE_ENDPOINT` runs these tests against any other endpoint of DynamoDB's interface, with the
credentials and region of the environment; unset, each test process runs a DynamoDB Local.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.store.connection import connection
from chalicelib.store.tables import create_missing
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.store.engine import ENVIRONMENT, UNSET, forget

GIVEN = os.environ.get("ENGINE_ENDPOINT")
ACCESS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": ENVIRONMENT["AWS_DEFAULT_REGION"],
}


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the engine of these tests answers. They share it: let each have its own tables."""
    if GIVEN:
        yield GIVEN
        return
    with DynamoDBLocal(tmp_path_factory.mktemp("dynamodb-local")) as engine:
        yield engine.address


@pytest.fixture
def tables(endpoint: str) -> Iterator[dict[str, str]]:
    """Give a test empty tables; yield the environment of a process that shares them."""
    with tables_at(endpoint) as environment:
        yield environment


@contextmanager
def tables_at(endpoint: str) -> Iterator[dict[str, str]]:
    """Make tables under a prefix of their own, let the store use them, and drop them at last."""
    environment = _environment(endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name in UNSET:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        forget()
        try:
            names = create_missing()
            # Kept, since a test may have pointed the store elsewhere by the end.
            client: Any = connection().client
            try:
                yield environment
            finally:
                for name in names:
                    client.delete_table(TableName=name)
        finally:
            forget()


def _environment(endpoint: str) -> dict[str, str]:
    access = {name: os.environ.get(name, value) for name, value in ACCESS.items()}
    return ENVIRONMENT | {
        "TABLE_PREFIX": f"t{secrets.token_hex(6)}-",
        "DYNAMODB_ENDPOINT": endpoint,
        **(access if GIVEN else ACCESS),
    }

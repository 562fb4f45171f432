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
from hypothesis import settings

from chalicelib.store.connection import connection
from chalicelib.store.tables import create_missing
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.engine.racing import PROCESSES, SIZES, Race, user
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.engine.workers import Workers, rows_of
from tests.properties.books import PREFIX, Books, audit
from tests.store.engine import ENVIRONMENT, UNSET, forget
from tests.verbs import shop

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
            names = create_missing(streams=False)
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


# --- races --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(PROCESSES) as workers:
        yield workers


@pytest.fixture(scope="module")
def raced_store(endpoint: str) -> Iterator[dict[str, str]]:
    """One shop for all races; each has users of its own. The books are audited at the end."""
    with tables_at(endpoint) as environment:
        shop.open_shop()
        yield environment
        audit(Books.of({PREFIX + noun: rows for noun, rows in rows_of(environment).items()}))


@pytest.fixture(scope="module", params=["engine", "shim"])
def race(
    request: pytest.FixtureRequest, workers: Workers, raced_store: dict[str, str]
) -> Iterator[Race]:
    """Let the processes meet in the engine itself, and then in the shim before it."""
    size = SIZES[settings.get_current_profile_name()][request.param]
    if request.param == "engine":
        yield Race(workers, raced_store, size)
        return
    with Shim(raced_store["DYNAMODB_ENDPOINT"], Faults(conflicts=True), seed=7) as shim:
        yield Race(workers, raced_store | {"DYNAMODB_ENDPOINT": shim.address}, size)


@pytest.fixture
def ada(race: Race) -> str:
    """A user of this test alone, with 100.00."""
    return user("ada", "100.00")

"""An engine of one test module's own, moto in process, and empty tables for each of its tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws
from moto.core.serialize import BaseJSONSerializer

from chalicelib.config import config, key_ring
from chalicelib.outside.keys import forget_keys
from chalicelib.outside.queue import forget_local
from chalicelib.store.connection import connection, forget_connection
from chalicelib.store.tables import STREAMS, create_missing
from tests.store.wire import Wire, tables_of_moto

ENVIRONMENT = {
    # Not `local`: that would take what is missing here from a service running in this folder.
    "STAGE": "dev",
    "TABLE_PREFIX": "test-",
    "SIGNING_KEYS": "k1:" + "s" * 40,
    "STAFF_KEYS": "d1:" + "t" * 40,
    "AWS_DEFAULT_REGION": "eu-central-1",
}
UNSET = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_PROFILE",
    "AWS_REGION",
    "CONSOLE_CLIENT_ID",
    "CONSOLE_ORIGINS",
    "CONSOLE_SCOPE",
    "DISTRIBUTION_QUEUE",
    "DYNAMODB_ENDPOINT",
    "EVENT_BUS",
    "EVENT_DEAD_LETTERS",
    "OIDC_AUDIENCE",
    "OIDC_ISSUER",
    "OIDC_JWKS_URL",
)


@contextmanager
def tables_on_moto() -> Iterator[None]:
    """Give the store an engine with all tables, for as long as tests may share it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setattr(BaseJSONSerializer, "_serialize_type_map", rows_as_they_are)
        for name in UNSET:
            patch.delenv(name, raising=False)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        forget()
        try:
            create_missing(streams=False)
            yield
        finally:
            forget()


def keep_streams() -> None:
    """Let moto keep what changes from now on, for tests that read it."""
    for name, table in tables_of_moto().items():
        noun = name.removeprefix(config().table_prefix)
        if noun in STREAMS:
            table.set_stream_specification({"StreamViewType": STREAMS[noun]})


@contextmanager
def empty_store() -> Iterator[Wire]:
    """Empty every table of the engine; yield the wire to it."""
    create_missing(streams=False)
    for table in tables_of_moto().values():
        table.items.clear()
    forget_local()
    wire = Wire(connection().client)
    try:
        yield wire
    finally:
        wire.detach()


_serialize_map = BaseJSONSerializer._serialize_type_map


def rows_as_they_are(
    self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    """Hand out rows as moto holds them, in their wire form: it saves most of a request's time.

    Bytes it holds in another form.
    """
    if shape.value.name == "AttributeValue" and not any("B" in each for each in value.values()):
        serialized[key] = value
    else:
        _serialize_map(self, serialized, value, shape, key)


def forget() -> None:
    """Let the next call read the environment again, and connect anew."""
    config.cache_clear()
    key_ring.cache_clear()
    forget_keys()
    forget_connection()
    forget_local()

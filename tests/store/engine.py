"""An engine of one test's own: moto in process, with all tables and nothing in them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto import mock_aws

from chalicelib.config import config, key_ring
from chalicelib.store.connection import connection, forget_connection
from chalicelib.store.tables import create_missing
from tests.store.wire import Wire

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
    "DYNAMODB_ENDPOINT",
    "OIDC_AUDIENCE",
    "OIDC_ISSUER",
    "OIDC_JWKS_URL",
)


@contextmanager
def configured() -> Iterator[None]:
    """Give the code the environment of a deployment, without an engine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in UNSET:
            patch.delenv(name, raising=False)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        _forget()
        try:
            yield
        finally:
            _forget()


@contextmanager
def store_on_moto() -> Iterator[Wire]:
    """Give the store an empty engine; yield the wire between them."""
    with configured(), mock_aws():
        create_missing()
        yield Wire(connection().client)


def _forget() -> None:
    config.cache_clear()
    key_ring.cache_clear()
    forget_connection()

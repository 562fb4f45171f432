"""The one client of DynamoDB, made once in a process."""

import threading
from functools import lru_cache
from typing import Final

from pynamodb.connection import Connection

from chalicelib.config import config

CONNECT_TIMEOUT_S: Final = 1.0
READ_TIMEOUT_S: Final = 2.0

_making = threading.Lock()


def connection() -> Connection:
    """Return the connection; botocore never retries, since the retry loop in `requests` does.

    botocore's hidden retry of a conditional write would fail on its own first write.
    """
    with _making:
        return _connection()


@lru_cache(maxsize=1)
def _connection() -> Connection:
    made = Connection(
        host=config().dynamodb_endpoint,
        connect_timeout_seconds=CONNECT_TIMEOUT_S,
        read_timeout_seconds=READ_TIMEOUT_S,
        max_pool_connections=50,
        retry_configuration={"total_max_attempts": 1, "mode": "standard"},
    )
    # Creating a botocore client is not thread-safe: make it here, under the lock.
    assert made.client is not None
    return made


def forget_connection() -> None:
    """Drop the connection, so that the next call makes one for the present configuration."""
    _connection.cache_clear()

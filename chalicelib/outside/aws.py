"""Clients of AWS's other services; DynamoDB's own is `store/connection.py`."""

import threading
from functools import lru_cache
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AwsError: Final = (BotoCoreError, ClientError)
"""What a request raises that was refused, or not answered."""

_making: Final = threading.Lock()


def client(service: str, endpoint: str | None = None) -> Any:  # noqa: ANN401  # they have no types
    """Return the one client of a service, such as "sqs"; it tries a request once.

    `endpoint` is an engine that stands in for AWS.
    """
    # Creating one is not thread-safe; using it is.
    with _making:
        return _client(service, endpoint)


def forget_clients() -> None:
    """Drop the clients, so that the next calls make them for the present environment."""
    _client.cache_clear()


@lru_cache
def _client(service: str, endpoint: str | None) -> Any:  # noqa: ANN401
    settings = Config(
        connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"}
    )
    return botocore.session.get_session().create_client(
        service, endpoint_url=endpoint, config=settings
    )

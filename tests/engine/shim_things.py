"""What tests of the contention shim share: a table, a client, and short words for requests."""

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.engine.shim_items import Json

TABLE = "things"
PATIENCE_S = 30.0


def client_of(address: str) -> Any:
    return Session().create_client(
        "dynamodb",
        endpoint_url=address,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
    )


def make_table(client: Any) -> None:
    """Make the table, unless it is there."""
    if TABLE in client.list_tables()["TableNames"]:
        return
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def key(name: str) -> Json:
    return {"id": {"S": name}}


def thing(name: str, value: str = "1") -> Json:
    return key(name) | {"value": {"S": value}}


def puts(*items: Json) -> list[Json]:
    return [{"Put": {"TableName": TABLE, "Item": item}} for item in items]


def gets(*names: str) -> list[Json]:
    return [{"Get": {"TableName": TABLE, "Key": key(name)}} for name in names]


def stored(direct: Any, name: str) -> Json | None:
    found: Json = direct.get_item(TableName=TABLE, Key=key(name), ConsistentRead=True)
    return found.get("Item")


def reasons(refused: pytest.ExceptionInfo[ClientError]) -> list[str]:
    assert refused.value.response["Error"]["Code"] == "TransactionCanceledException"
    response: Json = dict(refused.value.response)
    return [reason["Code"] for reason in response["CancellationReasons"]]

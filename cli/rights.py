"""`policy`: what each function may do in AWS, and nothing that it does not do.

The rights are listed here by function; the files in `.chalice` are written from them, and are
checked in so that a change of rights shows in review. Tests ask of every request that they see
whether its function may send it, and of every right whether its function uses it. Rows of
put-once tables can be neither updated nor deleted by anything. Addresses are resolved by
CloudFormation, so one file serves all stages.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chalicelib.store.tables import PUT_ONCE, STREAMS, definitions
from cli.local import PROJECT, LocalError

Json = dict[str, Any]

QUEUE: Final = "DistributionQueue"
BUS: Final = "EventBus"
EVENT_DEAD_LETTERS: Final = "EventDeadLetters"


@dataclass(frozen=True)
class Rights:
    """What a function may do: on tables by action, with the queue, and which secrets it reads.

    And whether it tells of what the streams of tables hand out.
    """

    tables: Mapping[str, str]
    queue: str = ""
    secrets: str = ""
    streams: bool = False


RIGHTS: Final[Mapping[str, Rights]] = {
    "APIHandler": Rights(
        tables={
            "BatchGetItem": "account_ids accounts distributions holds order_contents orders "
            "pre_orders reconciliations refunds sandbox_charges settings transfers user_emails "
            "users",
            "ConditionCheckItem": "users",
            "DeleteItem": "order_contents pre_orders user_emails",
            "GetItem": "account_ids accounts distributions holds orders pre_orders refunds "
            "settings transfers user_emails users",
            "PutItem": "account_ids accounts distributions entries holds order_contents orders "
            "pre_orders reconciliations sandbox_charges settings transfers user_emails users",
            "Query": "accounts accounts/by_channel audits distributions distributions/by_channel "
            "entries holds order_contents orders/by_user pre_orders reconciliations/by_channel "
            "users/by_channel",
            "UpdateItem": "accounts holds refunds sandbox_charges users",
        },
        queue="SendMessage",
        secrets="GatewayKeys SigningKeys StaffKeys",
    ),
    "Distribute": Rights(
        tables={
            "BatchGetItem": "accounts distributions reconciliations users",
            "PutItem": "account_ids accounts distributions entries reconciliations transfers",
            "Query": "accounts/by_channel distributions entries reconciliations",
            "UpdateItem": "accounts",
        },
        # The first three are Lambda's own, which reads the queue in the function's name.
        queue="DeleteMessage GetQueueAttributes ReceiveMessage SendMessage",
    ),
    "EndPayments": Rights(
        tables={
            "BatchGetItem": "accounts holds orders pre_orders sandbox_charges settings users",
            "GetItem": "accounts holds orders pre_orders settings users",
            "PutItem": "entries order_contents orders pre_orders sandbox_charges transfers",
            "Query": "pre_orders/by_paying",
            "UpdateItem": "accounts holds sandbox_charges",
        },
        secrets="GatewayKeys",
    ),
    "AuditBooks": Rights(
        tables={
            "BatchGetItem": "account_ids accounts audits distributions holds orders refunds "
            "settings transfers",
            "GetItem": "accounts holds refunds",
            "PutItem": "audits",
            "Query": "accounts/by_channel audits distributions distributions/by_channel entries",
            "Scan": "order_contents refunds settings transfers",
        },
    ),
    "Publish": Rights(tables={}, streams=True),
}
"""By Chalice's names of the functions: of requests, of the queue, of the clock, of the streams."""

NAMES: Final[Mapping[str, str]] = {
    "APIHandler": "api_handler",
    "Distribute": "distribute",
    "EndPayments": "end_payments",
    "AuditBooks": "audit_books",
    "Publish": "publish",
}
"""Chalice's names of the functions in the template, and in its configuration."""

OPTIONAL_SECRETS: Final[Mapping[str, str]] = {
    "GatewayKeys": "HasGateway",
    "StaffKeys": "HasStaffKeys",
}
"""Secrets that a stage may do without, and the condition under which it has them."""


def policy() -> None:
    """Write the checked-in policies of the functions, .chalice/policy-….json, anew."""
    for function, file in policy_files().items():
        file.write_text(json.dumps(function_policy(function), indent=2) + "\n")


def policy_files() -> dict[str, Path]:
    """Return where the policy of each function lies; `.chalice/config.json` names them."""
    return {
        function: PROJECT / ".chalice" / f"policy-{name}.json" for function, name in NAMES.items()
    }


def check_policies() -> None:
    """Raise `LocalError` where a checked-in policy is not as the rights are."""
    for function, file in policy_files().items():
        if not file.exists() or json.loads(file.read_text()) != function_policy(function):
            raise LocalError(f"The rights are no longer those of {file.name}: `make format`.")


def function_policy(function: str) -> Json:
    """Return the policy of a function."""
    rights = RIGHTS[function]
    assert not PUT_ONCE & {
        noun for action in ("UpdateItem", "DeleteItem") for noun in granted(function, action)
    }
    statements = [
        _allow(f"Tables{action}", [f"dynamodb:{action}"], map(_table, granted(function, action)))
        for action in rights.tables
    ]
    if rights.queue:
        actions = [f"sqs:{action}" for action in rights.queue.split()]
        statements.append(_allow("Queue", actions, [{"Fn::GetAtt": [QUEUE, "Arn"]}]))
    if rights.secrets:
        secrets = map(_secret, rights.secrets.split())
        statements.append(_allow("Keys", ["secretsmanager:GetSecretValue"], secrets))
    if rights.streams:
        statements += _of_streams()
    statements.append(
        _allow(
            "Log",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [{"Fn::GetAtt": [log_group_of(function), "Arn"]}],
        )
    )
    return {"Version": "2012-10-17", "Statement": statements}


Right = tuple[str, str]
"""An action, and on what: a table, an index as `table/index`, the queue or a secret."""


def rights_of(function: str) -> set[Right]:
    """Return everything that a function may do, but for its log."""
    rights = RIGHTS[function]
    return {
        *((action, place) for action in rights.tables for place in granted(function, action)),
        *((action, "queue") for action in rights.queue.split()),
        *((("GetSecretValue", "secret"),) if rights.secrets else ()),
        *((("PutEvents", "bus"), ("SendMessage", "dead letters")) if rights.streams else ()),
    }


def granted(function: str, action: str) -> list[str]:
    """Return the tables, or tables and their indexes, on which a function may do something."""
    return RIGHTS[function].tables.get(action, "").split()


def log_group_of(function: str) -> str:
    """Return the name of a function's log group in the template, which is Chalice's."""
    return "".join(word.capitalize() for word in NAMES[function].split("_")) + "LogGroup"


def resource_of(noun: str) -> str:
    """Return a table's name in the template."""
    return "".join(word.capitalize() for word in noun.split("_")) + "Table"


def _of_streams() -> list[Json]:
    """Return what telling of changes takes; the first two are what Lambda does in its name."""
    tables = [resource_of(noun) for noun in STREAMS]
    streams = [{"Fn::GetAtt": [table, "StreamArn"]} for table in tables]
    listed = [{"Fn::Sub": f"${{{table}.Arn}}/stream/*"} for table in tables]
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    dead = {"Fn::GetAtt": [EVENT_DEAD_LETTERS, "Arn"]}
    return [
        _allow("Streams", reads, streams),
        _allow("StreamsListStreams", ["dynamodb:ListStreams"], listed),
        _allow("Bus", ["events:PutEvents"], [{"Fn::GetAtt": [BUS, "Arn"]}]),
        _allow("DeadLetters", ["sqs:SendMessage"], [dead]),
    ]


def _table(place: str) -> Json:
    noun, _, index = place.partition("/")
    assert noun in {table["TableName"] for table in definitions("")}
    if index:
        return {"Fn::Sub": f"${{{resource_of(noun)}.Arn}}/index/{index}"}
    return {"Fn::GetAtt": [resource_of(noun), "Arn"]}


def address_of_secret(name: str) -> Json:
    """Return the address, whole, of a secret of the template."""
    return {"Fn::GetAtt": [name, "Id"]}


def _secret(name: str) -> Json:
    condition = OPTIONAL_SECRETS.get(name)
    if condition is None:
        return address_of_secret(name)
    return {"Fn::If": [condition, address_of_secret(name), {"Ref": "AWS::NoValue"}]}


def _allow(sid: str, actions: list[str], resources: Iterable[Json]) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}

"""`template` and `policy`: what AWS is told beside Chalice's own template, from the tables.

Chalice merges the written template over its own: dictionaries merge, lists replace. The policy
of the functions lies in `.chalice/policy.json`, which is checked in so that a change of rights
shows in review; its table addresses are resolved by CloudFormation, so one file serves all stages.
Secrets are parameters without echo: they stand in no file, and the stack asks for them.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from chalicelib.store.tables import PUT_ONCE, definitions
from cli.local import PROJECT, STAGE, LocalError, chalice_settings, stage_variables
from cli.worker import DELIVERIES

Json = dict[str, Any]

_FUNCTIONS: Final = ("APIHandler", "Distribute", "EndPayments")
"""The functions by Chalice's names: for requests, and what a queue and what a clock start."""

_QUEUE: Final = "DistributionQueue"
_DEAD_LETTERS: Final = "DistributionDeadLetters"
_KEPT_S: Final = 14 * 24 * 60 * 60
_AT_ONCE: Final = 10
"""How many calls of the function work on the queue side by side: chunks never meet, but tables
take their time to grow."""

POLICY: Final = PROJECT / ".chalice" / "policy.json"

_KEYS_PATTERN: Final = "[A-Za-z0-9]+:[^,]{32,}"
_KEYS_LIST: Final = f"{_KEYS_PATTERN}(,{_KEYS_PATTERN})*"
_RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Change": ("UpdateItem", "accounts", "holds", "refunds", "sandbox_charges", "users"),
    "CheckInTransactions": ("ConditionCheckItem", "users"),
    "End": ("DeleteItem", "distributions", "user_emails"),
    "ReadRanges": ("Query", "accounts", "audits", "distributions", "entries"),
}
"""What only some tables need: a name, the action, and the tables. Every table is read and put."""


def template(
    out: Annotated[Path, typer.Argument(help="The merge template to write.")],
    stage: Annotated[str, typer.Option(help="A stage of .chalice/config.json.")] = "prod",
) -> None:
    """Write the merge template of a stage."""
    deployed = chalice_settings()["stages"].keys() - {STAGE}
    if stage not in deployed:
        raise LocalError(f"Stage {stage} is not deployed: choose {' or '.join(sorted(deployed))}.")
    if json.loads(POLICY.read_text()) != function_policy():
        raise LocalError("The tables have changed since .chalice/policy.json: `make openapi`.")
    _write(out, merge_template(stage))


def policy() -> None:
    """Write the checked-in policy of the functions, .chalice/policy.json, anew."""
    _write(POLICY, function_policy())


def merge_template(stage: str) -> Json:
    """Return the tables, parameters and variables that a stage adds to Chalice's template."""
    tables = definitions(stage_variables(stage)["TABLE_PREFIX"])
    nouns = (table["TableName"] for table in definitions(""))
    resources: Json = {
        _resource(noun): _table(table, protected=stage == "prod")
        for noun, table in zip(nouns, tables, strict=True)
    }
    for function in _FUNCTIONS:
        resources[function] = {"Properties": {"Environment": {"Variables": _variables()}}}
    resources |= _queues(stage)
    # Chalice has put a place there; the events of a function that exists wait for its queue.
    resources["Distribute"]["Properties"]["Events"] = {"DistributeSqsEventSource": _event_source()}
    # Chalice names the group after the function as it was before it renamed it.
    log_group = {"LogGroupName": {"Fn::Sub": "/aws/lambda/${APIHandler}"}}
    resources["ApiHandlerLogGroup"] = {"Properties": log_group}
    return {
        "Parameters": _parameters(),
        "Conditions": {
            "HasStaffKeys": _has("StaffKeys"),
            "HasGateway": _has("GatewayUrl"),
            "HasOidc": _has("OidcIssuer"),
            "HasConsole": _has("ConsoleClientId"),
            "HasConsoleOrigins": _has("ConsoleOrigins"),
        },
        "Rules": {
            "StaffCanSignIn": {"Assertions": [_staff_can_sign_in()]},
            "ConsoleCanSignIn": {"Assertions": [_console_can_sign_in()]},
            "GatewayIsWhole": {"Assertions": [_gateway_is_whole()]},
        },
        "Resources": resources,
    }


def function_policy() -> Json:
    """Return what every function may do: by table, and no more than the store does.

    Rows of put-once tables can be neither updated nor deleted by anything that runs in it.
    """
    tables = {table["TableName"]: table for table in definitions("")}
    indexed = [noun for noun, table in tables.items() if "GlobalSecondaryIndexes" in table]
    assert not PUT_ONCE & {*_RIGHTS["Change"], *_RIGHTS["End"]}
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("ReadAndPut", ["BatchGetItem", "GetItem", "PutItem"], map(_address, tables)),
            _allow("ReadIndexes", ["Query"], map(_indexes, indexed)),
            *(_allow(n, [right], map(_address, on)) for n, (right, *on) in _RIGHTS.items()),
            {
                "Sid": "Queue",
                "Effect": "Allow",
                "Action": [
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ],
                "Resource": [{"Fn::GetAtt": [_QUEUE, "Arn"]}],
            },
            {
                "Sid": "Log",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": [
                    {
                        "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
                        ":log-group:/aws/lambda/*"
                    }
                ],
            },
        ],
    }


def _table(definition: Mapping[str, Any], *, protected: bool) -> Json:
    return {
        "Type": "AWS::DynamoDB::Table",
        # Whatever becomes of the stack, nobody's credit goes with it.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            **definition,
            "DeletionProtectionEnabled": protected,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        },
    }


def _queues(stage: str) -> Json:
    """Return the queue of chunks, and the one of those that failed each time."""
    timeout_s = chalice_settings()["stages"][stage]["lambda_functions"]["distribute"][
        "lambda_timeout"
    ]
    kept = {"MessageRetentionPeriod": _KEPT_S, "SqsManagedSseEnabled": True}
    return {
        _QUEUE: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                **kept,
                # What AWS recommends: a message comes again only when nobody works on it still.
                "VisibilityTimeout": 6 * timeout_s,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": [_DEAD_LETTERS, "Arn"]},
                    "maxReceiveCount": DELIVERIES,
                },
            },
        },
        _DEAD_LETTERS: {"Type": "AWS::SQS::Queue", "Properties": kept},
    }


def _event_source() -> Json:
    return {
        "Properties": {
            "Queue": {"Fn::GetAtt": [_QUEUE, "Arn"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": _AT_ONCE},
        }
    }


def _parameters() -> Json:
    return {
        "SigningKeys": {
            "Type": "String",
            "NoEcho": True,
            "AllowedPattern": _KEYS_LIST,
            "Description": "Keys of sessions and cursors as kid:secret[,kid:secret]; "
            "the first signs, the others still verify.",
        },
        "StaffKeys": {
            "Type": "String",
            "NoEcho": True,
            "Default": "",
            "AllowedPattern": f"({_KEYS_LIST})?",
            "Description": "Shared keys of staff tokens in the same form; empty with OIDC.",
        },
        "GatewayUrl": {
            **_optional("Address of the shop's payment service; empty without cards."),
            "AllowedPattern": "(https:.*)?",
        },
        "GatewayKeys": {
            "Type": "String",
            "NoEcho": True,
            "Default": "",
            "AllowedPattern": f"({_KEYS_LIST})?",
            "Description": "Keys that sign the requests to it, in the same form.",
        },
        "OidcIssuer": _optional("Issuer of staff tokens; empty with shared keys."),
        "OidcAudience": _optional("Audience that staff tokens must name."),
        "OidcJwksUrl": _optional("Where the issuer publishes its keys."),
        "ConsoleClientId": _optional("Client id of the admin console at the issuer."),
        "ConsoleScope": {
            **_optional("Scopes that the console asks the issuer for."),
            "Default": "openid",
        },
        "ConsoleOrigins": _optional("Further https origins that it speaks with, parted by spaces."),
    }


def _optional(description: str) -> Json:
    return {"Type": "String", "Default": "", "Description": description}


def _variables() -> Json:
    def given(condition: str, parameter: str) -> Json:
        return {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}

    return {
        "SIGNING_KEYS": {"Ref": "SigningKeys"},
        "STAFF_KEYS": given("HasStaffKeys", "StaffKeys"),
        "DISTRIBUTION_QUEUE": {"Ref": _QUEUE},
        "GATEWAY_URL": given("HasGateway", "GatewayUrl"),
        "GATEWAY_KEYS": given("HasGateway", "GatewayKeys"),
        "OIDC_ISSUER": given("HasOidc", "OidcIssuer"),
        "OIDC_AUDIENCE": given("HasOidc", "OidcAudience"),
        "OIDC_JWKS_URL": given("HasOidc", "OidcJwksUrl"),
        "CONSOLE_CLIENT_ID": given("HasConsole", "ConsoleClientId"),
        "CONSOLE_SCOPE": {"Ref": "ConsoleScope"},
        "CONSOLE_ORIGINS": given("HasConsoleOrigins", "ConsoleOrigins"),
    }


def _staff_can_sign_in() -> Json:
    oidc = {"Fn::And": [_has("OidcIssuer"), _has("OidcAudience"), _has("OidcJwksUrl")]}
    return {
        "Assert": {"Fn::Or": [_has("StaffKeys"), oidc]},
        "AssertDescription": "Give StaffKeys, or the three Oidc parameters.",
    }


def _console_can_sign_in() -> Json:
    return {
        "Assert": {"Fn::Or": [_lacks("ConsoleClientId"), _has("OidcIssuer")]},
        "AssertDescription": "ConsoleClientId needs the three Oidc parameters.",
    }


def _gateway_is_whole() -> Json:
    whole = {"Fn::And": [_has("GatewayUrl"), _has("GatewayKeys")]}
    neither = {"Fn::And": [_lacks("GatewayUrl"), _lacks("GatewayKeys")]}
    return {
        "Assert": {"Fn::Or": [whole, neither]},
        "AssertDescription": "Give GatewayUrl and GatewayKeys, or neither.",
    }


def _has(parameter: str) -> Json:
    return {"Fn::Not": [_lacks(parameter)]}


def _lacks(parameter: str) -> Json:
    return {"Fn::Equals": [{"Ref": parameter}, ""]}


def _allow(sid: str, actions: Iterable[str], resources: Iterable[Json]) -> Json:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": list(resources),
    }


def _resource(noun: str) -> str:
    return "".join(word.capitalize() for word in noun.split("_")) + "Table"


def _address(noun: str) -> Json:
    return {"Fn::GetAtt": [_resource(noun), "Arn"]}


def _indexes(noun: str) -> Json:
    return {"Fn::Sub": f"${{{_resource(noun)}.Arn}}/index/*"}


def _write(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")

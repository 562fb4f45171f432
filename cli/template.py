"""What AWS is told beside Chalice's own template: tables, queues, secrets, parameters, variables.

Chalice merges this over its own template: dictionaries merge, lists replace. No secret stands in
it: CloudFormation has the keys made by AWS Secrets Manager, and functions are told where they are.
"""

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chalicelib.store.tables import definitions
from cli.alarms import watching
from cli.bus import streams_of, telling
from cli.deployed import stack_name
from cli.local import chalice_settings, stage_variables
from cli.rights import (
    BUS,
    EVENT_DEAD_LETTERS,
    NAMES,
    OPTIONAL_SECRETS,
    QUEUE,
    address_of_secret,
    check_policies,
    log_group_of,
    resource_of,
)
from cli.worker import DELIVERIES

Json = dict[str, Any]

_DEAD_LETTERS: Final = "DistributionDeadLetters"
_KEPT_S: Final = 14 * 24 * 60 * 60
_AT_ONCE: Final = 10
"""How many calls of the function work on the queue side by side: chunks never meet, but tables
take their time to grow."""

_AUDIT_MB: Final = 10_240

_KEY_LENGTH: Final = 64

_SECRETS: Final[Mapping[str, str]] = {
    "SigningKeys": "Keys that sign sessions, cursors and order tokens.",
    "StaffKeys": "Shared keys that sign tokens of staff and back ends.",
    "GatewayKeys": "Keys that sign requests to the shop's payment service.",
}

GATEWAY_ANSWERS: Final[Mapping[str, tuple[int, str, str, str]]] = {
    # What API Gateway calls a path or a method that it does not know.
    "MISSING_AUTHENTICATION_TOKEN": (404, "unknown_path", "Unknown path", "Nothing is here."),
    "RESOURCE_NOT_FOUND": (404, "unknown_path", "Unknown path", "Nothing is here."),
    "REQUEST_TOO_LARGE": (413, "too_large", "Too large", "The body is beyond 10 MB."),
    "THROTTLED": (429, "throttled", "Too many requests", "Try again in a moment."),
    "DEFAULT_5XX": (
        504,
        "outcome_unknown",
        "Outcome unknown",
        "No answer came in time: repeat the request with the same id.",
    ),
}
"""What API Gateway answers by itself: the kind, the status, the code, the title and the detail."""


def write_merge_template(out: Path, stage: str, python: str, architecture: str) -> None:
    """Write what a stage adds to Chalice's template, for a Python and a machine of Lambda.

    Raises `LocalError` where a checked-in policy is not as the rights are.
    """
    check_policies()
    template = merge_template(stage)
    for function in NAMES:
        template["Resources"][function]["Properties"] |= {
            "Runtime": f"python{python}",
            "Architectures": [architecture],
        }
    out.write_text(json.dumps(template, indent=2) + "\n")


def merge_template(stage: str) -> Json:
    """Return what a stage adds to Chalice's template."""
    return {
        "Parameters": _parameters(),
        "Conditions": {
            "HasStaffKeys": {"Fn::Equals": [{"Ref": "SharedStaffKeys"}, "yes"]},
            "HasGateway": _has("GatewayUrl"),
            "HasOidc": _has("OidcIssuer"),
            "HasConsole": _has("ConsoleClientId"),
            "HasConsoleOrigins": _has("ConsoleOrigins"),
            "HasAlarmEmail": _has("AlarmEmail"),
            "HasWebhook": _has("WebhookUrl"),
        },
        "Rules": {
            "StaffCanSignIn": {"Assertions": [_staff_can_sign_in()]},
            "ConsoleCanSignIn": {"Assertions": [_console_can_sign_in()]},
        },
        "Resources": _tables(stage)
        | _queues(stage)
        | _secrets()
        | _functions()
        | _api(stage)
        | telling(stage)
        | watching(stage),
    }


def _tables(stage: str) -> Json:
    tables = definitions(stage_variables(stage)["TABLE_PREFIX"])
    nouns = (table["TableName"] for table in definitions(""))
    return {
        resource_of(noun): _table(table, protected=stage == "prod")
        for noun, table in zip(nouns, tables, strict=True)
    }


def _table(definition: Mapping[str, Any], *, protected: bool) -> Json:
    stream = definition.get("StreamSpecification")
    if stream is not None:
        # Here its view alone says that there is one.
        view = {"StreamViewType": stream["StreamViewType"]}
        definition = {**definition, "StreamSpecification": view}
    # Whatever becomes of a shop's stack, nobody's credit goes with it.
    fate = "Retain" if protected else "Delete"
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": fate,
        "UpdateReplacePolicy": fate,
        "Properties": {
            **definition,
            "DeletionProtectionEnabled": protected,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        },
    }


def _queues(stage: str) -> Json:
    """Return the queue of chunks, and the one of those that failed each time."""
    functions = chalice_settings()["stages"][stage]["lambda_functions"]
    timeout_s = functions["distribute"]["lambda_timeout"]
    kept = {"MessageRetentionPeriod": _KEPT_S, "SqsManagedSseEnabled": True}
    return {
        QUEUE: {
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


def _secrets() -> Json:
    """Return the rings of keys, each begun with one key that AWS makes and nobody sees.

    Changing anything under GenerateSecretString would make AWS replace the keys.
    """
    made = {"PasswordLength": _KEY_LENGTH, "ExcludeCharacters": string.punctuation}
    secrets: Json = {}
    for name, description in _SECRETS.items():
        secrets[name] = {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Description": description, "GenerateSecretString": made},
        }
        if name in OPTIONAL_SECRETS:
            secrets[name]["Condition"] = OPTIONAL_SECRETS[name]
    return secrets


def _functions() -> Json:
    functions: Json = {}
    for function in NAMES:
        group = log_group_of(function)
        functions[function] = {
            "Properties": {
                "Environment": {"Variables": _variables()},
                "LoggingConfig": {"LogGroup": {"Ref": group}},
            }
        }
        # Chalice names the group after the function. Then neither could be there before the
        # other, nor could the function's rights name it.
        name = {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{function}"}
        functions[group] = {"Properties": {"LogGroupName": name}}
    # Chalice has put a place there; the events of a function that exists wait for its queue.
    functions["Distribute"]["Properties"]["Events"] = {"DistributeSqsEventSource": _event_source()}
    functions["Publish"]["Properties"]["Events"] = streams_of()
    # An audit's file grows by about 250 bytes for each entry of a channel.
    functions["AuditBooks"]["Properties"]["EphemeralStorage"] = {"Size": _AUDIT_MB}
    return functions


def _event_source() -> Json:
    return {
        "Properties": {
            "Queue": {"Fn::GetAtt": [QUEUE, "Arn"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": _AT_ONCE},
        }
    }


def _api(stage: str) -> Json:
    """Return the API's name, how much it lets through, and what it says by itself, as problems."""
    everything = {"HttpMethod": "*", "ResourcePath": "/*"}
    return {
        "RestAPI": {
            "Properties": {
                "MethodSettings": [
                    {
                        **everything,
                        "ThrottlingRateLimit": {"Ref": "RequestsASecond"},
                        "ThrottlingBurstLimit": {"Ref": "RequestsAtOnce"},
                    }
                ],
                "DefinitionBody": {
                    # Metrics are told apart by it, also where two stages share an account.
                    "info": {"title": stack_name(stage)},
                    "x-amazon-apigateway-gateway-responses": {
                        kind: _gateway_answer(*answer) for kind, answer in GATEWAY_ANSWERS.items()
                    },
                },
            }
        }
    }


def _gateway_answer(status: int, code: str, title: str, detail: str) -> Json:
    problem = {
        "type": f"urn:loyalty-money:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return {
        "statusCode": status,
        "responseParameters": {
            "gatewayresponse.header.Cache-Control": "'no-store'",
            "gatewayresponse.header.X-Content-Type-Options": "'nosniff'",
        },
        "responseTemplates": {"application/json": json.dumps(problem)},
    }


def _parameters() -> Json:
    return {
        "SharedStaffKeys": {
            "Type": "String",
            "Default": "no",
            "AllowedValues": ["no", "yes"],
            "Description": "Whether tokens of staff and back ends may be signed with shared keys.",
        },
        "OidcIssuer": _optional("Issuer of staff tokens; empty with shared keys alone."),
        "OidcAudience": _optional("Audience that staff tokens must name."),
        "OidcJwksUrl": {
            **_optional("Where the issuer publishes its keys."),
            "AllowedPattern": "(https:.*)?",
        },
        "ConsoleClientId": _optional("Client id of the admin console at the issuer."),
        "ConsoleScope": {
            **_optional("Scopes that the console asks the issuer for."),
            "Default": "openid",
        },
        "ConsoleOrigins": _optional("Further https origins that it speaks with, parted by spaces."),
        "RequestsASecond": {
            "Type": "Number",
            "Default": 200,
            "Description": "How many requests API Gateway lets through; beyond them it says 429.",
        },
        "RequestsAtOnce": {
            "Type": "Number",
            "Default": 400,
            "Description": "How many more may come in one moment.",
        },
        "WebhookUrl": {
            **_optional("Where events are sent; empty for nowhere but the bus."),
            "AllowedPattern": "(https:.*)?",
        },
        "AlarmEmail": _optional("Where alarms are sent; empty for nowhere but the topic."),
        "GatewayUrl": {
            **_optional("Address of the shop's payment service; empty without cards."),
            "AllowedPattern": "(https:.*)?",
        },
    }


def _optional(description: str) -> Json:
    return {"Type": "String", "Default": "", "Description": description}


def _variables() -> Json:
    def given(condition: str, value: Json) -> Json:
        return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}

    return {
        "SIGNING_KEYS": address_of_secret("SigningKeys"),
        "STAFF_KEYS": given("HasStaffKeys", address_of_secret("StaffKeys")),
        "DISTRIBUTION_QUEUE": {"Ref": QUEUE},
        "EVENT_BUS": {"Ref": BUS},
        "EVENT_DEAD_LETTERS": {"Ref": EVENT_DEAD_LETTERS},
        "GATEWAY_URL": given("HasGateway", {"Ref": "GatewayUrl"}),
        "GATEWAY_KEYS": given("HasGateway", address_of_secret("GatewayKeys")),
        "OIDC_ISSUER": given("HasOidc", {"Ref": "OidcIssuer"}),
        "OIDC_AUDIENCE": given("HasOidc", {"Ref": "OidcAudience"}),
        "OIDC_JWKS_URL": given("HasOidc", {"Ref": "OidcJwksUrl"}),
        "CONSOLE_CLIENT_ID": given("HasConsole", {"Ref": "ConsoleClientId"}),
        "CONSOLE_SCOPE": {"Ref": "ConsoleScope"},
        "CONSOLE_ORIGINS": given("HasConsoleOrigins", {"Ref": "ConsoleOrigins"}),
        # It would look through every installed package for plugins of its own.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }


def _staff_can_sign_in() -> Json:
    shared = {"Fn::Equals": [{"Ref": "SharedStaffKeys"}, "yes"]}
    oidc = {"Fn::And": [_has("OidcIssuer"), _has("OidcAudience"), _has("OidcJwksUrl")]}
    return {
        "Assert": {"Fn::Or": [shared, oidc]},
        "AssertDescription": "Set SharedStaffKeys to yes, or give the three Oidc parameters.",
    }


def _console_can_sign_in() -> Json:
    return {
        "Assert": {"Fn::Or": [_lacks("ConsoleClientId"), _has("OidcIssuer")]},
        "AssertDescription": "ConsoleClientId needs the three Oidc parameters.",
    }


def _has(parameter: str) -> Json:
    return {"Fn::Not": [_lacks(parameter)]}


def _lacks(parameter: str) -> Json:
    return {"Fn::Equals": [{"Ref": parameter}, ""]}

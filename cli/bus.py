"""How events reach others: the tables' streams, the bus, a webhook, and what nobody took."""

import json
import string
from typing import Any, Final

from chalicelib.core.events import KEY_HEADER, SOURCE
from chalicelib.http import CHANGES_AT_ONCE, CHANGES_WAIT_S
from chalicelib.store.tables import PUT_ONCE, STREAMS
from cli.deployed import stack_name
from cli.rights import BUS, EVENT_DEAD_LETTERS, resource_of

Json = dict[str, Any]

KEPT_S: Final = 14 * 24 * 60 * 60
"""How long dead letters are kept: the longest that SQS does."""

LATE_S: Final = 23 * 60 * 60
"""When a change is given up that could not be told of: a stream drops it after 24 hours."""

WEBHOOK_A_SECOND: Final = 50
WEBHOOK_ATTEMPTS: Final = 185
WEBHOOK_LIFE_S: Final = 24 * 60 * 60
"""How fast a webhook is called, and how long: EventBridge's own most, with growing pauses."""

_OF_CHALICE: Final = "PublishDynamodbEventSource"
"""What Chalice calls the one stream that it knows of, which stands for all."""

_EVENTFUL: Final = frozenset({"accounts", "distributions", "entries", "holds", "orders"})
"""Tables whose changes make events; the others are watched only for what must not happen."""


def streams_of() -> Json:
    """Return the streams that start the function, with which of their changes."""
    sources = {f"{resource_of(noun)}Changes": _source(noun) for noun in STREAMS}
    first = next(iter(sources))
    return {_OF_CHALICE: sources.pop(first), **sources}


def telling(stage: str) -> Json:
    """Return the bus, the queue of what could not be told, and the webhook if one is named."""
    return {
        BUS: {"Type": "AWS::Events::EventBus", "Properties": {"Name": stack_name(stage)}},
        EVENT_DEAD_LETTERS: {
            "Type": "AWS::SQS::Queue",
            "Properties": {"MessageRetentionPeriod": KEPT_S, "SqsManagedSseEnabled": True},
        },
        **_webhook(),
    }


def _source(noun: str) -> Json:
    properties: Json = {
        "Stream": {"Fn::GetAtt": [resource_of(noun), "StreamArn"]},
        "BatchSize": CHANGES_AT_ONCE,
        "StartingPosition": "TRIM_HORIZON",
        "MaximumBatchingWindowInSeconds": CHANGES_WAIT_S,
        "MaximumRecordAgeInSeconds": LATE_S,
        "DestinationConfig": {
            "OnFailure": {"Destination": {"Fn::GetAtt": [EVENT_DEAD_LETTERS, "Arn"]}}
        },
    }
    pattern = _pattern(noun)
    if pattern is not None:
        properties["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    return {"Type": "DynamoDB", "Properties": properties}


def _pattern(noun: str) -> Json | None:
    """Return which changes of a table are handed out; what is left out costs nothing."""
    if noun == "accounts":
        return {"eventName": ["INSERT"]}
    if noun == "distributions":
        return {"dynamodb": {"Keys": {"part": {"S": ["job"]}}}}
    if noun not in _EVENTFUL:
        assert noun in PUT_ONCE
        return {"eventName": ["MODIFY", "REMOVE"]}
    return None


def _webhook() -> Json:
    """Return a webhook that gets every event, as an example of a receiver.

    Its key is made by AWS, and sent in a header with each event.
    """
    dead = {"Fn::GetAtt": [EVENT_DEAD_LETTERS, "Arn"]}
    resources: Json = {
        "WebhookKey": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "Description": "What the webhook is sent, so that it knows who calls.",
                "GenerateSecretString": {
                    "PasswordLength": 64,
                    "ExcludeCharacters": string.punctuation,
                },
            },
        },
        "WebhookConnection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "AuthorizationType": "API_KEY",
                "AuthParameters": {
                    "ApiKeyAuthParameters": {
                        "ApiKeyName": KEY_HEADER,
                        "ApiKeyValue": {"Fn::Sub": "{{resolve:secretsmanager:${WebhookKey}}}"},
                    }
                },
            },
        },
        "WebhookDestination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["WebhookConnection", "Arn"]},
                "HttpMethod": "POST",
                "InvocationEndpoint": {"Ref": "WebhookUrl"},
                "InvocationRateLimitPerSecond": WEBHOOK_A_SECOND,
            },
        },
        "WebhookRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "webhook",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "events:InvokeApiDestination",
                                    "Resource": {"Fn::GetAtt": ["WebhookDestination", "Arn"]},
                                }
                            ],
                        },
                    }
                ],
            },
        },
        "WebhookRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": BUS},
                "EventPattern": {"source": [SOURCE]},
                "Targets": [
                    {
                        "Id": "webhook",
                        "Arn": {"Fn::GetAtt": ["WebhookDestination", "Arn"]},
                        "RoleArn": {"Fn::GetAtt": ["WebhookRole", "Arn"]},
                        "InputPath": "$.detail",
                        "RetryPolicy": {
                            "MaximumRetryAttempts": WEBHOOK_ATTEMPTS,
                            "MaximumEventAgeInSeconds": WEBHOOK_LIFE_S,
                        },
                        "DeadLetterConfig": {"Arn": dead},
                    }
                ],
            },
        },
        "WebhookDeadLetters": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": EVENT_DEAD_LETTERS}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": dead,
                            "Condition": {
                                "ArnEquals": {
                                    "aws:SourceArn": {"Fn::GetAtt": ["WebhookRule", "Arn"]}
                                }
                            },
                        }
                    ],
                },
            },
        },
    }
    return {name: {**content, "Condition": "HasWebhook"} for name, content in resources.items()}

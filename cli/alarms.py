"""What the stack watches: alarms, where they are sent, and a dashboard.

Each alarm has a runbook of its name in docs/operations.md. What is measured by our own log is
declared in `chalicelib/metrics.py`; the rest is what AWS measures of its services.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.metrics import NAMESPACE
from cli.rights import EVENT_DEAD_LETTERS

Json = dict[str, Any]

TOPIC: Final = "Alarms"
RUNBOOKS: Final = "docs/operations.md"

_MINUTES: Final = 60


@dataclass(frozen=True)
class Alarm:
    """A condition that somebody should look at.

    It is met when `statistic` of the metric is above `above` (or below, if that is given) in
    `periods` periods of `minutes` minutes, one after the other.
    """

    says: str
    metric: str
    namespace: str = NAMESPACE
    dimensions: Mapping[str, Any] = field(default_factory=dict)
    statistic: str = "Sum"
    above: float = 0
    below: float | None = None
    minutes: int = 5
    periods: int = 1


def _of_function(name: str) -> Json:
    return {"FunctionName": {"Ref": name}}


ALARMS: Final[Mapping[str, Alarm]] = {
    "InternalErrors": Alarm("A request failed by a fault of the service.", "InternalErrors"),
    "UnknownOutcomes": Alarm(
        "Writes were not answered, and their callers were told to repeat them.",
        "UnknownOutcomes",
        above=5,
    ),
    "BusyRequests": Alarm(
        "Requests were turned away as busy.",
        "Refusals",
        dimensions={"code": "busy"},
        above=20,
        periods=2,
    ),
    "TroubledPayments": Alarm(
        "A card was charged that could not be ended, or not be given back.", "TroubledPayments"
    ),
    "OldPayment": Alarm(
        "A card payment has been in progress for a quarter of an hour.",
        "OldestPayment",
        statistic="Maximum",
        above=15 * 60 * 1000,
    ),
    "NoLookAtPayments": Alarm(
        "Nobody has looked at card payments in progress for ten minutes.",
        "Invocations",
        namespace="AWS/Lambda",
        dimensions=_of_function("EndPayments"),
        below=1,
        periods=2,
    ),
    "GatewayFailures": Alarm(
        "The payment service does not answer, or refuses what it is asked.",
        "GatewayFailures",
        above=10,
    ),
    "FailedChunks": Alarm(
        "A part of a distribution has failed each time, and waits for somebody.",
        "ApproximateNumberOfMessagesVisible",
        namespace="AWS/SQS",
        dimensions={"QueueName": {"Fn::GetAtt": ["DistributionDeadLetters", "QueueName"]}},
        statistic="Maximum",
    ),
    "QueueFailures": Alarm("The queue does not take the parts of distributions.", "QueueFailures"),
    # As long as the audit's period, or it would say that all is well a moment later.
    "BooksWrong": Alarm("The audit has found faults in the books.", "Faults", minutes=24 * 60),
    "NoAudit": Alarm(
        "The books were not audited for two days.",
        "Audits",
        below=1,
        minutes=24 * 60,
        periods=2,
    ),
    "BooksChanged": Alarm("A row was changed that nothing may ever touch.", "BooksChanged"),
    "BusFailures": Alarm("The bus does not take events.", "BusFailures", above=10),
    "LateEvents": Alarm(
        "What has happened ten minutes ago was not told yet.",
        "IteratorAge",
        namespace="AWS/Lambda",
        dimensions=_of_function("Publish"),
        statistic="Maximum",
        above=10 * 60 * 1000,
    ),
    "DeadEvents": Alarm(
        "Something could not be told to other systems, and waits for somebody.",
        "ApproximateNumberOfMessagesVisible",
        namespace="AWS/SQS",
        dimensions={"QueueName": {"Fn::GetAtt": [EVENT_DEAD_LETTERS, "QueueName"]}},
        statistic="Maximum",
    ),
    "UnreadKeys": Alarm("A ring of keys cannot be read.", "UnreadKeys"),
    "SlowRequests": Alarm(
        "One request in a hundred takes more than three seconds.",
        "Latency",
        statistic="p99",
        above=3000,
        periods=3,
    ),
    "FailedFunctions": Alarm(
        "API Gateway got no answer from the function.",
        "5XXError",
        namespace="AWS/ApiGateway",
        dimensions={"ApiName": {"Ref": "AWS::StackName"}, "Stage": "api"},
        above=5,
    ),
    "ThrottledFunction": Alarm(
        "AWS starts no more processes for the function: the account's limit is reached.",
        "Throttles",
        namespace="AWS/Lambda",
        dimensions=_of_function("APIHandler"),
    ),
}
"""Every alarm of a stage."""


def watching(stage: str) -> Json:
    """Return the resources of the template that watch a stage."""
    resources: Json = {
        TOPIC: {"Type": "AWS::SNS::Topic"},
        "AlarmsByEmail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasAlarmEmail",
            "Properties": {
                "TopicArn": {"Ref": TOPIC},
                "Protocol": "email",
                "Endpoint": {"Ref": "AlarmEmail"},
            },
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardBody": {"Fn::Sub": json.dumps(_dashboard(stage))}},
        },
    }
    for name, alarm in ALARMS.items():
        resources[f"{name}Alarm"] = {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": _properties(name, alarm, stage),
        }
    return resources


def dimensions_of(alarm: Alarm, stage: str) -> Json:
    """Return the dimensions of an alarm's metric; our own always have the stage."""
    own = {"stage": stage} if alarm.namespace == NAMESPACE else {}
    return {**own, **alarm.dimensions}


def _properties(name: str, alarm: Alarm, stage: str) -> Json:
    is_percentile = alarm.statistic.startswith("p")
    return {
        "AlarmDescription": f"{alarm.says} What to do: {RUNBOOKS}#{name.lower()}",
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": [
            {"Name": key, "Value": value} for key, value in dimensions_of(alarm, stage).items()
        ],
        ("ExtendedStatistic" if is_percentile else "Statistic"): alarm.statistic,
        "Period": alarm.minutes * _MINUTES,
        "EvaluationPeriods": alarm.periods,
        "ComparisonOperator": (
            "GreaterThanThreshold" if alarm.below is None else "LessThanThreshold"
        ),
        "Threshold": alarm.above if alarm.below is None else alarm.below,
        # What counts troubles is silent while there are none.
        "TreatMissingData": "notBreaching" if alarm.below is None else "breaching",
        "AlarmActions": [{"Ref": TOPIC}],
        "OKActions": [{"Ref": TOPIC}],
    }


def _dashboard(stage: str) -> Json:
    def shown(title: str, *metrics: list[Any], statistic: str = "Sum") -> Json:
        return {
            "type": "metric",
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "stat": statistic,
                "period": 300,
                "metrics": [*metrics],
            },
        }

    def ours(name: str, **more: Any) -> list[Any]:  # noqa: ANN401  # options of a widget
        return [NAMESPACE, name, "stage", stage, *([more] if more else [])]

    refused = f"{{{NAMESPACE},stage,code}} MetricName=Refusals stage={stage}"
    dead = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"]
    return {
        "widgets": [
            shown(
                "Latency, ms",
                *(ours("Latency", stat=each) for each in ("p50", "p90", "p99")),
                statistic="p50",
            ),
            shown("Requests", ours("Latency", stat="SampleCount", label="requests")),
            shown(
                "Refusals by code",
                [{"expression": f"SEARCH('{refused}', 'Sum', 300)", "id": "refusals"}],
            ),
            shown(
                "Conflicts and retries",
                *(ours(name) for name in ("Conflicts", "UnansweredWrites", "UnknownOutcomes")),
            ),
            shown(
                "Card payments in progress",
                ours("PaymentsInProgress"),
                ours("OldestPayment", yAxis="right"),
                statistic="Maximum",
            ),
            shown(
                "Troubles",
                *(
                    ours(name)
                    for name in (
                        "InternalErrors",
                        "TroubledPayments",
                        "GatewayFailures",
                        "FailedMessages",
                        "QueueFailures",
                        "BusFailures",
                        "BooksChanged",
                        "UnreadKeys",
                    )
                ),
            ),
            shown("Faults in the books", ours("Faults"), statistic="Maximum"),
            shown("Open holds, as the audit finds them", ours("OpenHolds"), statistic="Sum"),
            shown("Events", ours("EventsPublished"), ours("UnreadableChanges")),
            shown(
                "Queues: chunks that wait, chunks that failed each time, events not told",
                [*dead, "${DistributionQueue.QueueName}"],
                [*dead, "${DistributionDeadLetters.QueueName}"],
                [*dead, "${EventDeadLetters.QueueName}"],
                statistic="Maximum",
            ),
        ]
    }

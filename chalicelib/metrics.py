"""Which events are counted: metrics of CloudWatch, made of the log's own lines.

A line that holds a metric carries a description in CloudWatch's embedded metric format, so that
nothing but the log is written, and nobody waits for it. The one dimension is the stage, but for
refusals, which are told apart by their code: each combination is paid for.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

NAMESPACE: Final = "LoyaltyMoney"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, its unit, the event's field that holds its value (else it counts 1)."""

    name: str
    unit: str = "Count"
    field: str | None = None
    by: str | None = None
    """The field that tells its values apart, beside the stage."""


REFUSALS: Final = Metric("Refusals", by="code")
TROUBLED_PAYMENTS: Final = Metric("TroubledPayments")
FAILED_MESSAGES: Final = Metric("FailedMessages")
GATEWAY_FAILURES: Final = Metric("GatewayFailures")
QUEUE_FAILURES: Final = Metric("QueueFailures")
BUS_FAILURES: Final = Metric("BusFailures")

METRICS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "request": (Metric("Latency", "Milliseconds", "ms"),),
    "refused": (REFUSALS,),
    "page_refused": (REFUSALS,),
    "internal_error": (Metric("InternalErrors"),),
    "write_contended": (Metric("Conflicts"),),
    "write_unanswered": (Metric("UnansweredWrites"),),
    "outcome_unknown": (Metric("UnknownOutcomes"),),
    "payments": (
        Metric("PaymentsInProgress", field="in_progress"),
        Metric("OldestPayment", "Milliseconds", "oldest_ms"),
    ),
    "payment_returned": (TROUBLED_PAYMENTS,),
    "payment_not_returned": (TROUBLED_PAYMENTS,),
    "payment_not_ended": (TROUBLED_PAYMENTS,),
    "gateway_missing": (TROUBLED_PAYMENTS,),
    "gateway_unanswered": (GATEWAY_FAILURES,),
    "gateway_refused": (GATEWAY_FAILURES,),
    "message_failed": (FAILED_MESSAGES,),
    "message_malformed": (FAILED_MESSAGES,),
    "queue_unanswered": (QUEUE_FAILURES,),
    "queue_refused": (QUEUE_FAILURES,),
    "keys_unread": (Metric("UnreadKeys"),),
    "published": (Metric("EventsPublished", field="events"),),
    "bus_unanswered": (BUS_FAILURES,),
    "bus_refused": (BUS_FAILURES,),
    "change_unreadable": (Metric("UnreadableChanges"),),
    "audited": (Metric("Faults", field="faults"), Metric("OpenHolds", field="holds")),
    "books_audited": (Metric("Audits"),),
    "book_changed": (Metric("BooksChanged"),),
}
"""What each event counts for. An event that is not here is a line of the log alone."""


def measured(event: str, fields: Mapping[str, Any], stage: str, now_ms: int) -> dict[str, Any]:
    """Return what a line of the log needs beside its fields for its metrics to be counted.

    Nothing for an event without metrics. `now_ms` is in milliseconds since 1970.
    """
    metrics = METRICS.get(event, ())
    if not metrics:
        return {}
    values = {m.name: 1 if m.field is None else fields[m.field] for m in metrics}
    described = [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [["stage", *((metric.by,) if metric.by else ())]],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit}],
        }
        for metric in metrics
    ]
    return {"stage": stage, **values, "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": described}}

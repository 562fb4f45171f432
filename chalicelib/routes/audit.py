"""The door to the last audit of a channel's books."""

from chalicelib import ledger
from chalicelib.core.audit import FaultKind
from chalicelib.core.errors import NoAudit, UnknownChannel
from chalicelib.http import Answer, Request, Routes, Shown
from chalicelib.routes.times import Time

routes = Routes(__name__)


class FaultShown(Shown):
    """One departure of the books: its kind, what it is about, and a sentence with both values."""

    kind: FaultKind
    where: str
    detail: str


class CurrencyTotalsShown(Shown):
    """The flows of one currency: issued + refunded = outstanding + escrow + spent + expired."""

    currency: str
    issued: str
    refunded: str
    outstanding: str
    escrow: str
    spent: str
    expired: str


class AuditShown(Shown):
    """What the last audit found: counts, totals as of `as_of`, and at most 100 of the faults."""

    channel: str
    started_at: Time
    as_of: Time
    finished_at: Time
    right: bool
    accounts: int
    entries: int
    transfers: int
    holds: int
    refunds: int
    distributions: int
    totals: list[CurrencyTotalsShown]
    fault_count: int
    faults: list[FaultShown]


@routes.route(
    "GET",
    "/channels/{channel}/audit",
    access="audit",
    answers={200: AuditShown},
    refusals=(UnknownChannel, NoAudit),
)
def read_audit(request: Request) -> Answer:
    """Read the report of the last audit; `python -m cli audit` makes one."""
    report = ledger.read_audit(request.call, request.path["channel"])
    return Answer(AuditShown.model_validate(report.model_dump()))

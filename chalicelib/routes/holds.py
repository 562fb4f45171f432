"""Doors to holds: authorise, capture, void and refund, for back ends; read, for admins too."""

from typing import Annotated

from pydantic import Field

from chalicelib import ledger
from chalicelib.core.accounts import OpenHold
from chalicelib.core.errors import (
    CaptureExceedsHold,
    HoldCaptured,
    HoldLapsed,
    HoldVoided,
    IdConflict,
    InsufficientCredit,
    InvalidAmount,
    RefundExceedsPayment,
    TooManyHolds,
    UnknownAccount,
    UnknownChannel,
    UnknownHold,
)
from chalicelib.core.holds import DEFAULT_LIFE_S, MAX_LIFE_S, HoldState
from chalicelib.core.money import AmountText, format_amount
from chalicelib.core.names import Reference
from chalicelib.core.page_errors import LoyaltyDisabled
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.ledger import StandingHold
from chalicelib.routes.accounts import key_of
from chalicelib.routes.orders import RefundBody
from chalicelib.routes.paging import Listed
from chalicelib.routes.times import Time, time_of
from chalicelib.routes.transfers import TransferShown, transfer_shown

routes = Routes(__name__)

HOLDS = "/channels/{channel}/accounts/{user_pk}/{currency}/holds"
HOLD = HOLDS + "/{hold_id}"


class HoldBody(Body):
    """A new hold, with its time limit in seconds: at most 30 days, a week if it is left out."""

    model_config = example({"amount": "20.00", "expires_in_s": 900})

    amount: AmountText
    expires_in_s: Annotated[int, Field(ge=1, le=MAX_LIFE_S)] = DEFAULT_LIFE_S


class CaptureBody(Body):
    """How much of a hold to capture, the whole if it is left out, and for which order."""

    model_config = example({"amount": "15.00", "order": "100201"})

    amount: AmountText | None = None
    order: Reference | None = None


class HoldShown(Shown):
    """A hold. `state` is open, captured, voided or lapsed; `expires_at` may be null."""

    id: str
    amount: str
    captured: str
    state: HoldState
    expires_at: Time | None


@routes.route(
    "PUT",
    HOLD,
    access="holds",
    body=HoldBody,
    answers={201: HoldShown, 200: HoldShown},
    refusals=(
        UnknownChannel,
        UnknownAccount,
        InvalidAmount,
        LoyaltyDisabled,
        TooManyHolds,
        InsufficientCredit,
        IdConflict,
    ),
)
def authorize(request: Request, body: HoldBody) -> Answer:
    """Keep credit for a payment to come, once for ever under this id."""
    settled = ledger.authorize(
        request.call,
        key_of(request),
        request.path["hold_id"],
        amount=body.amount,
        life_s=body.expires_in_s,
    )
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "POST",
    HOLD + "/capture",
    access="holds",
    body=CaptureBody,
    answers={201: HoldShown, 200: HoldShown},
    refusals=(
        UnknownChannel,
        UnknownAccount,
        UnknownHold,
        InvalidAmount,
        HoldCaptured,
        HoldVoided,
        HoldLapsed,
        CaptureExceedsHold,
    ),
)
def capture(request: Request, body: CaptureBody) -> Answer:
    """Spend what a hold keeps, or a part of it; the rest is available again."""
    settled = ledger.capture(
        request.call,
        key_of(request),
        request.path["hold_id"],
        amount=body.amount,
        order=body.order,
    )
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "POST",
    HOLD + "/void",
    access="holds",
    answers={201: HoldShown, 200: HoldShown},
    refusals=(UnknownChannel, UnknownAccount, UnknownHold, HoldCaptured, HoldLapsed),
)
def void(request: Request) -> Answer:
    """Give up a hold: what it keeps is available again."""
    settled = ledger.void(request.call, key_of(request), request.path["hold_id"])
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "GET",
    HOLDS,
    access="read",
    answers={200: Listed[HoldShown]},
    refusals=(UnknownChannel, UnknownAccount),
)
def list_holds(request: Request) -> Answer:
    """List an account's open holds: at most eight, so always one page."""
    key = key_of(request)
    found = ledger.list_open_holds(request.call, key)
    return Answer(Listed(items=[_open(hold, key.currency) for hold in found], next_cursor=None))


@routes.route(
    "GET",
    HOLD,
    access="read",
    answers={200: HoldShown},
    refusals=(UnknownChannel, UnknownAccount, UnknownHold),
)
def read_hold(request: Request) -> Answer:
    """Read a hold as it stands."""
    found = ledger.read_hold(request.call, key_of(request), request.path["hold_id"])
    return Answer(_shown(found))


@routes.route(
    "PUT",
    HOLD + "/refunds/{refund_id}",
    access="refunds",
    body=RefundBody,
    answers={201: TransferShown, 200: TransferShown},
    refusals=(
        UnknownChannel,
        UnknownAccount,
        UnknownHold,
        InvalidAmount,
        RefundExceedsPayment,
        IdConflict,
    ),
)
def refund_hold(request: Request, body: RefundBody) -> Answer:
    """Give back a part of what a hold's capture took, once for ever under this id."""
    path = request.path
    settled = ledger.refund_hold(
        request.call, key_of(request), path["hold_id"], path["refund_id"], amount=body.amount
    )
    return Answer(transfer_shown(settled.answer), 201 if settled.written else 200)


def _shown(standing: StandingHold) -> HoldShown:
    hold, currency = standing.hold, standing.hold.account.currency
    return HoldShown(
        id=hold.id,
        amount=format_amount(hold.amount, currency),
        captured=format_amount(hold.captured, currency),
        state=standing.state,
        expires_at=None if hold.expires_ms is None else time_of(hold.expires_ms),
    )


def _open(hold: OpenHold, currency: str) -> HoldShown:
    return HoldShown(
        id=hold.id,
        amount=format_amount(hold.amount, currency),
        captured=format_amount(0, currency),
        state=HoldState.OPEN,
        expires_at=None if hold.expires_ms is None else time_of(hold.expires_ms),
    )

"""The door to completed orders, for back ends and admins."""

import json

from pydantic import JsonValue

from chalicelib import checkout, ledger
from chalicelib.checkout import RefundedOrder
from chalicelib.core.errors import (
    IdConflict,
    InvalidAmount,
    InvalidCursor,
    RefundExceedsPayment,
    UnknownChannel,
    UnknownOrder,
    UnknownUser,
)
from chalicelib.core.money import AmountText, format_amount
from chalicelib.core.names import Identifier
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.routes.paging import Listed, ListQuery, listed, start_of
from chalicelib.routes.times import Time, time_of
from chalicelib.routes.transfers import TransferShown, transfer_shown

routes = Routes(__name__)


class OrderShown(Shown):
    """A completed order, with the basket as it was handed over.

    `refunded` is what was given back so far of `loyalty_money`. `charged_amount` is what a card
    was charged under `payment_key`. `payment_state` is `paid`, or `awaiting_payment` for a funds
    transfer. `erased` orders have neither address nor basket any more.
    """

    reference: str
    order_id: int
    user_pk: str
    user_email: str | None
    currency: str
    total_amount: str
    shipping_amount: str
    loyalty_money: str
    refunded: str
    payment_type: str
    payment_name: str
    payment_state: str
    charged_amount: str
    payment_key: str | None
    completed_at: Time
    basket: dict[str, JsonValue] | None
    erased: bool


class RefundBody(Body):
    """How much of a payment to give back."""

    model_config = example({"amount": "5.00"})

    amount: AmountText


class OrdersQuery(ListQuery):
    """Whose orders to list."""

    user_pk: Identifier


@routes.route(
    "GET",
    "/channels/{channel}/orders",
    access="read",
    query=OrdersQuery,
    answers={200: Listed[OrderShown]},
    refusals=(UnknownChannel, UnknownUser, InvalidCursor),
)
def list_orders(request: Request, query: OrdersQuery) -> Answer:
    """List a user's completed orders, newest first."""
    channel, user_pk = request.path["channel"], query.user_pk
    name = ("orders", channel, user_pk)
    orders, last = checkout.list_orders(
        request.call, channel, user_pk, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([_order(order) for order in orders], last, *name))


@routes.route(
    "GET",
    "/channels/{channel}/orders/{reference}",
    access="read",
    answers={200: OrderShown},
    refusals=(UnknownChannel, UnknownOrder),
)
def read_order(request: Request) -> Answer:
    """Read a completed order by the shop's reference."""
    path = request.path
    return Answer(_order(checkout.read_order(request.call, path["channel"], path["reference"])))


@routes.route(
    "PUT",
    "/channels/{channel}/orders/{reference}/refunds/{refund_id}",
    access="refunds",
    body=RefundBody,
    answers={201: TransferShown, 200: TransferShown},
    refusals=(UnknownChannel, UnknownOrder, InvalidAmount, RefundExceedsPayment, IdConflict),
)
def refund_order(request: Request, body: RefundBody) -> Answer:
    """Give back a part of what credit paid for an order, once for ever under this id."""
    path = request.path
    settled = ledger.refund_order(
        request.call, path["channel"], path["reference"], path["refund_id"], amount=body.amount
    )
    return Answer(transfer_shown(settled.answer), 201 if settled.written else 200)


def _order(found: RefundedOrder) -> OrderShown:
    order, contents = found.order, found.contents
    return OrderShown(
        reference=order.reference,
        order_id=order.order_id,
        user_pk=order.user_pk,
        user_email=None if contents is None else contents.user_email,
        currency=order.currency,
        total_amount=format_amount(order.total, order.currency),
        shipping_amount=format_amount(order.shipping, order.currency),
        loyalty_money=format_amount(order.loyalty, order.currency),
        refunded=format_amount(found.refunded, order.currency),
        payment_type=order.payment_type,
        payment_name=order.payment_name,
        payment_state=order.payment_state,
        charged_amount=format_amount(order.charged, order.currency),
        payment_key=order.payment_key,
        completed_at=time_of(order.completed_ms),
        basket=None if contents is None else json.loads(contents.content).get("basket"),
        erased=contents is None,
    )

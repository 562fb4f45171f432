"""The door where a shop's back end opens a shopper's checkout."""

from pydantic import BaseModel, ConfigDict, JsonValue

from chalicelib import checkout
from chalicelib.core.errors import (
    AlreadyCompleted,
    FieldError,
    InvalidAmount,
    InvalidRequest,
    UnknownChannel,
    UnknownUser,
)
from chalicelib.core.money import AmountText, format_amount, parse_amount, parse_opening
from chalicelib.core.names import Reference
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.core.pre_orders import PreOrder
from chalicelib.http import Answer, Body, Request, Routes, Shown, check_size, example
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class _Kept(BaseModel):
    """A part of the basket: what pages read is checked, further fields are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ProductImage(_Kept):
    """A picture of a product."""

    image: str | None = None


class Product(_Kept):
    """What an item is."""

    name: str | None = None
    absolute_url: str | None = None
    productimage_set: list[ProductImage] = []


class BasketItem(_Kept):
    """One line of a basket."""

    product: Product | None = None


class Basket(_Kept):
    """What is bought, as the storefront client shows it."""

    basketitem_set: list[BasketItem]


class PreOrderBody(Body):
    """A checkout to open. Without a `reference` the call is not retry-safe.

    The basket, options and addresses are shown to the storefront client as they are.
    """

    model_config = example(
        {
            "reference": "basket-1",
            "total_amount": "40.00",
            "basket": {"basketitem_set": [{"pk": 1, "quantity": 1, "total_amount": "40.00"}]},
        }
    )

    reference: Reference | None = None
    total_amount: AmountText
    shipping_amount: AmountText = "0"
    basket: Basket | None = None
    delivery_option: dict[str, JsonValue] | None = None
    shipping_option: dict[str, JsonValue] | None = None
    shipping_address: dict[str, JsonValue] | None = None
    billing_address: dict[str, JsonValue] | None = None


class PreOrderShown(Shown):
    """A checkout in progress."""

    reference: str
    order_id: int
    user_pk: str
    currency: str
    total_amount: str
    shipping_amount: str
    loyalty_money: str
    unpaid_amount: str
    state: str
    opened_at: Time


@routes.route(
    "PUT",
    "/channels/{channel}/pre-orders/{user_pk}/{currency}",
    access="sessions",
    body=PreOrderBody,
    answers={201: PreOrderShown, 200: PreOrderShown},
    refusals=(
        UnknownChannel,
        UnknownUser,
        InvalidAmount,
        AlreadyCompleted,
        PaymentInProgress,
    ),
)
def open_pre_order(request: Request, body: PreOrderBody) -> Answer:
    """Open a shopper's checkout, or replace an open one with other content."""
    path = request.path
    total = parse_amount(body.total_amount, path["currency"])
    shipping = parse_opening(body.shipping_amount, path["currency"])
    if shipping > total:
        detail = "The shipping amount is a part of the total amount and cannot exceed it."
        raise InvalidRequest(detail, errors=[FieldError("shipping_amount", "too_large", detail)])
    wanted = checkout.NewPreOrder(
        user_pk=path["user_pk"],
        currency=path["currency"],
        reference=body.reference,
        total=total,
        shipping=shipping,
        content=_content(body),
    )
    settled = checkout.open_pre_order(request.call, path["channel"], wanted)
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


_CONTENT = {"basket", "delivery_option", "shipping_option", "shipping_address", "billing_address"}


def _content(body: PreOrderBody) -> str:
    """Return what the order will keep, as JSON text. Raises `BodyTooLarge` for what it cannot."""
    content = body.model_dump_json(include=_CONTENT, exclude_unset=True)
    check_size(content.encode())
    return content


def _shown(pre_order: PreOrder) -> PreOrderShown:
    return PreOrderShown(
        reference=pre_order.reference,
        order_id=pre_order.order_id,
        user_pk=pre_order.user_pk,
        currency=pre_order.currency,
        total_amount=format_amount(pre_order.total, pre_order.currency),
        shipping_amount=format_amount(pre_order.shipping, pre_order.currency),
        loyalty_money=format_amount(pre_order.loyalty, pre_order.currency),
        unpaid_amount=format_amount(pre_order.unpaid, pre_order.currency),
        state=pre_order.state,
        opened_at=time_of(pre_order.opened_ms),
    )

"""Read completed orders, for their shopper and for the shop.

An order and its contents are rows of their own. Contents that are not there are looked for once
more, after the order was seen: a batch shows no one moment, and only then are they erased.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.auth import Call, Shopper
from chalicelib.checkout.reading import check_user
from chalicelib.core.errors import UnknownChannel, UnknownOrder, UnknownUser
from chalicelib.core.pre_orders import Order, OrderContents
from chalicelib.core.transfers import order_id
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.orders import (
    contents_in,
    contents_key,
    list_order_keys,
    order_in,
    order_key,
)
from chalicelib.store.refunds import refund_key, refunded_in
from chalicelib.store.requests import BATCH_KEYS, batch_get
from chalicelib.store.settings import channel_in, channel_key
from chalicelib.store.users import user_in, user_key


@dataclass(frozen=True, slots=True)
class RefundedOrder:
    """A completed order, and what was given back so far of the credit that paid it.

    `contents` are None where they were erased.
    """

    order: Order
    contents: OrderContents | None
    refunded: int


def read_own_order(
    call: Call, shopper: Shopper, reference: str
) -> tuple[Order, OrderContents | None]:
    """Return a completed order to its shopper, with its contents unless they were erased.

    Raises `UnknownOrder`, or `NotSignedIn`.
    """
    keys: list[AnyKey] = [
        order_key(shopper.channel, reference),
        contents_key(shopper.channel, shopper.user_pk, reference),
        user_key(shopper.channel, shopper.user_pk),
    ]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    check_user(rows, shopper)
    order = order_in(rows, shopper.channel, reference)
    if order is None or order.user_pk != shopper.user_pk:
        raise UnknownOrder
    return order, contents_in(_with_contents(call, rows, [order]), order)


def read_order(call: Call, channel: str, reference: str) -> RefundedOrder:
    """Return a completed order. Raises `UnknownChannel` or `UnknownOrder`.

    Its contents are found by its user, so they cost a request more.
    """
    keys = [channel_key(channel), *_order_keys(channel, reference)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if channel_in(rows, channel) is None:
        raise UnknownChannel
    order = order_in(rows, channel, reference)
    if order is None:
        raise UnknownOrder
    return _refunded(_with_contents(call, rows, [order]), order)


def list_orders(
    call: Call, channel: str, user_pk: str, *, limit: int, start: Item | None
) -> tuple[list[RefundedOrder], Item | None]:
    """Return a page of a user's completed orders, newest first. Raises `UnknownUser`."""
    references, last = list_order_keys(
        channel, user_pk, limit=limit, start=start, deadline=call.deadline
    )
    if not references and start is None:
        keys: list[AnyKey] = [channel_key(channel), user_key(channel, user_pk)]
        rows = batch_get(keys, deadline=call.deadline, consistent=True)
        if channel_in(rows, channel) is None:
            raise UnknownChannel
        if user_in(rows, channel, user_pk) is None:
            raise UnknownUser
        return [], None
    wanted = [key for reference in references for key in _order_keys(channel, reference)]
    wanted += [contents_key(channel, user_pk, reference) for reference in references]
    items = {
        identity: item
        for first in range(0, len(wanted), BATCH_KEYS)
        for identity, item in batch_get(
            wanted[first : first + BATCH_KEYS], deadline=call.deadline, consistent=True
        ).items.items()
    }
    rows = Rows(items)
    found = [order_in(rows, channel, reference) for reference in references]
    orders = [order for order in found if order is not None]
    rows = _with_contents(call, rows, orders)
    return [_refunded(rows, order) for order in orders], last


def _with_contents(call: Call, rows: Rows, orders: Sequence[Order]) -> Rows:
    """Return rows that hold the contents of orders that were seen, unless they are erased."""
    keys = [contents_key(order.channel, order.user_pk, order.reference) for order in orders]
    missing = [key for key in keys if not rows.shows(key)]
    if not missing:
        return rows
    return rows.with_items(batch_get(missing, deadline=call.deadline, consistent=True).items)


def _order_keys(channel: str, reference: str) -> list[AnyKey]:
    return [order_key(channel, reference), refund_key(channel, order_id(reference))]


def _refunded(rows: Rows, order: Order) -> RefundedOrder:
    sale_id = order_id(order.reference)
    refunded = refunded_in(rows, order.channel, sale_id)
    return RefundedOrder(order, contents_in(rows, order), refunded)

"""Read completed orders, for their shopper and for the shop."""

from dataclasses import dataclass

from chalicelib.auth import Call, Shopper
from chalicelib.checkout.reading import check_user
from chalicelib.core.errors import UnknownChannel, UnknownOrder, UnknownUser
from chalicelib.core.pre_orders import Order
from chalicelib.core.transfers import order_id
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.orders import list_order_keys, order_in, order_key
from chalicelib.store.refunds import refund_key, refunded_in
from chalicelib.store.requests import batch_get
from chalicelib.store.settings import channel_in, channel_key
from chalicelib.store.users import user_in, user_key


@dataclass(frozen=True, slots=True)
class RefundedOrder:
    """A completed order, and what was given back so far of the credit that paid it."""

    order: Order
    refunded: int


def read_own_order(call: Call, shopper: Shopper, reference: str) -> Order:
    """Return a completed order to its shopper. Raises `UnknownOrder`, or `NotSignedIn`."""
    keys = [order_key(shopper.channel, reference), user_key(shopper.channel, shopper.user_pk)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    check_user(rows, shopper)
    order = order_in(rows, shopper.channel, reference)
    if order is None or order.user_pk != shopper.user_pk:
        raise UnknownOrder
    return order


def read_order(call: Call, channel: str, reference: str) -> RefundedOrder:
    """Return a completed order. Raises `UnknownChannel` or `UnknownOrder`."""
    keys = [channel_key(channel), *_order_keys(channel, reference)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if channel_in(rows, channel) is None:
        raise UnknownChannel
    order = order_in(rows, channel, reference)
    if order is None:
        raise UnknownOrder
    return _refunded(rows, order)


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
    rows = batch_get(wanted, deadline=call.deadline, consistent=True)
    found = [order_in(rows, channel, reference) for reference in references]
    return [_refunded(rows, order) for order in found if order is not None], last


def _order_keys(channel: str, reference: str) -> list[AnyKey]:
    return [order_key(channel, reference), refund_key(channel, order_id(reference))]


def _refunded(rows: Rows, order: Order) -> RefundedOrder:
    sale_id = order_id(order.reference)
    return RefundedOrder(order, refunded_in(rows, order.channel, sale_id))

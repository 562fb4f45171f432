"""Completed orders: put once under the shop's reference, so that a basket completes once."""

from typing import cast

from chalicelib.core.pre_orders import Order, PaymentState
from chalicelib.store.actions import Action, Item, Key, Rows, put_once
from chalicelib.store.requests import query
from chalicelib.store.tables import OrderRow


def order_key(channel: str, reference: str) -> Key[OrderRow]:
    """Return the key of an order."""
    return Key(OrderRow, f"{channel}#{reference}")


def order_in(rows: Rows, channel: str, reference: str) -> Order | None:
    """Return the order out of rows that hold its key."""
    row = rows.get(order_key(channel, reference))
    return None if row is None else _order(channel, reference, row)


def list_order_keys(
    channel: str, user_pk: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[str], Item | None]:
    """Return a page of the references of a user's orders, newest first, and where to go on."""
    items, last = query(
        OrderRow,
        OrderRow.user == f"{channel}#{user_pk}",
        index=OrderRow.by_user.Meta.index_name,
        newest_first=True,
        limit=limit,
        start=start,
        deadline=deadline,
    )
    return [str(item["id"]["S"]).removeprefix(f"{channel}#") for item in items], last


def put_order(order: Order) -> Action:
    """Return the put of a new order, refused when its reference was completed before."""
    return put_once(
        OrderRow(
            id=f"{order.channel}#{order.reference}",
            user=f"{order.channel}#{order.user_pk}",
            completed_ms=order.completed_ms,
            user_email=order.user_email,
            currency=order.currency,
            order_id=order.order_id,
            total=order.total,
            shipping=order.shipping,
            loyalty=order.loyalty,
            payment_type=order.payment_type,
            payment_name=order.payment_name,
            payment_state=order.payment_state,
            charged=order.charged,
            payment_key=order.payment_key,
            content=order.content,
        )
    )


def order_of(item: Item) -> Order:
    """Return the order of a row."""
    row = OrderRow.from_raw_data(item)
    channel, _, reference = row.id.partition("#")
    return _order(channel, reference, row)


def _order(channel: str, reference: str, row: OrderRow) -> Order:
    return Order(
        channel=channel,
        user_pk=row.user.removeprefix(f"{channel}#"),
        currency=row.currency,
        reference=reference,
        order_id=row.order_id,
        user_email=row.user_email,
        total=row.total,
        shipping=row.shipping,
        loyalty=row.loyalty,
        payment_type=row.payment_type,
        payment_name=row.payment_name,
        payment_state=cast("PaymentState", row.payment_state),
        charged=row.charged,
        payment_key=row.payment_key,
        completed_ms=row.completed_ms,
        content=row.content,
    )

"""Completed orders: put once under the shop's reference, so that a basket completes once.

What is personal in an order lies in a row of its own, which may be deleted.
"""

from typing import cast

from chalicelib.core.pre_orders import Order, OrderContents, PaymentState
from chalicelib.store.actions import Action, Item, Key, Rows, delete, put, put_once
from chalicelib.store.requests import query, scan
from chalicelib.store.tables import OrderContentsRow, OrderRow


def order_key(channel: str, reference: str) -> Key[OrderRow]:
    """Return the key of an order."""
    return Key(OrderRow, f"{channel}#{reference}")


def order_in(rows: Rows, channel: str, reference: str) -> Order | None:
    """Return the order out of rows that hold its key."""
    row = rows.get(order_key(channel, reference))
    return None if row is None else _order(channel, reference, row)


def contents_key(channel: str, user_pk: str, reference: str) -> Key[OrderContentsRow]:
    """Return the key of an order's contents, which are found by the user whose order it is."""
    return Key(OrderContentsRow, f"{channel}#{user_pk}", reference)


def contents_in(rows: Rows, order: Order) -> OrderContents | None:
    """Return an order's contents out of rows that hold their key; None where they are erased."""
    row = rows.get(contents_key(order.channel, order.user_pk, order.reference))
    return None if row is None else _contents(row)


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


def list_contents(
    channel: str, user_pk: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[tuple[str, OrderContents]], Item | None]:
    """Return a page of the contents of a user's orders by reference, and where to go on.

    They are strongly read: what a completion has written is among them.
    """
    items, last = query(
        OrderContentsRow,
        OrderContentsRow.user == f"{channel}#{user_pk}",
        limit=limit,
        start=start,
        consistent=True,
        deadline=deadline,
    )
    rows = [OrderContentsRow.from_raw_data(item) for item in items]
    return [(row.reference, _contents(row)) for row in rows], last


def scan_contents(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[tuple[str, str, OrderContents]], Item | None]:
    """Return the channel's among the next `limit` contents, and where to go on.

    Each is a user_pk, a reference and the contents.
    """
    mine = f"{channel}#"
    items, last = scan(
        OrderContentsRow,
        OrderContentsRow.user.startswith(mine),
        limit=limit,
        start=start,
        deadline=deadline,
    )
    rows = [OrderContentsRow.from_raw_data(item) for item in items]
    return [(row.user.removeprefix(mine), row.reference, _contents(row)) for row in rows], last


def delete_contents(channel: str, user_pk: str, reference: str) -> Action:
    """Return the deletion of an order's contents."""
    return delete(contents_key(channel, user_pk, reference))


def put_order(order: Order, contents: OrderContents) -> list[Action]:
    """Return the puts of a new order and its contents.

    They are refused when the order's reference was completed before.
    """
    row = OrderContentsRow(
        user=f"{order.channel}#{order.user_pk}",
        reference=order.reference,
        user_email=contents.user_email,
        content=contents.content,
        salt=contents.salt,
    )
    return [_put_books(order), put(row)]


def _put_books(order: Order) -> Action:
    return put_once(
        OrderRow(
            id=f"{order.channel}#{order.reference}",
            user=f"{order.channel}#{order.user_pk}",
            completed_ms=order.completed_ms,
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
            contents_hash=order.contents_hash,
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
        total=row.total,
        shipping=row.shipping,
        loyalty=row.loyalty,
        payment_type=row.payment_type,
        payment_name=row.payment_name,
        payment_state=cast("PaymentState", row.payment_state),
        charged=row.charged,
        payment_key=row.payment_key,
        completed_ms=row.completed_ms,
        contents_hash=row.contents_hash,
    )


def _contents(row: OrderContentsRow) -> OrderContents:
    return OrderContents(row.user_email, row.content, row.salt)

"""Pre-orders and their baskets. A change is written only while `rev` is as it was read."""

from typing import Literal, cast

from chalicelib.core.pre_orders import PreOrder
from chalicelib.store.actions import Action, Key, Rows, put
from chalicelib.store.tables import BasketRow, PreOrderRow


def pre_order_key(channel: str, user_pk: str, currency: str) -> Key[PreOrderRow]:
    """Return the key of a user's pre-order in a currency."""
    return Key(PreOrderRow, f"{channel}#{user_pk}", currency)


def basket_key(channel: str, user_pk: str, currency: str) -> Key[BasketRow]:
    """Return the key of what the pre-order buys."""
    return Key(BasketRow, f"{channel}#{user_pk}", f"{currency}#basket")


def pre_order_in(rows: Rows, channel: str, user_pk: str, currency: str) -> PreOrder | None:
    """Return the pre-order out of rows that hold its key."""
    row = rows.get(pre_order_key(channel, user_pk, currency))
    return None if row is None else _pre_order(channel, user_pk, row)


def basket_in(rows: Rows, pre_order: PreOrder) -> str | None:
    """Return the basket of this very pre-order as JSON text.

    None where the rows hold another's: it was replaced between the reads of the two rows.
    """
    key = basket_key(pre_order.channel, pre_order.user_pk, pre_order.currency)
    row = rows.get(key)
    return row.content if row is not None and row.order_id == pre_order.order_id else None


def put_pre_order(pre_order: PreOrder, *, seen_rev: int | None) -> Action:
    """Return the put of a pre-order: a new one, or in place of the one with `seen_rev`."""
    row = PreOrderRow(
        user=f"{pre_order.channel}#{pre_order.user_pk}",
        currency=pre_order.currency,
        reference=pre_order.reference,
        content_hash=pre_order.content_hash,
        total=pre_order.total,
        shipping=pre_order.shipping,
        loyalty=pre_order.loyalty,
        payment_option=pre_order.payment_option,
        bin_number=pre_order.bin_number,
        installment=pre_order.installment,
        state=pre_order.state,
        order_id=pre_order.order_id,
        opened_ms=pre_order.opened_ms,
        completed_ms=pre_order.completed_ms,
        rev=pre_order.rev,
    )
    unchanged = (
        PreOrderRow.user.does_not_exist() if seen_rev is None else PreOrderRow.rev == seen_rev
    )
    return put(row, unchanged)


def put_basket(pre_order: PreOrder, content: str) -> Action:
    """Return the put of a pre-order's basket, in place of an older one."""
    return put(
        BasketRow(
            user=f"{pre_order.channel}#{pre_order.user_pk}",
            currency=f"{pre_order.currency}#basket",
            order_id=pre_order.order_id,
            content=content,
        )
    )


def _pre_order(channel: str, user_pk: str, row: PreOrderRow) -> PreOrder:
    return PreOrder(
        channel=channel,
        user_pk=user_pk,
        currency=row.currency,
        reference=row.reference,
        content_hash=row.content_hash,
        total=row.total,
        shipping=row.shipping,
        loyalty=row.loyalty,
        payment_option=row.payment_option,
        bin_number=row.bin_number,
        installment=row.installment,
        state=cast("Literal['open', 'completed']", row.state),
        order_id=row.order_id,
        opened_ms=row.opened_ms,
        completed_ms=row.completed_ms,
        rev=row.rev,
    )

"""How much of each payment is refunded: one row a payment, which caps all its refunds."""

from chalicelib.core.refunds import Sale
from chalicelib.store.actions import Action, Item, Key, Rows, update
from chalicelib.store.requests import scan
from chalicelib.store.tables import RefundRow


def refund_key(channel: str, sale_id: str) -> Key[RefundRow]:
    """Return the key of what is refunded of a payment."""
    return Key(RefundRow, f"{channel}#{sale_id}")


def refunded_in(rows: Rows, channel: str, sale_id: str) -> int:
    """Return what is refunded of a payment so far, in minor units."""
    row = rows.get(refund_key(channel, sale_id))
    return 0 if row is None else row.refunded


def scan_refunds(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[str], Item | None]:
    """Return the payments of the channel among the next `limit` rows, and the key to go on from."""
    mine = f"{channel}#"
    items, last = scan(
        RefundRow, RefundRow.sale.startswith(mine), limit=limit, start=start, deadline=deadline
    )
    return [str(item["sale"]["S"]).removeprefix(mine) for item in items], last


def add_refund(sale: Sale, amount: int) -> Action:
    """Return the update that adds a refund, refused if all together would exceed the payment.

    The first refund of a payment makes the row.
    """
    fits = RefundRow.refunded <= sale.amount - amount
    return update(
        refund_key(sale.account.channel, sale.sale_id),
        [RefundRow.refunded.add(amount)],
        RefundRow.refunded.does_not_exist() | fits,
    )

"""Pre-orders and their baskets. A change is written only while `rev` is as it was read."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from chalicelib.core.pre_orders import Charge, FailedPayment, PreOrder, PreOrderState, erased
from chalicelib.store.actions import Action, Item, Key, Rows, delete, put
from chalicelib.store.requests import query
from chalicelib.store.tables import BasketRow, PreOrderRow

Paying: TypeAlias = list[tuple[str, str, str]]

_BASKET: Final = "#basket"

_PAYING: Final = "yes"
"""The one hash key of the index of payments in progress: there are never many at a time."""


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket as a list of a user's pre-orders has it: JSON text, and its pre-order's currency."""

    currency: str
    content: str


def pre_order_key(channel: str, user_pk: str, currency: str) -> Key[PreOrderRow]:
    """Return the key of a user's pre-order in a currency."""
    return Key(PreOrderRow, f"{channel}#{user_pk}", currency)


def basket_key(channel: str, user_pk: str, currency: str) -> Key[BasketRow]:
    """Return the key of what the pre-order buys."""
    return Key(BasketRow, f"{channel}#{user_pk}", f"{currency}{_BASKET}")


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
        installment_price=pre_order.installment_price,
        bank_account=pre_order.bank_account,
        state=pre_order.state,
        attempt=pre_order.attempt,
        **_charge_attributes(pre_order.charge),
        failed_payment=pre_order.failed_payment,
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
            currency=f"{pre_order.currency}{_BASKET}",
            order_id=pre_order.order_id,
            content=content,
        )
    )


def erase_pre_order(before: PreOrder) -> list[Action]:
    """Return the writes that leave nothing of a pre-order but its counts, and delete its basket.

    They are refused unless it is as it was before.
    """
    basket = basket_key(before.channel, before.user_pk, before.currency)
    return [put_pre_order(erased(before), seen_rev=before.rev), delete(basket)]


def list_pre_orders(
    channel: str, user_pk: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[PreOrder | Basket], Item | None]:
    """Return a page of a user's pre-orders, each before its basket, and where to go on.

    They are strongly read.
    """
    items, last = query(
        PreOrderRow,
        PreOrderRow.user == f"{channel}#{user_pk}",
        limit=limit,
        start=start,
        consistent=True,
        deadline=deadline,
    )
    return [_listed(channel, user_pk, item) for item in items], last


def list_paying(*, limit: int, start: Item | None, deadline: float) -> tuple[Paying, Item | None]:
    """Return a page of the checkouts whose payment is in progress, and where to go on.

    The oldest come first. Each is a channel, a user_pk and a currency. The index may lag behind.
    """
    items, last = query(
        PreOrderRow,
        PreOrderRow.paying == _PAYING,
        index=PreOrderRow.by_paying.Meta.index_name,
        limit=limit,
        start=start,
        deadline=deadline,
    )
    users = [(str(item["user"]["S"]).split("#", 1), str(item["currency"]["S"])) for item in items]
    return [(user[0], user[1], currency) for user, currency in users], last


def _listed(channel: str, user_pk: str, item: Item) -> PreOrder | Basket:
    if not item["currency"]["S"].endswith(_BASKET):
        return _pre_order(channel, user_pk, PreOrderRow.from_raw_data(item))
    row = BasketRow.from_raw_data(item)
    return Basket(row.currency.removesuffix(_BASKET), row.content)


def _charge_attributes(charge: Charge | None) -> dict[str, Any]:
    if charge is None:
        return {}
    return {
        "paying": _PAYING,
        "gateway": charge.gateway,
        "charge": charge.amount,
        "installments": charge.installments,
        "begun_ms": charge.begun_ms,
        "payment_name": charge.payment_name,
    }


def _charge(row: PreOrderRow) -> Charge | None:
    if not row.paying:
        return None
    return Charge(
        gateway=row.gateway,
        amount=row.charge,
        installments=row.installments,
        begun_ms=row.begun_ms,
        payment_name=row.payment_name,
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
        installment_price=row.installment_price,
        bank_account=row.bank_account,
        state=cast("PreOrderState", row.state),
        attempt=row.attempt,
        charge=_charge(row),
        failed_payment=cast("FailedPayment | None", row.failed_payment),
        order_id=row.order_id,
        opened_ms=row.opened_ms,
        completed_ms=row.completed_ms,
        rev=row.rev,
    )

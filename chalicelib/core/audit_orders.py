"""The audit of orders' contents: still what the order was completed with, or erased. Pure."""

from chalicelib.core.audit import Fault, FaultKind
from chalicelib.core.pre_orders import Order, OrderContents


def check_contents(
    reference: str, user_pk: str, contents: OrderContents, order: Order | None
) -> list[Fault]:
    """Return what is wrong between contents and the order that they belong to."""
    if order is None:
        detail = "Its contents are kept, but no such order was completed."
    elif order.user_pk != user_pk:
        detail = f"Its contents are kept under {user_pk}, but {order.user_pk} completed it."
    elif order.contents_hash != contents.hash:
        detail = (
            f"The hash of its contents must be {order.contents_hash}; it is {contents.hash}: "
            "they were changed since, which an erasure never does."
        )
    else:
        return []
    where = f"order {reference}"
    return [Fault(kind=FaultKind.CONTENTS_DIFFER, where=where, detail=detail)]

"""Audit what orders keep of their contents, page by page; erased ones are not among them."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core.audit import Fault
from chalicelib.core.audit_orders import check_contents
from chalicelib.ledger.audit import Calls
from chalicelib.store.actions import Item
from chalicelib.store.orders import order_in, order_key, scan_contents
from chalicelib.store.requests import batch_get

CONTENTS_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class AuditedContents:
    """A page of orders' contents that were laid beside their orders; `last` is where to go on."""

    count: int
    last: Item | None
    faults: list[Fault]


def audit_contents(calls: Calls, channel: str, *, start: Item | None) -> Iterator[AuditedContents]:
    """Yield the contents after `start` with their faults.

    Contents are put with their order, so an order that is read after them is there.
    """
    while True:
        found, start = scan_contents(
            channel, limit=CONTENTS_A_PAGE, start=start, deadline=calls().deadline
        )
        faults: list[Fault] = []
        if found:
            keys = [order_key(channel, reference) for _, reference, _ in found]
            rows = batch_get(keys, deadline=calls().deadline, consistent=True)
            for user_pk, reference, contents in found:
                order = order_in(rows, channel, reference)
                faults += check_contents(reference, user_pk, contents, order)
        yield AuditedContents(len(found), start, faults)
        if start is None:
            return

"""Words for reconciliations in a shop to test against, whose messages this process works on."""

from chalicelib import reconciliation
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import Difference, Reconciliation
from chalicelib.outside import queue
from chalicelib.outside.queue import Message
from chalicelib.reconciliation import Comparison
from chalicelib.store.requests import Settled
from tests.verbs import shop

DAY_S = 24 * 3600
LATER_S = 2 * DAY_S
"""When reconciliations are asked for: the day that the shop opened in is over."""


def comparison_of(
    orders: dict[str, int],
    *,
    since_s: float = 0,
    until_s: float = DAY_S,
    currency: str | None = "TRY",
) -> Comparison:
    """Return a comparison with orders that credit paid, by reference, in minor units."""
    return Comparison(
        to_ms(shop.call(since_s).now),
        to_ms(shop.call(until_s).now),
        currency,
        [Order(name, currency or "TRY", paid) for name, paid in orders.items()],
    )


def start(
    name: str,
    orders: dict[str, int],
    *,
    after_s: float = LATER_S,
    since_s: float = 0,
    until_s: float = DAY_S,
) -> Settled[Reconciliation]:
    """Start a reconciliation of the first day; nobody works on its messages yet."""
    asked = comparison_of(orders, since_s=since_s, until_s=until_s)
    return reconciliation.start(shop.call(after_s), shop.CHANNEL, name, asked)


def standing(name: str) -> Reconciliation:
    """Return a reconciliation as it stands."""
    return reconciliation.read_reconciliation(shop.call(LATER_S), shop.CHANNEL, name)


def work(message: Message, *, after_s: float = LATER_S) -> None:
    """Work on one message."""
    reconciliation.work(shop.call(after_s, by="distribution"), message)


def taken() -> list[Message]:
    """Take every message that waits."""
    waiting = queue.local()
    messages = [message for *_, message in sorted(waiting._due)]
    waiting._due.clear()
    return messages


def work_off(*, after_s: float = LATER_S) -> int:
    """Work until no message is left; return how many there were."""
    count = 0
    while messages := taken():
        for message in messages:
            work(message, after_s=after_s)
            count += 1
    return count


def differences_of(name: str) -> list[Difference]:
    """Return all differences of a reconciliation."""
    found, behind = reconciliation.list_differences(
        shop.call(LATER_S), shop.CHANNEL, name, None, limit=100_000, after=0
    )
    assert behind is None
    return found


def reconcile(name: str, orders: dict[str, int], **more: float) -> list[Difference]:
    """Start a reconciliation, work it off, and return its differences."""
    start(name, orders, **more)
    work_off()
    assert standing(name).state == "closed"
    return differences_of(name)

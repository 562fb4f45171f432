"""A first read from the past changes nothing: every verb ends as if it had read the present.

The first read of a verb may be eventually consistent. Here it shows an empty store, at every
batch: whatever a verb would refuse by that is read again, and then it is done.
"""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.store.requests import Settled
from tests.store.wire import Wire, past
from tests.verbs import shop


def prepare() -> None:
    """Let ada have paid an order, have had a hold captured, and have one open; grace got 5.00."""
    shop.open_shop()
    shop.register("ada", "grace", "alan")
    for name, balance in (("ada", "100.00"), ("grace", "20.00")):
        shop.open_account(name, balance, account_id=f"{name}-try")
    shop.buy("ada", 4000)
    shop.hold("captured")
    shop.capture("captured")
    shop.hold("open")
    shop.send("sent", "ada", "grace", "5.00")
    shop.adjust("adjusted")


VERBS: dict[str, Callable[[], Settled[Any]]] = {
    "open an account with a key": lambda: shop.open_account("alan", "1.00", key="key-1"),
    "transfer by users": lambda: shop.send("t-1", "ada", "grace", "1.00"),
    "transfer by ids": lambda: shop.send_by_ids("t-1", "ada-try", "grace-try", "1.00"),
    "authorise": lambda: shop.hold("h-1"),
    "capture": lambda: shop.capture("open"),
    "void": lambda: shop.void("open"),
    "refund an order": lambda: shop.refund_order("r-1", "1.00"),
    "refund a capture": lambda: shop.refund_hold("r-1", "captured", "1.00"),
    "adjust": lambda: shop.adjust("a-1"),
    "reverse a transfer": lambda: shop.reverse("sent"),
    "reverse an adjustment": lambda: shop.reverse("adjusted"),
}


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("fresh", range(3))
def test_a_verb_ends_as_if_its_first_reads_were_not_from_the_past(
    wire: Wire, name: str, fresh: int
) -> None:
    """`fresh` batches see the present before one does not: each of a verb's reads has its turn."""
    prepare()
    nothing = past({table: [] for table in wire.everything()})
    wire.plan("BatchGetItem", *[None] * fresh, nothing)
    assert VERBS[name]().written
    wire.heal()
    assert not VERBS[name]().written


def test_a_hold_that_seems_new_by_a_stale_read_is_answered_as_it_was(wire: Wire) -> None:
    """Its own row is not seen yet, and the account shows it as lapsed already."""
    prepare()
    before = wire.everything()
    first = shop.hold("h-1", life_s=1)
    torn = {**wire.everything(), "test-holds": before["test-holds"]}
    wire.plan("BatchGetItem", past(torn))
    again = shop.hold("h-1", life_s=1, after_s=1)
    assert (again.answer, again.written) == (first.answer, False)

"""Refunds of orders and captures: in parts, each once, together never more than was paid."""

from collections.abc import Callable

import pytest

from chalicelib import checkout, ledger
from chalicelib.core.errors import (
    IdConflict,
    InvalidAmount,
    NotReversible,
    RefundExceedsPayment,
    UnknownHold,
    UnknownOrder,
)
from tests.store.wire import Meanwhile, Silence, Wire, past
from tests.verbs import shop


@pytest.fixture(autouse=True)
def paid(wire: Wire) -> Wire:
    """Open a shop where ada had 50.00 and paid 40.00 for an order, and grace had a hold of 9.00."""
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="20.00")
    shop.buy("ada", 4000)
    shop.hold("h-1", "grace", "9.00")
    shop.capture("h-1", "grace", "6.00", order="basket-7")
    return wire


def refund_six(refund: str, amount: str, after_s: float = 0) -> object:
    """Refund a part of grace's capture."""
    return shop.refund_hold(refund, "h-1", amount, "grace", after_s=after_s).answer


def refunded() -> int:
    return checkout.read_order(shop.call(), shop.CHANNEL, "basket-1").refunded


def test_a_refund_brings_a_part_back_from_refund() -> None:
    settled = shop.refund_order("r-1", "15.00", after_s=9)
    assert settled.written
    assert settled.answer.id == "refund:order:basket-1:r-1"
    assert settled.answer.source.account_id == "house:REFUND"
    last = shop.entries_of("ada")[-1]
    assert (last.kind, last.amount, last.balance_after) == ("refund", 1500, 2500)
    assert (last.counterparty, last.order) == ("house:REFUND", "basket-1")
    assert (refunded(), shop.balance_of("ada")) == (1500, 2500)


def test_refunds_of_a_capture_are_its_own() -> None:
    refund_six("r-1", "2.50")
    refund_six("r-2", "3.50")
    last = shop.entries_of("grace")[-1]
    assert last.transfer_id.startswith("refund:capture:")
    assert last.order == "basket-7"
    assert shop.balance_of("grace") == 2000
    with pytest.raises(RefundExceedsPayment, match=r"paid 6\.00 TRY, of which 6\.00 is refunded"):
        refund_six("r-3", "0.01")


def test_two_refunds_that_together_exceed_the_payment_are_refused(paid: Wire) -> None:
    shop.refund_order("r-1", "25.00")
    before = paid.everything()
    with pytest.raises(RefundExceedsPayment, match=r"refund at most 15\.00"):
        shop.refund_order("r-2", "15.01")
    assert paid.everything() == before
    shop.refund_order("r-2", "15.00")
    assert (refunded(), shop.balance_of("ada")) == (4000, 5000)


@pytest.mark.parametrize("amount", ["25.00", "40.00"])
def test_of_two_refunds_at_once_that_exceed_it_one_happens(paid: Wire, amount: str) -> None:
    paid.plan("TransactWriteItems", Meanwhile(lambda: shop.refund_order("r-1", amount)))
    with pytest.raises(RefundExceedsPayment):
        shop.refund_order("r-2", "20.00")
    assert refunded() == round(float(amount) * 100)


def test_of_two_refunds_at_once_that_fit_both_happen(paid: Wire) -> None:
    paid.plan("TransactWriteItems", Meanwhile(lambda: shop.refund_order("r-1", "20.00")))
    shop.refund_order("r-2", "20.00")
    assert (refunded(), shop.balance_of("ada")) == (4000, 5000)


@pytest.mark.parametrize(
    "refund",
    [
        lambda amount, at: shop.refund_order("r-1", amount, after_s=at).answer,
        lambda amount, at: refund_six("r-1", amount, at),
    ],
)
def test_a_refund_happens_once(paid: Wire, refund: Callable[[str, float], object]) -> None:
    paid.plan("TransactWriteItems", Silence(done=True))
    first = refund("6.00", 0)
    before = paid.everything()
    assert refund("6.0", 60) == first
    with pytest.raises(IdConflict):
        refund("5.99", 60)
    assert paid.everything() == before


def test_a_stale_read_never_turns_a_captured_hold_into_an_unpaid_one(paid: Wire) -> None:
    shop.hold("h-2", "grace", "1.00")
    before = paid.everything()
    shop.capture("h-2", "grace")
    paid.plan("BatchGetItem", past(before), past(before))
    assert shop.refund_hold("r-1", "h-2", "1.00", "grace").written


def test_another_amount_under_a_used_id_is_a_conflict_however_large() -> None:
    refund_six("r-1", "6.00")
    shop.refund_order("r-1", "40.00")
    with pytest.raises(IdConflict):
        refund_six("r-1", "6.01")
    with pytest.raises(IdConflict):
        shop.refund_order("r-1", "40.01")


def test_what_was_refunded_cannot_be_reversed_nor_can_a_payment(paid: Wire) -> None:
    shop.refund_order("r-1", "15.00")
    capture = shop.entries_of("grace")[-1].transfer_id
    before = paid.everything()
    for name in ("order:basket-1", "refund:order:basket-1:r-1", capture):
        with pytest.raises(NotReversible, match=r"This is of kind (order|refund|capture)"):
            shop.reverse(name)
    assert paid.everything() == before


def test_a_refund_needs_a_payment() -> None:
    with pytest.raises(UnknownOrder):
        shop.refund_order("r-1", "1.00", "basket-2")
    with pytest.raises(UnknownHold):
        shop.refund_hold("r-1", "h-2", "1.00", "grace")
    shop.hold("h-3", "grace", "1.00")
    with pytest.raises(RefundExceedsPayment, match=r"Credit paid 0\.00 TRY"):
        shop.refund_hold("r-1", "h-3", "1.00", "grace")
    with pytest.raises(InvalidAmount):
        shop.refund_order("r-1", "0.00")


def test_refunds_work_while_the_feature_is_off() -> None:
    shop.switch(enabled=False)
    assert shop.refund_order("r-1", "40.00").written


def test_the_list_of_orders_says_what_is_refunded() -> None:
    shop.refund_order("r-1", "15.00")
    found, _ = checkout.list_orders(shop.call(), shop.CHANNEL, "ada", limit=5, start=None)
    assert [(each.order.reference, each.refunded) for each in found] == [("basket-1", 1500)]


def test_a_refund_is_read_as_the_transfer_that_it_is() -> None:
    made = shop.refund_order("r-1", "15.00").answer
    assert ledger.read_transfer(shop.call(), shop.CHANNEL, made.id) == made

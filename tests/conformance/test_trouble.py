"""What can go wrong between a shopper's steps, as the client takes it: it is told, and goes on."""

import pytest

from tests.conformance.browser import Step, Storefront, Tab, hold
from tests.conformance.conftest import Visit
from tests.conformance.shop import CARD, CREDIT, FUNDS, OPTIONS, Shop, Shopper

pytestmark = pytest.mark.proof

PAYMENT = "PaymentOptionSelectionPage"
INSTALLMENT = "InstallmentSelectionPage"
SHIPPED = {
    "delivery_option": {"pk": 1, "delivery_option_type": "customer"},
    "shipping_option": {"pk": 2, "name": "Post"},
    "shipping_address": {"pk": 5, "line": "Some street 1"},
    "billing_address": {"pk": 5, "line": "Some street 1"},
    "basket": {"basketitem_set": [{"pk": 1, "quantity": 1, "product": {"name": "Tea"}}]},
}


def loaded(shop: Shop, visit: Visit, balance: str = "100.00") -> tuple[Shopper, Tab]:
    ada = shop.shopper(balance)
    shop.open_pre_order(ada)
    tab = visit(ada)
    tab.call("fetchCheckout", None, PAYMENT)
    return ada, tab


def told(step: Step) -> list[str]:
    """The fields that the store has errors for, each with a list of sentences."""
    errors = step.errors or {}
    assert all(texts and all(isinstance(t, str) for t in texts) for texts in errors.values())
    assert all(isinstance(texts, list) for texts in errors.values())
    return [*errors]


# --- the shopper -------------------------------------------------------------------------------


WRONG = ["62.995", "63.00", "100.01", "-1.00", "ten", "1e1", "10,00", "", "NaN", " ", "٣", [], {}]


@pytest.mark.parametrize("amount", WRONG)
def test_a_wrong_amount_is_told_at_its_field(shop: Shop, visit: Visit, amount: object) -> None:
    _, tab = loaded(shop, visit)
    before = tab.call("payWithLoyaltyBalance", "10.00")
    after = tab.call("payWithLoyaltyBalance", amount)
    assert told(after) == ["loyalty_amount_to_use"]
    assert after.pre_order == before.pre_order


@pytest.mark.parametrize(
    ("amount", "credit"), [("0", "0.00"), ("0.00", "0.00"), (" 5 ", "5.00"), (12.5, "12.50")]
)
def test_an_amount_is_set_and_never_added(
    shop: Shop, visit: Visit, amount: object, credit: str
) -> None:
    _, tab = loaded(shop, visit)
    tab.call("payWithLoyaltyBalance", "10.00")
    tab.call("payWithLoyaltyBalance", "10.00")
    after = tab.call("payWithLoyaltyBalance", amount)
    assert (after.money[0], told(after)) == (credit, [])


def test_an_amount_beyond_the_credit_is_refused(shop: Shop, visit: Visit) -> None:
    _, tab = loaded(shop, visit, "50.00")
    assert told(tab.call("payWithLoyaltyBalance", "50.01")) == ["loyalty_amount_to_use"]
    assert tab.call("payWithLoyaltyBalance", "50.00").money == ("50.00", "12.99")


def test_debit_pays_a_whole_order_beyond_the_credit(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper("10.00", debit=True)
    shop.open_pre_order(ada)
    tab = visit(ada)
    assert told(tab.call("payWithLoyaltyBalance", "62.98")) == ["loyalty_amount_to_use"]
    assert tab.call("payWithLoyaltyBalance", "62.99").money == ("62.99", "0.00")
    assert tab.call("completeLoyaltyPayment").gone
    assert shop.balance(ada) == "-52.99"


def test_credit_that_pays_a_part_completes_nothing(shop: Shop, visit: Visit) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("payWithLoyaltyBalance", "10.00")
    after = tab.call("completeLoyaltyPayment")
    assert (told(after), after.gone) == (["non_field_errors"], ())
    assert after.money == ("10.00", "52.99")
    assert (shop.balance(ada), shop.orders(ada)) == ("100.00", [])


@pytest.mark.parametrize(("name", "argument"), [("setBinNumber", "5"), ("setPaymentOption", 9)])
def test_a_wrong_choice_is_told(shop: Shop, visit: Visit, name: str, argument: object) -> None:
    _, tab = loaded(shop, visit)
    after = tab.call(name, argument)
    assert told(after) == [{"setBinNumber": "bin_number"}.get(name, "payment_option")]


def test_a_completion_may_be_repeated(shop: Shop, visit: Visit) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("payWithLoyaltyBalance", "62.99")
    first = tab.call("completeLoyaltyPayment")
    second = tab.call("completeLoyaltyPayment")
    assert order_of(first) == order_of(second)
    assert shop.balance(ada) == "37.01"
    assert len(shop.orders(ada)) == 1
    # The next look at the checkout leads to the basket, and opens nothing.
    assert tab.call("fetchCheckout").data["redirect_url"] == "/baskets/basket/"


def order_of(step: Step) -> int:
    [thanks] = step.data["context_list"]
    return int(thanks["page_context"]["order_id"])


def test_a_shopper_without_an_account_sees_no_credit(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper(None)
    shop.open_pre_order(ada)
    tab = visit(ada)
    assert tab.call("fetchCheckout", None, PAYMENT).shown == (CARD, FUNDS)
    assert tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "0.00"
    assert told(tab.call("payWithLoyaltyBalance", "1.00")) == ["loyalty_amount_to_use"]


def test_a_shipped_checkout_is_at_the_payment_at_once(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper()
    shop.open_pre_order(ada, content=SHIPPED)
    tab = visit(ada)
    step = tab.call("fetchCheckout", None, PAYMENT)
    assert step.checkout["steps"]["shipping"] == {"completed": True, "busy": False}
    tab.call("setBinNumber", "545454", INSTALLMENT)
    assert tab.call("fetchCheckout").pre_order["installment"] is not None
    assert tab.call("payWithLoyaltyBalance", "62.99", INSTALLMENT).money == ("62.99", "0.00")


# --- a second tab ------------------------------------------------------------------------------


def test_a_stale_tab_ends_where_the_other_one_is(shop: Shop, visit: Visit) -> None:
    ada, stale = loaded(shop, visit)
    stale.call("setBinNumber", "545454", INSTALLMENT)
    other = visit(ada)
    other.call("fetchCheckout")
    # It has no list of plans, since all was chosen when it was loaded.
    other.call("payWithLoyaltyBalance", "62.99")
    late = stale.call("setInstallmentOption", 1)
    assert told(late) == ["non_field_errors"]
    assert late.money == ("62.99", "0.00")
    assert late.checkout["installmentOptions"] == []
    assert other.call("completeLoyaltyPayment").gone
    ended = stale.call("payWithLoyaltyBalance", "0.00")
    assert told(ended) == ["non_field_errors"]
    assert ended.data["redirect_url"] == "/baskets/basket/"
    assert shop.balance(ada) == "37.01"


def test_two_tabs_that_complete_at_once_make_one_order(
    storefront: Storefront, shop: Shop, visit: Visit
) -> None:
    ada, first = loaded(shop, visit)
    second = visit(ada)
    first.call("payWithLoyaltyBalance", "62.99")
    steps = storefront.call_all(*((tab, "completeLoyaltyPayment", None) for tab in (first, second)))
    for step in steps:
        hold(step)
    assert order_of(steps[0]) == order_of(steps[1])
    assert shop.balance(ada) == "37.01"
    assert len(shop.orders(ada)) == 1


# --- others meanwhile --------------------------------------------------------------------------


def test_credit_that_shrank_is_taken_out_again(shop: Shop, visit: Visit) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("setPaymentOption", CREDIT)
    tab.call("payWithLoyaltyBalance", "62.99")
    shop.take(ada, "50.00")
    after = tab.call("completeLoyaltyPayment")
    assert (told(after), after.gone) == (["non_field_errors"], ())
    assert after.money == ("0.00", "62.99")
    assert after.shown == (CARD, CREDIT, FUNDS)
    assert tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "50.00"
    assert shop.balance(ada) == "50.00"


def test_the_feature_is_switched_off_meanwhile(shop: Shop, visit: Visit) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("setPaymentOption", CREDIT)
    tab.call("payWithLoyaltyBalance", "62.99")
    shop.set("LOYALTY_MONEY_ENABLED", value=False)
    after = tab.call("completeLoyaltyPayment", None, PAYMENT)
    assert (told(after), after.gone) == (["non_field_errors"], ())
    assert after.money == ("0.00", "62.99")
    assert told(tab.call("payWithLoyaltyBalance", "10.00")) == ["non_field_errors"]
    assert told(tab.call("getCheckoutLoyaltyBalance")) == ["non_field_errors"]
    assert tab.call("fetchCheckout").shown == (CARD, FUNDS)
    assert (shop.balance(ada), shop.orders(ada)) == ("100.00", [])


def test_other_instalment_plans_are_on_offer_meanwhile(shop: Shop, visit: Visit) -> None:
    _, tab = loaded(shop, visit)
    tab.call("setBinNumber", "545454", INSTALLMENT)
    plans = [{"pk": 2, "label": "Two", "installment_count": 2, "interest_rate": 150}]
    shop.set("INSTALLMENTS", plans)
    # The plan that is refused is answered by those of now, of which the client chooses the first.
    after = tab.call("setInstallmentOption", 1, INSTALLMENT)
    assert told(after) == ["installment"]
    assert after.pre_order["installment"]["pk"] == 2
    assert after.pre_order["total_amount_with_interest"] == "63.93"


def test_the_card_is_no_longer_offered_meanwhile(shop: Shop, visit: Visit) -> None:
    _, tab = loaded(shop, visit)
    shop.set("PAYMENT_OPTIONS", [option for option in OPTIONS if option["pk"] != CARD])
    # What is offered now comes with the refusal, and the client chooses the first of that.
    after = tab.call("setBinNumber", "545454", PAYMENT)
    assert told(after) == ["non_field_errors"]
    assert (after.chosen, after.shown) == (CREDIT, (CREDIT, FUNDS))


def test_the_card_is_gone_at_its_confirmation(shop: Shop, visit: Visit) -> None:
    """With both lists stale, the client would choose an option and a plan at once.

    Each refusal would make it choose again; it aborts the second of two equal calls by itself, and
    does not catch that. So the answer brings the options of now, and takes the plans away.
    """
    _, tab = loaded(shop, visit)
    tab.call("setBinNumber", "545454", INSTALLMENT)
    shop.set("PAYMENT_OPTIONS", [option for option in OPTIONS if option["pk"] != CARD])
    after = tab.call("payWithLoyaltyBalance", "10.00", PAYMENT)
    assert told(after) == []
    assert (after.chosen, after.shown) == (CREDIT, (CREDIT, FUNDS))
    assert after.money == ("10.00", "52.99")


def test_another_basket_is_checked_out_meanwhile(shop: Shop, visit: Visit) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("payWithLoyaltyBalance", "62.99")
    shop.open_pre_order(ada, "80.00")
    after = tab.call("completeLoyaltyPayment", None, PAYMENT)
    assert (told(after), after.gone) == (["non_field_errors"], ())
    assert after.money == ("0.00", "80.00")


def test_after_another_amount_the_plans_are_shown_at_their_new_prices(
    shop: Shop, visit: Visit
) -> None:
    ada, tab = loaded(shop, visit)
    tab.call("setPaymentOption", CARD)
    tab.call("setBinNumber", "545454", INSTALLMENT)
    step = tab.call("payWithLoyaltyBalance", "10.00", INSTALLMENT)
    [plan] = step.checkout["installmentOptions"]
    assert plan["price_with_accrued_interest"] == step.money[1]
    assert step.pre_order["installment"]["price_with_accrued_interest"] == step.money[1]
    assert shop.balance(ada) == "100.00"

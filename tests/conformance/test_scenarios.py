"""The guide's two scenarios, step by step, by the client's own code."""

from collections.abc import Callable

import pytest

from tests.conformance.browser import Storefront
from tests.conformance.conftest import Visit
from tests.conformance.shop import CARD, CREDIT, FUNDS, Shop

pytestmark = pytest.mark.proof

Report = Callable[[str, object], None]


def test_scenario_1_credit_pays_the_order(
    storefront: Storefront, shop: Shop, visit: Visit, record_property: Report
) -> None:
    before = storefront.steps
    ada = shop.shopper("50.00")
    reference = shop.open_pre_order(ada, "10.00")
    tab = visit(ada)
    # Nothing is chosen yet, so the client chooses the first option by itself.
    loaded = tab.call("fetchCheckout", None, "PaymentOptionSelectionPage")
    assert loaded.shown == (CARD, CREDIT, FUNDS)
    assert loaded.chosen == CARD
    assert loaded.errors == []
    assert loaded.money == ("0.00", "10.00")

    looked = tab.call("getCheckoutLoyaltyBalance")
    assert looked.checkout["loyaltyBalance"] == "50.00"
    assert looked.checkout | {"loyaltyBalance": None} == loaded.checkout | {"loyaltyBalance": None}

    used = tab.call("payWithLoyaltyBalance", "10.00")
    assert [context["page_name"] for context in used.data["context_list"]] == ["EmptyPage"]
    assert used.asked[0].form == {"loyalty_amount_to_use": "10.00"}
    assert used.money == ("10.00", "0.00")
    assert used.errors == []
    assert shop.balance(ada) == "50.00"

    done = tab.call("completeLoyaltyPayment")
    assert done.asked[0].form == {"agreement": "true"}
    [thanks] = done.data["context_list"]
    assert thanks["page_name"] == "ThankYouPage"
    assert {*thanks["page_context"]} == {
        *("redirect_url", "order_id", "new_user", "token", "campaigns"),
    }
    assert done.errors == []
    assert shop.balance(ada) == "40.00"

    [address] = done.gone
    path, _, time = address.partition("?t=")
    assert time.isdecimal()
    token = path.removesuffix("/").rpartition("/orders/completed/")[2]
    order = tab.thank(token)
    assert order["order"]["number"] == reference
    assert order["order"]["amount"] == order["order"]["loyalty_money"] == "10.00"
    record_property("report", f"scenario 1: {storefront.steps - before} steps of the client")


def test_scenario_2_first_a_part_then_all_of_it(
    storefront: Storefront, shop: Shop, visit: Visit, record_property: Report
) -> None:
    before = storefront.steps
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada, "62.99")
    tab = visit(ada)
    tab.call("fetchCheckout", None, "PaymentOptionSelectionPage")
    assert tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "100.00"

    part = tab.call("payWithLoyaltyBalance", "20.00")
    assert part.money == ("20.00", "42.99")
    assert CARD in part.shown

    card = tab.call("setPaymentOption", CARD)
    assert card.chosen == CARD
    assert card.checkout["installmentOptions"] == []

    known = tab.call("setBinNumber", "545454", "InstallmentSelectionPage")
    assert known.checkout["cardType"]["name"] == "Mastercard"
    [plan] = known.checkout["installmentOptions"]
    assert plan["price_with_accrued_interest"] == "42.99"
    assert known.pre_order["installment"]["pk"] == plan["pk"]
    assert known.errors == []

    # The plan's price is gone, so the client chooses it again by itself, and meets the refusal.
    full = tab.call("payWithLoyaltyBalance", "62.99", "InstallmentSelectionPage")
    assert [context["page_name"] for context in full.data["context_list"]] == ["EmptyPage"]
    assert full.money == ("62.99", "0.00")
    assert [*full.errors] == ["non_field_errors"]
    assert full.checkout["installmentOptions"] == []
    assert full.pre_order["installment"] is None

    # Loaded anew, the card is inactive and the error is gone.
    again = tab.call("fetchCheckout")
    assert again.shown == (CREDIT,)
    assert again.errors == []

    credit = tab.call("setPaymentOption", CREDIT)
    assert credit.chosen == CREDIT
    done = tab.call("completeLoyaltyPayment")
    assert "/orders/completed/" in done.gone[0]
    assert shop.balance(ada) == "37.01"
    [order] = shop.orders(ada)
    assert order["loyalty_money"] == "62.99"
    record_property("report", f"scenario 2: {storefront.steps - before} steps of the client")


@pytest.mark.parametrize("locale", ["en", "tr"])
def test_the_thank_you_page_is_the_one_of_the_locale(shop: Shop, visit: Visit, locale: str) -> None:
    ada = shop.shopper("50.00")
    shop.open_pre_order(ada, "10.00")
    tab = visit(ada, locale)
    used = tab.call("payWithLoyaltyBalance", "10.00")
    assert used.asked[0].headers["accept-language"] == {"en": "en-us", "tr": "tr-tr"}[locale]
    [address] = tab.call("completeLoyaltyPayment").gone
    assert ("/tr/orders/completed/" in address) == (locale == "tr")

"""What a browser sends beside the fields: cookies, currency, language and session, or lacks."""

import datetime

import pytest

from tests.conformance.browser import Storefront
from tests.conformance.conftest import Visit
from tests.conformance.shop import CARD, CREDIT, FUNDS, Shop

pytestmark = pytest.mark.proof

PAYMENT = "PaymentOptionSelectionPage"


def test_missing_cookies_are_the_defaults(storefront: Storefront, shop: Shop) -> None:
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = storefront.open_tab(ada.user_pk, {"osessionid": ada.session})
    step = tab.call("fetchCheckout", None, PAYMENT)
    headers = step.asked[0].headers
    assert (headers["accept-language"], headers["x-currency"]) == ("undefined", "undefined")
    assert "x-csrftoken" not in headers
    assert tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "100.00"
    assert tab.call("payWithLoyaltyBalance", "62.99").money == ("62.99", "0.00")
    assert tab.call("completeLoyaltyPayment").gone


@pytest.mark.parametrize("currency", ["", "xxx", "TRY", "Try"])
def test_an_unknown_currency_is_the_default_and_case_does_not_count(
    shop: Shop, visit: Visit, currency: str
) -> None:
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = visit(ada, currency=currency)
    assert tab.call("payWithLoyaltyBalance", "10.00").money == ("10.00", "52.99")


def test_another_currency_is_another_checkout(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper("100.00")
    shop.open_account(ada.user_pk, "USD", "20.00")
    shop.open_pre_order(ada)
    lira = visit(ada)
    lira.call("fetchCheckout", None, PAYMENT)
    lira.call("payWithLoyaltyBalance", "10.00")
    # The cookie is the browser's, so that the first tab has switched as well.
    dollar = visit(ada, currency="usd")
    assert dollar.call("fetchCheckout").data["redirect_url"] == "/baskets/basket/"
    assert lira.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "20.00"
    refused = lira.call("payWithLoyaltyBalance", "5.00")
    assert [*refused.errors] == ["non_field_errors"]
    shop.open_pre_order(ada, "30.00", currency="USD")
    opened = lira.call("payWithLoyaltyBalance", "5.00", PAYMENT)
    assert opened.money == ("5.00", "25.00")
    assert opened.pre_order["currency_type_label"] == "USD"
    back = visit(ada)
    assert back.call("fetchCheckout").money == ("10.00", "52.99")


@pytest.mark.parametrize(
    ("currency", "balance", "total"), [("JPY", "500", "300"), ("KWD", "10.000", "2.500")]
)
def test_other_digits_than_two(
    shop: Shop, visit: Visit, currency: str, balance: str, total: str
) -> None:
    ada = shop.shopper(None)
    shop.open_account(ada.user_pk, currency, balance)
    shop.open_pre_order(ada, total, currency=currency)
    tab = visit(ada, currency=currency.lower())
    looked = tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"]
    assert looked == {"JPY": "500.00", "KWD": "10.000"}[currency]
    used = tab.call("payWithLoyaltyBalance", {"JPY": "300.00", "KWD": "2.50"}[currency])
    assert float(used.money[1]) == 0
    assert tab.call("completeLoyaltyPayment").gone
    left = {"JPY": "200", "KWD": "7.500"}[currency]
    assert shop.balance(ada, currency) == left


def test_a_refusal_is_in_the_language_of_the_locale(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    texts = {}
    for locale in ("en", "tr", "undefined"):
        refused = visit(ada, locale).call("payWithLoyaltyBalance", "63.00")
        [texts[locale]] = refused.errors["loyalty_amount_to_use"]
    assert texts["undefined"] == texts["en"] != texts["tr"]
    assert all("62.99 TRY" in text for text in texts.values())


def test_the_account_pages_read_what_the_checkout_moved(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper("100.00")
    reference = shop.open_pre_order(ada)
    tab = visit(ada)
    tab.call("payWithLoyaltyBalance", "62.99")
    tab.call("completeLoyaltyPayment")
    assert tab.call("getLoyaltyBalance").data == {"balance": 37.01}
    found = tab.call("getLoyaltyTransactions").data
    assert found["count"] == 2
    assert [item["amount"] for item in found["results"]] == ["-62.99", "100.00"]
    assert [item["transaction"]["order"] for item in found["results"]] == [reference, None]


def test_a_guest_is_asked_to_log_in(storefront: Storefront, shop: Shop) -> None:
    tab = storefront.open_tab("guest", {"pz-locale": "en", "pz-currency": "try"})
    step = tab.call("fetchCheckout")
    assert step.data["template_name"] == "orders/index.html"
    assert step.pre_order is None


def test_an_ended_session_signs_the_shopper_out(storefront: Storefront, shop: Shop) -> None:
    """The client's own way with 401, which leaves the call without an answer until a reload."""
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = storefront.open_tab(ada.user_pk, {"osessionid": ada.session})
    tab.call("fetchCheckout", None, PAYMENT)
    shop.end_sessions(ada, datetime.datetime.now(datetime.UTC))
    [step] = storefront.call_all((tab, "payWithLoyaltyBalance", "10.00"))
    assert [asked.status for asked in step.asked] == [401] * 4
    assert {*step.pages} == {"LoyaltyMoneyUsagePage"}
    assert step.signed_out == ("/users/auth?callbackUrl=/orders/checkout/",)
    assert (step.endless, step.pending) == (False, ("payWithLoyaltyBalance",))
    assert step.money == ("0.00", "62.99")


def test_the_thank_you_page_is_the_shopper_s_own(
    storefront: Storefront, shop: Shop, visit: Visit
) -> None:
    ada, grace = shop.shopper("100.00"), shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = visit(ada)
    tab.call("payWithLoyaltyBalance", "62.99")
    [address] = tab.call("completeLoyaltyPayment").gone
    token = address.partition("/?t=")[0].rpartition("/")[2]
    [step] = storefront.call_all((visit(grace), "fetchCheckoutResult", token))
    assert {asked.status for asked in step.asked} == {404}
    assert "order" not in (step.data or {})


def test_every_option_is_shown_and_chosen(shop: Shop, visit: Visit) -> None:
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = visit(ada)
    for option in tab.call("fetchCheckout", None, PAYMENT).shown:
        assert tab.call("setPaymentOption", option).chosen == option
    assert {CARD, CREDIT, FUNDS} == {*tab.call("fetchCheckout").shown}

"""The client where a real shop has it: one address, behind it the shop's back end and this service.

The proxy is nginx with the configuration of docs/examples.
"""

from pathlib import Path

import pytest

from tests.conformance.browser import Storefront
from tests.conformance.shop import CARD, CREDIT, Shop
from tests.house.service import Service
from tests.nginx.proxy import nginx
from tests.nginx.shop import Reply, Sent, back_end

pytestmark = pytest.mark.proof

PAYMENT = "PaymentOptionSelectionPage"


def as_shop(_: Sent) -> Reply:
    return Reply({"context_list": [], "errors": None})


def test_a_shop_that_keeps_its_own_session_is_paid_with_credit(
    service: Service, shop: Shop, tmp_path: Path
) -> None:
    ada = shop.shopper("100.00")
    cookies = {
        "osessionid": "theshopsown",
        "loyalty_session": ada.session,
        "pz-locale": "en",
        "pz-currency": "try",
        "csrftoken": "c5rf",
    }
    with (
        back_end(as_shop) as own,
        nginx(service.address, own.address) as address,
        Storefront(address, tmp_path) as storefront,
    ):
        tab = storefront.open_tab("ada", cookies)
        assert tab.call("fetchCheckout").data["redirect_url"] == "/baskets/basket/"
        [step] = storefront.call_all((tab, "setShippingOption", 3))
        assert step.pages == ["ShippingOptionSelectionPage"]
        reference = shop.open_pre_order(ada)
        assert tab.call("fetchCheckout", None, PAYMENT).chosen == CARD
        assert tab.call("getCheckoutLoyaltyBalance").checkout["loyaltyBalance"] == "100.00"
        assert tab.call("payWithLoyaltyBalance", "62.99").money == ("62.99", "0.00")
        tab.call("setPaymentOption", CREDIT)
        [page] = tab.call("completeLoyaltyPayment").gone
        token = page.partition("/?t=")[0].rpartition("/")[2]
        assert tab.thank(token)["order"]["number"] == reference
        assert tab.call("getLoyaltyBalance").data == {"balance": 37.01}
        assert [(sent.method, sent.body) for sent in own.sent] == [("POST", b"shipping_option=3")]

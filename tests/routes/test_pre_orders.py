"""The door where a shop's back end opens a shopper's checkout."""

import re
from typing import Any

import pytest

from chalicelib.outside.sandbox import LOSES_REQUEST
from tests.routes.shop import BASKET, Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ADDRESS = {"pk": 5, "address_type": "customer", "line": "Some street 1"}
FULL = {
    "reference": "basket-1",
    "total_amount": "40.00",
    "shipping_amount": "10.00",
    "basket": BASKET,
    "delivery_option": {"pk": 1, "name": "To you", "delivery_option_type": "customer"},
    "shipping_option": {"pk": 2, "name": "Post"},
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
}


def test_a_checkout_is_opened_field_by_field(shop: Shop) -> None:
    opened = shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    assert opened.status == 201
    shown = dict(opened.json)
    assert TIME.fullmatch(shown.pop("opened_at"))
    assert 0 <= shown.pop("order_id") < 2**48
    assert shown == {
        "reference": "basket-1",
        "user_pk": "1001",
        "currency": "TRY",
        "total_amount": "40.00",
        "shipping_amount": "10.00",
        "loyalty_money": "0.00",
        "unpaid_amount": "40.00",
        "state": "open",
    }


def test_what_is_handed_over_is_shown_and_ordered_as_it_is(shop: Shop) -> None:
    shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    storefront = shop.storefront()
    pre_order = storefront.show()["pre_order"]
    assert pre_order["basket"] == BASKET
    for name in ("delivery_option", "shipping_option", "shipping_address", "billing_address"):
        assert pre_order[name] == FULL[name]
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    assert shop.staff("GET", "/orders/basket-1").json["basket"] == BASKET


def test_the_same_content_again_changes_nothing(shop: Shop) -> None:
    first = shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    shop.storefront().post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    before = shop.snapshot()
    again = shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    assert again.status == 200
    assert again.json == {**first.json, "loyalty_money": "10.00", "unpaid_amount": "30.00"}
    assert shop.snapshot() == before


@pytest.mark.parametrize(
    "changed",
    [{"total_amount": "41.00"}, {"basket": {"basketitem_set": []}}, {"reference": "basket-2"}],
)
def test_other_content_replaces_an_open_one_and_clears_amount_and_instalment(
    shop: Shop, changed: dict[str, Any]
) -> None:
    storefront = shop.storefront()
    shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    storefront.post("BinNumberPage", bin_number="545454")
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    chosen = storefront.post("InstallmentSelectionPage", installment="1")["pre_order"]
    assert (chosen["loyalty_money"], chosen["installment"]["pk"]) == ("10.00", 1)
    replaced = shop.staff("PUT", "/pre-orders/1001/TRY", {**FULL, **changed})
    assert replaced.status == 201
    assert replaced.json["loyalty_money"] == "0.00"
    pre_order = storefront.show()["pre_order"]
    assert (pre_order["loyalty_money"], pre_order["installment"]) == ("0.00", None)
    assert pre_order["payment_option"]["pk"] == 1


def test_a_completed_basket_is_never_opened_again_in_any_currency_for_anybody(shop: Shop) -> None:
    shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    before = shop.snapshot()
    for path in ("/pre-orders/1001/TRY", "/pre-orders/1001/USD", "/pre-orders/1002/TRY"):
        for content in (FULL, {**FULL, "total_amount": "41.00"}):
            again = shop.staff("PUT", path, content)
            assert (again.status, again.json["code"]) == (409, "already_completed")
    assert shop.snapshot() == before


def test_after_a_completed_checkout_the_next_one_begins_afresh(shop: Shop) -> None:
    first = shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    storefront = shop.storefront()
    storefront.post("PaymentOptionSelectionPage", payment_option="2")
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    fresh = shop.staff("PUT", "/pre-orders/1001/TRY", {**FULL, "reference": "basket-2"})
    assert fresh.status == 201
    assert fresh.json["order_id"] != first.json["order_id"]
    pre_order = storefront.show()["pre_order"]
    assert (pre_order["payment_option"], pre_order["loyalty_money"]) == (None, "0.00")


def test_without_a_reference_one_is_made(shop: Shop) -> None:
    made = shop.staff("PUT", "/pre-orders/1001/TRY", {"total_amount": "40.00"})
    assert made.status == 201
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", made.json["reference"])


def test_a_reference_of_128_characters_is_carried_through_to_the_order(shop: Shop) -> None:
    reference = "r" * 128
    shop.staff("PUT", "/pre-orders/1001/TRY", {"reference": reference, "total_amount": "1.00"})
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00")
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    assert done["context_list"][0]["page_name"] == "ThankYouPage"
    assert shop.staff("GET", f"/orders/{reference}").json["reference"] == reference
    payment = shop.staff("GET", f"/transfers/order:{reference}").json
    assert (payment["source"], payment["target"]) == ("ada", "house:SALE")


def test_checkouts_of_two_currencies_stand_beside_each_other(shop: Shop) -> None:
    shop.staff("PUT", "/pre-orders/1001/TRY", FULL)
    shop.staff("PUT", "/pre-orders/1001/USD", {"reference": "usd", "total_amount": "7.00"})
    assert shop.storefront().show()["pre_order"]["total_amount"] == "40.00"
    assert shop.storefront(currency="usd").show()["pre_order"]["total_amount"] == "7.00"


@pytest.mark.parametrize(
    "basket",
    [
        {"basketitem_set": [{"product": "tea"}]},
        {"basketitem_set": [{"product": ["tea"]}]},
        {"basketitem_set": [{"product": {"productimage_set": ["tea.jpg"]}}]},
        {"basketitem_set": [{"product": {"productimage_set": {"image": "tea.jpg"}}}]},
        {"basketitem_set": [{"product": None}]},
        {"basketitem_set": [{}]},
        {"basketitem_set": []},
    ],
)
def test_a_basket_of_any_shape_is_refused_at_the_door_or_ordered_and_shown(
    shop: Shop, basket: dict[str, Any]
) -> None:
    body = {"reference": "b1", "total_amount": "1.00", "basket": basket}
    opened = shop.staff("PUT", "/pre-orders/1001/TRY", body)
    if opened.status == 422:
        return
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00")
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    url = done["context_list"][0]["page_context"]["redirect_url"]
    assert storefront.get(url).status == 200


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_json_cannot_hold_never_reaches_the_client(shop: Shop, number: bytes) -> None:
    """The client parses strictly: one NaN in an answer, and the whole checkout is gone."""
    body = b'{"total_amount":"1.00","basket":{"basketitem_set":[{"quantity":%s}]}}' % number
    opened = shop.staff("PUT", "/pre-orders/1001/TRY", body)
    if opened.status in {400, 422}:
        return
    shown = shop.storefront().get().text
    assert not re.search(r"NaN|Infinity", shown)


def test_a_checkout_whose_card_is_being_charged_cannot_be_replaced(shop: Shop) -> None:
    shop.set("PAYMENT_GATEWAY", "sandbox")
    body = {"reference": "b1", "total_amount": "40.00"}
    shop.staff("PUT", "/pre-orders/1001/TRY", body)
    storefront = shop.storefront()
    card = {"card_number": LOSES_REQUEST, "card_holder": "Ada", "card_cvv": "123"}
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    storefront.post("BinNumberPage", bin_number=LOSES_REQUEST[:6])
    storefront.post("InstallmentSelectionPage", installment="1")
    until = {"card_month": "12", "card_year": "2040"}
    storefront.post("CreditCardConfirmationPage", agreement="1", **card, **until)
    same = shop.staff("PUT", "/pre-orders/1001/TRY", body)
    assert (same.status, same.json["state"]) == (200, "paying")
    other = shop.staff("PUT", "/pre-orders/1001/TRY", body | {"total_amount": "1.00"})
    assert (other.status, other.json["code"]) == (409, "payment_in_progress")

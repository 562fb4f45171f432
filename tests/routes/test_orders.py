"""The door to completed orders."""

import re

from tests.routes.shop import BASKET, Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_an_order_is_read_field_by_field(shop: Shop) -> None:
    opened = shop.open_pre_order(total="30.00", shipping_amount="5.00", basket=BASKET)
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="30.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    reply = shop.staff("GET", "/orders/b1")
    assert reply.status == 200
    order = dict(reply.json)
    assert TIME.fullmatch(order.pop("completed_at"))
    assert order == {
        "reference": "b1",
        "order_id": opened["order_id"],
        "user_pk": "1001",
        "user_email": "ada@example.com",
        "currency": "TRY",
        "total_amount": "30.00",
        "shipping_amount": "5.00",
        "loyalty_money": "30.00",
        "refunded": "0.00",
        "payment_type": "loyalty_money",
        "payment_name": "Loyalty Money",
        "payment_state": "paid",
        "charged_amount": "0.00",
        "payment_key": None,
        "basket": BASKET,
        "erased": False,
    }


def test_an_order_without_a_basket_has_none(shop: Shop) -> None:
    shop.open_pre_order(total="30.00")
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="30.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    assert shop.staff("GET", "/orders/b1").json["basket"] is None


def test_an_open_checkout_is_no_order(shop: Shop) -> None:
    shop.open_pre_order()
    reply = shop.staff("GET", "/orders/b1")
    assert (reply.status, reply.json["code"]) == (404, "unknown_order")


def test_a_users_orders_are_listed_newest_first(shop: Shop) -> None:
    storefront = shop.storefront()
    for reference in ("b1", "b2", "b3"):
        shop.open_pre_order(total="10.00", reference=reference)
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
        storefront.post("LoyaltyMoneyPage", agreement="true")
    listed = shop.staff("GET", "/orders?user_pk=1001").json
    assert [order["reference"] for order in listed["items"]] == ["b3", "b2", "b1"]
    assert listed["next_cursor"] is None
    for order in listed["items"]:
        assert shop.staff("GET", f"/orders/{order['reference']}").json == order
    first = shop.staff("GET", "/orders?user_pk=1001&limit=2").json
    rest = shop.staff("GET", f"/orders?user_pk=1001&limit=2&cursor={first['next_cursor']}").json
    assert first["items"] + rest["items"] == listed["items"]


def test_a_user_who_ordered_nothing_has_an_empty_list(shop: Shop) -> None:
    reply = shop.staff("GET", "/orders?user_pk=1003")
    assert (reply.status, reply.json) == (200, {"items": [], "next_cursor": None})

"""The doors to a shopper's personal data: erase it, and give out all of it."""

from typing import Final

import pytest

from chalicelib.routes.envelope import order_token
from tests.routes.shop import BASKET, Shop, Storefront

ERASURE: Final = "/users/1001/erasure"
EXPORT: Final = "/users/1001/export"


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """Let Ada pay an order of 7.00 with credit, and begin another checkout."""
    storefront = shop.storefront()
    shop.open_pre_order(total="7.00", reference="b1", basket=BASKET)
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    shop.open_pre_order(total="9.00", reference="b2", basket=BASKET)
    return shop


def registered_again(shop: Shop) -> Storefront:
    """Register Ada again, and let her sign in."""
    assert shop.staff("PUT", "/users/1001", {"email": "ada@new.example"}).status == 200
    session = shop.staff("POST", "/sessions", {"user_pk": "1001"}).json["session"]
    return Storefront(shop, session, "try")


def test_an_erasure_says_what_went_and_what_stays(ordered: Shop) -> None:
    reply = ordered.staff("PUT", ERASURE, {"credit": "keep"})
    assert reply.status == 200
    assert reply.json["user_pk"] == "1001"
    assert "email" in reply.json["removed"]
    assert "orders" in reply.json["kept"]
    (account,) = reply.json["accounts"]
    assert (account["expired"], account["held"]) == ("0.00", "0.00")
    assert account["balance"] == ordered.staff("GET", "/accounts/1001/TRY").json["balance"]


def test_credit_that_expires_is_an_activity(ordered: Shop) -> None:
    before = ordered.staff("GET", "/accounts/1001/TRY").json
    reply = ordered.staff("PUT", ERASURE, {"credit": "expire"})
    (account,) = reply.json["accounts"]
    assert (account["expired"], account["balance"]) == (before["balance"], "0.00")
    last = ordered.staff("GET", "/accounts/1001/TRY/activities").json["items"][0]
    assert (last["kind"], last["counterparty"]) == ("expire", "house:EXPIRED")
    assert ordered.staff("GET", f"/transfers/{last['id']}").json["target"] == "house:EXPIRED"
    again = ordered.staff("PUT", f"/transfers/{last['id']}/reversal")
    assert (again.status, again.json["code"]) == (409, "not_reversible")


@pytest.mark.parametrize(("credit", "status"), [("keep", 200), ("expire", 403)])
def test_only_who_may_adjust_lets_credit_expire(ordered: Shop, credit: str, status: int) -> None:
    before = ordered.snapshot()
    reply = ordered.staff("PUT", ERASURE, {"credit": credit}, scopes=("users",))
    assert reply.status == status
    assert (ordered.snapshot() == before) == (status == 403)
    both = ordered.staff("PUT", ERASURE, {"credit": credit}, scopes=("users", "adjust"))
    assert both.status == 200


def test_a_payment_in_progress_comes_first(shop: Shop) -> None:
    shop.open_pre_order(total="7.00", reference="b1")
    shop.overwrite("pre_orders", {"user": "demo#1001", "currency": "TRY"}, state={"S": "paying"})
    reply = shop.staff("PUT", ERASURE, {"credit": "keep"})
    assert (reply.status, reply.json["code"]) == (409, "payment_in_progress")


def test_who_was_erased_is_listed_without_an_address(ordered: Shop) -> None:
    erased_at = ordered.staff("PUT", ERASURE, {"credit": "keep"}).json["erased_at"]
    users = {user["user_pk"]: user for user in ordered.staff("GET", "/users").json["items"]}
    assert (users["1001"]["email"], users["1001"]["erased_at"]) == (None, erased_at)
    assert users["1002"]["erased_at"] is None
    assert ordered.staff("GET", "/users?email=ada@example.com").json["items"] == []
    assert ordered.staff("GET", "/accounts/1001/TRY").json["user_email"] is None
    listed = ordered.staff("GET", "/accounts?user_pk=1001").json["items"]
    assert [account["user_email"] for account in listed] == [None]


def test_an_erased_order_is_shown_as_such(ordered: Shop) -> None:
    before = ordered.staff("GET", "/orders/b1").json
    ordered.staff("PUT", ERASURE, {"credit": "keep"})
    after = ordered.staff("GET", "/orders/b1").json
    assert after == before | {"user_email": None, "basket": None, "erased": True}
    assert ordered.staff("GET", "/orders?user_pk=1001").json["items"] == [after]


def test_the_thank_you_page_of_an_erased_order_answers_still(ordered: Shop) -> None:
    """Who is registered again may come by an old link."""
    place = f"/orders/completed/{order_token('demo', '1001', 'b1')}/?format=json"
    assert ordered.storefront().get(place).json["order"]["erased"] is False
    ordered.staff("PUT", ERASURE, {"credit": "keep"})
    assert ordered.storefront().get(place).status == 401
    reply = registered_again(ordered).get(place)
    assert reply.status == 200
    order = reply.json["order"]
    assert (order["number"], order["amount"], order["erased"]) == ("b1", "7.00", True)
    assert (order["user_email"], order["orderitem_set"], order["shipping_address"]) == (
        "",
        [],
        None,
    )


def test_a_checkout_of_who_was_erased_is_gone(ordered: Shop) -> None:
    ordered.staff("PUT", ERASURE, {"credit": "keep"})
    assert ordered.storefront().get("/orders/checkout/").status == 401
    refused = ordered.staff("PUT", "/pre-orders/1001/TRY", {"total_amount": "9.00"})
    assert (refused.status, refused.json["code"]) == (404, "unknown_user")
    assert ordered.staff("POST", "/sessions", {"user_pk": "1001"}).status == 404
    page = registered_again(ordered).get("/orders/checkout/")
    assert page.status == 200
    assert "b2" not in page.text


def test_an_export_goes_on_by_its_own_cursor_alone(ordered: Shop) -> None:
    first = ordered.staff("GET", f"{EXPORT}?limit=2").json
    assert [item["kind"] for item in first["items"]] == ["user", "account"]
    kinds = [item["kind"] for item in first["items"]]
    cursor = first["next_cursor"]
    elsewhere = ordered.staff("GET", f"/users/1002/export?cursor={cursor}")
    assert (elsewhere.status, elsewhere.json["code"]) == (400, "invalid_cursor")
    while cursor is not None:
        page = ordered.staff("GET", f"{EXPORT}?limit=2&cursor={cursor}").json
        kinds += [item["kind"] for item in page["items"]]
        cursor = page["next_cursor"]
    expected = ["user", "account", "entry", "entry", "order", "pre_order", "basket"]
    assert kinds == [*expected, "order_contents"]


def test_an_export_is_given_to_who_may_manage_users(ordered: Shop) -> None:
    assert ordered.staff("GET", EXPORT, scopes=("users",)).status == 200
    assert ordered.staff("GET", EXPORT, scopes=("read",)).status == 403

"""A cursor belongs to one list with one set of filters, and is nobody's to write."""

from typing import Final

import pytest

from tests.routes.callers import sealed
from tests.routes.shop import Shop

LISTS: Final = (
    "/users?",
    "/accounts?",
    "/accounts?currency=TRY&",
    "/accounts?currency=USD&",
    "/accounts/1000/TRY/activities?",
    "/accounts/1001/TRY/activities?",
    "/accounts/1000/TRY/transfer-targets?",
    "/accounts/1001/TRY/transfer-targets?",
    "/accounts/1000/TRY/transfer-targets?query=x&",
    "/orders?user_pk=1001&",
    "/orders?user_pk=1002&",
)


@pytest.fixture
def cursors(shop: Shop) -> dict[str, str]:
    """Return a genuine cursor of each list."""
    for number in range(3):
        user_pk = f"x{number}"
        shop.register(user_pk, f"{user_pk}@example.com")
        shop.open_account(user_pk, "TRY", "1.00", account_id=user_pk)
        shop.open_account(user_pk, "USD", "1.00", account_id=f"{user_pk}-usd")
        body = {"source": "treasury", "target": "ada", "amount": "20.00"}
        shop.staff("PUT", f"/transfers/t{number}", body)
    for user_pk, total in (("1001", "1.00"), ("1002", "1.00")):
        shop.staff(
            "PUT",
            f"/transfers/g{user_pk}",
            {"source": "treasury", "target": "grace", "amount": "9"},
        )
        storefront = shop.storefront(user_pk)
        for number in range(2):
            reference = f"b{user_pk}-{number}"
            shop.open_pre_order(user_pk, total=total, reference=reference)
            storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=total)
            storefront.post("LoyaltyMoneyPage", agreement="true")
    found = {path: str(shop.staff("GET", f"{path}limit=1").json["next_cursor"]) for path in LISTS}
    assert "None" not in found.values()
    return found


def test_a_cursor_is_good_for_its_own_list_alone(shop: Shop, cursors: dict[str, str]) -> None:
    wrong = []
    for mine in LISTS:
        for path in LISTS:
            reply = shop.staff("GET", f"{path}cursor={cursors[mine]}")
            expected = 200 if mine == path else 400
            if reply.status != expected:
                wrong.append(f"{mine} at {path}: {reply.status}")
    assert wrong == []


def test_a_cursor_is_good_for_its_own_channel_alone(shop: Shop, cursors: dict[str, str]) -> None:
    for path in ("/users?", "/accounts?"):
        reply = shop.staff("GET", f"{path}cursor={cursors[path]}", channel="other")
        assert (reply.status, reply.json["code"]) == (400, "invalid_cursor")


def test_an_altered_cursor_is_refused_wherever_it_is_altered(
    shop: Shop, cursors: dict[str, str]
) -> None:
    cursor = cursors["/users?"]
    for position in range(0, len(cursor), 3):
        other = "B" if cursor[position] != "B" else "C"
        altered = cursor[:position] + other + cursor[position + 1 :]
        reply = shop.staff("GET", f"/users?cursor={altered}")
        assert (reply.status, reply.json["code"]) == (400, "invalid_cursor"), position


@pytest.mark.parametrize("purpose", ["session", "order"])
def test_a_seal_of_another_purpose_is_no_cursor(shop: Shop, purpose: str) -> None:
    content = {"l": ["users", "demo"], "k": {"user": {"S": "demo#1000"}}}
    reply = shop.staff("GET", f"/users?cursor={sealed(purpose, content)}")
    assert (reply.status, reply.json["code"]) == (400, "invalid_cursor")


def test_a_session_and_an_order_token_are_no_cursors(shop: Shop) -> None:
    for text in (shop.session(), sealed("order", {"c": "demo", "u": "1001", "r": "b1"})):
        reply = shop.staff("GET", f"/users?cursor={text}")
        assert (reply.status, reply.json["code"]) == (400, "invalid_cursor")


def test_the_last_page_says_so(shop: Shop) -> None:
    assert shop.staff("GET", "/users?limit=50").json["next_cursor"] is None


def test_a_cursor_goes_on_with_another_limit(shop: Shop, cursors: dict[str, str]) -> None:
    whole = shop.staff("GET", "/users").json["items"]
    rest = shop.staff("GET", f"/users?cursor={cursors['/users?']}&limit=50").json["items"]
    assert rest == whole[1:]

"""Every write may be repeated: it answers as the first time, and nothing moves again."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from chalicelib.http import DECLARED
from tests.routes.shop import Reply, Shop
from tests.routes.test_storefront import PAGES

Send = Callable[[Shop], Reply]


def staff(method: str, path: str, body: Any, **headers: str) -> Send:
    return lambda shop: shop.staff(method, path, body, headers=headers)


ACCOUNT: Final = {"user_pk": "1003", "currency": "TRY", "balance": "5", "debit_card_allowed": True}
WRITES: Final[Mapping[tuple[str, str], Send]] = {
    ("PUT", "/channels/{channel}"): lambda shop: shop.staff(
        "PUT", "", {"default_currency": "KWD"}, channel="fresh"
    ),
    ("PUT", "/channels/{channel}/settings/{name}"): staff(
        "PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": False}
    ),
    ("PUT", "/channels/{channel}/users/{user_pk}"): staff(
        "PUT", "/users/2001", {"email": "m@example.com"}
    ),
    ("POST", "/channels/{channel}/users"): staff(
        "POST", "/users", {"users": [{"user_pk": "2001", "email": "m@example.com"}]}
    ),
    ("PUT", "/channels/{channel}/users/{user_pk}/sessions"): staff(
        "PUT", "/users/1002/sessions", {"valid_from": "2026-01-01T00:00:00Z"}
    ),
    ("POST", "/channels/{channel}/accounts"): staff(
        "POST", "/accounts", ACCOUNT, **{"Idempotency-Key": "k1"}
    ),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}"): staff(
        "PUT", "/transfers/t1", {"source": "ada", "target": "grace", "amount": "1.00"}
    ),
    ("PUT", "/channels/{channel}/pre-orders/{user_pk}/{currency}"): staff(
        "PUT", "/pre-orders/1002/TRY", {"reference": "r1", "total_amount": "9.00"}
    ),
}
NOTHING_STORED: Final = {("POST", "/channels/{channel}/sessions")}
BY_PAGE: Final = {("POST", "/orders/checkout")}

FIELDS: Final = {
    "loyalty_amount_to_use": "40.00",
    "agreement": "true",
    "payment_option": "1",
    "bin_number": "545454",
    "installment": "1",
}


def test_every_write_is_repeated_here() -> None:
    writes = {(route.method, route.path) for route in DECLARED if route.method != "GET"}
    assert writes == set(WRITES) | NOTHING_STORED | BY_PAGE


@pytest.mark.parametrize("route", WRITES, ids=" ".join)
def test_a_write_repeated_answers_the_first_time_and_moves_nothing(
    shop: Shop, route: tuple[str, str]
) -> None:
    send = WRITES[route]
    first = send(shop)
    assert first.status in {200, 201}
    before = shop.snapshot()
    for _ in range(3):
        again = send(shop)
        assert (again.status, again.json) == (200, first.json)
    assert shop.snapshot() == before


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("option", ["", "1", "2"])
def test_a_page_posted_again_answers_the_same_and_moves_nothing(
    shop: Shop, page: str, covered: bool, option: str
) -> None:
    """The client sends what it got no answer to four times."""
    shop.open_pre_order()
    storefront = shop.storefront()
    storefront.post("PaymentOptionSelectionPage", payment_option=option)
    storefront.post("BinNumberPage", bin_number="545454")
    amount = "40.00" if covered else "10.00"
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=amount)
    first = storefront.post(page, **FIELDS)
    before = shop.snapshot()
    for _ in range(3):
        assert storefront.post(page, **FIELDS) == first
    assert shop.snapshot() == before

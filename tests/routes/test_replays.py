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


def after(before: tuple[str, Any], method: str, path: str, body: Any) -> Send:
    """Send something else first, which is a repetition itself from the second time on."""

    def send(shop: Shop) -> Reply:
        assert shop.staff("PUT", *before).status in {200, 201}
        return shop.staff(method, path, body)

    return send


def captured(shop: Shop) -> Shop:
    """Let a hold be captured, perhaps again."""
    for method, path in (("PUT", HOLD), ("POST", f"{HOLD}/capture")):
        assert shop.staff(method, path, {"amount": "2.00"}).status in {200, 201}
    return shop


def paid(shop: Shop) -> Shop:
    """Let Ada pay an order of 7.00 with credit, unless she did before."""
    if shop.staff("GET", "/orders/b1").status == 404:
        shop.open_pre_order(total="7.00", reference="b1")
        storefront = shop.storefront()
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.00")
        storefront.post("LoyaltyMoneyPage", agreement="true")
    return shop


def step(shop: Shop, name: str) -> Reply:
    """Take a step with a distribution, perhaps again; one that is undone has run before."""
    sent = shop.staff("PUT", "/distributions/d1", UPLOAD)
    body = {"preview_id": sent.json["preview_id"]}
    if name == "undo" and sent.json["state"] == "previewed":
        assert shop.staff("POST", "/distributions/d1/run", body).status == 200
        shop.work_off()
    return shop.staff("POST", f"/distributions/d1/{name}", body if name == "run" else None)


DISTRIBUTION: Final = "/channels/{channel}/distributions/{distribution_id}"
UPLOAD: Final = {
    "source": "treasury",
    "currency": "TRY",
    "rows": [{"user_pk": "1002", "amount": "1.00"}],
}
ORDERS: Final = {
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-02-01T00:00:00Z",
    "currency": "TRY",
    "orders": [{"order": "b1", "paid": "1.00"}],
}
ACCOUNT_PATH: Final = "/channels/{channel}/accounts/{user_pk}/{currency}"
HOLD_PATH: Final = f"{ACCOUNT_PATH}/holds/{{hold_id}}"
HOLD: Final = "/accounts/1001/TRY/holds/h1"
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
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure"): lambda shop: paid(shop).staff(
        "PUT", "/users/1001/erasure", {"credit": "expire"}
    ),
    ("POST", "/channels/{channel}/accounts"): staff(
        "POST", "/accounts", ACCOUNT, **{"Idempotency-Key": "k1"}
    ),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}"): staff(
        "PUT", "/transfers/t1", {"source": "ada", "target": "grace", "amount": "1.00"}
    ),
    ("PUT", f"{ACCOUNT_PATH}/adjustments/{{adjustment_id}}"): staff(
        "PUT", "/accounts/1001/TRY/adjustments/a1", {"amount": "-1.00", "reason": "goodwill"}
    ),
    ("PUT", HOLD_PATH): staff("PUT", HOLD, {"amount": "1.00", "expires_in_s": 60}),
    ("POST", f"{HOLD_PATH}/capture"): after(
        (HOLD, {"amount": "2.00"}), "POST", f"{HOLD}/capture", {"amount": "1.00", "order": "o1"}
    ),
    ("POST", f"{HOLD_PATH}/void"): after((HOLD, {"amount": "2.00"}), "POST", f"{HOLD}/void", None),
    ("PUT", f"{HOLD_PATH}/refunds/{{refund_id}}"): lambda shop: captured(shop).staff(
        "PUT", f"{HOLD}/refunds/r1", {"amount": "0.50"}
    ),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}/reversal"): after(
        ("/transfers/t1", {"source": "ada", "target": "grace", "amount": "1.00"}),
        "PUT",
        "/transfers/t1/reversal",
        None,
    ),
    ("PUT", DISTRIBUTION): staff("PUT", "/distributions/d1", UPLOAD),
    ("POST", f"{DISTRIBUTION}/run"): lambda shop: step(shop, "run"),
    ("POST", f"{DISTRIBUTION}/cancel"): lambda shop: step(shop, "cancel"),
    ("POST", f"{DISTRIBUTION}/undo"): lambda shop: step(shop, "undo"),
    ("PUT", "/channels/{channel}/reconciliations/{reconciliation_id}"): staff(
        "PUT", "/reconciliations/r1", ORDERS
    ),
    ("PUT", "/channels/{channel}/orders/{reference}/refunds/{refund_id}"): lambda shop: paid(
        shop
    ).staff("PUT", "/orders/b1/refunds/r1", {"amount": "7.00"}),
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

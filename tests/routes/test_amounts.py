"""Amounts of 0, 2 and 3 digits through every door, and on the pages with decision 21's digits."""

import re
from typing import Any, Final

import pytest

from tests.routes.shop import Shop

CURRENCIES: Final = ("JPY", "TRY", "KWD")
ONE_AND_A_BIT: Final = {"JPY": "1", "TRY": "1.25", "KWD": "1.255"}
TEN: Final = {"JPY": "10", "TRY": "10.00", "KWD": "10.000"}
FORTY: Final = {"JPY": "40", "TRY": "40.00", "KWD": "40.000"}
ZERO: Final = {"JPY": "0", "TRY": "0.00", "KWD": "0.000"}
HUNDRED: Final = {"JPY": "100", "TRY": "100.00", "KWD": "100.000"}
AFTER: Final = {"JPY": "99", "TRY": "98.75", "KWD": "98.745"}
TOO_FINE: Final = {"JPY": "1.0", "TRY": "1.000", "KWD": "1.0000"}
SMALLEST: Final = {"JPY": "1", "TRY": "0.01", "KWD": "0.001"}
ON_PAGES: Final = {"JPY": "10.00", "TRY": "10.00", "KWD": "10.000"}
FORTY_ON_PAGES: Final = {"JPY": "40.00", "TRY": "40.00", "KWD": "40.000"}
ZERO_ON_PAGES: Final = {"JPY": "0.00", "TRY": "0.00", "KWD": "0.000"}
AMOUNT: Final = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture(params=CURRENCIES)
def currency(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def money(shop: Shop, currency: str) -> Shop:
    """Give two new shoppers accounts in the currency, through the door."""
    for user_pk, balance in (("s1", HUNDRED), ("s2", ZERO)):
        shop.register(user_pk, f"{user_pk}@example.com")
        body = {
            "user_pk": user_pk,
            "account_id": user_pk,
            "currency": currency,
            "balance": balance[currency],
            "debit_card_allowed": False,
        }
        opened = shop.staff("POST", "/accounts", body)
        assert opened.status == 201
        assert opened.json["balance"] == opened.json["available"] == balance[currency]
        assert opened.json["held"] == ZERO[currency]
    return shop


def test_every_amount_on_an_admin_door_has_exactly_the_currencys_digits(
    money: Shop, currency: str
) -> None:
    body = {"source": "s1", "target": "s2", "amount": ONE_AND_A_BIT[currency]}
    moved = money.staff("PUT", "/transfers/t1", body)
    assert moved.json["amount"] == ONE_AND_A_BIT[currency]
    assert money.staff("GET", "/transfers/t1").json == moved.json
    assert money.balance("s1", currency) == AFTER[currency]
    assert money.balance("s2", currency) == ONE_AND_A_BIT[currency]
    sent, opening = money.staff("GET", f"/accounts/s1/{currency}/activities").json["items"]
    assert (sent["amount"], sent["balance_after"]) == (
        f"-{ONE_AND_A_BIT[currency]}",
        AFTER[currency],
    )
    assert (opening["amount"], opening["balance_after"]) == (HUNDRED[currency], HUNDRED[currency])
    for user_pk, balance in (("s1", AFTER), ("s2", ONE_AND_A_BIT)):
        path = f"/accounts?currency={currency}&user_pk={user_pk}"
        [listed] = money.staff("GET", path).json["items"]
        assert listed["balance"] == listed["available"] == balance[currency]


def test_a_past_balance_has_exactly_the_currencys_digits(shop: Shop, currency: str) -> None:
    shop.register("s3", "s3@example.com")
    shop.open_account("s3", currency, HUNDRED[currency], account_id="s3")
    at = shop.opened_at.strftime("%Y-%m-%dT%H:%M:%S.999Z")
    past = shop.staff("GET", f"/accounts/s3/{currency}?at={at}")
    assert (past.status, past.json["balance"]) == (200, HUNDRED[currency])


def test_the_smallest_amount_moves_and_a_finer_one_is_refused(money: Shop, currency: str) -> None:
    body = {"source": "s1", "target": "s2", "amount": SMALLEST[currency]}
    assert money.staff("PUT", "/transfers/t1", body).status == 201
    assert money.balance("s2", currency) == SMALLEST[currency]
    before = money.snapshot()
    doors: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", "/transfers/t2", {**body, "amount": TOO_FINE[currency]}),
        ("PUT", f"/pre-orders/s1/{currency}", {"total_amount": TOO_FINE[currency]}),
        (
            "PUT",
            f"/pre-orders/s1/{currency}",
            {"total_amount": FORTY[currency], "shipping_amount": TOO_FINE[currency]},
        ),
        (
            "POST",
            "/accounts",
            {
                "user_pk": "1003",
                "currency": currency,
                "balance": TOO_FINE[currency],
                "debit_card_allowed": False,
            },
        ),
    ]
    for method, path, wrong in doors:
        refused = money.staff(method, path, wrong)
        assert (refused.status, refused.json["code"]) == (422, "invalid_amount")
    assert money.snapshot() == before


def test_checkout_doors_and_pages_print_their_own_digits(money: Shop, currency: str) -> None:
    opening = {
        "reference": "b1",
        "total_amount": FORTY[currency],
        "shipping_amount": TEN[currency],
    }
    opened = money.staff("PUT", f"/pre-orders/s1/{currency}", opening).json
    assert (opened["total_amount"], opened["shipping_amount"]) == (FORTY[currency], TEN[currency])
    assert (opened["loyalty_money"], opened["unpaid_amount"]) == (ZERO[currency], FORTY[currency])

    storefront = money.storefront("s1", currency=currency.lower())
    [context] = storefront.show("LoyaltyMoneyUsagePage")["context_list"]
    assert len(context["page_context"]["balance"].partition(".")[2]) == max(
        2, len(HUNDRED[currency].partition(".")[2])
    )
    pre_order = storefront.show()["pre_order"]
    amounts = {name: value for name, value in pre_order.items() if AMOUNT.fullmatch(str(value))}
    assert amounts == {
        "shipping_amount": ON_PAGES[currency],
        "total_amount": FORTY_ON_PAGES[currency],
        "total_amount_with_interest": FORTY_ON_PAGES[currency],
        "unpaid_amount": FORTY_ON_PAGES[currency],
        "loyalty_money": ZERO_ON_PAGES[currency],
    }
    assert pre_order["basket"]["total_discount_amount"] == ZERO_ON_PAGES[currency]
    used = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=FORTY_ON_PAGES[currency])
    assert used["pre_order"]["loyalty_money"] == FORTY_ON_PAGES[currency]
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    url = done["context_list"][0]["page_context"]["redirect_url"]
    order = storefront.get(url).json["order"]
    assert (order["amount"], order["shipping_amount"], order["loyalty_money"]) == (
        FORTY_ON_PAGES[currency],
        ON_PAGES[currency],
        FORTY_ON_PAGES[currency],
    )
    stored = money.staff("GET", "/orders/b1").json
    assert (stored["total_amount"], stored["loyalty_money"]) == (FORTY[currency], FORTY[currency])
    newest = storefront.get("/account/loyalty/").json["results"][0]
    assert newest["amount"] == f"-{FORTY_ON_PAGES[currency]}"
    assert storefront.get("/account/loyalty-account-balance/").json == {"balance": 60.0}
    assert money.balance("s1", currency) == {"JPY": "60", "TRY": "60.00", "KWD": "60.000"}[currency]


@pytest.mark.parametrize(
    ("currency", "text", "chosen"),
    [
        ("JPY", "10", "10.00"),
        ("JPY", "10.0", "10.00"),
        ("JPY", "10.000", "10.00"),
        ("JPY", "10.50", None),
        ("JPY", "0.01", None),
        ("TRY", "10.1", "10.10"),
        ("TRY", "10.100", "10.10"),
        ("TRY", "10.101", None),
        ("KWD", "10.1", "10.100"),
        ("KWD", "10.12", "10.120"),
        ("KWD", "10.123", "10.123"),
        ("KWD", "10.1230", "10.123"),
        ("KWD", "10.1234", None),
    ],
)
def test_surplus_digits_on_a_page_are_read_while_they_are_zeros(
    money: Shop, currency: str, text: str, chosen: str | None
) -> None:
    """Decision 21: the client posts back what a page printed."""
    money.staff("PUT", f"/pre-orders/s1/{currency}", {"total_amount": FORTY[currency]})
    storefront = money.storefront("s1", currency=currency.lower())
    answer = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=text)
    if chosen is None:
        assert list(answer["errors"]) == ["loyalty_amount_to_use"]
        chosen = ZERO_ON_PAGES[currency]
    assert answer["pre_order"]["loyalty_money"] == chosen


def test_instalments_are_priced_in_the_currencys_own_digits(money: Shop, currency: str) -> None:
    plan = {"pk": 3, "label": "Three", "installment_count": 3, "interest_rate": 0}
    money.set("INSTALLMENTS", [plan])
    money.staff("PUT", f"/pre-orders/s1/{currency}", {"total_amount": TEN[currency]})
    storefront = money.storefront("s1", currency=currency.lower())
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    [page] = storefront.post("BinNumberPage", bin_number="545454")["context_list"]
    [offered] = page["page_context"]["installments"]
    monthly = {"JPY": "4.00", "TRY": "3.34", "KWD": "3.334"}[currency]
    assert offered["monthly_price_with_accrued_interest"] == monthly
    assert offered["price_with_accrued_interest"] == ON_PAGES[currency]


def test_the_largest_amount_is_exact_and_the_next_is_refused(money: Shop, currency: str) -> None:
    money.register("s3", "s3@example.com")
    money.open_account("s3", currency, ZERO[currency], account_id="big", debit=True)
    digits = len(TEN[currency].partition(".")[2])
    largest = "9" * (15 - digits) + ("." + "9" * digits if digits else "")
    opened = money.staff(
        "POST",
        "/accounts",
        {
            "user_pk": "1003",  # Alan has no account yet
            "account_id": "rich",
            "currency": currency,
            "balance": largest,
            "debit_card_allowed": False,
        },
    )
    assert (opened.status, opened.json["balance"]) == (201, largest)
    body = {"source": "rich", "target": "big", "amount": largest}
    assert money.staff("PUT", "/transfers/t1", body).json["amount"] == largest
    assert money.balance("1003", currency) == ZERO[currency]
    body = {"source": "big", "target": "rich", "amount": "1" + "0" * (15 - digits)}
    refused = money.staff("PUT", "/transfers/t2", body)
    assert (refused.status, refused.json["code"]) == (422, "invalid_amount")

"""Doors to channels and settings: what they answer, field by field."""

import re

import pytest

from tests.routes.shop import CARD, CREDIT, FUNDS, Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

NAMES = [
    "LOYALTY_MONEY_ENABLED",
    "DEFAULT_CURRENCY",
    "PAYMENT_OPTIONS",
    "INSTALLMENTS",
    "BANK_ACCOUNTS",
    "PAYMENT_GATEWAY",
]


def test_a_channel_is_made_once(shop: Shop) -> None:
    made = shop.staff("PUT", "", {"default_currency": "KWD"}, channel="new-shop")
    assert made.status == 201
    assert set(made.json) == {"channel", "default_currency", "created_at"}
    assert (made.json["channel"], made.json["default_currency"]) == ("new-shop", "KWD")
    assert TIME.fullmatch(made.json["created_at"])
    again = shop.staff("PUT", "", {"default_currency": "KWD"}, channel="new-shop")
    assert (again.status, again.json) == (200, made.json)


def test_a_new_channel_has_loyalty_money_off_and_every_setting_at_its_default(shop: Shop) -> None:
    shop.staff("PUT", "", {"default_currency": "KWD"}, channel="new-shop")
    listed = shop.staff("GET", "/settings", channel="new-shop")
    assert listed.status == 200
    assert listed.json["next_cursor"] is None
    items = {item["name"]: item for item in listed.json["items"]}
    assert list(items) == NAMES
    assert items["LOYALTY_MONEY_ENABLED"]["value"] is False
    assert items["DEFAULT_CURRENCY"]["value"] in {None, "KWD"}
    assert items["INSTALLMENTS"]["value"] == [
        {"pk": 1, "label": "Single payment", "installment_count": 1, "interest_rate": 0}
    ]
    assert items["BANK_ACCOUNTS"]["value"] == []
    assert items["PAYMENT_GATEWAY"]["value"] == "none"
    assert [option["payment_type"] for option in items["PAYMENT_OPTIONS"]["value"]] == [
        "loyalty_money"
    ]
    assert {item["updated_at"] for item in items.values()} == {None}


def test_a_new_channel_shows_the_default_currency_it_was_made_with(shop: Shop) -> None:
    shop.staff("PUT", "", {"default_currency": "KWD"}, channel="new-shop")
    read = shop.staff("GET", "/settings/DEFAULT_CURRENCY", channel="new-shop")
    assert read.json == {"name": "DEFAULT_CURRENCY", "value": "KWD", "updated_at": None}


@pytest.mark.parametrize(
    ("sent", "kept"), [("Yes", True), ("No", False), (True, True), (False, False)]
)
def test_the_feature_is_switched_by_yes_and_no_and_by_true_and_false(
    shop: Shop, sent: object, kept: bool
) -> None:
    done = shop.staff("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": sent})
    assert done.status == 200
    assert set(done.json) == {"name", "value", "updated_at"}
    assert (done.json["name"], done.json["value"]) == ("LOYALTY_MONEY_ENABLED", kept)
    assert shop.staff("GET", "/settings/LOYALTY_MONEY_ENABLED").json == done.json


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT_CURRENCY", "JPY"),
        ("PAYMENT_OPTIONS", [{**FUNDS, "rule": None}, {**CARD, "rule": None}, CREDIT]),
        (
            "INSTALLMENTS",
            [{"pk": 7, "label": "Three", "installment_count": 3, "interest_rate": 150}],
        ),
    ],
)
def test_a_setting_reads_back_as_it_was_set(shop: Shop, name: str, value: object) -> None:
    done = shop.staff("PUT", f"/settings/{name}", {"value": value})
    assert done.status == 200
    assert done.json["value"] == value
    assert TIME.fullmatch(done.json["updated_at"])
    assert shop.staff("GET", f"/settings/{name}").json == done.json
    listed = shop.staff("GET", "/settings").json["items"]
    assert next(item for item in listed if item["name"] == name) == done.json


def test_the_same_value_again_changes_nothing_not_even_the_time(shop: Shop) -> None:
    first = shop.staff("PUT", "/settings/DEFAULT_CURRENCY", {"value": "USD"})
    before = shop.snapshot()
    again = shop.staff("PUT", "/settings/DEFAULT_CURRENCY", {"value": "USD"})
    assert again.json == first.json
    assert shop.snapshot() == before


def test_settings_belong_to_their_channel(shop: Shop) -> None:
    before = shop.staff("GET", "/settings", channel="other").json
    shop.staff("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": False})
    shop.staff("PUT", "/settings/DEFAULT_CURRENCY", {"value": "USD"})
    assert shop.staff("GET", "/settings", channel="other").json == before


def test_who_set_it_is_kept(shop: Shop) -> None:
    shop.staff("PUT", "/settings/DEFAULT_CURRENCY", {"value": "USD"})
    [row] = [row for row in shop.rows("settings") if row["name"]["S"] == "DEFAULT_CURRENCY"]
    assert row["by"]["S"] == "staff:me"

"""Reconciliations over HTTP: CSV and JSON, how far one is, and what does not agree."""

import datetime
from typing import Any, Final

import pytest

from chalicelib.core.names import time_text, to_ms
from tests.routes.shop import Shop

DAY: Final = datetime.timedelta(days=1)


@pytest.fixture
def period(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let Ada pay an order and capture two holds, in a period that counts as over."""
    # What was paid a moment ago is in it, and the test cannot wait for a minute.
    monkeypatch.setattr("chalicelib.reconciliation.jobs.AT_SETTLES_MS", -to_ms(shop.now))
    shop.open_pre_order(total="7.00", reference="b1")
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    for hold, body in (("h1", {"order": "o1"}), ("h2", {})):
        path = f"/accounts/1001/TRY/holds/{hold}"
        assert shop.staff("PUT", path, {"amount": "1.00"}).status == 201
        assert shop.staff("POST", f"{path}/capture", body).status == 201
    since, until = (time_text(to_ms(moment)) for moment in (shop.now - DAY, shop.now + DAY))
    return {"since": since, "until": until}


def in_csv(shop: Shop, period: dict[str, str], text: str, name: str = "r1", **more: str) -> Any:
    query = "&".join(f"{key}={value}" for key, value in {**period, **more}.items())
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    path = f"/reconciliations/{name}?{query.replace('+', '%2B')}"
    return shop.staff("PUT", path, text.encode(), headers=headers)


def test_a_file_is_compared_and_its_differences_are_listed(
    shop: Shop, period: dict[str, str]
) -> None:
    text = "order,paid\nb1,7.50\no1,1.00\no2,0.25\n"
    started = in_csv(shop, period, text, currency="TRY")
    assert started.status == 201
    assert (started.json["state"], started.json["orders"], started.json["accounts"]) == (
        "running",
        3,
        0,
    )
    assert shop.staff("GET", "/reconciliations/r1/differences").json["items"] == []
    shop.work_off()
    seen = shop.staff("GET", "/reconciliations/r1").json
    assert (seen["state"], seen["captures"], seen["differences"]) == ("closed", 3, 3)
    assert seen["since"] == period["since"]
    assert seen["totals"] == [
        {
            "currency": "TRY",
            "orders": 3,
            "paid": "8.75",
            "captures": 3,
            "captured": "9.00",
            "refunded": "0.00",
            "agreed": 1,
            "captured_without_order": 1,
            "order_without_capture": 1,
            "amount_differs": 1,
        }
    ]
    path = "/reconciliations/r1/differences"
    first = shop.staff("GET", f"{path}?limit=2").json
    rest = shop.staff("GET", f"{path}?limit=2&cursor={first['next_cursor']}").json
    assert rest["next_cursor"] is None
    items: list[Any] = [*first["items"], *rest["items"]]
    without, missing, differs = items
    assert (without["kind"], without["order"], without["paid"], without["captured"]) == (
        "captured_without_order",
        None,
        None,
        "1.00",
    )
    assert without["captures"][0]["id"] == "capture:ada:h2"
    assert without["captures"][0]["user_pk"] == "1001"
    assert (missing["kind"], missing["order"], missing["captures"]) == (
        "order_without_capture",
        "o2",
        [],
    )
    assert (differs["kind"], differs["paid"], differs["captured"]) == (
        "amount_differs",
        "7.50",
        "7.00",
    )
    of_kind = shop.staff("GET", f"{path}?kind=amount_differs").json["items"]
    assert of_kind == [differs]


def test_the_same_in_json_and_in_another_order_is_the_same(
    shop: Shop, period: dict[str, str]
) -> None:
    rows = [
        {"order": "o1", "paid": "1", "currency": "TRY"},
        {"order": "b1", "paid": "7.00", "currency": "TRY"},
    ]
    made = shop.staff("PUT", "/reconciliations/r1", {**period, "orders": rows})
    assert made.status == 201
    again = in_csv(shop, period, "currency;order;paid\nTRY;b1;7.00\nTRY;o1;1.00\n")
    assert (again.status, again.json) == (200, made.json)
    assert [row["id"] for row in shop.staff("GET", "/reconciliations").json["items"]] == ["r1"]


def test_bad_lines_are_named_and_nothing_is_started(shop: Shop, period: dict[str, str]) -> None:
    before = shop.snapshot()
    refused = in_csv(shop, period, "order,paid\nb1,7.00\nb1,1\no1,1,50\n", currency="TRY")
    assert (refused.status, refused.json["code"]) == (422, "bad_orders")
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [
        ("line 3", "duplicate_order"),
        ("line 4", "wrong_cells"),
    ]
    assert shop.snapshot() == before


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "invalid_request"), ("since=2026-01-01T00:00:00Z", "invalid_request")],
)
def test_a_file_must_say_its_period(shop: Shop, query: str, code: str) -> None:
    headers = {"Content-Type": "text/csv"}
    sent = shop.staff("PUT", f"/reconciliations/r1?{query}", b"order,paid\n", headers=headers)
    assert (sent.status, sent.json["code"]) == (422, code)


def test_another_list_s_cursor_is_refused(shop: Shop, period: dict[str, str]) -> None:
    for name in ("r1", "r2"):
        in_csv(shop, period, "order,paid\na,1\nb,1\n", name, currency="TRY")
    shop.work_off()
    first = shop.staff("GET", "/reconciliations/r1/differences?limit=1").json
    cursor = first["next_cursor"]
    for path in ("r2/differences?", "r1/differences?kind=amount_differs&"):
        other = shop.staff("GET", f"/reconciliations/{path}cursor={cursor}")
        assert (other.status, other.json["code"]) == (400, "invalid_cursor")

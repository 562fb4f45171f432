"""Doors to accounts: opening, listing, reading, activities and transfer targets."""

import datetime
import re
from typing import Any

import pytest

from chalicelib.core.currencies import DIGITS
from tests.routes.shop import Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NEW = {"user_pk": "1003", "currency": "TRY", "debit_card_allowed": False}


def iso(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_an_account_is_opened_field_by_field(shop: Shop) -> None:
    body = {**NEW, "balance": "12.50", "account_id": "alan_1"}
    opened = shop.staff("POST", "/accounts", body)
    assert opened.status == 201
    account = opened.json
    assert TIME.fullmatch(account.pop("created_at"))
    assert account == {
        "account_id": "alan_1",
        "user_pk": "1003",
        "user_email": "alan@example.com",
        "currency": "TRY",
        "balance": "12.50",
        "available": "12.50",
        "held": "0.00",
        "debit_card_allowed": False,
    }


def test_the_user_pk_fills_itself_from_the_complete_address(shop: Shop) -> None:
    body = {"user_email": "ALAN@example.com", "currency": "TRY", "debit_card_allowed": True}
    opened = shop.staff("POST", "/accounts", body)
    assert opened.status == 201
    assert (opened.json["user_pk"], opened.json["user_email"]) == ("1003", "alan@example.com")
    assert (opened.json["balance"], opened.json["debit_card_allowed"]) == ("0.00", True)


def test_an_account_id_is_made_where_none_is_given(shop: Shop) -> None:
    ids = [
        shop.staff("POST", "/accounts", {**NEW, "currency": code}).json["account_id"]
        for code in ("TRY", "USD")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", account_id) for account_id in ids)
    assert len(set(ids)) == 2


def test_opening_credit_is_a_transfer_from_the_bank(shop: Shop) -> None:
    shop.staff("POST", "/accounts", {**NEW, "balance": "12.50", "account_id": "alan"})
    [entry] = shop.staff("GET", "/accounts/1003/TRY/activities").json["items"]
    assert (entry["id"], entry["kind"], entry["counterparty"]) == (
        "open:alan",
        "opening",
        "house:BANK",
    )
    transfer = shop.staff("GET", "/transfers/open:alan").json
    assert (transfer["source"], transfer["target"]) == ("house:BANK", "alan")
    assert transfer["amount"] == "12.50"


def test_an_opening_repeated_with_its_key_answers_the_first_time_for_ever(shop: Shop) -> None:
    key = {"Idempotency-Key": "open alan/1"}
    body = {**NEW, "balance": "12.50"}
    first = shop.staff("POST", "/accounts", body, headers=key)
    transfer = {
        "source_user_pk": "1003",
        "target_user_pk": "1001",
        "currency": "TRY",
        "amount": "2.00",
    }
    assert shop.staff("PUT", "/transfers/t1", transfer).status == 201
    before = shop.snapshot()
    again = shop.staff("POST", "/accounts", body, headers=key)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert shop.snapshot() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"balance": "12.51"},
        {"debit_card_allowed": True},
        {"account_id": "another"},
        {"user_pk": "1001", "currency": "USD"},
        {"currency": "USD"},
    ],
)
def test_a_key_used_with_other_content_is_a_conflict(shop: Shop, changed: Any) -> None:
    key = {"Idempotency-Key": "k"}
    body = {**NEW, "balance": "12.50"}
    shop.staff("POST", "/accounts", body, headers=key)
    before = shop.snapshot()
    other = shop.staff("POST", "/accounts", {**body, **changed}, headers=key)
    assert (other.status, other.json["code"]) == (409, "id_conflict")
    assert shop.snapshot() == before


def test_the_list_is_filtered_by_each_field_and_by_all_of_them(shop: Shop) -> None:
    def ids(query: str) -> list[str]:
        reply = shop.staff("GET", f"/accounts{query}")
        assert reply.status == 200
        return [account["account_id"] for account in reply.json["items"]]

    assert ids("") == ["ada", "grace", "treasury", "grace-usd"]
    assert ids("?currency=USD") == ["grace-usd"]
    assert sorted(ids("?user_pk=1002")) == ["grace", "grace-usd"]
    assert sorted(ids("?user_email=GRACE@example.com")) == ["grace", "grace-usd"]
    assert ids("?account_id=ada") == ["ada"]
    assert ids("?account_id=ad") == []
    assert ids("?account_id=bob") == []
    assert ids("?user_email=grace@example.co") == []
    assert ids("?user_pk=1002&currency=TRY") == ["grace"]
    assert ids("?user_pk=1002&account_id=ada") == []
    assert ids("?user_email=ada@example.com&user_pk=1002") == []
    assert ids("?user_email=ada@example.com&user_pk=1001&currency=TRY&account_id=ada") == ["ada"]


def test_a_listed_account_is_the_account_that_is_read(shop: Shop) -> None:
    listed = shop.staff("GET", "/accounts").json["items"]
    for account in listed:
        path = f"/accounts/{account['user_pk']}/{account['currency']}"
        assert shop.staff("GET", path).json == account


def test_an_account_shows_the_present_address_of_its_user(shop: Shop) -> None:
    shop.staff("PUT", "/users/1001", {"email": "ada@new.example"})
    assert shop.staff("GET", "/accounts/1001/TRY").json["user_email"] == "ada@new.example"


def test_activities_are_newest_first_signed_and_carry_the_balance_after(shop: Shop) -> None:
    sent = {"source": "ada", "target": "grace", "amount": "20.00", "note": "for lunch"}
    shop.staff("PUT", "/transfers/t1", sent)
    back = {"source": "grace", "target": "ada", "amount": "5.00"}
    shop.staff("PUT", "/transfers/t2", back)
    items = shop.staff("GET", "/accounts/1001/TRY/activities").json["items"]
    assert all(TIME.fullmatch(item.pop("created_at")) for item in items)
    assert items == [
        {
            "id": "t2",
            "kind": "transfer",
            "amount": "5.00",
            "balance_after": "35.00",
            "counterparty": "grace",
            "order": None,
            "note": None,
        },
        {
            "id": "t1",
            "kind": "transfer",
            "amount": "-20.00",
            "balance_after": "30.00",
            "counterparty": "grace",
            "order": None,
            "note": "for lunch",
        },
        {
            "id": "open:ada",
            "kind": "opening",
            "amount": "50.00",
            "balance_after": "50.00",
            "counterparty": "house:BANK",
            "order": None,
            "note": None,
        },
    ]


def test_activities_page_without_gap_or_repetition(shop: Shop) -> None:
    for number in range(7):
        body = {"source": "treasury", "target": "grace", "amount": f"{number + 1}.00"}
        assert shop.staff("PUT", f"/transfers/t{number}", body).status == 201
    path = "/accounts/1002/TRY/activities"
    whole = shop.staff("GET", path).json["items"]
    page = shop.staff("GET", f"{path}?limit=3").json
    seen, pages = page["items"], 1
    while page["next_cursor"]:
        page = shop.staff("GET", f"{path}?limit=3&cursor={page['next_cursor']}").json
        seen, pages = seen + page["items"], pages + 1
    assert seen == whole
    assert [item["id"] for item in seen] == [f"t{number}" for number in reversed(range(7))]
    assert pages == 3


def test_an_account_without_entries_lists_none(shop: Shop) -> None:
    reply = shop.staff("GET", "/accounts/1002/TRY/activities")
    assert (reply.status, reply.json) == (200, {"items": [], "next_cursor": None})


def test_targets_are_accounts_of_the_same_currency_and_never_the_source(shop: Shop) -> None:
    reply = shop.staff("GET", "/accounts/1000/TRY/transfer-targets")
    assert reply.status == 200
    assert reply.json == {
        "items": [
            {"account_id": "ada", "user_pk": "1001", "user_email": "ada@example.com"},
            {"account_id": "grace", "user_pk": "1002", "user_email": "grace@example.com"},
        ],
        "next_cursor": None,
    }
    assert shop.staff("GET", "/accounts/1002/USD/transfer-targets").json["items"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("gr", ["grace"]),
        ("grace@example.com", ["grace"]),
        ("GRACE@EXAMPLE.COM", ["grace"]),
        ("grace@example", []),
        ("@", []),
        ("treasury", []),
        ("treasury@example.com", []),
        ("bob", []),
        ("bob@other.example", []),
        ("race", []),
        ("grace-usd", []),
        ("", ["ada", "grace"]),
    ],
)
def test_targets_are_found_by_complete_address_or_start_of_the_account_id(
    shop: Shop, query: str, found: list[str]
) -> None:
    reply = shop.staff("GET", f"/accounts/1000/TRY/transfer-targets?query={query}")
    assert [target["account_id"] for target in reply.json["items"]] == found


def test_a_balance_as_of_an_earlier_time_is_inclusive_to_the_millisecond(shop: Shop) -> None:
    opened = datetime.datetime.fromisoformat(
        shop.staff("GET", "/accounts/1001/TRY").json["created_at"]
    )
    shop.staff("PUT", "/transfers/t1", {"source": "ada", "target": "grace", "amount": "20.00"})
    for after in (datetime.timedelta(), datetime.timedelta(minutes=10)):
        reply = shop.staff("GET", f"/accounts/1001/TRY?at={iso(opened + after)}")
        assert reply.status == 200
        assert (reply.json["balance"], reply.json["available"], reply.json["held"]) == (
            "50.00",
            None,
            None,
        )
    before = iso(opened - datetime.timedelta(milliseconds=1))
    reply = shop.staff("GET", f"/accounts/1001/TRY?at={before}")
    assert (reply.status, reply.json["code"]) == (404, "unknown_account")
    assert shop.balance("1001") == "30.00"


def test_there_is_no_door_that_edits_or_deletes_an_account(shop: Shop) -> None:
    before = shop.snapshot()
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        body = {"balance": "1000000.00", "debit_card_allowed": True}
        reply = shop.staff(method, "/accounts/1001/TRY", body)
        assert reply.status in {403, 404, 405}
    assert shop.snapshot() == before


def test_a_user_with_an_account_in_every_currency_is_listed_whole(shop: Shop) -> None:
    """One BatchGetItem holds a hundred keys; there are more currencies than that."""
    for currency in DIGITS:
        shop.open_account("1003", currency, "0", account_id=f"alan-{currency}")
    seen: list[str] = []
    page = shop.staff("GET", "/accounts?user_pk=1003&limit=50").json
    seen += [account["currency"] for account in page["items"]]
    while page["next_cursor"]:
        following = f"/accounts?user_pk=1003&limit=50&cursor={page['next_cursor']}"
        page = shop.staff("GET", following).json
        seen += [account["currency"] for account in page["items"]]
    assert sorted(seen) == sorted(DIGITS)

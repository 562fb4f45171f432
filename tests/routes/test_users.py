"""Doors to users: registered by a back end, found by the complete address."""

import datetime
import re

import pytest

from tests.routes.shop import Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_user_is_registered_once(shop: Shop) -> None:
    made = shop.staff("PUT", "/users/2001", {"email": "Mary@Example.com"})
    assert made.status == 201
    assert set(made.json) == {"user_pk", "email", "created_at", "erased_at"}
    assert (made.json["user_pk"], made.json["email"]) == ("2001", "Mary@Example.com")
    assert TIME.fullmatch(made.json["created_at"])
    again = shop.staff("PUT", "/users/2001", {"email": "Mary@Example.com"})
    assert (again.status, again.json) == (200, made.json)


def test_another_address_moves_with_its_user(shop: Shop) -> None:
    moved = shop.staff("PUT", "/users/1001", {"email": "ada@new.example"})
    assert (moved.status, moved.json["email"]) == (200, "ada@new.example")
    assert shop.staff("GET", "/users?email=ada@example.com").json["items"] == []
    assert shop.staff("GET", "/users?email=ada@new.example").json["items"] == [moved.json]
    taken = shop.staff("PUT", "/users/2001", {"email": "ada@example.com"})
    assert taken.status == 201


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.Com"])
def test_a_user_is_found_by_the_complete_address_in_any_case(shop: Shop, email: str) -> None:
    found = shop.staff("GET", f"/users?email={email}")
    assert found.status == 200
    assert found.json["next_cursor"] is None
    assert [user["user_pk"] for user in found.json["items"]] == ["1001"]


@pytest.mark.parametrize(
    "email", ["ada@example.co", "da@example.com", "ada@example.comm", "%25@%25", "*@*"]
)
def test_a_part_of_an_address_finds_nobody(shop: Shop, email: str) -> None:
    found = shop.staff("GET", f"/users?email={email}")
    assert (found.status, found.json) == (200, {"items": [], "next_cursor": None})


def test_an_address_is_found_in_its_own_channel_alone(shop: Shop) -> None:
    assert shop.staff("GET", "/users?email=bob@other.example").json["items"] == []
    found = shop.staff("GET", "/users?email=bob@other.example", channel="other")
    assert [user["user_pk"] for user in found.json["items"]] == ["1001"]


def test_up_to_a_hundred_users_are_registered_in_one_call(shop: Shop) -> None:
    users = [{"user_pk": f"n{i}", "email": f"n{i}@example.com"} for i in range(100)]
    done = shop.staff("POST", "/users", {"users": users})
    assert done.status == 200
    assert done.json["errors"] == []
    assert [
        {"user_pk": user["user_pk"], "email": user["email"]} for user in done.json["items"]
    ] == users
    again = shop.staff("POST", "/users", {"users": users})
    assert again.json == done.json


def test_each_user_of_a_call_succeeds_or_is_refused_alone(shop: Shop) -> None:
    users = [
        {"user_pk": "n1", "email": "n1@example.com"},
        {"user_pk": "n2", "email": "ADA@example.com"},
        {"user_pk": "1002", "email": "grace@new.example"},
    ]
    done = shop.staff("POST", "/users", {"users": users})
    assert done.status == 200
    assert [user["user_pk"] for user in done.json["items"]] == ["n1", "1002"]
    [refused] = done.json["errors"]
    assert set(refused) == {"user_pk", "code", "detail"}
    assert (refused["user_pk"], refused["code"]) == ("n2", "email_taken")
    assert "ada" not in refused["detail"].lower()
    assert shop.staff("GET", "/users?email=ada@example.com").json["items"][0]["user_pk"] == "1001"


def test_the_list_shows_every_user_of_the_channel_once(shop: Shop) -> None:
    listed = shop.staff("GET", "/users")
    assert [user["user_pk"] for user in listed.json["items"]] == ["1000", "1001", "1002", "1003"]
    assert listed.json["next_cursor"] is None
    seen, cursor = [], ""
    for _ in range(4):
        page = shop.staff("GET", f"/users?limit=1{cursor}").json
        seen += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == listed.json["items"]


def test_ending_sessions_answers_the_user_and_only_moves_forward(shop: Shop) -> None:
    now = datetime.datetime.now(datetime.UTC)
    late, early = now.isoformat(), (now - datetime.timedelta(days=1)).isoformat()
    done = shop.staff("PUT", "/users/1001/sessions", {"valid_from": late})
    assert done.status == 200
    assert (done.json["user_pk"], done.json["email"]) == ("1001", "ada@example.com")
    before = shop.snapshot()
    for at in (late, early):
        assert shop.staff("PUT", "/users/1001/sessions", {"valid_from": at}).json == done.json
    assert shop.snapshot() == before


def test_ending_sessions_ends_those_of_one_user_in_one_channel(shop: Shop) -> None:
    ada, grace = shop.storefront(), shop.storefront("1002")
    bob = shop.storefront("1001", channel="other")
    at = (shop.now + datetime.timedelta(milliseconds=1)).isoformat()
    assert shop.staff("PUT", "/users/1001/sessions", {"valid_from": at}).status == 200
    statuses = [one.get("/account/loyalty-account-balance/").status for one in (ada, grace, bob)]
    assert statuses == [401, 200, 200]

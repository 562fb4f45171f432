"""Doors to transfers: once for ever under the caller's id."""

import re
from typing import Any

import pytest

from tests.routes.shop import Shop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
BY_IDS = {"source": "treasury", "target": "ada", "amount": "25.00"}
BY_USERS = {
    "source_user_pk": "1000",
    "target_user_pk": "1001",
    "currency": "TRY",
    "amount": "25.00",
}


@pytest.mark.parametrize("parties", [BY_IDS, {**BY_IDS, "currency": "TRY"}, BY_USERS])
def test_a_transfer_moves_once_and_answers_the_same_for_ever(
    shop: Shop, parties: dict[str, Any]
) -> None:
    body = {**parties, "note": "welcome, Ada é"}
    first = shop.staff("PUT", "/transfers/welcome_1-a", body)
    assert first.status == 201
    expected = {
        "id": "welcome_1-a",
        "source": "treasury",
        "target": "ada",
        "amount": "25.00",
        "currency": "TRY",
        "note": "welcome, Ada é",
    }
    assert {k: v for k, v in first.json.items() if k != "created_at"} == expected
    assert TIME.fullmatch(first.json["created_at"])
    assert (shop.balance("1000"), shop.balance("1001")) == ("99975.00", "75.00")
    before = shop.snapshot()
    for again in (body, {**BY_IDS, "note": body["note"]}, {**BY_USERS, "note": body["note"]}):
        replay = shop.staff("PUT", "/transfers/welcome_1-a", again)
        assert (replay.status, replay.json) == (200, first.json)
    assert shop.staff("GET", "/transfers/welcome_1-a").json == first.json
    assert shop.snapshot() == before


def test_a_replay_by_another_member_of_staff_answers_the_same(shop: Shop) -> None:
    first = shop.staff("PUT", "/transfers/t1", BY_IDS)
    again = shop.staff("PUT", "/transfers/t1", BY_IDS, scopes=("transfers",))
    assert (again.status, again.json) == (200, first.json)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "25.01"},
        {"amount": "2500"},
        {"amount": "25.001"},
        {"target": "grace"},
        {"source": "grace"},
        {"source": "ada", "target": "treasury"},
        {"note": "another"},
        {"currency": "USD"},
        {"source": "grace-usd", "target": "ada"},
        {"source": "nobody"},
    ],
)
def test_an_id_used_with_other_content_is_a_conflict_that_shows_nothing(
    shop: Shop, changed: dict[str, str]
) -> None:
    shop.staff("PUT", "/transfers/t1", {**BY_IDS, "note": "secret"})
    before = shop.snapshot()
    other = shop.staff("PUT", "/transfers/t1", {**BY_IDS, "note": "secret", **changed})
    assert (other.status, other.json["code"]) == (409, "id_conflict")
    assert "25" not in other.json["detail"]
    assert "secret" not in other.text
    assert shop.snapshot() == before


def test_the_same_amount_in_another_spelling_is_the_same_content(shop: Shop) -> None:
    first = shop.staff("PUT", "/transfers/t1", {**BY_IDS, "amount": "25"})
    again = shop.staff("PUT", "/transfers/t1", {**BY_IDS, "amount": "25.0"})
    assert (first.json["amount"], again.status, again.json) == ("25.00", 200, first.json)


def test_ids_belong_to_their_channel(shop: Shop) -> None:
    shop.open_account("1001", "USD", "9.00", account_id="bob-usd", channel="other")
    shop.register("1002", "eve@other.example", channel="other")
    shop.open_account("1002", "TRY", "0.00", account_id="ada", channel="other")
    assert shop.staff("PUT", "/transfers/t1", BY_IDS).status == 201
    body = {"source": "bob", "target": "ada", "amount": "1.00"}
    assert shop.staff("PUT", "/transfers/t1", body, channel="other").status == 201
    assert shop.balance("1001") == "75.00"
    assert shop.balance("1002", channel="other") == "1.00"


def test_an_account_with_debit_allowed_may_go_below_zero(shop: Shop) -> None:
    body = {**BY_IDS, "amount": "100000.01"}
    assert shop.staff("PUT", "/transfers/t1", body).status == 201
    assert shop.balance("1000") == "-0.01"


def test_an_account_opened_with_nothing_can_send_after_it_has_received(shop: Shop) -> None:
    body = {"source": "grace", "target": "ada", "amount": "1.00"}
    refused = shop.staff("PUT", "/transfers/t1", body)
    assert (refused.status, refused.json["code"]) == (409, "source_without_entries")
    shop.staff("PUT", "/transfers/t2", {"source": "ada", "target": "grace", "amount": "1.00"})
    assert shop.staff("PUT", "/transfers/t1", body).status == 201


def test_a_refused_id_may_be_used_again(shop: Shop) -> None:
    body = {"source": "ada", "target": "grace", "amount": "50.01"}
    assert shop.staff("PUT", "/transfers/t1", body).status == 409
    assert shop.staff("PUT", "/transfers/t1", {**body, "amount": "50.00"}).status == 201
    assert shop.balance("1001") == "0.00"


def test_the_whole_of_what_is_available_may_be_sent(shop: Shop) -> None:
    body = {"source": "ada", "target": "grace", "amount": "50.00"}
    assert shop.staff("PUT", "/transfers/t1", body).status == 201
    assert (shop.balance("1001"), shop.balance("1002")) == ("0.00", "50.00")


def test_who_sent_it_is_kept(shop: Shop) -> None:
    shop.staff("PUT", "/transfers/t1", BY_IDS)
    [row] = [row for row in shop.rows("transfers") if row["id"]["S"] == "demo#t1"]
    assert row["by"]["S"] == "staff:me"

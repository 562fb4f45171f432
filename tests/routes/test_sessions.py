"""The door where a shop's back end gets a session for a shopper."""

import datetime
import re

from tests.routes.shop import Shop


def test_a_minted_session_signs_the_shopper_in_for_two_hours(shop: Shop) -> None:
    reply = shop.staff("POST", "/sessions", {"user_pk": "1001"})
    assert reply.status == 200
    assert set(reply.json) == {"session", "expires_at"}
    expires = datetime.datetime.fromisoformat(reply.json["expires_at"])
    life = expires - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=119) < life <= datetime.timedelta(hours=2)
    cookie = {"Cookie": f"osessionid={reply.json['session']}"}
    balance = shop.send("GET", "/account/loyalty-account-balance", headers=cookie)
    assert (balance.status, balance.json) == (200, {"balance": 50.0})


def test_a_session_survives_the_client_that_cuts_it_at_any_other_than_word_characters(
    shop: Shop,
) -> None:
    session = shop.staff("POST", "/sessions", {"user_pk": "1001"}).json["session"]
    assert re.fullmatch(r"\w+", session, re.ASCII)


def test_minting_stores_nothing(shop: Shop) -> None:
    before = shop.snapshot()
    shop.staff("POST", "/sessions", {"user_pk": "1001"})
    assert shop.snapshot() == before

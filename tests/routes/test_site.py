"""Doors that belong to no noun."""

from chalicelib.openapi import describe
from tests.routes.shop import Shop


def test_health_answers_without_asking_anything_behind_it(shop: Shop) -> None:
    reply = shop.send("GET", "/health")
    assert (reply.status, reply.json) == (200, {"status": "ok"})
    assert shop.asked == []


def test_the_description_is_served_as_it_is_derived(shop: Shop) -> None:
    assert shop.send("GET", "/openapi.json").json == describe()

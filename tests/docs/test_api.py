"""docs/api.md describes every route, field, refusal and scope, and no other."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from chalicelib import auth
from chalicelib.core.page_errors import LoyaltyDisabled, PageRefusal, PaymentInProgress
from chalicelib.http import DECLARED, MAX_BODY_BYTES, STATUS, Route
from chalicelib.routes import DOORS
from tests.docs.documents import document, headings, name, names, section, table

API = document("api.md")
GENERAL = section(API, "How it speaks")
CODES = {refusal.code: status for refusal, status in STATUS.items()}

assert DOORS, "importing the doors declares their routes"


def title_of(route: Route) -> str:
    return f"`{route.method} {route.path}`"


def noun_of(route: Route) -> str:
    """Return the text of the whole noun that a route stands under."""
    nouns = (section(API, title) for title in headings(API, 2))
    return next(text for text in nouns if f"### {title_of(route)}\n" in text)


def fields_of(annotation: Any) -> Iterator[str]:
    """Yield the names of a model's fields, and of the models inside it."""
    for inner in get_args(annotation):
        yield from fields_of(inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field, info in annotation.model_fields.items():
            yield field
            yield from fields_of(info.annotation)


each_route = pytest.mark.parametrize("route", DECLARED, ids=title_of)


def test_the_routes_described_are_those_declared() -> None:
    described = [title for title in headings(API, 3) if title.startswith("`")]
    assert sorted(described) == sorted(title_of(route) for route in DECLARED)


@each_route
def test_a_route_says_who_may_call_it(route: Route) -> None:
    assert section(API, title_of(route)).strip().splitlines()[0] == f"Access: `{route.access}`"


@each_route
def test_a_route_names_its_refusals(route: Route) -> None:
    described = set(names(section(API, title_of(route)))) | set(names(GENERAL))
    assert {refusal.code for refusal in route.all_refusals} <= described


@each_route
def test_a_route_names_no_refusal_that_does_not_exist(route: Route) -> None:
    for codes in re.findall(r"^Refusals: ([^.]*)", section(API, title_of(route)), re.MULTILINE):
        assert set(names(codes)) <= CODES.keys()


@each_route
def test_a_route_that_makes_something_says_so(route: Route) -> None:
    assert ("201" in section(API, title_of(route))) == (201 in route.answers)


@each_route
def test_every_field_of_requests_and_answers_is_described(route: Route) -> None:
    text = noun_of(route) + GENERAL
    if "/channels/" not in route.path:
        text += document("checkout-protocol.md")
    described = set(re.findall(r"\w+", " ".join(names(text))))
    models = [route.body, route.query, *route.answers.values()]
    assert {field for model in models for field in fields_of(model)} <= described


def test_the_table_of_errors_is_that_of_the_rim() -> None:
    rows = table(section(API, "Errors"), "code", "status")
    assert {name(code): int(status) for code, status, *_ in rows} == CODES
    assert len(rows) == len(CODES)


def test_every_refusal_has_a_status_unless_it_belongs_to_a_page() -> None:
    found = {refusal for refusal in STATUS if issubclass(refusal, PageRefusal)}
    assert found == {LoyaltyDisabled, PaymentInProgress}


def test_every_scope_and_cookie_is_named() -> None:
    described = set(names(section(API, "Who is calling")))
    assert {*auth.SCOPES, "admin", auth.SHOPPER, *auth.SESSION_COOKIES} <= described


def test_the_limit_of_a_body_is_the_one_in_force() -> None:
    assert f"{MAX_BODY_BYTES:,} bytes" in GENERAL

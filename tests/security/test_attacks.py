"""What holds for every line or every route, so that no single test of a route could show it."""

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

import app
from chalicelib.auth import SHOPPER
from chalicelib.http import DECLARED, GUEST, Route
from cli.local import PROJECT
from tests.docs.documents import table
from tests.routes.shop import Shop

SECRETS: Final = {"mac", "signature", "secret", "cookie", "sent"}
"""What a caller proves itself by, as the code calls it; the demo's password is known to all."""

NAMES_SOMEBODY: Final = re.compile(r"user|email|account_id|shopper")
SECURITY: Final = (PROJECT / "SECURITY.md").read_text()


def names_in(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} | {
        each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)
    }


def compared(source: str) -> set[str]:
    """Return the names that are compared by == or != anywhere, beside anything but None."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            for side in (node.left, *node.comparators):
                found |= names_in(side)
    return found


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "chalicelib").rglob("*.py")), ids=lambda path: path.name
)
def test_no_secret_is_compared_by_what_ends_at_the_first_difference(file: Path) -> None:
    """How long an answer takes would tell how much of a guess was right."""
    assert not compared(file.read_text()) & SECRETS


def test_such_a_comparison_would_be_found() -> None:
    assert compared("if mac == other: pass") & SECRETS
    assert compared("x = request.signature != made") & SECRETS


def fields_of(route: Route) -> set[str]:
    """Return every name under which a route takes something from a request."""
    named = set(re.findall(r"{(\w+)}", route.path)) | set(route.reads)
    for model in (route.query, route.body):
        named |= set(model.model_fields) if model is not None else set()
    return named


def routes_of_shoppers() -> list[Any]:
    return [
        pytest.param(route, id=f"{route.method} {route.path}")
        for route in DECLARED
        if route.access in {SHOPPER, GUEST}
    ]


@pytest.mark.parametrize("route", routes_of_shoppers())
def test_no_route_of_shoppers_takes_a_user_from_the_request(route: Route) -> None:
    """So a shopper can ask about nobody, and learn of nobody whether they are registered."""
    assert not [name for name in fields_of(route) if NAMES_SOMEBODY.search(name)]


def test_a_route_of_staff_would_be_found() -> None:
    found = [r for r in DECLARED if any(NAMES_SOMEBODY.search(name) for name in fields_of(r))]
    assert found
    assert all(route.access not in {SHOPPER, GUEST} for route in found)


@pytest.mark.parametrize("route", DECLARED, ids=lambda route: f"{route.method} {route.path}")
def test_no_other_origin_is_let_in_anywhere(shop: Shop, route: Route) -> None:
    """Neither asked in advance, as browsers do, nor by an answer."""
    cors: Any = app.app.routes[route.path][route.method].cors
    assert not cors
    address = re.sub(r"{\w+}", "demo", route.path)
    headers = {**shop.bearer("admin"), "Origin": "https://evil.example"}
    reply = shop.send(route.method, address, headers=headers)
    assert not [name for name in reply.headers if name.startswith("access-control")]


# --- what SECURITY.md says ----------------------------------------------------------------------


def held() -> list[tuple[str, str]]:
    """Return the tests that SECURITY.md names, with the threat of each."""
    return [
        (threat, name)
        for threat, _, tests in table(SECURITY, "threat")
        for name in re.findall(r"`([\w/.:]+\.py(?:::\w+)?)`", tests)
    ]


@pytest.mark.parametrize(("threat", "name"), held(), ids=lambda text: str(text)[:60])
def test_a_threat_is_held_by_a_test_that_there_is(threat: str, name: str) -> None:
    file, _, test = name.partition("::")
    text = (PROJECT / "tests" / file).read_text()
    assert not test or f"def {test}(" in text


def test_every_threat_is_held_by_a_test() -> None:
    rows = table(SECURITY, "threat")
    assert len(rows) >= 20
    assert all("`" in tests for _, _, tests in rows)

"""What holds for every line or every route, so that no single test of a route could show it."""

import ast
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import app
from chalicelib import auth
from chalicelib.auth import SHOPPER
from chalicelib.http import DECLARED, GUEST, MAX_BODY_BYTES, SECURITY_HEADERS, Route
from chalicelib.routes.distributions import MAX_ROWS_A_PAGE
from cli.local import PROJECT
from cli.uploads import harmless
from tests.docs.documents import table
from tests.routes.shop import Reply, Shop

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


# --- limits -------------------------------------------------------------------------------------

FILLED: Final = {
    "channel": "demo",
    "user_pk": "1001",
    "currency": "TRY",
    "name": "LOYALTY_MONEY_ENABLED",
    "token": "x",
}


def path_of(path: str) -> str:
    """Return a declared path with names that exist."""
    parts = path.split("/")
    filled = [FILLED.get(p[1:-1], "x1") if p.startswith("{") else p for p in parts]
    return "/".join(filled)


def test_every_route_s_refusal_carries_the_security_headers(shop: Shop) -> None:
    for route in DECLARED:
        reply = shop.send(route.method, path_of(route.path), headers={"Authorization": "Bearer x"})
        assert reply.status == (200 if route.access == "public" else 401), route.path
        held = {name: reply.headers.get(name.lower()) for name in SECURITY_HEADERS}
        assert held == SECURITY_HEADERS, route.path


def test_every_route_that_reads_json_refuses_a_body_beyond_its_limit(shop: Shop) -> None:
    raw = b'{"x": "' + b"x" * MAX_BODY_BYTES + b'"}'
    limited = [route for route in DECLARED if route.body is not None and not route.reads]
    for route in limited:
        headers = shop.bearer(*auth.SCOPES)
        reply = shop.send(route.method, path_of(route.path), raw, headers=headers)
        assert (reply.status, reply.json["code"]) == (413, "body_too_large"), route.path
    assert len(limited) >= 15


def test_no_list_gives_more_than_its_limit(shop: Shop) -> None:
    lists = [route for route in DECLARED if route.query and "limit" in route.query.model_fields]
    for route in lists:
        headers = shop.bearer(*auth.SCOPES)
        if route.access == "shopper":
            headers = {"Cookie": f"osessionid={shop.session()}"}
        for limit in (0, -1, MAX_ROWS_A_PAGE + 1, 10**30):
            path = f"{path_of(route.path)}?limit={limit}"
            reply = shop.send(route.method, path, headers=headers)
            assert reply.status == 422, (path, reply.text)
    assert len(lists) >= 8


def test_a_stolen_session_is_no_staff_and_no_other_channel(shop: Shop) -> None:
    session = shop.session()
    for headers in ({"Cookie": f"osessionid={session}"}, {"Authorization": f"Bearer {session}"}):
        assert shop.send("GET", "/channels/demo/users", headers=headers).status in {401, 403}
    shop.register("1001x", "x@other.example", channel="other")
    paid = shop.send(
        "GET", "/account/loyalty-account-balance", headers={"Cookie": f"osessionid={session}"}
    )
    assert paid.json == {"balance": 50.0}  # Ada's of demo, and not Bob's 70 of the other channel


# --- who is there ----------------------------------------------------------------------------


def _without_id(reply: Reply) -> tuple[int, str, dict[str, str]]:
    headers = {k: v for k, v in reply.headers.items() if k != "x-request-id"}
    return reply.status, reply.text, headers


def test_nobody_learns_who_is_registered(shop: Shop) -> None:
    """Who may not ask gets one answer for who is there and who is not."""
    shop.staff("PUT", "/users/1003/erasure", {"credit": "keep"})
    for headers in ({}, shop.bearer("audit"), {"Cookie": f"osessionid={shop.session()}"}):
        for path in ("/channels/demo/users/{}/export", "/channels/demo/accounts/{}/TRY"):
            answers = {
                json.dumps(_without_id(shop.send("GET", path.format(user), headers=headers)))
                for user in ("1001", "nobody", "1003")
            }
            assert len(answers) == 1


def test_a_session_of_who_is_unknown_and_of_who_was_erased_are_told_the_same(shop: Shop) -> None:
    shop.staff("PUT", "/users/1003/erasure", {"credit": "keep"})
    answers = set()
    for user in ("nobody", "1003"):
        headers = {"Cookie": f"osessionid={shop.session(user)}", "x-currency": "try"}
        for path in ("/account/loyalty-account-balance", "/account/loyalty"):
            reply = shop.send("GET", path, headers=headers)
            answers.add((reply.status, reply.json["code"], reply.json["detail"]))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


# --- what is sent in, and what comes out ----------------------------------------------------


@pytest.mark.parametrize("field", ["available", "version", "channel", "created_at", "by", "held"])
def test_a_body_sets_no_field_that_it_does_not_name(shop: Shop, field: str) -> None:
    """Mass assignment: a field of the row is no field of the request."""
    account = {"user_pk": "1003", "currency": "TRY", "debit_card_allowed": False}
    reply = shop.staff("POST", "/accounts", {**account, field: "1000.00"})
    assert (reply.status, reply.json["errors"][0]["code"]) == (422, "unknown_field")
    body = {"source": "treasury", "target": "ada", "amount": "1.00", field: "x"}
    assert shop.staff("PUT", "/transfers/t1", body).status == 422


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "..%2f..%2fapp.py",
        "%2e%2e%2fapp.py",
        "%252e%252e%252fapp.py",
        "index.html%00.js",
        "..%5capp.py",
        "%2fetc%2fpasswd",
    ],
)
def test_no_path_leaves_the_folder_of_the_console(shop: Shop, name: str) -> None:
    reply = shop.send("GET", f"/console/{name}")
    assert reply.status in {403, 404}
    assert "Chalice" not in reply.text
    assert "root:" not in reply.text


@pytest.mark.parametrize("path", ["/console", "/docs"])
@pytest.mark.parametrize("more", ["", "?next=https://evil.example", "?redirect_uri=//evil.example"])
def test_no_redirect_follows_what_was_sent(shop: Shop, path: str, more: str) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    reply = shop.send("GET", path + more, headers=headers)
    assert reply.headers.get("location", f"{path[1:]}/") == f"{path[1:]}/"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_marked_as_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


def test_every_csv_that_the_command_line_writes_is_made_harmless() -> None:
    writers = [
        path for path in sorted((PROJECT / "cli").glob("*.py")) if "csv.writer(" in path.read_text()
    ]
    assert writers
    assert all("harmless(" in path.read_text() for path in writers), writers


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[31mred", '"}{"event":"forged"}', "\u2028", "\x85"]
)
def test_no_note_or_name_reaches_the_log(
    shop: Shop, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level("DEBUG", "loyalty_money")
    body = {"source": "treasury", "target": "ada", "amount": "1.00", "note": text}
    shop.staff("PUT", "/transfers/t1", body)
    shop.staff("PUT", "/users/2001", {"email": text})
    shop.send("GET", "/health", headers={"User-Agent": text.replace("\r", "").replace("\n", "")})
    assert caplog.records
    assert not [record for record in caplog.records if text in str(vars(record))]


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

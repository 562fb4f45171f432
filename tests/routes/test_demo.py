"""The demo door: on a developer's machine alone, and there as the storefront client expects it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from chalice.app import Chalice
from chalice.test import Client

from chalicelib import auth, registry
from chalicelib.core.errors import UnknownChannel
from chalicelib.http import DECLARED, FORM, JSON, MAX_BODY_BYTES, SECURITY_HEADERS
from chalicelib.openapi import describe
from chalicelib.routes import DOORS, demo
from cli import demo as demo_data
from cli.local import PROJECT
from tests.house.service import environment
from tests.outside.provider import Provider, provided
from tests.routes.callers import World
from tests.routes.shop import VARIABLES, Reply, Shop, opened
from tests.routes.test_callers import KINDS

# An application of its own: a blueprint serves the one that it was registered with last.
DOOR: Final = Chalice("demo-door")
DOOR.register_blueprint(demo.routes.blueprint)

PATHS: Final = {
    "/users/login": {"POST"},
    "/current_user": {"GET"},
    "/csrf_token": {"GET"},
    "/demo/checkout": {"POST"},
    "/demo/events": {"GET"},
    "/demo/staff-token": {"POST"},
    **{path: {"GET"} for path in demo.PAGE},
}
FILES: Final = ("/demo/", *(path for path in demo.PAGE if path != "/demo"))
GOOD: Final = {"email": "ada@example.com", "password": "demo"}
FUNCTION: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "loyalty-money",
    "DISTRIBUTION_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/queue",
    "EVENT_BUS": "loyalty-money-dev",
    "EVENT_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
}
REFUSED_LOGIN: Final = {"non_field_errors": ["Unable to log in with provided credentials."]}


@pytest.fixture
def door(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return the shop, called at the demo door."""
    monkeypatch.setattr(shop, "_client", Client(DOOR, project_dir=str(tmp_path)))
    return shop


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shop, Provider]]:
    with provided() as provider, opened(tmp_path, **provider.variables) as shop:
        monkeypatch.setattr(shop, "_client", Client(DOOR, project_dir=str(tmp_path)))
        yield shop, provider


def served(variables: Mapping[str, str]) -> Any:
    """Return the routes and the described paths of a service that starts with these variables."""
    program = (
        "import json, app; from chalicelib.openapi import describe; "
        "routes = {path: sorted(methods) for path, methods in app.app.routes.items()}; "
        "print(json.dumps([routes, sorted(describe()['paths'])]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=environment() | dict(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def log_in(door: Shop, body: object, **headers: str) -> Reply:
    return door.send("POST", "/users/login/", body, headers=headers)


def errors_of(reply: Reply) -> Any:
    assert reply.status == 400
    assert "set-cookie" not in reply.headers
    return reply.json


# --- where it is --------------------------------------------------------------------------------


def test_a_local_service_has_the_door() -> None:
    routes, described = served({"STAGE": "local"})
    assert {path: set(routes[path]) for path in PATHS} == PATHS
    assert not PATHS.keys() & set(described)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="packaging"),
        pytest.param({"STAGE": "dev"}, id="dev"),
        pytest.param({"STAGE": "prod"}, id="prod"),
        pytest.param(VARIABLES | FUNCTION | {"STAGE": "dev"}, id="function-dev"),
        pytest.param(VARIABLES | FUNCTION | {"STAGE": "prod"}, id="function-prod"),
        pytest.param(VARIABLES | FUNCTION | {"STAGE": "local"}, id="function-local"),
    ],
)
def test_nothing_of_it_is_there_anywhere_else(variables: dict[str, str]) -> None:
    routes, described = served(variables)
    assert routes
    assert not PATHS.keys() & {*routes, *described}


def test_its_routes_are_no_part_of_the_interface() -> None:
    assert {route.path for route in demo.DECLARED} == PATHS.keys()
    assert {path: set(methods) for path, methods in DOOR.routes.items()} == PATHS
    assert not PATHS.keys() & {route.path for route in DECLARED}
    assert not PATHS.keys() & describe()["paths"].keys()
    assert demo.routes not in DOORS


def test_it_opens_the_channel_that_the_demo_data_make() -> None:
    assert demo.CHANNEL == demo_data.CHANNEL


# --- logging in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [email for _, email in demo_data.USERS] + ["Ada@Example.COM"])
def test_any_demo_user_logs_in_by_address(door: Shop, email: str) -> None:
    reply = log_in(door, {"email": email, "password": "demo"})
    assert (reply.status, bool(reply.json["key"])) == (200, True)
    # The client's own expressions (api/auth.ts).
    found = re.search(r"osessionid=\w+", reply.headers["set-cookie"])
    assert found is not None
    shown = door.send("GET", "/current_user/", headers={"Cookie": found[0], "x-currency": "try"})
    assert (shown.status, shown.json["email"]) == (200, email.lower())


def test_the_session_is_kept_from_scripts_and_other_sites(door: Shop) -> None:
    reply = log_in(door, GOOD)
    session, *attributes = reply.headers["set-cookie"].split("; ")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=7200"}
    assert session.partition("=")[2] not in reply.text


def test_a_form_logs_in_as_json_does(door: Shop) -> None:
    body = b"email=ada%40example.com&password=demo"
    assert log_in(door, body, **{"Content-Type": f"{FORM};charset=UTF-8"}).status == 200


def test_the_client_s_further_fields_and_its_cookie_are_no_matter(door: Shop) -> None:
    more = {"formType": "login", "locale": "en", "captchaValidated": False, "csrfToken": "x"}
    assert log_in(door, GOOD | more, cookie="csrftoken=abc; pz-locale=en").status == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.com", "Demo"),
        ("ada@example.com", "demo "),
        ("eve@example.com", "demo"),
        ("1001", "demo"),
    ],
)
def test_who_is_unknown_and_what_is_wrong_is_not_told_apart(
    door: Shop, email: str, password: str
) -> None:
    assert errors_of(log_in(door, {"email": email, "password": password})) == REFUSED_LOGIN


@pytest.mark.parametrize("missing", ["email", "password"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_field_is_named(door: Shop, missing: str, empty: bool) -> None:
    kept = {name: text for name, text in GOOD.items() if name != missing}
    body = kept | ({missing: ""} if empty else {})
    assert errors_of(log_in(door, body)) == {missing: ["This field is required."]}


@pytest.mark.parametrize("path", ["/users/login/", "/demo/checkout/"])
@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"{", JSON),
        (b"[]", JSON),
        (b"", JSON),
        (b'"demo"', JSON),
        (b"\xff\xfe", JSON),
        (b"email=ada@example.com", "text/plain"),
        (b"<email/>", "application/xml"),
        (b"email=" + b"a" * MAX_BODY_BYTES, FORM),
    ],
)
def test_what_cannot_be_read_is_an_error_of_no_field(
    door: Shop, path: str, body: bytes, media: str
) -> None:
    headers = {"Content-Type": media, "Cookie": f"osessionid={door.session()}"}
    reply = door.send("POST", path, body, headers=headers)
    assert list(errors_of(reply)) == ["non_field_errors"]


@pytest.mark.parametrize("wrong", [None, 1, True, [], {}])
def test_a_field_that_is_no_text_is_named(door: Shop, wrong: object) -> None:
    assert list(errors_of(log_in(door, GOOD | {"password": wrong}))) == ["password"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_log_a_visitor_in(door: Shop, site: str) -> None:
    reply = log_in(door, GOOD, **{"sec-fetch-site": site})
    assert (reply.status, reply.json["code"]) == (403, "cross_site_write")
    assert "set-cookie" not in reply.headers


def test_without_the_demo_data_nobody_is_let_in(door: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(demo, "CHANNEL", "nowhere")
    reply = log_in(door, GOOD)
    assert (reply.status, reply.json["code"]) == (404, UnknownChannel.code)


# --- who is signed in ---------------------------------------------------------------------------


def test_the_current_user_has_every_field_that_the_client_reads(door: Shop) -> None:
    reply = door.send(
        "GET", "/current_user/", headers={"Cookie": f"osessionid={door.session('1002')}"}
    )
    assert {name: reply.json[name] for name in ("pk", "first_name", "email")} == {
        "pk": "1002",
        "first_name": "Grace",
        "email": "grace@example.com",
    }
    assert reply.json.keys() >= {
        "last_name", "phone", "email_allowed", "sms_allowed", "date_joined", "last_login",
        "date_of_birth", "hashed_email", "gender",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [("GET", "/current_user"), ("POST", "/demo/checkout")])
def test_an_ended_session_and_an_unknown_user_are_signed_out(
    door: Shop, method: str, path: str
) -> None:
    call = door.call(door.now)
    registry.end_sessions(call, "demo", "1001", int(door.now.timestamp() * 1000) + 1)
    for user_pk in ("1001", "9999"):
        cookie = f"osessionid={door.session(user_pk)}"
        reply = door.send(method, path, headers={"Cookie": cookie})
        assert (reply.status, reply.json["code"]) == (401, "not_signed_in")


def test_a_csrf_token_is_another_one_each_time(door: Shop) -> None:
    tokens = {door.send("GET", "/csrf_token/").json["csrf_token"] for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)


# --- a token for the console ----------------------------------------------------------------------


@pytest.mark.parametrize("scopes", ["admin", "read audit"])
def test_a_token_for_the_console_is_one_of_staff_of_the_demo_channel(
    door: Shop, scopes: str
) -> None:
    reply = door.send("POST", "/demo/staff-token", {"scopes": scopes})
    assert reply.status == 200
    token = reply.json["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["channels"], claims["scope"]) == (["demo"], scopes)
    assert claims["exp"] - claims["iat"] == 8 * 60 * 60
    caller = auth.identify({"authorization": f"Bearer {token}"}, door.now)
    assert isinstance(caller, auth.Staff)
    assert "owner" not in caller.scopes
    assert caller.scopes >= set(scopes.split()) - {"admin"}
    assert ("adjust" in caller.scopes) == (scopes == "admin")


@pytest.mark.parametrize(
    "scopes", ["owner", "admin owner", "shopper", "read shopper", "all", "", " "]
)
def test_a_token_for_more_or_for_nothing_is_refused(door: Shop, scopes: str) -> None:
    """`shopper` is no scope of staff: with it the subject would be a shopper's."""
    reply = door.send("POST", "/demo/staff-token", {"scopes": scopes})
    assert (reply.status, reply.json["code"]) == (422, "invalid_request")
    assert "token" not in reply.json


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_is_given_no_token(door: Shop, site: str) -> None:
    sent = {"sec-fetch-site": site}
    reply = door.send("POST", "/demo/staff-token", {"scopes": "admin"}, headers=sent)
    assert (reply.status, reply.json["code"]) == (403, "cross_site_write")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
    ],
)
def test_a_name_that_leads_here_is_another_site(door: Shop, host: str, status: int) -> None:
    """Whoever owns a name may let it lead to this machine, and then reads what it answers."""
    sent = {"host": host}
    reply = door.send("POST", "/demo/staff-token", {"scopes": "read"}, headers=sent)
    assert reply.status == status


def test_a_form_of_another_site_is_given_no_token_either(door: Shop) -> None:
    """A form needs no leave of the browser's to be sent; JSON does."""
    reply = door.send("POST", "/demo/staff-token", b"scopes=admin", headers={"Content-Type": FORM})
    assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")


# --- opening a checkout -------------------------------------------------------------------------


def open_checkout(door: Shop, body: object, **headers: str) -> Reply:
    cookie = f"osessionid={door.session()}; csrftoken=c5rf"
    sent = {"Cookie": cookie, "x-csrftoken": "c5rf", "x-currency": "try", **headers}
    return door.send("POST", "/demo/checkout/", body, headers=sent)


def opened_in(door: Shop) -> list[Any]:
    """Return the rows of the checkouts; their baskets are rows of the same table."""
    return [row for row in door.rows("pre_orders") if "total" in row]


def test_each_checkout_is_another_one(door: Shop) -> None:
    first, second = (open_checkout(door, {"total": "12.50"}) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json["reference"] != second.json["reference"]
    (row,) = opened_in(door)
    assert row["reference"] == {"S": second.json["reference"]}
    assert row["total"] == {"N": "1250"}


def test_a_checkout_is_in_the_currency_of_the_session(door: Shop) -> None:
    body = b"total=20"
    for currency in ("usd", "undefined"):
        kind = {"Content-Type": FORM}
        assert open_checkout(door, body, **{"x-currency": currency, **kind}).status == 201
    assert {row["currency"]["S"]: row["total"]["N"] for row in opened_in(door)} == {
        "USD": "2000",
        "TRY": "2000",
    }


@pytest.mark.parametrize("total", ["", "0", "0.00", "-1", "1.234", "1,50", "ten", "1e3", "9" * 40])
def test_a_wrong_total_is_refused_under_its_field(door: Shop, total: str) -> None:
    errors = errors_of(open_checkout(door, {"total": total}))
    assert list(errors) == ["total"]
    assert opened_in(door) == []


@pytest.mark.parametrize(
    ("cookie", "header"), [("csrftoken=a", "b"), ("csrftoken=a", ""), ("csrftoken=", "b")]
)
def test_a_token_that_differs_from_its_cookie_opens_nothing(
    door: Shop, cookie: str, header: str
) -> None:
    sent = {"Cookie": f"osessionid={door.session()}; {cookie}", "x-csrftoken": header}
    reply = open_checkout(door, {"total": "1.00"}, **sent)
    assert (reply.status, reply.json["code"]) == (403, "cross_site_write")
    assert opened_in(door) == []


def test_another_site_opens_nothing(door: Shop) -> None:
    reply = open_checkout(door, {"total": "1.00"}, **{"sec-fetch-site": "cross-site"})
    assert (reply.status, reply.json["code"]) == (403, "cross_site_write")


# --- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_kept_by_the_browser_until_it_changes(door: Shop, path: str) -> None:
    first = door.send("GET", path)
    assert first.status == 200
    assert first.text
    again = door.send("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    assert door.send("GET", path, headers={"If-None-Match": '"old"'}).status == 200
    assert first.headers["cache-control"] == "no-cache"
    assert door.asked == []


def test_every_file_of_the_page_is_served(door: Shop) -> None:
    assert set(demo.PAGE.values()) == {file.name for file in demo.FILES.iterdir()}
    assert door.send("GET", "/demo/other.js").status == 403


@pytest.mark.parametrize("path", FILES)
def test_a_file_runs_nothing_that_is_not_its_own(door: Shop, path: str) -> None:
    headers = door.send("GET", path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["form-action"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    kept = SECURITY_HEADERS.keys() - {"Cache-Control", "Content-Security-Policy"}
    assert {headers[name.lower()] for name in kept} == {SECURITY_HEADERS[name] for name in kept}


def test_the_page_offers_the_shoppers_of_the_demo_data(door: Shop) -> None:
    offered = set(re.findall(r"[\w.]+@example\.com", door.send("GET", "/demo/").text))
    assert offered == {email for _, email in demo_data.USERS} - {"treasury@example.com"}


# --- who is let in ------------------------------------------------------------------------------


SHOPPERS: Final = {"ada", "grace", "bob", "scoped"}
STRANGERS: Final = {"nobody", "false_bearer", "false_cookie"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/current_user", None, 200),
        ("POST", "/demo/checkout", {"total": "1.00"}, 201),
    ],
)
def test_a_shopper_s_route_lets_in_shoppers_alone(
    world: tuple[Shop, Provider], method: str, path: str, body: object, status: int
) -> None:
    shop, provider = world
    wrong = []
    for kind, members in KINDS.items():
        expected = status if kind in SHOPPERS else 401 if kind in STRANGERS else 403
        for name, caller in members.items():
            shop.asked.clear()
            reply = shop.send(
                method, path, body, headers=caller(World(shop, provider, auth.SHOPPER))
            )
            if reply.status != expected:
                wrong.append(f"{name}: {reply.status} instead of {expected}")
            if expected != status and shop.asked:
                wrong.append(f"{name}: refused, yet DynamoDB was asked")
            if kind not in {"ada", "scoped"} and "ada@" in reply.text:
                wrong.append(f"{name}: was shown Ada's address")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ["/csrf_token", *FILES])
def test_a_public_route_asks_nobody_who_calls(world: tuple[Shop, Provider], path: str) -> None:
    shop, provider = world
    for members in KINDS.values():
        for caller in members.values():
            headers = caller(World(shop, provider, auth.SHOPPER))
            assert shop.send("GET", path, headers=headers).status == 200
    assert shop.asked == []
    assert provider.asked == 0

"""The console's door: its files are given as they were built, and it says how staff sign in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pytest

from app import app
from chalicelib.config import config
from chalicelib.http import DECLARED, SECURITY_HEADERS
from chalicelib.openapi import describe
from chalicelib.routes import DOORS, console
from tests.routes.shop import Reply, Shop
from tests.store.engine import forget

BUILT: Final = {
    "index.html": "<!doctype html><title>Loyalty Money</title><p>Çay 茶</p>",
    "app-3SWSTB7A.css": "body{color:red}",
    "app-AUQQT7GE.js": "console.log('Çay 茶')",
    "docs.html": "<!doctype html><title>Interface</title>",
    "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
}
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE: Final = "/console/"
ASSETS: Final = [name for name in BUILT if name.startswith("app-")]
PATHS: Final = (PAGE, *(f"/console/{name}" for name in BUILT))
OIDC: Final = {
    "OIDC_ISSUER": "https://staff.example/realms/shop",
    "OIDC_AUDIENCE": "loyalty",
    "OIDC_JWKS_URL": "https://keys.example/jwks.json",
    "CONSOLE_CLIENT_ID": "console",
}

each_path = pytest.mark.parametrize("path", PATHS)


@pytest.fixture
def built(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return the shop with a console of small files."""
    folder = tmp_path / "console"
    folder.mkdir()
    for name, text in BUILT.items():
        (folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "secret.html").write_text("a file beside the console")
    monkeypatch.setattr(console, "FILES", folder)
    return shop


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a test set variables, which are read anew before it and after it."""
    forget()
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    forget()


def given(variables: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        variables.setenv(name, value)
    config.cache_clear()


def policy_of(reply: Reply) -> dict[str, str]:
    parts = reply.headers["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (part.partition(" ") for part in parts)}


def sign_in_of(shop: Shop) -> Any:
    return shop.send("GET", "/console/config.json").json["sign_in"]


# --- where it is --------------------------------------------------------------------------------


def test_its_routes_are_in_every_stage_and_no_part_of_the_interface() -> None:
    paths = {"/console", "/console/config.json", "/console/{asset}", "/docs"}
    assert {route.path for route in console.DECLARED} == paths
    assert console.routes in DOORS
    assert all(app.routes[path].keys() == {"GET"} for path in paths)
    assert not paths & {route.path for route in DECLARED}
    assert not paths & describe()["paths"].keys()


def test_without_its_slash_the_address_leads_to_the_one_with_it(built: Shop) -> None:
    """The page's links are relative: without the slash they would miss its folder."""
    reply = built.send("GET", "/console")
    assert (reply.status, reply.text) == (302, "")
    there = reply.headers["location"]
    # Whatever stands before it: nothing here, the stage on AWS, and nothing again on a domain.
    assert urljoin("http://127.0.0.1:8000/console", there) == "http://127.0.0.1:8000/console/"
    assert urljoin("https://id.example/api/console", there) == "https://id.example/api/console/"


def test_the_gateway_s_own_event_is_told_apart_by_the_slash(built: Shop) -> None:
    """The gateway routes both alike; only the path in its context shows the difference."""
    answers = {path: app(event_of(path), None) for path in ("/api/console", "/api/console/")}
    assert answers["/api/console"]["statusCode"] == 302
    assert answers["/api/console/"]["statusCode"] == 200
    assert answers["/api/console/"]["body"] == BUILT["index.html"]


def event_of(path: str) -> dict[str, Any]:
    """Return what the gateway sends for a path that it routes to `/console`."""
    context = {"httpMethod": "GET", "resourcePath": "/console", "path": path, "identity": {}}
    return {
        "requestContext": context,
        "headers": {},
        "multiValueHeaders": {},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }


# --- the files ----------------------------------------------------------------------------------


@each_path
def test_a_file_is_given_as_it_was_built(built: Shop, path: str) -> None:
    name = path.removeprefix(PAGE) or "index.html"
    reply = built.send("GET", path)
    assert (reply.status, reply.text) == (200, BUILT[name])
    assert reply.headers["content-type"] == MEDIA_TYPES[Path(name).suffix]
    assert built.asked == []


def test_only_what_is_named_after_its_content_is_kept_without_asking(built: Shop) -> None:
    kept = {path: built.send("GET", path).headers["cache-control"] for path in PATHS}
    for_ever = "public, max-age=31536000, immutable"
    assert {path for path, cached in kept.items() if cached == for_ever} == {
        f"/console/{name}" for name in ASSETS
    }
    assert set(kept.values()) == {for_ever, "no-cache"}


@each_path
def test_a_copy_that_is_good_still_is_not_sent_again(built: Shop, path: str) -> None:
    first = built.send("GET", path)
    again = built.send("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert built.send("GET", path, headers={"If-None-Match": '"old"'}).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "app-AAAAAAAA.js",
        "secret.html",
        "..%2Fsecret.html",
        "%2e%2e%2fsecret.html",
        "..%5Csecret.html",
        "%2Fetc%2Fpasswd",
        "index.html%00",
        "..",
        ".",
        "%ff",
    ],
)
def test_what_was_not_built_is_not_there(built: Shop, name: str) -> None:
    reply = built.send("GET", f"/console/{name}")
    assert reply.status == 404
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert "beside" not in reply.text
    assert reply.headers["cache-control"] == "no-store"


def test_a_file_of_another_kind_is_not_given(built: Shop) -> None:
    (console.FILES / "notes.txt").write_text("a note")
    (console.FILES / "folder").mkdir()
    assert built.send("GET", "/console/notes.txt").status == 404
    assert built.send("GET", "/console/folder").status == 404


@pytest.mark.parametrize("path", [PAGE, "/console/index.html", "/docs/"])
def test_without_a_build_the_page_says_what_to_run(
    built: Shop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(console, "FILES", console.FILES / "missing")
    reply = built.send("GET", path)
    assert reply.status == 404
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert "make console" in reply.text
    assert built.send("GET", "/console/config.json").status == 200


# --- what the page may do -----------------------------------------------------------------------


def test_the_page_of_the_interface_is_at_its_address_with_a_slash(built: Shop) -> None:
    assert built.send("GET", "/docs").headers["location"] == "docs/"
    reply = built.send("GET", "/docs/")
    assert (reply.status, reply.text) == (200, BUILT["docs.html"])
    # Swagger UI makes its page of text; all else is as strict as for the console.
    strict = policy_of(built.send("GET", PAGE))
    del strict["require-trusted-types-for"], strict["trusted-types"]
    assert policy_of(reply) == strict


@pytest.mark.parametrize("path", [path for path in PATHS if not path.endswith("docs.html")])
def test_a_file_runs_nothing_that_is_not_its_own(built: Shop, path: str) -> None:
    reply = built.send("GET", path)
    assert policy_of(reply) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    for name in SECURITY_HEADERS.keys() - {"Cache-Control", "Content-Security-Policy"}:
        assert reply.headers[name.lower()] == SECURITY_HEADERS[name]


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        ("", "'self' https://staff.example"),
        ("https://auth.example:8443", "'self' https://staff.example https://auth.example:8443"),
        ("https://staff.example", "'self' https://staff.example"),
    ],
)
def test_signing_in_it_speaks_with_the_provider_and_with_nobody_else(
    built: Shop, variables: pytest.MonkeyPatch, origins: str, allowed: str
) -> None:
    given(variables, **OIDC, CONSOLE_ORIGINS=origins)
    assert policy_of(built.send("GET", PAGE))["connect-src"] == allowed


def test_a_provider_of_the_interface_alone_is_none_of_the_console_s(
    built: Shop, variables: pytest.MonkeyPatch
) -> None:
    given(variables, **OIDC | {"CONSOLE_CLIENT_ID": ""})
    assert policy_of(built.send("GET", PAGE))["connect-src"] == "'self'"


# --- how staff sign in --------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_with_a_client_staff_sign_in_at_the_provider(
    shop: Shop, variables: pytest.MonkeyPatch, stage: str
) -> None:
    given(variables, **OIDC, STAGE=stage, CONSOLE_SCOPE="openid loyalty/admin")
    reply = shop.send("GET", "/console/config.json")
    assert reply.json == {
        "stage": stage,
        "sign_in": {
            "kind": "oidc",
            "issuer": "https://staff.example/realms/shop",
            "client_id": "console",
            "scope": "openid loyalty/admin",
            "audience": "loyalty",
        },
    }
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-cache"
    assert shop.asked == []


@pytest.mark.parametrize("client", [OIDC, {}], ids=["provider", "shared keys"])
@pytest.mark.parametrize(("stage", "kind"), [("local", "demo"), ("dev", "none"), ("prod", "none")])
def test_without_a_client_only_a_local_service_lets_staff_in(
    shop: Shop, variables: pytest.MonkeyPatch, client: dict[str, str], stage: str, kind: str
) -> None:
    given(variables, **client | {"CONSOLE_CLIENT_ID": "", "STAGE": stage})
    assert sign_in_of(shop) == {"kind": kind}


def test_no_key_is_told_to_the_page(shop: Shop, variables: pytest.MonkeyPatch) -> None:
    given(variables, **OIDC)
    text = shop.send("GET", "/console/config.json").text
    for keys in (config().signing_keys, config().staff_keys):
        assert keys is not None
        assert keys.get_secret_value() not in text

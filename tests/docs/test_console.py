"""docs/console.md says what the console's door does, and how it is hosted without the door."""

import re
from typing import Final

import pytest

from chalicelib.http import SECURITY_HEADERS
from chalicelib.routes import console
from chalicelib.routes.files import ASK_AGAIN, policy
from cli.local import PROJECT
from tests.docs.documents import document, name, names, section, table

CONSOLE: Final = document("console.md")
SERVED: Final = section(CONSOLE, "What the service answers")
SIGNING_IN: Final = section(CONSOLE, "Signing in")
HOSTING: Final = section(CONSOLE, "Hosting it on S3 and CloudFront")


def test_the_routes_are_those_of_the_door() -> None:
    described = {name(request) for request, _ in table(SERVED, "request")}
    declared = {f"{route.method} {route.path}" for route in console.DECLARED}
    # With its slash it is the same route, with another answer.
    assert described == declared | {"GET /console/"}


def test_the_content_policy_is_the_one_that_is_sent() -> None:
    said = re.search(r"^```text\n(default-src .+)\n```$", SERVED, re.MULTILINE)
    assert said is not None
    assert said[1] == policy(["https://staff.example"])


def test_a_policy_of_cloudfront_has_the_other_headers_of_every_answer() -> None:
    others = SECURITY_HEADERS.keys() - {"Cache-Control", "Content-Security-Policy"}
    described = set(names(HOSTING))
    assert {f"{header}: {SECURITY_HEADERS[header]}" for header in others} <= described


def test_the_ways_to_sign_in_are_those_that_there_are() -> None:
    rows = table(SIGNING_IN, "kind")
    kinds = console.SignIn.model_json_schema()["properties"]["kind"]["enum"]
    assert [name(kind) for kind, *_ in rows] == ["oidc", "demo", "none"]
    assert {name(kind) for kind, *_ in rows} == set(kinds)
    fields = {*console.SignIn.model_fields, *console.ConsoleConfig.model_fields}
    assert fields <= set(names(SIGNING_IN))


@pytest.mark.parametrize("file", ["index.html", "app-HASH.js", "app-HASH.css", "icon.svg"])
def test_the_build_is_described_file_by_file(file: str) -> None:
    rows = table(section(CONSOLE, "Building it"), "file")
    (said,) = [kept for files, kept in rows if file in names(files)]
    expected = "immutable" if "HASH" in file else ASK_AGAIN
    assert expected in said or said == "as `index.html`"


def test_what_the_browser_keeps_is_what_the_pages_write() -> None:
    rows = table(section(CONSOLE, "What the browser keeps"), "key")
    files = (PROJECT / "console" / "src").rglob("*.js*")
    source = "\n".join(file.read_text() for file in files)
    assert {name(key) for key, *_ in rows} == set(re.findall(r"loyalty-money\.\w+", source))
    for elsewhere in ("localStorage", "document.cookie", "indexedDB"):
        assert elsewhere not in source

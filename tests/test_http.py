"""The rim: refusals and their statuses, bodies and paths, headers, faults, cross-site, logs."""

import ast
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from chalice.local import LambdaContext

from app import app
from chalicelib import auth
from chalicelib.core import errors
from chalicelib.core.errors import Refusal
from chalicelib.core.page_errors import LoyaltyDisabled, PageRefusal, PaymentInProgress
from chalicelib.http import STATUS, media_type, parse_form, problem_of
from chalicelib.logs import JsonLines
from tests.core.made import leaves
from tests.routes.shop import VARIABLES, Shop, opened

PROJECT: Final = Path(__file__).resolve().parent.parent
TRANSITIONS: Final = PROJECT / "chalicelib" / "core" / "transitions.py"
CODE: Final = sorted((PROJECT / "chalicelib").rglob("*.py"))


@pytest.fixture(scope="module")
def kept_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(kept_shop: Shop) -> Shop:
    kept_shop.begin_again()
    return kept_shop


# --- refusals -------------------------------------------------------------------------------


def test_every_refusal_has_a_status_or_belongs_to_a_page() -> None:
    of_pages = {refusal for refusal in leaves(Refusal) if issubclass(refusal, PageRefusal)}
    # A new hold is refused while the feature is off, and a shop's back end that replaces a
    # checkout which is paying, as the pages are.
    assert set(STATUS) == set(leaves(Refusal)) - of_pages | {LoyaltyDisabled, PaymentInProgress}
    assert len(of_pages) > 10
    assert set(STATUS.values()) == {400, 401, 403, 404, 409, 413, 415, 422, 500, 503, 504}


def test_every_refusal_has_a_title_and_a_code_of_its_own() -> None:
    every = leaves(Refusal)
    assert len({refusal.code for refusal in every}) == len(every)
    assert all(refusal.title for refusal in every)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code) for refusal in every)


def test_every_refusal_is_raised_somewhere() -> None:
    """A class that nobody raises is documented, tested and read about for nothing."""
    assert {refusal.__name__ for refusal in leaves(Refusal)} - _raised() == set()


RAISING: Final = (ast.Raise,)
IN_TABLES: Final = (ast.AnnAssign, ast.Assign, ast.Return)


def _raised() -> set[str]:
    """Return the names that are raised or made, or stand in the table whose outcomes are raised."""
    found: set[str] = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found |= _names(node.func)
            elif isinstance(node, RAISING + (IN_TABLES if path == TRANSITIONS else ())):
                found |= _names(node)
    return found


def _names(node: ast.AST) -> set[str]:
    inside = list(ast.walk(node))
    names = {name.id for name in inside if isinstance(name, ast.Name)}
    return names | {name.attr for name in inside if isinstance(name, ast.Attribute)}


@pytest.mark.parametrize("refusal", STATUS, ids=lambda refusal: refusal.code)
def test_a_problem_is_an_rfc_9457_problem(refusal: type[Refusal]) -> None:
    made = refusal("XXX") if refusal is errors.UnknownCurrency else refusal()
    problem = json.loads(problem_of(made).to_json())
    assert set(problem) == {"type", "title", "status", "code", "detail"}
    assert problem["type"] == f"urn:loyalty-money:problem:{refusal.code}"
    assert problem["status"] == STATUS[refusal]
    assert (problem["code"], problem["title"]) == (refusal.code, refusal.title)


def test_a_problem_names_wrong_fields_where_there_are_some(shop: Shop) -> None:
    reply = shop.staff("PUT", "/users/2001", {"email": "m", "more": 1})
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(reply.json) == {"type", "title", "status", "code", "detail", "errors"}
    assert reply.json["status"] == reply.status == 422
    for error in reply.json["errors"]:
        assert set(error) == {"field", "code", "detail"}


def test_a_401_says_how_to_sign_in(shop: Shop) -> None:
    for reply in (
        shop.send("GET", "/channels/demo/users"),
        shop.send("GET", "/account/loyalty"),
        shop.send("GET", "/channels/demo/users", headers={"Authorization": "Bearer x"}),
    ):
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "www-authenticate" not in shop.staff("GET", "/users", scopes=("users",)).headers


# --- headers --------------------------------------------------------------------------------


def test_every_answer_carries_the_security_headers(shop: Shop) -> None:
    for reply in (
        shop.send("GET", "/health"),
        shop.send("GET", "/channels/demo/users"),
        shop.send("GET", "/orders/checkout/"),
        shop.staff("GET", "/users"),
        shop.staff("PUT", "/users/x", b"{"),
        shop.storefront().get("/account/loyalty/"),
    ):
        assert {name: reply.headers[name] for name in reply.headers if name != "x-request-id"} == {
            **({"www-authenticate": "Bearer"} if reply.status == 401 else {}),
            "content-type": reply.headers["content-type"],
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "strict-transport-security": "max-age=31536000",
        }


def test_no_answer_lets_another_origin_read_it(shop: Shop) -> None:
    headers = {**shop.bearer("read"), "Origin": "https://evil.example"}
    reply = shop.send("GET", "/channels/demo/users", headers=headers)
    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_an_answer_carries_the_gateways_request_id(shop: Shop) -> None:
    answer = _invoke("GET", "/health", "/health", request_id="gateway-1")
    assert answer["headers"]["X-Request-Id"] == "gateway-1"


def test_an_answer_without_a_gateway_has_an_id_of_its_own(shop: Shop) -> None:
    ids = {shop.send("GET", "/health").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def _invoke(method: str, resource: str, path: str, request_id: str, **more: Any) -> Any:
    """Call the function as API Gateway does, whose event has more in it than the test client's."""
    event = {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": path,
            "requestId": request_id,
            "identity": {"sourceIp": "203.0.113.9"},
        },
        "headers": {},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        **more,
    }
    return app(event, LambdaContext("x", 128, max_runtime_ms=10_000))


def test_a_request_without_any_body_is_read_as_the_gateway_sends_it(shop: Shop) -> None:
    """The gateway's body is null where nothing was posted: an amount of '' comes so."""
    shop.open_pre_order()
    session = shop.session()
    answer = _invoke(
        "POST",
        "/orders/checkout",
        "/orders/checkout",
        "r1",
        headers={
            "cookie": f"osessionid={session}",
            "content-type": "application/x-www-form-urlencoded",
        },
        multiValueQueryStringParameters={"page": ["LoyaltyMoneyUsagePage"]},
    )
    assert answer["statusCode"] == 200
    assert list(json.loads(answer["body"])["errors"]) == ["loyalty_amount_to_use"]


def test_a_body_in_base64_is_decoded(shop: Shop) -> None:
    answer = _invoke(
        "PUT",
        "/channels/{channel}/users/{user_pk}",
        "/channels/demo/users/2001",
        "r1",
        headers={
            "authorization": shop.bearer("users")["Authorization"],
            "content-type": "application/json",
        },
        pathParameters={"channel": "demo", "user_pk": "2001"},
        body="eyJlbWFpbCI6Im1AZXhhbXBsZS5jb20ifQ==",
        isBase64Encoded=True,
    )
    assert answer["statusCode"] == 201


# --- paths ----------------------------------------------------------------------------------


def test_a_path_is_decoded_once(shop: Shop) -> None:
    shop.register("A_b-1", "mixed@example.com")
    shop.open_account("A_b-1", "TRY", "1.00", account_id="A_b-1")
    once = shop.staff("GET", "/accounts/%41%5f%62%2D%31/%54RY")
    assert (once.status, once.json["user_pk"]) == (200, "A_b-1")
    twice = shop.staff("GET", "/accounts/%2541_b-1/TRY")
    assert (twice.status, twice.json["code"]) == (422, "invalid_request")


def test_a_channel_is_decoded_before_it_is_compared_with_the_token(shop: Shop) -> None:
    """A name that is compared encoded and used decoded would let another channel's staff in."""
    demo = shop.bearer("read")
    assert shop.send("GET", "/channels/%64emo/users", headers=demo).status == 200
    assert shop.send("GET", "/channels/%6Fther/users", headers=demo).status == 403
    assert shop.send("GET", "/channels/%256Fther/users", headers=demo).status == 403
    encoded = shop.bearer("read", channels=("%6Fther",))
    assert shop.send("GET", "/channels/%6Fther/users", headers=encoded).status == 403
    assert shop.send("GET", "/channels/%256Fther/users", headers=encoded).status == 422


@pytest.mark.parametrize("part", ["demo%23", "demo%2F..", "demo%00", "demo%0A", "%20demo", "DEMO"])
def test_a_channel_that_only_looks_like_it_is_another(shop: Shop, part: str) -> None:
    assert shop.send("GET", f"/channels/{part}/users", headers=shop.bearer("read")).status == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/accounts/1001/TRY/", 200),
        ("/accounts/1001//TRY", 403),
        ("/accounts/1001%2FTRY", 403),
        ("/accounts/../accounts/1001/TRY", 403),
    ],
)
def test_a_path_of_another_shape_serves_nothing(shop: Shop, path: str, status: int) -> None:
    assert shop.staff("GET", path).status == status


def test_the_last_of_a_repeated_query_parameter_counts(shop: Shop) -> None:
    reply = shop.staff("GET", "/users?email=ada@example.com&email=grace@example.com")
    assert [user["user_pk"] for user in reply.json["items"]] == ["1002"]


# --- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/json", "application/json"),
        (" Application/JSON ; charset=UTF-8", "application/json"),
        ("text/plain;charset=UTF-8", "text/plain"),
        ("", ""),
    ],
)
def test_a_media_type_is_read_without_its_parameters(header: str, kind: str) -> None:
    assert media_type({"content-type": header}) == kind


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a=", {"a": ""}),
        (b"a=%2E+%C3%A9", {"a": ". \u00e9"}),
        (b"a=\xff%ff", {"a": "\ufffd\ufffd"}),
        (b"&&=;%", {"": ";%"}),
    ],
)
def test_any_bytes_are_read_as_a_form(raw: bytes, fields: dict[str, str]) -> None:
    assert parse_form(raw) == fields


def test_a_refused_caller_is_refused_before_the_body_is_read(shop: Shop) -> None:
    for body in (b"{", b"x" * 300_000):
        assert shop.send("PUT", "/channels/demo/transfers/t1", body).status == 401
        assert shop.staff("PUT", "/transfers/t1", body, scopes=("read",)).status == 403


# --- cross-site -----------------------------------------------------------------------------

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("site", "cookie", "header", "let_in"),
    [
        (None, None, None, True),
        ("same-origin", None, None, True),
        ("none", None, None, True),
        ("cross-site", None, None, False),
        ("same-site", None, None, False),
        ("", None, None, False),
        ("Same-Origin", None, None, False),
        (None, "c5rf", "c5rf", True),
        (None, "c5rf", "other", False),
        (None, "c5rf", None, False),
        (None, "c5rf", "", False),
        (None, "", "", True),
        (None, None, "c5rf", True),
        ("same-origin", "c5rf", "c5rf", True),
        ("same-origin", "c5rf", "other", False),
        ("cross-site", "c5rf", "c5rf", False),
        (None, "c\u00e9", "c5rf", False),
    ],
)
def test_a_write_by_cookie_is_let_in_only_from_the_shops_own_pages(
    shop: Shop, site: str | None, cookie: str | None, header: str | None, let_in: bool
) -> None:
    shop.open_pre_order()
    before = shop.snapshot()
    session = shop.session()
    cookies = f"osessionid={session}" + ("" if cookie is None else f"; csrftoken={cookie}")
    sent = {"cookie": cookies, **FORM}
    sent |= {} if site is None else {"sec-fetch-site": site}
    sent |= {} if header is None else {"x-csrftoken": header}
    path = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
    reply = shop.send("POST", path, b"loyalty_amount_to_use=10.00", headers=sent)
    if let_in:
        assert (reply.status, reply.json["errors"]) == (200, None)
    else:
        assert (reply.status, reply.json["code"]) == (403, "cross_site_write")
        assert shop.snapshot() == before
        assert "pre_order" not in reply.text


def test_a_bearer_token_is_no_cookie_that_another_site_could_use(shop: Shop) -> None:
    shop.open_pre_order()
    bearer = _shopper_bearer(shop)
    sent = {**bearer, "sec-fetch-site": "cross-site", "cookie": "csrftoken=a", **FORM}
    path = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
    reply = shop.send("POST", path, b"loyalty_amount_to_use=10.00", headers=sent)
    assert (reply.status, reply.json["errors"]) == (200, None)


def test_an_empty_authorization_does_not_switch_the_check_off(shop: Shop) -> None:
    shop.open_pre_order()
    for value in ("", " ", "Bearer", "Bearer "):
        sent = {
            "authorization": value,
            "cookie": f"osessionid={shop.session()}",
            "sec-fetch-site": "cross-site",
            **FORM,
        }
        path = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
        reply = shop.send("POST", path, b"loyalty_amount_to_use=10.00", headers=sent)
        assert reply.status in {401, 403}


def test_looking_at_a_page_needs_no_check(shop: Shop) -> None:
    sent = {"cookie": f"osessionid={shop.session()}; csrftoken=a", "sec-fetch-site": "cross-site"}
    assert shop.send("GET", "/orders/checkout/", headers=sent).status == 200


def _shopper_bearer(shop: Shop) -> dict[str, str]:
    token = auth.staff_token("1001", ["demo"], ["shopper"], now=shop.now, life_s=3600)
    return {"Authorization": f"Bearer {token}"}


# --- faults of our own ----------------------------------------------------------------------


def test_a_fault_of_ours_leaves_as_our_own_body_and_its_id_leads_to_the_log(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    key = {"user": "demo#1001", "currency": "TRY"}
    shop.overwrite("accounts", key, available={"S": "not-a-number-4711"})
    reply = shop.staff("GET", "/accounts/1001/TRY")
    assert reply.status == 500
    assert reply.json == {
        "type": "urn:loyalty-money:problem:internal_error",
        "title": errors.InternalError.title,
        "status": 500,
        "code": "internal_error",
        "detail": errors.InternalError.fallback,
    }
    assert "4711" not in reply.text
    [record] = [record for record in caplog.records if record.message == "internal_error"]
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert vars(record)["request_id"] == reply.headers["x-request-id"]


def test_one_fault_does_not_spoil_the_next_request(shop: Shop) -> None:
    key = {"user": "demo#1001", "currency": "TRY"}
    shop.overwrite("accounts", key, available={"S": "x"})
    assert shop.staff("GET", "/accounts/1001/TRY").status == 500
    assert shop.staff("GET", "/accounts/1002/TRY").status == 200


# --- logs -----------------------------------------------------------------------------------


def test_a_request_is_one_event_with_its_route_status_and_time(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "loyalty_money")
    reply = shop.staff("GET", "/accounts/nobody/TRY")
    refused, request = caplog.records
    assert (refused.message, vars(refused)["code"]) == ("refused", "unknown_account")
    assert request.message == "request"
    event = vars(request)
    assert event["route"] == "GET /channels/{channel}/accounts/{user_pk}/{currency}"
    assert event["status"] == 404
    assert event["ms"] > 0
    assert event["request_id"] == vars(refused)["request_id"] == reply.headers["x-request-id"]


def test_no_event_holds_personal_data_or_a_credential(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "loyalty_money")
    shop.open_pre_order(shipping_address={"pk": 1, "line": "Secret street 7"})
    storefront = shop.storefront()
    body = {"user_email": "alan@example.com", "currency": "TRY", "debit_card_allowed": True}
    shop.staff("POST", "/accounts", {**body, "balance": "12.34"})
    shop.staff("PUT", "/users/1001", {"email": "grace@example.com"})
    shop.staff("PUT", "/users/1001", {"email": "not an address"})
    shop.staff("GET", "/users?email=ada@example.com")
    note = {"source": "ada", "target": "grace", "amount": "3.21", "note": "for the surgery"}
    shop.staff("PUT", "/transfers/t1", note)
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    storefront.post("BinNumberPage", bin_number="545454")
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    shop.send("GET", "/account/loyalty", headers={"Authorization": "Bearer s3cret.t0ken.x"})
    shop.overwrite("users", {"user": "demo#1002"}, created_ms={"S": "x"})
    assert shop.staff("GET", "/users?email=grace@example.com").status == 500
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) > 10
    written = "\n".join(lines)
    for secret in (
        "example.com",
        "ada@",
        "grace@",
        "Secret street",
        "surgery",
        "545454",
        "s3cret",
        "12.34",
        "3.21",
        storefront.headers["cookie"].split("osessionid=")[1].split(";")[0],
        shop.bearer("read")["Authorization"].split(" ")[1],
        "203.0.113.9",
    ):
        assert secret not in written, secret


def test_an_event_is_one_line_of_json_whatever_is_sent(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A line break out of a request would let a caller write events of his own."""
    caplog.set_level(logging.DEBUG, "loyalty_money")
    forged = "x%0A%7B%22event%22%3A%22forged%22%7D"
    shop.staff("GET", f"/accounts/{forged}/TRY")
    shop.staff("GET", f"/users?email={forged}")
    shop.staff("GET", f"/settings/{forged}")
    shop.send("GET", f"/channels/{forged}/users", headers={"Authorization": "Bearer a\nb"})
    shop.send("GET", "/orders/checkout/", headers={"cookie": 'osessionid=\r\n{"event":"forged"}'})
    shop.overwrite("settings", {"channel": "demo", "name": "DEFAULT_CURRENCY"}, value={"S": "a\nb"})
    shop.send("GET", "/health", headers={"x-amzn-trace-id": '\r\n{"event":"forged"}'})
    shop.staff("GET", "/settings")
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) >= 10
    for line in lines:
        assert "\n" not in line
        assert "\r" not in line
        assert json.loads(line)["event"] in {"refused", "request", "internal_error"}


def test_a_deployed_function_writes_its_events_as_lines_of_json(tmp_path: Path) -> None:
    """Lambda's own handler prints a traceback as many lines of text, and no event at all."""
    script = (
        "from chalice.test import Client\n"
        "from app import app\n"
        "Client(app).http.get('/account/loyalty')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={
            **VARIABLES,
            "STAGE": "prod",
            "AWS_LAMBDA_FUNCTION_NAME": "api",
            "DISTRIBUTION_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/queue",
            "EVENT_BUS": "loyalty-money-prod",
            "EVENT_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    events = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [event["event"] for event in events] == ["refused", "request"]
    assert events[1]["status"] == 401

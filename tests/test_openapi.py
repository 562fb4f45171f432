"""The description: valid, checked in, and true to what the routes answer.

That every answer fits its schema is not tested here but everywhere: see `tests/routes/shop.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib import auth
from chalicelib.core.currencies import DIGITS
from chalicelib.http import (
    CSV,
    DECLARED,
    FORM,
    GUEST,
    JSON,
    MAX_BODY_BYTES,
    PATH_TYPES,
    PROBLEM,
    PUBLIC,
    Route,
)
from chalicelib.openapi import describe
from chalicelib.routes.distributions import MAX_UPLOAD_BYTES
from tests.routes.callers import cookie, sealed
from tests.routes.shop import READS, SILENCE, WRITES, Shop, error, opened, route_of
from tests.routes.test_callers import ACCOUNT, ROWS, end_some, prepare_for

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def test_it_is_valid_openapi_3_1() -> None:
    assert app.app is not None
    assert describe()["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(describe()).validate()


def test_it_equals_the_checked_in_document() -> None:
    kept = json.loads(DOCUMENT.read_text())
    assert kept == describe(), "docs/openapi.json is old: remake it with `make format`"


def test_every_declared_route_is_described_and_no_other() -> None:
    described = {
        (method.upper(), path) for path, item in describe()["paths"].items() for method in item
    }
    assert described == {(route.method, route.path) for route in DECLARED}


@pytest.mark.parametrize("route", DECLARED, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_is_described_as_it_is_declared(route: Route) -> None:
    operation = operation_of(route)
    assert operation["summary"].endswith(".")
    in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", route.path)) <= set(PATH_TYPES)
    assert ("requestBody" in operation) == (route.body is not None)
    in_query = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
    assert in_query == set(route.query.model_fields if route.query else ())
    assert {int(status) for status in operation["responses"]} >= set(route.answers)


@pytest.mark.parametrize("route", DECLARED, ids=lambda route: f"{route.method} {route.path}")
def test_who_may_call_is_described(route: Route) -> None:
    schemes = operation_of(route)["security"]
    names = {name for scheme in schemes for name in scheme}
    if route.access == PUBLIC:
        assert schemes == [{}]
    elif route.access in {GUEST, "shopper"}:
        assert names == {"loyalty_session", "osessionid", "shopper"}
        assert ({} in schemes) == (route.access == GUEST)
    else:
        assert schemes == [{"staff": [route.access]}]
    assert names <= set(describe()["components"]["securitySchemes"])


def test_ids_of_operations_are_unique() -> None:
    ids = [operation_of(route)["operationId"] for route in DECLARED]
    assert len(set(ids)) == len(ids)


def test_every_refusal_is_a_problem_and_every_success_is_json() -> None:
    for route in DECLARED:
        for status, response in operation_of(route)["responses"].items():
            [media] = response["content"]
            assert media == (PROBLEM if int(status) >= 400 else JSON)


def test_a_request_model_refuses_what_it_does_not_describe() -> None:
    for route in DECLARED:
        if route.body is not None and not route.reads:
            schema = describe()["components"]["schemas"][route.body.__name__]
            assert schema["additionalProperties"] is False


def operation_of(route: Route) -> Any:
    return describe()["paths"][route.path][route.method.lower()]


# --- every declared status is one that the service answers ----------------------------------

DISTRIBUTION: Final = "/channels/{channel}/distributions/{distribution_id}"
HOLD: Final = ACCOUNT + "/holds/{hold_id}"

UNSEEN: Final[Mapping[tuple[str, str, int], str]] = {
    ("GET", "/health", 500): "nothing behind it can fail",
    ("GET", "/openapi.json", 500): "nothing behind it can fail",
    ("GET", "/orders/checkout", 422): "the pages ignore query keys that they do not know",
    ("POST", "/orders/checkout", 422): "the pages ignore query keys that they do not know",
    ("GET", "/orders/completed/{token}", 422): "any text may be a token",
    ("POST", "/channels/{channel}/sessions", 504): "nothing is written",
    ("POST", "/channels/{channel}/users", 503): "each user of the call is answered alone",
    ("POST", "/channels/{channel}/users", 504): "each user of the call is answered alone",
}
"""Statuses that follow from a rule for all routes and that this one never answers."""

CONFLICTS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("PUT", "/channels/{channel}"): ("", '{"default_currency":"USD"}'),
    ("PUT", "/channels/{channel}/users/{user_pk}"): ("", '{"email":"ada@example.com"}'),
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure"): (
        "/channels/demo/users/1000/erasure",
        '{"credit":"expire"}',
    ),
    ("POST", "/channels/{channel}/accounts"): (
        "",
        '{"user_pk":"1001","currency":"TRY","debit_card_allowed":false}',
    ),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}"): (
        "/channels/demo/transfers/t0",
        '{"source":"treasury","target":"grace","amount":"9.99"}',
    ),
    ("PUT", f"{ACCOUNT}/adjustments/{{adjustment_id}}"): (
        "/channels/demo/accounts/1002/TRY/adjustments/undone",
        "",
    ),
    ("PUT", HOLD): ("", '{"amount":"2.00"}'),
    ("POST", f"{HOLD}/capture"): ("", '{"amount":"0.50"}'),
    ("POST", f"{HOLD}/void"): ("/channels/demo/accounts/1000/TRY/holds/captured/void", ""),
    ("PUT", f"{HOLD}/refunds/{{refund_id}}"): ("", '{"amount":"99.00"}'),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}/reversal"): (
        "/channels/demo/transfers/open:ada/reversal",
        "",
    ),
    ("PUT", "/channels/{channel}/orders/{reference}/refunds/{refund_id}"): (
        "",
        '{"amount":"99.00"}',
    ),
    ("PUT", "/channels/{channel}/pre-orders/{user_pk}/{currency}"): (
        "",
        '{"reference":"done1","total_amount":"9.00"}',
    ),
    ("PUT", DISTRIBUTION): ("/channels/demo/distributions/closed", ""),
    ("PUT", "/channels/{channel}/reconciliations/{reconciliation_id}"): (
        "/channels/demo/reconciliations/closed",
        '{"since":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z","orders":[]}',
    ),
    ("POST", f"{DISTRIBUTION}/run"): ("", '{"preview_id":"0000000000000000"}'),
    ("POST", f"{DISTRIBUTION}/cancel"): ("/channels/demo/distributions/closed/cancel", ""),
    ("POST", f"{DISTRIBUTION}/undo"): ("/channels/demo/distributions/kept/undo", ""),
}
"""What each route with a 409 is sent to answer it."""

ALSO: Final[Mapping[tuple[str, str], str]] = {
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure"): "adjust",
}
"""Scopes that some content of a route needs beside the route's own."""

UNWRITTEN: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure"): (
        "/channels/demo/users/1002/erasure",
        "",
    ),
    ("PUT", "/channels/{channel}"): ("/channels/new", '{"default_currency":"USD"}'),
    ("PUT", "/channels/{channel}/settings/{name}"): ("", '{"value":true}'),
    ("PUT", "/channels/{channel}/users/{user_pk}/sessions"): (
        "",
        '{"valid_from":"2026-02-01T00:00:00Z"}',
    ),
    ("POST", "/orders/checkout"): ("", "loyalty_amount_to_use=1.11"),
    ("PUT", HOLD): ("/channels/demo/accounts/1000/TRY/holds/new", ""),
    ("POST", f"{HOLD}/capture"): ("/channels/demo/accounts/1000/TRY/holds/kept/capture", ""),
    ("POST", f"{HOLD}/void"): ("/channels/demo/accounts/1000/TRY/holds/kept/void", ""),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}/reversal"): (
        "/channels/demo/transfers/kept/reversal",
        "",
    ),
    ("POST", f"{DISTRIBUTION}/run"): ("/channels/demo/distributions/kept/run", ""),
    ("POST", f"{DISTRIBUTION}/cancel"): ("/channels/demo/distributions/kept/cancel", ""),
    ("POST", f"{DISTRIBUTION}/undo"): ("/channels/demo/distributions/closed/undo", ""),
}
"""What a route must write and has not yet, where its row says something that was written."""


NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Provoked:
    """Provokes every status of one route, and keeps those that it saw."""

    def __init__(self, shop: Shop, route: Route) -> None:
        """Take the route's row of the caller matrix: it says what a good request is."""
        self._shop, self._route = shop, route
        self._row = ROWS[route.method, route.path]
        self._number = 0
        self.seen: set[int] = set()

    def provoke(self) -> None:
        """Send everything that leads to a status."""
        self._successes()
        self._strangers()
        self._bad_requests()
        if self._route.access != PUBLIC:
            self._faults()

    def _successes(self) -> None:
        for _ in range(2):
            self._send(headers={"Idempotency-Key": "k1"})
            self._number = 0
        self._number = 1

    def _strangers(self) -> None:
        self._send(headers={"Authorization": "Bearer x"})
        self._send(headers=self._shop.bearer("audit" if self._row.scope != "audit" else "users"))
        elsewhere = self._shop.bearer(*auth.SCOPES, channels=("nowhere",))
        self._send(self._row.path.replace("/demo", "/nowhere"), headers=elsewhere)
        if "sessions" not in self._row.path:
            self._send(self._row.path.replace("1001", "nobody"))

    def _bad_requests(self) -> None:
        path = self._row.path
        for query in ("unknown=1", "cursor=x", "limit=0"):
            self._send(path + ("&" if "?" in path else "?") + query)
        self._send(path.partition("?")[0] + "?cursor=x")
        self._send(path.rpartition("/")[0] + "/a%20b")
        odd = self._shop.bearer(*auth.SCOPES, channels=("a b",))
        self._send(path.replace("/demo", "/a%20b"), headers=odd)
        self._send(path.replace("/TRY", "/XXX"))
        self._send(path.replace("ada", "nothing").replace("done1", "nothing"))
        self._send(path.replace("DEFAULT_CURRENCY", "COLOUR").replace("LOYALTY_", "COLOUR_"))
        self._send(path.replace("{token}", "x"))
        if self._route.method != "GET":
            for body in ("{", '{"unknown":1}', "x" * (self._most_bytes + 1)):
                self._send(body=body)
            self._send(headers={"Content-Type": "text/plain"})
            self._send(headers={"sec-fetch-site": "cross-site"})
            self._send(*CONFLICTS.get((self._route.method, self._route.path), ("", "")))

    def _faults(self) -> None:
        for fault, operations in (
            (error("AccessDeniedException"), READS + WRITES),
            (error("ThrottlingException"), READS + WRITES),
            (SILENCE, WRITES),
        ):
            with self._shop.failing(fault, *operations):
                self._send(*self._unwritten)
        self._send(*self._unwritten)  # now what the faults prevented is done for the first time

    @property
    def _most_bytes(self) -> int:
        return MAX_UPLOAD_BYTES if CSV in self._route.reads else MAX_BODY_BYTES

    @property
    def _unwritten(self) -> tuple[str, str]:
        return UNWRITTEN.get((self._route.method, self._route.path), ("", ""))

    def _send(
        self, path: str = "", body: str = "", *, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        token = sealed("order", {"c": "demo", "u": "1001", "r": "done1"})
        path = (path or self._row.path).replace("*", str(self._number)).replace("{token}", token)
        currency = list(DIGITS)[self._number]
        raw = (body or self._row.body).replace("*", str(self._number)).replace("?", currency)
        if route_of(self._route.method, path) is not self._route:
            return
        sent = {**self._credentials(), **headers}
        reply = self._shop.send(self._route.method, path, raw.encode() or None, headers=sent)
        self.seen.add(reply.status)
        self._number += 1

    def _credentials(self) -> dict[str, str]:
        if self._route.access in {GUEST, "shopper"}:
            form = {"Content-Type": FORM} if self._route.body else {}
            return {**cookie(self._shop.session()), **form}
        channels = ("demo", "new")
        also = ALSO.get((self._route.method, self._route.path))
        scopes = [scope for scope in (self._row.scope, also) if scope]
        return self._shop.bearer(*scopes, channels=channels) if self._row.scope else {}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Open the shop on a function with little time to work, and with an order of Ada's."""
    # Every route is throttled to the end: what the pauses are is tested beside the loop.
    monkeypatch.setattr("chalicelib.store.requests.MAX_PAUSE_S", 0.001)
    (tmp_path / ".chalice").mkdir()
    settings = {"version": "2.0", "app_name": "x", "lambda_timeout": 7}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(settings))
    with opened(tmp_path) as shop:
        storefront = shop.storefront()
        shop.open_pre_order(total="7.77", reference="done1")
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.77")
        storefront.post("LoyaltyMoneyPage", agreement="true")
        shop.open_pre_order(total="40.00", reference="b-ada")
        end_some(shop)
        yield shop


@pytest.mark.parametrize("route", DECLARED, ids=lambda route: f"{route.method} {route.path}")
def test_every_declared_status_is_answered_or_has_a_reason(shop: Shop, route: Route) -> None:
    prepare_for(shop, route.path)
    provoked = Provoked(shop, route)
    provoked.provoke()
    declared = {int(status) for status in operation_of(route)["responses"]}
    unseen = {status for *key, status in UNSEEN if tuple(key) == (route.method, route.path)}
    assert declared - provoked.seen == unseen
    assert provoked.seen <= declared


def test_reasons_are_given_for_declared_statuses_alone() -> None:
    for method, path, status in UNSEEN:
        assert str(status) in describe()["paths"][path][method.lower()]["responses"]

"""Every declared route, called by every kind of caller: the whole of "default deny".

A refused caller reaches no table: not one request goes to DynamoDB, so nothing is read or moved.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from app import app
from chalicelib import ledger
from chalicelib.core.currencies import DIGITS
from chalicelib.http import DECLARED
from chalicelib.routes import console
from chalicelib.store.jobs import name_of, packed
from tests.outside.provider import Provider, provided
from tests.routes import callers
from tests.routes.callers import Caller, World
from tests.routes.shop import Shop, Snapshot, opened
from tests.store.kept import REPORT

KINDS: Final[Mapping[str, Mapping[str, Caller]]] = {
    "nobody": callers.NOBODY,
    "ada": callers.ADA,
    "grace": callers.GRACE,
    "bob": callers.BOB,
    "elsewhere": callers.ELSEWHERE,
    "lacking": callers.LACKING,
    "scoped": callers.SCOPED,
    "admin": callers.ADMIN,
    "false_bearer": callers.FALSE_BEARER,
    "false_cookie": callers.FALSE_COOKIE,
}
COUNT: Final = sum(len(kind) for kind in KINDS.values())


@dataclass(frozen=True, slots=True)
class Row:
    """One route: what is sent to it, the scope that it needs, and what each kind is answered.

    With each request `*` becomes another number and `?` another currency: none is a replay.
    """

    path: str
    body: str
    scope: str
    nobody: int
    ada: int
    grace: int
    bob: int
    elsewhere: int
    lacking: int
    scoped: int
    admin: int
    false_bearer: int
    false_cookie: int


CURRENCIES: Final = tuple(DIGITS)
TRY_1 = '{"source":"treasury","target":"grace","amount":"1.00"}'
ACCOUNT: Final = "/channels/{channel}/accounts/{user_pk}/{currency}"
OPEN = '{"user_pk":"1003","currency":"?","balance":"5","debit_card_allowed":false}'

UPLOAD: Final = {
    "source": "treasury",
    "currency": "TRY",
    "rows": [{"user_pk": "1002", "amount": "0.01"}],
}
COMPARED: Final = {
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-02-01T00:00:00Z",
    "orders": [{"order": "done1", "paid": "1.00", "currency": "TRY"}],
}
PREVIEW_ID: Final = name_of(packed({"shares": [[1, "1002", 2, "Spring", False]], "bad": []}))
"""Of every distribution that the shop has: what a preview found names it."""

# fmt: off
# `false` is a bearer token or a cookie that is not genuine: the last two columns.
ROWS: Final[Mapping[tuple[str, str], Row]] = {
    #                                  none ada grace bob other lack scoped adm false bearer, cookie
    ("PUT", "/channels/{channel}"): Row(
        "/channels/demo", '{"default_currency":"TRY"}', "owner",
                                       401, 403, 403, 403, 403, 403, 200, 403, 401, 401),
    ("GET", "/channels/{channel}/settings"): Row(
        "/channels/demo/settings", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/settings/{name}"): Row(
        "/channels/demo/settings/DEFAULT_CURRENCY", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/settings/{name}"): Row(
        "/channels/demo/settings/LOYALTY_MONEY_ENABLED", '{"value":false}', "settings",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/users/{user_pk}"): Row(
        "/channels/demo/users/v*", '{"email":"v*@example.com"}', "users",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("POST", "/channels/{channel}/users"): Row(
        "/channels/demo/users", '{"users":[{"user_pk":"w*","email":"w*@example.com"}]}', "users",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/users"): Row(
        "/channels/demo/users?email=ada@example.com", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/users/{user_pk}/sessions"): Row(
        "/channels/demo/users/1003/sessions", '{"valid_from":"2026-01-01T00:00:00Z"}', "sessions",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure"): Row(
        "/channels/demo/users/1003/erasure", '{"credit":"keep"}', "users",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/users/{user_pk}/export"): Row(
        "/channels/demo/users/1001/export", "", "users",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", "/channels/{channel}/accounts"): Row(
        "/channels/demo/accounts", OPEN, "accounts",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/accounts"): Row(
        "/channels/demo/accounts", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/accounts/{user_pk}/{currency}"): Row(
        "/channels/demo/accounts/1001/TRY", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/accounts/{user_pk}/{currency}/activities"): Row(
        "/channels/demo/accounts/1001/TRY/activities", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/accounts/{user_pk}/{currency}/transfer-targets"): Row(
        "/channels/demo/accounts/1001/TRY/transfer-targets", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}"): Row(
        "/channels/demo/transfers/t*", TRY_1, "transfers",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/transfers/{transfer_id}"): Row(
        "/channels/demo/transfers/open:ada", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", "/channels/{channel}/sessions"): Row(
        "/channels/demo/sessions", '{"user_pk":"1001"}', "sessions",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/pre-orders/{user_pk}/{currency}"): Row(
        "/channels/demo/pre-orders/1003/TRY", '{"reference":"r*","total_amount":"9.00"}',
        "sessions",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/orders"): Row(
        "/channels/demo/orders?user_pk=1001", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/orders/{reference}"): Row(
        "/channels/demo/orders/done1", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", f"{ACCOUNT}/adjustments/{{adjustment_id}}"): Row(
        "/channels/demo/accounts/1002/TRY/adjustments/a*",
        '{"amount":"1.00","reason":"goodwill"}', "adjust",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("PUT", f"{ACCOUNT}/holds/{{hold_id}}"): Row(
        "/channels/demo/accounts/1000/TRY/holds/voided", '{"amount":"1.00"}', "holds",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", f"{ACCOUNT}/holds/{{hold_id}}/capture"): Row(
        "/channels/demo/accounts/1000/TRY/holds/captured/capture", "{}", "holds",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", f"{ACCOUNT}/holds/{{hold_id}}/void"): Row(
        "/channels/demo/accounts/1000/TRY/holds/voided/void", "", "holds",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", ACCOUNT + "/holds"): Row(
        "/channels/demo/accounts/1000/TRY/holds", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", f"{ACCOUNT}/holds/{{hold_id}}"): Row(
        "/channels/demo/accounts/1000/TRY/holds/captured", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", f"{ACCOUNT}/holds/{{hold_id}}/refunds/{{refund_id}}"): Row(
        "/channels/demo/accounts/1000/TRY/holds/captured/refunds/r*",
        '{"amount":"0.01"}', "refunds",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}/reversal"): Row(
        "/channels/demo/transfers/undone/reversal", "", "reversals",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/orders/{reference}/refunds/{refund_id}"): Row(
        "/channels/demo/orders/done1/refunds/r*",
        '{"amount":"0.01"}', "refunds",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/audit"): Row(
        "/channels/demo/audit", "", "audit",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/distributions/{distribution_id}"): Row(
        "/channels/demo/distributions/d*", json.dumps(UPLOAD), "distributions",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/distributions"): Row(
        "/channels/demo/distributions", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/distributions/{distribution_id}"): Row(
        "/channels/demo/distributions/closed", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/distributions/{distribution_id}/rows"): Row(
        "/channels/demo/distributions/closed/rows", "", "read",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", "/channels/{channel}/distributions/{distribution_id}/run"): Row(
        "/channels/demo/distributions/closed/run", json.dumps({"preview_id": PREVIEW_ID}),
        "distributions",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", "/channels/{channel}/distributions/{distribution_id}/cancel"): Row(
        "/channels/demo/distributions/cancelled/cancel", "", "distributions",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("POST", "/channels/{channel}/distributions/{distribution_id}/undo"): Row(
        "/channels/demo/distributions/undone/undo", "", "distributions",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("PUT", "/channels/{channel}/reconciliations/{reconciliation_id}"): Row(
        "/channels/demo/reconciliations/r*", json.dumps(COMPARED), "audit",
                                       401, 403, 403, 403, 403, 403, 201, 201, 401, 401),
    ("GET", "/channels/{channel}/reconciliations"): Row(
        "/channels/demo/reconciliations", "", "audit",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/reconciliations/{reconciliation_id}"): Row(
        "/channels/demo/reconciliations/closed", "", "audit",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/channels/{channel}/reconciliations/{reconciliation_id}/differences"): Row(
        "/channels/demo/reconciliations/closed/differences", "", "audit",
                                       401, 403, 403, 403, 403, 403, 200, 200, 401, 401),
    ("GET", "/orders/checkout"): Row(
        "/orders/checkout/", "", "shopper",
                                       200, 200, 200, 200, 403, 403, 200, 403, 401, 200),
    ("POST", "/orders/checkout"): Row(
        "/orders/checkout/?page=LoyaltyMoneyUsagePage", "loyalty_amount_to_use=12.34", "shopper",
                                       401, 200, 200, 200, 403, 403, 200, 403, 401, 401),
    ("GET", "/orders/completed/{token}"): Row(
        "/orders/completed/{token}/?format=json", "", "shopper",
                                       401, 200, 404, 404, 403, 403, 200, 403, 401, 401),
    ("GET", "/account/loyalty-account-balance"): Row(
        "/account/loyalty-account-balance/", "", "shopper",
                                       401, 200, 200, 200, 403, 403, 200, 403, 401, 401),
    ("GET", "/account/loyalty"): Row(
        "/account/loyalty/", "", "shopper",
                                       401, 200, 200, 200, 403, 403, 200, 403, 401, 401),
    ("GET", "/health"): Row(
        "/health", "", "",
                                       200, 200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/openapi.json"): Row(
        "/openapi.json", "", "",
                                       200, 200, 200, 200, 200, 200, 200, 200, 200, 200),
}
# fmt: on

ADAS: Final = ("ada@example.com", "42.23", "42.2", "12.34", "27.66", "7.77", "done1", "b-ada")
"""What only Ada's own answers may hold: her address, her credit, her orders."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with provided() as provider:
        yield provider


@pytest.fixture
def adas(tmp_path: Path, provider: Provider) -> Iterator[Shop]:
    """Open the shop with an order that Ada completed, and a checkout that she has begun."""
    with opened(tmp_path, **provider.variables) as shop:
        storefront = shop.storefront()
        for reference, total, used in (("done1", "7.77", "7.77"), ("b-ada", "40.00", "12.34")):
            shop.open_pre_order(total=total, reference=reference)
            storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=used)
            storefront.post("LoyaltyMoneyPage", agreement="true")
        end_some(shop)
        yield shop


def end_some(shop: Shop) -> None:
    """End two holds and a transfer of the treasury, whose repetition is answered 200; keep one."""
    for hold, end in (("captured", "capture"), ("voided", "void")):
        path = f"/accounts/1000/TRY/holds/{hold}"
        assert shop.staff("PUT", path, {"amount": "1.00"}).status == 201
        assert shop.staff("POST", f"{path}/{end}", {}).status == 201
    kept = shop.staff("PUT", "/accounts/1000/TRY/holds/kept", {"amount": "1.00"})
    assert kept.status == 201
    sent = {"source": "treasury", "target": "grace", "amount": "1.00"}
    for transfer in ("undone", "kept"):
        assert shop.staff("PUT", f"/transfers/{transfer}", sent).status == 201
    assert shop.staff("PUT", "/transfers/undone/reversal").status == 201
    ledger.keep_audit(shop.call(), REPORT)


def distribute_some(shop: Shop) -> None:
    """Bring a distribution to each end, whose repetition is answered 200; keep one."""
    shop.distribute("kept")
    shop.distribute("closed", "run")
    shop.distribute("cancelled", "cancel")
    shop.distribute("undone", "run", "undo")


def reconcile_some(shop: Shop) -> None:
    """Start a reconciliation, and work it off."""
    assert shop.staff("PUT", "/reconciliations/closed", COMPARED).status == 201
    shop.work_off()


def prepare_for(shop: Shop, path: str) -> None:
    """Let there be what the row of a route names."""
    if "distributions" in path:
        distribute_some(shop)
    if "reconciliations" in path:
        reconcile_some(shop)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(ROWS) == {(route.method, route.path) for route in DECLARED}


def test_nothing_is_served_that_was_not_declared() -> None:
    served = {(method, path) for path, methods in app.routes.items() for method in methods}
    declared = [*DECLARED, *console.DECLARED]
    assert served == {(route.method, route.path) for route in declared}


def test_the_matrix_is_as_large_as_it_says(record_property: Callable[[str, object], None]) -> None:
    size = f"{len(ROWS)} routes x {COUNT} callers = {len(ROWS) * COUNT:,} cells"
    record_property("report", size)
    names = [name for kind in KINDS.values() for name in kind]
    assert len(set(names)) == len(names) == COUNT
    assert len(ROWS) >= 26
    assert COUNT >= 80


@pytest.mark.parametrize(
    "route", [pytest.param(route, id=f"{' '.join(route)} by {COUNT} callers") for route in ROWS]
)
def test_a_route_lets_in_whom_it_is_for_and_nobody_else(
    adas: Shop, provider: Provider, route: tuple[str, str]
) -> None:
    world, row = World(adas, provider, ROWS[route].scope), ROWS[route]
    prepare_for(adas, row.path)
    wrong = []
    number = 0
    for kind, members in KINDS.items():
        for name, caller in members.items():
            number += 1
            before = adas.snapshot() if kind in {"grace", "bob"} else {}
            status, text = _send(adas, route[0], row, caller(world), number)
            expected = getattr(row, kind)
            if status != expected:
                wrong.append(f"{name}: {status} instead of {expected}")
            if status in {401, 403} and adas.asked:
                wrong.append(f"{name}: refused, yet DynamoDB was asked: {adas.asked}")
            if kind not in {"ada", "scoped", "admin"} and _shows_ada(route, text):
                wrong.append(f"{name}: was shown something of Ada's")
            if before and _adas_rows(adas.snapshot()) != _adas_rows(before):
                wrong.append(f"{name}: moved something of Ada's")
    assert not wrong, "\n".join([" ".join(route), *wrong])


def _send(
    shop: Shop, method: str, row: Row, headers: dict[str, str], number: int
) -> tuple[int, str]:
    if "{token}" in row.path:
        token = callers.sealed("order", {"c": "demo", "u": "1001", "r": "done1"})
        row_path = row.path.replace("{token}", token)
    else:
        row_path = row.path.replace("*", str(number))
    form = "application/x-www-form-urlencoded" if row.scope == "shopper" else "application/json"
    body = row.body.replace("*", str(number)).replace("?", CURRENCIES[number]).encode() or None
    sent = {**headers, "Content-Type": form} if body else headers
    shop.asked.clear()
    reply = shop.send(method, row_path, body, headers=sent)
    return reply.status, reply.text


def _shows_ada(route: tuple[str, str], text: str) -> bool:
    return route[1] != "/openapi.json" and any(secret in text for secret in ADAS)


def _adas_rows(snapshot: Snapshot) -> list[str]:
    return [row for rows in snapshot.values() for row in rows if '"demo#1001' in row]

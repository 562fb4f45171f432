"""Bad input at the doors of staff: a stable code, a sentence, and nothing moved."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

import pytest

from chalicelib import ledger
from chalicelib.auth import Call
from chalicelib.core.accounts import AccountKey
from chalicelib.http import MAX_BODY_BYTES, STATUS
from chalicelib.routes.distributions import MAX_UPLOAD_BYTES
from chalicelib.store.jobs import name_of, packed
from tests.routes.shop import CARD, CREDIT, FUNDS, Shop

TRANSFER: Final = {"source": "ada", "target": "grace", "amount": "1.00"}
BY_USERS: Final = {
    "source_user_pk": "1001",
    "target_user_pk": "1002",
    "currency": "TRY",
    "amount": "1.00",
}
ACCOUNT: Final = {"user_pk": "1003", "currency": "TRY", "debit_card_allowed": False}
PRE_ORDER: Final = {"reference": "b9", "total_amount": "40.00"}
TOO_LARGE: Final = json.dumps({"email": "e" * MAX_BODY_BYTES}).encode()
LONG: Final = "x" * 65

NO_JSON: Final = (
    b"",
    b"{",
    b"[]",
    b"1",
    b"null",
    b'"x"',
    b"{}{}",
    b"\xff\xfe{}",
    b"{'a':1}",
    b'{"a":"\\ud800"}',
    b"[" * 20_000,
)

HOLD_BODY: Final = {"amount": "1.00"}
ADJUSTMENT: Final = {"amount": "1.00", "reason": "goodwill"}
ADJUST: Final = "/accounts/1001/TRY/adjustments/a1"
OPEN: Final = "/accounts/1001/TRY/holds/open"
INVALID: Final = "invalid_request"
DOORS_OF_AMOUNTS: Final = (
    ("PUT", "/accounts/1001/TRY/holds/h1"),
    ("POST", f"{OPEN}/capture"),
    ("PUT", "/accounts/1001/TRY/holds/captured/refunds/r1"),
    ("PUT", "/orders/paid/refunds/r1"),
)

Bad = tuple[str, str, Any, int, str]
"""Method, path after the channel, body, and the status and code that it gets."""


def rows_of_amounts() -> list[Bad]:
    """Every door that reads an amount, with every amount that is none."""
    texts = ("1.005", "1.000", "1e3", "+1.00", "1,00", " 1.00", "1.", ".5", "", "NaN", "٣", "0x1")
    huge = ("9" * 15, "1" + "0" * 15, "9" * 40)
    rows: list[Bad] = []
    for bad in (*texts, "0.00", "0", "-1.00", "-0", *huge):
        rows.append(("PUT", "/transfers/t1", {**TRANSFER, "amount": bad}, 422, "invalid_amount"))
        body = {**PRE_ORDER, "total_amount": bad}
        rows.append(("PUT", "/pre-orders/1001/TRY", body, 422, "invalid_amount"))
        rows += [(*door, {"amount": bad}, 422, "invalid_amount") for door in DOORS_OF_AMOUNTS]
        if bad != "-1.00":
            adjustment = {**ADJUSTMENT, "amount": bad}
            rows.append(("PUT", ADJUST, adjustment, 422, "invalid_amount"))
    for bad in (*texts, "-1.00", *huge):
        rows.append(("POST", "/accounts", {**ACCOUNT, "balance": bad}, 422, "invalid_amount"))
        body = {**PRE_ORDER, "shipping_amount": bad}
        rows.append(("PUT", "/pre-orders/1001/TRY", body, 422, "invalid_amount"))
    for number in (b"1.00", b"1", b"NaN", b"Infinity", b"1e2", b"true", b"null", b"[]", b"{}"):
        for method, path, text in (
            ("PUT", "/transfers/t1", b'{"source":"ada","target":"grace","amount":%s}'),
            ("PUT", "/pre-orders/1001/TRY", b'{"total_amount":%s}'),
            (
                "POST",
                "/accounts",
                b'{"user_pk":"1003","currency":"TRY","debit_card_allowed":true,"balance":%s}',
            ),
        ):
            rows.append((method, path, text % number, 422, "invalid_request"))
    return rows


def rows_of_bodies() -> list[Bad]:
    """Every door that reads a body, with every body that is none."""
    rows: list[Bad] = []
    for method, path in (
        ("PUT", "/settings/DEFAULT_CURRENCY"),
        ("PUT", "/users/2001"),
        ("POST", "/users"),
        ("PUT", "/users/1001/sessions"),
        ("PUT", "/users/1001/erasure"),
        ("POST", "/accounts"),
        ("PUT", "/transfers/t1"),
        ("POST", "/sessions"),
        ("PUT", "/pre-orders/1001/TRY"),
        ("PUT", ADJUST),
        *DOORS_OF_AMOUNTS,
    ):
        rows += [(method, path, raw, 400, "invalid_json") for raw in NO_JSON]
        if not path.endswith("/capture"):
            rows.append((method, path, {}, 422, "invalid_request"))
        rows.append((method, path, {"unknown": 1}, 422, "invalid_request"))
        rows.append((method, path, TOO_LARGE, 413, "body_too_large"))
    return rows


def rows_of_lists() -> list[Bad]:
    """Every list, with every query that is none of its own."""
    rows: list[Bad] = []
    queries = ("unknown=1", "limit=0", "limit=51", "limit=ten", "limit=1.5", "limit=", "at=1")
    cursors = ("x", "1_k1_AAAA_" + "0" * 64, "", "%F0%9F%92%B8")
    for path in (
        "/users?",
        "/accounts?",
        "/users/1001/export?",
        "/accounts/1001/TRY/activities?",
        "/accounts/1001/TRY/transfer-targets?",
        "/orders?user_pk=1001&",
    ):
        rows += [("GET", path + query, None, 422, "invalid_request") for query in queries]
        rows += [("GET", f"{path}cursor={c}", None, 400, "invalid_cursor") for c in cursors]
        rows.append(("GET", f"{path}cursor={'x' * 4097}", None, 422, "invalid_request"))
    return rows


def rows_of_names() -> list[Bad]:
    """Every kind of name in a path or body, with what is none."""
    rows: list[Bad] = []
    for bad in (LONG, "a%20b", "a%2Fb", "a%23b", "a%0Ab", "%C3%A9", "a.b", "%2541", "a%00"):
        paths: list[tuple[str, str, Any]] = [
            ("PUT", "/users/{}", {"email": "m@example.com"}),
            ("PUT", "/users/{}/sessions", {"valid_from": "2026-01-01T00:00:00Z"}),
            ("PUT", "/users/{}/erasure", {"credit": "keep"}),
            ("GET", "/users/{}/export", None),
            ("PUT", "/transfers/{}", TRANSFER),
            ("PUT", "/pre-orders/{}/TRY", PRE_ORDER),
            ("GET", "/accounts/{}/TRY", None),
            ("GET", "/accounts/{}/TRY/holds", None),
            ("PUT", "/accounts/1001/TRY/holds/{}", HOLD_BODY),
            ("GET", "/accounts/1001/TRY/holds/{}", None),
            ("POST", "/accounts/1001/TRY/holds/{}/capture", {}),
            ("POST", "/accounts/1001/TRY/holds/{}/void", None),
            ("PUT", f"{OPEN}/refunds/{{}}", HOLD_BODY),
            ("PUT", "/accounts/1001/TRY/adjustments/{}", ADJUSTMENT),
            ("PUT", "/orders/paid/refunds/{}", HOLD_BODY),
            ("GET", "/accounts/{}/TRY/activities", None),
            ("GET", "/accounts/{}/TRY/transfer-targets", None),
        ]
        for method, path, body in paths:
            rows.append((method, path.format(bad), body, 422, "invalid_request"))
        rows.append(("GET", "/settings/" + bad, None, 404, "unknown_setting"))
    for bad in (LONG, "a b", "a#b", "a/b", "a:b", "", "é", "a\nb"):
        bodies: list[tuple[str, str, Any]] = [
            ("POST", "/users", {"users": [{"user_pk": bad, "email": "m@example.com"}]}),
            ("POST", "/accounts", {**ACCOUNT, "user_pk": bad}),
            ("POST", "/accounts", {**ACCOUNT, "account_id": bad}),
            ("PUT", "/transfers/t1", {**TRANSFER, "source": bad}),
            ("PUT", "/transfers/t1", {**TRANSFER, "target": bad}),
            ("PUT", "/transfers/t1", {**BY_USERS, "source_user_pk": bad}),
            ("PUT", "/transfers/t1", {**BY_USERS, "target_user_pk": bad}),
            ("POST", "/sessions", {"user_pk": bad}),
            ("PUT", ADJUST, {**ADJUSTMENT, "reason": bad}),
        ]
        rows += [(method, path, body, 422, "invalid_request") for method, path, body in bodies]
    for bad in ("r" * 129, "a b", "a:b", "", "é"):
        body = {**PRE_ORDER, "reference": bad}
        rows.append(("PUT", "/pre-orders/1001/TRY", body, 422, "invalid_request"))
    for reserved in ("open:t1", "order:b1", "t1:", ":"):
        rows += [
            ("PUT", f"/transfers/{reserved}", TRANSFER, 422, "invalid_request"),
            ("PUT", f"/accounts/1001/TRY/holds/{reserved}", HOLD_BODY, 422, "invalid_request"),
            ("PUT", f"{OPEN}/refunds/{reserved}", HOLD_BODY, 422, "invalid_request"),
            ("PUT", f"/orders/paid/refunds/{reserved}", HOLD_BODY, 422, "invalid_request"),
            ("PUT", f"/accounts/1001/TRY/adjustments/{reserved}", ADJUSTMENT, 422, INVALID),
        ]
    return rows


def rows_of_currencies() -> list[Bad]:
    """Every door that reads a currency, with a code that is none."""
    rows: list[Bad] = []
    for bad in ("XXX", "try", "TRYY", "EURO", "1", "DEM"):
        rows += [
            ("POST", "/accounts", {**ACCOUNT, "currency": bad}, 422, "unknown_currency"),
            ("PUT", "/transfers/t1", {**BY_USERS, "currency": bad}, 422, "unknown_currency"),
            ("PUT", f"/pre-orders/1001/{bad}", PRE_ORDER, 422, "unknown_currency"),
            ("GET", f"/accounts/1001/{bad}", None, 422, "unknown_currency"),
            ("GET", f"/accounts/1001/{bad}/activities", None, 422, "unknown_currency"),
            ("GET", f"/accounts/1001/{bad}/holds", None, 422, "unknown_currency"),
            ("PUT", f"/accounts/1001/{bad}/holds/h1", HOLD_BODY, 422, "unknown_currency"),
            ("PUT", f"/accounts/1001/{bad}/adjustments/a1", ADJUSTMENT, 422, "unknown_currency"),
            ("GET", f"/accounts/1001/{bad}/transfer-targets", None, 422, "unknown_currency"),
            ("GET", f"/accounts?currency={bad}", None, 422, "invalid_request"),
            ("PUT", "/settings/DEFAULT_CURRENCY", {"value": bad}, 422, "invalid_request"),
        ]
    return rows


def rows_of_channels() -> list[Bad]:
    """Every door within a channel, for a channel that nobody made."""
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/settings", None),
        ("GET", "/settings/DEFAULT_CURRENCY", None),
        ("PUT", "/settings/DEFAULT_CURRENCY", {"value": "USD"}),
        ("PUT", "/users/1001", {"email": "ada@example.com"}),
        ("POST", "/users", {"users": [{"user_pk": "1", "email": "a@example.com"}]}),
        ("GET", "/users", None),
        ("GET", "/users?email=ada@example.com", None),
        ("PUT", "/users/1001/sessions", {"valid_from": "2026-01-01T00:00:00Z"}),
        ("PUT", "/users/1001/erasure", {"credit": "keep"}),
        ("GET", "/users/1001/export", None),
        ("POST", "/accounts", ACCOUNT),
        ("POST", "/accounts", {**ACCOUNT, "user_pk": None, "user_email": "ada@example.com"}),
        ("GET", "/accounts", None),
        ("GET", "/accounts?user_pk=1001", None),
        ("GET", "/accounts?user_email=ada@example.com", None),
        ("GET", "/accounts?account_id=ada", None),
        ("GET", "/accounts/1001/TRY", None),
        ("GET", "/accounts/1001/TRY?at=2026-01-01T00:00:00Z", None),
        ("GET", "/accounts/1001/TRY/activities", None),
        ("GET", "/accounts/1001/TRY/transfer-targets", None),
        ("PUT", "/transfers/t1", TRANSFER),
        ("PUT", "/transfers/t1", BY_USERS),
        ("GET", "/transfers/t1", None),
        ("PUT", "/transfers/t1/reversal", None),
        ("GET", "/accounts/1001/TRY/holds", None),
        ("GET", OPEN, None),
        ("PUT", "/accounts/1001/TRY/holds/h1", HOLD_BODY),
        ("POST", f"{OPEN}/capture", {}),
        ("POST", f"{OPEN}/void", None),
        ("PUT", f"{OPEN}/refunds/r1", HOLD_BODY),
        ("PUT", "/orders/paid/refunds/r1", HOLD_BODY),
        ("PUT", ADJUST, ADJUSTMENT),
        ("GET", "/audit", None),
        ("POST", "/sessions", {"user_pk": "1001"}),
        ("PUT", "/pre-orders/1001/TRY", PRE_ORDER),
        ("GET", "/orders/b1", None),
        ("GET", "/orders?user_pk=1001", None),
    ]
    return [(method, f"!{path}", body, 404, "unknown_channel") for method, path, body in calls]


NO_SWITCH: Final[tuple[Any, ...]] = ("maybe", "yes", "", 1, 0, None, [], {})
NO_OPTIONS: Final[tuple[Any, ...]] = (
    [],
    None,
    "card",
    {},
    [{**CARD, "pk": "1"}],
    [{**CARD, "pk": 0}],
    [{**CARD, "colour": "red"}],
    [{**CARD, "rule": "LoyaltyMoneyRule"}],
    [{**CREDIT, "rule": None}],
    [CARD, {**FUNDS, "pk": 1}],
    [CARD, {**FUNDS, "slug": "credit-card"}],
    [CREDIT, {**CREDIT, "pk": 9, "slug": "more"}],
    [{**CARD, "pk": number, "slug": f"s{number}"} for number in range(1, 22)],
)


def rows_of_rules() -> list[Bad]:
    """What the rules of credit refuse."""
    far, near = "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00"
    return [
        ("PUT", "", {"default_currency": "USD"}, 409, "channel_exists"),
        ("PUT", "", {"default_currency": "XXX"}, 422, "invalid_request"),
        ("PUT", "/settings/COLOUR", {"value": 1}, 404, "unknown_setting"),
        ("PUT", "/settings/CHANNEL", {"value": "USD"}, 404, "unknown_setting"),
        ("GET", "/settings/CHANNEL", None, 404, "unknown_setting"),
        *(
            ("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": bad}, 422, "invalid_request")
            for bad in NO_SWITCH
        ),
        *(
            ("PUT", "/settings/PAYMENT_OPTIONS", {"value": bad}, 422, "invalid_request")
            for bad in NO_OPTIONS
        ),
        *(
            ("PUT", "/settings/INSTALLMENTS", {"value": bad}, 422, "invalid_request")
            for bad in (
                [],
                [{"pk": 1, "label": "x", "installment_count": 0}],
                [{"pk": 1, "label": "x", "installment_count": 1, "interest_rate": 1.5}],
                [{"pk": 1, "label": "x", "installment_count": 1, "interest_rate": -1}],
                [{"pk": 1, "label": "", "installment_count": 1}],
                [{"pk": 1, "label": "x", "installment_count": 1}] * 2,
            )
        ),
        ("PUT", "/users/1002", {"email": "ada@example.com"}, 409, "email_taken"),
        ("PUT", "/users/2001", {"email": "ADA@example.com"}, 409, "email_taken"),
        *(
            ("PUT", "/users/2001", {"email": bad}, 422, "invalid_request")
            for bad in ("", "ada", "@", "a b@example.com", "a@b@c", "a@" + "b" * 254, None, 1)
        ),
        ("POST", "/users", {"users": []}, 422, "invalid_request"),
        (
            "POST",
            "/users",
            {"users": [{"user_pk": f"n{i}", "email": f"n{i}@a.example"} for i in range(101)]},
            422,
            "invalid_request",
        ),
        (
            "POST",
            "/users",
            {"users": [{"user_pk": "n1", "email": f"n{i}@a.example"} for i in range(2)]},
            422,
            "invalid_request",
        ),
        (
            "POST",
            "/users",
            {
                "users": [
                    {"user_pk": f"n{i}", "email": f"{n}@a.example"} for i, n in enumerate("nN")
                ]
            },
            422,
            "invalid_request",
        ),
        (
            "PUT",
            "/users/nobody/sessions",
            {"valid_from": "2026-01-01T00:00:00Z"},
            404,
            "unknown_user",
        ),
        *(
            ("PUT", "/users/1001/sessions", {"valid_from": bad}, 422, "invalid_request")
            for bad in (
                "2999-01-01T00:00:00Z",
                "2026-01-01T00:00:00",
                "yesterday",
                "",
                None,
                "9999-12-31T23:59:59-14:00",
            )
        ),
        *(
            ("GET", f"{path}{partial}", None, 422, "invalid_request")
            for path in ("/users?email=", "/accounts?user_email=")
            for partial in ("ada", "ada@", "@example.com", "", "%25", "*")
        ),
        ("POST", "/sessions", {"user_pk": "nobody"}, 404, "unknown_user"),
        ("POST", "/accounts", {**ACCOUNT, "user_pk": "nobody"}, 404, "unknown_user"),
        *(
            (
                "POST",
                "/accounts",
                {**ACCOUNT, "user_pk": None, "user_email": partial},
                404,
                "unknown_user",
            )
            for partial in (
                "ala@example.com",
                "alan@example.co",
                "alan@example",
                "bob@other.example",
            )
        ),
        (
            "POST",
            "/accounts",
            {**ACCOUNT, "user_pk": None, "user_email": "alan"},
            422,
            "invalid_request",
        ),
        ("POST", "/accounts", {**ACCOUNT, "user_pk": None}, 422, "invalid_request"),
        (
            "POST",
            "/accounts",
            {**ACCOUNT, "user_email": "alan@example.com"},
            422,
            "invalid_request",
        ),
        ("POST", "/accounts", {**ACCOUNT, "debit_card_allowed": "Yes"}, 422, "invalid_request"),
        (
            "POST",
            "/accounts",
            {"user_pk": "1003", "currency": "TRY"},
            422,
            "invalid_request",
        ),
        ("POST", "/accounts", {**ACCOUNT, "user_pk": "1001"}, 409, "account_exists"),
        (
            "POST",
            "/accounts",
            {**ACCOUNT, "user_pk": "1002", "balance": "5.00", "account_id": "grace"},
            409,
            "account_exists",
        ),
        ("POST", "/accounts", {**ACCOUNT, "account_id": "ada"}, 409, "account_id_taken"),
        ("GET", "/accounts/1003/TRY", None, 404, "unknown_account"),
        ("GET", "/accounts/nobody/TRY", None, 404, "unknown_account"),
        ("GET", "/accounts/1001/USD", None, 404, "unknown_account"),
        ("GET", "/accounts/1003/TRY/activities", None, 404, "unknown_account"),
        ("GET", "/accounts/1003/TRY/transfer-targets", None, 404, "unknown_account"),
        ("GET", "/accounts/1001/TRY?at=2999-01-01T00:00:00Z", None, 422, "at_too_recent"),
        ("GET", f"/accounts/1001/TRY?at={far}", None, 422, "at_too_recent"),
        ("GET", f"/accounts/1001/TRY?at={near}", None, 404, "unknown_account"),
        ("GET", "/accounts/1001/TRY?at=2020-01-01T00:00:00Z", None, 404, "unknown_account"),
        ("GET", "/accounts/1001/TRY?at=2020-01-01T00:00:00", None, 422, "invalid_request"),
        ("GET", "/accounts/1001/TRY?at=", None, 422, "invalid_request"),
        ("GET", "/accounts/1001/TRY?colour=red", None, 422, "invalid_request"),
        (
            "GET",
            f"/accounts/1000/TRY/transfer-targets?query={'x' * 255}",
            None,
            422,
            "invalid_request",
        ),
        ("PUT", "/transfers/t1", {**TRANSFER, "source": "nobody"}, 404, "unknown_account"),
        ("PUT", "/transfers/t1", {**TRANSFER, "target": "nobody"}, 404, "unknown_account"),
        ("PUT", "/transfers/t1", {**TRANSFER, "target": "bob"}, 404, "unknown_account"),
        ("PUT", "/transfers/t1", {**BY_USERS, "target_user_pk": "1003"}, 404, "unknown_account"),
        ("PUT", "/transfers/t1", {**BY_USERS, "source_user_pk": "no"}, 404, "unknown_account"),
        ("PUT", "/transfers/t1", {**TRANSFER, "target": "grace-usd"}, 422, "currency_mismatch"),
        ("PUT", "/transfers/t1", {**TRANSFER, "currency": "USD"}, 422, "currency_mismatch"),
        ("PUT", "/transfers/t1", {**TRANSFER, "target": "ada"}, 422, "same_account"),
        ("PUT", "/transfers/t1", {**BY_USERS, "target_user_pk": "1001"}, 422, "same_account"),
        ("PUT", "/transfers/t1", {**TRANSFER, "amount": "50.01"}, 409, "insufficient_credit"),
        (
            "PUT",
            "/transfers/t1",
            {"source": "grace", "target": "ada", "amount": "0.01"},
            409,
            "source_without_entries",
        ),
        ("PUT", "/transfers/t1", {**TRANSFER, "note": ""}, 422, "invalid_request"),
        ("PUT", "/transfers/t1", {**TRANSFER, "note": "n" * 257}, 422, "invalid_request"),
        ("PUT", "/transfers/t1", {**TRANSFER, "note": "é" * 129}, 422, "invalid_request"),
        ("PUT", "/transfers/t1", {**TRANSFER, "note": 1}, 422, "invalid_request"),
        ("PUT", "/transfers/t1", {"source": "ada", "amount": "1.00"}, 422, "invalid_request"),
        ("PUT", "/transfers/t1", {**TRANSFER, **BY_USERS}, 422, "invalid_request"),
        (
            "PUT",
            "/transfers/t1",
            {"source_user_pk": "1001", "target_user_pk": "1002", "amount": "1.00"},
            422,
            "invalid_request",
        ),
        ("GET", "/transfers/nothing", None, 404, "unknown_transfer"),
        ("GET", "/transfers/open:bob", None, 404, "unknown_transfer"),
        ("GET", "/transfers/a%20b", None, 422, "invalid_request"),
        ("PUT", "/pre-orders/nobody/TRY", PRE_ORDER, 404, "unknown_user"),
        (
            "PUT",
            "/pre-orders/1001/TRY",
            {**PRE_ORDER, "shipping_amount": "40.01"},
            422,
            "invalid_request",
        ),
        ("PUT", "/pre-orders/1001/TRY", {**PRE_ORDER, "basket": {}}, 422, "invalid_request"),
        ("PUT", "/pre-orders/1001/TRY", {**PRE_ORDER, "basket": []}, 422, "invalid_request"),
        (
            "PUT",
            "/pre-orders/1001/TRY",
            {**PRE_ORDER, "basket": {"basketitem_set": ["tea"]}},
            422,
            "invalid_request",
        ),
        (
            "PUT",
            "/pre-orders/1001/TRY",
            {**PRE_ORDER, "shipping_address": "street"},
            422,
            "invalid_request",
        ),
        ("GET", "/orders/nothing", None, 404, "unknown_order"),
        ("GET", "/orders?user_pk=nobody", None, 404, "unknown_user"),
        ("GET", "/orders", None, 422, "invalid_request"),
        ("GET", "/orders?user_pk=", None, 422, "invalid_request"),
        ("GET", f"/orders?user_pk={LONG}", None, 422, "invalid_request"),
        ("GET", "/orders/a%20b", None, 422, "invalid_request"),
    ]


def rows_of_holds() -> list[Bad]:
    """What holds, refunds, reversals and adjustments refuse."""
    held = "/accounts/1001/TRY/holds"
    return [
        *(
            ("PUT", f"{held}/h1", {"amount": "1.00", "expires_in_s": bad}, 422, INVALID)
            for bad in (-1, 0, 2_592_001, 1.5, "60", None, True)
        ),
        ("PUT", f"{held}/h1", {"amount": "99.00"}, 409, "insufficient_credit"),
        ("PUT", f"{held}/open", {"amount": "2.00"}, 409, "id_conflict"),
        ("PUT", "/accounts/1003/TRY/holds/h1", HOLD_BODY, 404, "unknown_account"),
        ("PUT", "/accounts/2100/TRY/holds/ninth", HOLD_BODY, 409, "too_many_holds"),
        ("GET", f"{held}/h1", None, 404, "unknown_hold"),
        ("GET", "/accounts/1003/TRY/holds", None, 404, "unknown_account"),
        ("POST", f"{held}/nothing/capture", {"amount": "0.50"}, 404, "unknown_hold"),
        ("POST", f"{held}/captured/capture", {"amount": "0.50"}, 409, "hold_captured"),
        ("POST", f"{held}/voided/capture", {"amount": "0.50"}, 409, "hold_voided"),
        ("POST", f"{held}/lapsed/capture", {"amount": "0.50"}, 409, "hold_lapsed"),
        ("POST", f"{held}/captured/capture", {"order": "other"}, 409, "hold_captured"),
        ("POST", f"{held}/captured/void", None, 409, "hold_captured"),
        ("POST", f"{held}/lapsed/void", None, 409, "hold_lapsed"),
        ("POST", f"{held}/nothing/void", None, 404, "unknown_hold"),
        ("POST", f"{held}/open/capture", {"amount": "1.01"}, 409, "capture_exceeds_hold"),
        ("POST", f"{held}/open/capture", {"order": "a b"}, 422, INVALID),
        ("PUT", f"{held}/captured/refunds/r1", {"amount": "1.01"}, 409, "refund_exceeds_payment"),
        ("PUT", f"{held}/captured/refunds/r0", {"amount": "0.01"}, 409, "id_conflict"),
        ("PUT", f"{held}/open/refunds/r1", HOLD_BODY, 409, "refund_exceeds_payment"),
        ("PUT", f"{held}/nothing/refunds/r1", HOLD_BODY, 404, "unknown_hold"),
        ("PUT", "/orders/paid/refunds/r1", {"amount": "4.01"}, 409, "refund_exceeds_payment"),
        ("PUT", "/orders/paid/refunds/r0", {"amount": "2.99"}, 409, "id_conflict"),
        ("PUT", "/orders/nothing/refunds/r1", HOLD_BODY, 404, "unknown_order"),
        ("PUT", "/transfers/nothing/reversal", None, 404, "unknown_transfer"),
        *(
            ("PUT", f"/transfers/{name}/reversal", None, 409, "not_reversible")
            for name in ("order:paid", "open:ada", "refund:order:paid:r0", "capture:ada:captured")
        ),
        ("PUT", "/accounts/1003/TRY/adjustments/a1", ADJUSTMENT, 404, "unknown_account"),
        ("PUT", ADJUST, {**ADJUSTMENT, "amount": "-99.00"}, 409, "insufficient_credit"),
        ("PUT", ADJUST, {"amount": "1.00"}, 422, INVALID),
        ("GET", "/audit", None, 404, "no_audit"),
        ("PUT", "/users/1001/erasure", {"credit": "expire"}, 409, "credit_held"),
        ("PUT", "/users/nobody/erasure", {"credit": "keep"}, 404, "unknown_user"),
        ("PUT", "/users/1001/erasure", {"credit": "burn"}, 422, INVALID),
        ("GET", "/users/nobody/export", None, 404, "unknown_user"),
    ]


def rows_of_distributions() -> list[Bad]:
    """What a distribution refuses as a whole; its bad rows are told in a good answer."""
    path, row = "/distributions/d1", {"user_pk": "1002", "amount": "1.00"}
    good = {"source": "treasury", "currency": "TRY", "rows": [row]}
    good_id = {"preview_id": "0" * 16}
    return [
        *(("PUT", path, raw, 400, "invalid_json") for raw in NO_JSON),
        ("PUT", path, {}, 422, INVALID),
        ("PUT", path, {**good, "unknown": 1}, 422, INVALID),
        ("PUT", f"{path}?currency=TRY", good, 422, INVALID),
        ("PUT", path, {**good, "source_user_pk": "1000"}, 422, INVALID),
        ("PUT", path, {**good, "rows": {}}, 422, INVALID),
        ("PUT", path, {**good, "rows": ["1002"]}, 422, INVALID),
        ("PUT", path, {**good, "rows": []}, 422, "invalid_csv"),
        ("PUT", path, {**good, "rows": [row] * 20_001}, 422, "too_many_rows"),
        ("PUT", path, b"{" + b" " * MAX_UPLOAD_BYTES, 413, "body_too_large"),
        ("PUT", path, {**good, "currency": "try"}, 422, "unknown_currency"),
        ("PUT", path, {**good, "currency": "USD"}, 422, "currency_mismatch"),
        ("PUT", path, {**good, "source": "nothing"}, 404, "unknown_account"),
        ("PUT", f"!{path}", good, 404, "unknown_channel"),
        ("PUT", "/distributions/a%20b", good, 422, INVALID),
        ("PUT", f"/distributions/{LONG}", good, 422, INVALID),
        ("PUT", "/distributions/bad", good, 409, "id_conflict"),
        ("GET", path, None, 404, "unknown_distribution"),
        ("GET", f"{path}/rows", None, 404, "unknown_distribution"),
        ("GET", "/distributions/bad/rows?outcome=good", None, 422, INVALID),
        ("GET", "/distributions/bad/rows?limit=1001", None, 422, INVALID),
        ("GET", "/distributions/bad/rows?cursor=x", None, 400, "invalid_cursor"),
        ("POST", f"{path}/run", good_id, 404, "unknown_distribution"),
        ("POST", f"{path}/cancel", None, 404, "unknown_distribution"),
        ("POST", f"{path}/undo", None, 404, "unknown_distribution"),
        ("POST", "/distributions/bad/run", {"preview_id": "x"}, 422, INVALID),
        ("POST", "/distributions/bad/run", {}, 422, INVALID),
        ("POST", "/distributions/bad/run", good_id, 409, "preview_changed"),
        ("POST", "/distributions/bad/run", {"preview_id": PREVIEW_ID}, 409, "bad_rows"),
        ("POST", "/distributions/bad/undo", None, 409, "distribution_state"),
    ]


def rows_of_reconciliations() -> list[Bad]:
    """What a reconciliation refuses; nothing is started by any of it."""
    path, order = "/reconciliations/r1", {"order": "b1", "paid": "1.00"}
    good = {**PERIOD, "currency": "TRY", "orders": [order]}
    until = {"until": "2999-01-01T00:00:00Z"}
    return [
        *(("PUT", path, raw, 400, "invalid_json") for raw in NO_JSON),
        ("PUT", path, {}, 422, INVALID),
        ("PUT", path, {**good, "unknown": 1}, 422, INVALID),
        ("PUT", f"{path}?currency=TRY", good, 422, INVALID),
        ("PUT", path, {**good, "since": "2026-01-01"}, 422, INVALID),
        ("PUT", path, {**good, "since": "2026-01-01T00:00:00"}, 422, INVALID),
        ("PUT", path, {**good, "since": good["until"]}, 422, INVALID),
        ("PUT", path, {**good, "since": "0001-01-01T00:00:00+14:00"}, 422, INVALID),
        ("PUT", path, {**good, "orders": {}}, 422, INVALID),
        ("PUT", path, {**good, "orders": ["b1"]}, 422, INVALID),
        ("PUT", path, {**PERIOD, "currency": "TRY"}, 422, INVALID),
        ("PUT", path, {**good, **until}, 422, "at_too_recent"),
        ("PUT", path, {**good, "orders": [order, order]}, 422, "bad_orders"),
        ("PUT", path, {**PERIOD, "orders": [order]}, 422, "bad_orders"),
        ("PUT", path, {**good, "orders": [{"order": "a b", "paid": "1.00"}]}, 422, "bad_orders"),
        ("PUT", path, {**good, "orders": [{"order": "b1", "paid": 1}]}, 422, "bad_orders"),
        ("PUT", path, {**good, "orders": [order] * 50_001}, 422, "too_many_rows"),
        ("PUT", path, b"{" + b" " * MAX_UPLOAD_BYTES, 413, "body_too_large"),
        ("PUT", path, {**good, "currency": "try"}, 422, "unknown_currency"),
        ("PUT", f"!{path}", good, 404, "unknown_channel"),
        ("PUT", "/reconciliations/a%20b", good, 422, INVALID),
        ("PUT", f"/reconciliations/{LONG}", good, 422, INVALID),
        ("PUT", "/reconciliations/started", good, 409, "id_conflict"),
        ("GET", path, None, 404, "unknown_reconciliation"),
        ("GET", f"{path}/differences", None, 404, "unknown_reconciliation"),
        ("GET", "/reconciliations/started/differences?kind=odd", None, 422, INVALID),
        ("GET", "/reconciliations/started/differences?limit=501", None, 422, INVALID),
        ("GET", "/reconciliations/started/differences?cursor=x", None, 400, "invalid_cursor"),
    ]


PERIOD: Final = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
PARTLY_BAD: Final = {
    "source": "treasury",
    "currency": "TRY",
    "rows": [{"user_pk": "1002", "amount": "0.02"}, {"user_pk": "1002", "amount": "x"}],
}
NOT_AN_AMOUNT: Final = "Write the amount as a plain decimal, such as 10.00."
PREVIEW_ID: Final = name_of(
    packed(
        {
            "shares": [[1, "1002", 2, None, False]],
            "bad": [[2, "1002", "x", "invalid_amount", NOT_AN_AMOUNT]],
        }
    )
)

TABLE: Final[Mapping[str, list[Bad]]] = {
    "amounts": rows_of_amounts(),
    "bodies": rows_of_bodies(),
    "lists": rows_of_lists(),
    "names": rows_of_names(),
    "currencies": rows_of_currencies(),
    "channels": rows_of_channels(),
    "rules": rows_of_rules(),
    "holds": rows_of_holds(),
    "distributions": rows_of_distributions(),
    "reconciliations": rows_of_reconciliations(),
}

ELSEWHERE: Final = {
    "not_signed_in": "test_callers",
    "forbidden": "test_callers",
    "cross_site_write": "test_http",
    "unsupported_media_type": "test_a_form_or_plain_text_is_not_json",
    "already_completed": "test_pre_orders",
    "loyalty_disabled": "test_holds",
    "payment_in_progress": "test_pre_orders",
    "busy": "test_faults",
    "outcome_unknown": "test_faults",
    "internal_error": "test_faults",
}
"""The refusals that a table of single requests cannot show, and where they are shown."""


def codes() -> set[str]:
    return {code for rows in TABLE.values() for *_, code in rows}


def test_every_refusal_of_the_doors_is_shown_by_a_request() -> None:
    known = {refusal.code for refusal in STATUS}
    assert codes() | set(ELSEWHERE) == known
    assert not codes() & set(ELSEWHERE)


@pytest.fixture
def used(shop: Shop) -> Shop:
    """Return a shop where Ada paid 7.00, of which 3.00 came back, and had holds of every end."""
    ada = AccountKey("demo", "1001", "TRY")
    lapsing = Call("staff:seed", shop.opened_at, time.monotonic() + 7)
    ledger.authorize(lapsing, ada, "lapsed", amount="1.00", life_s=60)
    shop.open_pre_order(total="7.00", reference="paid")
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    steps: list[tuple[str, str, Any]] = [
        ("PUT", "/accounts/1001/TRY/holds/captured", HOLD_BODY),
        ("POST", "/accounts/1001/TRY/holds/captured/capture", {}),
        ("PUT", "/accounts/1001/TRY/holds/captured/refunds/r0", {"amount": "0.02"}),
        ("PUT", "/accounts/1001/TRY/holds/voided", HOLD_BODY),
        ("POST", "/accounts/1001/TRY/holds/voided/void", None),
        ("PUT", OPEN, HOLD_BODY),
        ("PUT", "/orders/paid/refunds/r0", {"amount": "3.00"}),
        ("PUT", "/users/2100", {"email": "holder@example.com"}),
        ("POST", "/accounts", {**ACCOUNT, "user_pk": "2100", "balance": "9.00"}),
        *(("PUT", f"/accounts/2100/TRY/holds/h{n}", HOLD_BODY) for n in range(8)),
        ("PUT", "/distributions/bad", PARTLY_BAD),
        ("PUT", "/reconciliations/started", {**PERIOD, "orders": []}),
    ]
    for method, path, body in steps:
        assert shop.staff(method, path, body).status == 201, path
    return shop


@pytest.mark.parametrize("subject", TABLE)
def test_bad_input_gets_a_stable_code_and_a_sentence_and_moves_nothing(
    used: Shop, subject: str
) -> None:
    shop = used
    before = shop.snapshot()
    wrong = []
    for method, path, body, status, code in TABLE[subject]:
        channel = "nowhere" if path.startswith("!") else "demo"
        reply = shop.staff(method, path.removeprefix("!"), body, channel=channel)
        sent = f"{method} {path[:90]} {str(body)[:120]}"
        answered = (reply.status, reply.json.get("code"))
        if answered != (status, code):
            wrong.append(f"{sent}: {answered} instead of {(status, code)}")
        elif complaint := _complaint(reply.json):
            wrong.append(f"{sent}: {complaint}")
        if shop.snapshot() != before:
            wrong.append(f"{sent}: something moved")
            before = shop.snapshot()
    assert not wrong, f"{len(wrong)} of {len(TABLE[subject])}\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/problem+json",
        "rubbish",
    ],
)
def test_a_form_or_plain_text_is_not_json(shop: Shop, kind: str) -> None:
    """A page of another site can post these three media types without asking first."""
    before = shop.snapshot()
    reply = shop.staff("PUT", "/transfers/t1", TRANSFER, headers={"Content-Type": kind})
    assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")
    assert shop.snapshot() == before


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_json_in_any_spelling(shop: Shop, kind: str) -> None:
    reply = shop.staff("PUT", "/transfers/t1", TRANSFER, headers={"Content-Type": kind})
    assert reply.status == 201


def test_a_body_of_exactly_256_kilobytes_is_read(shop: Shop) -> None:
    filler = MAX_BODY_BYTES - len(json.dumps({"email": ""}))
    body = json.dumps({"email": "e" * filler}).encode()
    assert len(body) == MAX_BODY_BYTES
    assert shop.staff("PUT", "/users/2001", body).json["code"] == "invalid_request"
    assert shop.staff("PUT", "/users/2001", body + b" ").json["code"] == "body_too_large"


def test_every_wrong_field_is_named_by_its_path(shop: Shop) -> None:
    body = {"users": [{"user_pk": "a b", "email": "m@example.com", "colour": "red"}], "more": 1}
    reply = shop.staff("POST", "/users", body)
    assert {(error["field"], error["code"]) for error in reply.json["errors"]} == {
        ("users.0.user_pk", "string_pattern_mismatch"),
        ("users.0.colour", "unknown_field"),
        ("more", "unknown_field"),
    }


def test_a_refusal_never_repeats_what_was_sent_to_it(shop: Shop) -> None:
    body = {"user_pk": "1003", "currency": "TRY", "debit_card_allowed": "s3cret", "note": "s3cret"}
    assert "s3cret" not in shop.staff("POST", "/accounts", body).text
    body = {"email": "s3cret"}
    assert "s3cret" not in shop.staff("PUT", "/users/2001", body).text


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        ("/accounts?user_pk=", "u" * 64),
        ("/accounts?account_id=", "a" * 64),
        ("/accounts?user_email=", "@".ljust(253, "e").rjust(254, "e")),
        ("/users?email=", "@".ljust(253, "e").rjust(254, "e")),
    ],
)
def test_a_filter_is_no_longer_than_what_it_names(shop: Shop, path: str, longest: str) -> None:
    """DynamoDB refuses a key over 2,048 bytes, which would leave as a fault of ours."""
    found = shop.staff("GET", path + longest)
    assert (found.status, found.json["items"]) == (200, [])
    assert shop.staff("GET", path + longest + "x").status == 422


@pytest.mark.parametrize("name", ["user_pk", "user_email", "account_id"])
def test_an_empty_filter_is_no_licence_to_list_everybody(shop: Shop, name: str) -> None:
    assert shop.staff("GET", f"/accounts?{name}=").status == 422


@pytest.mark.parametrize("key", ["", "k" * 65, "é", "a\tb"])
def test_an_idempotency_key_has_1_to_64_printable_characters(shop: Shop, key: str) -> None:
    before = shop.snapshot()
    reply = shop.staff("POST", "/accounts", ACCOUNT, headers={"Idempotency-Key": key})
    assert (reply.status, reply.json["code"]) == (422, "invalid_request")
    assert reply.json["errors"][0]["field"] == "Idempotency-Key"
    assert shop.snapshot() == before


def _complaint(problem: Any) -> str | None:
    """Return what is wrong with a refusal itself, if anything is."""
    detail = problem["detail"]
    if len(detail) < 10 or (detail[-1] not in ".:" and not detail.endswith((".", "IDs", "No."))):
        return f"no sentence: {detail!r}"
    if problem["code"] == "invalid_request" and not problem["errors"]:
        return "no field is named"
    refusal = {refusal.code: refusal for refusal in STATUS}[problem["code"]]
    shape = (problem["title"], problem["type"])
    promised = (refusal.title, f"urn:loyalty-money:problem:{refusal.code}")
    return None if shape == promised else f"another title or type: {shape}"

"""A whole service in this process on moto, with a shop in it, called as API Gateway calls it.

Every answer is held to what holds for all of them: the security headers, a request id, and the
schema and statuses that the OpenAPI document declares for its route.
"""

import copy
import datetime
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jsonschema
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from chalice.test import Client
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import dynamodb_backends

from app import app
from chalicelib import auth, ledger, registry
from chalicelib.http import DECLARED, PROBLEM, SECURITY_HEADERS, Route
from chalicelib.ledger import NewAccount
from chalicelib.openapi import describe
from chalicelib.outside import queue
from chalicelib.outside.queue import forget_local
from chalicelib.routes.work import work
from chalicelib.store.connection import connection
from chalicelib.store.tables import ROWS, create_missing, noun
from tests.store.engine import forget, rows_as_they_are

Json = Any
Snapshot = dict[str, list[str]]

SIGNING_SECRET: Final = "signs-sessions-" + "s" * 40
STAFF_SECRET: Final = "signs-staff-" + "t" * 40
VARIABLES: Final = {
    "STAGE": "local",
    "TABLE_PREFIX": "t-",
    "SIGNING_KEYS": f"k1:{SIGNING_SECRET}",
    "STAFF_KEYS": f"d1:{STAFF_SECRET}",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
READS: Final = ("BatchGetItem", "TransactGetItems", "Query")
WRITES: Final = ("TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem")
READ_BY_CONFIG: Final = (
    "CONSOLE_CLIENT_ID",
    "CONSOLE_ORIGINS",
    "CONSOLE_SCOPE",
    "DISTRIBUTION_QUEUE",
    "EVENT_BUS",
    "EVENT_DEAD_LETTERS",
    "DYNAMODB_ENDPOINT",
    "OIDC_AUDIENCE",
    "OIDC_ISSUER",
    "OIDC_JWKS_URL",
)

CARD: Final = {
    "pk": 1,
    "name": "Credit Card",
    "slug": "credit-card",
    "payment_type": "credit_card",
}
CREDIT: Final = {
    "pk": 2,
    "name": "Loyalty Money",
    "slug": "loyalty-money",
    "payment_type": "loyalty_money",
    "rule": "LoyaltyMoneyRule",
}
FUNDS: Final = {
    "pk": 3,
    "name": "Funds Transfer",
    "slug": "funds-transfer",
    "payment_type": "funds_transfer",
}
BASKET: Final[dict[str, Any]] = {
    "basketitem_set": [
        {
            "pk": 17,
            "quantity": 2,
            "unit_price": "15.00",
            "total_amount": "30.00",
            "note": None,
            "product": {
                "name": "Çay 茶",
                "price": "15.00",
                "retail_price": "18.00",
                "absolute_url": "/tea/",
                "productimage_set": [{"image": "https://cdn.example/tea.jpg"}],
            },
        }
    ],
    "total_amount": "30.00",
    "total_discount_amount": "6.00",
    "own_field": {"kept": [1, None, "as it is"]},
}
GRACE: Final = {"user_pk": "1002", "amount": "0.02", "note": "Spring"}
"""The row of the distributions of this shop."""

ALL: Final = (*auth.SCOPES,)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a caller sees it; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Json:
        """The body as JSON."""
        return json.loads(self.text)


class Shop:
    """The service with its demo shop and another channel beside it, opened an hour ago."""

    def __init__(self, folder: Path, opened_at: datetime.datetime) -> None:
        """Call the application on behalf of a project that lies in an empty folder."""
        self._client = Client(app, project_dir=str(folder))
        self.now = datetime.datetime.now(datetime.UTC)
        self.opened_at = opened_at
        self.asked: list[str] = []
        """The operations that the service has asked of DynamoDB since the last `clear`."""
        events = wire().meta.events
        events.register("before-call.dynamodb", self._count)
        events.register_first("before-send.dynamodb", self._fail)
        self._fault: AWSResponse | Exception | None = None
        self._faulty: tuple[str, ...] = ()

    def begin_again(self) -> None:
        """Put back the shop as it was furnished: cheaper than another one for each test."""
        self.now = datetime.datetime.now(datetime.UTC)
        engine().tables = copy.deepcopy(_kept[0][1])
        forget_local()
        self.asked.clear()

    # --- calling ----------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; a body that is not bytes is sent as JSON."""
        sent = dict(headers or {})
        raw = b"" if body is None else body if isinstance(body, bytes) else _json(body)
        if body is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        answer = self._client.http.request(method, path, headers=sent, body=raw)
        headers_sent = {name.lower(): _one(value) for name, value in answer.headers.items()}
        reply = Reply(answer.status_code, headers_sent, answer.body.decode())
        route = route_of(method, path)
        if route is not None:
            _hold_to_promises(route, reply)
        return reply

    def staff(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        scopes: tuple[str, ...] = ALL,
        channel: str = "demo",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request of the channel's staff; `path` goes on after the channel."""
        bearer = self.bearer(*scopes, channels=(channel,))
        full = f"/channels/{channel}{path}"
        return self.send(method, full, body, headers={**bearer, **(headers or {})})

    def bearer(self, *scopes: str, channels: tuple[str, ...] = ("demo",)) -> dict[str, str]:
        """Return the header of a staff token."""
        token = auth.staff_token("me", [*channels], [*scopes], now=self.now, life_s=3600)
        return {"Authorization": f"Bearer {token}"}

    def session(self, user_pk: str = "1001", channel: str = "demo") -> str:
        """Return a shopper's session."""
        return auth.open_session(channel, user_pk, self.now)[0]

    def storefront(
        self, user_pk: str = "1001", *, channel: str = "demo", currency: str = "try"
    ) -> "Storefront":
        """Return a storefront where the shopper has signed in."""
        return Storefront(self, self.session(user_pk, channel), currency)

    # --- looking ----------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return every row of every table, out of the engine itself."""
        return {
            noun(row): sorted(
                json.dumps(item, sort_keys=True, default=bytes.hex) for item in self.rows(noun(row))
            )
            for row in ROWS
        }

    def rows(self, noun: str) -> list[Json]:
        """Return the rows of one table in DynamoDB's own JSON."""
        table = engine().tables[VARIABLES["TABLE_PREFIX"] + noun]
        return [item.to_json()["Attributes"] for item in table.all_items()]

    def balance(self, user_pk: str, currency: str = "TRY", channel: str = "demo") -> str:
        """Return what an account holds, as staff reads it."""
        answer = self.staff("GET", f"/accounts/{user_pk}/{currency}", channel=channel)
        assert answer.status == 200
        return str(answer.json["balance"])

    # --- preparing --------------------------------------------------------------------------

    def call(self, at: datetime.datetime | None = None) -> auth.Call:
        """Return a call of the verbs at a time: an hour ago, unless it is given."""
        return auth.Call("staff:seed", at or self.opened_at, time.monotonic() + 7)

    def set(self, name: str, value: object, channel: str = "demo") -> None:
        """Set a setting."""
        registry.set_setting(self.call(), channel, name, value)

    def register(self, user_pk: str, email: str, channel: str = "demo") -> None:
        """Register a user."""
        registry.register_user(self.call(), channel, user_pk, email)

    def open_account(
        self,
        user_pk: str,
        currency: str,
        balance: str,
        *,
        account_id: str,
        debit: bool = False,
        channel: str = "demo",
    ) -> None:
        """Open an account with credit."""
        wanted = NewAccount(user_pk, None, currency, balance, debit, account_id, account_id)
        ledger.open_account(self.call(), channel, wanted)

    def open_pre_order(
        self, user_pk: str = "1001", currency: str = "TRY", total: str = "40.00", **more: object
    ) -> Json:
        """Open a shopper's checkout as the shop's back end does."""
        body = {"reference": "b1", "total_amount": total, **more}
        reply = self.staff("PUT", f"/pre-orders/{user_pk}/{currency}", body)
        assert reply.status in {200, 201}, reply.text
        return reply.json

    def distribute(self, name: str, *steps: str) -> Json:
        """Preview a distribution from the treasury to Grace, take steps, and work it off."""
        body = {"source": "treasury", "currency": "TRY", "rows": [GRACE]}
        answer = self.staff("PUT", f"/distributions/{name}", body)
        assert answer.status == 201, answer.text
        for step in steps:
            sent = {"preview_id": answer.json["preview_id"]} if step == "run" else None
            answer = self.staff("POST", f"/distributions/{name}/{step}", sent)
            assert answer.status == 200, answer.text
            self.work_off()
        return answer.json

    def work_off(self) -> None:
        """Work on every message that waits in the queue of this process."""
        waiting = queue.local()._due
        while waiting:
            *_, message = waiting.pop(0)  # whenever it is due
            work(message, time.monotonic() + 7)

    def overwrite(self, noun: str, key: Mapping[str, str], **attributes: object) -> None:
        """Change attributes of a stored row behind the service's back."""
        names = {f"#{i}": name for i, name in enumerate(attributes)}
        values = {f":{i}": value for i, value in enumerate(attributes.values())}
        wire().update_item(
            TableName=f"t-{noun}",
            Key={name: {"S": value} for name, value in key.items()},
            UpdateExpression="SET " + ", ".join(f"#{i} = :{i}" for i in range(len(names))),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    @contextmanager
    def failing(self, fault: AWSResponse | Exception, *operations: str) -> Iterator[None]:
        """Let DynamoDB answer some operations with a fault, or not at all."""
        self._fault, self._faulty = fault, operations
        try:
            yield
        finally:
            self._fault = None

    @contextmanager
    def losing_one_answer(self, operation: str) -> Iterator[None]:
        """Let DynamoDB do what an operation says once, and lose the answer."""
        events, lost = wire().meta.events, list[str]()

        def lose(**_: object) -> None:
            if not lost:
                lost.append(operation)
                raise SILENCE

        events.register(f"after-call.dynamodb.{operation}", lose)
        try:
            yield
        finally:
            events.unregister(f"after-call.dynamodb.{operation}", lose)
        assert lost

    def _count(self, model: Any, **_: object) -> None:
        self.asked.append(model.name)

    def _fail(self, request: Any, **_: object) -> AWSResponse | None:
        target = request.headers.get("X-Amz-Target", b"")
        target = target.decode() if isinstance(target, bytes) else target
        if self._fault is None or target.partition(".")[2] not in self._faulty:
            return None
        if isinstance(self._fault, Exception):
            raise self._fault
        # moto is asked all the same, and its answer dropped: let it be something that does nothing.
        request.headers["X-Amz-Target"] = "DynamoDB_20120810.ListTables"
        return self._fault


class Storefront:
    """The published client's requests, as they reach the server (protocol 1.2)."""

    def __init__(self, shop: Shop, session: str, currency: str) -> None:
        """Keep the shopper's cookie and the currency of the cookie `pz-currency`."""
        self.shop = shop
        self.headers = {
            "accept": "application/json",
            "x-requested-with": "XMLHttpRequest",
            "accept-language": "en-us",
            "x-currency": currency,
            "x-csrftoken": "c5rf",
            "cookie": f"pz-locale=en; pz-currency={currency}; osessionid={session}; csrftoken=c5rf",
            "sec-fetch-site": "same-origin",
            "sec-fetch-mode": "cors",
            "user-agent": "Mozilla/5.0",
        }

    def get(self, path: str = "/orders/checkout/") -> Reply:
        """Send a GET."""
        return self.shop.send("GET", path, headers=self.headers)

    def show(self, page: str | None = None) -> Json:
        """Return the answer of a page that is looked at; of the checkout where none is named."""
        query = "" if page is None else f"?page={page}"
        return _envelope(self.get(f"/orders/checkout/{query}"))

    def post(self, page: str, /, **fields: str) -> Json:
        """Return the answer of a posted page; the client drops fields that are empty."""
        body = urlencode({name: value for name, value in fields.items() if value}).encode()
        headers = {
            **self.headers,
            "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
        }
        path = f"/orders/checkout/?page={page}"
        return _envelope(self.shop.send("POST", path, body, headers=headers))

    def post_json(self, page: str, body: object) -> Json:
        """Return the answer of a page posted as the guide prints it."""
        path = f"/orders/checkout/?page={page}"
        return _envelope(self.shop.send("POST", path, body, headers=self.headers))


@contextmanager
def opened(folder: Path, **variables: str) -> Iterator[Shop]:
    """Open the shop on tables of its own; `folder` is empty, so that no service file is read."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.chdir(folder)
        patch.setattr(BaseJSONSerializer, "_serialize_type_map", rows_as_they_are)
        for name in READ_BY_CONFIG:
            patch.delenv(name, raising=False)
        for name, value in (VARIABLES | variables).items():
            patch.setenv(name, value)
        forget()
        yield _furnished(folder)
    forget()


_kept: list[tuple[datetime.datetime, Json]] = []
"""When the first shop of this process was furnished, and its tables: the others are copies."""


def _furnished(folder: Path) -> Shop:
    if _kept:
        shop = Shop(folder, _kept[0][0])
        shop.begin_again()
        return shop
    create_missing(streams=False)
    shop = Shop(folder, datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1))
    furnish(shop)
    shop.asked.clear()
    _kept.append((shop.opened_at, copy.deepcopy(engine().tables)))
    return shop


def wire() -> Any:
    """Return the client through which the service speaks: for its events, and to write past it."""
    return connection().client


def engine() -> Any:
    """Return the engine itself, past the service."""
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][VARIABLES["AWS_DEFAULT_REGION"]]


def furnish(shop: Shop) -> None:
    """Load the shop: its treasury, Ada, Grace and Alan, and a Bob in another channel."""
    registry.make_channel(shop.call(), "demo", "TRY")
    registry.make_channel(shop.call(), "other", "TRY")
    for channel in ("demo", "other"):
        shop.set("LOYALTY_MONEY_ENABLED", value=True, channel=channel)
        shop.set("PAYMENT_OPTIONS", [CARD, CREDIT, FUNDS], channel=channel)
    for user_pk, name in (("1000", "treasury"), ("1001", "ada"), ("1002", "grace")):
        shop.register(user_pk, f"{name}@example.com")
    shop.register("1003", "alan@example.com")
    shop.open_account("1000", "TRY", "100000.00", account_id="treasury", debit=True)
    shop.open_account("1001", "TRY", "50.00", account_id="ada")
    shop.open_account("1002", "TRY", "0.00", account_id="grace")
    shop.open_account("1002", "USD", "20.00", account_id="grace-usd")
    shop.register("1001", "bob@other.example", channel="other")
    shop.open_account("1001", "TRY", "70.00", account_id="bob", channel="other")


def route_of(method: str, path: str) -> Route | None:
    """Return the declared route that serves a request."""
    bare = path.partition("?")[0].rstrip("/")
    for route in DECLARED:
        pattern = re.sub(r"{\w+}", "[^/]+", route.path)
        if route.method == method and re.fullmatch(pattern, bare):
            return route
    return None


# --- faults on the wire ---------------------------------------------------------------------


class Body:
    """An answer's body, as botocore reads it."""

    def __init__(self, code: str) -> None:
        """Say an error of DynamoDB's."""
        self._raw = json.dumps({"__type": f"com.amazonaws.dynamodb#{code}"}).encode()

    def stream(self, **_: object) -> Iterator[bytes]:
        """Return the body in one piece."""
        yield self._raw


def error(code: str) -> AWSResponse:
    """Return an error of DynamoDB's."""
    return AWSResponse("https://dynamodb.test/", 400, HTTPHeaders(), Body(code))


SILENCE: Final = ReadTimeoutError(endpoint_url="https://dynamodb.test/")


# --- what holds for every answer ------------------------------------------------------------


def _hold_to_promises(route: Route, reply: Reply) -> None:
    for name, value in SECURITY_HEADERS.items():
        assert reply.headers[name.lower()] == value
    assert reply.headers["x-request-id"]
    media, validator = _promised(route.method, route.path, reply.status)
    assert reply.headers["content-type"] == media
    validator.validate(reply.json)


@lru_cache
def _promised(method: str, path: str, status: int) -> tuple[str, jsonschema.Draft202012Validator]:
    document = describe()
    responses = document["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} does not declare {status}"
    [(media, content)] = responses[str(status)]["content"].items()
    assert (media == PROBLEM) == (status >= 400)
    schema = {**content["schema"], "components": document["components"]}
    return media, jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def _envelope(reply: Reply) -> Json:
    """Return a checkout page's answer, held to what every one of them must be (protocol 0)."""
    assert reply.status == 200, reply.text
    envelope = reply.json
    for context in envelope["context_list"]:
        assert isinstance(context["page_context"], dict)
        assert context["page_slug"] == context["page_name"].lower()
    assert envelope["template_name"] in {"orders/checkout.html", "orders/index.html"}
    errors = envelope["errors"]
    assert errors is None or errors == [] or _texts_by_field(errors)
    # The client would keep an empty pre-order and act on it, except where it asked for credit.
    assert envelope.get("pre_order") != {} or envelope["context_list"][0]["page_context"]["balance"]
    return envelope


def _texts_by_field(errors: Json) -> bool:
    return all(
        isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts)
        for texts in errors.values()
    )


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


def _one(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)

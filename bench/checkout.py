"""A checkout by credit, as the storefront client makes it: four calls, one after the other.

Through the whole handler on DynamoDB Local, and by HTTP from the running service on its embedded
engine. The pre-order is opened before, and not timed.
"""

import datetime
import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from bench import handler
from bench.floor import quiet
from bench.results import Part
from chalicelib.auth import open_session
from tests.engine.conftest import tables_at
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.house.service import Service, running
from tests.house.staff import Staff
from tests.verbs import shop

Json = Any
Ask = Callable[[str, str, Json], Json]
"""Sends a request: its method, its path with its query, and its body; returns the answer."""

ROUNDS: Final = 100
WARM_UP: Final = 10

USAGE: Final = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
COMPLETE: Final = "/orders/checkout/?page=LoyaltyMoneyPage"
CALLS: Final = ("usage page", "usage page, chosen", "completion", "completed order")


def measure(console: Console, *, full: bool) -> Part:
    """Measure both ways, and return what was found."""
    del full
    part = Part()
    with (
        quiet(),
        TemporaryDirectory() as folder,
        DynamoDBLocal(Path(folder)) as engine,
        tables_at(engine.address),
    ):
        _rounds(part, console, "handler", _by_handler(), _open_here)
    with TemporaryDirectory() as folder, running(Path(folder)) as service:
        staff = Staff(service)
        staff.must("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": True})
        staff.open_account("ada", "10000.00")
        _rounds(part, console, "HTTP", _by_http(service, staff), lambda name: _open(staff, name))
    return part


def _rounds(
    part: Part, console: Console, way: str, ask: Ask, open_checkout: Callable[[str], object]
) -> None:
    times: dict[str, list[float]] = {name: [] for name in (*CALLS, "all four")}
    for number in track(range(-WARM_UP, ROUNDS), description=f"By {way}", console=console):
        open_checkout(f"basket-{number}")
        took = _check_out(ask)
        if number >= 0:
            for name, each in zip(times, (*took, sum(took)), strict=True):
                times[name].append(each)
    for name, values in times.items():
        part.note(f"{way}, {name}", "ms", values)


def _check_out(ask: Ask) -> list[float]:
    """Make the four calls; return the milliseconds of each."""
    took = []

    def timed(method: str, path: str, body: Json = None) -> Json:
        began = time.perf_counter()
        answer = ask(method, path, body)
        took.append((time.perf_counter() - began) * 1000)
        return answer

    timed("GET", USAGE)
    timed("POST", USAGE, {"loyalty_amount_to_use": "0.10"})
    done = timed("POST", COMPLETE, {"agreement": True})
    context = done["context_list"][0]["page_context"]
    shown = timed("GET", context["redirect_url"])
    assert shown["order"]["amount"] == "0.10"
    return took


def _open(staff: Staff, reference: str) -> None:
    order = {"reference": reference, "total_amount": "0.10"}
    staff.must("PUT", "/pre-orders/ada/TRY", order)


def _open_here(reference: str) -> None:
    shop.open_checkout("ada", 10, reference=reference)


def _by_handler() -> Ask:
    shop.open_shop()
    shop.open_accounts(ada="10000.00")
    session, _ = open_session(shop.CHANNEL, "ada", datetime.datetime.now(datetime.UTC))
    headers = {"cookie": f"loyalty_session={session}", "x-currency": "try"}

    def ask(method: str, path: str, body: Json) -> Json:
        address, _, query = path.partition("?")
        token = address.removeprefix("/orders/completed/").strip("/")
        if address.startswith("/orders/completed/"):
            route, named = "/orders/completed/{token}", {"token": token}
        else:
            route, named = "/orders/checkout", {}
        pages = {"page": query.partition("=")[2]} if query else {}
        return handler.ask(method, route, named, headers=headers, query=pages, body=body)

    return ask


def _by_http(service: Service, staff: Staff) -> Ask:
    session = staff.must("POST", "/sessions", {"user_pk": "ada"})["session"]
    headers = {
        "Cookie": f"loyalty_session={session}",
        "Content-Type": "application/json",
        "x-currency": "try",
    }

    def ask(method: str, path: str, body: Json) -> Json:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(service.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    return ask

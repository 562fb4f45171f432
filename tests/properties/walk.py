"""A walk through the checkout's pages, and what must hold after each of its steps.

The whole application is called as API Gateway calls it; the clock is the walk's own. Steps are
in `test_pages.py`.
"""

import copy
import datetime
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import event
from hypothesis.stateful import RuleBasedStateMachine, invariant

from chalicelib import checkout, http
from chalicelib.auth import Call
from chalicelib.checkout import Ended, payments
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS, Outcome
from chalicelib.outside.sandbox import Sandbox
from chalicelib.store.tables import ROWS, noun
from tests.core.made import BANK, ONE_PAYMENT, THREE_PAYMENTS
from tests.properties.books import (
    PREFIX,
    Books,
    Rows,
    assert_nothing_rewritten,
    audit,
    unordered_charges,
)
from tests.routes.shop import CARD, CREDIT, FUNDS, Json, Shop, Storefront, opened

LATE_S: Final = ASK_FINALLY_AFTER_MS // 1000

SETTINGS: Final[dict[str, object]] = {
    "LOYALTY_MONEY_ENABLED": True,
    "PAYMENT_OPTIONS": [CARD, CREDIT, FUNDS],
    "INSTALLMENTS": [plan.model_dump() for plan in (ONE_PAYMENT, THREE_PAYMENTS)],
    "BANK_ACCOUNTS": [BANK.model_dump()],
    "PAYMENT_GATEWAY": "sandbox",
}
OTHERWISE: Final[dict[str, object]] = {
    "LOYALTY_MONEY_ENABLED": False,
    "PAYMENT_OPTIONS": [CREDIT, FUNDS],
    "INSTALLMENTS": [ONE_PAYMENT.model_dump() | {"interest_rate": 500}],
    "BANK_ACCOUNTS": [],
    "PAYMENT_GATEWAY": "none",
}
"""To what a setting is switched, and back."""


RATES: Final = (0, THREE_PAYMENTS.interest_rate, 500)
"""What the plans of these settings cost, in hundredths of a percent."""


class Killed(BaseException):
    """The function is ended here: no except clause of the service may catch it."""


def _kill(*_: object, **__: object) -> None:
    raise Killed


def _killed_after(work: Callable[..., Any]) -> Callable[..., Any]:
    def do(*args: Any, **named: Any) -> None:
        work(*args, **named)
        raise Killed

    return do


def _unknown(*_: object, **__: object) -> Outcome:
    return Outcome.UNKNOWN


def _refused(*_: object, **__: object) -> bool:
    return False


MISHAPS: Final[dict[str, tuple[tuple[object, str, Callable[..., Any]], ...]]] = {
    "none": (),
    "killed before the charge": ((Sandbox, "charge", _kill),),
    "killed after the charge": ((Sandbox, "charge", _killed_after(Sandbox.charge)),),
    "killed before the end": ((payments, "_finish", _kill), (payments, "_release", _kill)),
    "killed after the end": (
        (payments, "_finish", _killed_after(payments._finish)),
        (payments, "_release", _killed_after(payments._release)),
    ),
    "killed before it is asked": ((Sandbox, "ask", _kill),),
    "killed after it was asked": ((Sandbox, "ask", _killed_after(Sandbox.ask)),),
    "killed before the refund": ((Sandbox, "refund", _kill),),
    "killed after the refund": ((Sandbox, "refund", _killed_after(Sandbox.refund)),),
    "the gateway is silent": (
        (Sandbox, "charge", _unknown),
        (Sandbox, "ask", _unknown),
        (Sandbox, "refund", _refused),
    ),
}
"""What goes wrong in a step: where, and what happens there instead."""

_kept: list[Any] = []
"""The tables of the walk's shop as it was furnished: the other walks begin with a copy."""


class Walk(RuleBasedStateMachine):
    """The shop, its shoppers' sessions, and the rows of the step before."""

    def __init__(self) -> None:
        """Open the shop: ada has credit in two currencies, and is signed in twice."""
        super().__init__()
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory())
        self.shop: Shop = self._open.enter_context(opened(Path(folder)))
        self.patch = self._open.enter_context(pytest.MonkeyPatch.context())
        # The tokens of staff are judged by the real clock, so the walk has one of its own.
        self.now = self.shop.now
        clock = SimpleNamespace(now=lambda _: self.now)
        self.patch.setattr(http, "datetime", SimpleNamespace(datetime=clock, UTC=datetime.UTC))
        for name, value in SETTINGS.items():
            self.shop.set(name, value)
        self.shop.open_account("1001", "USD", "30.00", account_id="ada-usd")
        self.fronts = {
            (user, tab, currency): self.shop.storefront(user, currency=currency)
            for user in ("1001", "1002")
            for tab in (0, 1)
            for currency in ("try", "usd")
        }
        self.ids = 0
        self.before = self.everything()

    def teardown(self) -> None:
        """End every payment late, and close the shop; nothing may be left over."""
        try:
            self.end_late()
        finally:
            self._open.close()

    def end_late(self) -> None:
        """Let the schedule look when every charge is too old to be on its way."""
        self.pass_time(LATE_S)
        self.look()
        self.everything_is_in_order()
        books = Books.of(self.before)
        assert {row["state"] for row in books.pre_orders.values()} <= {"open", "completed"}
        assert unordered_charges(books) == set(), "charged for nothing"

    # --- words for the steps ------------------------------------------------------------------

    def front(self, user: str, tab: int, currency: str) -> Storefront:
        """Return a storefront where the shopper is signed in."""
        return self.fronts[user, tab, currency]

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self.now += datetime.timedelta(seconds=seconds)

    def new_id(self) -> str:
        """Return an id for a movement or a hold."""
        self.ids += 1
        return f"i-{self.ids}"

    def look(self) -> Ended:
        """Let the schedule ask about the payments in progress."""
        call = Call("schedule", self.now, time.monotonic() + 30)
        return checkout.end_payments(call)

    @contextmanager
    def suffering(self, mishap: str) -> Iterator[None]:
        """Let one thing go wrong; who was killed by it is simply gone."""
        with pytest.MonkeyPatch.context() as patched:
            for where, name, instead in MISHAPS[mishap]:
                patched.setattr(where, name, instead)
            try:
                yield
            except Killed:
                event(mishap)

    def heard(self, envelope: Json) -> str:
        """Note the order that an answer thanks for; return in a word what was answered."""
        pages = [context["page_name"] for context in envelope["context_list"]]
        if "ThankYouPage" in pages:
            order_id = envelope["context_list"][pages.index("ThankYouPage")]["page_context"]
            self.thanked(int(order_id["order_id"]))
        if envelope["errors"]:
            return f"refused under {', '.join(sorted(envelope['errors']))}"
        return pages[-1] if pages else "to the basket"

    def thanked(self, order_id: int) -> None:
        """Hold the shop to the order that it thanked for."""
        orders = Books.of(self.everything()).orders.values()
        assert order_id in {order["order_id"] for order in orders}, "thanked for no order"

    # --- what must hold after each step ---------------------------------------------------------

    def everything(self) -> Rows:
        """Return every row of every table."""
        return {PREFIX + noun(row): copy.deepcopy(self.shop.rows(noun(row))) for row in ROWS}

    @invariant()
    def everything_is_in_order(self) -> None:
        """Audit the raw rows, and compare them with those of the step before."""
        before, rows = self.before, self.everything()
        self.before = rows
        if rows == before:
            return
        books = Books.of(rows)
        audit(books)
        assert_nothing_rewritten(before, rows)
        self._check_completed(books)
        paying = {
            f"demo:{row['reference']}:{row['order_id']}:{row['attempt']}:{row['begun_ms']}"
            for row in books.pre_orders.values()
            if row["state"] == "paying"
        }
        assert unordered_charges(books) <= paying, "charged, and nobody will end it"

    def _check_completed(self, books: Books) -> None:
        """Every completed checkout became its own order, with its own amounts; once."""
        ids = {order["order_id"]: order for order in books.orders.values()}
        assert len(ids) == len(books.orders)
        for key, row in books.pre_orders.items():
            order = ids.get(row["order_id"])
            assert (order is not None) == (row["state"] == "completed"), "half completed"
            if order is not None:
                same = {name: row[name] for name in ("total", "shipping", "loyalty", "currency")}
                assert same.items() <= order.items(), "completed otherwise than shown"
                assert f"{order['user']}#{order['currency']}" == key
                assert order["id"] == f"demo#{row['reference']}"
        for order in books.orders.values():
            if order["payment_type"] == "credit_card":
                rest = order["total"] - order["loyalty"]
                interests = {(rest * rate + 5000) // 10_000 for rate in RATES}
                assert order["charged"] - rest in interests, "charged other than the rest"

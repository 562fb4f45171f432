"""Shoppers with two tabs who do anything in any order, while the shop does as well.

Whatever was done, the client is left at rest after each step: see `hold`. And the credit that is
gone is what the orders say.
"""

import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import settings

from chalicelib.outside.sandbox import APPROVES, DECLINES, LOSES_ANSWER
from tests.conformance.browser import PAGES, Storefront, Tab, hold
from tests.conformance.conftest import Visit
from tests.conformance.shop import (
    BANK,
    CARD,
    CREDIT,
    FUNDS,
    OPTIONS,
    TOTAL,
    Refused,
    Shop,
    Shopper,
    Shops,
)

Report = Callable[[str, object], None]
Call = tuple[str, object]

MOST_OWN = 4
"""How many calls of its own may follow one of the user's."""

STEPS = 25
WALKS = {"test": (0, 4), "proof": (random.SystemRandom().randrange(10**6), 150)}
"""The first seed and how many there are: always the same ones, or new ones each time."""


def _card(number: str) -> Call:
    form = {"card_holder": "Ada", "card_month": "12", "card_year": "2040", "card_cvv": "123"}
    return "completeCreditCardPayment", {**form, "card_number": number}


CALLS: tuple[Call, ...] = (
    ("fetchCheckout", None),
    ("getCheckoutLoyaltyBalance", None),
    *(("payWithLoyaltyBalance", amount) for amount in (TOTAL, TOTAL, "20.00", "0.00", "90", "x")),
    *(("setPaymentOption", pk) for pk in (CARD, CARD, CREDIT, FUNDS, 9)),
    *(("setBinNumber", number[:6]) for number in (APPROVES, DECLINES, "5")),
    *(("setInstallmentOption", pk) for pk in (1, 2, 9)),
    ("completeLoyaltyPayment", None),
    *(_card(number) for number in (APPROVES, DECLINES, LOSES_ANSWER)),
    ("setFundsTransferOption", BANK["pk"]),
    ("completeFundsTransfer", None),
    ("getLoyaltyTransactions", None),
)

WAYS: tuple[tuple[Call, ...], ...] = (
    (("payWithLoyaltyBalance", TOTAL), ("completeLoyaltyPayment", None)),
    (("setPaymentOption", CARD), ("setBinNumber", APPROVES[:6]), _card(APPROVES)),
    (
        ("payWithLoyaltyBalance", "20.00"),
        ("setPaymentOption", CARD),
        ("setBinNumber", LOSES_ANSWER[:6]),
        _card(LOSES_ANSWER),
    ),
    (
        ("setPaymentOption", FUNDS),
        ("setFundsTransferOption", BANK["pk"]),
        ("completeFundsTransfer", None),
    ),
)
"""What leads to an order where nothing comes between."""

PLAN = {"pk": 1, "label": "Plan", "installment_count": 1}
SETTINGS: tuple[tuple[str, object], ...] = (
    *(("LOYALTY_MONEY_ENABLED", on) for on in (False, True, True)),
    ("INSTALLMENTS", [PLAN]),
    ("INSTALLMENTS", [{**PLAN, "interest_rate": 100}, {**PLAN, "pk": 2}]),
    ("INSTALLMENTS", [{**PLAN, "pk": 2}]),
    ("PAYMENT_OPTIONS", [*OPTIONS]),
    ("PAYMENT_OPTIONS", [*reversed(OPTIONS)]),
    ("PAYMENT_OPTIONS", [*OPTIONS[1:]]),
    *(("PAYMENT_GATEWAY", name) for name in ("none", "sandbox", "sandbox")),
    *(("BANK_ACCOUNTS", banks) for banks in ([], [BANK])),
)
TAKEN = {"already_completed", "payment_in_progress"}
"""Why a basket cannot be checked out again."""


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_shoppers_do_anything(
    storefront: Storefront, shops: Shops, visit: Visit, record_property: Report
) -> None:
    before, orders = storefront.steps, 0
    first, count = WALKS[settings.get_current_profile_name()]
    for seed in range(first, first + count):
        try:
            orders += walk(storefront, shops.open(), visit, random.Random(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
    assert orders >= count
    steps = storefront.steps - before
    record_property("report", f"walks: {steps} steps of the client, {orders} orders, from {first}")


def walk(storefront: Storefront, shop: Shop, visit: Visit, chance: random.Random) -> int:
    """Go some way to an order, or do anything, in either tab or in both at once.

    Return how many orders were made.
    """
    shop.set("PAYMENT_GATEWAY", "sandbox")
    ada = shop.shopper("100.00")
    given = Decimal("100.00")
    shop.open_pre_order(ada)
    tabs, way = [visit(ada), visit(ada)], deque[Call]()
    for _ in range(STEPS):
        if chance.random() < 0.15:
            shop.set(*chance.choice(SETTINGS))
        if chance.random() < 0.1:
            given += _move(shop, ada, chance)
        if chance.random() < 0.2:
            _open(shop, ada, chance.choice(("b1", "b2", "b3")))
        way = way or deque(chance.choice(WAYS))
        onward = [way.popleft()] if chance.random() < 0.6 else []
        others = [chance.choice(CALLS) for _ in range(chance.choice((0, 0, 1)))]
        calls = onward + others or [chance.choice(CALLS)]
        _step(storefront, [*zip(chance.sample(tabs, len(calls)), calls, strict=True)])
    orders = shop.orders(ada)
    spent = sum(Decimal(order["loyalty_money"]) for order in orders)
    assert Decimal(shop.balance(ada)) == given - spent
    return len(orders)


def _step(storefront: Storefront, calls: list[tuple[Tab, Call]]) -> None:
    steps = storefront.call_all(*((tab, *call) for tab, call in calls))
    for (_, (name, _)), step in zip(calls, steps, strict=True):
        # Both lists of a tab are stale where another basket is checked out meanwhile: it chooses
        # from both at once, and aborts the second of two equal calls that follow.
        hold(step, may_abort=True)
        assert step.pages[0] == PAGES[name]
        assert len(step.pages) <= 1 + MOST_OWN, (calls, step.pages)


def _move(shop: Shop, ada: Shopper, chance: random.Random) -> Decimal:
    """Give the shopper credit, or take all that is available; return what was given."""
    available = shop.available(ada)
    if chance.random() < 0.5 or Decimal(available) <= 0:
        shop.give(ada, "70.00")
        return Decimal("70.00")
    shop.take(ada, available)
    return -Decimal(available)


def _open(shop: Shop, ada: Shopper, reference: str) -> None:
    try:
        shop.open_pre_order(ada, reference=reference)
    except Refused as refused:
        if refused.code not in TAKEN:
            raise

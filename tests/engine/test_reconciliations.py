"""Reconciliations on the real engine: right while customers pay on, and what they cost, counted.

300 accounts in `make test`, 5,000 in `make proof`.
"""

import datetime
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import settings

from chalicelib import reconciliation
from chalicelib.core.accounts import FIRST_HASH, Account, AccountKey, Opening, after_entry
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import Difference
from chalicelib.core.transfers import open_with_credit, pay_order
from chalicelib.reconciliation import Comparison
from chalicelib.store.accounts import put_account_alone
from chalicelib.store.actions import Action
from chalicelib.store.connection import connection, forget_connection
from chalicelib.store.entries import put_entry
from tests.engine.bulk import put_in_bulk
from tests.verbs import comparisons, shop

ACCOUNTS: Final = {"test": 300, "proof": 5000}
"""By the profile of hypothesis, which `make proof` names."""

PAID: Final = 250
"""What every second customer has paid, in minor units."""

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]


def rows_of_customers(count: int) -> list[Action]:
    """Return rows of accounts with credit, of which every second one has paid an order."""
    actions: list[Action] = []
    now_ms = to_ms(shop.NOW)
    for number in range(count):
        account = Account(
            key=AccountKey(shop.CHANNEL, name_of(number), "TRY"),
            account_id=f"account-{number:05d}",
            available=0,
            held=0,
            seq=0,
            entry_ms=now_ms,
            entry_hash=FIRST_HASH,
            debit_allowed=False,
            opening=Opening(1000, f"key-{number}"),
            created_ms=now_ms,
            by="staff:t",
        )
        entry = open_with_credit(account, 1000).legs[0].entry
        account = after_entry(account, entry)
        actions.append(put_entry(entry))
        if number % 2:
            entry = (
                pay_order(
                    account,
                    reference=f"b-{number}",
                    amount=PAID,
                    may_overdraw=False,
                    now_ms=now_ms + number,
                    by="staff:t",
                )
                .legs[0]
                .entry
            )
            account = after_entry(account, entry)
            actions.append(put_entry(entry))
        actions += put_account_alone(account)
    return actions


def name_of(number: int) -> str:
    return f"user-{number:05d}"


def test_a_past_period_is_compared_rightly_while_customers_pay_on(
    tables: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    count = ACCOUNTS[settings.get_current_profile_name()]
    shop.open_shop()
    put_in_bulk(rows_of_customers(count))
    orders = {f"b-{number}": PAID for number in range(1, count, 2)}
    wrong = {**orders, "b-1": PAID + 1, "b-0": 5}
    del wrong["b-3"]
    ended, sent, chance = threading.Event(), Counter[str](), random.Random(11)

    def pay_on() -> None:
        while not ended.is_set():
            source, target = (name_of(n) for n in chance.sample(range(count), 2))
            sent["all"] += 1
            name = f"t-{sent['all']}"
            after_s = 3 * comparisons.DAY_S
            shop.send(name, source, target, "0.01", after_s=after_s)
            shop.hold(name, target, "0.01", after_s=after_s)
            shop.capture(name, target, order=name, after_s=after_s)

    payer = threading.Thread(target=pay_on)
    payer.start()
    try:
        while sent["all"] < 3:
            time.sleep(0.01)
        found, took_s = timed("march", wrong)
    finally:
        ended.set()
        payer.join()
    assert [(each.kind, each.order, each.captured) for each in found] == [
        ("captured_without_order", "b-3", PAID),
        ("order_without_capture", "b-0", 0),
        ("amount_differs", "b-1", PAID),
    ]
    job = comparisons.standing("march")
    assert (job.accounts, job.captures) == (count, count // 2)
    assert sent["all"] >= 3
    # Once nobody pays any more, it is the same: entries of a period that is over never change.
    assert timed("again", wrong)[0] == found
    record_property(
        "report",
        f"reconciliation: {count:,} accounts and {len(orders):,} captures in {took_s:.1f} s, "
        f"beside {3 * sent['all']} writes of customers",
    )


def timed(name: str, orders: dict[str, int]) -> tuple[list[Difference], float]:
    """Return what a reconciliation finds, and how long it takes."""
    started = time.monotonic()
    found = comparisons.reconcile(name, orders)
    return found, time.monotonic() - started


def test_an_account_costs_one_query_and_one_without_entries_since_none(
    tables: dict[str, str],
) -> None:
    count = 150
    shop.open_shop()
    put_in_bulk(rows_of_customers(count))
    forget_connection()
    operations = Counter[str]()

    def add(model: Any, **_: object) -> None:
        operations[model.name] += 1

    def cost_of(name: str, since_s: float) -> Counter[str]:
        comparisons.start(name, {}, since_s=since_s)
        operations.clear()
        comparisons.work_off()
        assert comparisons.standing(name).state == "closed"
        return Counter(operations)

    connection().client.meta.events.register("before-call.dynamodb", add)
    try:
        # Two pages of the index, whose accounts are read together; 75 accounts have paid.
        whole = cost_of("whole", 0)
        none = cost_of("none", 3600)
    finally:
        forget_connection()
    assert whole["Query"] == 2 + count + 1
    assert none["Query"] == 2 + 1
    # The job with each of the two steps, two pages of accounts, the orders; and the look at it.
    assert whole["BatchGetItem"] == none["BatchGetItem"] == 2 + 2 + 1 + 1
    assert whole["TransactWriteItems"] + whole["PutItem"] == 3
    assert none["PutItem"] == 3


def test_many_orders_and_captures_are_compared_within_a_message(
    tables: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    """The comparison is one step, however much there is: 50,000 orders, none of them captured."""
    shop.open_shop()
    listed = [Order(f"{number:032x}", "TRY", 100 + number) for number in range(50_000)]
    day = datetime.timedelta(days=1)
    comparison = Comparison(to_ms(shop.NOW), to_ms(shop.NOW + day), "TRY", listed)
    started = time.monotonic()
    reconciliation.start(shop.call(comparisons.LATER_S), shop.CHANNEL, "many", comparison)
    put_s = time.monotonic() - started
    started = time.monotonic()
    comparisons.work_off()
    took_s = time.monotonic() - started
    assert comparisons.standing("many").differences == 50_000
    started = time.monotonic()
    found, behind = reconciliation.list_differences(
        shop.call(), shop.CHANNEL, "many", None, limit=100, after=40_000
    )
    page_s = time.monotonic() - started
    assert (len(found), behind) == (100, 40_100)
    assert found[0].order == f"{40_000:032x}"
    record_property(
        "report",
        f"reconciliation of 50,000 orders: kept in {put_s:.1f} s, compared in {took_s:.1f} s, "
        f"a page of differences in {page_s:.2f} s",
    )

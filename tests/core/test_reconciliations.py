"""What does not agree between orders and captures, also beside a model that has no thoughts."""

import dataclasses
import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import reconciliations as rules
from chalicelib.core.accounts import AccountKey, Entry, EntryKind
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import Capture, Found, Place, Position, Reconciliation, Refund

JOB: Final = Reconciliation(
    channel="demo",
    id="march",
    since_ms=0,
    until_ms=1000,
    currency=None,
    content_hash="f" * 64,
    list_id="0" * 16,
    lists=1,
    orders=2,
    created_ms=5000,
    by="staff:test",
    updated_ms=5000,
)
HERE: Final = Position(Place("TRY", "ada", "1001"))


def capture(
    order: str | None, amount: int, name: str = "t-1", currency: str = "TRY", at_ms: int = 1
) -> Capture:
    return Capture(order, currency, amount, name, "1001", at_ms)


def refund(order: str | None, amount: int, sale: str = "t-1", currency: str = "TRY") -> Refund:
    return Refund(order, currency, amount, sale)


def entry(kind: EntryKind, amount: int, transfer_id: str, order: str | None) -> Entry:
    account = AccountKey("demo", "1001", "TRY")
    return Entry(account, 1, 7, amount, 0, kind, "house:SALE", transfer_id, order, None, "")


# --- comparing ----------------------------------------------------------------------------------


def test_nothing_and_nothing_agree() -> None:
    assert rules.compare([], [], []) == ([], [])


def test_an_order_paid_nothing_needs_no_capture() -> None:
    found, (totals,) = rules.compare([Order("a", "TRY", 0)], [], [])
    assert (found, totals.agreed) == ([], 1)


def test_an_order_that_credit_paid_against_the_list_differs() -> None:
    (found,), _ = rules.compare([Order("a", "TRY", 0)], [capture("a", 5)], [])
    assert (found.kind, found.paid, found.captured) == ("amount_differs", 0, 5)


def test_captures_of_one_order_count_together() -> None:
    captures = [capture("a", 5, "t-1"), capture("a", 7, "t-2")]
    assert rules.compare([Order("a", "TRY", 12)], captures, [])[0] == []


def test_refunds_are_shown_and_change_nothing() -> None:
    sides = ([Order("a", "TRY", 12)], [capture("a", 12)])
    found, (totals,) = rules.compare(*sides, [refund("a", 12)])
    assert (found, totals.refunded) == ([], 12)


def test_captures_without_an_order_are_told_one_by_one() -> None:
    captures = [capture(None, 5, "t-2"), capture(None, 7, "t-1"), capture("t-1", 9, "t-3")]
    found, _ = rules.compare([], captures, [refund(None, 2, "t-2")])
    assert [(d.order, d.captured, d.refunded) for d in found] == [
        (None, 7, 0),
        (None, 5, 2),
        ("t-1", 9, 0),
    ]


def test_an_order_in_another_currency_is_two_differences() -> None:
    found, totals = rules.compare([Order("a", "TRY", 5)], [capture("a", 5, currency="USD")], [])
    assert [(d.kind, d.currency) for d in found] == [
        ("captured_without_order", "USD"),
        ("order_without_capture", "TRY"),
    ]
    assert [(t.currency, t.agreed) for t in totals] == [("TRY", 0), ("USD", 0)]


def test_the_first_captures_of_many_are_listed_and_all_are_counted() -> None:
    captures = [capture("a", 1, f"t-{number:03d}", at_ms=1000 - number) for number in range(50)]
    (found,), _ = rules.compare([], captures, [])
    assert (found.capture_count, found.captured) == (50, 50)
    assert [c.transfer_id for c in found.captures] == [f"t-{n:03d}" for n in range(49, 29, -1)]


currencies = st.sampled_from(["TRY", "USD"])
names = st.sampled_from("abcd")
amounts = st.integers(0, 3)
orders = st.dictionaries(st.tuples(currencies, names), amounts)
captures = st.lists(st.tuples(currencies, st.none() | names, st.integers(1, 3)))


@given(orders, captures)
def test_what_is_found_is_what_a_search_finds(
    listed: dict[tuple[str, str], int], paid: list[tuple[str, str | None, int]]
) -> None:
    given_orders = [Order(name, currency, amount) for (currency, name), amount in listed.items()]
    given_captures = [
        capture(name, amount, f"t-{number}", currency)
        for number, (currency, name, amount) in enumerate(paid)
    ]
    expected: list[tuple[str, str, str | None, int | None, int]] = []
    for currency in ("TRY", "USD"):
        for name in "abcd":
            of_list = listed.get((currency, name))
            sums = [amount for c, n, amount in paid if (c, n) == (currency, name)]
            if of_list is None and sums:
                expected.append(("captured_without_order", currency, name, None, sum(sums)))
            elif of_list is not None and not sums and of_list:
                expected.append(("order_without_capture", currency, name, of_list, 0))
            elif of_list is not None and sums and sum(sums) != of_list:
                expected.append(("amount_differs", currency, name, of_list, sum(sums)))
    expected += [
        ("captured_without_order", currency, None, None, amount)
        for currency, name, amount in paid
        if name is None
    ]
    found, totals = rules.compare(given_orders, given_captures, [])
    told = [(str(d.kind), d.currency, d.order, d.paid, d.captured) for d in found]
    assert sorted(told, key=str) == sorted(expected, key=str)
    assert sum(t.paid for t in totals) == sum(listed.values())
    assert sum(t.captured for t in totals) == sum(amount for *_, amount in paid)
    assert sum(t.agreed for t in totals) == len(listed) - sum(d.paid is not None for d in found)
    counts = [t.captured_without_order + t.order_without_capture + t.amount_differs for t in totals]
    assert sum(counts) == len(found)
    # What is missing on one side or the other explains the whole of what the sides differ by.
    gap = sum(d.captured - (d.paid or 0) for d in found)
    assert gap == sum(t.captured - t.paid for t in totals)


@given(orders, captures, st.integers())
def test_the_order_of_the_captures_plays_no_part(
    listed: dict[tuple[str, str], int],
    paid: list[tuple[str, str | None, int]],
    seed: int,
) -> None:
    given_orders = [Order(name, currency, amount) for (currency, name), amount in listed.items()]
    given_captures = [
        capture(name, amount, f"t-{number}", currency)
        for number, (currency, name, amount) in enumerate(paid)
    ]
    first = rules.compare(given_orders, given_captures, [])
    chance = random.Random(seed)
    chance.shuffle(given_orders)
    chance.shuffle(given_captures)
    assert rules.compare(given_orders, given_captures, []) == first


# --- entries ------------------------------------------------------------------------------------


def test_orders_and_captured_holds_are_captures_and_nothing_else_is() -> None:
    entries = [
        entry("order", -500, "order:b-1", "b-1"),
        entry("capture", -300, "capture:ada:h", None),
        entry("transfer", -200, "t-1", None),
        entry("adjust", -100, "a-1", None),
        entry("opening", 900, "open:ada", None),
        entry("refund", 100, "refund:order:b-1:r-1", "b-1"),
    ]
    assert rules.captures_in(entries) == [
        Capture("b-1", "TRY", 500, "order:b-1", "1001", 7),
        Capture(None, "TRY", 300, "capture:ada:h", "1001", 7),
    ]
    assert rules.refunds_in(entries) == [Refund("b-1", "TRY", 100, "order:b-1")]


# --- steps --------------------------------------------------------------------------------------


def test_a_step_adds_what_it_found_and_the_last_one_ends_the_walk() -> None:
    found = Found(3, [capture("a", 1)], [refund("a", 1)], HERE)
    once = rules.look_on(JOB, found, 6000)
    assert (once.state, once.position, once.rev, once.updated_ms) == ("running", HERE, 2, 6000)
    twice = rules.look_on(once, dataclasses.replace(found, position=None), 7000)
    assert (twice.state, twice.accounts, twice.captures, twice.refunds) == ("comparing", 6, 2, 2)
    assert twice.position is None
    closed = rules.close(twice, [], [], result_id="x", results=1, now_ms=8000)
    assert (closed.state, closed.ended_ms, closed.rev, closed.in_progress) == (
        "closed",
        8000,
        4,
        False,
    )


def test_too_much_to_compare_ends_the_walk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_MOVEMENTS", 2)
    at_most = rules.look_on(JOB, Found(1, [capture("a", 1)] * 2, [], HERE), 6000)
    assert at_most.state == "running"
    failed = rules.look_on(at_most, Found(1, [], [refund("a", 1)], HERE), 7000)
    assert (failed.state, failed.ended_ms, failed.in_progress) == ("failed", 7000, False)


def test_a_late_message_about_an_earlier_step_shows_that_the_next_was_lost() -> None:
    job = dataclasses.replace(JOB, rev=4)
    after_ms = job.updated_ms + rules.STALLED_MS
    assert rules.is_lost(job, 3, after_ms + 1)
    assert rules.is_lost(job, 1, after_ms + 1)
    assert not rules.is_lost(job, 3, after_ms)
    assert not rules.is_lost(job, 4, after_ms + 1)
    assert not rules.is_lost(dataclasses.replace(job, state="closed"), 3, after_ms + 1)

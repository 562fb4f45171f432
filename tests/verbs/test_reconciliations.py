"""Reconciliations: what does not agree is found, whatever happens to the messages in between."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import reconciliation
from chalicelib.core import errors
from chalicelib.core import reconciliations as rules
from chalicelib.core.names import to_ms
from chalicelib.core.reconciliation_orders import Order
from chalicelib.core.reconciliations import Difference, Reconciliation
from chalicelib.outside import queue
from chalicelib.reconciliation import Comparison
from chalicelib.store.reconciliations import list_accounts
from tests.store.wire import Fault, Json, Meanwhile, NoConnection, Silence, Wire, error
from tests.verbs import comparisons, shop
from tests.verbs.comparisons import (
    DAY_S,
    LATER_S,
    comparison_of,
    differences_of,
    reconcile,
    standing,
    start,
    taken,
    work,
    work_off,
)

NAMES = tuple(f"u{number:02d}" for number in range(8))
GOOD = {"basket-1": 4000, "o-1": 1000, "o-2": 700}
"""What the orders of this shop would say if all were right."""


@pytest.fixture(scope="module")
def furnished() -> dict[str, dict[str, list[Json]]]:
    """Hold the rows of the shop, once they were written."""
    return {}


@pytest.fixture(autouse=True)
def opened(wire: Wire, furnished: dict[str, dict[str, list[Json]]]) -> None:
    """Open a shop in which ada has paid a basket, and some have captured holds."""
    queue.forget_local()
    if furnished:
        wire.restore(furnished["rows"])
        return
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="20.00", alan="0", **dict.fromkeys(NAMES, "1.00"))
    shop.buy("ada", 4000, "basket-1")
    shop.hold("h-1", "grace", "10.00", after_s=60)
    shop.capture("h-1", "grace", order="o-1", after_s=90)
    shop.hold("h-2", "grace", "5.00", after_s=120)
    shop.capture("h-2", "grace", order="o-2", after_s=150)
    shop.hold("h-3", "ada", "2.00", after_s=160)
    shop.capture("h-3", "ada", order="o-2", after_s=180)
    furnished["rows"] = wire.everything()


def told(found: list[Difference]) -> list[tuple[str, str | None, int | None, int, int, int]]:
    return [(d.kind, d.order, d.paid, d.captured, d.refunded, d.capture_count) for d in found]


# --- what is found ------------------------------------------------------------------------------


def test_orders_that_say_what_was_captured_agree() -> None:
    assert reconcile("march", GOOD) == []
    job = standing("march")
    assert (job.accounts, job.captures, job.refunds, job.orders) == (11, 4, 0, 3)
    (totals,) = job.totals
    assert (totals.paid, totals.captured, totals.agreed) == (5700, 5700, 3)
    assert job.ended_ms == to_ms(shop.call(LATER_S).now)


def test_each_kind_of_difference_is_found_with_its_captures() -> None:
    shop.hold("h-4", "ada", "1.00", after_s=200)
    shop.capture("h-4", "ada", after_s=200)
    shop.refund_order("r-1", "3.00", after_s=300)
    shop.refund_hold("r-2", "h-4", "0.25", "ada", after_s=310)
    found = reconcile("march", {"basket-1": 4100, "o-1": 1000, "o-9": 50, "zero": 0})
    assert told(found) == [
        ("captured_without_order", None, None, 100, 25, 1),
        ("captured_without_order", "o-2", None, 700, 0, 2),
        ("order_without_capture", "o-9", 50, 0, 0, 0),
        ("amount_differs", "basket-1", 4100, 4000, 300, 1),
    ]
    first, second = found[1].captures
    assert (first.transfer_id, first.user_pk, first.amount) == (
        f"capture:{shop.account_of('grace').account_id}:h-2",
        "grace",
        500,
    )
    assert (second.user_pk, second.amount) == ("ada", 200)
    assert second.at_ms == to_ms(shop.call(180).now)
    (totals,) = standing("march").totals
    assert totals == rules.Totals("TRY", 4, 5150, 5, 5800, 325, 2, 2, 1, 1)


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    everything = {"o-1": 1000, "o-2": 700}
    whole = {"since_s": 90, "until_s": 180.001}
    assert reconcile("inside", everything, **whole) == []
    early = reconcile("early", everything, since_s=90.001, until_s=180.001)
    assert told(early) == [("order_without_capture", "o-1", 1000, 0, 0, 0)]
    late = reconcile("late", everything, since_s=90, until_s=180)
    assert told(late) == [("amount_differs", "o-2", 700, 500, 0, 1)]


def test_one_currency_is_compared_alone_and_without_one_all_are() -> None:
    shop.open_account("ada", "9.00", "USD")
    shop.hold("h-5", "ada", "9.00", "USD", after_s=200)
    shop.capture("h-5", "ada", None, "USD", order="o-1", after_s=200)
    assert reconcile("lira", GOOD) == []
    assert standing("lira").accounts == 11
    asked = comparison_of(GOOD, currency=None)
    reconciliation.start(shop.call(LATER_S), shop.CHANNEL, "all", asked)
    work_off()
    assert told(differences_of("all")) == [("captured_without_order", "o-1", None, 900, 0, 1)]
    assert [totals.currency for totals in standing("all").totals] == ["TRY", "USD"]
    dollars = Comparison(asked.since_ms, asked.until_ms, "USD", [Order("o-1", "USD", 900)])
    reconciliation.start(shop.call(LATER_S), shop.CHANNEL, "usd", dollars)
    work_off()
    assert (differences_of("usd"), standing("usd").accounts) == ([], 1)


def test_a_period_without_orders_and_a_channel_without_accounts_are_compared() -> None:
    assert len(reconcile("none", {})) == 3
    assert reconcile("before", {}, since_s=-DAY_S, until_s=0) == []
    shop.open_shop("empty")
    asked = comparison_of({"o-1": 5})
    reconciliation.start(shop.call(LATER_S), "empty", "march", asked)
    work_off()
    job = reconciliation.read_reconciliation(shop.call(), "empty", "march")
    assert (job.state, job.accounts, job.differences) == ("closed", 0, 1)


def test_what_moves_meanwhile_changes_nothing() -> None:
    start("march", GOOD)
    shop.hold("h-6", "u00", "1.00", after_s=LATER_S)
    shop.capture("h-6", "u00", order="o-6", after_s=LATER_S)
    work_off()
    assert differences_of("march") == []


# --- starting -----------------------------------------------------------------------------------


def test_an_id_is_of_one_content_for_ever() -> None:
    first = start("march", GOOD)
    again = start("march", dict(reversed(GOOD.items())), after_s=LATER_S + 5)
    assert (first.written, again.written) == (True, False)
    assert again.answer == first.answer
    for orders, more in ((GOOD, {"until_s": DAY_S - 1}), ({**GOOD, "o-1": 1001}, {}), ({}, {})):
        with pytest.raises(errors.IdConflict):
            start("march", orders, **more)
    work_off()
    closed = standing("march")
    assert start("march", GOOD).answer == closed
    assert taken() == []
    with pytest.raises(errors.IdConflict):
        start("march", {})


@pytest.mark.parametrize("since_s, until_s", [(10, 10), (11, 10), (-(10**11), 10)])  # noqa: PT006
def test_a_period_must_be_one(since_s: float, until_s: float) -> None:
    asked = Comparison(int(since_s * 1000), int(until_s * 1000), "TRY", [])
    with pytest.raises(errors.InvalidRequest):
        reconciliation.start(shop.call(), shop.CHANNEL, "march", asked)


def test_a_period_must_be_over_for_a_minute() -> None:
    with pytest.raises(errors.AtTooRecent):
        start("march", GOOD, after_s=DAY_S + 59.999)
    with pytest.raises(errors.UnknownReconciliation):
        standing("march")
    assert taken() == []
    assert start("march", GOOD, after_s=DAY_S + 60).written


def test_unknown_channels_and_reconciliations_are_refused() -> None:
    asked = comparison_of(GOOD)
    with pytest.raises(errors.UnknownChannel):
        reconciliation.start(shop.call(LATER_S), "nowhere", "march", asked)
    with pytest.raises(errors.UnknownChannel):
        reconciliation.read_reconciliation(shop.call(), "nowhere", "march")
    with pytest.raises(errors.UnknownChannel):
        reconciliation.list_reconciliations(shop.call(), "nowhere", limit=5, start=None)
    with pytest.raises(errors.UnknownReconciliation):
        comparisons.differences_of("march")


def test_reconciliations_are_listed_newest_first() -> None:
    for number in range(3):
        start(f"r-{number}", {}, after_s=LATER_S + number)
    page, last = reconciliation.list_reconciliations(shop.call(), shop.CHANNEL, limit=2, start=None)
    rest, end = reconciliation.list_reconciliations(shop.call(), shop.CHANNEL, limit=2, start=last)
    assert [job.id for job in (*page, *rest)] == ["r-2", "r-1", "r-0"]
    assert end is None


def test_differences_are_listed_by_pages_and_by_kind() -> None:
    reconcile("march", {f"x-{number}": 1 for number in range(5)})

    def page(kind: rules.Kind | None, after: int) -> tuple[list[str | None], int | None]:
        found, behind = reconciliation.list_differences(
            shop.call(), shop.CHANNEL, "march", kind, limit=3, after=after
        )
        return [each.order for each in found], behind

    assert page(None, 0) == (["basket-1", "o-1", "o-2"], 3)
    assert page(None, 3) == (["x-0", "x-1", "x-2"], 6)
    assert page(None, 6) == (["x-3", "x-4"], None)
    assert page("order_without_capture", 3) == (["x-3", "x-4"], None)
    assert page("amount_differs", 0) == ([], None)


# --- in many steps ------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step be small, so that few accounts need many."""
    monkeypatch.setattr(rules, "PAGES_A_STEP", 2)
    monkeypatch.setattr(rules, "ACCOUNTS_A_PAGE", 3)
    monkeypatch.setattr(rules, "ENTRIES_A_PAGE", 1)


WRONG = {"basket-1": 4000, "o-1": 1001, "o-9": 5}
"""Orders of which three do not agree."""


def expected(result: Reconciliation) -> tuple[str, int, int, int, int, tuple[rules.Totals, ...]]:
    return (
        result.state,
        result.accounts,
        result.captures,
        result.refunds,
        result.differences,
        result.totals,
    )


@pytest.fixture
def undisturbed(opened: None) -> tuple[object, list[Difference]]:
    """Return how a reconciliation ends that nothing disturbs."""
    found = reconcile("undisturbed", WRONG)
    return expected(standing("undisturbed")), found


def test_many_small_steps_find_what_one_does(
    undisturbed: tuple[object, list[Difference]], small: None
) -> None:
    seen = set()
    start("march", WRONG)
    while messages := taken():
        seen.add((standing("march").accounts, standing("march").position))
        for message in messages:
            work(message)
    assert len(seen) > 6
    assert any(position and position.at_seq for _, position in seen)
    assert (expected(standing("march")), differences_of("march")) == undisturbed


@pytest.mark.parametrize("seed", range(4))
def test_messages_that_come_twice_late_and_out_of_order_count_once(
    undisturbed: tuple[object, list[Difference]], small: None, seed: int
) -> None:
    chance = random.Random(seed)
    start("march", WRONG)
    seen: list[dict[str, Any]] = []
    while messages := taken():
        seen += messages
        again = [*messages, *chance.choices(seen, k=3)]
        chance.shuffle(again)
        for message in again:
            work(message)
    assert (expected(standing("march")), differences_of("march")) == undisturbed
    for message in seen:
        work(message, after_s=LATER_S + 3600)
    assert taken() == []


def test_messages_that_come_twice_do_not_multiply(small: None) -> None:
    start("march", WRONG)
    steps = work_off()
    start("april", WRONG)
    start("april", WRONG)
    count = 0
    while messages := taken():
        for message in [*messages, *messages]:
            work(message)
        count += len(messages)
    assert count <= steps + 1


def test_a_message_whose_successor_was_lost_sends_it_once_it_is_late(small: None) -> None:
    start("march", WRONG)
    (first,) = taken()
    work(first)
    taken()
    work(first)
    assert taken() == []
    work(first, after_s=LATER_S + 61)
    (next_one,) = taken()
    assert next_one["rev"] == first["rev"] + 1


def test_a_repetition_goes_on_with_one_that_stands_still(
    undisturbed: tuple[object, list[Difference]], small: None
) -> None:
    start("march", WRONG)
    for _ in range(3):
        for message in taken():
            work(message)
    taken()
    stood = standing("march")
    assert stood.in_progress
    assert not start("march", WRONG).written
    work_off()
    assert (expected(standing("march")), differences_of("march")) == undisturbed


FAULTS: dict[str, Callable[[], Fault]] = {
    "no connection": NoConnection,
    "done without an answer": lambda: Silence(done=True),
    "not done, without an answer": lambda: Silence(done=False),
    "throttled": lambda: error("ThrottlingException"),
}


def crash_after(wire: Wire, requests: int, act: Callable[[], object]) -> bool:
    """Do something whose process ends after so many requests; return whether it ended by that."""

    class Killed(BaseException):
        pass

    left = requests

    def kill(**_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    client = wire._client
    client.meta.events.register_first("before-call.dynamodb", kill)
    try:
        act()
    except Killed:
        return True
    finally:
        client.meta.events.unregister("before-call.dynamodb", kill)
    return False


@pytest.mark.parametrize("requests", range(0, 40, 3))
def test_a_crash_after_any_request_and_a_repetition_end_in_the_same(
    undisturbed: tuple[object, list[Difference]], wire: Wire, small: None, requests: int
) -> None:
    def whole() -> None:
        start("march", WRONG)
        work_off()

    crashed = crash_after(wire, requests, whole)
    taken()
    assert crashed
    whole()
    assert (expected(standing("march")), differences_of("march")) == undisturbed


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", ["PutItem", "TransactWriteItems", "Query", "BatchGetItem"])
def test_a_fault_of_any_request_costs_a_repetition_at_most(
    undisturbed: tuple[object, list[Difference]],
    wire: Wire,
    small: None,
    fault: str,
    operation: str,
) -> None:
    wire.plan(operation, FAULTS[fault]())
    start("march", WRONG)
    for _ in range(60):
        wire.plan(operation, FAULTS[fault]())
        if not work_off_one():
            break
    wire.heal()
    work_off()
    assert (expected(standing("march")), differences_of("march")) == undisturbed


def work_off_one() -> bool:
    messages = taken()
    for message in messages:
        work(message)
    return bool(messages)


def test_two_workers_at_one_step_send_one_message(
    undisturbed: tuple[object, list[Difference]], wire: Wire, small: None
) -> None:
    start("march", WRONG)
    while messages := taken():
        (message,) = messages
        rev = standing("march").rev
        first_time = True

        def meanwhile(message: dict[str, Any] = message) -> None:
            nonlocal first_time
            if first_time:
                first_time = False
                work(message, after_s=LATER_S + 1)

        wire.plan("TransactWriteItems", Meanwhile(meanwhile))
        wire.plan("PutItem", Meanwhile(meanwhile))
        work(message)
        assert not first_time
        wire.heal()
        assert standing("march").rev == rev + 1
    assert (expected(standing("march")), differences_of("march")) == undisturbed


def test_too_much_to_compare_fails_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_MOVEMENTS", 3)
    start("march", GOOD)
    work_off()
    job = standing("march")
    assert (job.state, job.captures, job.differences) == ("failed", 4, 0)
    assert job.ended_ms is not None
    assert not start("march", GOOD).written
    assert taken() == []


def test_what_a_step_finds_may_take_several_rows(
    undisturbed: tuple[object, list[Difference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.jobs.PIECE_BYTES", 40)
    start("march", WRONG)
    assert standing("march").lists > 1
    work_off()
    assert standing("march").results > 1
    assert (expected(standing("march")), differences_of("march")) == undisturbed


def test_accounts_without_an_entry_in_the_period_are_not_queried(wire: Wire) -> None:
    start("march", {}, since_s=100)
    wire.forget()
    work_off()
    queried = [
        sent.request["ExpressionAttributeValues"]
        for sent in wire.sent
        if sent.operation == "Query" and sent.request["TableName"] == "test-entries"
    ]
    assert len(queried) == 2
    accounts, last = list_accounts(
        standing("march"), None, limit=100, deadline=shop.call().deadline
    )
    assert (len(accounts), last) == (11, None)


def test_each_step_costs_what_its_budget_says(wire: Wire) -> None:
    def cost_of(act: Callable[[], object]) -> tuple[int, int]:
        wire.forget()
        act()
        return wire.cost

    wire.weighs = True
    assert cost_of(lambda: start("march", GOOD)) == (3, 2)
    assert cost_of(lambda: start("march", GOOD)) == (1, 0)
    walk, _ = taken()
    # The job, a page of accounts and their rows, each of the ten that have entries, and the save.
    assert cost_of(lambda: work(walk)) == (1 + 2 + 10 + 1, 4)
    # Late, and of no use any more.
    assert cost_of(lambda: work(walk)) == (1, 0)
    (end,) = taken()
    # The job, the orders, what was found; the differences and the job.
    assert cost_of(lambda: work(end)) == (5, 2)
    assert cost_of(lambda: standing("march")) == (1, 0)
    assert cost_of(lambda: differences_of("march")) == (2, 0)


def test_a_message_about_nothing_is_reported() -> None:
    with pytest.raises(LookupError):
        work({"noun": "reconciliation", "channel": "demo", "id": "x", "rev": 1})

"""Holds: what they keep, how they end, and who learns what when two ends meet."""

from collections.abc import Callable

import pytest

from chalicelib import ledger
from chalicelib.core.errors import (
    CaptureExceedsHold,
    HoldCaptured,
    HoldLapsed,
    HoldVoided,
    IdConflict,
    InsufficientCredit,
    InvalidAmount,
    Refusal,
    TooManyHolds,
    UnknownAccount,
    UnknownChannel,
    UnknownHold,
)
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import LoyaltyDisabled
from chalicelib.core.transitions import PageEvent
from tests.store.wire import Meanwhile, Silence, Wire
from tests.verbs import shop
from tests.verbs.shop import HOUR_S


@pytest.fixture(autouse=True)
def held(wire: Wire) -> Wire:
    """Open a shop where ada has 50.00, grace nothing, and rich nothing but debit."""
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="0")
    shop.register("rich")
    shop.open_account("rich", "0", debit=True)
    return wire


def standing(user_pk: str = "ada", after_s: float = 0) -> tuple[int, int, int]:
    """Return available, held and balance in minor units."""
    account = shop.account_of(user_pk, after_s=after_s)
    return account.available, account.held, account.balance


def test_a_hold_keeps_credit_and_writes_no_entry() -> None:
    before = shop.account_of("ada")
    settled = shop.hold("h-1", amount="20.00")
    after = shop.account_of("ada")
    assert settled.written
    assert (settled.answer.state, settled.answer.hold.amount) == ("open", 2000)
    assert standing() == (3000, 2000, 5000)
    assert (after.seq, after.entry_hash, after.entry_ms) == (
        before.seq,
        before.entry_hash,
        before.entry_ms,
    )
    assert [hold.id for hold in after.open_holds] == ["h-1"]


def test_held_credit_can_be_spent_by_nobody_else() -> None:
    shop.hold("h-1", amount="20.00")
    with pytest.raises(InsufficientCredit, match=r"30\.00 TRY is available"):
        shop.send("t-1", "ada", "grace", "30.01")
    with pytest.raises(InsufficientCredit, match=r"30\.00 TRY is available"):
        shop.hold("h-2", amount="30.01")
    shop.open_checkout("ada", 3001)
    assert shop.code_of(shop.visit("ada", PageEvent.USE_CREDIT, "30.01")) == "amount_over_credit"
    shop.send("t-1", "ada", "grace", "30.00")
    assert standing() == (0, 2000, 2000)


@pytest.mark.parametrize(("amount", "left"), [(None, 3000), ("20.00", 3000), ("0.01", 4999)])
def test_a_capture_spends_its_part_and_frees_the_rest(amount: str | None, left: int) -> None:
    shop.hold("h-1", amount="20.00")
    settled = shop.capture("h-1", amount=amount, order="basket-9", after_s=5)
    assert (settled.answer.state, settled.answer.hold.captured) == ("captured", 5000 - left)
    assert standing() == (left, 0, left)
    last = shop.entries_of("ada")[-1]
    assert (last.kind, last.counterparty, last.order) == ("capture", "house:SALE", "basket-9")
    assert (last.amount, last.balance_after) == (left - 5000, left)
    stored = ledger.read_transfer(shop.call(), shop.CHANNEL, last.transfer_id)
    assert stored.id == f"capture:{shop.account_of('ada').account_id}:h-1"
    assert (stored.target.account_id, stored.amount) == ("house:SALE", 5000 - left)


def test_a_void_gives_everything_back_and_writes_no_entry() -> None:
    shop.hold("h-1", amount="20.00")
    settled = shop.void("h-1")
    assert (settled.answer.state, settled.written) == ("voided", True)
    assert standing() == (5000, 0, 5000)
    assert len(shop.entries_of("ada")) == 1


@pytest.mark.parametrize("end", [ledger.void, ledger.capture])
def test_who_ended_a_hold_is_stored_and_when(held: Wire, end: Callable[..., object]) -> None:
    shop.hold("h-1")
    more = {} if end is ledger.void else {"amount": None, "order": None}
    end(shop.call(5, by="staff:other"), shop.key_of("ada"), "h-1", **more)
    (row,) = held.everything()["test-holds"]
    assert row["by"] == {"S": "staff:test"}
    assert row["ended_by"] == {"S": "staff:other"}
    assert row["ended_ms"] == {"N": str(to_ms(shop.call(5).now))}


def test_a_hold_lapses_by_its_time_limit_to_the_millisecond() -> None:
    shop.hold("h-1", amount="20.00", life_s=60)
    assert standing(after_s=59.999) == (3000, 2000, 5000)
    assert standing(after_s=60) == (5000, 0, 5000)
    assert shop.state_of("h-1", after_s=59.999) == "open"
    assert shop.state_of("h-1", after_s=60) == "lapsed"


@pytest.mark.parametrize(
    "act",
    [
        lambda: shop.send("t-1", "ada", "grace", "50.00", after_s=60),
        lambda: shop.hold("h-2", amount="50.00", after_s=60),
        lambda: shop.adjust("a-1", amount="-50.00", after_s=60),
    ],
)
def test_credit_of_a_lapsed_hold_is_spent_by_the_next_who_comes(
    held: Wire, act: Callable[[], object]
) -> None:
    shop.hold("h-1", amount="20.00", life_s=60)
    act()
    row = held.item("test-accounts", {"user": {"S": "demo#ada"}, "currency": {"S": "TRY"}})
    assert row is not None
    assert "h-1" not in row["open_holds"]["M"], "whoever writes the row takes lapsed holds off"
    assert row["available"] == {"N": "0"}
    with pytest.raises(HoldLapsed):
        shop.capture("h-1", after_s=60)


def test_a_payment_at_checkout_may_use_credit_of_a_lapsed_hold() -> None:
    shop.hold("h-1", amount="20.00", life_s=60)
    shop.open_checkout("ada", 5000)
    shop.visit("ada", PageEvent.USE_CREDIT, "50.00", after_s=60)
    assert shop.visit("ada", PageEvent.COMPLETE, "true", after_s=60).refusal is None
    assert standing(after_s=60) == (0, 0, 0)


def test_a_hold_that_one_clock_calls_lapsed_is_captured_by_no_other(held: Wire) -> None:
    """Two processes never agree on the time: whoever writes the account first decides."""
    shop.hold("h-1", amount="50.00", life_s=60)

    def spend_by_a_fast_clock() -> None:
        shop.send("t-1", "ada", "grace", "50.00", after_s=60)

    held.plan("TransactWriteItems", Meanwhile(spend_by_a_fast_clock))
    with pytest.raises(HoldLapsed):
        shop.capture("h-1", after_s=59)
    assert (standing(), standing("grace")) == ((0, 0, 0), (5000, 0, 5000))


# --- how holds end, and what is said of it ------------------------------------------------------

ENDS: dict[str, tuple[Callable[[], object], type[Refusal], str]] = {
    "captured": (
        lambda: shop.capture("h-1", amount="6.00", order="basket-9"),
        HoldCaptured,
        r"captured before, with 6\.00 TRY for the order basket-9",
    ),
    "voided": (lambda: shop.void("h-1"), HoldVoided, "voided before"),
    "lapsed": (lambda: None, HoldLapsed, r"time limit was 2026-03-01T13:00:00\.123"),
}

TRIES: dict[str, Callable[[], object]] = {
    "capture": lambda: shop.capture("h-1", amount="7.00", after_s=HOUR_S),
    "capture all": lambda: shop.capture("h-1", after_s=HOUR_S),
    "void": lambda: shop.void("h-1", after_s=HOUR_S),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("what", TRIES)
def test_a_hold_ends_once_and_later_tries_are_told_how(held: Wire, how: str, what: str) -> None:
    end, refusal, words = ENDS[how]
    shop.hold("h-1", amount="10.00")
    end()
    before = held.everything()
    if (how, what) == ("voided", "void"):
        assert not shop.void("h-1", after_s=HOUR_S).written
    else:
        with pytest.raises(refusal, match=words):
            TRIES[what]()
    assert held.everything() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: shop.capture("h-1"), lambda: shop.void("h-1")),
        (lambda: shop.void("h-1"), lambda: shop.capture("h-1")),
        (lambda: shop.capture("h-1", amount="1.00"), lambda: shop.capture("h-1")),
    ],
)
def test_of_two_ends_at_once_one_happens(
    held: Wire, first: Callable[[], object], second: Callable[[], object]
) -> None:
    shop.hold("h-1", amount="10.00")
    held.plan("TransactWriteItems", Meanwhile(first))
    with pytest.raises((HoldCaptured, HoldVoided)):
        second()
    assert standing()[1] == 0


def test_nobody_takes_the_credit_between_a_read_and_the_hold(held: Wire) -> None:
    held.plan("TransactWriteItems", Meanwhile(lambda: shop.send("t-1", "ada", "grace", "45.00")))
    with pytest.raises(InsufficientCredit, match=r"5\.00 TRY is available"):
        shop.hold("h-1", amount="10.00")
    assert standing() == (500, 0, 500)


def test_a_hold_between_a_read_and_a_transfer_is_seen_though_it_writes_no_entry(
    held: Wire,
) -> None:
    held.plan("TransactWriteItems", Meanwhile(lambda: shop.hold("h-1", amount="45.00")))
    with pytest.raises(InsufficientCredit, match=r"5\.00 TRY is available"):
        shop.send("t-1", "ada", "grace", "10.00")
    assert standing() == (500, 4500, 5000)


def test_a_hold_never_draws_overdraft(held: Wire) -> None:
    with pytest.raises(InsufficientCredit, match="never draws overdraft"):
        shop.hold("h-1", "rich", "0.01")
    shop.adjust("a-1", "rich", "1.00")
    held.plan("TransactWriteItems", Meanwhile(lambda: shop.adjust("a-2", "rich", "-1.00")))
    with pytest.raises(InsufficientCredit, match="never draws overdraft"):
        shop.hold("h-1", "rich", "1.00")
    assert standing("rich") == (0, 0, 0)


def test_a_ninth_open_hold_is_refused_and_a_lapsed_one_makes_room(held: Wire) -> None:
    for number in range(8):
        shop.hold(f"h-{number}", amount="1.00", life_s=60 if number == 3 else HOUR_S)
    with pytest.raises(TooManyHolds, match="at most 8"):
        shop.hold("h-8", amount="1.00")
    shop.hold("h-8", amount="1.00", after_s=60)
    assert standing(after_s=60) == (4200, 800, 5000)
    shop.void("h-0")
    held.plan("TransactWriteItems", Meanwhile(lambda: shop.hold("h-9", amount="1.00", after_s=60)))
    with pytest.raises(TooManyHolds):
        shop.hold("h-10", amount="1.00", after_s=60)


# --- repetitions ----------------------------------------------------------------------------


@pytest.mark.parametrize("end", [lambda: None, shop.capture, shop.void])
def test_a_repeated_hold_is_answered_as_the_first_time_whatever_came_since(
    held: Wire, end: Callable[..., object]
) -> None:
    first = shop.hold("h-1")
    if end in (shop.capture, shop.void):
        end("h-1")
    before = held.everything()
    again = shop.hold("h-1", after_s=2 * HOUR_S)
    assert (again.answer, again.written) == (first.answer, False)
    assert held.everything() == before


@pytest.mark.parametrize("changed", [{"amount": "9.99"}, {"life_s": 61}])
def test_a_hold_id_used_with_other_content_is_a_conflict(changed: dict[str, object]) -> None:
    shop.hold("h-1", life_s=60)
    with pytest.raises(IdConflict) as caught:
        shop.hold("h-1", **{"life_s": 60, **changed})  # type: ignore[arg-type]  # a table of keywords
    assert "10.00" not in str(caught.value)


def test_a_hold_id_belongs_to_its_account() -> None:
    shop.send("t-1", "ada", "grace", "10.00")
    assert shop.hold("h-1", "ada").written
    assert shop.hold("h-1", "grace").written


@pytest.mark.parametrize("lost", ["hold", "capture", "void"])
def test_an_answer_that_got_lost_is_given_by_the_next_attempt(held: Wire, lost: str) -> None:
    if lost != "hold":
        shop.hold("h-1")
    held.plan("TransactWriteItems", Silence(done=True))
    act: dict[str, Callable[[], object]] = {
        "hold": lambda: shop.hold("h-1"),
        "capture": lambda: shop.capture("h-1", order="basket-9"),
        "void": lambda: shop.void("h-1"),
    }
    act[lost]()
    expected = {"hold": (4000, 1000), "capture": (4000, 0), "void": (5000, 0)}
    assert standing()[:2] == expected[lost]


# --- bad input ------------------------------------------------------------------------------


def test_more_than_the_hold_is_refused_and_the_hold_stays_open() -> None:
    shop.hold("h-1", amount="10.00")
    with pytest.raises(CaptureExceedsHold, match=r"is open and keeps 10\.00 TRY"):
        shop.capture("h-1", amount="10.01")
    assert standing() == (4000, 1000, 5000)
    assert shop.state_of("h-1") == "open"


@pytest.mark.parametrize("amount", ["0", "-1.00", "1.001", "ten", ""])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        shop.hold("h-1", amount=amount)
    shop.hold("h-1")
    with pytest.raises(InvalidAmount):
        shop.capture("h-1", amount=amount)


@pytest.mark.parametrize("act", [shop.capture, shop.void, shop.state_of])
def test_what_is_not_there_is_said(act: Callable[..., object]) -> None:
    with pytest.raises(UnknownHold):
        act("h-1")
    with pytest.raises(UnknownAccount):
        act("h-1", "nobody")


def test_an_unknown_channel_or_account_has_no_holds() -> None:
    with pytest.raises(UnknownAccount):
        shop.hold("h-1", "nobody")
    key = shop.key_of("ada")
    elsewhere = type(key)("none", "ada", "TRY")
    with pytest.raises(UnknownChannel):
        ledger.authorize(shop.call(), elsewhere, "h-1", amount="1.00", life_s=60)
    with pytest.raises(UnknownChannel):
        ledger.list_open_holds(shop.call(), elsewhere)


def test_while_the_feature_is_off_holds_end_but_none_begins() -> None:
    for name in ("h-1", "h-2"):
        shop.hold(name)
    shop.switch(enabled=False)
    with pytest.raises(LoyaltyDisabled):
        shop.hold("h-3")
    assert not shop.hold("h-1").written, "a repetition is answered all the same"
    assert shop.capture("h-1").written
    assert shop.void("h-2").written
    assert standing() == (4000, 0, 4000)


def test_open_holds_are_listed_without_those_that_ended() -> None:
    shop.hold("h-1", life_s=60)
    shop.hold("h-2")
    shop.hold("h-3")
    shop.void("h-3")
    found = ledger.list_open_holds(shop.call(60), shop.key_of("ada"))
    assert [(hold.id, hold.amount) for hold in found] == [("h-2", 1000)]

"""The rules of holds, without a store: what counts when, and how a hold ends."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.accounts import MAX_OPEN_HOLDS, OpenHold, fold_lapsed, open_hold_of, total
from chalicelib.core.errors import (
    CaptureExceedsHold,
    HoldCaptured,
    HoldLapsed,
    HoldVoided,
    IdConflict,
    InsufficientCredit,
    TooManyHolds,
)
from chalicelib.core.holds import (
    Hold,
    HoldState,
    as_authorized,
    authorize,
    capture,
    check_replay,
    ended,
    state_of,
    void,
)
from tests.core.made import account


def hold(**changes: Any) -> Hold:
    plain = Hold(
        account=account().key,
        id="h-1",
        amount=1000,
        captured=0,
        state=HoldState.OPEN,
        order=None,
        expires_ms=61_000,
        created_ms=1_000,
        by="staff:test",
    )
    return dataclasses.replace(plain, **changes)


open_holds = st.lists(
    st.builds(
        OpenHold,
        id=st.uuids().map(str),
        amount=st.integers(1, 10**15),
        expires_ms=st.none() | st.integers(0, 100),
    ),
    max_size=MAX_OPEN_HOLDS,
    unique_by=lambda kept: kept.id,
).map(tuple)


@given(open_holds, st.integers(0, 100), st.integers(0, 100))
def test_a_lapse_moves_credit_from_held_to_available_and_nowhere_else(
    kept: tuple[OpenHold, ...], now_ms: int, later_ms: int
) -> None:
    raw = account(open_holds=kept, held=total(kept))
    folded = fold_lapsed(raw, now_ms)
    assert folded.balance == raw.balance
    assert folded.held == total(folded.open_holds)
    assert {*folded.open_holds} | {*folded.lapsed} == {*kept}
    assert all(h.expires_ms is None or h.expires_ms > now_ms for h in folded.open_holds)
    assert all(h.expires_ms is not None and h.expires_ms <= now_ms for h in folded.lapsed)
    again = fold_lapsed(folded, max(now_ms, later_ms))
    assert again == dataclasses.replace(
        fold_lapsed(raw, max(now_ms, later_ms)), lapsed=again.lapsed
    )
    assert {*again.lapsed} == {*fold_lapsed(raw, max(now_ms, later_ms)).lapsed}


def test_an_open_hold_is_found_by_its_id() -> None:
    kept = OpenHold("h-1", 1, None)
    assert open_hold_of(account(open_holds=(kept,)), "h-1") == kept
    assert open_hold_of(account(open_holds=(kept,)), "h-2") is None


@pytest.mark.parametrize("debit", [False, True])
@pytest.mark.parametrize(("available", "fits"), [(1000, True), (999, False), (-5, False)])
def test_a_hold_takes_what_is_available_and_debit_plays_no_part(
    debit: bool, available: int, fits: bool
) -> None:
    holder = account(available=available, debit_allowed=debit)
    if fits:
        authorize(holder, hold())
        return
    with pytest.raises(InsufficientCredit, match="never draws overdraft"):
        authorize(holder, hold())


def test_there_are_eight_open_holds_at_most() -> None:
    kept = tuple(OpenHold(f"o-{n}", 1, None) for n in range(MAX_OPEN_HOLDS))
    authorize(account(open_holds=kept[1:]), hold())
    with pytest.raises(TooManyHolds):
        authorize(account(open_holds=kept), hold())


@pytest.mark.parametrize("state", [HoldState.CAPTURED, HoldState.VOIDED])
def test_a_hold_stands_by_its_row_once_it_was_ended(state: Any) -> None:
    assert state_of(hold(state=state), account()) is state


def test_an_open_hold_stands_by_its_account() -> None:
    kept = hold()
    assert state_of(kept, account(open_holds=(kept.on_account,))) is HoldState.OPEN
    assert state_of(kept, account()) is HoldState.LAPSED


@pytest.mark.parametrize(("amount", "taken"), [(None, 1000), (1000, 1000), (1, 1)])
def test_a_capture_takes_the_whole_or_a_part(amount: int | None, taken: int) -> None:
    outcome = capture(hold(), HoldState.OPEN, amount, "o-1")
    assert outcome is not None
    assert (outcome.state, outcome.captured, outcome.order) == (HoldState.CAPTURED, taken, "o-1")
    assert capture(outcome, HoldState.CAPTURED, taken, "o-1") is None


@pytest.mark.parametrize(("amount", "order"), [(999, "o-1"), (1000, None), (1000, "o-2")])
def test_another_capture_is_told_what_was_captured(amount: int, order: str | None) -> None:
    outcome = capture(hold(), HoldState.OPEN, None, "o-1")
    assert outcome is not None
    with pytest.raises(HoldCaptured, match=r"with 10\.00 TRY for the order o-1"):
        capture(outcome, HoldState.CAPTURED, amount, order)


def test_more_than_the_hold_is_refused() -> None:
    with pytest.raises(CaptureExceedsHold):
        capture(hold(), HoldState.OPEN, 1001, None)


def test_a_void_ends_an_open_hold_once() -> None:
    outcome = void(hold(), HoldState.OPEN)
    assert outcome is not None
    assert (outcome.state, outcome.captured) == (HoldState.VOIDED, 0)
    assert void(outcome, HoldState.VOIDED) is None
    with pytest.raises(HoldVoided):
        capture(outcome, HoldState.VOIDED, None, None)


def test_a_capture_without_order_says_so() -> None:
    outcome = hold(state=HoldState.CAPTURED, captured=600)
    with pytest.raises(HoldCaptured, match=r"with 6\.00 TRY and no order\."):
        void(outcome, HoldState.CAPTURED)


@pytest.mark.parametrize(
    ("expires_ms", "words"), [(61_000, "1970-01-01T00:01:01"), (None, "limit was none")]
)
def test_a_lapsed_hold_ends_no_more(expires_ms: int | None, words: str) -> None:
    """One without a limit only seems to lapse, by a stale read: the loop then reads again."""
    for end in (void, lambda h, s: capture(h, s, None, None)):
        with pytest.raises(HoldLapsed, match=words):
            end(hold(expires_ms=expires_ms), HoldState.LAPSED)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"created_ms": 5_000, "expires_ms": 65_000}, True),
        ({"by": "staff:other"}, True),
        ({"amount": 999}, False),
        ({"expires_ms": 61_001}, False),
        ({"expires_ms": None}, False),
    ],
)
def test_a_hold_is_the_same_by_amount_and_life(changes: dict[str, Any], same: bool) -> None:
    stored = hold(state=HoldState.CAPTURED, captured=5)
    if same:
        check_replay(stored, hold(**changes))
        return
    with pytest.raises(IdConflict):
        check_replay(stored, hold(**changes))


def test_a_repetition_shows_the_hold_as_it_was_authorised() -> None:
    captured = hold(state=HoldState.CAPTURED, captured=5, order="o-1")
    assert as_authorized(ended(captured, at_ms=9_000, by="staff:other")) == hold()

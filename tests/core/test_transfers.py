import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.accounts import entry_hash
from chalicelib.core.errors import (
    CurrencyMismatch,
    IdConflict,
    InsufficientCredit,
    SameAccount,
    SourceWithoutEntries,
)
from chalicelib.core.transfers import (
    Party,
    Transfer,
    Wanted,
    check_replay,
    decide,
    open_with_credit,
    opening_id,
    order_id,
    pay_order,
)
from tests.core.made import account, new_account

ADA = account("ada")
GRACE = account("grace", available=0)


def wanted(amount: int = 1000, **changes: Any) -> Wanted:
    plain = Wanted(channel="demo", id="t-1", amount=amount, note="thanks", by="staff:test")
    return dataclasses.replace(plain, **changes)


def test_a_transfer_takes_from_the_source_what_it_gives_to_the_target() -> None:
    movement = decide(wanted(1000), ADA, GRACE, 9_000)
    sent, received = (leg.entry for leg in movement.legs)
    assert (sent.account, sent.amount, sent.balance_after) == (ADA.key, -1000, 4000)
    assert (received.account, received.amount, received.balance_after) == (GRACE.key, 1000, 1000)
    assert (sent.counterparty, received.counterparty) == (GRACE.account_id, ADA.account_id)
    for entry in (sent, received):
        assert (entry.kind, entry.transfer_id, entry.note) == ("transfer", "t-1", "thanks")
        assert (entry.seq, entry.order) == (2, None)
    assert movement.transfer == Transfer(
        channel="demo",
        id="t-1",
        kind="transfer",
        source=Party(ADA.account_id, "ada", 4000),
        target=Party(GRACE.account_id, "grace", 1000),
        currency="TRY",
        amount=1000,
        note="thanks",
        order=None,
        at_ms=9_000,
        by="staff:test",
    )


def test_each_entry_of_a_transfer_follows_its_own_accounts_last_hash() -> None:
    source = dataclasses.replace(ADA, entry_hash="a" * 64)
    target = dataclasses.replace(GRACE, entry_hash="b" * 64)
    sent, received = (leg.entry for leg in decide(wanted(), source, target, 9_000).legs)
    assert sent.hash == entry_hash(sent, "a" * 64)
    assert received.hash == entry_hash(received, "b" * 64)


@given(now=st.integers(0, 10), source=st.integers(0, 10), target=st.integers(0, 10))
def test_both_entries_carry_one_time_that_is_before_neither_accounts_last(
    now: int, source: int, target: int
) -> None:
    """Clocks differ between machines; entries of an account are in time order all the same."""
    movement = decide(
        wanted(),
        dataclasses.replace(ADA, entry_ms=source),
        dataclasses.replace(GRACE, entry_ms=target),
        now,
    )
    times = {movement.transfer.at_ms, *(leg.entry.at_ms for leg in movement.legs)}
    assert times == {max(now, source, target)}


def test_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        decide(wanted(), ADA, account("grace", "USD"), 9_000)


def test_another_currency_of_the_same_user_is_refused_as_such() -> None:
    with pytest.raises(CurrencyMismatch):
        decide(wanted(), ADA, account("ada", "USD"), 9_000)


def test_an_account_is_no_target_of_itself() -> None:
    with pytest.raises(SameAccount):
        decide(wanted(), ADA, ADA, 9_000)


@pytest.mark.parametrize("debit_allowed", [True, False])
def test_a_source_without_entries_is_refused_even_with_debit_allowed(debit_allowed: bool) -> None:
    source = new_account(user_pk="ada", debit_allowed=debit_allowed)
    with pytest.raises(SourceWithoutEntries):
        decide(wanted(), source, GRACE, 9_000)


def test_a_source_that_has_spent_everything_still_has_entries() -> None:
    source = account("ada", available=0, seq=2, debit_allowed=True)
    assert decide(wanted(), source, GRACE, 9_000).legs[0].entry.balance_after == -1000


def test_a_target_without_entries_may_receive() -> None:
    target = new_account(user_pk="grace")
    received = decide(wanted(), ADA, target, 9_000).legs[1].entry
    assert (received.seq, received.balance_after) == (1, 1000)
    assert received.hash == entry_hash(received, "")


def test_all_that_is_available_may_be_sent_and_not_a_unit_more() -> None:
    assert decide(wanted(5000), ADA, GRACE, 9_000).legs[0].entry.balance_after == 0
    with pytest.raises(InsufficientCredit, match=r"50\.00 TRY is available"):
        decide(wanted(5001), ADA, GRACE, 9_000)


def test_held_credit_cannot_be_sent() -> None:
    source = account("ada", available=1000, held=4000)
    with pytest.raises(InsufficientCredit, match=r"10\.00 TRY is available"):
        decide(wanted(1001), source, GRACE, 9_000)
    assert decide(wanted(1000), source, GRACE, 9_000).legs[0].entry.balance_after == 4000


def test_an_account_with_debit_allowed_may_go_below_zero() -> None:
    source = account("ada", debit_allowed=True)
    movement = decide(wanted(9000), source, GRACE, 9_000)
    assert movement.legs[0].entry.balance_after == -4000
    assert movement.transfer.source.balance_after == -4000


def test_the_stores_condition_is_lifted_only_for_a_source_with_debit_allowed() -> None:
    """The store checks again that the amount is available, at the very moment of the write."""
    source, target = (leg.may_overdraw for leg in decide(wanted(), ADA, GRACE, 9_000).legs)
    assert source is False
    assert target is True
    lifted = decide(wanted(), account("ada", debit_allowed=True), GRACE, 9_000).legs[0]
    assert lifted.may_overdraw is True


def test_receiving_is_not_blocked_by_a_balance_below_zero() -> None:
    target = account("grace", available=-9000)
    assert decide(wanted(), ADA, target, 9_000).legs[1].entry.balance_after == -8000


# --- replays --------------------------------------------------------------------------------


STORED = decide(wanted(), ADA, GRACE, 9_000).transfer


def test_the_same_content_is_a_replay_whoever_sends_it() -> None:
    check_replay(STORED, "transfer", wanted(), same_parties=True)
    check_replay(STORED, "transfer", wanted(by="staff:other"), same_parties=True)


@pytest.mark.parametrize(
    ("again", "same_parties"),
    [
        (wanted(1001), True),
        (wanted(note=None), True),
        (wanted(note="other"), True),
        (wanted(), False),
    ],
)
def test_other_content_under_the_same_id_is_a_conflict_that_shows_nothing(
    again: Wanted, same_parties: bool
) -> None:
    with pytest.raises(IdConflict) as caught:
        check_replay(STORED, "transfer", again, same_parties=same_parties)
    for stored in ("10.00", "1000", "thanks", "ada", "grace"):
        assert stored not in caught.value.detail


@pytest.mark.parametrize("kind", ["opening", "order"])
def test_a_movement_of_another_kind_is_never_a_replay(kind: Any) -> None:
    stored = dataclasses.replace(STORED, kind=kind)
    with pytest.raises(IdConflict):
        check_replay(stored, "transfer", wanted(), same_parties=True)


# --- house flows ----------------------------------------------------------------------------


def test_opening_credit_is_a_transfer_from_the_bank() -> None:
    movement = open_with_credit(new_account(user_pk="ada"), 700)
    (leg,) = movement.legs
    assert (leg.entry.amount, leg.entry.balance_after, leg.entry.seq) == (700, 700, 1)
    assert (leg.entry.kind, leg.entry.counterparty) == ("opening", "house:BANK")
    assert leg.entry.at_ms == 1_000
    assert leg.entry.hash == entry_hash(leg.entry, "")
    assert movement.transfer.id == opening_id("a-ada-TRY") == "open:a-ada-TRY"
    assert movement.transfer.source == Party("house:BANK", None, None)
    assert movement.transfer.target == Party("a-ada-TRY", "ada", 700)
    assert (movement.transfer.amount, movement.transfer.by) == (700, "staff:test")


def test_paying_an_order_is_a_transfer_to_sale_under_the_baskets_reference() -> None:
    movement = pay_order(
        ADA, reference="basket-1", amount=4000, may_overdraw=False, now_ms=9_000, by="shopper:ada"
    )
    (leg,) = movement.legs
    assert (leg.entry.amount, leg.entry.balance_after, leg.entry.seq) == (-4000, 1000, 2)
    assert (leg.entry.kind, leg.entry.counterparty) == ("order", "house:SALE")
    assert leg.entry.order == movement.transfer.order == "basket-1"
    assert leg.entry.hash == entry_hash(leg.entry, ADA.entry_hash)
    assert leg.may_overdraw is False
    assert movement.transfer.id == order_id("basket-1") == "order:basket-1"
    assert movement.transfer.source == Party(ADA.account_id, "ada", 1000)
    assert movement.transfer.target == Party("house:SALE", None, None)
    assert (movement.transfer.amount, movement.transfer.by) == (4000, "shopper:ada")


@pytest.mark.parametrize(("now_ms", "at_ms"), [(999, 1_000), (1_000, 1_000), (1_001, 1_001)])
def test_a_payment_is_never_before_the_accounts_last_entry(now_ms: int, at_ms: int) -> None:
    movement = pay_order(
        ADA, reference="b", amount=1, may_overdraw=True, now_ms=now_ms, by="shopper:ada"
    )
    assert movement.transfer.at_ms == movement.legs[0].entry.at_ms == at_ms
    assert movement.legs[0].may_overdraw is True

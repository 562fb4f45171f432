"""Holds and refunds in the store: they come back as they went in, and each condition bites."""

import dataclasses
from typing import Any, Final

import pytest

from chalicelib.core.accounts import Account, AccountKey, OpenHold, append_entry, fold_lapsed
from chalicelib.core.holds import Hold, HoldState
from chalicelib.core.refunds import Sale
from chalicelib.core.transfers import Leg
from chalicelib.core.users import User
from chalicelib.store import accounts, holds, refunds, users
from chalicelib.store.actions import Action
from chalicelib.store.requests import Refused
from tests.core.made import account
from tests.store.kept import read, write
from tests.store.wire import Wire

KEY = AccountKey("demo", "ada", "TRY")
LASTING = OpenHold("lasting", 700, None)
SHORT = OpenHold("short", 300, 5_000)
OPEN = Hold(KEY, "h-1", 1000, 0, HoldState.OPEN, None, 61_000, 1_000, "staff:test")
ENDED: Final[dict[str, Any]] = {"ended_ms": 9_000, "ended_by": "staff:other"}
CAPTURED = dataclasses.replace(
    OPEN, state=HoldState.CAPTURED, captured=600, order="basket-1", **ENDED
)
VOIDED = dataclasses.replace(OPEN, state=HoldState.VOIDED, **ENDED)


@pytest.fixture
def stored(wire: Wire) -> Account:
    """Keep ada's account with 40.00 available and two holds."""
    kept = account(available=4000, held=1000, open_holds=(LASTING, SHORT))
    write(*users.register(User("demo", "ada", "ada@example.com", 1_000, 0), "staff:test"))
    write(*accounts.put_account(kept, None))
    return kept


def found(now_ms: int = 0) -> Account:
    read_now = accounts.account_in(read([accounts.account_key(KEY)]), KEY, now_ms)
    assert read_now is not None
    return read_now


def leg(of: Account, amount: int) -> Action:
    entry = append_entry(
        of, amount=amount, at_ms=9_000, kind="transfer", counterparty="b", transfer_id="t"
    )
    return accounts.apply_leg(Leg(of, entry, may_overdraw=False, freed=of.lapsed))


def test_open_holds_come_back_with_their_account(stored: Account) -> None:
    assert found() == stored
    assert found(5_000) == fold_lapsed(stored, 5_000)
    assert found(5_000).lapsed == (SHORT,)


@pytest.mark.parametrize("kept", [OPEN, dataclasses.replace(OPEN, expires_ms=None)])
@pytest.mark.parametrize("end", [CAPTURED, VOIDED])
def test_a_hold_comes_back_as_it_was_put_and_as_it_ended(wire: Wire, kept: Hold, end: Hold) -> None:
    end = dataclasses.replace(end, expires_ms=kept.expires_ms)
    write(holds.put_hold(kept))
    assert holds.hold_in(read([holds.hold_key(KEY, "h-1")]), KEY, "h-1") == kept
    with pytest.raises(Refused):
        write(holds.put_hold(kept))
    write(holds.end_hold(end))
    rows = read([holds.hold_key(KEY, "h-1"), holds.hold_key(KEY, "h-2")])
    assert holds.hold_in(rows, KEY, "h-1") == end
    assert holds.hold_in(rows, KEY, "h-2") is None
    for again in (CAPTURED, VOIDED):
        with pytest.raises(Refused):
            write(holds.end_hold(again))


@pytest.mark.parametrize(("amount", "fits"), [(4000, True), (4001, False)])
def test_a_hold_takes_at_most_what_is_available(stored: Account, amount: int, fits: bool) -> None:
    new = OpenHold("new", amount, 99_000)
    if not fits:
        with pytest.raises(Refused):
            write(accounts.keep(found(), new))
        return
    write(accounts.keep(found(), new))
    assert (found().available, found().held) == (0, 5000)
    assert new in found().open_holds


def test_a_new_hold_takes_a_lapsed_one_off_and_may_use_its_credit(stored: Account) -> None:
    write(accounts.keep(found(5_000), OpenHold("new", 4300, 99_000)))
    assert (found().available, found().held) == (0, 5000)
    assert {hold.id for hold in found().open_holds} == {"lasting", "new"}


def test_a_hold_is_kept_once(stored: Account) -> None:
    new = OpenHold("new", 10, 99_000)
    write(accounts.keep(found(), new))
    with pytest.raises(Refused):
        write(accounts.keep(stored, new))


def test_a_ninth_hold_is_not_kept_whatever_was_read(stored: Account) -> None:
    for number in range(6):
        write(accounts.keep(found(), OpenHold(f"o-{number}", 1, None)))
    with pytest.raises(Refused):
        write(accounts.keep(stored, OpenHold("ninth", 1, None)))
    write(accounts.keep(found(5_000), OpenHold("ninth", 1, None)))
    assert len(found().open_holds) == 8


def test_a_hold_is_freed_once(stored: Account) -> None:
    write(accounts.free(found(), LASTING))
    assert (found().available, found().held, found().open_holds) == (4700, 300, (SHORT,))
    with pytest.raises(Refused):
        write(accounts.free(stored, LASTING))


def test_a_leg_takes_lapsed_holds_off_with_their_credit(stored: Account) -> None:
    write(leg(found(5_000), -4300))
    assert (found().available, found().held, found().open_holds) == (0, 700, (LASTING,))


def test_a_leg_never_frees_a_hold_that_is_gone(stored: Account) -> None:
    """Another process may have captured it, by a slower clock, without a new number."""
    as_read = found(5_000)
    write(accounts.free(stored, SHORT))
    with pytest.raises(Refused):
        write(leg(as_read, -1))
    assert (found().available, found().held) == (4300, 700)


def test_neither_a_new_hold_nor_a_void_frees_a_hold_that_is_gone(stored: Account) -> None:
    """What one took off the row would else be given back a second time by the other."""
    as_read = found(5_000)
    write(leg(as_read, -1))
    before = found()
    for stale in (
        accounts.keep(as_read, OpenHold("new", 1, None)),
        accounts.free(as_read, LASTING),
    ):
        with pytest.raises(Refused):
            write(stale)
    assert found() == before


def test_a_void_takes_lapsed_holds_off_too(stored: Account) -> None:
    write(accounts.free(found(5_000), LASTING))
    assert (found().available, found().held, found().open_holds) == (5000, 0, ())


def test_nothing_is_freed_on_an_account_that_does_not_exist(wire: Wire) -> None:
    with pytest.raises(Refused):
        write(accounts.free(account(), LASTING))
    assert wire.everything()["test-accounts"] == []


def refunded() -> int:
    return refunds.refunded_in(
        read([refunds.refund_key("demo", "order:basket-1")]), "demo", "order:basket-1"
    )


def test_refunds_add_up_to_the_payment_and_never_beyond(wire: Wire) -> None:
    payment = Sale(KEY, "order:basket-1", 4000, "basket-1")
    assert refunded() == 0
    write(refunds.add_refund(payment, 1500))
    write(refunds.add_refund(payment, 2500))
    assert refunded() == 4000
    with pytest.raises(Refused):
        write(refunds.add_refund(payment, 1))
    assert refunded() == 4000

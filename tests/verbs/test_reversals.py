"""Reversals and adjustments: what staff may undo, once, and what staff may give or take."""

from collections.abc import Callable

import pytest

from chalicelib import ledger
from chalicelib.core.accounts import AccountKey
from chalicelib.core.errors import (
    IdConflict,
    InsufficientCredit,
    InvalidAmount,
    NotReversible,
    UnknownAccount,
    UnknownChannel,
    UnknownTransfer,
)
from tests.store.wire import Meanwhile, Silence, Wire
from tests.verbs import shop


@pytest.fixture(autouse=True)
def moved(wire: Wire) -> Wire:
    """Open a shop where ada had 50.00 and sent 20.00 to grace."""
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="0")
    shop.send("t-1", "ada", "grace", "20.00")
    return wire


def balances() -> tuple[int, int]:
    return shop.balance_of("ada"), shop.balance_of("grace")


def test_a_reversal_moves_the_whole_amount_back() -> None:
    settled = shop.reverse("t-1", after_s=5)
    assert settled.written
    assert settled.answer.id == "reversal:t-1"
    assert settled.answer.source.user_pk == "grace"
    assert settled.answer.target.user_pk == "ada"
    assert balances() == (5000, 0)
    last = shop.entries_of("ada")[-1]
    assert (last.kind, last.amount, last.balance_after) == ("reversal", 2000, 5000)


def test_a_second_reversal_is_the_first_again(moved: Wire) -> None:
    moved.plan("TransactWriteItems", Silence(done=True))
    first = shop.reverse("t-1")
    before = moved.everything()
    again = shop.reverse("t-1", after_s=60)
    assert (again.answer, again.written) == (first.answer, False)
    assert moved.everything() == before


def test_of_two_reversals_at_once_one_happens(moved: Wire) -> None:
    shop.adjust("a-1", "grace", "50.00")
    moved.plan("TransactWriteItems", Meanwhile(lambda: shop.reverse("t-1")))
    assert not shop.reverse("t-1").written
    assert balances() == (5000, 5000)


@pytest.mark.parametrize("name", ["reversal:t-1", "open:ada-try", "order:basket-1"])
def test_only_transfers_and_adjustments_are_reversed(moved: Wire, name: str) -> None:
    shop.reverse("t-1")
    shop.buy("ada", 4000)
    opening = shop.entries_of("ada")[0].transfer_id
    before = moved.everything()
    with pytest.raises(NotReversible, match="Only transfers and adjustments are reversed"):
        shop.reverse(opening if name.startswith("open:") else name)
    assert moved.everything() == before


def test_what_was_spent_since_cannot_be_taken_back(moved: Wire) -> None:
    shop.buy("grace", 100)
    before = moved.everything()
    with pytest.raises(InsufficientCredit, match=r"19\.00 TRY is available"):
        shop.reverse("t-1")
    assert moved.everything() == before


def test_what_a_hold_keeps_cannot_be_taken_back() -> None:
    shop.hold("h-1", "grace", "0.01")
    with pytest.raises(InsufficientCredit, match=r"19\.99 TRY is available"):
        shop.reverse("t-1")


def test_an_account_with_debit_allowed_gives_back_what_it_has_not() -> None:
    shop.register("rich")
    shop.open_account("rich", "0", debit=True)
    shop.send("t-2", "ada", "rich", "10.00")
    shop.send("t-3", "rich", "grace", "10.00")
    shop.reverse("t-2")
    assert shop.balance_of("rich") == -1000


@pytest.mark.parametrize(("amount", "left"), [("5.00", 3500), ("-30.00", 0)])
def test_an_adjustment_gives_or_takes_with_its_reason(amount: str, left: int) -> None:
    settled = shop.adjust("a-1", amount=amount, reason="complaint-77")
    assert shop.balance_of("ada") == left
    entry = shop.entries_of("ada")[-1]
    assert (entry.kind, entry.counterparty, entry.note) == ("adjust", "house:BANK", "complaint-77")
    assert settled.answer.amount == abs(left - 3000)
    assert ledger.read_transfer(shop.call(), shop.CHANNEL, "a-1") == settled.answer


@pytest.mark.parametrize(("amount", "left"), [("5.00", 3000), ("-30.00", 3000)])
def test_an_adjustment_is_reversed_once(amount: str, left: int) -> None:
    shop.adjust("a-1", amount=amount)
    shop.reverse("a-1")
    assert not shop.reverse("a-1").written
    assert shop.balance_of("ada") == left
    assert shop.entries_of("ada")[-1].counterparty == "house:BANK"


def test_an_adjustment_takes_no_more_than_is_available() -> None:
    shop.hold("h-1", amount="1.00")
    with pytest.raises(InsufficientCredit, match=r"29\.00 TRY is available"):
        shop.adjust("a-1", amount="-29.01")


@pytest.mark.parametrize("amount", ["0", "0.00", "-0.00", "1.001", "+1.00", "", "-"])
def test_an_adjustment_by_nothing_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        shop.adjust("a-1", amount=amount)


OTHERS: dict[str, Callable[[], object]] = {
    "another amount": lambda: shop.adjust("a-1", amount="5.01"),
    "another sign": lambda: shop.adjust("a-1", amount="-5.00"),
    "another reason": lambda: shop.adjust("a-1", reason="error"),
    "another account": lambda: shop.adjust("a-1", "grace"),
    "a transfer": lambda: shop.send("a-1", "ada", "grace", "5.00", note="goodwill"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_adjustments_id_is_a_transfers_id(moved: Wire, name: str) -> None:
    first = shop.adjust("a-1")
    assert shop.adjust("a-1", amount="5.0", after_s=60).answer == first.answer
    before = moved.everything()
    with pytest.raises(IdConflict):
        OTHERS[name]()
    with pytest.raises(IdConflict):
        shop.adjust("t-1", amount="20.00")
    assert moved.everything() == before


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UnknownTransfer):
        shop.reverse("t-9")
    with pytest.raises(UnknownChannel):
        ledger.reverse(shop.call(), "none", "t-1")
    with pytest.raises(UnknownAccount):
        shop.adjust("a-1", "nobody")
    key = AccountKey("none", "ada", "TRY")
    with pytest.raises(UnknownChannel):
        ledger.adjust(shop.call(), key, "a-1", amount="1.00", reason="error")

"""Whatever callers do, and whatever happens on the wire, the books are in order after each step.

A small model of dictionaries says what every call must answer. It knows nothing of sequence
numbers, retries or transactions. moto runs one request after the other: what callers do at once
is tested on engines that isolate transactions.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chalicelib.core.checkout import Event, Move
from chalicelib.core.errors import OutcomeUnknown, Refusal
from chalicelib.core.money import format_amount, format_page_amount
from tests.properties.books import Books, Rows, assert_nothing_rewritten, audit
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Silence, cancelled, error, past
from tests.verbs import shop

USERS = ("ada", "grace", "alan")
CONFLICT = cancelled("TransactionConflict", "None", "None", "None", "None")

users = st.sampled_from(USERS)
pairs = st.sampled_from([*permutations(USERS, 2), ("ada", "ada")])
currencies = st.sampled_from(["TRY", "TRY", "TRY", "JPY"])
amounts = st.sampled_from([1, 5, 10, 60, 99, 100])
faults = st.sampled_from(["none", "none", "lost", "conflict", "throttled", "stale"])
moments = st.integers(-5, 50)
mostly = st.sampled_from([True, True, True, False])

Key = tuple[str, str]

accounts = st.sampled_from([("ada", "TRY")] * 3 + [("grace", "TRY"), ("ada", "JPY")])
"""Whose checkout, in which currency: few, so that a run comes back to the same."""


@dataclass
class ModelAccount:
    """What an account must hold."""

    balance: int
    debit: bool
    moved: bool

    def covers(self, amount: int) -> bool:
        """Return whether the account may give the amount."""
        return self.debit or self.balance >= amount


@dataclass
class ModelCheckout:
    """A checkout as it must be."""

    reference: str
    total: int
    loyalty: int = 0
    completed: bool = False


@dataclass(frozen=True)
class Sent:
    """A transfer that was made."""

    giver: str
    taker: str
    currency: str
    amount: int
    answer: Any


class Ledger(RuleBasedStateMachine):
    """Calls the verbs and keeps the model beside them."""

    def __init__(self) -> None:
        """Open a shop on an empty store."""
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(tables_on_moto())
        self.wire = self._open.enter_context(empty_store())
        shop.open_shop()
        self.registered: set[str] = set()
        self.accounts: dict[Key, ModelAccount] = {}
        self.ids: dict[Key, str] = {}
        self.transfers: dict[str, Sent] = {}
        self.checkouts: dict[Key, ModelCheckout] = {}
        self.ordered: set[str] = set()
        self.before: Rows = self.wire.everything()
        self.earlier: Rows = self.before

    def teardown(self) -> None:
        """Close the store."""
        self._open.close()

    @initialize(opening=st.sampled_from([0, 100, 200]), debit=st.booleans())
    def begin(self, opening: int, debit: bool) -> None:
        """Let most runs have two accounts to begin with."""
        for user, balance in (("ada", opening), ("grace", 0)):
            self.register(user)
            self.open_account(user, "TRY", balance, debit=debit, at=0, fault="none")

    # --- what callers do --------------------------------------------------------------------

    @precondition(lambda self: self.registered != set(USERS))
    @rule(user=users)
    def register(self, user: str) -> None:
        """Register a user, perhaps again."""
        shop.register(user)
        self.registered.add(user)

    @precondition(lambda self: self.registered and len(self.accounts) < 5)
    @rule(
        user=users,
        currency=currencies,
        opening=st.sampled_from([0, 0, 50, 100, 200]),
        debit=st.booleans(),
        at=moments,
        fault=faults,
    )
    def open_account(
        self, user: str, currency: str, opening: int, debit: bool, at: int, fault: str
    ) -> None:
        """Open an account, where there is none yet."""
        expected = None
        if user not in self.registered:
            expected = "unknown_user"
        elif (user, currency) in self.accounts:
            expected = "account_exists"
        self.suffer(fault)
        text = format_amount(opening, currency)
        settled = self.expect(
            expected, lambda: shop.open_account(user, text, currency, debit=debit, after_s=at)
        )
        if expected is None:
            self.ids[user, currency] = settled.answer.account.account_id
            self.accounts[user, currency] = ModelAccount(opening, debit, moved=bool(opening))

    @precondition(lambda self: len(self.accounts) > 1)
    @rule(
        number=st.integers(0, 11),
        pair=pairs,
        currency=currencies,
        amount=amounts,
        by_ids=st.booleans(),
        at=moments,
        fault=faults,
    )
    def send(
        self,
        number: int,
        pair: tuple[str, str],
        currency: str,
        amount: int,
        by_ids: bool,
        at: int,
        fault: str,
    ) -> None:
        """Transfer between two accounts, now and then under an id that was used before."""
        giver, taker = pair
        transfer_id = f"t-{number if number < 2 else len(self.transfers)}"
        expected = self.expected_of_transfer(transfer_id, giver, taker, currency, amount)
        text = format_amount(amount, currency)
        source, target = self.ids.get((giver, currency)), self.ids.get((taker, currency))
        self.suffer(fault)
        if by_ids and source is not None and target is not None:
            settled = self.expect(
                expected, lambda: shop.send_by_ids(transfer_id, source, target, text, currency)
            )
        else:
            settled = self.expect(
                expected,
                lambda: shop.send(transfer_id, giver, taker, text, currency, after_s=at),
            )
        if expected is None:
            self.settle(transfer_id, Sent(giver, taker, currency, amount, settled.answer))

    def settle(self, transfer_id: str, sent: Sent) -> None:
        """Compare the answer with the first one, or move the credit in the model."""
        if transfer_id in self.transfers:
            assert self.transfers[transfer_id] == sent
            return
        self.transfers[transfer_id] = sent
        for user, change in ((sent.giver, -sent.amount), (sent.taker, sent.amount)):
            account = self.accounts[user, sent.currency]
            account.balance += change
            account.moved = True

    def expected_of_transfer(
        self, transfer_id: str, giver: str, taker: str, currency: str, amount: int
    ) -> str | None:
        """Return the code of the refusal that must come, or None."""
        if giver == taker:
            return "same_account"
        if transfer_id in self.transfers:
            first = self.transfers[transfer_id]
            content = (first.giver, first.taker, first.currency, first.amount)
            return None if content == (giver, taker, currency, amount) else "id_conflict"
        source, target = (self.accounts.get((user, currency)) for user in (giver, taker))
        if source is None or target is None:
            return "unknown_account"
        if not source.moved:
            return "source_without_entries"
        return None if source.covers(amount) else "insufficient_credit"

    @precondition(lambda self: self.transfers)
    @rule(number=st.integers(0, 11), fault=faults, at=moments)
    def replay(self, number: int, fault: str, at: int) -> None:
        """Repeat a transfer that was made."""
        names = sorted(self.transfers)
        name = names[number % len(names)]
        first = self.transfers[name]
        text = format_amount(first.amount, first.currency)
        self.suffer(fault)
        again = shop.send(name, first.giver, first.taker, text, first.currency, after_s=at)
        assert (again.answer, again.written) == (first.answer, False)

    @precondition(lambda self: self.accounts)
    @rule(
        which=accounts,
        total=st.sampled_from([1, 10, 60, 100]),
        number=st.integers(0, 5),
    )
    def open_checkout(self, which: Key, total: int, number: int) -> None:
        """Open a checkout, or replace the open one, or find its basket completed."""
        user, currency = which
        reference = f"basket-{number}"
        expected = None
        if user not in self.registered:
            expected = "unknown_user"
        elif reference in self.ordered:
            expected = "already_completed"
        self.expect(
            expected, lambda: shop.open_checkout(user, total, currency, reference=reference)
        )
        found = self.checkouts.get((user, currency))
        same = (reference, total)
        if expected is None and (
            found is None or found.completed or (found.reference, found.total) != same
        ):
            self.checkouts[user, currency] = ModelCheckout(reference, total)

    @precondition(lambda self: self.checkouts)
    @rule(which=accounts, amount=st.sampled_from([0, 1, 10, 60, 100]), whole=mostly)
    def use_credit(self, which: Key, amount: int, whole: bool) -> None:
        """Choose an amount of credit, mostly for the whole order."""
        user, currency = which
        if user not in self.registered:
            return
        found = self.checkouts.get(which)
        if whole and found is not None:
            amount = found.total
        expected = self.expected_of_amount(which, found, amount)
        text = format_page_amount(amount, currency)
        assert shop.code_of(shop.visit(user, Event.USE_CREDIT, text, currency)) == expected
        if expected is None and found is not None:
            found.loyalty = amount

    def expected_of_amount(self, key: Key, found: ModelCheckout | None, amount: int) -> str | None:
        """Return the code of the refusal that must come, or None."""
        if found is None or found.completed:
            return "no_open_checkout"
        account = self.accounts.get(key)
        if amount > found.total:
            return "amount_refused"
        return None if amount == 0 or pays(account, amount, found.total) else "amount_refused"

    @precondition(lambda self: self.checkouts)
    @rule(which=accounts, at=moments, fault=faults)
    def complete(self, which: Key, at: int, fault: str) -> None:
        """Complete a checkout, perhaps again."""
        user, currency = which
        if user not in self.registered:
            return
        expected = self.expected_of_completion(which)
        if fault != "stale":  # pages read strongly consistent
            self.suffer(fault)
        if (expected, fault) == ("basket_completed", "lost"):
            # The engine's refusal got lost: a payment that may still land would look the same.
            with pytest.raises(OutcomeUnknown):
                shop.visit(user, Event.COMPLETE, "true", currency, after_s=at)
            self.wire.heal()
            return
        seen = shop.visit(user, Event.COMPLETE, "true", currency, after_s=at)
        self.wire.heal()
        assert shop.code_of(seen) == expected
        if expected is None:
            assert seen.move is Move.SHOW_ORDER
            self.pay_in_the_model(which)
        elif expected == "credit_changed":
            self.checkouts[which].loyalty = 0

    def expected_of_completion(self, which: Key) -> str | None:
        """Return the code of the refusal that must come, or None."""
        found = self.checkouts.get(which)
        if found is None:
            return "no_open_checkout"
        if found.completed:
            return None
        if found.loyalty < found.total:
            return "unpaid_remains"
        if not pays(self.accounts.get(which), found.loyalty, found.total):
            return "credit_changed"
        return "basket_completed" if found.reference in self.ordered else None

    def pay_in_the_model(self, which: Key) -> None:
        """Complete a checkout, unless that was done before."""
        found, account = self.checkouts[which], self.accounts[which]
        if not found.completed:
            found.completed = True
            self.ordered.add(found.reference)
            account.balance -= found.loyalty
            account.moved = True

    @precondition(lambda self: self.accounts)
    @rule(
        which=accounts,
        total=st.sampled_from([10, 60, 100]),
        number=st.integers(0, 5),
        spent=st.sampled_from([0, 0, 60]),
        fault=faults,
    )
    def pay(self, which: Key, total: int, number: int, spent: int, fault: str) -> None:
        """Go through a whole checkout; now and then credit is spent elsewhere meanwhile."""
        user, currency = which
        self.open_checkout(which, total, number)
        if which in self.checkouts:
            self.use_credit(which, total, whole=True)
        if spent:
            self.send(11, (user, "alan"), currency, spent, by_ids=False, at=0, fault="none")
        self.complete(which, 0, fault)
        self.complete(which, 1, "none")

    # --- what happens on the wire -------------------------------------------------------------

    def suffer(self, fault: str) -> None:
        """Let the next call meet a fault."""
        if fault == "lost":
            self.wire.plan("TransactWriteItems", Silence(done=True))
        elif fault == "conflict":
            self.wire.plan("TransactWriteItems", CONFLICT)
        elif fault == "throttled":
            self.wire.plan("BatchGetItem", error("ThrottlingException"))
            self.wire.plan("TransactGetItems", error("ThrottlingException"))
        elif fault == "stale":
            self.wire.plan("BatchGetItem", past(self.earlier))

    def expect(self, code: str | None, act: Callable[[], Any]) -> Any:
        """Call, and return the answer, or assert the refusal that must come."""
        try:
            answer = act()
        except Refusal as refusal:
            found: Any = refusal.code
            answer = None
        else:
            found = None
        self.wire.heal()
        assert found == code, answer
        return answer

    # --- what must hold after each step ---------------------------------------------------------

    @invariant()
    def the_books_are_in_order(self) -> None:
        """Audit the raw rows, and compare them with the model and with the step before."""
        rows = self.wire.everything()
        books = Books.of(rows)
        audit(books)
        assert_nothing_rewritten(self.before, rows)
        self.earlier, self.before = self.before, rows
        found = {
            tuple(key.split("#")[1:]): account["available"] + account["held"]
            for key, account in books.accounts.items()
        }
        assert found == {key: account.balance for key, account in self.accounts.items()}
        assert {name.split("#")[1] for name in books.orders} == self.ordered
        made = {t["id"].split("#")[1] for t in books.transfers.values() if t["kind"] == "transfer"}
        assert made == set(self.transfers)


def pays(account: ModelAccount | None, amount: int, total: int) -> bool:
    """Return whether an account may pay an amount of an order at checkout."""
    if account is None:
        return False
    return account.balance >= amount or (account.debit and amount == total)


TestLedger = pytest.mark.proof(Ledger.TestCase)
# A step takes some 20 ms on moto: a tenth of the profile's examples, each with enough steps to
# come to the end of a checkout.
TestLedger.settings = settings(
    max_examples=max(15, settings().max_examples // 10),
    stateful_step_count=max(40, settings().stateful_step_count),
)

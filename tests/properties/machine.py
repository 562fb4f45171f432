"""A machine that calls the verbs, lets them suffer on the wire, and keeps the model beside them.

Clocks differ: every call is made a few seconds before or after the machine's own clock, which
moves on by itself and comes to the limits of holds. Only a step of its own moves it, and a hold
outlives every skew, so that no hold is authorised and lapses between a stale read and its write.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from chalicelib.core.errors import Refusal
from chalicelib.core.names import to_ms
from chalicelib.store.requests import Settled
from tests.properties import model
from tests.properties.books import Books, Rows, assert_nothing_rewritten, audit
from tests.properties.model import AGAIN, DONE, HoldKey
from tests.properties.model_checkout import Checkouts
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Silence, cancelled, error, past
from tests.verbs import shop

USERS = ("ada", "grace", "alan")
CONFLICT = cancelled("TransactionConflict", "None", "None", "None", "None")

users = st.sampled_from(USERS)
pairs = st.sampled_from([*permutations(USERS, 2), ("ada", "grace"), ("ada", "ada")])
currencies = st.sampled_from(["TRY", "TRY", "TRY", "JPY"])
amounts = st.sampled_from([1, 5, 10, 60, 99, 100])
faults = st.sampled_from(["none", "none", "lost", "conflict", "throttled", "stale"])
skews = st.integers(-5, 5)
mostly = st.sampled_from([True, True, True, False])
numbers = st.integers(0, 11)

accounts = st.sampled_from([("ada", "TRY")] * 4 + [("grace", "TRY")] * 2 + [("ada", "JPY")])
"""Whose checkout or hold, in which currency: few, so that a run comes back to the same."""


STEPS: list[st.SearchStrategy[tuple[str, dict[str, Any]]]] = []
"""Every step that a run may consist of, as often as its weight: a method and its arguments.

Hypothesis leaves out half of all rules in each run, and the runs that we can afford are too few
to meet every outcome then: so there is one rule, which takes a step.
"""

Method = TypeVar("Method", bound=Callable[..., None])


def step(weight: int, **words: st.SearchStrategy[Any]) -> Callable[[Method], Method]:
    """Let a method be a step of every run, `weight` times as likely as one of weight 1."""

    def add(method: Method) -> Method:
        STEPS.extend(
            st.tuples(st.just(method.__name__), st.fixed_dictionaries(words)) for _ in range(weight)
        )
        return method

    return add


@dataclass(frozen=True)
class Act:
    """One call at a time that is still to come: what the model says of it, and the call.

    `shows` is what a repetition must show again of the first answer.
    """

    name: tuple[object, ...]
    predict: Callable[[int], str]
    do: Callable[[int], Settled[Any]]
    shows: Callable[[Any], object] = lambda answer: answer


class Machine(RuleBasedStateMachine):
    """Holds the store, the model and what was done; its steps are in the classes below it."""

    def __init__(self) -> None:
        """Open a shop on an empty store."""
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(tables_on_moto())
        self.wire = self._open.enter_context(empty_store())
        shop.open_shop()
        self.model = model.Ledger()
        self.checkouts = Checkouts(self.model)
        self.clock = 100
        self.made: list[Act] = []
        self.first: dict[tuple[object, ...], object] = {}
        self.before: Rows = self.wire.everything()
        self.earlier: Rows = self.before

    def teardown(self) -> None:
        """Close the store."""
        self._open.close()

    # --- how every call is made ---------------------------------------------------------------

    def call(self, act: Act, skew: int, fault: str) -> None:
        """Ask the model, make the call under a fault, and compare what it was answered."""
        at = self.clock + skew
        expected = act.predict(at)
        event(f"{act.name[0]}: {expected}")
        self.suffer(fault)
        settled, refused = None, None
        try:
            settled = act.do(at)
        except Refusal as refusal:
            refused = refusal.code
        self.wire.heal()
        if settled is None:
            assert refused == expected
            return
        assert expected in {DONE, AGAIN}, settled
        # A write whose answer got lost is found done by the attempt that follows.
        assert settled.written == (expected == DONE and fault != "lost")
        if expected == DONE:
            self.first[act.name] = act.shows(settled.answer)
            self.made.append(act)
        assert act.shows(settled.answer) == self.first[act.name], "a repetition says the same"

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
            # Some verbs read twice.
            self.wire.plan("BatchGetItem", past(self.earlier), past(self.earlier))

    def name_of(self, number: int) -> str:
        """Return an id for a transfer, mostly a new one."""
        return f"t-{number - 10 if number > 9 else len(self.model.moves)}"

    def hold_of(self, number: int, *, standing: bool) -> HoldKey:
        """Return a hold that neither was captured nor voided, or else any, or one of nobody."""
        holds = self.model.holds
        found = [held for held in holds if holds[held].state == "open"] if standing else []
        found = found or [(("alan", "JPY"), "h-none"), (("ada", "TRY"), "h-none"), *holds]
        return found[-1 - number % len(found)]

    def limits(self) -> set[int]:
        """Return the limits of all holds that lie on accounts."""
        return {limit for a in self.model.accounts.values() for _, limit in a.kept.values()}

    # --- what must hold after each step ---------------------------------------------------------

    @invariant()
    def the_books_are_in_order(self) -> None:
        """Audit the raw rows, and compare them with the model and with the step before."""
        rows = self.wire.everything()
        unchanged = rows == self.before
        self.earlier, before, self.before = self.before, self.before, rows
        if unchanged:
            return
        books = Books.of(rows)
        audit(books)
        assert_nothing_rewritten(before, rows)
        self._compare_accounts(books)
        self._compare_holds(books)
        assert {name: t["kind"] for name, t in books.transfers.items()} == {
            f"{shop.CHANNEL}#{name}": kind for name, kind in self.model.kinds.items()
        }
        assert {name.split("#")[1] for name in books.orders} == self.checkouts.ordered
        assert {sale: row["refunded"] for sale, row in books.refunds.items()} == {
            f"{shop.CHANNEL}#{sale}": sum(payment.refunds.values())
            for sale, payment in self.model.payments.items()
            if payment.refunds
        }

    def _compare_accounts(self, books: Books) -> None:
        found = {}
        for name, row in books.accounts.items():
            kept = {
                hold_id: (hold["amount"], hold["expires_ms"])
                for hold_id, hold in row["open_holds"].items()
            }
            found[name] = (row["available"], row["held"], kept)
        expected = {}
        for (user, currency), account in self.model.accounts.items():
            kept = {name: (amount, ms(limit)) for name, (amount, limit) in account.kept.items()}
            held = sum(amount for amount, _ in kept.values())
            expected[f"{shop.CHANNEL}#{user}#{currency}"] = (account.balance - held, held, kept)
        assert found == expected

    def _compare_holds(self, books: Books) -> None:
        assert {
            name: (row["amount"], row["state"], row["captured"], row.get("order"))
            for name, row in books.holds.items()
        } == {
            (f"{shop.CHANNEL}#{user}#{currency}", name): (
                hold.amount,
                hold.state,
                hold.captured,
                hold.order,
            )
            for ((user, currency), name), hold in self.model.holds.items()
        }


def ms(at: int) -> int:
    """Return a time of the machine as rows keep it."""
    return to_ms(shop.call(at).now)

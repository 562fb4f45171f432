"""Whatever callers do, and whatever happens on the wire, the books are in order after each step.

The model says what every call must answer before it is made. moto runs one request after the
other: what callers do at once is tested on engines that isolate transactions.
"""

from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from chalicelib.core.errors import OutcomeUnknown, Refusal
from chalicelib.core.money import format_page_amount
from chalicelib.core.transitions import Move, PageEvent
from tests.properties.holds import Holds
from tests.properties.machine import STEPS, accounts, faults, mostly, skews, step
from tests.properties.model import Key
from tests.properties.movements import Movements
from tests.verbs import shop


class Ledger(Movements, Holds):
    """All steps together, and those of the checkout."""

    @initialize(opening=st.sampled_from([1000, 300, 300, 100]), debit=mostly, keyed=st.booleans())
    def begin(self, opening: int, debit: bool, keyed: bool) -> None:
        """Let every run have two accounts to begin with, and most runs credit that moved."""
        for user, balance, may_owe in (("ada", opening, not debit), ("grace", 0, debit)):
            self.join(user, "TRY", balance, may_owe, keyed, register=True, skew=0, fault="none")
        self.send(0, ("ada", "grace"), "TRY", 10, by_ids=False, skew=0, fault="none")
        self.pay(("ada", "TRY"), 10, 0, "nothing", fault="none")
        self.hold(("ada", "TRY"), 0, 60, 60, skew=0, fault="none", on=True)

    @step(
        2,
        page=st.sampled_from(["open", "use credit", "complete"]),
        which=accounts,
        amount=st.sampled_from([0, 1, 10, 60, 100]),
        number=st.integers(0, 5),
        whole=mostly,
        skew=skews,
        fault=faults,
    )
    def browse(
        self,
        page: str,
        which: Key,
        amount: int,
        number: int,
        whole: bool,
        skew: int,
        fault: str,
    ) -> None:
        """Do one step of a checkout, in whatever order."""
        if page == "open":
            self.open_checkout(which, amount or 1, number)
        elif which[0] in self.model.registered:
            found = self.checkouts.found.get(which)
            if page == "complete":
                self.complete(which, skew, fault)
            else:
                self.use_credit(which, found.total if whole and found else amount, skew)

    @step(
        2,
        which=accounts,
        total=st.sampled_from([10, 60, 100]),
        number=st.integers(0, 5),
        meanwhile=st.sampled_from(["nothing", "spent", "bought"]),
        fault=faults,
    )
    def pay(self, which: Key, total: int, number: int, meanwhile: str, fault: str) -> None:
        """Go through a whole checkout while credit is spent, or the basket bought, elsewhere."""
        user, _ = which
        self.open_checkout(which, total, number)
        self.use_credit(which, total, skew=0)
        account = self.model.accounts.get(which)
        if meanwhile == "spent" and account is not None and account.available(self.clock) > 0:
            change = -account.available(self.clock)
            self.adjust(0, which, change, "error", skew=0, fault="none")
        elif meanwhile == "bought":
            other = ("grace" if user == "ada" else "ada", "TRY")
            self.open_checkout(other, 1, number)
            self.use_credit(other, 1, skew=0)
            self.complete(other, 0, "none")
        self.complete(which, 0, fault)
        self.complete(which, 1, "none")

    # --- pages --------------------------------------------------------------------------------

    def open_checkout(self, which: Key, total: int, number: int) -> None:
        """Open a checkout, or replace the open one, or find its basket completed."""
        user, currency = which
        reference = f"basket-{number}"
        expected, found = self.checkouts.open(which, reference, total), None
        try:
            shop.open_checkout(user, total, currency, reference=reference)
        except Refusal as refusal:
            found = refusal.code
        event(f"open checkout: {found}")
        assert found == expected

    def use_credit(self, which: Key, amount: int, skew: int) -> None:
        """Choose an amount of credit."""
        user, currency = which
        at = self.clock + skew
        expected = self.checkouts.use_credit(which, amount, at)
        event(f"use credit: {expected}")
        text = format_page_amount(amount, currency)
        seen = shop.visit(user, PageEvent.USE_CREDIT, text, currency, after_s=at)
        assert shop.code_of(seen) == expected

    def complete(self, which: Key, skew: int, fault: str) -> None:
        """Complete a checkout, perhaps again."""
        user, currency = which
        at = self.clock + skew
        expected = self.checkouts.complete(which, at)
        event(f"complete: {expected}")
        if fault != "stale":  # pages read strongly consistent
            self.suffer(fault)
        if (expected, fault) == ("basket_completed", "lost"):
            # The engine's refusal got lost: a payment that may still land would look the same.
            with pytest.raises(OutcomeUnknown):
                shop.visit(user, PageEvent.COMPLETE, "true", currency, after_s=at)
            self.wire.heal()
            return
        seen = shop.visit(user, PageEvent.COMPLETE, "true", currency, after_s=at)
        self.wire.heal()
        assert shop.code_of(seen) == expected
        assert expected is not None or seen.move is Move.SHOW_ORDER

    @rule(todo=st.one_of(STEPS))
    def step(self, todo: tuple[str, dict[str, Any]]) -> None:
        """Take one step."""
        name, words = todo
        getattr(self, name)(**words)


# Hypothesis may search five minutes for the shortest sequence that fails; let it come to say it.
TestLedger = pytest.mark.timeout(1200)(pytest.mark.proof(Ledger.TestCase))
# A step takes some 20 ms on moto: a part of the profile's examples, each with enough steps to
# come to the end of a checkout.
TestLedger.settings = settings(
    max_examples=max(15, settings().max_examples // 14),
    stateful_step_count=max(40, settings().stateful_step_count),
)

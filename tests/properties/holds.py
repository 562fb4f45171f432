"""What the machine does with holds and with payments: end them, give back, and let time go by."""

from typing import Literal

from hypothesis import event
from hypothesis import strategies as st

from chalicelib import ledger
from chalicelib.core.money import format_amount
from tests.properties import model
from tests.properties.machine import (
    Act,
    Machine,
    accounts,
    faults,
    mostly,
    numbers,
    skews,
    step,
)
from tests.properties.model import HoldKey, Key
from tests.verbs import shop

lives = st.sampled_from([60, 60, 90, 600])


class Holds(Machine):
    """Steps for holds, for refunds of captures and orders, and for the clock."""

    def __init__(self) -> None:
        """Begin with no account that has all the holds that it may have."""
        super().__init__()
        self.full = False

    # --- time ---------------------------------------------------------------------------------

    @step(2, by=st.sampled_from([None, None, 1, 70]), number=numbers, beside=st.integers(-3, 3))
    def wait(self, by: int | None, number: int, beside: int) -> None:
        """Let time go by, mostly until about the limit of a hold: past it by some clocks only."""
        limits = sorted(self.limits())
        if by is None and limits:
            self.clock = max(self.clock, limits[number % len(limits)] + beside)
        else:
            self.clock += by or 0

    @step(1, skew=skews)
    def look(self, skew: int) -> None:
        """Read every account, and the last holds, by one clock, which changes nothing."""
        at = self.clock + skew
        for key, account in self.model.accounts.items():
            found = shop.account_of(*key, after_s=at)
            assert (found.available, found.held) == (account.available(at), account.held(at))
            assert {hold.id: hold.amount for hold in found.open_holds} == account.open_at(at)
        for (key, name), hold in [*self.model.holds.items()][-6:]:
            assert shop.state_of(name, *key, after_s=at) == self.model.state_of((key, name), at)
            event(f"look {hold.state}, {self.model.state_of((key, name), at)}")

    # --- holds and refunds ----------------------------------------------------------------------

    @step(
        3,
        which=accounts,
        number=numbers,
        amount=st.sampled_from([1, 10, 60, 60, 100]),
        life=lives,
        skew=skews,
        fault=faults,
        on=st.sampled_from([True] * 9 + [False]),
    )
    def hold(
        self, which: Key, number: int, amount: int, life: int, skew: int, fault: str, on: bool
    ) -> None:
        """Authorise a hold, now and then while the feature is off."""
        name = f"h-{number - 10 if number > 9 else len(self.model.holds)}"
        text, key = format_amount(amount, which[1]), shop.key_of(*which)
        if not on:
            shop.switch(enabled=False)
            fault = "none" if fault == "stale" else fault  # a stale read may still find it on
        act = Act(
            ("hold", which, name),
            lambda at: self.model.hold((which, name), amount, life, at, on=on),
            lambda at: ledger.authorize(shop.call(at), key, name, amount=text, life_s=life),
        )
        self.call(act, skew, fault)
        if not on:
            shop.switch(enabled=True)

    @step(1, which=accounts)
    def fill(self, which: Key) -> None:
        """Authorise as many small holds as an account may have, and one more."""
        account = self.model.accounts.get(which)
        room = model.MAX_OPEN_HOLDS
        if self.full or account is None or account.available(self.clock) < room:
            return
        self.full = True
        while len(account.open_at(self.clock)) < room:
            self.hold(which, 0, 1, 600, skew=0, fault="none", on=True)
        self.hold(which, 0, 1, 600, skew=0, fault="none", on=True)

    @step(
        4,
        number=numbers,
        standing=mostly,
        part=st.sampled_from([None, 1, 10, 60, 101, "void", "void"]),
        order=st.sampled_from([None, "basket-1"]),
        skew=skews,
        fault=faults,
    )
    def end(
        self,
        number: int,
        standing: bool,
        part: int | Literal["void"] | None,
        order: str | None,
        skew: int,
        fault: str,
    ) -> None:
        """Capture a hold, in part or whole, or void it."""
        held = self.hold_of(number, standing=standing)
        (user, currency), name = held
        if part == "void":
            act = Act(
                ("void", held),
                lambda at: self.model.void(held, at),
                lambda at: shop.void(name, user, currency, after_s=at),
            )
        else:
            text = None if part is None else format_amount(part, currency)
            act = Act(
                ("capture", held),
                lambda at: self.model.capture(held, part, order, at),
                lambda at: shop.capture(name, user, text, currency, order=order, after_s=at),
            )
        self.call(act, skew, fault)

    @step(
        3,
        number=numbers,
        paid=mostly,
        refund=st.integers(0, 2),
        amount=st.sampled_from([1, 5, 10, 10, 60, 61, 101]),
        skew=skews,
        fault=faults,
    )
    def refund(
        self, number: int, paid: bool, refund: int, amount: int, skew: int, fault: str
    ) -> None:
        """Refund a part of a payment, mostly of one that was made."""
        payments = list(self.model.payments.values())
        if paid and payments:
            paid_by = payments[-1 - number % len(payments)].paid_by
        else:
            paid_by = self.hold_of(number, standing=False) if number % 3 else "basket-9"
        self.call(self._refund(paid_by, f"r-{refund}", amount), skew, fault)

    def _refund(self, paid_by: str | HoldKey, name: str, amount: int) -> Act:
        if isinstance(paid_by, str):
            payment = self.model.payments.get(f"order:{paid_by}")
            text = format_amount(amount, "TRY" if payment is None else payment.payer[1])
            return Act(
                ("refund order", paid_by, name),
                lambda at: self.model.refund_order(paid_by, name, amount, at),
                lambda at: shop.refund_order(name, text, paid_by, after_s=at),
            )
        key, text = shop.key_of(*paid_by[0]), format_amount(amount, paid_by[0][1])
        return Act(
            ("refund hold", paid_by, name),
            lambda at: self.model.refund_hold(paid_by, name, amount, at),
            lambda at: ledger.refund_hold(shop.call(at), key, paid_by[1], name, amount=text),
        )

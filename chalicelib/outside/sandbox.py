"""The sandbox gateway: charges nobody, and ends as its published test cards say.

It keeps what it answered under a key, as a real gateway does; a card's data it keeps nowhere.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chalicelib.core.errors import Refusal
from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.store.actions import Rows
from chalicelib.store.requests import Commit, Replay, settle
from chalicelib.store.sandbox import charge_in, charge_key, put_charge, refund_charge

APPROVES: Final = "4111111111111111"
ANSWERS_TWICE: Final = "5555555555554444"
DECLINES: Final = "4000000000000002"
LOSES_ANSWER: Final = "4000000000000119"
LOSES_REQUEST: Final = "4000000000000259"

TEST_CARDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        APPROVES: "approves",
        ANSWERS_TWICE: "approves, and is charged a second time under the same key",
        DECLINES: "declines",
        LOSES_ANSWER: "approves, but its answer never arrives",
        LOSES_REQUEST: "the charge never arrives, nor does an answer",
    }
)
"""What each test card does. Any other card is declined."""


class Sandbox:
    """A gateway on a table of its own."""

    def charge(self, payment: Payment, card: Card, *, deadline: float) -> Outcome:
        """Charge as the test card says; the first outcome under a key stays."""
        if card.number == LOSES_REQUEST:
            return Outcome.UNKNOWN
        approves = card.number in {APPROVES, ANSWERS_TWICE, LOSES_ANSWER}
        wanted = Outcome.APPROVED if approves else Outcome.DECLINED
        outcome = _keep(payment, wanted, deadline)
        if card.number == ANSWERS_TWICE:
            outcome = _keep(payment, wanted, deadline)
        return Outcome.UNKNOWN if card.number == LOSES_ANSWER else outcome

    def ask(self, payment: Payment, *, final: bool, deadline: float) -> Outcome:
        """Return how the charge under the payment's key ended."""
        return _keep(payment, Outcome.DECLINED if final else None, deadline)

    def refund(self, payment: Payment, *, deadline: float) -> bool:
        """Give the charge back, if it was approved."""

        def decide(rows: Rows) -> Commit[bool] | Replay[bool]:
            found = charge_in(rows, payment.key)
            if found is None or found.outcome is not Outcome.APPROVED:
                return Replay(answer=False)
            if found.refunded:
                return Replay(answer=True)
            return Commit([refund_charge(payment.key)], answer=True)

        keys = [charge_key(payment.key)]
        try:
            return settle(decide, keys, deadline=deadline, consistent=True).answer
        except Refusal:
            return False


def _keep(payment: Payment, wanted: Outcome | None, deadline: float) -> Outcome:
    """Return the outcome that is kept; where there is none, keep the wanted one."""

    def decide(rows: Rows) -> Commit[Outcome] | Replay[Outcome]:
        found = charge_in(rows, payment.key)
        if found is not None:
            return Replay(Outcome.DECLINED if found.refunded else found.outcome)
        if wanted is None:
            return Replay(Outcome.UNKNOWN)
        return Commit([put_charge(payment, wanted)], wanted)

    try:
        return settle(decide, [charge_key(payment.key)], deadline=deadline, consistent=True).answer
    except Refusal:
        return Outcome.UNKNOWN

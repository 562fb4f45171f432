"""Budgets of operations: what each may cost, and how that is counted."""

import dataclasses
from collections.abc import Callable

import pytest

from chalicelib.core import errors
from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.outside import sandbox
from tests.store.wire import Wire
from tests.verbs import shop


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """An operation, how many requests and write units it may cost, and what must be before it."""

    budget: tuple[int, int]
    act: Callable[[], object]
    before: Callable[[], object] = lambda: None
    refusal: type[errors.Refusal] | None = None


def check(case: Case, counted: Wire) -> None:
    """Do what a case says, and assert what it costs."""
    case.before()
    counted.forget()
    counted.weighs = True
    if case.refusal is None:
        case.act()
    else:
        with pytest.raises(case.refusal):
            case.act()
    assert counted.cost == case.budget, counted.operations


def with_credit(amount: str) -> None:
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, amount)


def completed() -> None:
    with_credit("40.00")
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER


def page(event: PageEvent, text: str = "") -> Callable[[], object]:
    def act() -> None:
        assert shop.visit("ada", event, text).refusal is None

    return act


class FreeGateway:
    """Charges as the sandbox's cards say, and asks nothing of DynamoDB: its cost is its own."""

    def __init__(self) -> None:
        """Begin with no charge."""
        self._kept: dict[str, Outcome] = {}

    def charge(self, payment: Payment, card: Card, *, deadline: float) -> Outcome:
        """Charge the card as it says."""
        del deadline
        if card.number == sandbox.LOSES_REQUEST:
            return Outcome.UNKNOWN
        declines = card.number == sandbox.DECLINES
        self._kept[payment.key] = Outcome.DECLINED if declines else Outcome.APPROVED
        return Outcome.UNKNOWN if card.number == sandbox.LOSES_ANSWER else self._kept[payment.key]

    def ask(self, payment: Payment, *, final: bool, deadline: float) -> Outcome:
        """Return how a charge ended."""
        del deadline
        return self._kept.get(payment.key, Outcome.DECLINED if final else Outcome.UNKNOWN)

    def refund(self, payment: Payment, *, deadline: float) -> bool:
        """Give a charge back."""
        del deadline
        self._kept[payment.key] = Outcome.DECLINED
        return True

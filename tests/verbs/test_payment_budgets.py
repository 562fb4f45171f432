"""What card payments and funds transfers cost, beside the gateway: its requests are its own.

Units and requests are counted as in `test_budgets`.
"""

from collections.abc import Callable

import pytest

from chalicelib.checkout import payments
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS
from chalicelib.core.transitions import PageEvent
from chalicelib.outside import sandbox
from tests.core.made import FUNDS
from tests.store.wire import Wire
from tests.verbs import shop
from tests.verbs.costs import Case, FreeGateway, check, completed, page, with_credit


def pay(card: str, credit: str = "10.00") -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the confirmation of a payment by card, and what comes before it."""
    return lambda: shop.pay(card=card), lambda: shop.come_to_card(credit=credit, card=card)


def paying(card: str, credit: str = "10.00") -> Callable[[], object]:
    """Return what comes before a page that is asked for while a payment is in progress."""

    def begin() -> None:
        shop.come_to_card(credit=credit, card=card)
        assert shop.code_of(shop.pay(card=card)) == "payment_in_progress"

    return begin


def paid() -> None:
    shop.come_to_card()
    assert shop.pay().refusal is None


def funds_chosen() -> None:
    with_credit("0.00")
    shop.visit("ada", PageEvent.SELECT_OPTION, str(FUNDS.pk))


def ordered_meanwhile() -> None:
    """Let a charge be approved for a basket that is then ordered in another currency."""
    shop.open_account("ada", "20.00", "USD")
    shop.come_to_card("ada", "5.00", sandbox.LOSES_ANSWER, 2000, currency="USD")
    shop.pay(card=sandbox.LOSES_ANSWER, currency="USD")
    completed()


def come_to_funds(credit: str) -> Callable[[], object]:
    """Return what comes before the confirmation of a funds transfer."""

    def come() -> None:
        with_credit(credit)
        shop.visit("ada", PageEvent.SELECT_OPTION, str(FUNDS.pk))
        assert shop.visit("ada", PageEvent.CHOOSE_BANK, "1").refusal is None

    return come


LATE_S = ASK_FINALLY_AFTER_MS / 1000

CASES: dict[str, Case] = {
    # begin: three requests, and six units with credit or one without; end: two requests
    "confirmation, approved": Case((5, 20), *pay(sandbox.APPROVES)),
    "confirmation, approved, without credit": Case((5, 7), *pay(sandbox.APPROVES, "0.00")),
    "confirmation, declined": Case((5, 12), *pay(sandbox.DECLINES)),
    "confirmation, declined, without credit": Case((5, 2), *pay(sandbox.DECLINES, "0.00")),
    "confirmation, no answer": Case((3, 6), *pay(sandbox.LOSES_REQUEST)),
    "its replay as paid": Case((2, 0), shop.pay, paid),
    # a page while paying: read, ask
    "a page while paying, no answer": Case(
        (1, 0), lambda: shop.visit("ada", PageEvent.SHOW), paying(sandbox.LOSES_REQUEST)
    ),
    "a page while paying, refused": Case(
        (2, 0),
        lambda: shop.visit("ada", PageEvent.USE_CREDIT, "1.00"),
        paying(sandbox.LOSES_REQUEST),
    ),
    "a page while paying, approved": Case(
        (3, 14), lambda: shop.visit("ada", PageEvent.SHOW), paying(sandbox.LOSES_ANSWER)
    ),
    "a page while paying, never arrived": Case(
        # It is opened again, and then the page acts on it.
        (4, 6),
        lambda: shop.visit("ada", PageEvent.SHOW, after_s=LATE_S),
        paying(sandbox.LOSES_REQUEST),
    ),
    "GET usage page while paying": Case(
        (1, 0), page(PageEvent.SHOW_CREDIT), paying(sandbox.LOSES_ANSWER)
    ),
    "a charge that is given back": Case(
        (6, 6), lambda: shop.visit("ada", PageEvent.SHOW, currency="USD"), ordered_meanwhile
    ),
    # the schedule: what is in progress, and each of it
    "the schedule with nothing in progress": Case((1, 0), lambda: shop.end_payments(after_s=1)),
    "the schedule, approved": Case(
        (4, 14), lambda: shop.end_payments(after_s=1), paying(sandbox.LOSES_ANSWER)
    ),
    "the schedule, never arrived": Case(
        (4, 6), lambda: shop.end_payments(after_s=LATE_S), paying(sandbox.LOSES_REQUEST)
    ),
    # funds transfer
    "bank account": Case(
        (2, 1),
        page(PageEvent.CHOOSE_BANK, "1"),
        funds_chosen,
    ),
    "funds transfer": Case((2, 12), page(PageEvent.CONFIRM_FUNDS, "1"), come_to_funds("10.00")),
    "funds transfer without credit": Case(
        (2, 6), page(PageEvent.CONFIRM_FUNDS, "1"), come_to_funds("0.00")
    ),
}


@pytest.fixture(autouse=True)
def free_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = FreeGateway()
    monkeypatch.setattr(payments, "gateway_named", lambda _: gateway)


@pytest.mark.parametrize("name", CASES)
def test_an_operation_costs_what_its_budget_says(counted: Wire, name: str) -> None:
    check(CASES[name], counted)

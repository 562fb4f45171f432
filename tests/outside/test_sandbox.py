"""The sandbox gateway: its published cards, and that a charge under a key ends once."""

import dataclasses
import time
from collections.abc import Callable
from typing import Final

import pytest

from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.outside import sandbox
from chalicelib.outside.sandbox import TEST_CARDS, Sandbox
from chalicelib.store.tables import SandboxChargeRow
from tests.docs.documents import document, name, section, table
from tests.store.wire import Meanwhile, Reply, Silence, Wire

PAYMENT: Final = Payment(
    key="demo:basket-1:7:1",
    channel="demo",
    reference="basket-1",
    amount=3000,
    currency="TRY",
    installments=1,
)
NEXT: Final = dataclasses.replace(PAYMENT, key="demo:basket-1:7:2")
APPROVED, DECLINED, UNKNOWN = Outcome.APPROVED, Outcome.DECLINED, Outcome.UNKNOWN

pytestmark = pytest.mark.usefixtures("wire")


def card(number: str = sandbox.APPROVES) -> Card:
    return Card("ADA LOVELACE", 12, 2030, number, "987")


def in_s(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def charge(number: str = sandbox.APPROVES, payment: Payment = PAYMENT) -> Outcome:
    return Sandbox().charge(payment, card(number), deadline=in_s())


def ask(*, final: bool = False, payment: Payment = PAYMENT) -> Outcome:
    return Sandbox().ask(payment, final=final, deadline=in_s())


def refund(payment: Payment = PAYMENT) -> bool:
    return Sandbox().refund(payment, deadline=in_s())


# --- the cards ----------------------------------------------------------------------------------

WHAT_THEY_DO: Final = {
    sandbox.APPROVES: (APPROVED, APPROVED),
    sandbox.ANSWERS_TWICE: (APPROVED, APPROVED),
    sandbox.DECLINES: (DECLINED, DECLINED),
    sandbox.LOSES_ANSWER: (UNKNOWN, APPROVED),
    sandbox.LOSES_REQUEST: (UNKNOWN, UNKNOWN),
    "5105105105105100": (DECLINED, DECLINED),
}
"""What the shopper is told, and what the gateway says when it is asked."""


@pytest.mark.parametrize(("number", "ends"), WHAT_THEY_DO.items())
def test_a_card_does_what_is_published(number: str, ends: tuple[Outcome, Outcome]) -> None:
    assert (charge(number), ask()) == ends


def test_every_test_card_is_published() -> None:
    assert TEST_CARDS.keys() < WHAT_THEY_DO.keys()
    rows = table(section(document("payments.md"), "The sandbox"), "card")
    assert [name(number) for number, _ in rows] == list(TEST_CARDS)


def test_nothing_of_a_card_is_kept(wire: Wire) -> None:
    for number in WHAT_THEY_DO:
        charge(number, dataclasses.replace(PAYMENT, key=f"key-{number[-4:]}"))
    kept = str(wire.everything())
    assert "key-1111" in kept
    for secret in (*WHAT_THEY_DO, "987", "LOVELACE", "2030"):
        assert secret not in kept
    fields = {"key", "outcome", "amount", "currency", "refunded"}
    assert set(SandboxChargeRow.get_attributes()) == fields


# --- one key, one charge ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (sandbox.APPROVES, sandbox.APPROVES, APPROVED),
        (sandbox.APPROVES, sandbox.DECLINES, APPROVED),
        (sandbox.LOSES_ANSWER, sandbox.DECLINES, APPROVED),
        (sandbox.DECLINES, sandbox.APPROVES, DECLINED),
    ],
)
def test_the_first_outcome_under_a_key_stays(first: str, second: str, outcome: Outcome) -> None:
    charge(first)
    assert charge(second) is outcome
    assert ask(final=True) is outcome


def test_another_key_is_another_charge() -> None:
    assert charge(sandbox.DECLINES) is DECLINED
    assert charge(sandbox.APPROVES, NEXT) is APPROVED
    assert (ask(), ask(payment=NEXT)) == (DECLINED, APPROVED)


# --- asking -------------------------------------------------------------------------------------


def test_asking_about_a_charge_that_was_never_seen_says_nothing_and_keeps_nothing() -> None:
    assert ask() is UNKNOWN
    assert charge() is APPROVED


def test_asking_finally_declines_a_charge_that_was_never_seen_for_ever() -> None:
    assert ask(final=True) is DECLINED
    assert charge() is DECLINED
    assert ask() is DECLINED


def test_a_charge_that_comes_just_before_the_final_question_stays_approved(wire: Wire) -> None:
    wire.plan("PutItem", Meanwhile(charge))
    assert ask(final=True) is APPROVED
    assert ask() is APPROVED


def test_a_final_question_that_comes_just_before_the_charge_declines_it(wire: Wire) -> None:
    wire.plan("PutItem", Meanwhile(lambda: ask(final=True)))
    assert charge() is DECLINED
    assert ask() is DECLINED


# --- giving back --------------------------------------------------------------------------------


def test_an_approved_charge_is_given_back_as_often_as_it_is_asked_for() -> None:
    charge()
    assert (refund(), refund()) == (True, True)


def test_a_charge_that_was_given_back_counts_as_declined() -> None:
    charge()
    refund()
    assert (ask(), ask(final=True), charge()) == (DECLINED, DECLINED, DECLINED)


def test_nothing_is_given_back_that_was_not_approved() -> None:
    assert refund() is False
    charge(sandbox.DECLINES)
    assert refund() is False
    assert ask(payment=NEXT, final=True) is DECLINED
    assert refund(NEXT) is False


# --- trouble ------------------------------------------------------------------------------------

BUSY: Final = Reply(400, {"__type": "ThrottlingException", "message": "Slow down"})
WRITING: Final = ("TransactWriteItems", "PutItem", "UpdateItem")
READING: Final = ("BatchGetItem", "GetItem", "TransactGetItems")


@pytest.mark.parametrize("operations", [READING, WRITING, READING + WRITING])
@pytest.mark.parametrize("fault", [BUSY, Silence(done=False)])
def test_a_store_that_does_nothing_is_no_answer(
    wire: Wire, operations: tuple[str, ...], fault: Reply | Silence
) -> None:
    for operation in operations:
        wire.always(operation, fault)
    assert Sandbox().charge(PAYMENT, card(), deadline=in_s(0.3)) is UNKNOWN
    assert Sandbox().ask(PAYMENT, final=True, deadline=in_s(0.3)) is UNKNOWN
    assert Sandbox().refund(PAYMENT, deadline=in_s(0.3)) is False


def test_a_store_whose_answers_are_lost_has_charged_once(wire: Wire) -> None:
    for operation in WRITING:
        wire.plan(operation, Silence(done=True))
    assert charge() is APPROVED
    assert ask(final=True) is APPROVED


@pytest.mark.parametrize(
    "call",
    [
        lambda: Sandbox().charge(PAYMENT, card(), deadline=in_s(-1)),
        lambda: Sandbox().ask(PAYMENT, final=True, deadline=in_s(-1)),
    ],
)
def test_nothing_is_done_after_the_deadline(call: Callable[[], Outcome]) -> None:
    assert call() is UNKNOWN
    assert ask() is UNKNOWN

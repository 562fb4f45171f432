"""Paying the rest by card: begin, charge, end, and whatever may come between two of them.

The sandbox's published cards play the gateway. After every way to end: an order is completed at
most once, credit that was captured is the order's part of it, and no hold is left open.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from chalicelib import checkout, registry
from chalicelib.checkout import Visit, payments
from chalicelib.core import page_errors
from chalicelib.core.errors import AlreadyCompleted, Busy, InvalidRequest
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS, Outcome, Payment, payment_of
from chalicelib.core.pre_orders import Order, PreOrder
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.outside import sandbox
from chalicelib.outside.sandbox import Sandbox
from chalicelib.store.requests import batch_get
from chalicelib.store.sandbox import charge_in, charge_key
from tests.core.made import FUNDS, ONE_PAYMENT, THREE_PAYMENTS
from tests.store.wire import Instead, Json, Wire
from tests.verbs import shop

LATER_S: Final = ASK_FINALLY_AFTER_MS / 1000
APPROVING: Final = (sandbox.APPROVES, sandbox.ANSWERS_TWICE)


class Killed(BaseException):
    """The function is ended here: no except clause of the service may catch it."""


@pytest.fixture(autouse=True)
def opened(wire: Wire) -> None:
    """Give each test a shop whose shopper ada has 50.00."""
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="0.00")


def order() -> Order:
    return checkout.read_order(shop.call(), shop.CHANNEL, "basket-1").order


def charged(paying: PreOrder) -> Outcome | None:
    """Return what the gateway keeps of a payment."""
    key = payment_of(paying).key
    rows = batch_get([charge_key(key)], deadline=shop.call().deadline, consistent=True)
    found = charge_in(rows, key)
    return None if found is None else found.outcome


def at_rest() -> tuple[int, int, int]:
    """Return ada's available and held credit, and how many holds are open."""
    account = shop.account_of("ada")
    return account.available, account.held, len(account.open_holds)


def settled_as_paid(credit: int = 1000) -> None:
    """Check that the order is there, paid once, with nothing held any more."""
    assert at_rest() == (5000 - credit, 0, 0)
    assert (order().loyalty, order().total) == (credit, 4000)
    paid = [entry for entry in shop.entries_of("ada") if entry.kind == "order"]
    assert [(entry.amount, entry.order) for entry in paid] == (
        [(-credit, "basket-1")] if credit else []
    )


def settled_as_open(failed: str | None = "declined") -> None:
    """Check that nothing was paid, nothing is held, and the shopper may try again."""
    assert at_rest() == (5000, 0, 0)
    now = shop.pre_order_of("ada")
    assert (now.state, now.loyalty, now.charge) == ("open", 1000, None)
    assert now.failed_payment == failed


# --- the three endings -------------------------------------------------------------------------


@pytest.mark.parametrize("card", APPROVING)
def test_an_approved_card_completes_the_order_and_takes_the_held_credit(card: str) -> None:
    shop.come_to_card(card=card)
    ended = shop.pay(card=card)
    assert (ended.move, ended.refusal) == (Move.SHOW_ORDER, None)
    settled_as_paid()
    paid = order()
    assert (paid.payment_type, paid.payment_name) == ("credit_card", "Card")
    assert (paid.charged, paid.payment_state) == (3000, "paid")
    assert paid.payment_key is not None
    assert shop.state_of("checkout:basket-1:1") == "captured"


def test_a_whole_order_may_be_paid_by_card_without_an_account() -> None:
    shop.register("alan")
    shop.open_checkout("alan")
    for event, text in (
        (PageEvent.SELECT_OPTION, "2"),
        (PageEvent.ENTER_BIN, "411111"),
        (PageEvent.CHOOSE_INSTALLMENT, "1"),
    ):
        assert shop.visit("alan", event, text).refusal is None
    assert shop.pay("alan").move is Move.SHOW_ORDER
    assert (order().loyalty, order().charged) == (0, 4000)


def test_a_plan_with_interest_is_charged_with_its_interest() -> None:
    shop.come_to_card(plan=THREE_PAYMENTS)
    assert shop.pay().move is Move.SHOW_ORDER
    assert (order().total, order().loyalty, order().charged) == (4000, 1000, 3045)


def test_a_declined_card_leaves_the_checkout_as_it_was_and_another_card_may_pay() -> None:
    shop.come_to_card(card=sandbox.DECLINES)
    ended = shop.pay(card=sandbox.DECLINES)
    assert shop.code_of(ended) == "payment_declined"
    settled_as_open()
    assert shop.state_of("checkout:basket-1:1") == "voided"
    shop.visit("ada", PageEvent.ENTER_BIN, "411111")
    shop.visit("ada", PageEvent.CHOOSE_INSTALLMENT, "1")
    assert shop.pay().move is Move.SHOW_ORDER
    settled_as_paid()
    assert shop.state_of("checkout:basket-1:2") == "captured"


def test_an_answer_that_is_lost_is_asked_for_and_never_charged_again() -> None:
    shop.come_to_card(card=sandbox.LOSES_ANSWER)
    lost = shop.pay(card=sandbox.LOSES_ANSWER)
    assert shop.code_of(lost) == "payment_in_progress"
    assert at_rest() == (4000, 1000, 1)
    # Whatever is asked for next tells how the payment ended.
    assert shop.visit("ada", PageEvent.SHOW).move is Move.SHOW_ORDER
    settled_as_paid()


def test_a_charge_that_never_arrived_is_declined_only_when_it_cannot_be_on_its_way() -> None:
    shop.come_to_card(card=sandbox.LOSES_REQUEST)
    lost = shop.pay(card=sandbox.LOSES_REQUEST)
    assert shop.code_of(lost) == "payment_in_progress"
    paying = lost.situation.pre_order
    assert paying is not None
    early = shop.visit("ada", PageEvent.SHOW, after_s=LATER_S - 1)
    assert (early.move, shop.code_of(early)) == (Move.SHOW, "payment_in_progress")
    assert charged(paying) is None
    late = shop.visit("ada", PageEvent.SHOW, after_s=LATER_S)
    assert (late.move, shop.code_of(late)) == (Move.SHOW, "payment_declined")
    settled_as_open()
    # A charge that arrives after all finds its key declined.
    assert Sandbox().ask(payment_of(paying), final=False, deadline=shop.call().deadline) is (
        Outcome.DECLINED
    )


@pytest.mark.parametrize("event", [e for e in PageEvent if e is not PageEvent.SHOW_CREDIT])
def test_any_page_ends_a_payment_whose_outcome_the_gateway_knows(event: PageEvent) -> None:
    shop.come_to_card(card=sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER)
    card = sandbox.APPROVES if event is PageEvent.CONFIRM_CARD else None
    assert shop.visit("ada", event, "1", card=card).move is Move.SHOW_ORDER
    settled_as_paid()


@pytest.mark.parametrize("event", [e for e in PageEvent if e is not PageEvent.SHOW_CREDIT])
def test_while_the_outcome_is_unknown_no_page_changes_anything(event: PageEvent) -> None:
    shop.come_to_card(card=sandbox.LOSES_REQUEST)
    before = shop.pay(card=sandbox.LOSES_REQUEST).situation.pre_order
    card = sandbox.APPROVES if event is PageEvent.CONFIRM_CARD else None
    seen = shop.visit("ada", event, "1", card=card)
    assert shop.code_of(seen) == "payment_in_progress"
    assert seen.situation.pre_order == before
    assert at_rest() == (4000, 1000, 1)


def test_a_failure_that_the_schedule_finds_is_told_until_the_shopper_changes_anything() -> None:
    shop.come_to_card(card=sandbox.LOSES_REQUEST)
    shop.pay(card=sandbox.LOSES_REQUEST)
    assert shop.end_payments(after_s=LATER_S).declined == 1
    seen = shop.visit("ada", PageEvent.SHOW)
    assert (seen.move, shop.code_of(seen)) == (Move.SHOW, "payment_declined")
    again = shop.visit("ada", PageEvent.SHOW)
    assert (again.move, shop.code_of(again)) == (Move.SHOW, "payment_declined")
    # What changes nothing is not told of, and leaves it to be told.
    assert shop.visit("ada", PageEvent.USE_CREDIT, "10.00").refusal is None
    settled_as_open()
    assert shop.visit("ada", PageEvent.USE_CREDIT, "5.00").refusal is None
    assert shop.visit("ada", PageEvent.SHOW).refusal is None


@pytest.mark.parametrize("ending", ["another card", "credit alone", "the next basket"])
def test_a_failure_is_forgotten_once_the_shopper_goes_on(ending: str) -> None:
    shop.come_to_card(card=sandbox.DECLINES)
    assert shop.code_of(shop.pay(card=sandbox.DECLINES)) == "payment_declined"
    match ending:
        case "another card":
            shop.visit("ada", PageEvent.ENTER_BIN, "411111")
            shop.visit("ada", PageEvent.CHOOSE_INSTALLMENT, "1")
            assert shop.pay().move is Move.SHOW_ORDER
        case "credit alone":
            shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
            assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
        case "the next basket":
            shop.open_checkout("ada", reference="basket-2")
            assert shop.visit("ada", PageEvent.SHOW).refusal is None
    assert shop.pre_order_of("ada").failed_payment is None


def test_who_confirms_again_hears_of_the_decline_and_is_not_charged_by_the_way() -> None:
    shop.come_to_card(card=sandbox.LOSES_REQUEST)
    shop.pay(card=sandbox.LOSES_REQUEST)
    again = shop.pay(after_s=LATER_S)
    assert shop.code_of(again) == "payment_declined"
    settled_as_open()


def test_confirming_again_after_completion_shows_the_order() -> None:
    shop.come_to_card()
    first = shop.pay()
    for again in (shop.pay(), shop.pay(card=sandbox.DECLINES)):
        assert (again.move, again.refusal) == (Move.SHOW_ORDER, None)
        assert again.situation.pre_order == first.situation.pre_order
    settled_as_paid()


# --- killed between two steps ---------------------------------------------------------------------


@contextmanager
def killed_in(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> Iterator[None]:
    """End the function where it would call something."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, kill)
        yield


def test_killed_before_the_charge_the_payment_ends_as_declined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.come_to_card()
    with killed_in(monkeypatch, Sandbox, "charge"), pytest.raises(Killed):
        shop.pay()
    assert at_rest() == (4000, 1000, 1)
    assert shop.end_payments(after_s=1).in_progress == 1
    assert shop.end_payments(after_s=LATER_S).declined == 1
    settled_as_open()


@pytest.mark.parametrize("card", [*APPROVING, sandbox.DECLINES])
def test_killed_after_the_charge_the_payment_ends_as_the_gateway_says(
    card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.come_to_card(card=card)
    step = "_release" if card == sandbox.DECLINES else "_finish"
    with killed_in(monkeypatch, payments, step), pytest.raises(Killed):
        shop.pay(card=card)
    assert at_rest() == (4000, 1000, 1)
    ended = shop.end_payments(after_s=1)
    if card == sandbox.DECLINES:
        assert (ended.completed, ended.declined) == (0, 1)
        settled_as_open()
    else:
        assert (ended.completed, ended.declined) == (1, 0)
        settled_as_paid()
    assert shop.end_payments(after_s=2) == checkout.Ended(0, 0, 0, 0)


def test_the_schedule_ends_every_payment_and_tells_the_age_of_the_oldest() -> None:
    names = [f"u-{number}" for number in range(30)]
    shop.open_accounts(**dict.fromkeys(names, "50.00"))
    for number, name in enumerate(names):
        card = (sandbox.LOSES_ANSWER, sandbox.LOSES_REQUEST)[number % 2]
        shop.come_to_card(name, card=card, reference=f"basket-{name}")
        shop.pay(name, card=card)
    assert shop.end_payments(after_s=10) == checkout.Ended(15, 0, 15, 10_000)
    assert shop.end_payments(after_s=LATER_S) == checkout.Ended(0, 15, 0, 0)
    assert shop.end_payments(after_s=LATER_S) == checkout.Ended(0, 0, 0, 0)
    assert {shop.account_of(name).held for name in names} == {0}


def test_a_payment_that_cannot_be_ended_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ada", "grace"):
        shop.come_to_card(name, "0.00", sandbox.LOSES_ANSWER, reference=f"basket-{name}")
        shop.pay(name, card=sandbox.LOSES_ANSWER)
    real = Sandbox.ask

    def broken(self: Sandbox, payment: Payment, **options: Any) -> Outcome:
        if payment.reference == "basket-ada":
            raise ZeroDivisionError
        return real(self, payment, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "ask", broken)
        assert shop.end_payments(after_s=2) == checkout.Ended(1, 0, 1, 2_000)
    assert shop.end_payments(after_s=3).completed == 1


def test_past_its_time_a_look_asks_nobody() -> None:
    shop.come_to_card(card=sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER)
    late = dataclasses.replace(shop.call(1), deadline=time.monotonic() - 1)
    assert checkout.end_payments(late) == checkout.Ended(0, 0, 0, 0)
    assert shop.end_payments(after_s=1).completed == 1


TABLES: Final = ("accounts", "holds", "orders", "pre_orders")


def torn(wire: Wire, newer: str, meanwhile: Callable[[], object]) -> Instead:
    """Answer a batch with one table as it is after something that happened between its reads."""

    def answer(request: Json) -> Json:
        before = wire.ask("BatchGetItem", request)
        meanwhile()
        after = wire.ask("BatchGetItem", request)
        for table in before["Responses"]:
            if table.endswith(newer):
                before["Responses"][table] = after["Responses"][table]
        del before["ResponseMetadata"]
        return before

    return Instead(answer)


@pytest.mark.parametrize("newer", TABLES)
@pytest.mark.parametrize("card", [sandbox.LOSES_ANSWER, sandbox.LOSES_REQUEST])
def test_rows_read_one_after_the_other_end_a_payment_no_second_time(
    card: str, newer: str, wire: Wire
) -> None:
    shop.come_to_card(card=card)
    shop.pay(card=card)

    def schedule() -> None:
        shop.end_payments(after_s=LATER_S)

    # The page reads, the sandbox reads, and then the end of the payment.
    wire.plan("BatchGetItem", None, None, torn(wire, newer, schedule))
    seen = shop.visit("ada", PageEvent.SHOW, after_s=LATER_S)
    if card == sandbox.LOSES_ANSWER:
        assert seen.move is Move.SHOW_ORDER
        settled_as_paid()
    else:
        settled_as_open()


# --- what stands in the way -----------------------------------------------------------------------


def test_credit_that_is_held_cannot_be_spent_meanwhile() -> None:
    shop.come_to_card(credit="39.00", card=sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER)
    with pytest.raises(Exception, match=r"11\.00 TRY is available"):
        shop.send("t-1", "ada", "grace", "11.01")
    shop.send("t-2", "ada", "grace", "11.00")
    assert shop.visit("ada", PageEvent.SHOW).move is Move.SHOW_ORDER
    assert at_rest() == (0, 0, 0)


def test_credit_that_shrank_is_taken_out_before_anything_is_charged() -> None:
    shop.come_to_card(credit="30.00")
    shop.send("t-1", "ada", "grace", "25.00")
    seen = shop.pay()
    assert shop.code_of(seen) == "credit_changed"
    now = shop.pre_order_of("ada")
    assert (now.state, now.loyalty, now.installment, now.attempt) == ("open", 0, None, 0)


def test_too_many_open_holds_are_said_to_the_shopper() -> None:
    shop.come_to_card(credit="10.00")
    for number in range(8):
        shop.hold(f"h-{number}", amount="1.00")
    assert shop.code_of(shop.pay()) == "credit_reserved"
    assert shop.pre_order_of("ada").state == "open"


def test_debit_allowed_pays_no_part_of_an_order() -> None:
    """Decision 7: a hold never draws overdraft."""
    shop.register("debra")
    shop.open_account("debra", "5.00", debit=True)
    shop.open_checkout("debra")
    assert shop.code_of(shop.visit("debra", PageEvent.USE_CREDIT, "10.00")) == "amount_over_credit"


def test_without_a_gateway_no_card_is_taken() -> None:
    registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "none")
    shop.come_to_card()
    assert shop.code_of(shop.pay()) == "payment_not_offered"
    settled_as_open(failed=None)


def test_a_gateway_that_the_deployment_lacks_cannot_be_chosen() -> None:
    with pytest.raises(InvalidRequest, match="GATEWAY_URL"):
        registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "http")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("LOYALTY_MONEY_ENABLED", False),
        ("PAYMENT_GATEWAY", "none"),
        ("PAYMENT_OPTIONS", [FUNDS.model_dump()]),
        ("INSTALLMENTS", [THREE_PAYMENTS.model_dump()]),
    ],
)
def test_a_payment_that_has_begun_ends_under_the_settings_it_began_with(
    setting: str, value: object
) -> None:
    shop.come_to_card(card=sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER)
    registry.set_setting(shop.call(), shop.CHANNEL, setting, value)
    assert shop.end_payments(after_s=1).completed == 1
    settled_as_paid()


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("LOYALTY_MONEY_ENABLED", False, "installment_refused"),
        ("PAYMENT_OPTIONS", [FUNDS.model_dump()], "option_not_chosen"),
        ("INSTALLMENTS", [THREE_PAYMENTS.model_dump()], "installment_refused"),
        (
            "INSTALLMENTS",
            [ONE_PAYMENT.model_dump() | {"interest_rate": 500}],
            "installment_refused",
        ),
    ],
)
def test_a_setting_that_changes_the_price_is_seen_before_anything_is_charged(
    setting: str, value: object, code: str
) -> None:
    shop.come_to_card()
    registry.set_setting(shop.call(), shop.CHANNEL, setting, value)
    assert shop.code_of(shop.pay()) == code
    assert at_rest() == (5000, 0, 0)


def test_a_checkout_that_the_shop_replaced_is_priced_anew_before_it_is_charged() -> None:
    shop.come_to_card()
    shop.open_checkout("ada", 6000)
    assert shop.code_of(shop.pay()) == "installment_refused"
    now = shop.pre_order_of("ada")
    assert (now.total, now.loyalty, now.bin_number) == (6000, 0, "411111")


def test_under_an_open_payment_the_shop_cannot_replace_the_checkout() -> None:
    shop.come_to_card(card=sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER)
    same = shop.open_checkout("ada")
    assert (same.written, same.answer.state) == (False, "paying")
    with pytest.raises(page_errors.PaymentInProgress):
        shop.open_checkout("ada", 6000)
    with pytest.raises(page_errors.PaymentInProgress):
        shop.open_checkout("ada", reference="basket-2")
    shop.end_payments(after_s=1)
    with pytest.raises(AlreadyCompleted):
        shop.open_checkout("ada", 6000)


def test_attempts_are_counted_on_over_baskets_so_that_no_hold_is_named_twice() -> None:
    for number in (1, 2, 3):
        shop.open_checkout("ada", reference="basket-2")
        shop.come_to_card(card=sandbox.DECLINES)
        assert shop.code_of(shop.pay(card=sandbox.DECLINES)) == "payment_declined"
        assert shop.pre_order_of("ada").attempt == number
    settled_as_open()


# --- one basket, two currencies -------------------------------------------------------------------


def two_currencies(card: str) -> None:
    shop.open_account("ada", "20.00", "USD")
    shop.come_to_card("ada", "5.00", card, 2000, currency="USD")
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, "40.00")


def test_a_basket_that_was_ordered_in_another_currency_is_not_charged() -> None:
    two_currencies(sandbox.APPROVES)
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert shop.code_of(shop.pay(currency="USD")) == "basket_completed"
    assert shop.account_of("ada", "USD").held == 0


def test_a_charge_for_a_basket_that_was_ordered_meanwhile_is_given_back() -> None:
    two_currencies(sandbox.LOSES_ANSWER)
    paying = shop.pay(card=sandbox.LOSES_ANSWER, currency="USD").situation.pre_order
    assert paying is not None
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    seen: Visit = shop.pay(currency="USD")
    assert shop.code_of(seen) == "payment_returned"
    shown = shop.visit("ada", PageEvent.SHOW, currency="USD")
    assert (shown.move, shop.code_of(shown)) == (Move.SHOW, "payment_returned")
    dollars = shop.account_of("ada", "USD")
    assert (dollars.available, dollars.held) == (2000, 0)
    assert shop.pre_order_of("ada", "USD").state == "open"
    assert (order().currency, order().loyalty) == ("TRY", 4000)
    assert Sandbox().ask(payment_of(paying), final=False, deadline=shop.call().deadline) is (
        Outcome.DECLINED
    )


def test_a_charge_that_cannot_be_given_back_stays_in_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two_currencies(sandbox.LOSES_ANSWER)
    shop.pay(card=sandbox.LOSES_ANSWER, currency="USD")
    shop.visit("ada", PageEvent.COMPLETE, "true")
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "refund", lambda *_, **__: False)
        assert shop.code_of(shop.pay(currency="USD")) == "payment_in_progress"
    assert shop.end_payments(after_s=1).declined == 1
    assert shop.account_of("ada", "USD").held == 0


@pytest.mark.parametrize("step", ["ask", "charge"])
def test_who_hears_late_that_a_payment_was_approved_gives_nothing_back(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hear of one approval; one completes the order, and the shop opens the next basket."""
    card = sandbox.LOSES_ANSWER if step == "ask" else sandbox.APPROVES
    shop.come_to_card(card=card)
    if step == "ask":
        shop.pay(card=card)
    real = getattr(Sandbox, step)

    def overtaken(self: Sandbox, *args: object, **options: object) -> Outcome:
        outcome: Outcome = real(self, *args, **options)
        with monkeypatch.context() as patched:
            patched.setattr(Sandbox, step, real)
            assert shop.end_payments(after_s=1).completed == 1
        shop.open_checkout("ada", 700, reference="basket-2")
        return outcome

    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, step, overtaken)
        seen = shop.visit("ada", PageEvent.SHOW) if step == "ask" else shop.pay(card=card)
    assert (seen.move, seen.refusal) == (Move.SHOW, None)
    assert seen.situation.pre_order is not None
    assert (seen.situation.pre_order.reference, seen.situation.pre_order.state) == (
        "basket-2",
        "open",
    )
    key = order().payment_key
    assert key is not None
    rows = batch_get([charge_key(key)], deadline=shop.call().deadline, consistent=True)
    found = charge_in(rows, key)
    assert found is not None
    assert (found.outcome, found.refunded) == (Outcome.APPROVED, False)
    settled_as_paid()


# --- funds transfer -------------------------------------------------------------------------------


def come_to_funds(credit: str = "10.00") -> None:
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, credit)
    assert shop.visit("ada", PageEvent.SELECT_OPTION, str(FUNDS.pk)).refusal is None


def test_a_funds_transfer_takes_the_credit_at_once_and_the_rest_awaits_payment() -> None:
    come_to_funds()
    assert shop.code_of(shop.visit("ada", PageEvent.CONFIRM_FUNDS, "1")) == "bank_account_refused"
    assert shop.visit("ada", PageEvent.CHOOSE_BANK, "1").refusal is None
    assert shop.code_of(shop.visit("ada", PageEvent.CONFIRM_FUNDS, "")) == "agreement_missing"
    for _ in range(2):
        assert shop.visit("ada", PageEvent.CONFIRM_FUNDS, "1").move is Move.SHOW_ORDER
    settled_as_paid()
    paid = order()
    assert (paid.payment_type, paid.payment_state, paid.charged) == (
        "funds_transfer",
        "awaiting_payment",
        0,
    )


def test_a_funds_transfer_needs_no_credit() -> None:
    come_to_funds("0.00")
    shop.visit("ada", PageEvent.CHOOSE_BANK, "1")
    assert shop.visit("ada", PageEvent.CONFIRM_FUNDS, "1").move is Move.SHOW_ORDER
    settled_as_paid(0)


def test_a_funds_transfer_with_credit_that_shrank_is_not_completed() -> None:
    come_to_funds("30.00")
    shop.visit("ada", PageEvent.CHOOSE_BANK, "1")
    shop.send("t-1", "ada", "grace", "25.00")
    assert shop.code_of(shop.visit("ada", PageEvent.CONFIRM_FUNDS, "1")) == "credit_changed"


# --- refunds --------------------------------------------------------------------------------------


def test_of_a_mixed_payment_the_credit_is_refunded_and_no_more() -> None:
    shop.come_to_card()
    shop.pay()
    shop.refund_order("r-1", "4.00")
    with pytest.raises(Exception, match=r"6\.00"):
        shop.refund_order("r-2", "6.01")
    shop.refund_order("r-3", "6.00")
    assert at_rest() == (5000, 0, 0)


def test_a_busy_store_ends_nothing_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shop.come_to_card()

    def busy(*_: object, **__: object) -> None:
        raise Busy

    with monkeypatch.context() as patched:
        patched.setattr(payments, "settle", busy)
        with pytest.raises(Busy):
            shop.pay()
    assert at_rest() == (4000, 1000, 1)
    assert shop.pay().move is Move.SHOW_ORDER
    settled_as_paid()

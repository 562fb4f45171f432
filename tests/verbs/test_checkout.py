"""The verbs of checkout, on a store: what a page leaves behind, and what it cannot do.

Decision numbers are those of docs/checkout-protocol.md.
"""

import dataclasses
import json

import pytest

from chalicelib import checkout, ledger, registry
from chalicelib.checkout import Posted
from chalicelib.core.checkout import step_of
from chalicelib.core.errors import (
    AlreadyCompleted,
    Busy,
    NotSignedIn,
    UnknownChannel,
    UnknownOrder,
    UnknownUser,
)
from chalicelib.core.page_errors import (
    AmountRefused,
    FullyCovered,
    PageRefusal,
    PaymentDeclined,
    PaymentInProgress,
    UnreadableForm,
)
from chalicelib.core.settings import PaymentOption
from chalicelib.core.transitions import TRANSITIONS, Move, PageEvent, Step
from chalicelib.outside import sandbox
from tests.core.made import CARD, CREDIT, FUNDS, THREE_PAYMENTS
from tests.store.wire import Meanwhile, Wire, cancelled, past
from tests.verbs import shop

BASKET = json.dumps({"basket": {"basketitem_set": [{"name": "Çay", "quantity": 2}]}})

STEPS: dict[Step, list[tuple[PageEvent, str]]] = {
    Step.CHOOSING: [],
    Step.CARD: [(PageEvent.SELECT_OPTION, str(CARD.pk))],
    Step.CARD_KNOWN: [(PageEvent.SELECT_OPTION, str(CARD.pk)), (PageEvent.ENTER_BIN, "545454")],
    Step.CARD_READY: [
        (PageEvent.SELECT_OPTION, str(CARD.pk)),
        (PageEvent.ENTER_BIN, "545454"),
        (PageEvent.CHOOSE_INSTALLMENT, "1"),
    ],
    Step.CREDIT_SHORT: [(PageEvent.SELECT_OPTION, str(CREDIT.pk))],
    Step.FUNDS: [(PageEvent.SELECT_OPTION, str(FUNDS.pk)), (PageEvent.CHOOSE_BANK, "1")],
    Step.OTHER: [(PageEvent.SELECT_OPTION, "9")],
    Step.COVERED: [(PageEvent.USE_CREDIT, "40.00")],
    Step.PAYING: [
        (PageEvent.SELECT_OPTION, str(CARD.pk)),
        (PageEvent.ENTER_BIN, sandbox.LOSES_REQUEST[:6]),
        (PageEvent.CHOOSE_INSTALLMENT, "1"),
    ],
    Step.COMPLETED: [(PageEvent.USE_CREDIT, "40.00"), (PageEvent.COMPLETE, "true")],
}
"""The pages that lead to each step from a checkout just opened; one step has none open."""

POSTED: dict[PageEvent, str] = {
    PageEvent.SHOW: "",
    PageEvent.SHOW_CREDIT: "",
    PageEvent.USE_CREDIT: "10.00",
    PageEvent.COMPLETE: "true",
    PageEvent.SELECT_OPTION: str(CREDIT.pk),
    PageEvent.ENTER_BIN: "400000",
    PageEvent.CHOOSE_INSTALLMENT: "2",
    PageEvent.CONFIRM_CARD: "1",
    PageEvent.CHOOSE_BANK: "1",
    PageEvent.CONFIRM_FUNDS: "1",
}
"""For every page something to post that it takes where it acts."""


@pytest.fixture
def desk(wire: Wire) -> Wire:
    """Open a shop where ada has 50.00 and grace is known but has no account."""
    shop.open_shop()
    options = [CARD, CREDIT, FUNDS, PaymentOption(pk=9, name="Door", slug="d", payment_type="door")]
    shown = [option.model_dump() for option in options]
    registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_OPTIONS", shown)
    shop.open_accounts(ada="50.00")
    shop.register("grace")
    return wire


def walk_to(step: Step) -> None:
    """Bring ada to a step, by the pages that lead there."""
    if step is not Step.NOTHING_OPEN:
        shop.open_checkout("ada", content=BASKET)
        for event, text in STEPS[step]:
            assert shop.visit("ada", event, text).refusal is None
    if step is Step.PAYING:
        assert shop.code_of(shop.pay(card=sandbox.LOSES_REQUEST)) == "payment_in_progress"


# --- every page at every step -----------------------------------------------------------------


def test_every_step_is_walked_to_and_every_page_posted() -> None:
    assert set(STEPS) | {Step.NOTHING_OPEN} == set(Step)
    assert set(POSTED) == set(PageEvent)


@pytest.mark.parametrize("step", Step)
def test_every_page_at_a_step_does_what_the_table_says_and_a_refusal_changes_nothing(
    desk: Wire, step: Step
) -> None:
    walk_to(step)
    here = desk.everything()
    for event in PageEvent:
        card = "5454545454545454" if event is PageEvent.CONFIRM_CARD else None
        seen = shop.visit("ada", event, POSTED[event], card=card)
        outcome = TRANSITIONS[step][event]
        if step is Step.PAYING and event is PageEvent.SHOW:
            assert isinstance(seen.refusal, PaymentInProgress), "shown, and said beside it"
            assert (seen.move, desk.everything()) == (Move.SHOW, here)
        elif outcome is Move.CHARGE:
            # No card of the sandbox: it was charged, and declined.
            assert isinstance(seen.refusal, PaymentDeclined)
            desk.restore(here)
        elif isinstance(outcome, Move):
            ends = {Move.COMPLETE, Move.AWAIT_FUNDS}
            done = Move.SHOW_ORDER if outcome in ends else outcome
            assert (seen.move, seen.refusal) == (done, None), event
            desk.restore(here)
        else:
            assert isinstance(seen.refusal, outcome), event
            assert seen.refusal.detail
            assert desk.everything() == here, event
            assert step_of(seen.situation) is step


@pytest.mark.parametrize(
    "event", [e for e in PageEvent if e not in {PageEvent.SHOW, PageEvent.SHOW_CREDIT}]
)
def test_a_posted_page_that_cannot_be_understood_changes_nothing(
    desk: Wire, event: PageEvent
) -> None:
    walk_to(
        Step.FUNDS if event in {PageEvent.CHOOSE_BANK, PageEvent.CONFIRM_FUNDS} else Step.CARD_KNOWN
    )
    here = desk.everything()
    for text in ("", "x", "-1", "1e9", "\u0661", "null", "9" * 500):
        seen = shop.visit("ada", event, text)
        assert isinstance(seen.refusal, PageRefusal)
        assert desk.everything() == here


def test_a_form_that_cannot_be_read_is_answered_with_the_present_state(desk: Wire) -> None:
    walk_to(Step.CARD_KNOWN)
    seen = checkout.refuse(shop.call(), shop.shopper("ada"), "TRY", UnreadableForm())
    assert isinstance(seen.refusal, UnreadableForm)
    assert step_of(seen.situation) is Step.CARD_KNOWN
    assert seen.content == BASKET


# --- the guide's scenarios --------------------------------------------------------------------


def test_scenario_one_an_order_of_ten_is_paid_with_ten_of_fifty(desk: Wire) -> None:
    shop.open_checkout("ada", 1000, content=BASKET)
    shown = shop.visit("ada", PageEvent.SHOW_CREDIT)
    assert shown.situation.account is not None
    assert shown.situation.account.available == 5000
    used = shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    assert used.situation.pre_order is not None
    assert (used.situation.pre_order.loyalty, used.situation.pre_order.unpaid) == (1000, 0)
    assert shop.balance_of("ada") == 5000
    done = shop.visit("ada", PageEvent.COMPLETE, "true", after_s=5)
    assert (done.move, done.refusal) == (Move.SHOW_ORDER, None)
    assert shop.balance_of("ada") == 4000
    found = checkout.read_order(shop.call(), shop.CHANNEL, "basket-1")
    order, contents = found.order, found.contents
    assert (order.total, order.loyalty, order.currency) == (1000, 1000, "TRY")
    assert contents is not None
    assert (order.user_pk, contents.user_email, contents.content) == (
        "ada",
        "ada@example.com",
        BASKET,
    )
    assert order.contents_hash == contents.hash
    entry = shop.entries_of("ada")[-1]
    assert (entry.kind, entry.amount, entry.balance_after) == ("order", -1000, 4000)
    assert (entry.counterparty, entry.order) == ("house:SALE", "basket-1")
    assert entry.at_ms == order.completed_ms
    stored = ledger.read_transfer(shop.call(), shop.CHANNEL, "order:basket-1")
    assert (stored.kind, stored.amount, stored.by) == ("order", 1000, "shopper:ada")


def test_scenario_two_from_a_part_by_card_to_the_whole_by_credit(desk: Wire) -> None:
    shop.open_checkout("ada")
    assert shop.visit("ada", PageEvent.USE_CREDIT, "10.00").refusal is None
    for event, text in STEPS[Step.CARD_READY]:
        assert shop.visit("ada", event, text).refusal is None
    full = shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
    assert full.situation.pre_order is not None
    assert full.situation.pre_order.installment is None
    refused = shop.visit("ada", PageEvent.CHOOSE_INSTALLMENT, "1")
    assert isinstance(refused.refusal, FullyCovered)
    assert (
        shop.code_of(shop.visit("ada", PageEvent.SELECT_OPTION, str(CARD.pk))) == "option_refused"
    )
    assert shop.visit("ada", PageEvent.SELECT_OPTION, str(CREDIT.pk)).refusal is None
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert shop.balance_of("ada") == 1000


# --- amounts ----------------------------------------------------------------------------------


def test_choosing_an_amount_moves_nothing_and_reserves_nothing(desk: Wire) -> None:
    """Decision 6: another payment may still take it."""
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
    assert shop.account_of("ada").available == 5000
    assert len(shop.entries_of("ada")) == 1


@pytest.mark.parametrize("text", ["40.01", "50.00", "", "abc", "-1", "10.001"])
def test_a_refused_amount_leaves_the_one_that_was_chosen(desk: Wire, text: str) -> None:
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    seen = shop.visit("ada", PageEvent.USE_CREDIT, text)
    assert isinstance(seen.refusal, AmountRefused)
    assert shop.pre_order_of("ada").loyalty == 1000


@pytest.mark.parametrize(
    ("currency", "credit", "total", "part", "whole", "left"),
    [
        ("JPY", "500", 400, "100.00", "400.00", 100),
        ("JPY", "500", 400, "100", "400", 100),
        ("TRY", "5.00", 400, "1.00", "4.00", 100),
        ("KWD", "0.500", 400, "0.100", "0.4", 100),
        ("CLF", "0.0500", 400, "0.0100", "0.0400", 100),
    ],
)
def test_a_checkout_in_a_currency_counts_in_its_own_digits(
    wire: Wire, currency: str, credit: str, total: int, part: str, whole: str, left: int
) -> None:
    """Decision 21."""
    shop.open_shop()
    shop.register("ada")
    shop.open_account("ada", credit, currency)
    shop.open_checkout("ada", total, currency)
    seen = shop.visit("ada", PageEvent.USE_CREDIT, part, currency)
    assert seen.situation.pre_order is not None
    assert seen.situation.pre_order.loyalty == 100
    surplus = shop.visit("ada", PageEvent.USE_CREDIT, "0.00001", currency)
    assert shop.code_of(surplus) == "amount_malformed"
    shop.visit("ada", PageEvent.USE_CREDIT, whole, currency)
    assert shop.visit("ada", PageEvent.COMPLETE, "true", currency).move is Move.SHOW_ORDER
    assert shop.balance_of("ada", currency) == left


def test_debit_allowed_pays_a_whole_order_below_zero_and_no_part_of_one(desk: Wire) -> None:
    """Decision 7."""
    shop.register("rich")
    shop.open_account("rich", "10.00", debit=True)
    shop.open_checkout("rich", reference="basket-2")
    assert shop.code_of(shop.visit("rich", PageEvent.USE_CREDIT, "39.99")) == "amount_over_credit"
    assert shop.visit("rich", PageEvent.USE_CREDIT, "40.00").refusal is None
    assert shop.visit("rich", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert shop.balance_of("rich") == -3000


def test_checkout_needs_no_earlier_transfer(desk: Wire) -> None:
    """The first-transfer rule is for transfers: paying at checkout is never blocked by it."""
    shop.register("rich")
    shop.open_account("rich", "0", debit=True)
    shop.open_checkout("rich", 100, reference="basket-2")
    shop.visit("rich", PageEvent.USE_CREDIT, "1.00")
    assert shop.visit("rich", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert [entry.seq for entry in shop.entries_of("rich")] == [1]


# --- completion -------------------------------------------------------------------------------


def test_credit_for_a_part_completes_nothing(desk: Wire) -> None:
    """Decision 2."""
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, "39.99")
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(seen) == "unpaid_remains"
    assert seen.refusal is not None
    assert "0.01 TRY" in seen.refusal.detail
    assert shop.balance_of("ada") == 5000


@pytest.mark.parametrize("agreement", ["", "false", "no"])
def test_without_agreement_nothing_is_completed(desk: Wire, agreement: str) -> None:
    """Decision 14."""
    walk_to(Step.COVERED)
    assert shop.code_of(shop.visit("ada", PageEvent.COMPLETE, agreement)) == "agreement_missing"
    assert shop.balance_of("ada") == 5000
    assert shop.pre_order_of("ada").loyalty == 4000


def test_credit_that_shrank_completes_nothing_and_is_reset(desk: Wire) -> None:
    """Decision 8."""
    walk_to(Step.COVERED)
    shop.open_accounts(thief="0")
    shop.send("t-1", "ada", "thief", "20.00")
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(seen) == "credit_changed"
    assert seen.situation.pre_order is not None
    assert (seen.situation.pre_order.loyalty, seen.situation.pre_order.unpaid) == (0, 4000)
    assert shop.pre_order_of("ada") == seen.situation.pre_order
    assert shop.balance_of("ada") == 3000
    assert shop.visit("ada", PageEvent.USE_CREDIT, "30.00").refusal is None


def test_credit_that_shrinks_between_read_and_write_completes_nothing(desk: Wire) -> None:
    walk_to(Step.COVERED)
    shop.open_accounts(thief="0")

    def spend() -> None:
        shop.send("t-1", "ada", "thief", "20.00")

    desk.plan("TransactWriteItems", Meanwhile(spend))
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(seen) == "credit_changed"
    assert shop.balance_of("ada") == 3000
    with pytest.raises(UnknownOrder):
        checkout.read_order(shop.call(), shop.CHANNEL, "basket-1")


def test_credit_that_grew_again_is_left_chosen(desk: Wire) -> None:
    """Between the refusal and the reset, the credit came back: the chosen amount stands."""
    walk_to(Step.COVERED)
    shop.open_accounts(friend="0")
    shop.send("t-1", "ada", "friend", "20.00")

    def give_back() -> None:
        shop.send("t-2", "friend", "ada", "20.00")

    desk.plan("BatchGetItem", None, Meanwhile(give_back))
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(seen) == "credit_changed"
    assert shop.pre_order_of("ada").loyalty == 4000
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER


def test_a_basket_replaced_between_read_and_write_is_not_completed(desk: Wire) -> None:
    """Else the shopper would get the new goods for the old price."""
    walk_to(Step.COVERED)

    def replace() -> None:
        shop.open_checkout("ada", 9000, reference="basket-1", content="{}")

    desk.plan("TransactWriteItems", Meanwhile(replace))
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(seen) == "unpaid_remains"
    assert shop.balance_of("ada") == 5000
    assert shop.pre_order_of("ada").total == 9000


def test_two_tabs_complete_one_order_once(desk: Wire) -> None:
    walk_to(Step.COVERED)

    def other_tab() -> None:
        assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER

    desk.plan("TransactWriteItems", Meanwhile(other_tab))
    seen = shop.visit("ada", PageEvent.COMPLETE, "true")
    assert (seen.move, seen.refusal) == (Move.SHOW_ORDER, None)
    assert shop.balance_of("ada") == 1000
    assert len(shop.entries_of("ada")) == 2


def test_a_basket_completes_once_in_any_currency(desk: Wire) -> None:
    """Decision 15; the order is read by nobody before the write, so its put must tell."""
    shop.open_account("ada", "50.00", "USD")
    for currency in ("TRY", "USD"):
        shop.open_checkout("ada", currency=currency)
        shop.visit("ada", PageEvent.USE_CREDIT, "40.00", currency)
    assert shop.visit("ada", PageEvent.COMPLETE, "true", "TRY").move is Move.SHOW_ORDER
    desk.forget()
    seen = shop.visit("ada", PageEvent.COMPLETE, "true", "USD")
    assert shop.code_of(seen) == "basket_completed"
    assert desk.operations == ["BatchGetItem", "TransactWriteItems", "TransactGetItems"]
    assert shop.balance_of("ada", "USD") == 5000


def test_another_shoppers_basket_of_the_same_reference_is_not_shown(desk: Wire) -> None:
    shop.open_account("grace", "50.00")
    for user_pk in ("ada", "grace"):
        shop.open_checkout(user_pk)
        shop.visit(user_pk, PageEvent.USE_CREDIT, "40.00")
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert shop.code_of(shop.visit("grace", PageEvent.COMPLETE, "true")) == "basket_completed"
    assert shop.balance_of("grace") == 5000


def test_completion_under_contention_is_busy_and_pays_nothing(
    desk: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_to(Step.COVERED)
    monkeypatch.setattr("time.sleep", lambda _: None)
    desk.always("TransactWriteItems", cancelled("TransactionConflict", *["None"] * 4))
    with pytest.raises(Busy):
        shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.balance_of("ada") == 5000
    assert shop.pre_order_of("ada").state == "open"


def test_a_completed_order_is_shown_again_until_a_new_checkout(desk: Wire) -> None:
    """Decision 15."""
    walk_to(Step.COMPLETED)
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    shop.open_checkout("ada", reference="basket-2")
    assert shop.code_of(shop.visit("ada", PageEvent.COMPLETE, "true")) == "unpaid_remains"


# --- the feature off (decision 11) ------------------------------------------------------------


def test_with_the_feature_off_a_covered_checkout_is_not_completed(desk: Wire) -> None:
    walk_to(Step.COVERED)
    shop.switch(enabled=False)
    for event in (PageEvent.COMPLETE, PageEvent.USE_CREDIT, PageEvent.SHOW_CREDIT):
        assert shop.code_of(shop.visit("ada", event, POSTED[event])) == "loyalty_disabled"
    seen = shop.visit("ada", PageEvent.SHOW)
    assert seen.situation.effective is not None
    assert seen.situation.effective.unpaid == 4000
    assert shop.balance_of("ada") == 5000


def test_with_the_feature_off_history_and_balance_still_answer(desk: Wire) -> None:
    shop.switch(enabled=False)
    assert checkout.read_balance(shop.call(), shop.shopper("ada"), "TRY") == ("TRY", 5000)
    history = checkout.read_history(shop.call(), shop.shopper("ada"), "TRY", limit=5, start=None)
    assert history.count == 1


def test_with_the_feature_off_a_completed_order_is_shown_again(desk: Wire) -> None:
    walk_to(Step.COMPLETED)
    shop.switch(enabled=False)
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER


# --- who, and in which currency ---------------------------------------------------------------


def test_without_an_account_credit_is_zero_and_cannot_be_chosen(desk: Wire) -> None:
    """Decision 12."""
    shop.open_checkout("grace")
    seen = shop.visit("grace", PageEvent.SHOW_CREDIT)
    assert seen.refusal is None
    assert seen.situation.account is None
    assert checkout.read_balance(shop.call(), shop.shopper("grace"), "TRY") == ("TRY", 0)
    assert shop.code_of(shop.visit("grace", PageEvent.USE_CREDIT, "0.01")) == "amount_over_credit"
    assert shop.code_of(shop.visit("grace", PageEvent.SELECT_OPTION, "1")) == "option_refused"


def test_a_client_that_names_no_currency_gets_the_channels(desk: Wire) -> None:
    """Decision 13."""
    shop.open_checkout("ada")
    assert shop.visit("ada", PageEvent.SHOW, currency=None).currency == "TRY"
    registry.set_setting(shop.call(), shop.CHANNEL, "DEFAULT_CURRENCY", "USD")
    assert shop.visit("ada", PageEvent.SHOW, currency=None).currency == "USD"
    assert checkout.read_balance(shop.call(), shop.shopper("ada"), None) == ("USD", 0)


def test_checkouts_of_two_currencies_do_not_touch_each_other(desk: Wire) -> None:
    shop.open_account("ada", "9.00", "USD")
    shop.open_checkout("ada", 4000, "TRY", reference="basket-1")
    shop.open_checkout("ada", 900, "USD", reference="basket-2")
    shop.visit("ada", PageEvent.USE_CREDIT, "9.00", "USD")
    assert shop.pre_order_of("ada", "TRY").loyalty == 0
    assert shop.visit("ada", PageEvent.COMPLETE, "true", "USD").move is Move.SHOW_ORDER
    assert (shop.balance_of("ada"), shop.balance_of("ada", "USD")) == (5000, 0)


def test_an_ended_session_reaches_nothing(desk: Wire) -> None:
    walk_to(Step.COVERED)
    issued = shop.shopper("ada").issued_ms
    registry.end_sessions(shop.call(), shop.CHANNEL, "ada", issued + 1)
    for event in PageEvent:
        with pytest.raises(NotSignedIn):
            shop.visit("ada", event, POSTED[event])
    with pytest.raises(NotSignedIn):
        checkout.read_balance(shop.call(), shop.shopper("ada"), "TRY")
    with pytest.raises(NotSignedIn):
        checkout.read_history(shop.call(), shop.shopper("ada"), "TRY", limit=5, start=None)
    with pytest.raises(NotSignedIn):
        checkout.read_own_order(shop.call(), shop.shopper("ada"), "basket-1")
    later = shop.shopper("ada", issued_s=1)
    seen = checkout.visit(shop.call(), later, "TRY", PageEvent.COMPLETE, Posted("true"))
    assert seen.move is Move.SHOW_ORDER


def test_a_session_of_nobody_is_no_session(desk: Wire) -> None:
    with pytest.raises(NotSignedIn):
        shop.visit("nobody", PageEvent.SHOW)
    stranger = dataclasses.replace(shop.shopper("ada"), channel="none")
    for currency in ("TRY", None):
        with pytest.raises(NotSignedIn):
            checkout.visit(shop.call(), stranger, currency, PageEvent.SHOW, Posted())


def test_an_order_is_shown_to_its_own_shopper_only(desk: Wire) -> None:
    walk_to(Step.COMPLETED)
    own = checkout.read_own_order(shop.call(), shop.shopper("ada"), "basket-1")
    found = checkout.read_order(shop.call(), shop.CHANNEL, "basket-1")
    assert own == (found.order, found.contents)
    with pytest.raises(UnknownOrder):
        checkout.read_own_order(shop.call(), shop.shopper("grace"), "basket-1")
    with pytest.raises(UnknownOrder):
        checkout.read_order(shop.call(), shop.CHANNEL, "basket-2")
    with pytest.raises(UnknownChannel):
        checkout.read_order(shop.call(), "none", "basket-1")


# --- pre-orders -------------------------------------------------------------------------------


def test_the_same_pre_order_again_changes_nothing(desk: Wire) -> None:
    first = shop.open_checkout("ada", content=BASKET)
    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    here = desk.everything()
    again = shop.open_checkout("ada", content=BASKET, after_s=60)
    assert (first.written, again.written) == (True, False)
    assert again.answer.order_id == first.answer.order_id
    assert again.answer.loyalty == 1000
    assert desk.everything() == here


@pytest.mark.parametrize("change", ["total", "content", "reference"])
def test_another_content_replaces_an_open_checkout_and_resets_amount_and_instalment(
    desk: Wire, change: str
) -> None:
    first = shop.open_checkout("ada", 4000, content=BASKET).answer
    for event, text in STEPS[Step.CARD_READY]:
        shop.visit("ada", event, text)
    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    shop.visit("ada", PageEvent.CHOOSE_INSTALLMENT, str(THREE_PAYMENTS.pk))
    settled = shop.open_checkout(
        "ada",
        total=3000 if change == "total" else 4000,
        content="{}" if change == "content" else BASKET,
        reference="basket-2" if change == "reference" else "basket-1",
    )
    assert settled.written is True
    found = shop.pre_order_of("ada")
    assert found == settled.answer
    assert (found.loyalty, found.installment) == (0, None)
    assert (found.payment_option, found.bin_number) == (CARD.pk, "545454")
    assert found.order_id != first.order_id
    assert found.rev > first.rev


def test_a_checkout_after_a_completed_one_begins_with_nothing_chosen(desk: Wire) -> None:
    walk_to(Step.COMPLETED)
    fresh = shop.open_checkout("ada", reference="basket-2").answer
    assert (fresh.state, fresh.loyalty, fresh.payment_option) == ("open", 0, None)
    assert fresh.completed_ms is None


def test_pre_orders_need_a_channel_and_a_user(desk: Wire) -> None:
    here = desk.everything()
    with pytest.raises(UnknownUser):
        shop.open_checkout("nobody")
    opening = checkout.NewPreOrder("ada", "TRY", None, 1, 0, "{}")
    with pytest.raises(UnknownChannel):
        checkout.open_pre_order(shop.call(), "none", opening)
    assert desk.everything() == here


def test_a_checkout_completed_meanwhile_is_not_replaced(desk: Wire) -> None:
    """The shop's back end repeats its call while the shopper completes."""
    walk_to(Step.COVERED)

    def complete() -> None:
        shop.visit("ada", PageEvent.COMPLETE, "true")

    desk.plan("TransactWriteItems", Meanwhile(complete))
    with pytest.raises(AlreadyCompleted):
        shop.open_checkout("ada", 9000)
    assert shop.pre_order_of("ada").state == "completed"
    assert shop.balance_of("ada") == 1000


def test_a_basket_read_before_and_a_pre_order_after_its_replacement_are_not_mixed(
    desk: Wire,
) -> None:
    """BatchGetItem reads row by row: half of it may be older than the other half."""
    shop.open_checkout("ada", 4000, content=BASKET)
    older = desk.everything()
    shop.open_checkout("ada", 3000, content="{}")
    newer = desk.everything()
    baskets = [row for row in older["test-pre_orders"] if "#" in row["currency"]["S"]]
    others = [row for row in newer["test-pre_orders"] if "#" not in row["currency"]["S"]]
    desk.plan("BatchGetItem", past({**newer, "test-pre_orders": baskets + others}))
    seen = shop.visit("ada", PageEvent.SHOW)
    assert seen.situation.pre_order is not None
    assert (seen.situation.pre_order.total, seen.content) == (3000, "{}")


# --- history ----------------------------------------------------------------------------------


def test_a_shoppers_history_is_newest_first_and_counts_all(desk: Wire) -> None:
    walk_to(Step.COMPLETED)
    reader = shop.shopper("ada")
    first = checkout.read_history(shop.call(), reader, "TRY", limit=1, start=None)
    assert ([entry.amount for entry in first.entries], first.count) == ([-4000], 2)
    second = checkout.read_history(shop.call(), reader, "TRY", limit=1, start=first.last)
    assert ([entry.amount for entry in second.entries], second.count) == ([5000], 2)
    nothing = checkout.read_history(shop.call(), reader, "USD", limit=5, start=None)
    assert (nothing.entries, nothing.last, nothing.count) == ([], None, 0)


def test_a_users_orders_are_listed_newest_first(desk: Wire) -> None:
    for number, total in enumerate((100, 200)):
        shop.open_checkout("ada", total, reference=f"basket-{number}")
        shop.visit("ada", PageEvent.USE_CREDIT, f"{total // 100}.00")
        shop.visit("ada", PageEvent.COMPLETE, "true", after_s=60 * number)
    found, last = checkout.list_orders(shop.call(), shop.CHANNEL, "ada", limit=1, start=None)
    assert [each.order.reference for each in found] == ["basket-1"]
    rest, _ = checkout.list_orders(shop.call(), shop.CHANNEL, "ada", limit=5, start=last)
    assert [each.order.reference for each in rest] == ["basket-0"]
    assert checkout.list_orders(shop.call(), shop.CHANNEL, "grace", limit=5, start=None)[0] == []
    with pytest.raises(UnknownUser):
        checkout.list_orders(shop.call(), shop.CHANNEL, "nobody", limit=5, start=None)
    with pytest.raises(UnknownChannel):
        checkout.list_orders(shop.call(), "none", "ada", limit=5, start=None)

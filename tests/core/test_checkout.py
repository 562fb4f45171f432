"""Where a shopper is, what each page may do there, and the rules of each move.

What is expected follows from facts about a checkout (is it open, is something unpaid, which
option is chosen) and from the protocol's prose, never from the table under test.
"""

import dataclasses
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import page_errors
from chalicelib.core.checkout import (
    Situation,
    balance_of,
    can_pay,
    check_completion,
    check_funds,
    choose_bank,
    choose_installment,
    chosen_option,
    enter_bin,
    may_overdraw,
    options_of,
    outcome_of,
    select_option,
    step_of,
    unpaid_remains,
    use_credit,
)
from chalicelib.core.money import format_page_amount
from chalicelib.core.page_errors import PageRefusal
from chalicelib.core.pre_orders import Charge
from chalicelib.core.settings import PaymentOption, Settings
from chalicelib.core.transitions import TRANSITIONS, Move, Outcome, PageEvent, Step
from tests.core.made import (
    BANK,
    CARD,
    CREDIT,
    FUNDS,
    ONE_PAYMENT,
    THREE_PAYMENTS,
    account,
    pre_order,
    settings,
    situation,
)

WITH_CARD: Final = pre_order(payment_option=CARD.pk)
CARD_KNOWN: Final = pre_order(payment_option=CARD.pk, bin_number="545454")

READY: Final = dataclasses.replace(CARD_KNOWN, installment=1, installment_price=4000)
PAYING: Final = dataclasses.replace(
    READY,
    state="paying",
    attempt=1,
    charge=Charge("sandbox", 4000, installments=1, begun_ms=3_000, payment_name="Card"),
)
DOOR: Final = PaymentOption(pk=4, name="At the door", slug="door", payment_type="pay_on_delivery")

SITUATIONS: Final[dict[Step, list[Situation]]] = {
    Step.NOTHING_OPEN: [situation(pre_order=None), situation(pre_order=None, account=None)],
    Step.CHOOSING: [
        situation(),
        situation(account=None),
        situation(pre_order=pre_order(loyalty=3999)),
        situation(pre_order=pre_order(payment_option=99)),
        situation(pre_order=pre_order(payment_option=CREDIT.pk), account=None),
    ],
    Step.CARD: [
        situation(pre_order=WITH_CARD),
        situation(pre_order=dataclasses.replace(WITH_CARD, loyalty=1000)),
    ],
    Step.CARD_KNOWN: [
        situation(pre_order=CARD_KNOWN),
        situation(pre_order=dataclasses.replace(CARD_KNOWN, loyalty=1000)),
    ],
    Step.CARD_READY: [situation(pre_order=READY)],
    Step.CREDIT_SHORT: [
        situation(pre_order=pre_order(payment_option=CREDIT.pk)),
        situation(pre_order=pre_order(payment_option=CREDIT.pk, loyalty=3999)),
    ],
    Step.FUNDS: [
        situation(pre_order=pre_order(payment_option=FUNDS.pk)),
        situation(pre_order=pre_order(payment_option=FUNDS.pk, bank_account=BANK.pk)),
    ],
    Step.OTHER: [
        situation(
            settings=settings(payment_options=(CARD, CREDIT, FUNDS, DOOR)),
            pre_order=pre_order(payment_option=DOOR.pk),
        )
    ],
    Step.PAYING: [
        situation(pre_order=PAYING),
        situation(pre_order=PAYING, account=None),
        situation(pre_order=PAYING, settings=settings(payment_options=(CREDIT,))),
    ],
    Step.COVERED: [
        situation(pre_order=pre_order(loyalty=4000)),
        situation(pre_order=pre_order(loyalty=4000, payment_option=CREDIT.pk)),
        situation(pre_order=dataclasses.replace(CARD_KNOWN, loyalty=4000)),
        situation(
            pre_order=dataclasses.replace(
                CARD_KNOWN, loyalty=4000, installment=1, installment_price=4000
            )
        ),
    ],
    Step.COMPLETED: [
        situation(pre_order=pre_order(loyalty=4000, state="completed", completed_ms=9_000))
    ],
}
"""Every step with checkouts that must be there."""

COMPLETING: Final = {PageEvent.COMPLETE, PageEvent.CONFIRM_CARD, PageEvent.CONFIRM_FUNDS}

EVERY: Final = [(step, found) for step, several in SITUATIONS.items() for found in several]
each_situation: Final = pytest.mark.parametrize(
    ("step", "found"), EVERY, ids=[f"{step}-{n}" for n, (step, _) in enumerate(EVERY)]
)
each_event: Final = pytest.mark.parametrize(
    "event", PageEvent, ids=[event.name for event in PageEvent]
)


def switched_off(found: Situation) -> Situation:
    return dataclasses.replace(found, settings=settings(loyalty_money_enabled=False))


def expected(found: Situation, event: PageEvent) -> Outcome:
    """Return what the protocol's sections 1.5 and 3.2 to 3.6 say, from the facts alone."""
    now = found.pre_order
    if event is PageEvent.SHOW_CREDIT:
        return Move.SHOW_CREDIT  # "independent page", at any time
    if now is None or now.state == "completed":
        if now is not None and event in COMPLETING:
            return Move.SHOW_ORDER  # decision 15: the same answer again
        # 1.5: without a checkout the basket is where the shopper belongs
        return Move.TO_BASKET if event is PageEvent.SHOW else page_errors.NoOpenCheckout
    if now.state == "paying":  # decision 3: nothing changes until the outcome is known
        return Move.SHOW if event is PageEvent.SHOW else page_errors.PaymentInProgress
    return expected_while_open(found, event)


def expected_while_open(found: Situation, event: PageEvent) -> Outcome:
    now = found.pre_order
    assert now is not None
    at_any_time = {
        PageEvent.SHOW: Move.SHOW,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION,
    }
    if event in at_any_time:
        return at_any_time[event]
    if event is PageEvent.COMPLETE:  # decision 2
        return Move.COMPLETE if now.loyalty == now.total else page_errors.UnpaidRemains
    if now.loyalty == now.total:  # 3.3: the pages of other options are refused
        return page_errors.FullyCovered
    if event in {PageEvent.CHOOSE_BANK, PageEvent.CONFIRM_FUNDS}:
        if now.payment_option != FUNDS.pk:
            return page_errors.OptionNotChosen
        return Move.CHOOSE_BANK if event is PageEvent.CHOOSE_BANK else Move.AWAIT_FUNDS
    return expected_of_card(found, event)


def expected_of_card(found: Situation, event: PageEvent) -> Outcome:
    """Return what a card page leads to while something is unpaid: each needs the one before."""
    now = found.pre_order
    assert now is not None
    if now.payment_option != CARD.pk:
        return page_errors.OptionNotChosen
    if event is PageEvent.ENTER_BIN:
        return Move.ENTER_BIN
    if now.bin_number is None:
        return page_errors.BinMissing
    if event is PageEvent.CHOOSE_INSTALLMENT:
        return Move.CHOOSE_INSTALLMENT
    if now.installment is None:
        return page_errors.InstallmentRefused
    return Move.CHARGE


# --- the table ------------------------------------------------------------------------------


def test_the_situations_here_reach_every_step() -> None:
    assert set(SITUATIONS) == set(Step)


@each_situation
def test_where_a_shopper_is_follows_from_the_checkout(step: Step, found: Situation) -> None:
    assert step_of(found) is step


def test_the_table_names_every_step_and_every_event() -> None:
    assert set(TRANSITIONS) == set(Step)
    for row in TRANSITIONS.values():
        assert set(row) == set(PageEvent)


@each_situation
@each_event
def test_every_event_at_every_step_leads_where_the_protocol_says(
    step: Step, found: Situation, event: PageEvent
) -> None:
    assert outcome_of(found, event) is expected(found, event)


@each_situation
@each_event
def test_with_the_feature_off_credit_is_refused_and_counts_as_nothing(
    step: Step, found: Situation, event: PageEvent
) -> None:
    """Decision 11; a completed order alone is still shown again."""
    off = switched_off(found)
    outcome = outcome_of(off, event)
    if event in COMPLETING and step is Step.COMPLETED:
        assert outcome is Move.SHOW_ORDER
    elif event in {PageEvent.SHOW_CREDIT, PageEvent.USE_CREDIT, PageEvent.COMPLETE}:
        assert outcome is page_errors.LoyaltyDisabled
    elif found.pre_order is not None and found.pre_order.state == "open":
        uncovered = without_chosen_credit(found)
        assert outcome is expected(uncovered, event)
    else:
        assert outcome is expected(found, event)


def without_chosen_credit(found: Situation) -> Situation:
    """Return the checkout as it counts while the feature is off."""
    now = found.pre_order
    assert now is not None
    chosen = None if now.payment_option == CREDIT.pk else now.payment_option
    installment = None if now.loyalty else now.installment
    changed = dataclasses.replace(now, loyalty=0, payment_option=chosen, installment=installment)
    return dataclasses.replace(found, pre_order=changed)


def test_the_table_has_only_moves_and_refusals_of_pages() -> None:
    for row in TRANSITIONS.values():
        for outcome in row.values():
            assert isinstance(outcome, Move) or issubclass(outcome, PageRefusal)


def test_every_move_is_reached_by_some_page() -> None:
    """A move that no page leads to would be dead code."""
    assert {m for row in TRANSITIONS.values() for m in row.values() if isinstance(m, Move)} == set(
        Move
    )


# --- options (protocol 3.3, decisions 11, 12, 19, 20) ------------------------------------------


def pks(options: tuple[Any, ...]) -> list[int]:
    return [option.pk for option in options]


@pytest.mark.parametrize(
    ("loyalty", "active", "inactive"),
    [
        (0, [CARD.pk, CREDIT.pk, FUNDS.pk], []),
        (3999, [CARD.pk, CREDIT.pk, FUNDS.pk], []),
        (4000, [CREDIT.pk], [CARD.pk, FUNDS.pk]),
    ],
)
def test_other_options_are_active_while_something_is_unpaid(
    loyalty: int, active: list[int], inactive: list[int]
) -> None:
    options = options_of(situation(pre_order=pre_order(loyalty=loyalty)))
    assert (pks(options.active), pks(options.inactive)) == (active, inactive)


@pytest.mark.parametrize(
    "found",
    [situation(account=None), switched_off(situation()), switched_off(situation(account=None))],
)
def test_credit_is_absent_without_an_account_or_with_the_feature_off(found: Situation) -> None:
    options = options_of(found)
    assert pks(options.active) == [CARD.pk, FUNDS.pk]
    assert pks(options.inactive) == []


def test_credit_is_offered_to_an_account_that_has_none_left() -> None:
    assert CREDIT.pk in pks(options_of(situation(account=account(available=0))).active)


def test_a_chosen_amount_counts_as_nothing_while_the_feature_is_off() -> None:
    off = switched_off(situation(pre_order=pre_order(loyalty=4000)))
    assert off.effective is not None
    assert (off.effective.loyalty, off.effective.unpaid) == (0, 4000)
    assert pks(options_of(off).active) == [CARD.pk, FUNDS.pk]
    assert off.pre_order is not None
    assert off.pre_order.loyalty == 4000


def test_a_completed_order_stays_paid_while_the_feature_is_off() -> None:
    """A payment that has ended is history, and history always shows what was."""
    paid = pre_order(loyalty=4000, state="completed", completed_ms=9_000)
    off = switched_off(situation(pre_order=paid))
    assert off.effective == paid
    assert step_of(off) is Step.COMPLETED


def test_an_option_that_the_shop_removed_is_no_longer_chosen() -> None:
    chosen = pre_order(payment_option=FUNDS.pk)
    assert chosen_option(situation(pre_order=chosen)) == FUNDS
    gone = situation(pre_order=chosen, settings=settings(payment_options=(CARD, CREDIT)))
    assert chosen_option(gone) is None


def test_the_chosen_card_stays_chosen_while_it_is_inactive() -> None:
    assert chosen_option(situation(pre_order=pre_order(payment_option=2, loyalty=4000))) == CARD


# --- credit (decisions 4, 5, 6, 7) -----------------------------------------------------------


def test_the_balance_is_all_that_is_available_whatever_was_chosen() -> None:
    assert balance_of(account(available=5000, held=700)) == 5000
    assert balance_of(account(available=-300)) == -300
    assert balance_of(None) == 0


def test_a_posted_amount_is_set_and_never_added() -> None:
    first = use_credit(situation(), "10.00")
    assert first.loyalty == 1000
    again = use_credit(situation(pre_order=first), "10.00")
    assert again == first
    assert use_credit(situation(pre_order=first), "25.50").loyalty == 2550


@pytest.mark.parametrize("text", ["0", "0.00", "0.000", " 0 ", "-0"])
def test_zero_clears_the_amount(text: str) -> None:
    assert use_credit(situation(pre_order=pre_order(loyalty=1000)), text).loyalty == 0


def test_zero_needs_no_account() -> None:
    assert use_credit(situation(account=None), "0.00").loyalty == 0


@pytest.mark.parametrize("text", ["40.00", "40", " 40.00 ", "40.000", "040.00"])
def test_the_whole_order_may_be_paid_with_credit(text: str) -> None:
    paid = use_credit(situation(), text)
    assert (paid.loyalty, paid.unpaid) == (4000, 0)


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "abc", "1e1", "1,5", "10.001", "NaN", "+1", "\u0661", "1" * 30, "None"]
)
def test_what_is_no_amount_is_refused_under_its_field(text: str) -> None:
    before = situation(pre_order=pre_order(loyalty=1000))
    with pytest.raises(page_errors.AmountRefused) as caught:
        use_credit(before, text)
    assert caught.value.field == "loyalty_amount_to_use"
    assert caught.value.detail


@pytest.mark.parametrize(("text", "named"), [("40.01", "40.00 TRY"), ("50.00", "40.00 TRY")])
def test_more_than_the_order_costs_is_refused_and_not_clamped(text: str, named: str) -> None:
    with pytest.raises(page_errors.AmountRefused, match=named):
        use_credit(situation(), text)


@pytest.mark.parametrize("text", ["30.01", "39.99", "40.00"])
def test_more_than_is_available_is_refused_and_not_clamped(text: str) -> None:
    found = situation(account=account(available=3000))
    assert use_credit(found, "30.00").loyalty == 3000
    with pytest.raises(page_errors.AmountRefused, match=r"30\.00 TRY"):
        use_credit(found, text)


def test_held_credit_cannot_be_chosen() -> None:
    with pytest.raises(page_errors.AmountRefused):
        use_credit(situation(account=account(available=1000, held=4000)), "10.01")


def test_without_an_account_no_amount_can_be_chosen() -> None:
    with pytest.raises(page_errors.AmountRefused, match=r"0\.00 TRY"):
        use_credit(situation(account=None), "0.01")


def test_debit_allowed_counts_for_a_whole_order_and_for_no_part_of_one() -> None:
    """Decision 7: only a whole order needs no hold, and a hold never draws overdraft."""
    poor = situation(account=account(available=1000, debit_allowed=True))
    assert use_credit(poor, "40.00").loyalty == 4000
    assert use_credit(poor, "10.00").loyalty == 1000
    with pytest.raises(page_errors.AmountRefused):
        use_credit(poor, "39.99")
    with pytest.raises(page_errors.AmountRefused):
        use_credit(poor, "10.01")


@pytest.mark.parametrize(("available", "amount"), [(-500, 4000), (0, 4000)])
def test_debit_allowed_pays_a_whole_order_from_nothing(available: int, amount: int) -> None:
    found = account(available=available, debit_allowed=True)
    assert can_pay(found, amount, 4000)
    assert may_overdraw(found, amount, 4000)
    assert not can_pay(account(available=available), amount, 4000)


@given(
    available=st.integers(-5000, 5000),
    total=st.integers(1, 5000),
    amount=st.integers(1, 5000),
    debit=st.booleans(),
)
def test_an_amount_is_payable_exactly_when_it_is_available_or_a_whole_order_with_debit(
    available: int, total: int, amount: int, debit: bool
) -> None:
    found = situation(
        account=account(available=available, debit_allowed=debit), pre_order=pre_order(total=total)
    )
    good = amount <= total and (amount <= available or (debit and amount == total))
    try:
        chosen = use_credit(found, format_page_amount(amount, "TRY"))
    except page_errors.AmountRefused:
        assert not good
    else:
        assert good
        assert (chosen.loyalty, chosen.unpaid) == (amount, total - amount)


def test_another_amount_resets_the_instalment_that_was_priced_for_the_old_one() -> None:
    ready = dataclasses.replace(CARD_KNOWN, installment=1, installment_price=4000)
    changed = use_credit(situation(pre_order=ready), "10.00")
    assert (changed.installment, changed.bin_number) == (None, "545454")
    assert changed.payment_option == CARD.pk


def test_the_same_amount_again_keeps_the_instalment() -> None:
    """The client sends a post four times over; the later ones must change nothing."""
    ready = dataclasses.replace(CARD_KNOWN, loyalty=1000, installment=1, installment_price=3000)
    assert use_credit(situation(pre_order=ready), "10.00") == ready


def test_amounts_of_a_currency_without_digits_are_read_with_the_two_that_pages_print() -> None:
    yen = situation(account=account(currency="JPY"), pre_order=pre_order(currency="JPY"))
    assert use_credit(yen, "10.00").loyalty == 10
    assert use_credit(yen, "10").loyalty == 10
    with pytest.raises(page_errors.AmountRefused):
        use_credit(yen, "10.50")


# --- the other pages -------------------------------------------------------------------------


def test_another_option_resets_card_and_instalment() -> None:
    ready = dataclasses.replace(CARD_KNOWN, installment=1, installment_price=4000)
    changed = select_option(situation(pre_order=ready), "3")
    assert (changed.payment_option, changed.bin_number, changed.installment) == (3, None, None)


def test_the_same_option_again_changes_nothing() -> None:
    ready = dataclasses.replace(CARD_KNOWN, installment=1, installment_price=4000)
    assert select_option(situation(pre_order=ready), "2") == ready


def test_choosing_an_option_keeps_the_chosen_credit() -> None:
    assert select_option(situation(pre_order=pre_order(loyalty=1000)), "2").loyalty == 1000


@pytest.mark.parametrize("text", ["", "99", "0", "-1", "card", "2.0", " 2", "02", "\u0662", "None"])
def test_an_option_that_does_not_exist_is_refused_under_its_field(text: str) -> None:
    with pytest.raises(page_errors.OptionRefused) as caught:
        select_option(situation(), text)
    assert caught.value.field == "payment_option"


def test_an_inactive_option_is_refused_and_credit_is_not() -> None:
    covered = situation(pre_order=pre_order(loyalty=4000))
    for option in (CARD, FUNDS):
        with pytest.raises(page_errors.OptionRefused):
            select_option(covered, str(option.pk))
    assert select_option(covered, str(CREDIT.pk)).payment_option == CREDIT.pk


def test_credit_cannot_be_chosen_without_an_account() -> None:
    with pytest.raises(page_errors.OptionRefused):
        select_option(situation(account=None), str(CREDIT.pk))


@pytest.mark.parametrize("text", ["545454", "54545454", "000000"])
def test_the_first_six_or_eight_digits_of_a_card_are_kept(text: str) -> None:
    assert enter_bin(situation(pre_order=WITH_CARD), text).bin_number == text


@pytest.mark.parametrize(
    "text",
    ["", "54545", "5454545", "545454545", "5454 54", "545454\n", "abcdef", "\u0661" * 6, "-54545"],
)
def test_anything_else_is_no_card_number(text: str) -> None:
    with pytest.raises(page_errors.BinRefused) as caught:
        enter_bin(situation(pre_order=WITH_CARD), text)
    assert caught.value.field == "bin_number"


def test_another_card_resets_the_instalment_and_the_same_one_does_not() -> None:
    ready = dataclasses.replace(CARD_KNOWN, installment=1, installment_price=4000)
    assert enter_bin(situation(pre_order=ready), "400000").installment is None
    assert enter_bin(situation(pre_order=ready), "545454") == ready


def test_an_offered_plan_is_chosen() -> None:
    assert choose_installment(situation(pre_order=CARD_KNOWN), "2").installment == 2


@pytest.mark.parametrize("text", ["", "0", "3", "1.0", " 1", "one", "\u0661"])
def test_a_plan_that_is_not_offered_is_refused_under_its_field(text: str) -> None:
    with pytest.raises(page_errors.InstallmentRefused) as caught:
        choose_installment(situation(pre_order=CARD_KNOWN), text)
    assert caught.value.field == "installment"


def test_a_bank_account_of_the_shop_is_chosen_and_no_other() -> None:
    funds = situation(pre_order=pre_order(payment_option=FUNDS.pk))
    assert choose_bank(funds, "1").bank_account == BANK.pk
    for text in ("", "2", "1.0", " 1", "one"):
        with pytest.raises(page_errors.BankAccountRefused) as caught:
            choose_bank(funds, text)
        assert caught.value.field == "bank_account"


@pytest.mark.parametrize("chosen", [None, 99])
def test_a_funds_transfer_needs_a_bank_account_while_the_shop_has_some(chosen: int | None) -> None:
    before = pre_order(payment_option=FUNDS.pk, bank_account=chosen)
    with pytest.raises(page_errors.BankAccountRefused):
        check_funds(situation(pre_order=before), "1")
    none = settings(bank_accounts=())
    assert check_funds(situation(pre_order=before, settings=none), "1") == before


# --- what changes a price changes the instalments ----------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        settings(installments=(THREE_PAYMENTS,)),
        settings(installments=(ONE_PAYMENT.model_copy(update={"interest_rate": 100}),)),
    ],
    ids=["the plan is gone", "the plan costs more"],
)
def test_a_plan_that_costs_something_else_now_is_not_chosen_any_more(changed: Settings) -> None:
    assert step_of(situation(pre_order=READY)) is Step.CARD_READY
    assert step_of(situation(pre_order=READY, settings=changed)) is Step.CARD_KNOWN


def test_a_payment_in_progress_keeps_what_it_began_with() -> None:
    paying = dataclasses.replace(PAYING, loyalty=1000)
    nothing_left = settings(
        loyalty_money_enabled=False, installments=(THREE_PAYMENTS,), payment_options=(CREDIT,)
    )
    found = situation(pre_order=paying, settings=nothing_left)
    assert found.effective == paying
    assert options_of(found).active == ()


# --- completion (decisions 2, 7, 8, 14) --------------------------------------------------------


COVERED = pre_order(loyalty=4000)


@pytest.mark.parametrize("agreement", ["true", "1", "on"])
def test_an_agreement_may_be_spelled_as_clients_do(agreement: str) -> None:
    assert check_completion(situation(pre_order=COVERED), agreement) == COVERED


@pytest.mark.parametrize(
    "agreement", ["", "false", "0", "off", "yes", "True", "TRUE", "2", " true"]
)
def test_without_an_agreement_nothing_is_completed(agreement: str) -> None:
    with pytest.raises(page_errors.AgreementMissing) as caught:
        check_completion(situation(pre_order=COVERED), agreement)
    assert caught.value.field == "agreement"


@pytest.mark.parametrize(
    ("available", "debit", "good"),
    [(4000, False, True), (3999, False, False), (3999, True, True), (-1, True, True)],
)
def test_credit_is_checked_again_on_completion(available: int, debit: bool, good: bool) -> None:
    found = situation(account=account(available=available, debit_allowed=debit), pre_order=COVERED)
    if good:
        assert check_completion(found, "true") == COVERED
    else:
        with pytest.raises(page_errors.CreditChanged):
            check_completion(found, "true")


def test_the_refusal_of_an_unpaid_part_names_the_part() -> None:
    assert "30.00 TRY" in unpaid_remains(pre_order(loyalty=1000)).detail
    assert "39.00 JPY" in unpaid_remains(pre_order(currency="JPY", total=40, loyalty=1)).detail

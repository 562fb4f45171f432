"""What a checkout page may do: where the shopper is, and the rules of each page.

The protocol is state-based: a page whose precondition fails changes nothing, and its answer
says where the shopper is. Decision numbers are those of docs/checkout-protocol.md.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.core import page_errors
from chalicelib.core.accounts import Account
from chalicelib.core.currencies import digits_of
from chalicelib.core.errors import InvalidAmount
from chalicelib.core.money import format_page_amount, parse_page_amount
from chalicelib.core.pre_orders import (
    InstallmentPrice,
    PreOrder,
    chosen_price,
    price_installments,
    without_credit,
    without_plan,
)
from chalicelib.core.settings import (
    CREDIT_CARD,
    FUNDS_TRANSFER,
    LOYALTY_MONEY,
    BankAccount,
    PaymentOption,
    Settings,
)
from chalicelib.core.transitions import CREDIT_EVENTS, TRANSITIONS, Move, Outcome, PageEvent, Step

AGREED: Final = frozenset({"true", "1", "on"})
"""Spellings of an agreement besides JSON's true (decision 14)."""

_BIN: Final = re.compile(r"[0-9]{6}(?:[0-9]{2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a page decides on, as it was read in one request."""

    settings: Settings
    account: Account | None
    pre_order: PreOrder | None

    @property
    def effective(self) -> PreOrder | None:
        """The pre-order as it counts now, by the settings of now.

        An open one has no credit while the feature is off, and no instalment plan that is gone
        or costs something else than when it was chosen. A payment that has begun keeps both. One
        that was erased counts as none.
        """
        pre_order = self.pre_order
        if pre_order is not None and pre_order.state == "erased":
            return None
        if pre_order is None or pre_order.state != "open":
            return pre_order
        if not self.settings.loyalty_money_enabled:
            pre_order = without_credit(pre_order)
        if chosen_price(pre_order, self.settings.installments) is None:
            pre_order = without_plan(pre_order)
        return pre_order


@dataclass(frozen=True, slots=True)
class Options:
    """The payment options of a checkout: those that may be chosen now, and the others."""

    active: tuple[PaymentOption, ...]
    inactive: tuple[PaymentOption, ...]


_STEPS_OF_OPTIONS: Final = {LOYALTY_MONEY: Step.CREDIT_SHORT, FUNDS_TRANSFER: Step.FUNDS}


def step_of(situation: Situation) -> Step:
    """Return where the shopper is."""
    pre_order = situation.effective
    if pre_order is None:
        return Step.NOTHING_OPEN
    if pre_order.state != "open":
        return Step(pre_order.state)
    if pre_order.unpaid == 0:
        return Step.COVERED
    option = chosen_option(situation)
    if option is None:
        return Step.CHOOSING
    if option.payment_type != CREDIT_CARD:
        return _STEPS_OF_OPTIONS.get(option.payment_type, Step.OTHER)
    if pre_order.bin_number is None:
        return Step.CARD
    return Step.CARD_READY if pre_order.installment is not None else Step.CARD_KNOWN


def outcome_of(situation: Situation, event: PageEvent) -> Outcome:
    """Return what the event leads to: the table's word, unless the feature is off.

    A completed order is shown again even then (decision 11).
    """
    outcome = TRANSITIONS[step_of(situation)][event]
    off = not situation.settings.loyalty_money_enabled
    if off and event in CREDIT_EVENTS and outcome is not Move.SHOW_ORDER:
        return page_errors.LoyaltyDisabled
    return outcome


def options_of(situation: Situation) -> Options:
    """Return which payment options are active.

    Others are active while something is unpaid; credit while the feature is on and the shopper
    has an account in the currency (decisions 11, 12 and 19). None is while a payment is in
    progress: nothing else may be chosen then.
    """
    pre_order = situation.effective
    unpaid = pre_order.unpaid if pre_order is not None else 0
    paying = pre_order is not None and pre_order.state == "paying"
    credit = situation.settings.loyalty_money_enabled and situation.account is not None
    offered = [
        option
        for option in situation.settings.payment_options
        if credit or option.payment_type != LOYALTY_MONEY
    ]
    choosable = [o for o in offered if o.payment_type == LOYALTY_MONEY or unpaid > 0]
    active = [] if paying else choosable
    return Options(tuple(active), tuple(o for o in offered if o not in active))


def chosen_option(situation: Situation) -> PaymentOption | None:
    """Return the chosen option, if the shop still has it and it is offered to this shopper."""
    pre_order = situation.effective
    if pre_order is None or pre_order.payment_option is None:
        return None
    options = options_of(situation)
    every = options.active + options.inactive
    return next((o for o in every if o.pk == pre_order.payment_option), None)


def balance_of(account: Account | None) -> int:
    """Return what the usage page shows, in minor units: zero without an account (decision 12).

    It is the whole available credit, not reduced by a chosen amount (decision 6).
    """
    return account.available if account is not None else 0


def use_credit(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with the posted amount set, never added (decision 4).

    Raises `AmountMalformed`, `AmountOverTotal` or `AmountOverCredit`: nothing is clamped
    (decisions 5 and 7).
    """
    pre_order = _open(situation)
    amount = _page_amount(text, pre_order.currency)
    if amount > pre_order.total:
        raise page_errors.AmountOverTotal(total=_money(pre_order.total, pre_order.currency))
    if amount and not can_pay(situation.account, amount, pre_order.total):
        balance = balance_of(situation.account)
        raise page_errors.AmountOverCredit(balance=_money(balance, pre_order.currency))
    if amount == pre_order.loyalty:
        return pre_order
    return without_plan(replace(pre_order, loyalty=amount))


def can_pay(account: Account | None, amount: int, total: int) -> bool:
    """Return whether the account may pay `amount` of an order of `total`, in minor units.

    Debit counts only for a whole order (decision 7).
    """
    if account is None:
        return False
    return account.available >= amount or may_overdraw(account, amount, total)


def may_overdraw(account: Account, amount: int, total: int) -> bool:
    """Return whether the account may go below zero for this payment (decision 7)."""
    return account.debit_allowed and amount == total


def select_option(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with an active option chosen; a change resets card and instalment.

    Raises `OptionRefused`.
    """
    pre_order = _open(situation)
    option = next((o for o in options_of(situation).active if str(o.pk) == text), None)
    if option is None:
        raise page_errors.OptionRefused
    if option.pk == pre_order.payment_option:
        return pre_order
    chosen = replace(pre_order, payment_option=option.pk, bin_number=None, bank_account=None)
    return without_plan(chosen)


def enter_bin(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with the card's first digits; another card resets the instalment.

    Raises `BinRefused`.
    """
    pre_order = _open(situation)
    if _BIN.fullmatch(text) is None:
        raise page_errors.BinRefused
    if text == pre_order.bin_number:
        return pre_order
    return without_plan(replace(pre_order, bin_number=text))


def choose_installment(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with an instalment plan chosen. Raises `InstallmentRefused`."""
    pre_order = _open(situation)
    prices = price_installments(situation.settings.installments, pre_order.unpaid)
    price = next((price for price in prices if str(price.plan.pk) == text), None)
    if price is None:
        raise page_errors.InstallmentRefused
    return replace(pre_order, installment=price.plan.pk, installment_price=price.total)


def choose_bank(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with a bank account of the shop chosen. Raises `BankAccountRefused`."""
    pre_order = _open(situation)
    account = next((a for a in situation.settings.bank_accounts if str(a.pk) == text), None)
    if account is None:
        raise page_errors.BankAccountRefused
    return replace(pre_order, bank_account=account.pk)


def check_completion(situation: Situation, agreement: str) -> PreOrder:
    """Return the pre-order that may be completed, with the credit that it uses.

    Raises `AgreementMissing` (decision 14) or `CreditChanged` (decision 8).
    """
    pre_order = _open(situation)
    if agreement not in AGREED:
        raise page_errors.AgreementMissing
    if pre_order.loyalty and not can_pay(situation.account, pre_order.loyalty, pre_order.total):
        raise page_errors.CreditChanged
    return pre_order


def check_funds(situation: Situation, agreement: str) -> PreOrder:
    """Return the pre-order that may be completed with the rest awaiting a funds transfer.

    Raises what `check_completion` raises, and `BankAccountRefused` while the shop has bank
    accounts and none of them is chosen.
    """
    pre_order = check_completion(situation, agreement)
    if situation.settings.bank_accounts and chosen_bank(situation) is None:
        raise page_errors.BankAccountRefused
    return pre_order


def chosen_bank(situation: Situation) -> BankAccount | None:
    """Return the chosen bank account, if the shop still has it."""
    pre_order = situation.effective
    banks = situation.settings.bank_accounts
    return next((b for b in banks if pre_order and b.pk == pre_order.bank_account), None)


def price_of(situation: Situation) -> InstallmentPrice | None:
    """Return the chosen instalment plan with its prices."""
    pre_order = situation.effective
    return None if pre_order is None else chosen_price(pre_order, situation.settings.installments)


def unpaid_remains(pre_order: PreOrder) -> page_errors.UnpaidRemains:
    """Return the refusal of a completion while something is unpaid (decision 2)."""
    return page_errors.UnpaidRemains(unpaid=_money(pre_order.unpaid, pre_order.currency))


def _open(situation: Situation) -> PreOrder:
    pre_order = situation.effective
    assert pre_order is not None, "the table lets only an open checkout come here"
    assert pre_order.state == "open", "the table lets only an open checkout come here"
    return pre_order


def _page_amount(text: str, currency: str) -> int:
    try:
        return parse_page_amount(text.strip(), currency)
    except InvalidAmount:
        digits = digits_of(currency)
        raise page_errors.AmountMalformed(
            example=format_page_amount(10 * 10**digits, currency), digits=str(digits)
        ) from None


def _money(minor: int, currency: str) -> str:
    return f"{format_page_amount(minor, currency)} {currency}"

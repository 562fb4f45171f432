"""What a checkout page may do: the pages as a literal transition table, and the rules of each.

The protocol is state-based: a page whose precondition fails changes nothing, and its answer
says where the shopper is. Decision numbers are those of docs/checkout-protocol.md.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from chalicelib.core import errors
from chalicelib.core.accounts import Account
from chalicelib.core.errors import InvalidAmount, PageRefusal
from chalicelib.core.money import format_page_amount, parse_page_amount
from chalicelib.core.pre_orders import PreOrder, without_credit
from chalicelib.core.settings import CREDIT_CARD, LOYALTY_MONEY, PaymentOption, Settings


class Step(enum.StrEnum):
    """Where a shopper is in a checkout; derived from what is stored, never stored itself."""

    NOTHING_OPEN = "nothing_open"
    CHOOSING = "choosing"
    CARD = "card"
    CARD_KNOWN = "card_known"
    CARD_READY = "card_ready"
    CREDIT_SHORT = "credit_short"
    OTHER = "other"
    COVERED = "covered"
    COMPLETED = "completed"


class Event(enum.StrEnum):
    """What a storefront may ask for, by the name of its page."""

    SHOW = "IndexPage"
    SHOW_CREDIT = "LoyaltyMoneyUsagePage (GET)"
    USE_CREDIT = "LoyaltyMoneyUsagePage"
    COMPLETE = "LoyaltyMoneyPage"
    SELECT_OPTION = "PaymentOptionSelectionPage"
    ENTER_BIN = "BinNumberPage"
    CHOOSE_INSTALLMENT = "InstallmentSelectionPage"
    CONFIRM_CARD = "CreditCardConfirmationPage"


class Move(enum.StrEnum):
    """What happens: one of these, or the refusal that the table names instead."""

    SHOW = "show"
    TO_BASKET = "to_basket"
    SHOW_CREDIT = "show_credit"
    USE_CREDIT = "use_credit"
    COMPLETE = "complete"
    SHOW_ORDER = "show_order"
    SELECT_OPTION = "select_option"
    ENTER_BIN = "enter_bin"
    CHOOSE_INSTALLMENT = "choose_installment"


Outcome = Move | type[PageRefusal]

_NO = errors.NoOpenCheckout
_UNPAID = errors.UnpaidRemains
_COVERED = errors.FullyCovered
_NOT_CHOSEN = errors.OptionNotChosen
_NO_BIN = errors.BinMissing
_NOT_HERE = errors.PaymentNotOffered

# fmt: off
TRANSITIONS: Final[Mapping[Step, Mapping[Event, Outcome]]] = MappingProxyType({
    Step.NOTHING_OPEN: {
        Event.SHOW: Move.TO_BASKET,     Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: _NO,          Event.COMPLETE: _NO,
        Event.SELECT_OPTION: _NO,       Event.ENTER_BIN: _NO,
        Event.CHOOSE_INSTALLMENT: _NO,  Event.CONFIRM_CARD: _NO,
    },
    Step.CHOOSING: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
    },
    Step.CARD: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: _NO_BIN,       Event.CONFIRM_CARD: _NO_BIN,
    },
    Step.CARD_KNOWN: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        Event.CONFIRM_CARD: errors.InstallmentRefused,
    },
    Step.CARD_READY: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        Event.CONFIRM_CARD: _NOT_HERE,
    },
    Step.CREDIT_SHORT: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
    },
    Step.OTHER: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
    },
    Step.COVERED: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: Move.COMPLETE,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _COVERED,
        Event.CHOOSE_INSTALLMENT: _COVERED,      Event.CONFIRM_CARD: _COVERED,
    },
    Step.COMPLETED: {
        Event.SHOW: Move.TO_BASKET,     Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: _NO,          Event.COMPLETE: Move.SHOW_ORDER,
        Event.SELECT_OPTION: _NO,       Event.ENTER_BIN: _NO,
        Event.CHOOSE_INSTALLMENT: _NO,  Event.CONFIRM_CARD: _NO,
    },
})
# fmt: on
"""For every step and every event, what happens. Nothing else decides which page may act."""

CREDIT_EVENTS: Final = frozenset({Event.SHOW_CREDIT, Event.USE_CREDIT, Event.COMPLETE})
"""The events that need the feature to be on."""

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
        """The pre-order as it counts now: an open one without credit while the feature is off."""
        if self.pre_order is None or self.pre_order.state == "completed":
            return self.pre_order
        on = self.settings.loyalty_money_enabled
        return self.pre_order if on else without_credit(self.pre_order)


@dataclass(frozen=True, slots=True)
class Options:
    """The payment options of a checkout: those that may be chosen now, and the others."""

    active: tuple[PaymentOption, ...]
    inactive: tuple[PaymentOption, ...]


def step_of(situation: Situation) -> Step:
    """Return where the shopper is."""
    pre_order = situation.effective
    if pre_order is None:
        return Step.NOTHING_OPEN
    if pre_order.state == "completed":
        return Step.COMPLETED
    if pre_order.unpaid == 0:
        return Step.COVERED
    option = chosen_option(situation)
    if option is None:
        return Step.CHOOSING
    if option.payment_type == LOYALTY_MONEY:
        return Step.CREDIT_SHORT
    if option.payment_type != CREDIT_CARD:
        return Step.OTHER
    if pre_order.bin_number is None:
        return Step.CARD
    return Step.CARD_READY if pre_order.installment is not None else Step.CARD_KNOWN


def outcome_of(situation: Situation, event: Event) -> Outcome:
    """Return what the event leads to: the table's word, unless the feature is off.

    A completed order is shown again even then (decision 11).
    """
    outcome = TRANSITIONS[step_of(situation)][event]
    off = not situation.settings.loyalty_money_enabled
    if off and event in CREDIT_EVENTS and outcome is not Move.SHOW_ORDER:
        return errors.LoyaltyDisabled
    return outcome


def options_of(situation: Situation) -> Options:
    """Return which payment options are active.

    Others are active while something is unpaid; credit while the feature is on and the shopper
    has an account in the currency (protocol 3.3, decisions 11, 12 and 19).
    """
    pre_order = situation.effective
    unpaid = pre_order.unpaid if pre_order is not None else 0
    credit = situation.settings.loyalty_money_enabled and situation.account is not None
    offered = [
        option
        for option in situation.settings.payment_options
        if credit or option.payment_type != LOYALTY_MONEY
    ]
    active = [o for o in offered if o.payment_type == LOYALTY_MONEY or unpaid > 0]
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

    Raises `AmountRefused`: nothing is clamped (decisions 5 and 7).
    """
    pre_order = _open(situation)
    amount = _page_amount(text, pre_order.currency)
    if amount > pre_order.total:
        total = _money(pre_order.total, pre_order.currency)
        raise errors.AmountRefused(f"The order costs {total}; please use at most that.")
    if amount and not can_pay(situation.account, amount, pre_order.total):
        balance = _money(balance_of(situation.account), pre_order.currency)
        raise errors.AmountRefused(f"Your store credit is {balance}; please use at most that.")
    if amount == pre_order.loyalty:
        return pre_order
    return replace(pre_order, loyalty=amount, installment=None)


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
        raise errors.OptionRefused
    if option.pk == pre_order.payment_option:
        return pre_order
    return replace(pre_order, payment_option=option.pk, bin_number=None, installment=None)


def enter_bin(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with the card's first digits; another card resets the instalment.

    Raises `BinRefused`.
    """
    pre_order = _open(situation)
    if _BIN.fullmatch(text) is None:
        raise errors.BinRefused
    if text == pre_order.bin_number:
        return pre_order
    return replace(pre_order, bin_number=text, installment=None)


def choose_installment(situation: Situation, text: str) -> PreOrder:
    """Return the pre-order with an instalment plan chosen. Raises `InstallmentRefused`."""
    pre_order = _open(situation)
    plan = next((p for p in situation.settings.installments if str(p.pk) == text), None)
    if plan is None:
        raise errors.InstallmentRefused
    return replace(pre_order, installment=plan.pk)


def check_completion(situation: Situation, agreement: str) -> PreOrder:
    """Return the pre-order that may be completed by credit alone.

    Raises `AgreementMissing` (decision 14) or `CreditChanged` (decision 8).
    """
    pre_order = _open(situation)
    if agreement not in AGREED:
        raise errors.AgreementMissing
    if not can_pay(situation.account, pre_order.loyalty, pre_order.total):
        raise errors.CreditChanged
    return pre_order


def unpaid_message(pre_order: PreOrder) -> str:
    """Return the sentence for a completion while something is unpaid (decision 2)."""
    unpaid = _money(pre_order.unpaid, pre_order.currency)
    return f"{unpaid} of this order is not covered by store credit; please pay it as well."


def _open(situation: Situation) -> PreOrder:
    pre_order = situation.effective
    assert pre_order is not None, "the table lets only an open checkout come here"
    assert pre_order.state == "open", "the table lets only an open checkout come here"
    return pre_order


def _page_amount(text: str, currency: str) -> int:
    try:
        return parse_page_amount(text.strip(), currency)
    except InvalidAmount as error:
        raise errors.AmountRefused(error.detail) from None


def _money(minor: int, currency: str) -> str:
    return f"{format_page_amount(minor, currency)} {currency}"

"""The pages of a checkout as a literal transition table: for every step and event, what happens.

Nothing else decides which page may act. Decision numbers are those of docs/checkout-protocol.md.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chalicelib.core import page_errors
from chalicelib.core.page_errors import PageRefusal


class Step(enum.StrEnum):
    """Where a shopper is in a checkout; derived from what is stored, never stored itself."""

    NOTHING_OPEN = "nothing_open"
    CHOOSING = "choosing"
    CARD = "card"
    CARD_KNOWN = "card_known"
    CARD_READY = "card_ready"
    CREDIT_SHORT = "credit_short"
    FUNDS = "funds"
    OTHER = "other"
    COVERED = "covered"
    PAYING = "paying"
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
    CHOOSE_BANK = "FundsTransferChoicePage"
    CONFIRM_FUNDS = "FundsTransferPage"


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
    CHARGE = "charge"
    CHOOSE_BANK = "choose_bank"
    AWAIT_FUNDS = "await_funds"


Outcome = Move | type[PageRefusal]

_NO = page_errors.NoOpenCheckout
_UNPAID = page_errors.UnpaidRemains
_COVERED = page_errors.FullyCovered
_NOT_CHOSEN = page_errors.OptionNotChosen
_NO_BIN = page_errors.BinMissing
_NO_PLAN = page_errors.InstallmentRefused
_PAYING = page_errors.PaymentInProgress

# fmt: off
TRANSITIONS: Final[Mapping[Step, Mapping[Event, Outcome]]] = MappingProxyType({
    Step.NOTHING_OPEN: {
        Event.SHOW: Move.TO_BASKET,     Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: _NO,          Event.COMPLETE: _NO,
        Event.SELECT_OPTION: _NO,       Event.ENTER_BIN: _NO,
        Event.CHOOSE_INSTALLMENT: _NO,  Event.CONFIRM_CARD: _NO,
        Event.CHOOSE_BANK: _NO,         Event.CONFIRM_FUNDS: _NO,
    },
    Step.CHOOSING: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: _NO_BIN,       Event.CONFIRM_CARD: _NO_BIN,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD_KNOWN: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        Event.CONFIRM_CARD: _NO_PLAN,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD_READY: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: Move.ENTER_BIN,
        Event.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        Event.CONFIRM_CARD: Move.CHARGE,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CREDIT_SHORT: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.FUNDS: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
        Event.CHOOSE_BANK: Move.CHOOSE_BANK,     Event.CONFIRM_FUNDS: Move.AWAIT_FUNDS,
    },
    Step.OTHER: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: _UNPAID,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _NOT_CHOSEN,
        Event.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   Event.CONFIRM_CARD: _NOT_CHOSEN,
        Event.CHOOSE_BANK: _NOT_CHOSEN,          Event.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.COVERED: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: Move.USE_CREDIT,       Event.COMPLETE: Move.COMPLETE,
        Event.SELECT_OPTION: Move.SELECT_OPTION, Event.ENTER_BIN: _COVERED,
        Event.CHOOSE_INSTALLMENT: _COVERED,      Event.CONFIRM_CARD: _COVERED,
        Event.CHOOSE_BANK: _COVERED,             Event.CONFIRM_FUNDS: _COVERED,
    },
    Step.PAYING: {
        Event.SHOW: Move.SHOW,                   Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: _PAYING,               Event.COMPLETE: _PAYING,
        Event.SELECT_OPTION: _PAYING,            Event.ENTER_BIN: _PAYING,
        Event.CHOOSE_INSTALLMENT: _PAYING,       Event.CONFIRM_CARD: _PAYING,
        Event.CHOOSE_BANK: _PAYING,              Event.CONFIRM_FUNDS: _PAYING,
    },
    Step.COMPLETED: {
        Event.SHOW: Move.TO_BASKET,     Event.SHOW_CREDIT: Move.SHOW_CREDIT,
        Event.USE_CREDIT: _NO,          Event.COMPLETE: Move.SHOW_ORDER,
        Event.SELECT_OPTION: _NO,       Event.ENTER_BIN: _NO,
        Event.CHOOSE_INSTALLMENT: _NO,  Event.CONFIRM_CARD: Move.SHOW_ORDER,
        Event.CHOOSE_BANK: _NO,         Event.CONFIRM_FUNDS: Move.SHOW_ORDER,
    },
})
# fmt: on
"""For every step and every event, what happens."""

CREDIT_EVENTS: Final = frozenset({Event.SHOW_CREDIT, Event.USE_CREDIT, Event.COMPLETE})
"""The events that need the feature to be on."""

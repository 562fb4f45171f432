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


class PageEvent(enum.StrEnum):
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
TRANSITIONS: Final[Mapping[Step, Mapping[PageEvent, Outcome]]] = MappingProxyType({
    Step.NOTHING_OPEN: {
        PageEvent.SHOW: Move.TO_BASKET,     PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: _NO,          PageEvent.COMPLETE: _NO,
        PageEvent.SELECT_OPTION: _NO,       PageEvent.ENTER_BIN: _NO,
        PageEvent.CHOOSE_INSTALLMENT: _NO,  PageEvent.CONFIRM_CARD: _NO,
        PageEvent.CHOOSE_BANK: _NO,         PageEvent.CONFIRM_FUNDS: _NO,
    },
    Step.CHOOSING: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: _NOT_CHOSEN,
        PageEvent.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   PageEvent.CONFIRM_CARD: _NOT_CHOSEN,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: Move.ENTER_BIN,
        PageEvent.CHOOSE_INSTALLMENT: _NO_BIN,       PageEvent.CONFIRM_CARD: _NO_BIN,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD_KNOWN: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: Move.ENTER_BIN,
        PageEvent.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        PageEvent.CONFIRM_CARD: _NO_PLAN,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CARD_READY: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: Move.ENTER_BIN,
        PageEvent.CHOOSE_INSTALLMENT: Move.CHOOSE_INSTALLMENT,
        PageEvent.CONFIRM_CARD: Move.CHARGE,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.CREDIT_SHORT: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: _NOT_CHOSEN,
        PageEvent.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   PageEvent.CONFIRM_CARD: _NOT_CHOSEN,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.FUNDS: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: _NOT_CHOSEN,
        PageEvent.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   PageEvent.CONFIRM_CARD: _NOT_CHOSEN,
        PageEvent.CHOOSE_BANK: Move.CHOOSE_BANK,     PageEvent.CONFIRM_FUNDS: Move.AWAIT_FUNDS,
    },
    Step.OTHER: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: _UNPAID,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: _NOT_CHOSEN,
        PageEvent.CHOOSE_INSTALLMENT: _NOT_CHOSEN,   PageEvent.CONFIRM_CARD: _NOT_CHOSEN,
        PageEvent.CHOOSE_BANK: _NOT_CHOSEN,          PageEvent.CONFIRM_FUNDS: _NOT_CHOSEN,
    },
    Step.COVERED: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: Move.USE_CREDIT,       PageEvent.COMPLETE: Move.COMPLETE,
        PageEvent.SELECT_OPTION: Move.SELECT_OPTION, PageEvent.ENTER_BIN: _COVERED,
        PageEvent.CHOOSE_INSTALLMENT: _COVERED,      PageEvent.CONFIRM_CARD: _COVERED,
        PageEvent.CHOOSE_BANK: _COVERED,             PageEvent.CONFIRM_FUNDS: _COVERED,
    },
    Step.PAYING: {
        PageEvent.SHOW: Move.SHOW,                   PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: _PAYING,               PageEvent.COMPLETE: _PAYING,
        PageEvent.SELECT_OPTION: _PAYING,            PageEvent.ENTER_BIN: _PAYING,
        PageEvent.CHOOSE_INSTALLMENT: _PAYING,       PageEvent.CONFIRM_CARD: _PAYING,
        PageEvent.CHOOSE_BANK: _PAYING,              PageEvent.CONFIRM_FUNDS: _PAYING,
    },
    Step.COMPLETED: {
        PageEvent.SHOW: Move.TO_BASKET,     PageEvent.SHOW_CREDIT: Move.SHOW_CREDIT,
        PageEvent.USE_CREDIT: _NO,          PageEvent.COMPLETE: Move.SHOW_ORDER,
        PageEvent.SELECT_OPTION: _NO,       PageEvent.ENTER_BIN: _NO,
        PageEvent.CHOOSE_INSTALLMENT: _NO,  PageEvent.CONFIRM_CARD: Move.SHOW_ORDER,
        PageEvent.CHOOSE_BANK: _NO,         PageEvent.CONFIRM_FUNDS: Move.SHOW_ORDER,
    },
})
# fmt: on
"""For every step and every event, what happens."""

CREDIT_EVENTS: Final = frozenset({PageEvent.SHOW_CREDIT, PageEvent.USE_CREDIT, PageEvent.COMPLETE})
"""The events that need the feature to be on."""

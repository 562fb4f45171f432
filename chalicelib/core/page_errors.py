"""Refusals of checkout pages: printed inside the envelope, in the shopper's language.

The text here is English and the one that every language file translates, by `code`. What it
says in braces is filled in from the refusal's values.
"""

from typing import ClassVar

from chalicelib.core.errors import Refusal


class PageRefusal(Refusal):
    """A refusal on a checkout page, printed under a field or as `non_field_errors`."""

    field: ClassVar[str] = "non_field_errors"

    def __init__(self, **values: str) -> None:
        """Keep what the text says in braces, such as `total="40.00 TRY"`."""
        self.values = values
        super().__init__(self.fallback.format(**values))

    @property
    def parts(self) -> tuple["PageRefusal", ...]:
        """The refusals to print: this one, or one for each wrong field."""
        return (self,)


# --- the checkout -------------------------------------------------------------------------------


class LoyaltyDisabled(PageRefusal):
    """The channel has LOYALTY_MONEY_ENABLED = No."""

    code = "loyalty_disabled"
    title = "Loyalty money is off"
    fallback = "Paying with store credit is not available in this shop at the moment."


class NoOpenCheckout(PageRefusal):
    """The shopper has no open pre-order in the currency."""

    code = "no_open_checkout"
    title = "No open checkout"
    fallback = "There is no open checkout in this currency; return to the basket and start again."


class BasketCompleted(PageRefusal):
    """The basket was completed before, in another currency."""

    code = "basket_completed"
    title = "The basket is completed"
    fallback = "This basket was ordered already; return to the basket and start again."


class UnreadableForm(PageRefusal):
    """A page's body that is neither a form nor a JSON object, or is over 256 KB."""

    code = "unreadable_form"
    title = "The form cannot be read"
    fallback = "The form could not be read; send its fields as a form or as one JSON object."


class UnknownPage(PageRefusal):
    """A page name that is not among the pages served here."""

    code = "unknown_page"
    title = "Unknown page"
    fallback = "This checkout page is not known here."


class AgreementMissing(PageRefusal):
    """A completing page was posted without an agreement."""

    code = "agreement_missing"
    title = "The agreement is missing"
    field = "agreement"
    fallback = "Please accept the agreement to complete the order."


# --- credit -------------------------------------------------------------------------------------


class AmountRefused(PageRefusal):
    """The chosen amount cannot be used; each reason is a class below this one."""

    code = "amount_refused"
    title = "The amount cannot be used"
    field = "loyalty_amount_to_use"


class AmountMalformed(AmountRefused):
    """The chosen amount is no amount, or has more digits than the currency."""

    code = "amount_malformed"
    title = "The amount cannot be read"
    fallback = (
        "Please write the amount as a plain number of zero or more, such as {example}, "
        "with at most {digits} digits after the point."
    )


class AmountOverTotal(AmountRefused):
    """The chosen amount is over the order's total."""

    code = "amount_over_total"
    title = "The amount is over the total"
    fallback = "The order costs {total}; please use at most that."


class AmountOverCredit(AmountRefused):
    """The chosen amount is over what is available."""

    code = "amount_over_credit"
    title = "The amount is over the credit"
    fallback = "Your store credit is {balance}; please use at most that."


class UnpaidRemains(PageRefusal):
    """Completion by credit while a part of the order is not covered by it."""

    code = "unpaid_remains"
    title = "A part is unpaid"
    fallback = "{unpaid} of this order is not covered by store credit; please pay it as well."


class CreditChanged(PageRefusal):
    """The credit shrank between choosing the amount and completing."""

    code = "credit_changed"
    title = "The credit has changed"
    fallback = (
        "Your store credit no longer covers the chosen amount, so it was reset. "
        "Please choose an amount again."
    )


class CreditReserved(PageRefusal):
    """The account has as many open holds as it may."""

    code = "credit_reserved"
    title = "The credit is reserved"
    fallback = (
        "Too many other payments keep a part of your store credit at the moment. "
        "Please try again later, or pay without store credit."
    )


class FullyCovered(PageRefusal):
    """A page of another payment method while credit covers the whole order."""

    code = "fully_covered"
    title = "Store credit covers the order"
    fallback = "Store credit covers the whole order; complete it with the store credit option."


# --- other ways to pay --------------------------------------------------------------------------


class OptionRefused(PageRefusal):
    """A payment option that does not exist or is not active now."""

    code = "option_refused"
    title = "The payment option is not available"
    field = "payment_option"
    fallback = "This payment option is not available for this order."


class OptionNotChosen(PageRefusal):
    """A page of a payment option that is not the chosen one."""

    code = "option_not_chosen"
    title = "The payment option is not chosen"
    fallback = "Choose this payment option first."


class BinRefused(PageRefusal):
    """A bin number that is not the first six or eight digits of a card."""

    code = "bin_refused"
    title = "The card number is not valid"
    field = "bin_number"
    fallback = "Please enter the first six or eight digits of the card number."


class BinMissing(PageRefusal):
    """An instalment before the card's first digits."""

    code = "bin_missing"
    title = "The card number is missing"
    fallback = "Please enter the card number first."


class InstallmentRefused(PageRefusal):
    """An instalment plan that is not offered, or whose price has changed since it was chosen."""

    code = "installment_refused"
    title = "The instalment plan is not offered"
    field = "installment"
    fallback = "Please choose one of the instalment plans on offer."


class BankAccountRefused(PageRefusal):
    """A funds transfer to no bank account of the shop."""

    code = "bank_account_refused"
    title = "The bank account is not known"
    field = "bank_account"
    fallback = "Please choose one of the bank accounts on offer."


class PaymentNotOffered(PageRefusal):
    """A card payment in a channel without a payment gateway."""

    code = "payment_not_offered"
    title = "This payment is not taken here"
    fallback = "This payment cannot be completed here; choose another payment option."


# --- the card -----------------------------------------------------------------------------------


class CardNumberRefused(PageRefusal):
    """A card number with a wrong length or check digit."""

    code = "card_number_refused"
    title = "The card number is not valid"
    field = "card_number"
    fallback = "Please check the card number."


class CardChanged(PageRefusal):
    """A card whose first digits are not those that the instalments were priced for."""

    code = "card_changed"
    title = "It is another card"
    field = "card_number"
    fallback = "This is not the card whose first digits were entered; enter its number again."


class CardHolderRefused(PageRefusal):
    """No name, or one that is too long."""

    code = "card_holder_refused"
    title = "The name on the card is missing"
    field = "card_holder"
    fallback = "Please enter the name on the card."


class CardMonthRefused(PageRefusal):
    """A month that does not exist."""

    code = "card_month_refused"
    title = "The month is not valid"
    field = "card_month"
    fallback = "Please enter the month until which the card is valid, 1 to 12."


class CardYearRefused(PageRefusal):
    """A year of the past, or none."""

    code = "card_year_refused"
    title = "The year is not valid"
    field = "card_year"
    fallback = "Please enter the year until which the card is valid; it may not be over."


class CardCvvRefused(PageRefusal):
    """A security code that is not three or four digits."""

    code = "card_cvv_refused"
    title = "The security code is not valid"
    field = "card_cvv"
    fallback = "Please enter the three or four digits of the card's security code."


class CardRefused(PageRefusal):
    """Several fields of a card are wrong; each is printed."""

    code = "card_refused"
    title = "The card cannot be used"
    fallback = "Please check the card's data."

    def __init__(self, parts: tuple[PageRefusal, ...]) -> None:
        """Keep one refusal for each wrong field."""
        self._parts = parts
        super().__init__()

    @property
    def parts(self) -> tuple[PageRefusal, ...]:
        """One refusal for each wrong field."""
        return self._parts


class PaymentDeclined(PageRefusal):
    """The gateway declined the charge for certain."""

    code = "payment_declined"
    title = "The card was declined"
    fallback = (
        "The card was declined and not charged; your store credit is untouched. "
        "Please try another card or another way to pay."
    )


class PaymentInProgress(PageRefusal):
    """A payment of this checkout has begun, and its outcome is not known yet."""

    code = "payment_in_progress"
    title = "A payment is in progress"
    fallback = (
        "Your payment is being checked, so please do not pay again. "
        "Load this page again in a minute to see how it ended."
    )


class PaymentReturned(PageRefusal):
    """The gateway approved a charge for a basket that was ordered meanwhile."""

    code = "payment_returned"
    title = "The payment was given back"
    fallback = (
        "This basket was ordered already, so the charge to your card was given back "
        "and your store credit is untouched."
    )

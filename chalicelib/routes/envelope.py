"""How a visit to a checkout page looks on the wire: the envelope that the storefront client reads.

Every field and list here is read by the published client; docs/checkout-protocol.md says where.
An answer must never leave the client with a list whose first choice would be refused again, or
it posts that choice for ever.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.auth import seal
from chalicelib.checkout import Visit
from chalicelib.core import page_errors
from chalicelib.core.checkout import (
    Situation,
    balance_of,
    chosen_option,
    options_of,
    price_of,
    step_of,
)
from chalicelib.core.money import format_page_amount
from chalicelib.core.page_errors import PageRefusal
from chalicelib.core.pre_orders import (
    InstallmentPrice,
    Order,
    OrderContents,
    PreOrder,
    price_installments,
)
from chalicelib.core.settings import BankAccount, PaymentOption
from chalicelib.core.transitions import Move, Step
from chalicelib.http import Shown
from chalicelib.routes.texts import text_of

Json = dict[str, Any]

BASKET_URL: Final = "/baskets/basket/"
CHECKOUT_TEMPLATE: Final = "orders/checkout.html"
GUEST_TEMPLATE: Final = "orders/index.html"

_LABELS: Final = {"TRY": "TL"}
_CARDS: Final = (
    ("4", "Visa", "visa"),
    ("5", "Mastercard", "mastercard"),
    ("2", "Mastercard", "mastercard"),
    ("34", "American Express", "amex"),
    ("37", "American Express", "amex"),
    ("9792", "Troy", "troy"),
)
"""First digits of card numbers: ISO/IEC 7812 ranges as the card schemes publish them."""


class Context(Shown):
    """One page of an answer; `page_context` is an object even when it is empty."""

    page_name: str
    page_slug: str
    page_context: dict[str, Any]


class Envelope(Shown):
    """What every checkout page answers. `errors` is null, a list, or texts by field."""

    context_list: list[Context]
    template_name: str
    errors: dict[str, list[str]] | list[str] | None
    pre_order: dict[str, Any] | None = None
    redirect_url: str | None = None

    def to_json(self) -> str:
        """Return the JSON text; `pre_order` and `redirect_url` only where they are set.

        The client would store an empty pre-order, and act on it.
        """
        return self.model_dump_json(exclude_unset=True)


def envelope_of(visit: Visit, language: str) -> Envelope:
    """Return the envelope of a visit, with what it says in a language such as "tr"."""
    if visit.refusal is not None:
        return _refused(visit, visit.refusal, language)
    if visit.move is Move.TO_BASKET:
        return Envelope(
            context_list=[], template_name=CHECKOUT_TEMPLATE, errors=[], redirect_url=BASKET_URL
        )
    # The client clears old errors only for a list, and asks for that when it loads the page.
    no_errors: list[str] | None = [] if visit.move is Move.SHOW else None
    return Envelope(
        context_list=_contexts(visit),
        template_name=CHECKOUT_TEMPLATE,
        errors=no_errors,
        pre_order=_pre_order(visit),
    )


def guest_envelope() -> Envelope:
    """Return what a visitor without a session gets: the view that asks to log in."""
    return Envelope(
        context_list=[_index(logged_in=False)], template_name=GUEST_TEMPLATE, errors=None
    )


def label_of(currency: str) -> str:
    """Return how shops of this currency write it: "TL" for TRY, else the code."""
    return _LABELS.get(currency, currency)


def completed_url(channel: str, user_pk: str, reference: str) -> str:
    """Return the address of the thank-you page: one segment, signed, that names the order."""
    return f"/orders/completed/{order_token(channel, user_pk, reference)}/"


def order_token(channel: str, user_pk: str, reference: str) -> str:
    """Return the sealed name of an order, readable only by the shopper's own session."""
    return seal("order", {"c": channel, "u": user_pk, "r": reference})


def order_shown(order: Order, contents: OrderContents | None) -> Json:
    """Return a completed order as the thank-you page reads it; without contents it is erased."""
    content = {} if contents is None else json.loads(contents.content)
    items = (content.get("basket") or {}).get("basketitem_set", [])
    return {
        "id": order.order_id,
        "number": order.reference,
        "user_email": (contents and contents.user_email) or "",
        "erased": contents is None,
        "amount": format_page_amount(order.total, order.currency),
        "shipping_amount": format_page_amount(order.shipping, order.currency),
        "loyalty_money": format_page_amount(order.loyalty, order.currency),
        "currency": {"value": order.currency.lower(), "label": label_of(order.currency)},
        "payment_option": {"name": order.payment_name, "payment_type": order.payment_type},
        "payment_state": order.payment_state,
        "shipping_address": content.get("shipping_address"),
        "billing_address": content.get("billing_address"),
        "orderitem_set": [_order_item(number, item) for number, item in enumerate(items, 1)],
    }


def _order_item(number: int, item: Json) -> Json:
    product = item.get("product") or {}
    images = product.get("productimage_set") or [{}]
    return {
        "id": item.get("pk", number),
        "quantity": item.get("quantity"),
        "price": item.get("unit_price"),
        "retail_price": product.get("retail_price"),
        "product": {
            "name": product.get("name"),
            "absolute_url": product.get("absolute_url"),
            "image": images[0].get("image"),
        },
    }


# --- contexts -------------------------------------------------------------------------------


def _context(name: str, **content: object) -> Context:
    return Context(page_name=name, page_slug=name.lower(), page_context=content)


def _index(*, logged_in: bool) -> Context:
    return _context(
        "IndexPage", is_user_logged_in=logged_in, can_guest_purchase=False, has_gift_box=False
    )


def _contexts(visit: Visit) -> list[Context]:
    situation = visit.situation
    if visit.move is Move.SHOW:
        return _all_pages(visit)
    if visit.move is Move.SHOW_CREDIT:
        balance = format_page_amount(balance_of(situation.account), visit.currency)
        return [_context("LoyaltyMoneyUsagePage", balance=balance)]
    if visit.move is Move.SHOW_ORDER:
        return [_thank_you(visit)]
    if visit.move is Move.USE_CREDIT:
        return _after_amount(situation)
    if visit.move is Move.CHOOSE_INSTALLMENT:
        # An amount may have changed every price since the client was shown the plans.
        return [_installments_page(situation), _current_page(situation)]
    return [_current_page(situation)]


def _after_amount(situation: Situation) -> list[Context]:
    """Return the guide's empty page, unless the shop has taken the chosen option away meanwhile.

    Then the client would post an option and a plan at once, each out of an old list.
    """
    pre_order = situation.pre_order
    if pre_order and pre_order.payment_option and chosen_option(situation) is None:
        return [_options_page(situation), _no_installments()]
    return [_empty()]


def _all_pages(visit: Visit) -> list[Context]:
    """Return the pages that are done and the current one, as the client loads a checkout."""
    content = json.loads(visit.content)
    pages = [_index(logged_in=True)]
    current = _current_page(visit.situation)
    # Beside a delivery page the client ignores instalments (redux/middlewares/checkout.ts).
    if content.get("delivery_option") and "installments" not in current.page_context:
        options = [content["delivery_option"]]
        pages.append(_context("DeliveryOptionSelectionPage", delivery_options=options))
    addresses = [content.get("shipping_address"), content.get("billing_address")]
    if all(addresses):
        pages.append(_context("AddressSelectionPage", addresses=addresses))
    if content.get("shipping_option"):
        options = [content["shipping_option"]]
        pages.append(_context("ShippingOptionSelectionPage", shipping_options=options))
    pages.append(_options_page(visit.situation))
    return pages if current.page_name == pages[-1].page_name else [*pages, current]


def _current_page(situation: Situation) -> Context:
    """Return the page where the shopper is to go on."""
    return _PAGES.get(step_of(situation), _options_page)(situation)


def _covered_page(situation: Situation) -> Context:
    option = chosen_option(situation)
    paying = option is not None and option.rule is not None
    return _credit_page(situation) if paying else _options_page(situation)


def _credit_page(_: Situation) -> Context:
    return _context("LoyaltyPaymentSelectedPage")


def _bin_page(_: Situation) -> Context:
    return _context("BinNumberPage")


def _confirmation_page(_: Situation) -> Context:
    return _context("CreditCardConfirmationPage")


def _banks_page(situation: Situation) -> Context:
    banks = [_bank(bank) for bank in situation.settings.bank_accounts]
    return _context("FundsTransferChoicePage", bank_accounts=banks)


def _empty(_: Situation | None = None) -> Context:
    return _context("EmptyPage")


def _no_installments(_: Situation | None = None) -> Context:
    return _context("InstallmentSelectionPage", installments=[])


def _options_page(situation: Situation) -> Context:
    options = options_of(situation)
    return _context(
        "PaymentOptionSelectionPage",
        checkout_url=None,
        status_url=None,
        payment_options=[_option(option) for option in options.active],
        unavailable_options=[_option(option) for option in options.inactive],
    )


def _installments_page(situation: Situation) -> Context:
    pre_order = situation.effective
    assert pre_order is not None
    prices = price_installments(situation.settings.installments, pre_order.unpaid)
    return _context(
        "InstallmentSelectionPage",
        card_type=_card_type(pre_order.bin_number or ""),
        installments=[_installment(price, pre_order.currency) for price in prices],
    )


_PAGES: Final[Mapping[Step, Callable[[Situation], Context]]] = {
    Step.CARD: _bin_page,
    Step.CARD_KNOWN: _installments_page,
    Step.CARD_READY: _confirmation_page,
    Step.CREDIT_SHORT: _credit_page,
    Step.FUNDS: _banks_page,
    Step.OTHER: _empty,
    Step.COVERED: _covered_page,
    Step.PAYING: _no_installments,
}
"""The page of each step; that of the others is the choice of a payment option."""


def _thank_you(visit: Visit) -> Context:
    pre_order = visit.situation.pre_order
    assert pre_order is not None
    url = completed_url(pre_order.channel, pre_order.user_pk, pre_order.reference)
    return _context(
        "ThankYouPage",
        redirect_url=url,
        order_id=pre_order.order_id,
        new_user=False,
        token=f"{pre_order.content_hash:.40}",
        campaigns=[],
    )


# --- refusals -------------------------------------------------------------------------------

_STOPS_INSTALLMENTS: Final = (page_errors.FullyCovered, page_errors.BinMissing)
_AFTER_PAYMENT: Final = (page_errors.PaymentDeclined, page_errors.PaymentReturned)
_SHOWS_OPTIONS: Final = (
    page_errors.OptionRefused,
    page_errors.UnpaidRemains,
    page_errors.CreditChanged,
)


def _refused(visit: Visit, refusal: PageRefusal, language: str) -> Envelope:
    complaints = {part.field: [text_of(part, language)] for part in refusal.parts}
    if visit.situation.effective is None or isinstance(refusal, page_errors.NoOpenCheckout):
        return Envelope(
            context_list=[_empty()],
            template_name=CHECKOUT_TEMPLATE,
            errors=complaints,
            redirect_url=BASKET_URL,
        )
    if isinstance(refusal, page_errors.UnknownPage):
        # Without a pre-order the client posts nothing by itself; with one it would post this
        # page again, for ever.
        return Envelope(context_list=[_empty()], template_name=CHECKOUT_TEMPLATE, errors=complaints)
    loads = visit.move is Move.SHOW
    return Envelope(
        context_list=_all_pages(visit) if loads else _pages_of_refusal(visit.situation, refusal),
        template_name=CHECKOUT_TEMPLATE,
        errors=complaints,
        pre_order=_pre_order(visit),
    )


def _pages_of_refusal(situation: Situation, refusal: PageRefusal) -> list[Context]:
    """Return the contexts that leave the client nothing to post again by itself."""
    if isinstance(refusal, page_errors.PaymentInProgress | page_errors.OptionNotChosen):
        return [_options_page(situation), _no_installments()]
    if isinstance(refusal, _AFTER_PAYMENT):
        # What a payment in progress took out of the client's lists comes back.
        return [_options_page(situation), _installments_page(situation)]
    if isinstance(refusal, _STOPS_INSTALLMENTS):
        return [_no_installments()]
    if isinstance(refusal, page_errors.InstallmentRefused):
        return [_installments_page(situation)]
    if isinstance(refusal, _SHOWS_OPTIONS):
        return [_options_page(situation)]
    return [_empty()]


# --- the pre-order --------------------------------------------------------------------------


def _pre_order(visit: Visit) -> Json:
    pre_order = visit.situation.effective
    if pre_order is None:
        return {}
    content = json.loads(visit.content)
    return {
        "basket": _basket(pre_order, content),
        "delivery_option": content.get("delivery_option"),
        "shipping_option": content.get("shipping_option"),
        "shipping_address": content.get("shipping_address"),
        "billing_address": content.get("billing_address"),
        "retail_store": None,
        "payment_option": _chosen(visit.situation),
        "installment": _chosen_installment(visit.situation, pre_order),
        "currency_type_label": label_of(pre_order.currency),
        "is_guest": False,
        "is_post_order": False,
        "notifications": None,
        "redirect_to_three_d": None,
        **_amounts(visit.situation, pre_order),
    }


def _amounts(situation: Situation, pre_order: PreOrder) -> Json:
    price = price_of(situation)
    interest = price.total - pre_order.unpaid if price is not None else 0
    if pre_order.charge is not None:
        interest = pre_order.charge.amount - pre_order.unpaid
    amounts = {
        "shipping_amount": pre_order.shipping,
        "total_amount": pre_order.total,
        "total_amount_with_interest": pre_order.total + interest,
        "loyalty_money": pre_order.loyalty,
        "unpaid_amount": pre_order.unpaid,
    }
    return {k: format_page_amount(minor, pre_order.currency) for k, minor in amounts.items()}


def _basket(pre_order: PreOrder, content: Json) -> Json:
    products = format_page_amount(pre_order.total - pre_order.shipping, pre_order.currency)
    nothing_off = format_page_amount(0, pre_order.currency)
    return {
        "basketitem_set": [],
        "total_amount": products,
        "total_discount_amount": nothing_off,
        **(content.get("basket") or {}),
    }


def _chosen(situation: Situation) -> Json | None:
    option = chosen_option(situation)
    return None if option is None else _option(option)


def _option(option: PaymentOption) -> Json:
    shown = option.model_dump(include={"pk", "name", "slug", "payment_type"})
    return {**shown, "payment_type_label": option.name}


def _chosen_installment(situation: Situation, pre_order: PreOrder) -> Json | None:
    price = price_of(situation)
    return None if price is None else _installment(price, pre_order.currency)


def _bank(bank: BankAccount) -> Json:
    return {
        "pk": bank.pk,
        "iban": bank.iban,
        "holder_name": bank.holder_name,
        "description": "",
        "sort_order": bank.pk,
        "bank": {"pk": bank.pk, "name": bank.bank_name, "slug": f"bank-{bank.pk}", "logo": None},
    }


def _installment(price: InstallmentPrice, currency: str) -> Json:
    return {
        "pk": price.plan.pk,
        "label": price.plan.label,
        "installment_count": price.plan.installment_count,
        "monthly_price_with_accrued_interest": format_page_amount(price.monthly, currency),
        "price_with_accrued_interest": format_page_amount(price.total, currency),
    }


def _card_type(bin_number: str) -> Json:
    for digits, name, slug in _CARDS:
        if bin_number.startswith(digits):
            return {"name": name, "slug": slug, "logo": None}
    return {"name": "Card", "slug": "other", "logo": None}

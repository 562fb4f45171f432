"""Doors that the published storefront client knows: checkout pages and the shopper's own account.

Business errors leave as 200 with `errors`: the client sends anything else four times and sticks.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib import auth, checkout
from chalicelib.checkout import Posted, Visit
from chalicelib.core.accounts import Entry
from chalicelib.core.currencies import DIGITS
from chalicelib.core.errors import InvalidCursor, Refusal, UnknownOrder
from chalicelib.core.money import format_page_amount
from chalicelib.core.page_errors import PageRefusal, UnknownPage, UnreadableForm
from chalicelib.core.payments import CardForm
from chalicelib.core.transitions import PageEvent
from chalicelib.http import (
    FORM,
    GUEST,
    JSON,
    Answer,
    Request,
    Routes,
    Shown,
    check_size,
    example,
    media_type,
    parse_form,
)
from chalicelib.logs import log
from chalicelib.routes.envelope import (
    Envelope,
    envelope_of,
    guest_envelope,
    label_of,
    order_shown,
)
from chalicelib.routes.paging import ListQuery, next_cursor, start_of
from chalicelib.routes.texts import language_of
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)

HISTORY: Final = "/account/loyalty"


class PageQuery(BaseModel):
    """Which page; the client's other query keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    page: str | None = None


class PageForm(BaseModel):
    """The field that a page reads, as a form or as JSON; others are ignored."""

    model_config = ConfigDict(extra="ignore") | example({"loyalty_amount_to_use": "10.00"})

    loyalty_amount_to_use: str | None = None
    agreement: bool | str | None = None
    payment_option: int | str | None = None
    bin_number: str | None = None
    installment: int | str | None = None
    bank_account: int | str | None = None
    card_holder: str | None = None
    card_number: str | None = None
    card_month: int | str | None = None
    card_year: int | str | None = None
    card_cvv: str | None = None


class CompletedOrder(Shown):
    """A completed order, as the thank-you page reads it."""

    campaigns: list[dict[str, Any]]
    order: dict[str, Any]


class Balance(Shown):
    """The shopper's credit in the session's currency: here, and only here, a JSON number."""

    balance: float


class CurrencyLabel(Shown):
    """A currency as the client names it."""

    value: str
    label: str


class HistoryTransaction(Shown):
    """When it happened, and for which order if for one."""

    created_date: Time
    order: str | None


class HistoryItem(Shown):
    """One movement of the shopper's credit: positive was received, negative was spent."""

    amount: str
    created_date: Time
    currency: CurrencyLabel
    transaction: HistoryTransaction


class History(Shown):
    """One page of the shopper's movements, newest first; `count` is of all of them."""

    count: int
    next: str | None
    previous: None = None
    results: list[HistoryItem]


class HistoryQuery(ListQuery):
    """How many movements, and where to go on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    limit: Annotated[int, Field(ge=1, le=50)] = 10


@routes.route(
    "GET",
    "/orders/checkout",
    access=GUEST,
    query=PageQuery,
    answers={200: Envelope},
)
def show_page(request: Request, query: PageQuery) -> Answer:
    """Show the checkout, or the shopper's credit for the usage page."""
    call, currency = request.call, _currency(request)
    if query.page is None and request.caller is None:
        return Answer(guest_envelope())
    if query.page is not None and query.page not in _EVENTS:
        found = checkout.refuse(request.call, request.shopper, _currency(request), UnknownPage())
        return _answer(request, found)
    event = PageEvent.SHOW_CREDIT if query.page == PageEvent.USE_CREDIT else PageEvent.SHOW
    return _answer(request, checkout.visit(call, request.shopper, currency, event, Posted()))


@routes.route(
    "POST",
    "/orders/checkout",
    access=auth.SHOPPER,
    query=PageQuery,
    body=PageForm,
    reads=(JSON, FORM),
    answers={200: Envelope},
)
def post_page(request: Request, query: PageQuery) -> Answer:
    """Act on a checkout page; every post may be repeated."""
    call, shopper, currency = request.call, request.shopper, _currency(request)
    try:
        event = _event(query.page)
        posted = _posted(_read_form(request), event)
    except PageRefusal as refusal:
        return _answer(request, checkout.refuse(call, shopper, currency, refusal))
    return _answer(request, checkout.visit(call, shopper, currency, event, posted))


@routes.route(
    "GET",
    "/orders/completed/{token}",
    access=auth.SHOPPER,
    query=PageQuery,
    answers={200: CompletedOrder},
    refusals=(UnknownOrder,),
)
def show_completed(request: Request, query: PageQuery) -> Answer:
    """Show a completed order to the shopper who completed it."""
    del query
    shopper = request.shopper
    named = auth.unseal("order", request.path["token"])
    if named is None or (named["c"], named["u"]) != (shopper.channel, shopper.user_pk):
        raise UnknownOrder
    order, contents = checkout.read_own_order(request.call, shopper, named["r"])
    return Answer(CompletedOrder(campaigns=[], order=order_shown(order, contents)))


@routes.route(
    "GET", "/account/loyalty-account-balance", access=auth.SHOPPER, answers={200: Balance}
)
def show_balance(request: Request) -> Answer:
    """Show the shopper's credit in the currency of the session."""
    currency, minor = checkout.read_balance(request.call, request.shopper, _currency(request))
    return Answer(Balance(balance=float(format_page_amount(minor, currency))))


@routes.route(
    "GET",
    HISTORY,
    access=auth.SHOPPER,
    query=HistoryQuery,
    answers={200: History},
    refusals=(InvalidCursor,),
)
def show_history(request: Request, query: HistoryQuery) -> Answer:
    """Show the shopper's movements in the currency of the session, newest first."""
    shopper = request.shopper
    currency = checkout.session_currency(request.call, shopper, _currency(request))
    name = ("history", shopper.channel, shopper.user_pk, currency)
    found = checkout.read_history(
        request.call, shopper, currency, limit=query.limit, start=start_of(query, *name)
    )
    cursor = next_cursor(found.last, *name)
    following = f"{HISTORY}/?limit={query.limit}&cursor={cursor}" if cursor else None
    results = [_movement(entry) for entry in found.entries]
    return Answer(History(count=found.count, next=following, results=results))


_EVENTS: Final = {
    "IndexPage": PageEvent.SHOW,
    "LoyaltyMoneyUsagePage": PageEvent.USE_CREDIT,
    "LoyaltyMoneyPage": PageEvent.COMPLETE,
    "LoyaltyPaymentSelectedPage": PageEvent.COMPLETE,
    "PaymentOptionSelectionPage": PageEvent.SELECT_OPTION,
    "BinNumberPage": PageEvent.ENTER_BIN,
    "InstallmentSelectionPage": PageEvent.CHOOSE_INSTALLMENT,
    "CreditCardConfirmationPage": PageEvent.CONFIRM_CARD,
    "FundsTransferChoicePage": PageEvent.CHOOSE_BANK,
    "FundsTransferPage": PageEvent.CONFIRM_FUNDS,
}
"""Pages by the names that the client sends; the two completing ones are one (decision 1)."""

_FIELDS: Final = {
    PageEvent.SHOW: "",
    PageEvent.USE_CREDIT: "loyalty_amount_to_use",
    PageEvent.COMPLETE: "agreement",
    PageEvent.SELECT_OPTION: "payment_option",
    PageEvent.ENTER_BIN: "bin_number",
    PageEvent.CHOOSE_INSTALLMENT: "installment",
    PageEvent.CONFIRM_CARD: "agreement",
    PageEvent.CHOOSE_BANK: "bank_account",
    PageEvent.CONFIRM_FUNDS: "agreement",
}


def _answer(request: Request, visit: Visit) -> Answer:
    if visit.refusal is not None:
        log.info("page_refused", extra={"code": visit.refusal.code})
    language = language_of(request.headers.get("accept-language"))
    return Answer(envelope_of(visit, language))


def _posted(form: Mapping[str, str], event: PageEvent) -> Posted:
    text = form.get(_FIELDS[event], "")
    if event is not PageEvent.CONFIRM_CARD:
        return Posted(text)
    card = CardForm(
        agreement=text,
        holder=form.get("card_holder", ""),
        month=form.get("card_month", ""),
        year=form.get("card_year", ""),
        number=form.get("card_number", ""),
        cvv=form.get("card_cvv", ""),
    )
    return Posted(text, card)


def _event(page: str | None) -> PageEvent:
    event = _EVENTS.get(page or "")
    if event is None:
        raise UnknownPage
    return event


def _currency(request: Request) -> str | None:
    """Return the currency of the session, or None for "use the default" (decision 13).

    The client sends lower case, and the word `undefined` when its cookie is missing.
    """
    code = request.headers.get("x-currency", "").strip().upper()
    return code if code in DIGITS else None


def _read_form(request: Request) -> dict[str, str]:
    """Return the posted fields as text, from a form or from JSON. Raises `UnreadableForm`."""
    kind = media_type(request.headers)
    try:
        check_size(request.raw_body)
        if kind == FORM:
            return parse_form(request.raw_body)
        if kind == JSON:
            return _parse_json(request.raw_body)
    except Refusal:
        raise UnreadableForm from None
    raise UnreadableForm


def _parse_json(raw: bytes) -> dict[str, str]:
    try:
        content = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise UnreadableForm from None
    if not isinstance(content, dict):
        raise UnreadableForm
    return {name: _as_text(value) for name, value in content.items()}


def _as_text(value: object) -> str:
    """Return a JSON value as a form would carry it; a float is no exact amount, so it is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


def _movement(entry: Entry) -> HistoryItem:
    currency = entry.account.currency
    created = time_of(entry.at_ms)
    return HistoryItem(
        amount=format_page_amount(entry.amount, currency),
        created_date=created,
        currency=CurrencyLabel(value=currency.lower(), label=label_of(currency)),
        transaction=HistoryTransaction(created_date=created, order=entry.order),
    )

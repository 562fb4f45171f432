"""The checkout pages over HTTP, posted as the published client posts them (protocol 1.2)."""

import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from chalicelib.core import page_errors
from chalicelib.core.page_errors import PageRefusal
from chalicelib.http import MAX_BODY_BYTES
from chalicelib.outside.sandbox import APPROVES, DECLINES, LOSES_ANSWER, LOSES_REQUEST
from tests.core.made import leaves
from tests.routes.shop import BASKET, CARD, CREDIT, FUNDS, Json, Shop, Storefront

PAGES: Final = (
    "LoyaltyMoneyUsagePage",
    "LoyaltyMoneyPage",
    "LoyaltyPaymentSelectedPage",
    "PaymentOptionSelectionPage",
    "BinNumberPage",
    "InstallmentSelectionPage",
    "CreditCardConfirmationPage",
)
EMPTY: Final = [{"page_name": "EmptyPage", "page_slug": "emptypage", "page_context": {}}]


def shown(option: Mapping[str, object]) -> Json:
    """Return a payment option as pages print it (protocol 2.4)."""
    kept = {name: option[name] for name in ("pk", "name", "slug", "payment_type")}
    return {**kept, "payment_type_label": option["name"]}


def contexts(envelope: Json) -> dict[str, Json]:
    """Return the contexts of an answer by page."""
    return {context["page_name"]: context["page_context"] for context in envelope["context_list"]}


def money(envelope: Json) -> tuple[str, str]:
    """Return what was chosen and what is unpaid."""
    pre_order = envelope["pre_order"]
    return pre_order["loyalty_money"], pre_order["unpaid_amount"]


def at_card(shop: Shop, total: str = "40.00") -> Storefront:
    """Open a checkout and bring it up to the choice of instalments."""
    shop.open_pre_order(total=total)
    storefront = shop.storefront()
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    storefront.post("BinNumberPage", bin_number="545454")
    return storefront


def covered(shop: Shop, total: str = "40.00") -> Storefront:
    """Open a checkout and cover the whole of it with credit."""
    shop.open_pre_order(total=total)
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=total)
    return storefront


# --- the guide's two scenarios --------------------------------------------------------------


def test_scenario_1_the_whole_order_from_a_part_of_the_balance(shop: Shop) -> None:
    opened = shop.open_pre_order(total="10.00", basket={**BASKET, "total_amount": "10.00"})
    storefront = shop.storefront()

    balance = storefront.show("LoyaltyMoneyUsagePage")
    assert balance["context_list"] == [
        {
            "page_name": "LoyaltyMoneyUsagePage",
            "page_slug": "loyaltymoneyusagepage",
            "page_context": {"balance": "50.00"},
        }
    ]
    assert (balance["template_name"], balance["errors"]) == ("orders/checkout.html", None)

    used = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    assert used["context_list"] == EMPTY
    assert (used["template_name"], used["errors"]) == ("orders/checkout.html", None)
    assert money(used) == ("10.00", "0.00")
    assert used["pre_order"]["total_amount"] == "10.00"

    done = storefront.post_json("LoyaltyMoneyPage", {"agreement": True})
    [thanks] = done["context_list"]
    assert (thanks["page_name"], thanks["page_slug"]) == ("ThankYouPage", "thankyoupage")
    context = thanks["page_context"]
    assert set(context) == {"redirect_url", "order_id", "new_user", "token", "campaigns"}
    assert re.fullmatch(r"/orders/completed/[^/]+/", context["redirect_url"])
    assert context["order_id"] == opened["order_id"]
    assert isinstance(context["order_id"], int)
    assert (context["new_user"], context["campaigns"]) == (False, [])
    assert re.fullmatch(r"[0-9a-f]{40}", context["token"])
    assert (done["template_name"], done["errors"]) == ("orders/checkout.html", None)
    assert isinstance(done["pre_order"], dict)

    completed = storefront.get(context["redirect_url"] + "?format=json")
    assert completed.status == 200
    assert completed.json["campaigns"] == []
    order = completed.json["order"]
    assert order["id"] == opened["order_id"]
    assert (order["number"], order["user_email"], order["amount"]) == (
        "b1",
        "ada@example.com",
        "10.00",
    )
    assert order["payment_option"]["payment_type"] == "loyalty_money"
    assert order["payment_option"]["name"]
    assert order["currency"] == {"value": "try", "label": "TL"}
    [item] = order["orderitem_set"]
    assert (item["id"], item["price"], item["retail_price"]) == (17, "15.00", "18.00")
    assert item["product"] == {
        "name": "Çay 茶",
        "absolute_url": "/tea/",
        "image": "https://cdn.example/tea.jpg",
    }
    assert shop.balance("1001") == "40.00"


def test_scenario_2_a_part_then_the_card_then_the_whole(shop: Shop) -> None:
    shop.open_pre_order(total="40.00")
    storefront = shop.storefront()

    part = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    assert (part["context_list"], part["errors"], money(part)) == (EMPTY, None, ("10.00", "30.00"))
    options = contexts(storefront.show())["PaymentOptionSelectionPage"]
    assert shown(CARD) in options["payment_options"]
    assert options["unavailable_options"] == []

    card = storefront.post("PaymentOptionSelectionPage", payment_option="1")
    assert contexts(card) == {"BinNumberPage": {}}
    assert card["pre_order"]["payment_option"] == shown(CARD)
    bin_known = storefront.post("BinNumberPage", bin_number="545454")
    page = contexts(bin_known)["InstallmentSelectionPage"]
    assert page["card_type"] == {"name": "Mastercard", "slug": "mastercard", "logo": None}
    assert page["installments"] == [
        {
            "pk": 1,
            "label": "Single payment",
            "installment_count": 1,
            "monthly_price_with_accrued_interest": "30.00",
            "price_with_accrued_interest": "30.00",
        }
    ]
    progress = storefront.post("InstallmentSelectionPage", installment="1")
    assert list(contexts(progress)) == ["InstallmentSelectionPage", "CreditCardConfirmationPage"]
    assert contexts(progress)["CreditCardConfirmationPage"] == {}
    assert progress["errors"] is None
    assert progress["pre_order"]["installment"]["pk"] == 1

    whole = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    assert (whole["context_list"], whole["errors"]) == (EMPTY, None)
    assert money(whole) == ("40.00", "0.00")
    assert whole["pre_order"]["installment"] is None

    error = storefront.post("InstallmentSelectionPage", installment="1")
    assert error["context_list"] == [
        {
            "page_name": "InstallmentSelectionPage",
            "page_slug": "installmentselectionpage",
            "page_context": {"installments": []},
        }
    ]
    assert list(error["errors"]) == ["non_field_errors"]
    assert error["pre_order"] == whole["pre_order"]

    options = contexts(storefront.show())["PaymentOptionSelectionPage"]
    assert options["payment_options"] == [shown(CREDIT)]
    assert options["unavailable_options"] == [shown(CARD), shown(FUNDS)]

    credit = storefront.post("PaymentOptionSelectionPage", payment_option="2")
    assert contexts(credit) == {"LoyaltyPaymentSelectedPage": {}}
    done = storefront.post("LoyaltyPaymentSelectedPage", agreement="true")
    assert list(contexts(done)) == ["ThankYouPage"]
    assert shop.balance("1001") == "10.00"


# --- the ten rules of protocol section 0 ----------------------------------------------------


def test_rule_1_a_form_and_json_say_the_same(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    for form, body in (
        ({"loyalty_amount_to_use": "10.00"}, {"loyalty_amount_to_use": "10.00"}),
        ({"loyalty_amount_to_use": "50.01"}, {"loyalty_amount_to_use": "50.01"}),
    ):
        by_form = storefront.post("LoyaltyMoneyUsagePage", **form)
        assert storefront.post_json("LoyaltyMoneyUsagePage", body) == by_form
    for number in (1, "1"):
        answer = storefront.post_json("PaymentOptionSelectionPage", {"payment_option": number})
        assert answer["pre_order"]["payment_option"]["pk"] == 1
    storefront.post_json("BinNumberPage", {"bin_number": "545454"})
    answer = storefront.post_json("InstallmentSelectionPage", {"installment": 1})
    assert answer["pre_order"]["installment"]["pk"] == 1


def test_rule_3_an_amount_is_set_and_never_added(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    first = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    before = shop.snapshot()
    for _ in range(4):
        assert storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00") == first
    assert shop.snapshot() == before
    less = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="4.00")
    assert money(less) == ("4.00", "36.00")


@pytest.mark.parametrize("zero", ["0.00", "0"])
def test_rule_3_zero_clears(shop: Shop, zero: str) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    cleared = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use=zero)
    assert (cleared["errors"], money(cleared)) == (None, ("0.00", "40.00"))


def test_rule_3_choosing_reserves_nothing(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    page = contexts(storefront.show("LoyaltyMoneyUsagePage"))["LoyaltyMoneyUsagePage"]
    assert page == {"balance": "50.00"}
    account = shop.staff("GET", "/accounts/1001/TRY").json
    assert (account["available"], account["held"]) == ("50.00", "0.00")


@pytest.mark.parametrize("again", ["LoyaltyMoneyPage", "LoyaltyPaymentSelectedPage"])
def test_rule_3_completing_again_answers_again_and_debits_once(shop: Shop, again: str) -> None:
    storefront = covered(shop)
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    before = shop.snapshot()
    for _ in range(4):
        assert storefront.post(again, agreement="true") == done
    assert shop.snapshot() == before
    assert shop.balance("1001") == "10.00"
    kinds = [e["kind"] for e in shop.staff("GET", "/accounts/1001/TRY/activities").json["items"]]
    assert kinds == ["order", "opening"]


def test_rule_3_completing_again_answers_the_same_whatever_was_set_since(shop: Shop) -> None:
    storefront = covered(shop)
    storefront.post("PaymentOptionSelectionPage", payment_option="2")
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    shop.set("LOYALTY_MONEY_ENABLED", value=False)
    again = storefront.post("LoyaltyMoneyPage", agreement="true")
    assert again["context_list"] == done["context_list"]
    assert money(again) == money(done) == ("40.00", "0.00")


def test_rule_5_the_balance_is_a_string_with_two_decimals_also_when_it_is_nothing(
    shop: Shop,
) -> None:
    def balance(user_pk: str, currency: str = "try") -> str:
        storefront = shop.storefront(user_pk, currency=currency)
        page = contexts(storefront.show("LoyaltyMoneyUsagePage"))["LoyaltyMoneyUsagePage"]
        assert list(page) == ["balance"]
        return str(page["balance"])

    assert (balance("1001"), balance("1002")) == ("50.00", "0.00")
    assert balance("1002", "usd") == "20.00"
    assert balance("1003") == "0.00"


def test_rule_10_no_answer_is_a_redirect(shop: Shop) -> None:
    storefront = shop.storefront()
    assert storefront.get("/orders/checkout/").status == 200
    assert storefront.show()["redirect_url"] == "/baskets/basket/"
    assert "location" not in storefront.get("/orders/checkout/").headers


# --- every refusal of the pages -------------------------------------------------------------

Situation = Callable[[Shop], Storefront]


def opened(shop: Shop) -> Storefront:
    shop.open_pre_order()
    return shop.storefront()


def nothing_open(shop: Shop) -> Storefront:
    return shop.storefront()


def completed(shop: Shop) -> Storefront:
    storefront = covered(shop)
    storefront.post("LoyaltyMoneyPage", agreement="true")
    return storefront


def with_part(shop: Shop) -> Storefront:
    storefront = at_card(shop)
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    return storefront


def switched_off(shop: Shop) -> Storefront:
    storefront = covered(shop)
    shop.set("LOYALTY_MONEY_ENABLED", value=False)
    return storefront


def at_card_without_number(shop: Shop) -> Storefront:
    storefront = opened(shop)
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    return storefront


def ready_to_confirm(shop: Shop) -> Storefront:
    storefront = at_card(shop)
    storefront.post("InstallmentSelectionPage", installment="1")
    return storefront


def shrunk(shop: Shop) -> Storefront:
    storefront = covered(shop)
    body = {"source": "ada", "target": "grace", "amount": "10.01"}
    assert shop.staff("PUT", "/transfers/shrink", body).status == 201
    return storefront


def ordered_in_another_currency(shop: Shop) -> Storefront:
    """One basket stands in two currencies, and was completed in the other one."""
    shop.open_account("1001", "USD", "50.00", account_id="ada-usd")
    shop.open_pre_order(currency="USD", total="5.00")
    storefront = covered(shop)
    dollars = shop.storefront(currency="usd")
    dollars.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.00")
    dollars.post("LoyaltyMoneyPage", agreement="true")
    return storefront


def ordered_by_somebody_else(shop: Shop) -> Storefront:
    storefront = covered(shop)
    shop.open_account("1003", "TRY", "5.00", account_id="alan")
    shop.open_pre_order("1003", total="5.00")
    alan = shop.storefront("1003")
    alan.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.00")
    alan.post("LoyaltyMoneyPage", agreement="true")
    return storefront


def ready_to_pay(shop: Shop) -> Storefront:
    """A card of the sandbox stands ready to be charged for 30.00, with 10.00 of credit."""
    shop.set("PAYMENT_GATEWAY", "sandbox")
    shop.open_pre_order()
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    storefront.post("PaymentOptionSelectionPage", payment_option="1")
    storefront.post("BinNumberPage", bin_number="411111")
    storefront.post("InstallmentSelectionPage", installment="1")
    return storefront


def while_paying(shop: Shop) -> Storefront:
    storefront = ready_to_pay(shop)
    storefront.post("BinNumberPage", bin_number=LOSES_REQUEST[:6])
    storefront.post("InstallmentSelectionPage", installment="1")
    storefront.post("CreditCardConfirmationPage", **(CARD_FORM | {"card_number": LOSES_REQUEST}))
    return storefront


def with_many_holds(shop: Shop) -> Storefront:
    storefront = ready_to_pay(shop)
    for number in range(8):
        body = {"amount": "1.00"}
        assert shop.staff("PUT", f"/accounts/1001/TRY/holds/h-{number}", body).status == 201
    return storefront


def card_for_an_ordered_basket(shop: Shop) -> Storefront:
    storefront = ready_to_pay(shop)
    shop.open_account("1001", "USD", "50.00", account_id="ada-usd")
    shop.open_pre_order(currency="USD", total="5.00")
    dollars = shop.storefront(currency="usd")
    dollars.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.00")
    dollars.post("LoyaltyMoneyPage", agreement="true")
    return storefront


def at_banks(shop: Shop) -> Storefront:
    bank = {"pk": 1, "bank_name": "Bank", "holder_name": "Shop", "iban": "TR33000610051978645784"}
    shop.set("BANK_ACCOUNTS", [bank])
    storefront = opened(shop)
    storefront.post("PaymentOptionSelectionPage", payment_option="3")
    return storefront


def poor(shop: Shop) -> Storefront:
    storefront = opened(shop)
    body = {"source": "ada", "target": "grace", "amount": "45.00"}
    assert shop.staff("PUT", "/transfers/poor", body).status == 201
    return storefront


CARD_FORM: Final = {
    "agreement": "1",
    "use_three_d": "1",
    "card_number": APPROVES,
    "card_holder": "Ada Lovelace",
    "card_month": "12",
    "card_year": "2040",
    "card_cvv": "123",
}
COMPLETING: Final = {
    "LoyaltyMoneyPage",
    "LoyaltyPaymentSelectedPage",
    "CreditCardConfirmationPage",
    "FundsTransferPage",
}
USAGE, COMPLETE = "LoyaltyMoneyUsagePage", "LoyaltyMoneyPage"
OPTION, BIN = "PaymentOptionSelectionPage", "BinNumberPage"
PLAN, CONFIRM = "InstallmentSelectionPage", "CreditCardConfirmationPage"

REFUSALS: Final[list[tuple[type[PageRefusal], Situation, str, dict[str, str]]]] = [
    (page_errors.LoyaltyDisabled, switched_off, USAGE, {"loyalty_amount_to_use": "10.00"}),
    (page_errors.LoyaltyDisabled, switched_off, USAGE, {"loyalty_amount_to_use": "0.00"}),
    (page_errors.LoyaltyDisabled, switched_off, COMPLETE, {"agreement": "true"}),
    *((page_errors.NoOpenCheckout, nothing_open, page, {"agreement": "true"}) for page in PAGES),
    *(
        (page_errors.NoOpenCheckout, completed, page, {"payment_option": "1"})
        for page in PAGES
        if page not in COMPLETING
    ),
    (page_errors.BasketCompleted, ordered_in_another_currency, COMPLETE, {"agreement": "true"}),
    (page_errors.BasketCompleted, ordered_by_somebody_else, COMPLETE, {"agreement": "true"}),
    *(
        (page_errors.UnknownPage, with_part, page, {})
        for page in (
            "AddressSelectionPage",
            "MasterpassBinNumberPage",
            "x",
            "",
            "%00",
            "loyaltymoneypage",
        )
    ),
    *(
        (page_errors.AmountOverTotal, with_part, USAGE, {"loyalty_amount_to_use": amount})
        for amount in ("40.01", "9999999999999")
    ),
    (page_errors.AmountOverCredit, poor, USAGE, {"loyalty_amount_to_use": "20.00"}),
    *(
        (page_errors.AmountMalformed, with_part, USAGE, {"loyalty_amount_to_use": amount})
        for amount in (
            "9" * 16,
            "1" + "0" * 30,
            "-1.00",
            "-0.01",
            "10.001",
            "ten",
            "1e1",
            "10,00",
            "NaN",
            "+5",
            "0x10",
            "٣",
            "\ud7ff",
            "10.00\n\n1",
            "",
        )
    ),
    *(
        (page_errors.AgreementMissing, covered, COMPLETE, {"agreement": agreement})
        for agreement in ("", "false", "no", "0", "yes", "True ", "agreed")
    ),
    *(
        (page_errors.UnpaidRemains, situation, page, {"agreement": "true"})
        for situation in (opened, with_part, at_card, ready_to_confirm)
        for page in ("LoyaltyMoneyPage", "LoyaltyPaymentSelectedPage")
    ),
    (page_errors.CreditChanged, shrunk, COMPLETE, {"agreement": "true"}),
    *(
        (page_errors.FullyCovered, covered, page, {"installment": "1"})
        for page in (BIN, PLAN, CONFIRM)
    ),
    *(
        (page_errors.OptionRefused, with_part, OPTION, {"payment_option": option})
        for option in ("9", "", "card", "-1", "1.0", "01")
    ),
    (page_errors.OptionRefused, covered, OPTION, {"payment_option": "1"}),
    (page_errors.OptionRefused, covered, OPTION, {"payment_option": "3"}),
    (page_errors.OptionRefused, switched_off, OPTION, {"payment_option": "2"}),
    *(
        (page_errors.OptionNotChosen, opened, page, {"bin_number": "545454"})
        for page in (BIN, PLAN, CONFIRM, "FundsTransferChoicePage", "FundsTransferPage")
    ),
    *(
        (page_errors.BinRefused, at_card, BIN, {"bin_number": number})
        for number in ("", "54545", "5454545", "545454545", "54545x", "٥٤٥٤٥٤", " 545454")
    ),
    (page_errors.BinMissing, at_card_without_number, PLAN, {"installment": "1"}),
    (page_errors.BinMissing, at_card_without_number, CONFIRM, {}),
    *(
        (page_errors.InstallmentRefused, at_card, PLAN, {"installment": plan})
        for plan in ("", "2", "x", "-1", "1.0")
    ),
    (page_errors.InstallmentRefused, at_card, CONFIRM, {}),
    (
        page_errors.PaymentNotOffered,
        ready_to_confirm,
        CONFIRM,
        {**CARD_FORM, "card_number": "5454545454545454"},
    ),
    (page_errors.AgreementMissing, ready_to_pay, CONFIRM, {**CARD_FORM, "agreement": ""}),
    *(
        (refusal, ready_to_pay, CONFIRM, {**CARD_FORM, field: value})
        for refusal, field, value in (
            (page_errors.CardNumberRefused, "card_number", "4111111111111112"),
            (page_errors.CardNumberRefused, "card_number", ""),
            (page_errors.CardChanged, "card_number", "5555555555554444"),
            (page_errors.CardHolderRefused, "card_holder", ""),
            (page_errors.CardMonthRefused, "card_month", "13"),
            (page_errors.CardYearRefused, "card_year", "2020"),
            (page_errors.CardCvvRefused, "card_cvv", "12"),
        )
    ),
    *(
        (page_errors.PaymentInProgress, while_paying, page, {"agreement": "1"})
        for page in PAGES
        if page != "IndexPage"
    ),
    (page_errors.PaymentInProgress, while_paying, "IndexPage", {}),
    (page_errors.CreditReserved, with_many_holds, CONFIRM, CARD_FORM),
    (page_errors.BasketCompleted, card_for_an_ordered_basket, CONFIRM, CARD_FORM),
    *(
        (page_errors.BankAccountRefused, at_banks, "FundsTransferChoicePage", {"bank_account": pk})
        for pk in ("", "9", "x", "-1", "1.0")
    ),
    (page_errors.BankAccountRefused, at_banks, "FundsTransferPage", {"agreement": "1"}),
]

ENDS_A_PAYMENT: Final = {page_errors.PaymentDeclined, page_errors.PaymentReturned}
"""They leave the checkout open again; what they show has tests of its own."""


def test_every_refusal_of_the_pages_is_shown_by_a_post() -> None:
    shown_here = {refusal for refusal, *_ in REFUSALS} | ENDS_A_PAYMENT
    # The form of a card is refused as a whole, with the refusals of its fields.
    of_forms = {page_errors.UnreadableForm, page_errors.CardRefused}
    assert shown_here | of_forms == set(leaves(PageRefusal))


@pytest.mark.parametrize(
    ("refusal", "situation", "page", "fields"),
    [
        pytest.param(*row, id=f"{row[0].code}-{row[1].__name__}-{row[2] or 'no_page'}-{number}")
        for number, row in enumerate(REFUSALS)
    ],
)
def test_a_refusal_of_a_page_is_200_with_errors_and_loses_nothing(
    shop: Shop,
    refusal: type[PageRefusal],
    situation: Situation,
    page: str,
    fields: dict[str, str],
) -> None:
    storefront = situation(shop)
    before, rows = storefront.show(), shop.snapshot()
    answer = storefront.post(page, **fields)
    assert list(answer["errors"]) == [refusal.field]
    [text] = answer["errors"][refusal.field]
    pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(refusal.fallback))
    assert re.fullmatch(pattern, text)
    if refusal is not page_errors.CreditChanged:
        assert shop.snapshot() == rows
        after = storefront.show()
        assert (
            after["pre_order"] == before["pre_order"] if "pre_order" in before else after == before
        )
    if "pre_order" in answer and refusal is not page_errors.CreditChanged:
        assert answer["pre_order"] == before["pre_order"]
    if "pre_order" in before and refusal is not page_errors.UnknownPage:
        assert "pre_order" in answer


def test_every_wrong_field_of_a_card_is_named_at_once(shop: Shop) -> None:
    answer = ready_to_pay(shop).post(CONFIRM, agreement="1")
    fields = {"card_number", "card_holder", "card_month", "card_cvv"}
    assert set(answer["errors"]) == fields
    assert all(len(texts) == 1 for texts in answer["errors"].values())


# --- paying the rest (decision 3) -----------------------------------------------------------------


def pay(storefront: Storefront, card: str) -> Json:
    storefront.post("BinNumberPage", bin_number=card[:6])
    storefront.post("InstallmentSelectionPage", installment="1")
    return storefront.post(CONFIRM, **(CARD_FORM | {"card_number": card}))


def test_decision_3_an_approved_card_ends_at_the_order(shop: Shop) -> None:
    storefront = ready_to_pay(shop)
    done = pay(storefront, APPROVES)
    [thanks] = done["context_list"]
    assert thanks["page_name"] == "ThankYouPage"
    order = storefront.get(thanks["page_context"]["redirect_url"]).json["order"]
    assert order["payment_option"] == {"name": "Credit Card", "payment_type": "credit_card"}
    assert (order["amount"], order["loyalty_money"]) == ("40.00", "10.00")
    assert shop.balance("1001") == "40.00"
    again = storefront.post(CONFIRM, **CARD_FORM)
    assert again["context_list"] == done["context_list"]


def test_the_plans_are_shown_with_their_new_prices_once_one_is_chosen_anew(shop: Shop) -> None:
    """After another amount the client posts a plan by itself, out of its list of old prices."""
    storefront = ready_to_confirm(shop)
    storefront.post(USAGE, loyalty_amount_to_use="15.00")
    answer = storefront.post("InstallmentSelectionPage", installment="1")
    [plan] = contexts(answer)["InstallmentSelectionPage"]["installments"]
    assert plan["price_with_accrued_interest"] == answer["pre_order"]["unpaid_amount"] == "25.00"


def test_decision_3_a_declined_card_brings_the_lists_back_and_another_card_pays(
    shop: Shop,
) -> None:
    storefront = ready_to_pay(shop)
    declined = pay(storefront, DECLINES)
    assert list(contexts(declined)) == ["PaymentOptionSelectionPage", "InstallmentSelectionPage"]
    assert declined["errors"] == {"non_field_errors": [page_errors.PaymentDeclined.fallback]}
    assert money(declined) == ("10.00", "30.00")
    assert shop.balance("1001") == "50.00"
    shown = storefront.show()
    assert shown["errors"] == declined["errors"]
    assert next(iter(contexts(shown))) == "IndexPage", "the whole checkout is shown"
    assert contexts(pay(storefront, APPROVES))["ThankYouPage"]


def test_decision_3_while_the_outcome_is_unknown_the_client_has_nothing_to_post(
    shop: Shop,
) -> None:
    storefront = while_paying(shop)
    for seen in (storefront.show(), storefront.post(CONFIRM, **CARD_FORM)):
        pages = contexts(seen)
        assert pages["PaymentOptionSelectionPage"]["payment_options"] == []
        assert pages["InstallmentSelectionPage"]["installments"] == []
        assert seen["errors"] == {"non_field_errors": [page_errors.PaymentInProgress.fallback]}
        assert money(seen) == ("10.00", "30.00")
    account = shop.staff("GET", "/accounts/1001/TRY").json
    assert (account["available"], account["held"]) == ("40.00", "10.00")


def test_decision_3_an_answer_that_was_lost_is_found_by_loading_the_page(shop: Shop) -> None:
    storefront = ready_to_pay(shop)
    lost = pay(storefront, LOSES_ANSWER)
    assert lost["errors"] == {"non_field_errors": [page_errors.PaymentInProgress.fallback]}
    assert contexts(storefront.show())["ThankYouPage"]["redirect_url"]
    assert shop.balance("1001") == "40.00"


def test_decision_3_funds_transfer_completes_with_the_rest_awaiting_payment(shop: Shop) -> None:
    storefront = at_banks(shop)
    storefront.post(USAGE, loyalty_amount_to_use="10.00")
    [page] = storefront.post("FundsTransferChoicePage", bank_account="1")["context_list"]
    [bank] = page["page_context"]["bank_accounts"]
    assert set(bank) == {"pk", "iban", "holder_name", "description", "sort_order", "bank"}
    done = storefront.post("FundsTransferPage", agreement="1")
    assert contexts(done)["ThankYouPage"]["redirect_url"]
    order = shop.staff("GET", "/orders/b1").json
    assert (order["payment_state"], order["payment_type"]) == ("awaiting_payment", "funds_transfer")
    assert (order["loyalty_money"], shop.balance("1001")) == ("10.00", "40.00")


def test_decision_10_the_texts_are_in_the_shoppers_language(shop: Shop) -> None:
    storefront = at_card(shop)
    said = {}
    for language in ("en-us", "tr-tr", "undefined"):
        headers = {**storefront.headers, "accept-language": language}
        form = b"loyalty_amount_to_use=41.00"
        headers["content-type"] = "application/x-www-form-urlencoded"
        reply = shop.send("POST", f"/orders/checkout/?page={USAGE}", form, headers=headers)
        [said[language]] = reply.json["errors"]["loyalty_amount_to_use"]
    assert said["en-us"] == said["undefined"] != said["tr-tr"]
    assert all("40.00 TRY" in text for text in said.values())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain;charset=UTF-8", b'{"loyalty_amount_to_use":"10.00"}'),
        ("application/xml", b"<a/>"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'"10.00"'),
        ("application/json", b"null"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"a":' * 100_000),
        ("application/json", json.dumps({"a": "x" * MAX_BODY_BYTES}).encode()),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * MAX_BODY_BYTES),
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_body_that_cannot_be_read_is_200_with_errors_too(
    shop: Shop, page: str, kind: str, body: bytes
) -> None:
    """The client sends anything but 200 four times, and its payment view sticks."""
    storefront = with_part(shop)
    before = shop.snapshot()
    headers = {**storefront.headers, "content-type": kind}
    reply = shop.send("POST", f"/orders/checkout/?page={page}", body, headers=headers)
    assert reply.status == 200
    assert list(reply.json["errors"]) == ["non_field_errors"]
    assert money(reply.json) == ("10.00", "30.00")
    assert shop.snapshot() == before


@pytest.mark.parametrize(
    "body",
    [
        {"loyalty_amount_to_use": 10},
        {"loyalty_amount_to_use": "10"},
        {"loyalty_amount_to_use": "10.0"},
        {"loyalty_amount_to_use": " 10.00 "},
        {"loyalty_amount_to_use": "10.000"},
        {"loyalty_amount_to_use": "10.00", "more": {"is": ["ignored"]}},
    ],
)
def test_amounts_that_are_exact_are_read_in_any_spelling(shop: Shop, body: Json) -> None:
    storefront = opened(shop)
    answer = storefront.post_json("LoyaltyMoneyUsagePage", body)
    assert (answer["errors"], money(answer)) == (None, ("10.00", "30.00"))


@pytest.mark.parametrize("value", [10.0, None, [], {}, True, [10], {"a": 1}])
def test_a_json_value_that_is_no_exact_amount_is_refused(shop: Shop, value: object) -> None:
    """A float may have been rounded before it came here."""
    storefront = opened(shop)
    answer = storefront.post_json("LoyaltyMoneyUsagePage", {"loyalty_amount_to_use": value})
    assert list(answer["errors"]) == ["loyalty_amount_to_use"]
    assert money(answer) == ("0.00", "40.00")


@pytest.mark.parametrize("agreement", [True, "true", "1", "on", 1])
def test_an_agreement_is_read_in_each_of_its_spellings(shop: Shop, agreement: object) -> None:
    """Decision 14."""
    storefront = covered(shop)
    answer = storefront.post_json("LoyaltyMoneyPage", {"agreement": agreement})
    assert list(contexts(answer)) == ["ThankYouPage"]


@pytest.mark.parametrize("agreement", [False, None, 0, 2, "", [], [True], {"a": 1}, 1.0])
def test_anything_else_is_no_agreement(shop: Shop, agreement: object) -> None:
    storefront = covered(shop)
    answer = storefront.post_json("LoyaltyMoneyPage", {"agreement": agreement})
    assert list(answer["errors"]) == ["agreement"]
    assert shop.balance("1001") == "50.00"


def test_the_first_of_a_repeated_field_never_hides_the_last(shop: Shop) -> None:
    storefront = opened(shop)
    headers = {**storefront.headers, "content-type": "application/x-www-form-urlencoded"}
    path = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
    body = b"loyalty_amount_to_use=1.00&loyalty_amount_to_use=10.00"
    assert money(shop.send("POST", path, body, headers=headers).json) == ("10.00", "30.00")


# --- who, and in which currency -------------------------------------------------------------


def test_a_guest_is_shown_the_view_that_asks_to_log_in(shop: Shop) -> None:
    reply = shop.send("GET", "/orders/checkout/")
    assert reply.status == 200
    assert reply.json["template_name"] == "orders/index.html"
    assert contexts(reply.json)["IndexPage"]["is_user_logged_in"] is False
    assert "pre_order" not in reply.json
    assert shop.asked == []


@pytest.mark.parametrize("page", [*PAGES, "IndexPage", "x"])
def test_a_guest_who_asks_for_a_page_is_not_signed_in(shop: Shop, page: str) -> None:
    assert shop.send("POST", f"/orders/checkout/?page={page}", b"").status == 401
    if page != "IndexPage":
        assert shop.send("GET", f"/orders/checkout/?page={page}").status in {200, 401}
    assert shop.send("GET", "/orders/checkout/?page=LoyaltyMoneyUsagePage").status == 401
    assert shop.asked == []


@pytest.mark.parametrize("currency", ["undefined", "", "xxx", "t", "dem", "try", "TRY", "Try"])
def test_a_currency_that_is_missing_or_unknown_is_the_channels_default(
    shop: Shop, currency: str
) -> None:
    """Decision 13: a client without its cookie sends the word `undefined`."""
    shop.open_pre_order()
    storefront = shop.storefront(currency=currency)
    assert storefront.show()["pre_order"]["total_amount"] == "40.00"
    page = contexts(storefront.show("LoyaltyMoneyUsagePage"))["LoyaltyMoneyUsagePage"]
    assert page == {"balance": "50.00"}
    assert (
        money(storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00"))[0] == "1.00"
    )
    assert storefront.get("/account/loyalty-account-balance/").json == {"balance": 50.0}
    assert storefront.get("/account/loyalty/").json["count"] == 1


def test_the_default_currency_is_the_one_that_is_set(shop: Shop) -> None:
    shop.set("DEFAULT_CURRENCY", "USD")
    storefront = shop.storefront("1002", currency="undefined")
    assert storefront.get("/account/loyalty-account-balance/").json == {"balance": 20.0}


def test_another_currency_is_another_checkout(shop: Shop) -> None:
    shop.open_pre_order()
    dollars = shop.storefront(currency="usd")
    assert dollars.show()["redirect_url"] == "/baskets/basket/"
    answer = dollars.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00")
    assert answer["errors"]["non_field_errors"] == [page_errors.NoOpenCheckout.fallback]


def test_shoppers_of_one_user_pk_in_two_channels_never_meet(shop: Shop) -> None:
    shop.open_pre_order()
    bob = shop.storefront("1001", channel="other")
    assert bob.show()["redirect_url"] == "/baskets/basket/"
    assert bob.get("/account/loyalty-account-balance/").json == {"balance": 70.0}


def revoke(shop: Shop, user_pk: str = "1001") -> None:
    """End a shopper's sessions as of now; the sessions of these tests began before."""
    later = datetime.datetime.now(datetime.UTC).isoformat()
    assert shop.staff("PUT", f"/users/{user_pk}/sessions", {"valid_from": later}).status == 200


def test_a_revoked_session_neither_reads_nor_moves_anything(shop: Shop) -> None:
    storefront = covered(shop)
    url = contexts(storefront.post("LoyaltyMoneyPage", agreement="true"))["ThankYouPage"]
    shop.open_pre_order(reference="b2", total="5.00")
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.00")
    revoke(shop)
    before = shop.snapshot()
    answers = {
        "show": storefront.get("/orders/checkout/").status,
        "balance": storefront.get("/orders/checkout/?page=LoyaltyMoneyUsagePage").status,
        "number": storefront.get("/account/loyalty-account-balance/").status,
        "order": storefront.get(url["redirect_url"]).status,
    }
    headers = {**storefront.headers, "content-type": "application/x-www-form-urlencoded"}
    for page in (*PAGES, "x"):
        body = b"agreement=true&loyalty_amount_to_use=1.00&payment_option=1"
        path = f"/orders/checkout/?page={page}"
        answers[page] = shop.send("POST", path, body, headers=headers).status
    assert answers == dict.fromkeys(answers, 401)
    assert shop.snapshot() == before


def test_a_revoked_session_reads_no_history(shop: Shop) -> None:
    storefront = shop.storefront()
    revoke(shop)
    assert storefront.get("/account/loyalty/").status == 401


def test_a_session_opened_after_the_revocation_is_good(shop: Shop) -> None:
    revoke(shop)
    session = shop.staff("POST", "/sessions", {"user_pk": "1001"}).json["session"]
    cookie = {"Cookie": f"osessionid={session}"}
    assert shop.send("GET", "/account/loyalty-account-balance", headers=cookie).status == 200


@pytest.mark.parametrize(("user_pk", "channel"), [("nobody", "demo"), ("1001", "nowhere")])
def test_a_session_of_nobody_reads_nothing(shop: Shop, user_pk: str, channel: str) -> None:
    storefront = shop.storefront(user_pk, channel=channel)
    for path in (
        "/orders/checkout/",
        "/orders/checkout/?page=LoyaltyMoneyUsagePage",
        "/account/loyalty-account-balance/",
    ):
        assert storefront.get(path).status == 401


def test_an_order_token_opens_nothing_for_another_shopper(shop: Shop) -> None:
    storefront = covered(shop)
    page = contexts(storefront.post("LoyaltyMoneyPage", agreement="true"))["ThankYouPage"]
    url = page["redirect_url"]
    assert storefront.get(url).status == 200
    for other in (shop.storefront("1002"), shop.storefront("1001", channel="other")):
        refused = other.get(url)
        assert (refused.status, refused.json["code"]) == (404, "unknown_order")
    assert shop.send("GET", url).status == 401


def test_an_order_token_is_read_encoded_and_decoded_and_never_altered(shop: Shop) -> None:
    storefront = covered(shop)
    page = contexts(storefront.post("LoyaltyMoneyPage", agreement="true"))["ThankYouPage"]
    token = page["redirect_url"].split("/")[3]
    encoded = "".join(f"%{ord(letter):02X}" for letter in token)
    assert storefront.get(f"/orders/completed/{encoded}/").status == 200
    for altered in (token[:-1], token + "0", token.upper(), token[::-1], "x", "%00", "1_k1__"):
        assert storefront.get(f"/orders/completed/{altered}/").status == 404


# --- decisions ------------------------------------------------------------------------------


def test_decision_1_the_two_completing_pages_are_one(shop: Shop) -> None:
    answers = []
    for reference, page in (("b1", "LoyaltyMoneyPage"), ("b2", "LoyaltyPaymentSelectedPage")):
        shop.open_pre_order(total="10.00", reference=reference)
        storefront = shop.storefront()
        refused = storefront.post(page, agreement="true")
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
        missing = storefront.post(page)
        done = storefront.post(page, agreement="true")
        assert list(contexts(done)) == ["ThankYouPage"]
        answers.append((refused, missing, done["pre_order"]))
    assert answers[0] == answers[1]


def test_decision_7_debit_pays_the_whole_order_and_never_a_part(shop: Shop) -> None:
    shop.open_account("1003", "TRY", "5.00", account_id="alan", debit=True)
    shop.open_pre_order("1003", total="40.00")
    alan = shop.storefront("1003")
    part = alan.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.01")
    assert list(part["errors"]) == ["loyalty_amount_to_use"]
    whole = alan.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    assert money(whole) == ("40.00", "0.00")
    alan.post("LoyaltyMoneyPage", agreement="true")
    assert shop.balance("1003") == "-35.00"
    page = contexts(alan.show("LoyaltyMoneyUsagePage"))["LoyaltyMoneyUsagePage"]
    assert page == {"balance": "-35.00"}
    assert alan.get("/account/loyalty-account-balance/").json == {"balance": -35.0}


def test_decision_8_credit_that_shrank_is_reset_and_completes_nothing(shop: Shop) -> None:
    storefront = shrunk(shop)
    answer = storefront.post("LoyaltyMoneyPage", agreement="true")
    assert answer["errors"] == {"non_field_errors": [page_errors.CreditChanged.fallback]}
    assert money(answer) == money(storefront.show()) == ("0.00", "40.00")
    assert shop.balance("1001") == "39.99"
    assert shop.staff("GET", "/orders/b1").status == 404
    options = contexts(answer)["PaymentOptionSelectionPage"]
    assert shown(CARD) in options["payment_options"]
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="39.99")
    assert money(storefront.show()) == ("39.99", "0.01")


def test_decision_11_off_means_no_credit_anywhere_at_checkout(shop: Shop) -> None:
    storefront = covered(shop)
    storefront.post("PaymentOptionSelectionPage", payment_option="2")
    shop.set("LOYALTY_MONEY_ENABLED", value=False)
    for answer in (
        storefront.show("LoyaltyMoneyUsagePage"),
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00"),
        storefront.post("LoyaltyMoneyPage", agreement="true"),
    ):
        assert answer["errors"] == {"non_field_errors": [page_errors.LoyaltyDisabled.fallback]}
    state = storefront.show()
    options = contexts(state)["PaymentOptionSelectionPage"]
    every = options["payment_options"] + options["unavailable_options"]
    assert [option["payment_type"] for option in every] == ["credit_card", "funds_transfer"]
    assert (money(state), state["pre_order"]["payment_option"]) == (("0.00", "40.00"), None)
    assert shop.balance("1001") == "50.00"


def test_decision_11_off_leaves_history_and_balance_to_the_shopper(shop: Shop) -> None:
    storefront = covered(shop)
    done = storefront.post("LoyaltyMoneyPage", agreement="true")
    shop.set("LOYALTY_MONEY_ENABLED", value=False)
    assert storefront.get("/account/loyalty-account-balance/").json == {"balance": 10.0}
    assert storefront.get("/account/loyalty/").json["count"] == 2
    url = contexts(done)["ThankYouPage"]["redirect_url"]
    assert storefront.get(url).json["order"]["loyalty_money"] == "40.00"


def test_decision_12_without_an_account_there_is_nothing_to_pay_with(shop: Shop) -> None:
    shop.open_pre_order("1003")
    alan = shop.storefront("1003")
    page = contexts(alan.show("LoyaltyMoneyUsagePage"))["LoyaltyMoneyUsagePage"]
    assert page == {"balance": "0.00"}
    options = contexts(alan.show())["PaymentOptionSelectionPage"]
    every = options["payment_options"] + options["unavailable_options"]
    assert shown(CREDIT) not in every
    refused = alan.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="0.01")
    assert list(refused["errors"]) == ["loyalty_amount_to_use"]
    cleared = alan.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="0.00")
    assert cleared["errors"] is None
    assert alan.get("/account/loyalty-account-balance/").json == {"balance": 0.0}
    assert alan.get("/account/loyalty/").json == {
        "count": 0,
        "next": None,
        "previous": None,
        "results": [],
    }


def test_decision_18_interest_counts_on_what_is_unpaid(shop: Shop) -> None:
    plan = {"pk": 3, "label": "Three", "installment_count": 3, "interest_rate": 1000}
    shop.set("INSTALLMENTS", [plan])
    storefront = with_part(shop)
    offered = storefront.post("BinNumberPage", bin_number="41111111")
    page = contexts(offered)["InstallmentSelectionPage"]
    assert page["card_type"]["slug"] == "visa"
    assert page["installments"] == [
        {
            "pk": 3,
            "label": "Three",
            "installment_count": 3,
            "monthly_price_with_accrued_interest": "11.00",
            "price_with_accrued_interest": "33.00",
        }
    ]
    assert offered["pre_order"]["total_amount_with_interest"] == "40.00"
    chosen = storefront.post("InstallmentSelectionPage", installment="3")["pre_order"]
    assert chosen["total_amount_with_interest"] == "43.00"
    assert (chosen["total_amount"], chosen["unpaid_amount"]) == ("40.00", "30.00")


def test_a_changed_amount_or_option_resets_the_instalment(shop: Shop) -> None:
    storefront = ready_to_confirm(shop)
    changed = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00")
    assert changed["pre_order"]["installment"] is None
    storefront.post("InstallmentSelectionPage", installment="1")
    other = storefront.post("PaymentOptionSelectionPage", payment_option="3")
    assert other["pre_order"]["installment"] is None
    back = storefront.post("PaymentOptionSelectionPage", payment_option="1")
    assert contexts(back) == {"BinNumberPage": {}}


# --- the checkout as it loads, and the account pages ----------------------------------------


def test_the_checkout_loads_with_every_field_that_the_client_reads(shop: Shop) -> None:
    """Protocol 2.3 and 2.5."""
    address = {"pk": 5, "line": "Some street 1"}
    shop.open_pre_order(
        total="40.00",
        shipping_amount="10.00",
        basket=BASKET,
        delivery_option={"pk": 1, "delivery_option_type": "customer"},
        shipping_option={"pk": 2, "name": "Post"},
        shipping_address=address,
        billing_address=address,
    )
    loaded = shop.storefront().show()
    assert loaded["errors"] == []
    assert loaded["template_name"] == "orders/checkout.html"
    pages = contexts(loaded)
    assert list(pages) == [
        "IndexPage",
        "DeliveryOptionSelectionPage",
        "AddressSelectionPage",
        "ShippingOptionSelectionPage",
        "PaymentOptionSelectionPage",
    ]
    assert pages["IndexPage"] == {
        "is_user_logged_in": True,
        "can_guest_purchase": False,
        "has_gift_box": False,
    }
    assert pages["PaymentOptionSelectionPage"] == {
        "checkout_url": None,
        "status_url": None,
        "payment_options": [shown(CARD), shown(CREDIT), shown(FUNDS)],
        "unavailable_options": [],
    }
    pre_order = loaded["pre_order"]
    assert {name: pre_order[name] for name in pre_order if name.endswith("amount")} == {
        "shipping_amount": "10.00",
        "total_amount": "40.00",
        "unpaid_amount": "40.00",
    }
    assert pre_order["total_amount_with_interest"] == "40.00"
    assert pre_order["currency_type_label"] == "TL"
    assert pre_order["basket"]["basketitem_set"] == BASKET["basketitem_set"]
    assert {name for name, value in pre_order.items() if value is None} == {
        "retail_store",
        "payment_option",
        "installment",
        "notifications",
        "redirect_to_three_d",
    }
    assert not pre_order.get("is_redirected")


def test_a_list_is_shown_only_where_the_checkout_has_its_choice(shop: Shop) -> None:
    """A list without its choice makes the client choose by itself, on pages that are not ours."""
    address = {"pk": 5, "line": "Some street 1"}
    delivery = {"pk": 1, "delivery_option_type": "customer"}
    shop.open_pre_order(shipping_address=address, delivery_option=delivery)
    pages = contexts(shop.storefront().show())
    assert list(pages) == ["IndexPage", "DeliveryOptionSelectionPage", "PaymentOptionSelectionPage"]
    shop.open_pre_order(billing_address=address, shipping_option={"pk": 2})
    pages = contexts(shop.storefront().show())
    assert list(pages) == ["IndexPage", "ShippingOptionSelectionPage", "PaymentOptionSelectionPage"]
    shop.open_pre_order(billing_address=address, shipping_address={**address, "pk": 6})
    listed = contexts(shop.storefront().show())["AddressSelectionPage"]["addresses"]
    assert [one["pk"] for one in listed] == [6, 5]


@pytest.mark.parametrize(
    ("option", "page"),
    [("1", "BinNumberPage"), ("2", "LoyaltyPaymentSelectedPage"), ("3", "FundsTransferChoicePage")],
)
def test_a_chosen_option_leads_to_its_page_and_the_checkout_loads_there(
    shop: Shop, option: str, page: str
) -> None:
    storefront = opened(shop)
    assert list(contexts(storefront.post("PaymentOptionSelectionPage", payment_option=option))) == [
        page
    ]
    assert list(contexts(storefront.show()))[-1] == page


@pytest.mark.parametrize("page", ["IndexPage", "PaymentOptionSelectionPage", "BinNumberPage"])
def test_looking_at_any_page_changes_nothing(shop: Shop, page: str) -> None:
    storefront = with_part(shop)
    before = shop.snapshot()
    assert storefront.show(page)["pre_order"] == storefront.show()["pre_order"]
    assert shop.snapshot() == before


def test_the_balance_is_a_json_number(shop: Shop) -> None:
    text = shop.storefront().get("/account/loyalty-account-balance/").text
    assert re.fullmatch(r'\{"balance":\s*50(\.0+)?\}', text)


def test_the_history_is_newest_first_and_pages_like_the_guides(shop: Shop) -> None:
    storefront = covered(shop)
    storefront.post("LoyaltyMoneyPage", agreement="true")
    body = {"source": "treasury", "target": "ada", "amount": "25.00"}
    shop.staff("PUT", "/transfers/t1", body)
    history = storefront.get("/account/loyalty/").json
    assert (history["count"], history["next"], history["previous"]) == (3, None, None)
    amounts = [(item["amount"], item["transaction"]["order"]) for item in history["results"]]
    assert amounts == [("25.00", None), ("-40.00", "b1"), ("50.00", None)]
    for item in history["results"]:
        assert item["currency"] == {"value": "try", "label": "TL"}
        assert item["created_date"] == item["transaction"]["created_date"]
    seen: list[Any] = []
    following = "/account/loyalty/?limit=1"
    while following:
        page = storefront.get(following).json
        assert page["count"] == 3
        seen += page["results"]
        following = page["next"]
    assert seen == history["results"]


def test_the_history_of_a_currency_holds_that_currency_alone(shop: Shop) -> None:
    results = shop.storefront("1002", currency="usd").get("/account/loyalty/").json["results"]
    assert [item["amount"] for item in results] == ["20.00"]
    assert results[0]["currency"] == {"value": "usd", "label": "USD"}


def test_a_cursor_of_the_history_is_good_for_its_shopper_and_currency_alone(shop: Shop) -> None:
    for number in range(3):
        body = {"source": "treasury", "target": "ada", "amount": f"{number + 1}.00"}
        shop.staff("PUT", f"/transfers/t{number}", body)
    storefront = shop.storefront()
    following = storefront.get("/account/loyalty/?limit=1").json["next"]
    assert storefront.get(following).status == 200
    for other in (
        shop.storefront("1002"),
        shop.storefront(currency="usd"),
        shop.storefront("1001", channel="other"),
    ):
        refused = other.get(following)
        assert (refused.status, refused.json["code"]) == (400, "invalid_cursor")
    refused = storefront.get(following[:-1] + "x")
    assert (refused.status, refused.json["code"]) == (400, "invalid_cursor")

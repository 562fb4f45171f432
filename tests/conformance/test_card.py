"""What credit leaves open, paid by card on the sandbox gateway or awaited as a funds transfer."""

from collections.abc import Mapping

import pytest

from chalicelib.outside.sandbox import ANSWERS_TWICE, APPROVES, DECLINES, LOSES_ANSWER
from tests.conformance.browser import Step, Storefront, Tab, hold
from tests.conformance.conftest import Visit
from tests.conformance.shop import BANK, CREDIT, FUNDS, Shop, Shopper

pytestmark = pytest.mark.proof

PAYMENT = "PaymentOptionSelectionPage"
INSTALLMENT = "InstallmentSelectionPage"
PLANS = (
    {"pk": 1, "label": "Single payment", "installment_count": 1},
    {"pk": 2, "label": "3 instalments", "installment_count": 3, "interest_rate": 150},
)


def card(number: str, **other: str) -> Mapping[str, str]:
    form = {"card_holder": "Ada", "card_month": "12", "card_year": "2040", "card_cvv": "123"}
    return form | {"card_number": number} | other


def at_the_card(
    shop: Shop, visit: Visit, number: str, credit: str | None = "20.00"
) -> tuple[Shopper, Tab]:
    """Come to the confirmation of a card, with a part paid by credit unless it is None."""
    shop.set("PAYMENT_GATEWAY", "sandbox")
    shop.set("INSTALLMENTS", [*PLANS])
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = visit(ada)
    tab.call("fetchCheckout", None, PAYMENT)
    if credit is not None:
        tab.call("payWithLoyaltyBalance", credit)
    tab.call("setBinNumber", number[:6], INSTALLMENT)
    return ada, tab


def order_of(step: Step) -> int:
    [thanks] = step.data["context_list"]
    return int(thanks["page_context"]["order_id"])


# --- by card -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [APPROVES, ANSWERS_TWICE])
@pytest.mark.parametrize(("credit", "left"), [("20.00", "80.00"), (None, "100.00")])
def test_a_card_pays_the_rest(
    shop: Shop, visit: Visit, number: str, credit: str | None, left: str
) -> None:
    ada, tab = at_the_card(shop, visit, number, credit)
    done = tab.call("completeCreditCardPayment", card(number))
    assert done.asked[0].form == {"agreement": "1", "use_three_d": "1", **card(number)}
    assert "/orders/completed/" in done.gone[0]
    assert shop.balance(ada) == left
    [order] = shop.orders(ada)
    assert order["loyalty_money"] == (credit or "0.00")


def test_the_chosen_plan_is_charged_with_its_interest(shop: Shop, visit: Visit) -> None:
    _, tab = at_the_card(shop, visit, APPROVES)
    chosen = tab.call("setInstallmentOption", 2)
    assert chosen.pre_order["installment"]["pk"] == 2
    assert chosen.pre_order["total_amount_with_interest"] == "63.63"
    assert tab.call("completeCreditCardPayment", card(APPROVES)).gone


def test_a_declined_card_is_told_and_another_one_pays(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_card(shop, visit, DECLINES)
    declined = tab.call("completeCreditCardPayment", card(DECLINES))
    assert [*declined.errors] == ["non_field_errors"]
    assert (declined.gone, declined.money) == ((), ("20.00", "42.99"))
    assert shop.balance(ada) == "100.00"
    another = visit(ada)
    assert [*another.call("fetchCheckout").errors] == ["non_field_errors"]
    tab.call("setBinNumber", APPROVES[:6], INSTALLMENT)
    assert tab.call("completeCreditCardPayment", card(APPROVES)).gone
    assert shop.balance(ada) == "80.00"


WRONG = (
    ({"card_number": "4111111111111112"}, "card_number"),
    ({"card_number": DECLINES}, "card_number"),
    ({"card_holder": ""}, "card_holder"),
    ({"card_month": "13"}, "card_month"),
    ({"card_year": "2020"}, "card_year"),
    ({"card_cvv": "1"}, "card_cvv"),
)


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_a_wrong_card_is_told_at_its_field(
    shop: Shop, visit: Visit, wrong: dict[str, str], field: str
) -> None:
    _, tab = at_the_card(shop, visit, APPROVES)
    refused = tab.call("completeCreditCardPayment", {**card(APPROVES), **wrong})
    assert [*refused.errors] == [field]
    assert all(isinstance(text, str) for text in refused.errors[field])
    # The view joins the sentences of a field.
    assert refused.data["errors"] == refused.errors
    assert tab.call("completeCreditCardPayment", card(APPROVES)).gone


def test_an_answer_that_was_lost_is_asked_for_again(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_card(shop, visit, LOSES_ANSWER)
    unknown = tab.call("completeCreditCardPayment", card(LOSES_ANSWER))
    assert [*unknown.errors] == ["non_field_errors"]
    assert (unknown.gone, unknown.shown) == ((), ())
    done = tab.call("completeCreditCardPayment", card(LOSES_ANSWER))
    assert done.gone
    assert (shop.balance(ada), len(shop.orders(ada))) == ("80.00", 1)


def test_a_payment_that_was_unknown_is_thanked_for_when_the_checkout_is_loaded(
    shop: Shop, visit: Visit
) -> None:
    ada, tab = at_the_card(shop, visit, LOSES_ANSWER)
    tab.call("completeCreditCardPayment", card(LOSES_ANSWER))
    assert "/orders/completed/" in tab.call("fetchCheckout").gone[0]
    assert len(shop.orders(ada)) == 1


def test_a_confirmed_payment_may_be_repeated(
    storefront: Storefront, shop: Shop, visit: Visit
) -> None:
    ada, first = at_the_card(shop, visit, APPROVES)
    second = visit(ada)
    second.call("fetchCheckout")
    calls = [(tab, "completeCreditCardPayment", card(APPROVES)) for tab in (first, second)]
    for step in storefront.call_all(*calls):
        hold(step)
    again = [tab.call("completeCreditCardPayment", card(APPROVES)) for tab in (first, second)]
    assert order_of(again[0]) == order_of(again[1])
    assert (shop.balance(ada), len(shop.orders(ada))) == ("80.00", 1)


def test_a_price_that_changed_is_chosen_anew_before_it_is_charged(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_card(shop, visit, APPROVES)
    shop.set("INSTALLMENTS", [{**PLANS[0], "interest_rate": 500}, PLANS[1]])
    refused = tab.call("completeCreditCardPayment", card(APPROVES), INSTALLMENT)
    assert [*refused.errors] == ["installment"]
    assert refused.pre_order["total_amount_with_interest"] == "65.14"
    assert shop.orders(ada) == []
    assert tab.call("completeCreditCardPayment", card(APPROVES)).gone


def test_credit_that_shrank_is_met_before_the_card_is_charged(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_card(shop, visit, APPROVES)
    shop.take(ada, "90.00")
    refused = tab.call("completeCreditCardPayment", card(APPROVES), INSTALLMENT)
    assert [*refused.errors] == ["non_field_errors"]
    assert refused.money == ("0.00", "62.99")
    assert shop.orders(ada) == []


def test_without_a_gateway_a_card_is_not_charged(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_card(shop, visit, APPROVES)
    shop.set("PAYMENT_GATEWAY", "none")
    refused = tab.call("completeCreditCardPayment", card(APPROVES))
    assert [*refused.errors] == ["non_field_errors"]
    assert (shop.orders(ada), refused.gone) == ([], ())


# --- by funds transfer -------------------------------------------------------------------------


def at_the_banks(shop: Shop, visit: Visit) -> tuple[Shopper, Tab]:
    shop.set("BANK_ACCOUNTS", [BANK])
    ada = shop.shopper("100.00")
    shop.open_pre_order(ada)
    tab = visit(ada)
    tab.call("fetchCheckout", None, PAYMENT)
    tab.call("payWithLoyaltyBalance", "20.00")
    chosen = tab.call("setPaymentOption", FUNDS)
    assert [bank["pk"] for bank in chosen.checkout["bankAccounts"]] == [BANK["pk"]]
    return ada, tab


def test_a_funds_transfer_completes_and_awaits_the_rest(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_banks(shop, visit)
    chosen = tab.call("setFundsTransferOption", BANK["pk"])
    assert chosen.checkout["selectedBankAccountPk"] == BANK["pk"]
    done = tab.call("completeFundsTransfer")
    assert done.asked[0].form == {"agreement": "1"}
    assert "/orders/completed/" in done.gone[0]
    assert order_of(tab.call("completeFundsTransfer")) == order_of(done)
    assert shop.balance(ada) == "80.00"
    [order] = shop.orders(ada)
    assert order["payment_state"] == "awaiting_payment"


def test_a_funds_transfer_needs_one_of_the_banks(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_banks(shop, visit)
    assert [*tab.call("completeFundsTransfer").errors] == ["bank_account"]
    assert [*tab.call("setFundsTransferOption", 9).errors] == ["bank_account"]
    assert shop.orders(ada) == []
    assert tab.call("setFundsTransferOption", BANK["pk"]).errors is not None
    assert tab.call("completeFundsTransfer").gone


def test_credit_that_covers_all_needs_no_funds_transfer(shop: Shop, visit: Visit) -> None:
    ada, tab = at_the_banks(shop, visit)
    tab.call("payWithLoyaltyBalance", "62.99")
    assert [*tab.call("completeFundsTransfer").errors] == ["non_field_errors"]
    tab.call("setPaymentOption", CREDIT)
    assert tab.call("completeLoyaltyPayment").gone
    assert shop.balance(ada) == "37.01"

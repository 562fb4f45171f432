"""Paying by card and by funds transfer, clicked through in a real browser."""

import re

import pytest

from chalicelib.outside import sandbox
from chalicelib.routes import demo
from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.demo.shopper import (
    BASKET,
    CARD,
    CHECKOUT,
    FUNDS,
    THANKS,
    accept,
    ask_as_staff,
    choose,
    fill_basket,
    new_shopper,
    sign_in,
    use_credit,
    visiting,
)
from tests.house.service import Service

FIELDS = ("card-number", "card-holder", "card-month", "card-year", "card-cvv")


def begin(page: Page, email: str, total: str = "40.00") -> None:
    """Arrive at the card's form."""
    sign_in(page, email)
    fill_basket(page, total)
    choose(page, CARD)


def pay(page: Page, card: str) -> None:
    """Pay with one of the test cards on the page."""
    page.click("#test-cards button", re.sub(r"(.{4})(?=.)", r"\1 ", card))
    page.wait_for("#plans")
    if not page.ask("document.querySelector('#card [name=agreement]').checked"):
        accept(page, "#card")
    page.click("#card button", "Pay")


def balance_of(service: Service, email: str) -> str:
    account = ask_as_staff(service, "GET", f"/accounts/{email.partition('@')[0]}/TRY")
    return str(account["balance"])


def test_the_page_shows_the_test_cards_of_the_sandbox() -> None:
    script = (demo.FILES / "demo.js").read_text()
    shown = {card.replace(" ", "") for card in re.findall(r"'((?:\d{4} ?){4})'", script)}
    assert shown == sandbox.TEST_CARDS.keys()


@pytest.mark.parametrize("card", [sandbox.APPROVES, sandbox.ANSWERS_TWICE])
def test_a_card_pays_what_credit_leaves_open(
    browser: Chromium, service: Service, card: str
) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        begin(page, email)
        use_credit(page, "10.00")
        page.wait_for("#sum-unpaid", "30.00")
        pay(page, card)
        page.wait_for(THANKS)
        assert "10.00" in page.text("#order-credit")
        assert page.text("#order-payment") == "Credit Card"
        assert "40.00" in page.text("#credit-left")
    assert balance_of(service, email) == "40.00"


def test_a_declined_card_is_told_and_another_one_pays(browser: Chromium, service: Service) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        begin(page, email)
        use_credit(page, "10.00")
        page.wait_for("#sum-unpaid", "30.00")
        pay(page, sandbox.DECLINES)
        page.wait_for("#notice", "declined")
        assert page.ask("document.querySelector('#notice').getBoundingClientRect().top >= 0")
        assert page.sees(CHECKOUT)
        assert "10.00" in page.text("#credit-used")
        pay(page, sandbox.APPROVES)
        page.wait_for(THANKS)
    assert balance_of(service, email) == "40.00"


def test_a_payment_whose_answer_is_lost_is_checked_until_it_is_known(
    browser: Chromium, service: Service
) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        begin(page, email)
        use_credit(page, "10.00")
        page.wait_for("#sum-unpaid", "30.00")
        pay(page, sandbox.LOSES_ANSWER)
        # Where the schedule's look of each minute comes first, nothing is left to check out.
        page.wait_for(f"{THANKS}, {BASKET}")
    assert balance_of(service, email) == "40.00"


def test_a_payment_that_is_being_checked_may_be_left_and_come_back_to(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service, failing=["409"]) as page:
        begin(page, new_shopper(service))
        pay(page, sandbox.LOSES_REQUEST)
        page.wait_for("#panel-checking")
        assert not page.sees("[role=tab]")
        assert not page.sees("#credit")
        page.wait_for("#checking", "being checked")
        page.click("#check")
        page.reload()
        page.wait_for("#checking", "being checked")
        page.click("button", "Change the basket")
        page.click("#basket button")
        page.wait_for("#notice", "being checked")


def test_instalments_cost_interest_and_the_page_says_how_much(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        begin(page, new_shopper(service), "100.00")
        page.fill("#card-number", "411111")
        page.wait_for("#plans")
        assert page.text("#card-type") == "Visa"
        page.click("#plan-list label", "3 instalments")
        page.wait_for("#row-interest", "1.50")
        assert "101.50" in page.text("#sum-unpaid")
        assert "101.50" in page.text("#card [data-pay]")
        use_credit(page, "50.00")
        page.wait_for("#sum-unpaid", "50.00")
        page.wait_for("#plan-list", "50.75")


def test_every_wrong_field_of_a_card_is_told_at_once(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        begin(page, new_shopper(service))
        page.fill("#card-number", "4111 1111 1111 1112")
        page.wait_for("#plans")
        accept(page, "#card")
        page.click("#card button", "Pay")
        page.wait_for("#card-cvv-error")
        wrong = page.ask("[...document.querySelectorAll('#card [aria-invalid]')].map((e) => e.id)")
        assert wrong == [*FIELDS[:3], "card-cvv"]
        assert page.focused() == "card-number"
        page.click("#test-cards button", "is approved")
        page.tab.locator("#card [aria-invalid]").first.wait_for(state="detached")


def test_it_posts_the_forms_of_the_storefront_client_and_what_that_posts_by_itself(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service))
        page.posts.clear()
        fill_basket(page)
        use_credit(page, "10.00")
        page.wait_for("#sum-unpaid", "30.00")
        pay(page, sandbox.APPROVES)
        page.wait_for(THANKS)
    basket, *posts = page.posts
    assert (basket.path, basket.body) == ("/demo/checkout/", "total=40.00")
    year = posts[-1].body.partition("card_year=")[2][:4]
    card = (
        f"card_number=4111111111111111&card_holder=Ada+Lovelace&card_month=12&card_year={year}"
        "&card_cvv=123&agreement=1&use_three_d=1"
    )
    assert [(post.path.removeprefix("/orders/checkout/?page="), post.body) for post in posts] == [
        ("PaymentOptionSelectionPage", "payment_option=1"),
        ("LoyaltyMoneyUsagePage", "loyalty_amount_to_use=10.00"),
        ("BinNumberPage", "bin_number=411111"),
        ("InstallmentSelectionPage", "installment=1"),
        ("CreditCardConfirmationPage", card),
    ]
    kinds = {post.media_type for post in page.posts}
    assert kinds == {"application/x-www-form-urlencoded;charset=UTF-8"}


def test_a_card_number_is_grouped_as_it_is_typed(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        begin(page, new_shopper(service))
        page.fill("#card-number", "5555-5555x55554444")
        value = page.ask("document.querySelector('#card-number').value")
        assert value == "5555 5555 5555 4444"
        page.wait_for("#card-type", "Mastercard")


def test_without_a_card_number_there_is_no_payment(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        begin(page, new_shopper(service))
        accept(page, "#card")
        page.click("#card button", "Pay")
        page.wait_for("#card-number-error", "first six or eight digits")
        assert page.focused() == "card-number"


def test_the_rest_is_transferred_to_a_bank_account(browser: Chromium, service: Service) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        sign_in(page, email)
        fill_basket(page)
        use_credit(page, "15.00")
        page.wait_for("#sum-unpaid", "25.00")
        choose(page, FUNDS)
        page.click("#funds button", "Order and transfer")
        page.wait_for("#banks-error")
        page.click("#banks label", "Example Bank")
        page.click("#funds button", "Order and transfer")
        page.wait_for("#funds-agreement-error")
        accept(page, "#funds")
        page.click("#funds button", "Order and transfer")
        page.wait_for(THANKS)
        assert page.text("#order-payment") == "Funds Transfer"
        assert "35.00" in page.text("#credit-left")

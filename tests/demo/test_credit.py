"""Paying by store credit, clicked through in a real browser on a whole service."""

from queue import Queue
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import Chromium
from tests.demo.shopper import (
    BASKET,
    CARD,
    CHECKOUT,
    CREDIT,
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

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_a_shopper_pays_an_order_by_credit(browser: Chromium, service: Service) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        sign_in(page, email)
        fill_basket(page, "40.00")
        page.wait_for("#balance", "50.00")
        use_credit(page, "40.00")
        page.wait_for("#credit-used", "40.00 of credit is used")
        assert "0.00" in page.text("#sum-unpaid")
        choose(page, CREDIT)
        accept(page, "#pay-credit")
        page.click("#pay-credit button", "Pay with credit")
        page.wait_for(THANKS)
        assert email in page.text("#order-email")
        assert "40.00" in page.text("#order-credit")
        assert page.text("#order-payment") == "Loyalty Money"
        assert "10.00" in page.text("#credit-left")
        number = page.text("#order-number")
        page.reload()
        page.wait_for("#order-number", number)
        page.click("#again")
        page.wait_for(BASKET)
        page.ask("history.back()")
        page.wait_for("#order-number", number)
        page.ask("history.forward()")
        page.wait_for(BASKET)
    user_pk = email.partition("@")[0]
    assert ask_as_staff(service, "GET", f"/accounts/{user_pk}/TRY")["balance"] == "10.00"
    order = ask_as_staff(service, "GET", f"/orders/{number}")
    assert (order["user_pk"], order["loyalty_money"]) == (user_pk, "40.00")


def test_a_wrong_amount_is_told_at_its_field_and_changes_nothing(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service, "15.00"))
        fill_basket(page, "40.00")
        for wrong in ("ten", "1.234", "-1", "41.00", "20.00"):
            use_credit(page, wrong)
            page.wait_for("#amount-error")
            assert page.ask("document.querySelector('#amount').getAttribute('aria-invalid')")
            assert page.focused() == "amount"
            assert not page.sees("#credit-used")
            assert "40.00" in page.text("#sum-unpaid")
            use_credit(page, "0.00")
            page.tab.locator("#amount-error").wait_for(state="hidden")


def test_an_amount_that_is_typed_while_another_is_on_its_way_is_kept(
    browser: Chromium, service: Service
) -> None:
    on_its_way: Queue[Route] = Queue()
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service, "15.00"))
        fill_basket(page, "40.00")
        page.tab.route("**page=LoyaltyMoneyUsagePage**", on_its_way.put, times=1)
        page.click("button", "Use the most")
        page.wait_for("main[aria-busy=true]")
        page.fill("#amount", "7.50")
        on_its_way.get_nowait().continue_()
        page.wait_for("#sum-unpaid", "25.00")
        page.wait_for("main[aria-busy=false]")
        page.click("#credit button", "Use credit")
        page.wait_for("#sum-unpaid", "32.50")


def test_a_part_is_used_taken_back_and_used_to_the_most(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service, "15.00"))
        fill_basket(page, "40.00")
        use_credit(page, "10")
        page.wait_for("#sum-unpaid", "30.00")
        page.click("button", "Use the most")
        page.wait_for("#sum-unpaid", "25.00")
        choose(page, ("Loyalty Money", "#short-text"))
        assert "25.00 is missing" in page.text("#short-text")
        assert not page.sees("#pay-credit")
        page.click("button", "Remove")
        page.wait_for("#sum-unpaid", "40.00")
        assert not page.sees("#credit-used")


def test_who_changes_the_mind_after_a_card_was_entered_pays_by_credit_alone(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service))
        fill_basket(page, "40.00")
        choose(page, CARD)
        use_credit(page, "10.00")
        page.wait_for("#sum-unpaid", "30.00")
        page.click("#test-cards button", "is approved")
        page.wait_for("#plans")
        page.click("button", "Use the most")
        page.wait_for("#panel-none", "covers the whole order")
        assert (
            page.ask("document.querySelector('[role=tab]').getAttribute('aria-disabled')") == "true"
        )
        choose(page, CREDIT)
        page.click("#pay-credit button", "Pay with credit")
        page.wait_for("#credit-agreement-error")
        accept(page, "#pay-credit")
        page.click("#pay-credit button", "Pay with credit")
        page.wait_for(THANKS)


def test_without_an_account_there_is_no_credit_to_choose(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service, None))
        fill_basket(page)
        page.wait_for("#balance", "0.00")
        assert not page.sees("[role=tab]", "Loyalty Money")
        page.click("button", "Use the most")
        use_credit(page, "1.00")
        page.wait_for("#amount-error")


def test_another_currency_is_another_account(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service, "20.00", "USD"))
        fill_basket(page, "12.00", "usd")
        page.wait_for("#balance", "USD")
        assert "20.00" in page.text("#balance")
        page.click("button", "Change the basket")
        fill_basket(page, "12.00", "try")
        page.wait_for("#balance", "TRY")
        assert "0.00" in page.text("#balance")


@pytest.mark.parametrize("total", ["", "0", "ten", "1.234"])
def test_a_basket_that_costs_nothing_sensible_is_told_at_its_field(
    browser: Chromium, service: Service, total: str
) -> None:
    with visiting(browser, service, failing=["400"]) as page:
        sign_in(page, new_shopper(service))
        page.fill("#total", total)
        page.click("#basket button")
        page.wait_for("#total-error")
        assert page.focused() == "total"
        assert not page.sees(CHECKOUT)

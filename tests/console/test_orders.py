"""Orders: found by id or by user, and what credit paid is given back."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import Chromium
from tests.console.desk import (
    VISITOR,
    answer,
    balance_of,
    desk,
    go,
    new_account,
    new_order,
    question,
    row,
    title,
    told,
)
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long


def test_an_order_is_found_by_its_id_and_by_its_user(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    reference = new_order(service, name, "40.00")
    with desk(browser, service, "orders") as page:
        tab = page.tab
        for found_by in (f"{name}@example.com", name):
            tab.get_by_label("User (complete e-mail address").fill(found_by)
            tab.get_by_role("button", name="Find").click()
            expect(row(page, "Orders", reference)).to_contain_text("TRY\u00a040.00")
        tab.get_by_label("User (complete e-mail address").fill("nobody@example.com")
        tab.get_by_role("button", name="Find").click()
        expect(
            tab.get_by_text("Nobody is registered in demo as nobody@example.com.")
        ).to_be_visible()
        tab.get_by_label("Order (basket id)").fill(reference)
        tab.get_by_role("button", name="Open").click()
        title(page, f"Order {reference}")
        tab.get_by_role("link", name=f"{name}@example.com").click()
        row(page, "Account activities", "Order").get_by_role("link", name=reference).click()
        title(page, f"Order {reference}")
        go(page, f"users?email={name}@example.com")
        tab.get_by_role("link", name=f"Orders of {name}@example.com").click()
        expect(row(page, "Orders", reference)).to_have_count(1)


def test_credit_goes_back_in_parts_and_never_beyond_what_it_paid(
    browser: Chromium, service: Service
) -> None:
    name = new_account(service, "50.00")
    reference = new_order(service, name, "40.00")
    with desk(browser, service, f"orders/{reference}", failing=["409"]) as page:
        tab = page.tab
        amount = tab.get_by_label("Amount (TRY)")
        refund = tab.get_by_role("button", name="Refund", exact=True)
        expect(amount).to_have_value("40.00")
        amount.fill("15")
        refund.click()
        expect(question(page)).to_contain_text("TRY\u00a00.00 becomes TRY\u00a015.00")
        answer(page, "Refund")
        expect(told(page)).to_contain_text(f"Refunded TRY\u00a015.00 of the order {reference}")
        expect(tab.get_by_text("At most TRY\u00a025.00")).to_be_visible()
        amount.fill("25.01")
        refund.click()
        answer(page, "Refund")
        expect(amount).to_have_attribute("aria-invalid", "true")
        amount.fill("25.00")
        refund.click()
        answer(page, "Refund")
        expect(tab.get_by_text("All the credit of this order is given back.")).to_be_visible()
    assert balance_of(service, name) == "50.00"


def test_a_refund_whose_answer_is_lost_is_made_once(browser: Chromium, service: Service) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    name = new_account(service, "50.00")
    reference = new_order(service, name, "40.00")
    with desk(browser, service, f"orders/{reference}") as page:
        page.tab.route("**/refunds/*", lose_the_answer, times=1)
        page.tab.get_by_label("Amount (TRY)").fill("10")
        page.tab.get_by_role("button", name="Refund", exact=True).click()
        answer(page, "Refund")
        page.tab.get_by_role("button", name="Look whether it was made").click()
        expect(told(page)).to_contain_text("Refunded TRY\u00a010.00")
        expect(page.tab.get_by_text("At most TRY\u00a030.00")).to_be_visible()
        page.complaints.clear()
    assert balance_of(service, name) == "20.00"


def test_the_question_has_the_numbers_of_its_moment(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    reference = new_order(service, name, "40.00")
    with desk(browser, service, f"orders/{reference}") as page:
        page.tab.get_by_label("Amount (TRY)").fill("15")
        ask_as_staff(service, "PUT", f"/orders/{reference}/refunds/other", {"amount": "15.00"})
        page.tab.get_by_role("button", name="Refund", exact=True).click()
        expect(question(page)).to_contain_text("TRY\u00a015.00 becomes TRY\u00a030.00")


def test_who_may_only_look_is_offered_no_refund(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    reference = new_order(service, name, "40.00")
    with desk(browser, service, f"orders/{reference}", who=VISITOR) as page:
        title(page, f"Order {reference}")
        expect(page.tab.get_by_text("Loyalty Money", exact=True).last).to_be_visible()
        expect(page.tab.get_by_role("button", name="Refund")).to_have_count(0)


def test_an_order_that_is_not_there_is_told(browser: Chromium, service: Service) -> None:
    with desk(browser, service, "orders/no-such-basket", failing=["404"]) as page:
        expect(page.tab.get_by_role("alert")).to_contain_text("order")

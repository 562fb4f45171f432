"""The guide's rules for staff, one after the other, as a newcomer follows them in the console."""

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.console.campaign import csv_of, fact, press, state, upload
from tests.console.desk import answer, desk, fill_transfer, go, question, row, title, told
from tests.demo.shopper import ask_as_staff
from tests.house.service import Served, Service


@pytest.mark.timeout(120)
def test_a_newcomer_opens_an_account_funds_it_and_sees_both_activities(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    # A second account in a currency; more than there is.
    with desk(browser, service, failing=["409", "409"]) as page:
        walk(page, service, tmp_path)


def walk(page: Page, service: Served, folder: Path) -> None:
    """Go from the first screen to a distribution, with a user of its own."""
    name = f"j{secrets.token_hex(5)}"
    ask_as_staff(service, "PUT", f"/users/{name}", {"email": f"{name}@example.com"})
    title(page, "Home")
    # Another test may have made an audit before.
    expect(page.tab.get_by_text(re.compile("No audit has been|The books are"))).to_be_visible()
    page.complaints.clear()
    turn_the_feature_on(page)
    find_the_user(page, name)
    open_an_account(page, name)
    open_a_second_one_in_vain(page, name)
    fund_it_from_the_treasury(page, name)
    see_it_on_both_sides(page, name)
    send_back_no_more_than_there_is(page)
    credit_many_at_once(page, name, folder)
    account = ask_as_staff(service, "GET", f"/accounts/{name}/TRY")
    assert (account["balance"], account["debit_card_allowed"]) == ("27.50", False)


def turn_the_feature_on(page: Page) -> None:
    """A setting is found by its name, opened, set and saved."""
    tab = page.tab
    tab.get_by_role("link", name="Dynamic Settings").click()
    tab.get_by_label("Find a setting").fill("enabled")
    expect(row(page, "Settings", "")).to_have_count(1)
    tab.get_by_role("link", name="LOYALTY_MONEY_ENABLED").click()
    tab.get_by_label("Yes").check()
    tab.get_by_role("button", name="Save").click()
    expect(told(page)).to_contain_text("Saved LOYALTY_MONEY_ENABLED: Yes.")
    expect(row(page, "Settings", "LOYALTY_MONEY_ENABLED")).to_contain_text("Yes")


def find_the_user(page: Page, name: str) -> None:
    """Only who is registered can have an account."""
    page.tab.get_by_role("link", name="Users").click()
    page.tab.get_by_label("E-mail address").fill(f"{name}@example.com")
    page.tab.get_by_role("button", name="Find").click()
    expect(row(page, "Users", name)).to_have_count(1)


def open_an_account(page: Page, name: str) -> None:
    """The User PK fills itself for the complete address alone; nothing can be edited later."""
    tab = page.tab
    tab.get_by_role("link", name="Loyalty Accounts", exact=True).click()
    tab.get_by_role("button", name="+ New Loyalty Account").click()
    title(page, "New Loyalty Account")
    pk = tab.get_by_label("User PK")
    part = f"{name}@example.co"
    tab.get_by_label("User Email").fill(part)
    expect(tab.get_by_text(f"Nobody is registered in demo as {part}")).to_be_visible()
    expect(pk).to_have_value("")
    tab.get_by_label("User Email").fill(f"{part}m")
    expect(pk).to_have_value(name)
    assert pk.get_attribute("readonly") is not None
    expect(tab.get_by_label("Yes")).to_be_checked()
    expect(tab.get_by_text("Yes is recommended")).to_be_visible()
    tab.get_by_label("No", exact=True).check()
    tab.get_by_label("Currency").fill("try")
    tab.get_by_label("Account ID").fill(name)
    tab.get_by_role("button", name="Save").click()
    expect(question(page)).to_contain_text("Nothing of an account can be edited later.")
    answer(page, "Open the account")
    title(page, "Loyalty Account Detail")
    expect(told(page)).to_contain_text(f"Opened a loyalty account in TRY for {name}@example.com.")
    expect(tab.get_by_text("Nothing has happened on this account yet.")).to_be_visible()
    expect(tab.get_by_text("an account may send once it has received")).to_be_visible()


def open_a_second_one_in_vain(page: Page, name: str) -> None:
    """A user has one account in a currency."""
    go(page, f"accounts/new?user_email={name}@example.com")
    expect(page.tab.get_by_label("User PK")).to_have_value(name)
    page.tab.get_by_label("Currency").fill("TRY")
    page.tab.get_by_role("button", name="Save").click()
    answer(page, "Open the account")
    expect(page.tab.get_by_label("Currency")).to_have_attribute("aria-invalid", "true")


def fund_it_from_the_treasury(page: Page, name: str) -> None:
    """Only accounts of the same currency are offered; the numbers are shown before."""
    tab = page.tab
    go(page, "accounts?account_id=treasury")
    tab.get_by_role("link", name="treasury", exact=True).click()
    title(page, "Loyalty Account Detail")
    tab.get_by_label("Find an account").fill("grace")
    offered = tab.get_by_label("Transfer To (Account ID)").locator("option")
    expect(offered).to_have_count(2)
    assert "grace-usd" not in str(offered.all_inner_texts())
    fill_transfer(page, name, "25", "Welcome")
    expect(question(page)).to_contain_text("TRY\u00a00.00 becomes TRY\u00a025.00")
    answer(page, "Transfer")
    expect(told(page)).to_contain_text(f"Transferred TRY\u00a025.00 from treasury to {name}.")


def see_it_on_both_sides(page: Page, name: str) -> None:
    """Both activities are there, with the balance after them."""
    expect(row(page, "Account activities", name)).to_contain_text("-TRY\u00a025.00")
    told(page).get_by_role("link", name=f"Open {name}").click()
    got = row(page, "Account activities", "treasury")
    for text in ("Transfer", "Welcome", "TRY\u00a025.00"):
        expect(got).to_contain_text(text)
    expect(page.tab.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"now TRY\u00a025\.00")
    )


def send_back_no_more_than_there_is(page: Page) -> None:
    """What came in may go out, and without debit nothing beyond it."""
    fill_transfer(page, "treasury", "25.01")
    expect(question(page)).to_contain_text("more than is available, and will be refused")
    answer(page, "Transfer")
    amount = page.tab.get_by_label("Transfer Amount")
    expect(amount).to_have_attribute("aria-invalid", "true")
    fill_transfer(page, "treasury", "5")
    answer(page, "Transfer")
    expect(row(page, "Account activities", "-TRY\u00a05.00")).to_have_count(1)


def credit_many_at_once(page: Page, name: str, folder: Path) -> None:
    """A file says who gets what; what cannot be credited is left out if that is said."""
    page.tab.get_by_role("link", name="Distributions").click()
    title(page, "Distributions")
    upload(page, folder, "treasury", csv_of(f"{name},7.50,Spring", "nobody-at-all,1.00,"))
    state(page, "Previewed")
    expect(row(page, "Bad rows", "nobody-at-all")).to_contain_text("Unknown user")
    page.tab.get_by_label("Credit the 1 good row and leave the 1 bad row out").check()
    press(page, "Run")
    expect(question(page)).to_contain_text("TRY\u00a07.50")
    answer(page, "Run")
    state(page, "Closed")
    fact(page, "Credited", "TRY\u00a07.50 in 1 row")

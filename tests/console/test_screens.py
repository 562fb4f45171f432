"""Every screen: fits, can be read and used by everybody, and says when it is empty or failed."""

import csv
import json
import secrets
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cli.local import PROJECT
from tests.browser.chromium import Chromium
from tests.browser.page import DESKTOP, PHONE, Page
from tests.console.desk import (
    VISITOR,
    answer,
    desk,
    fill_transfer,
    go,
    new_account,
    question,
    row,
    title,
    told,
)
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long

AXE = PROJECT / "console" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"desktop": DESKTOP, "phone": PHONE}


def check(page: Page, picture: Path | None = None) -> None:
    """Hold a screen to what holds for all of them."""
    if picture is not None:
        page.take_picture(picture)
    assert not page.is_wider_than_the_window()
    if not page.ask("'axe' in window"):
        # As the tests' own code: the page's policy would refuse it a place in the page.
        page.ask(f"{AXE.read_text()}; 0")
    found = page.ask("axe.run().then(({ violations }) => violations)")
    told = [
        (each["id"], [(n["html"], n["failureSummary"]) for n in each["nodes"]]) for each in found
    ]
    assert told == [], json.dumps(told, indent=2)


SCREENS = {
    "": "Home",
    "accounts": "Loyalty Accounts",
    "accounts/new": "New Loyalty Account",
    "accounts/1001/TRY": "Loyalty Account Detail",
    "account-ids/treasury": "Loyalty Account Detail",
    "distributions": "Distributions",
    "distributions/new": "New Distribution",
    "users": "Users",
    "orders": "Orders",
    "settings": "Dynamic Settings",
    "settings/LOYALTY_MONEY_ENABLED": "LOYALTY_MONEY_ENABLED",
    "settings/INSTALLMENTS": "INSTALLMENTS",
    "settings/PAYMENT_GATEWAY": "PAYMENT_GATEWAY",
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_screen_can_be_read_by_everybody(
    browser: Chromium, service: Service, size: str, tmp_path: Path, *, dark: bool
) -> None:
    with desk(browser, service, size=SIZES[size], dark=dark) as page:
        for number, (route, heading) in enumerate(SCREENS.items()):
            go(page, route)
            title(page, heading)
            expect(page.tab.get_by_text("Loading")).to_have_count(0)
            check(page, tmp_path / f"{number}.png")
        page.complaints.clear()


def test_the_dialog_and_what_is_told_can_be_read_by_everybody(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    ask_as_staff(service, "PUT", f"/accounts/{source}/TRY/holds/h-1", {"amount": "1.00"})
    for dark in (False, True):
        with desk(browser, service, f"accounts/{source}/TRY", dark=dark) as page:
            page.tab.get_by_role("button", name="Save").click()
            expect(page.tab.get_by_text("Choose the account that receives")).to_be_visible()
            check(page, tmp_path / "wrong.png")
            fill_transfer(page, target, "2")
            expect(question(page)).to_be_visible()
            check(page, tmp_path / "question.png")
            answer(page, "Transfer")
            expect(told(page)).to_contain_text("Transferred")
            check(page, tmp_path / "told.png")
            page.tab.route("**/transfers/*", lambda route: route.abort(), times=1)
            fill_transfer(page, target, "2")
            answer(page, "Transfer")
            expect(page.tab.get_by_role("alert")).to_be_visible()
            check(page, tmp_path / "unsure.png")
            page.complaints.clear()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_way_in_can_be_read_by_everybody(
    browser: Chromium, service: Service, *, dark: bool
) -> None:
    with Page(browser, dark=dark, size=PHONE) as page:
        page.open(f"{service.address}/console/")
        expect(page.tab.get_by_role("button", name=VISITOR)).to_be_visible()
        check(page)


def test_the_whole_way_by_keys_alone(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        focused = (
            "document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText"
        )

        def tab_to(text: str) -> None:
            for _ in range(40):
                if text in str(page.ask(focused)):
                    return
                page.press("Tab")
            raise AssertionError(f"{text} cannot be reached by Tab")

        expect(page.tab.get_by_label("Transfer To")).to_be_enabled()
        tab_to("Find an account")
        page.type(target)
        tab_to("Transfer To")
        expect(page.tab.get_by_label("Transfer To (Account ID)").locator("option")).to_have_count(2)
        page.press("ArrowDown")
        tab_to("Transfer Amount")
        page.type("7.50")
        page.press("Enter")
        expect(question(page)).to_contain_text("TRY\u00a07.50")
        assert str(page.ask(focused)).startswith("Transfer TRY")
        page.press("Tab")
        page.press("Tab")
        assert page.ask(focused) == "Transfer"
        page.press("Enter")
        expect(told(page)).to_contain_text("Transferred TRY\u00a07.50")
        # The focus is back where the question came from.
        assert "Transfer Amount" in str(page.ask(focused))
        go(page, "accounts")
        expect(page.tab.get_by_role("heading", name="Loyalty Accounts")).to_be_focused()


def test_a_browser_in_turkish_shows_and_reads_amounts_as_turks_write_them(
    browser: Chromium, service: Service
) -> None:
    source, target = new_account(service, "1234.50"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY", locale="tr-TR") as page:
        expect(page.tab.get_by_label("Transfer Amount")).to_have_attribute("placeholder", "0,01")
        expect(page.tab.get_by_text("₺1.234,50 available.")).to_be_visible()
        # In Turkish this may be a thousand.
        fill_transfer(page, target, "1.000")
        expect(page.tab.get_by_text("without marks between thousands")).to_be_visible()
        fill_transfer(page, target, "7,5")
        expect(question(page)).to_contain_text("₺1.234,50 becomes ₺1.227,00")
        answer(page, "Transfer")
        expect(told(page)).to_contain_text("₺7,50")


def test_who_may_only_look_is_offered_nothing_else(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    ask_as_staff(service, "PUT", f"/accounts/{name}/TRY/holds/h-1", {"amount": "1.00"})
    with desk(browser, service, f"accounts/{name}/TRY", who=VISITOR) as page:
        expect(row(page, "Account activities", "Opening")).to_have_count(1)
        expect(row(page, "Open holds", "h-1")).to_have_count(1)
        for button in ("Save", "Void the hold h-1", "+ New Loyalty Account"):
            expect(page.tab.get_by_role("button", name=button)).to_have_count(0)
        go(page, "accounts")
        title(page, "Loyalty Accounts")
        expect(page.tab.get_by_role("button", name="+ New Loyalty Account")).to_have_count(0)
        go(page, "accounts/new")
        expect(page.tab.get_by_text("Your sign-in may not open accounts.")).to_be_visible()
        go(page, "settings/LOYALTY_MONEY_ENABLED")
        expect(
            page.tab.get_by_text("Your sign-in may read settings, not set them.")
        ).to_be_visible()
        expect(page.tab.get_by_label("Yes")).to_be_disabled()


def test_a_list_says_that_it_is_empty_or_failed_and_goes_on_page_by_page(
    browser: Chromium, service: Service
) -> None:
    name = new_account(service, "60.00")
    for number in range(52):
        sent = {"source": name, "target": "treasury", "amount": "1.00"}
        ask_as_staff(service, "PUT", f"/transfers/{name}-{number}", sent)
    with desk(browser, service, "accounts?account_id=no-such-account") as page:
        tab = page.tab
        expect(tab.get_by_text("No account fits all of these completely.")).to_be_visible()
        tab.route("**/accounts?**", lambda route: route.abort())
        go(page, "accounts?currency=TRY")
        expect(tab.get_by_role("alert")).to_contain_text("The service did not answer.")
        tab.unroute_all()
        tab.get_by_role("button", name="Try again").click()
        expect(row(page, "Loyalty accounts", "TRY").first).to_be_visible()
        go(page, f"accounts/{name}/TRY")
        expect(row(page, "Account activities", "")).to_have_count(50)
        tab.get_by_role("button", name="Show more").click()
        expect(row(page, "Account activities", "")).to_have_count(53)
        page.complaints.clear()


def test_activities_are_exported_whole_and_no_cell_is_a_formula(
    browser: Chromium, service: Service
) -> None:
    name = new_account(service, "60.00")
    for number in range(52):
        note = '=HYPERLINK("http://x","y")' if number == 0 else f"line {number}"
        sent = {"source": name, "target": "treasury", "amount": "1.00", "note": note}
        ask_as_staff(service, "PUT", f"/transfers/{name}-{number}", sent)
    with desk(browser, service, f"accounts/{name}/TRY") as page:
        with page.tab.expect_download() as waiting:
            page.tab.get_by_role("button", name="Export as CSV").click()
        assert waiting.value.suggested_filename == f"activities-{name}.csv"
        text = waiting.value.path().read_text("utf-8-sig")
        expect(told(page)).to_contain_text("Exported 53 activities")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 53
    assert (rows[0]["amount"], rows[0]["balance_after"], rows[0]["note"]) == (
        "-1.00",
        "8.00",
        "line 51",
    )
    assert rows[-2]["note"] == '\'=HYPERLINK("http://x","y")'


def test_another_channel_is_another_shop(browser: Chromium, service: Service) -> None:
    other = f"shop-{secrets.token_hex(3)}"
    token = service.cli("token", "--channel", f"demo,{other}", "--scopes", "owner,admin")
    request = urllib.request.Request(
        f"{service.address}/channels/{other}",
        json.dumps({"default_currency": "EUR"}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=20).close()
    with desk(browser, service, "accounts?account_id=treasury") as page:
        page.ask(f"sessionStorage.setItem('loyalty-money.token', {json.dumps(token)})")
        page.reload()
        expect(row(page, "Loyalty accounts", "treasury")).to_have_count(1)
        page.tab.get_by_label("Channel").select_option(other)
        title(page, "Home")
        page.tab.get_by_role("link", name="Loyalty Accounts", exact=True).click()
        expect(page.tab.get_by_text("There is no loyalty account yet.")).to_be_visible()
        assert f"#/{other}/accounts" in page.tab.url
        go(page, "../nowhere")
        page.complaints.clear()


def test_a_link_survives_signing_in_and_out_and_nothing_is_kept_for_long(
    browser: Chromium, service: Service
) -> None:
    with desk(browser, service, "accounts/1001/TRY") as page:
        title(page, "Loyalty Account Detail")
        assert page.ask("localStorage.length") == 0
        page.tab.get_by_role("button", name="Sign out").click()
        expect(page.tab.get_by_role("button", name=VISITOR)).to_be_visible()
        assert page.ask("sessionStorage.getItem('loyalty-money.token')") is None
        page.ask("sessionStorage.setItem('loyalty-money.token', 'no token')")
        page.reload()
        page.tab.get_by_role("button", name=VISITOR).click()
        title(page, "Loyalty Account Detail")


def test_a_token_that_has_ended_leads_to_the_way_in(browser: Chromium, service: Service) -> None:
    with desk(browser, service, "accounts/1001/TRY") as page:
        title(page, "Loyalty Account Detail")
        page.ask(
            "sessionStorage.setItem('loyalty-money.token', "
            "sessionStorage.getItem('loyalty-money.token') + 'x')"
        )
        go(page, "users")
        expect(page.tab.get_by_role("alert")).to_contain_text("token")
        page.tab.get_by_role("button", name=VISITOR).click()
        title(page, "Users")
        page.complaints.clear()


def test_an_address_says_what_is_looked_for_and_nothing_else(
    browser: Chromium, service: Service
) -> None:
    odd = "channel=other&session=x&key=1&ref=y&__proto__=z"
    with desk(browser, service, f"users?{odd}&email=ada@example.com") as page:
        expect(row(page, "Users", "ada@example.com")).to_have_count(1)
        expect(page.tab.get_by_label("Channel")).to_have_value("demo")
        go(page, "nowhere/at/all")
        title(page, "Not found")
        go(page, "accounts?currency=USD")
        expect(page.tab.get_by_label("Currency")).to_have_value("USD")
        go(page, "accounts")
        expect(page.tab.get_by_label("Currency")).to_have_value("")
        go(page, "users")
        title(page, "Users")

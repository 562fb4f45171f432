"""What staff do at the console, in words for our tests."""

import json
import secrets
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Locator, expect

from tests.browser.chromium import Chromium
from tests.browser.page import DESKTOP, Page
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

ADMIN = "Continue as the demo admin"
VISITOR = "Only look around"


@contextmanager
def desk(
    browser: Chromium,
    service: Service,
    route: str = "",
    *,
    who: str = ADMIN,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    locale: str = "en-US",
    failing: Sequence[str] = (),
) -> Iterator[Page]:
    """Sign in at the console in a new tab, at a route such as `accounts/1001/TRY`.

    In the end the browser must have complained of nothing but these statuses of requests.
    """
    with Page(browser, size=size, dark=dark, locale=locale) as page:
        page.open(f"{service.address}/console/#/demo/{route}")
        page.tab.get_by_role("button", name=who).click()
        expect(page.tab.get_by_role("button", name="Sign out")).to_be_visible()
        yield page
        assert len(page.complaints) == len(failing), page.complaints
        for complaint, status in zip(page.complaints, failing, strict=True):
            assert f"responded with a status of {status}" in complaint


def go(page: Page, route: str) -> None:
    """Go to another screen of the demo channel."""
    page.ask(f"location.hash = '#/demo/{route}'")


def title(page: Page, text: str) -> None:
    """Wait for the heading of a screen."""
    expect(page.tab.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()


def told(page: Page) -> Locator:
    """Return what is told at the top of the page."""
    return page.tab.get_by_role("status")


def question(page: Page) -> Locator:
    """Return the dialog that asks before credit moves."""
    return page.tab.get_by_role("dialog")


def answer(page: Page, button: str) -> None:
    """Answer the question, and wait until it is gone."""
    question(page).get_by_role("button", name=button, exact=True).click()
    expect(question(page)).to_have_count(0)


def fill_transfer(page: Page, target: str, amount: str, note: str = "") -> None:
    """Fill in the form of a transfer, and ask for it."""
    page.tab.get_by_label("Find an account").fill(target)
    to = page.tab.get_by_label("Transfer To (Account ID)")
    expect(to.locator("option")).to_have_count(2)
    to.select_option(target)
    page.tab.get_by_label("Transfer Amount").fill(amount)
    page.tab.get_by_label("Note").fill(note)
    page.tab.get_by_role("button", name="Save").click()


def row(page: Page, table: str, text: str) -> Locator:
    """Return the rows of a table that hold a text."""
    found = page.tab.get_by_role("group", name=table).locator("tbody tr")
    return found.filter(has_text=text)


def new_account(
    service: Service, balance: str, currency: str = "TRY", *, debit: bool = False
) -> str:
    """Register a user with an account in the demo channel; return its account id and user_pk."""
    name = f"c{secrets.token_hex(5)}"
    ask_as_staff(service, "PUT", f"/users/{name}", {"email": f"{name}@example.com"})
    opened = {
        "user_pk": name,
        "currency": currency,
        "balance": balance,
        "debit_card_allowed": False,
        "account_id": name,
    }
    ask_as_staff(service, "POST", "/accounts", opened)
    return name


def new_order(service: Service, name: str, total: str) -> str:
    """Let a user with an account in TRY order something by credit alone; return the reference."""
    reference = f"b-{secrets.token_hex(5)}"
    opened = {"reference": reference, "total_amount": total}
    ask_as_staff(service, "PUT", f"/pre-orders/{name}/TRY", opened)
    session = ask_as_staff(service, "POST", "/sessions", {"user_pk": name})["session"]
    for page, fields in (
        ("LoyaltyMoneyUsagePage", {"loyalty_amount_to_use": total}),
        ("LoyaltyMoneyPage", {"agreement": "true"}),
    ):
        request = urllib.request.Request(
            f"{service.address}/orders/checkout/?page={page}",
            urllib.parse.urlencode(fields).encode(),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": f"loyalty_session={session}",
                "x-currency": "try",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answered:
            assert json.load(answered)["errors"] is None
    return reference


def balance_of(service: Service, name: str, currency: str = "TRY") -> str:
    """Return the balance of an account that `new_account` made."""
    return str(ask_as_staff(service, "GET", f"/accounts/{name}/{currency}")["balance"])

"""What a shopper does on the demo storefront."""

import json
import secrets
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tests.browser.chromium import Chromium
from tests.browser.page import DESKTOP, Page
from tests.house.service import Served, Service

SIGN_IN: Final = "#view-sign-in"
BASKET: Final = "#view-basket"
CHECKOUT: Final = "#view-checkout"
THANKS: Final = "#view-thanks"
CARD: Final = ("Credit Card", "#card")
CREDIT: Final = ("Loyalty Money", "#pay-credit")
FUNDS: Final = ("Funds Transfer", "#funds")


@contextmanager
def visiting(
    browser: Chromium,
    service: Service,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    failing: Sequence[str] = (),
) -> Iterator[Page]:
    """Open the demo storefront in a new tab.

    In the end the browser must have complained of nothing but these statuses of requests.
    """
    with Page(browser, size=size, dark=dark) as page:
        page.open(f"{service.address}/demo/")
        page.wait_for(SIGN_IN)
        yield page
        assert len(page.complaints) == len(failing), page.complaints
        for complaint, status in zip(page.complaints, failing, strict=True):
            assert f"responded with a status of {status}" in complaint


def new_shopper(service: Service, credit: str | None = "50.00", currency: str = "TRY") -> str:
    """Register a shopper with an account in the demo channel and return the e-mail address."""
    name = f"s{secrets.token_hex(5)}"
    email = f"{name}@example.com"
    ask_as_staff(service, "PUT", f"/users/{name}", {"email": email})
    if credit is not None:
        opened = {"user_pk": name, "currency": currency, "balance": credit}
        ask_as_staff(service, "POST", "/accounts", {**opened, "debit_card_allowed": False})
    return email


def ask_as_staff(service: Served, method: str, path: str, body: object = None) -> Any:
    """Return what staff of the demo channel are answered."""
    request = urllib.request.Request(
        f"{service.address}/channels/demo{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {_token(service)}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


_tokens: dict[str, str] = {}


def _token(service: Served) -> str:
    if service.address not in _tokens:
        arguments = ("token", "--channel", "demo", "--scopes", "admin")
        _tokens[service.address] = service.cli(*arguments)
    return _tokens[service.address]


def sign_in(page: Page, email: str) -> None:
    """Sign in by the form and arrive at the basket."""
    page.click("summary", "e-mail address")
    page.fill("#email", email)
    page.fill("#password", "demo")
    page.click("#sign-in button")
    page.wait_for(BASKET)


def fill_basket(page: Page, total: str = "40.00", currency: str = "try") -> None:
    """Say what the basket costs and go to the checkout."""
    page.fill("#total", total)
    page.choose("#currency", currency)
    page.click("#basket button")
    page.wait_for(CHECKOUT)


def use_credit(page: Page, amount: str) -> None:
    """Ask to use an amount of credit, and wait for the answer: it empties the field."""
    page.fill("#amount", amount)
    page.click("#credit button", "Use credit")
    page.wait_for("main[aria-busy=false]")


def choose(page: Page, option: tuple[str, str]) -> None:
    """Choose how to pay, and wait for its form."""
    name, form = option
    page.click("[role=tab]", name)
    page.wait_for(form)


def accept(page: Page, form: str) -> None:
    """Tick the agreement of a form."""
    page.click(f"{form} [name=agreement]")

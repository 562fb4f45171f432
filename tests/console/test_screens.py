"""Every screen: fits, can be read and used by everybody, and says when it is empty or failed."""

import json
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from chalicelib.outside import sandbox
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
    told = [(each["id"], [(n["html"], n["failureSummary"]) for n in each["nodes"]]) for each in found]
    assert told == [], json.dumps(told, indent=2)


SCREENS = {
    "": "Home",
    "accounts": "Loyalty Accounts",
    "accounts/new": "New Loyalty Account",
    "accounts/1001/TRY": "Loyalty Account Detail",
    "account-ids/treasury": "Loyalty Account Detail",
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

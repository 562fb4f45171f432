"""What staff do with distributions at the console, in words for our tests."""

import csv
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Route, expect

from tests.browser.page import Page
from tests.console.desk import balance_of, go, title
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

FILE: Final = "File (CSV)"
ENDS_S: Final = 60.0
SPENT: Final = {"amount": "-2.00", "reason": "spent"}


def csv_of(*rows: str) -> bytes:
    """Return a file of users, amounts and notes."""
    return "\n".join(["user_pk,amount,note", *rows, ""]).encode()


def fill(page: Page, folder: Path, source: str, content: bytes, name: str = "") -> str:
    """Fill in the form of a new distribution; return its id."""
    name = name or f"d{secrets.token_hex(5)}"
    file = folder / "campaign.csv"
    file.write_bytes(content)
    go(page, "distributions/new")
    title(page, "New Distribution")
    page.tab.get_by_label("Primary account").fill(source)
    expect(page.tab.get_by_text(f"available on {source}.")).to_be_visible()
    page.tab.get_by_label(FILE).set_input_files(file)
    page.tab.get_by_label("Distribution ID").fill(name)
    return name


def upload(page: Page, folder: Path, source: str, content: bytes, name: str = "") -> str:
    """Upload a file for its preview; return the id of the distribution."""
    name = fill(page, folder, source, content, name)
    press(page, "Preview")
    return name


def press(page: Page, button: str) -> None:
    """Press a button of the screen."""
    page.tab.get_by_role("button", name=button, exact=True).click()


def state(page: Page, text: str) -> None:
    """Wait until a distribution is in a state."""
    expect(page.tab.get_by_role("heading", level=2, name=text, exact=True)).to_be_visible()


def fact(page: Page, name: str, value: str) -> None:
    """Wait until a figure of the screen has a value."""
    found = page.tab.locator("dl > div").filter(has=page.tab.locator("dt", has_text=name)).first
    expect(found.locator("dd")).to_have_text(value)


def stands(name: str, **changes: object) -> tuple[str, Callable[[Route], None]]:
    """Return where a distribution is read, and what tells of it as it would be meanwhile."""

    def tell(route: Route) -> None:
        if route.request.method == "GET":
            answered = route.fetch()
            route.fulfill(response=answered, json=answered.json() | changes)
        else:
            route.continue_()

    return f"**/distributions/{name}", tell


def midway(rows: int, done: int) -> dict[str, Any]:
    """Return how a distribution stands in the middle of its run."""
    left = {"credited_rows": done, "waiting_rows": rows - done, "ended_at": None}
    return {"state": "running", "chunks_done": 0, **left}


def ended(service: Service, name: str) -> None:
    """Wait until nothing is left to be done of a distribution."""
    until = time.monotonic() + ENDS_S
    while ask_as_staff(service, "GET", f"/distributions/{name}")["ended_at"] is None:
        assert time.monotonic() < until
        time.sleep(0.05)


def balances(service: Service, names: Sequence[str]) -> list[str]:
    """Return the balances of accounts that `new_account` made."""
    return [balance_of(service, name) for name in names]


def download(page: Page, title: str, name: str) -> list[dict[str, str]]:
    """Download a table as a file of this name, and return its rows."""
    with page.tab.expect_download() as waiting:
        press(page, f"Download as CSV: {title}")
    assert waiting.value.suggested_filename == name
    text = waiting.value.path().read_text("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))

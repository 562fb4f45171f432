"""The pictures of the console that the documents show, made of the console as it is.

`python -m tests.console.screenshots` takes them. A test compares what they were made of with what
there is.
"""

import hashlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import expect

from cli.local import PROJECT
from tests.browser.chromium import Chromium
from tests.console.campaign import csv_of, state, upload
from tests.console.desk import answer, desk, fill_transfer, go, row, title, told
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service, running

PICTURES: Final = PROJECT / "docs" / "pictures"
MADE_OF: Final = PICTURES / "made-of.txt"

_SIZE: Final = (1100, 800)
_TRANSFERS: Final = (
    ("t-1", "ada", "25.00", "Welcome"),
    ("t-2", "grace", "120.00", "Thank you for your patience"),
    ("t-3", "ada", "10.00", "Birthday"),
)


def source_digest() -> str:
    """Return the digest of everything that the look of the console depends on."""
    console = PROJECT / "console"
    files = [*sorted((console / "src").rglob("*")), console / "package-lock.json"]
    content = b"\0".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()


def take_all(service: Service, browser: Chromium, folder: Path = PICTURES) -> None:
    """Move some credit in a fresh demo channel, and take the pictures."""
    for name, target, amount, note in _TRANSFERS:
        sent = {"source": "treasury", "target": target, "amount": amount, "note": note}
        ask_as_staff(service, "PUT", f"/transfers/{name}", sent)
    with desk(browser, service, "accounts/1001/TRY", size=_SIZE) as page:
        fill_transfer(page, "grace", "5")
        answer(page, "Transfer")
        expect(told(page)).to_contain_text("Transferred")
        expect(row(page, "Account activities", "grace")).to_have_count(1)
        page.ask("scrollTo(0, 0)")
        page.take_picture(folder / "account.png")
        go(page, "accounts")
        title(page, "Loyalty Accounts")
        expect(row(page, "Loyalty accounts", "treasury")).to_have_count(1)
        page.take_picture(folder / "accounts.png", whole=False)
        go(page, "settings")
        expect(page.tab.get_by_text("LOYALTY_MONEY_ENABLED").first).to_be_visible()
        page.take_picture(folder / "settings.png", whole=False)
        with TemporaryDirectory() as uploads:
            content = csv_of("1001,15.00,Spring", "1002,15.00,Spring", "1003,15.00,Spring")
            upload(page, Path(uploads), "treasury", content, "spring")
        state(page, "Previewed")
        page.take_picture(folder / "distribution.png", whole=False)


def main() -> int:
    """Make the pictures anew, and note what they were made of."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        running(Path(folder)) as service,
        Chromium(Path(folder)) as browser,
    ):
        take_all(service, browser)
    MADE_OF.write_text(f"{source_digest()}\n")
    print(f"The pictures are in {PICTURES.relative_to(PROJECT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

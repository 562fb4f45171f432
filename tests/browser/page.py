"""A tab as a person uses it, in words for our tests; `tab` is the same one in Playwright's.

Whatever the page complains of is kept in `complaints`.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Locator, Request, expect
from playwright.sync_api import Page as Tab

from tests.browser.chromium import Chromium

Json = Any

DESKTOP: Final = (1280, 900)
PHONE: Final = (360, 740)
PICTURES: Final = Path("build") / "screenshots"
"""Where a tab whose test fails leaves a picture of itself, named after the test."""

_PATIENCE_MS: Final = 20_000
expect.set_options(timeout=_PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Post:
    """A request with a body, as the page sent it; `path` is with its query."""

    path: str
    media_type: str
    body: str


class Page:
    """One tab with cookies and storage of its own. Use as a context to close it."""

    def __init__(
        self,
        browser: Chromium,
        *,
        size: tuple[int, int] = DESKTOP,
        dark: bool = False,
        locale: str = "en-US",
    ) -> None:
        """Keep how the tab is to look; `__enter__` opens it."""
        self._browser = browser
        self._size = size
        self._dark = dark
        self._locale = locale
        self._context: BrowserContext | None = None
        self._tab: Tab | None = None
        self.complaints: list[str] = []
        """Errors and warnings of the console, exceptions, and violations of the content policy."""
        self.posts: list[Post] = []
        """What the page has sent, oldest first."""

    def __enter__(self) -> Self:
        width, height = self._size
        self._context = self._browser.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if self._dark else "light",
            reduced_motion="reduce",
            is_mobile=width < 600,
            locale=self._locale,
            timezone_id="UTC",
        )
        self._context.set_default_timeout(_PATIENCE_MS)
        self._tab = self._context.new_page()
        self._tab.on("console", self._hear)
        self._tab.on("pageerror", self._hear_error)
        self._tab.on("request", self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._context is not None
        if error is not None:
            self._keep_picture(error)
        self._context.close()

    @property
    def tab(self) -> Tab:
        """The tab as Playwright has it: roles, labels, assertions."""
        assert self._tab is not None, "it is open inside its context only"
        return self._tab

    # --- looking --------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Go to an address and wait until the page is loaded."""
        self.tab.goto(address)

    def reload(self) -> None:
        """Load the page again."""
        self.tab.reload()

    def ask(self, expression: str) -> Json:
        """Return the value of an expression of the page; a promise is awaited."""
        return self.tab.evaluate(expression)

    def wait_for(self, selector: str, text: str = "") -> None:
        """Wait until an element is seen that holds the text."""
        self._seen(selector, text).first.wait_for()

    def text(self, selector: str = "body") -> str:
        """Return the text of the first element, as it is seen."""
        return self.tab.locator(selector).first.inner_text()

    def sees(self, selector: str, text: str = "") -> bool:
        """Return whether an element is seen that holds the text."""
        return self._seen(selector, text).count() > 0

    def focused(self) -> str:
        """Return the id of the element that has the focus, or its text where it has none."""
        return str(self.ask("document.activeElement.id || document.activeElement.textContent"))

    def is_wider_than_the_window(self) -> bool:
        """Return whether one would have to scroll sideways."""
        page = "document.scrollingElement"
        return bool(self.ask(f"{page}.scrollWidth > {page}.clientWidth"))

    def take_picture(self, file: Path, *, whole: bool = True) -> None:
        """Write the page, or only what is seen of it, to a PNG file."""
        self.tab.screenshot(path=file, full_page=whole)

    # --- doing ----------------------------------------------------------------------------------

    def click(self, selector: str, text: str = "") -> None:
        """Click in the middle of the first element that is seen and holds the text."""
        self._seen(selector, text).first.click()

    def fill(self, selector: str, text: str) -> None:
        """Click on a field, and type a text in place of what is there."""
        field = self.tab.locator(selector)
        field.click()
        field.press("ControlOrMeta+a")
        if text:
            self.type(text)
        else:
            field.press("Backspace")

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list by its value."""
        self.tab.locator(selector).select_option(value)

    def type(self, text: str) -> None:
        """Type a text, key by key, into what has the focus."""
        self.tab.keyboard.type(text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key by its name, such as `Tab`."""
        self.tab.keyboard.press(f"Shift+{key}" if shift else key)

    # --- hearing --------------------------------------------------------------------------------

    def _seen(self, selector: str, text: str) -> Locator:
        found = self.tab.locator(selector).filter(visible=True)
        return found.filter(has_text=text) if text else found

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self.complaints.append(f"console: {message.text}")

    def _hear_error(self, error: Error) -> None:
        self.complaints.append(f"exception: {error}")

    def _note(self, request: Request) -> None:
        body = request.post_data
        if body is not None:
            address = urlsplit(request.url)
            path = f"{address.path}?{address.query}" if address.query else address.path
            self.posts.append(Post(path, request.headers.get("content-type", ""), body))

    def _keep_picture(self, error: BaseException) -> None:
        # An error that leaves several tabs has a note of each one before.
        number = 1 + len(getattr(error, "__notes__", ()))
        picture = PICTURES / f"{_test()}-{number}.png"
        PICTURES.mkdir(parents=True, exist_ok=True)
        try:
            self.take_picture(picture)
        except Error:
            return
        error.add_note(f"{picture} shows the page; it complained of {json.dumps(self.complaints)}")


def _test() -> str:
    """Return the name of the running test, as a file may be called."""
    node, _, _ = os.environ.get("PYTEST_CURRENT_TEST", "no test (").rpartition(" (")
    file, _, name = node.partition("::")
    return re.sub(r"[^\w.]+", "-", f"{Path(file).name} {name}").strip("-")[:200]

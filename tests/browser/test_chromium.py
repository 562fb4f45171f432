"""The browser of the tests: it complains aloud, clicks as a hand does, and goes when it should."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from playwright.sync_api import Error

from cli.local import PROJECT, LocalError
from tests.browser import install
from tests.browser import page as page_room
from tests.browser.chromium import Chromium
from tests.browser.page import PHONE, Page

FORM = "<label for=a>Name</label><input id=a><button onclick='b.textContent = a.value'>Go</button>"


def address(content: str) -> str:
    return f"data:text/html,{quote(f'<!doctype html><title>t</title>{content}<p id=b>')}"


def test_what_is_typed_and_clicked_arrives(browser: Chromium) -> None:
    with Page(browser) as page:
        page.open(address(FORM))
        page.fill("#a", "Çay 10.00")
        page.click("button", "Go")
        page.wait_for("#b", "Çay 10.00")
        page.fill("#a", "")
        page.press("Tab")
        assert page.focused() == "Go"
        page.press("Tab", shift=True)
        assert page.focused() == "a"
        page.type("x")
        page.press("Tab")
        page.press(" ")
        assert page.text("#b") == "x"
        assert page.complaints == []


@pytest.mark.parametrize(
    "script",
    ["console.error('no')", "console.warn('no')", "throw Error('no')", "Promise.reject(Error())"],
)
def test_a_page_cannot_complain_unheard(browser: Chromium, script: str) -> None:
    with Page(browser) as page:
        page.open(address(f"<script>{script}</script>"))
        page.ask("new Promise(requestAnimationFrame)")
        assert len(page.complaints) == 1


def test_what_is_covered_or_not_seen_cannot_be_clicked(browser: Chromium) -> None:
    cover = "<div style='position:fixed;inset:0'></div>"
    with Page(browser) as page:
        page.open(address(f"<button>Go</button><i hidden>x</i>{cover}"))
        page.tab.set_default_timeout(300)
        with pytest.raises(Error, match="intercepts pointer events"):
            page.click("button", "Go")
        assert not page.sees("i")
        assert page.sees("button", "Go")


def test_a_page_that_is_too_wide_is_known(browser: Chromium) -> None:
    for width, wide in ((300, False), (500, True)):
        with Page(browser, size=PHONE) as page:
            viewport = "<meta name=viewport content='width=device-width'>"
            page.open(address(f"{viewport}<hr style='width:{width}px'>"))
            assert page.is_wider_than_the_window() is wide


def test_a_closed_tab_answers_no_more(browser: Chromium) -> None:
    with Page(browser) as one, Page(browser) as other:
        assert one.ask("1 + 1") == other.ask("Promise.resolve(2)") == 2
    with pytest.raises(Error):
        one.ask("1")


def test_an_expression_that_fails_is_an_error(browser: Chromium) -> None:
    with Page(browser) as page, pytest.raises(Error, match="nowhere is not defined"):
        page.ask("nowhere.at.all")


def test_a_failing_test_leaves_a_picture_of_each_of_its_pages(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_room, "PICTURES", tmp_path)

    def fail() -> None:
        with Page(browser) as one, Page(browser) as other:
            one.open(address("<script>console.error('no')</script>"))
            other.open(address("<script>console.error('neither')</script>"))
            raise AssertionError

    with pytest.raises(AssertionError) as caught:
        fail()
    test = "test_chromium.py-test_a_failing_test_leaves_a_picture_of_each_of_its_pages"
    pictures = [tmp_path / f"{test}-{number}.png" for number in (1, 2)]
    assert sorted(tmp_path.iterdir()) == pictures
    complaints = ("console: neither", "console: no")
    for note, picture, said in zip(caught.value.__notes__, pictures, complaints, strict=True):
        assert str(picture) in note
        assert said in note


# In a process of its own: the driver of this one's browser may be running in this thread already.
_BROKEN: Final = """
import asyncio, sys
from pathlib import Path
from playwright.sync_api import Error
from tests.browser.chromium import Chromium

try:
    Chromium(Path(sys.argv[1])).__enter__()
except Error:
    asyncio.run(asyncio.sleep(0))
    print("ended")
"""


def test_a_browser_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _BROKEN, tmp_path],
        cwd=PROJECT,
        env={**os.environ, "CHROMIUM": "/bin/false"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "ended\n"


def test_without_a_browser_one_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="make test"):
        install.program(tmp_path)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(LocalError, match="set CHROMIUM to the path"):
        install.install(tmp_path / "none")
    own = tmp_path / "chromium"
    own.touch(mode=0o755)
    assert install.program(tmp_path) == own
    monkeypatch.setenv("CHROMIUM", "/opt/chrome")
    assert install.program(tmp_path) == Path("/opt/chrome")

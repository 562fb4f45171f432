"""The console through API Gateway, in a real browser; its staff sign in at a provider."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.console.provider import SUBJECT
from tests.console.test_journey import walk
from tests.deploy.stack import Deployed

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_staff_sign_in_and_walk_through_the_console(
    browser: Chromium, stack: Deployed, tmp_path: Path
) -> None:
    with Page(browser) as page:
        page.open(f"{stack.address}/console/")
        page.tab.get_by_role("button", name="Sign in").click()
        page.tab.get_by_role("link", name=f"Sign in as {SUBJECT}").click()
        expect(page.tab.get_by_role("button", name="Sign out")).to_be_visible()
        walk(page, stack, tmp_path)
        refused = [text for text in page.complaints if "responded with a status of 409" in text]
        assert page.complaints == refused

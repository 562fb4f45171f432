"""The page of the interface in a real browser: every operation is there, and can be called."""

import json
import re
import urllib.request

import pytest

from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.house.service import Service

pytestmark = pytest.mark.timeout(120)


def test_the_interface_is_read_and_called_under_a_strict_policy(
    service: Service, browser: Chromium
) -> None:
    with urllib.request.urlopen(f"{service.address}/openapi.json", timeout=30) as answer:
        described = json.load(answer)
    operations = sum(len(methods) for methods in described["paths"].values())
    token = service.cli("token", "--channel", "demo", "--scopes", "admin")
    with Page(browser) as page:
        page.open(f"{service.address}/docs")
        page.wait_for("#operations-site-site_health")
        tags = page.tab.locator(".opblock-tag-section")
        # Webhooks have a section of their own below.
        assert page.tab.locator(".opblock").count() == operations + len(described["webhooks"])
        assert tags.count() > 10

        page.tab.get_by_role("button", name="Authorize").first.click()
        field = page.tab.locator(".auth-container", has_text="staff").get_by_role("textbox").first
        field.fill(token)
        page.tab.locator(".auth-container", has_text="staff").get_by_role(
            "button", name="Apply credentials"
        ).first.click()
        page.tab.get_by_role("button", name="Close").first.click()

        called = page.tab.locator("#operations-accounts-accounts_read_account")
        called.get_by_role("button").first.click()
        for name, value in (("channel", "demo"), ("user_pk", "1001"), ("currency", "TRY")):
            called.locator(f"tr[data-param-name={name}] input").fill(value)
        called.get_by_role("button", name=re.compile("^Execute")).click()
        live = called.locator(".live-responses-table")
        live.wait_for()
        assert "50.00" in live.inner_text()
        assert page.complaints == []

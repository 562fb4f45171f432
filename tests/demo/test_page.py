"""The demo storefront as a page: who signs in, by which keys, on which screens."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from chalicelib.routes import demo
from tests.browser.chromium import Chromium
from tests.browser.page import DESKTOP, PHONE, Page
from tests.demo.shopper import (
    BASKET,
    CARD,
    CHECKOUT,
    FUNDS,
    SIGN_IN,
    THANKS,
    choose,
    fill_basket,
    new_shopper,
    sign_in,
    use_credit,
    visiting,
)
from tests.house.service import Service, until

# Contrast of text on its ground, by WCAG 2.2, success criterion 1.4.3.
_CONTRAST: Final = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (part) => part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = rgb(colour).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (each) => {
    const colour = getComputedStyle(each).backgroundColor;
    if (rgb(colour)[3] === 255) return colour;
    return each.parentElement ? ground(each.parentElement) : 'white';
  };
  const speaks = (each) => each.checkVisibility() && !each.closest('[aria-disabled="true"]')
    && [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const contrast = (each) => {
    const both = [getComputedStyle(each).color, ground(each)].map(light);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  };
  return [...document.querySelectorAll('body *')].filter(speaks)
    .filter((each) => contrast(each) < 4.5)
    .map((each) => `${contrast(each)} ${each.textContent.trim()}`);
})()"""

_NAMELESS: Final = """(() => {
  const text = (id) => document.getElementById(id)?.textContent.trim();
  const named = (each) => each.labels?.length || each.textContent.trim()
    || each.getAttribute('aria-label') || text(each.getAttribute('aria-labelledby'));
  return [...document.querySelectorAll('button, input, select, a, [role=tab], [role=tablist]')]
    .filter((each) => each.checkVisibility() && !named(each)).map((each) => each.outerHTML);
})()"""

_DANGLING: Final = """(() => {
  const names = ['for', 'aria-labelledby', 'aria-describedby', 'aria-controls'];
  const named = (each) => names.flatMap((name) => (each.getAttribute(name) ?? '').split(' '));
  return [...document.querySelectorAll(names.map((name) => `[${name}]`))]
    .flatMap(named).filter((id) => id && !document.getElementById(id));
})()"""

SCREENS: Final = {
    "desktop": (DESKTOP, False),
    "phone": (PHONE, False),
    "desktop-dark": (DESKTOP, True),
    "phone-dark": (PHONE, True),
}


def test_serve_prints_where_the_page_is(service: Service) -> None:
    output = service.folder / "serve.out"
    # The service answers a moment before it says so.
    until(lambda: f"{service.address}/demo/" in output.read_text(), "the address is printed")


def test_a_shopper_of_the_demo_data_is_signed_in_by_one_click(
    browser: Chromium, service: Service
) -> None:
    for name in ("Ada", "Grace", "Alan"):
        with visiting(browser, service) as page:
            page.click("#view-sign-in button", name)
            page.wait_for("#who-name", name)
            page.reload()
            page.wait_for("#who-name", name)
            page.click("#change")
            page.wait_for(SIGN_IN)


def test_tabs_share_no_session(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page, visiting(browser, service) as other:
        sign_in(page, new_shopper(service))
        other.reload()
        other.wait_for(SIGN_IN)


def test_the_script_holds_no_session_and_sends_the_token(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service))
        cookies = dict(part.split("=", 1) for part in str(page.ask("document.cookie")).split("; "))
        assert set(cookies) == {"csrftoken", "pz-currency"}
        page.ask("document.cookie = 'csrftoken=other; path=/'")
        fill_basket(page)


def test_a_wrong_password_is_told_and_a_missing_one_at_its_field(
    browser: Chromium, service: Service
) -> None:
    with visiting(browser, service, failing=["400", "400"]) as page:
        page.click("summary", "e-mail address")
        page.fill("#email", "ada@example.com")
        page.click("#sign-in button")
        page.wait_for("#password-error", "required")
        assert page.focused() == "password"
        page.type("wrong")
        page.press("Enter")
        page.wait_for("#notice", "Unable to log in")
        assert page.sees(SIGN_IN)


def test_the_whole_way_by_keys_alone(browser: Chromium, service: Service) -> None:
    email = new_shopper(service)
    with visiting(browser, service) as page:
        tab_to(page, "Sign in with an e-mail address")
        page.press("Enter")
        page.press("Tab")
        page.type(email)
        page.press("Tab")
        page.type("demo")
        page.press("Enter")
        page.wait_for(BASKET)
        assert page.focused() == "basket-title"
        tab_to(page, "total")
        page.press("Enter")
        page.wait_for(CHECKOUT)
        assert page.focused() == "checkout-title"
        tab_to(page, "amount")
        page.type("40")
        page.press("Enter")
        page.wait_for("#credit-used")
        tab_to(page, "tab-2")
        page.press("Enter")
        page.wait_for("#pay-credit")
        assert page.focused() == "tab-2"
        page.press("Tab")
        page.press(" ")
        page.press("Tab")
        page.press("Enter")
        page.wait_for(THANKS)
        assert page.focused() == "thanks-title"


def test_arrows_move_between_the_ways_to_pay(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service))
        fill_basket(page)
        choose(page, CARD)
        visited = []
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
            page.press(key)
            visited.append(page.focused())
        assert visited == ["tab-2", "tab-3", "tab-1", "tab-3", "tab-1", "tab-3"]
        page.press(" ")
        page.wait_for("#funds")
        assert page.ask("document.querySelector('#tab-3').getAttribute('aria-selected')") == "true"


def test_what_is_done_is_said_to_who_cannot_see_it(browser: Chromium, service: Service) -> None:
    with visiting(browser, service) as page:
        sign_in(page, new_shopper(service))
        fill_basket(page)
        use_credit(page, "10")
        page.wait_for("[role=status]", "10.00 of credit")
        assert page.ask("document.querySelector('#notice').getAttribute('role')") == "alert"


@pytest.mark.parametrize("screen", SCREENS)
def test_every_view_fits_its_screen_and_can_be_read(
    browser: Chromium, service: Service, screen: str, tmp_path: Path
) -> None:
    size, dark = SCREENS[screen]
    with visiting(browser, service, size=size, dark=dark) as page:
        look(page, tmp_path / "1-sign-in.png")
        sign_in(page, new_shopper(service))
        look(page, tmp_path / "2-basket.png")
        fill_basket(page)
        choose(page, CARD)
        use_credit(page, "99")
        page.wait_for("#amount-error")
        look(page, tmp_path / "3-error.png")
        use_credit(page, "10")
        page.wait_for("#credit-used")
        page.click("#test-cards button", "is approved")
        page.wait_for("#plans")
        look(page, tmp_path / "4-card.png")
        choose(page, FUNDS)
        look(page, tmp_path / "5-funds.png")
        page.click("button", "Use the most")
        page.wait_for("#panel-none")
        page.click("[role=tab]", "Loyalty Money")
        page.wait_for("#pay-credit")
        look(page, tmp_path / "6-credit.png")
        page.click("#pay-credit [name=agreement]")
        page.click("#pay-credit button")
        page.wait_for(THANKS)
        look(page, tmp_path / "7-thanks.png")


def test_the_page_forbids_what_it_does_not_bring(browser: Chromium, service: Service) -> None:
    with Page(browser) as page:
        page.open(f"{service.address}/demo/")
        page.ask("document.body.append(Object.assign(document.createElement('style')))")
        page.ask("document.body.lastChild.textContent = 'body { color: red }'")
        assert any("Content Security Policy" in said for said in page.complaints)


def test_no_file_of_the_page_holds_what_the_policy_forbids() -> None:
    markup = (demo.FILES / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]* src=)| style=| on\w+=", markup)
    for file in demo.FILES.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|eval\(|document\.write", file.read_text())


def look(page: Page, picture: Path) -> None:
    """Hold a view to what holds for all of them, and keep a picture of it."""
    page.take_picture(picture)
    assert not page.is_wider_than_the_window(), picture
    assert page.ask(_NAMELESS) == [], picture
    assert page.ask(_DANGLING) == [], picture
    assert page.ask(_CONTRAST) == [], picture


def tab_to(page: Page, target: str) -> None:
    """Press Tab until the focus is on an element, by its id or text."""
    for _ in range(40):
        page.press("Tab")
        if page.focused() == target:
            return
    raise AssertionError(f"{json.dumps(target)} cannot be reached by Tab")

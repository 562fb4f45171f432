"""Staff sign in at an identity provider, in a real browser; a token never outlives its tab."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.console.desk import go, title
from tests.console.provider import SUBJECT, SignInProvider, providing
from tests.house.service import Service, running
from tests.outside.provider import AUDIENCE

pytestmark = pytest.mark.long

SIGN_IN = f"Sign in as {SUBJECT}"


@pytest.fixture(scope="module")
def kept_provider() -> Iterator[SignInProvider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def shop(
    kept_provider: SignInProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Run a service whose staff sign in at the provider."""
    folder: Path = tmp_path_factory.mktemp("signed")
    with running(folder, variables=kept_provider.variables) as service:
        yield service


@pytest.fixture
def provider(kept_provider: SignInProvider) -> SignInProvider:
    kept_provider.scope, kept_provider.is_opaque = "admin", False
    kept_provider.changed = {}
    return kept_provider


@contextmanager
def at_the_provider(browser: Chromium, shop: Service, route: str = "") -> Iterator[Page]:
    """Go from a link of the console to the provider's page."""
    with Page(browser) as page:
        page.open(f"{shop.address}/console/#/demo/{route}")
        page.tab.get_by_role("button", name="Sign in").click()
        expect(page.tab.get_by_role("link", name=SIGN_IN)).to_be_visible()
        yield page


def refusal(page: Page) -> str:
    """Return why there is no sign-in, as the way in says it."""
    expect(page.tab.get_by_role("alert")).to_be_visible()
    expect(page.tab.get_by_role("button", name="Sign in")).to_be_visible()
    return page.tab.get_by_role("alert").inner_text()


@pytest.mark.usefixtures("provider")
def test_it_ends_signed_in_where_the_link_led(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop, "accounts/1001/TRY") as page:
        page.tab.get_by_role("link", name=SIGN_IN).click()
        title(page, "Loyalty Account Detail")
        expect(page.tab.get_by_text(SUBJECT)).to_be_visible()
        assert page.tab.url == f"{shop.address}/console/#/demo/accounts/1001/TRY"
        assert page.ask("localStorage.length") == 0
        assert page.ask("Object.keys(sessionStorage)") == ["loyalty-money.token"]
        page.reload()
        title(page, "Loyalty Account Detail")
        with page.tab.expect_request("**/logout?*"):
            page.tab.get_by_role("button", name="Sign out").click()
        expect(page.tab.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.ask("Object.keys(sessionStorage)") == []
        assert page.complaints == []


@pytest.mark.usefixtures("provider")
def test_who_cancels_is_told_and_may_try_again(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop, "users") as page:
        page.tab.get_by_role("link", name="Cancel").click()
        assert refusal(page) == "The sign-in was refused, or cancelled."
        page.tab.get_by_role("button", name="Sign in").click()
        page.tab.get_by_role("link", name=SIGN_IN).click()
        title(page, "Users")


@pytest.mark.usefixtures("provider")
def test_an_answer_to_another_request_signs_nobody_in(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop) as page:
        page.tab.get_by_role("link", name="another state").click()
        assert "state" in refusal(page)
        assert page.ask("sessionStorage.length") == 0


@pytest.mark.usefixtures("provider")
def test_a_refusal_of_another_request_is_not_believed(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop) as page:
        page.open(f"{shop.address}/console/?error=access_denied&state=foreign")
        assert "state" in refusal(page)


@pytest.mark.usefixtures("provider")
def test_what_the_provider_says_is_told(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop) as page:
        back = page.tab.get_by_role("link", name="Cancel").get_attribute("href") or ""
        said = "invalid_scope&error_description=There+is+no+scope+admin."
        page.open(back.replace("access_denied", said))
        assert "invalid_scope: There is no scope admin." in refusal(page)


def test_a_code_that_the_provider_refuses_is_told(
    browser: Chromium, shop: Service, provider: SignInProvider
) -> None:
    with at_the_provider(browser, shop) as page:
        provider.codes.clear()
        page.tab.get_by_role("link", name=SIGN_IN).click()
        assert "invalid_grant" in refusal(page)


@pytest.mark.usefixtures("provider")
def test_a_token_that_cannot_be_fetched_is_told(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop) as page:
        page.tab.route("**/token", lambda route: route.abort())
        page.tab.get_by_role("link", name=SIGN_IN).click()
        assert "let no token be fetched" in refusal(page)


@pytest.mark.usefixtures("provider")
def test_a_token_request_names_the_audience(browser: Chromium, shop: Service) -> None:
    with at_the_provider(browser, shop) as page:
        assert f"audience={AUDIENCE}" in page.tab.url


def test_an_answer_with_another_nonce_signs_nobody_in(
    browser: Chromium, shop: Service, provider: SignInProvider
) -> None:
    with at_the_provider(browser, shop) as page:
        for asked in provider.codes.values():
            asked["nonce"] = "another"
        page.tab.get_by_role("link", name=SIGN_IN).click()
        assert "nonce" in refusal(page)


@pytest.mark.usefixtures("provider")
def test_an_answer_without_a_request_signs_nobody_in(browser: Chromium, shop: Service) -> None:
    with Page(browser) as page:
        page.open(f"{shop.address}/console/?code=stolen&state=x")
        assert "begun in another tab" in refusal(page)
        assert page.tab.url == f"{shop.address}/console/"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"channels": None}, "lacks channels"),
        ({"channels": "demo"}, "channels of the access token is no list"),
        ({"scope": None}, "lacks scope"),
        ({"aud": "another-service"}, "bearer token is not valid"),
    ],
)
def test_a_token_that_is_not_for_this_service_is_told(
    browser: Chromium,
    shop: Service,
    provider: SignInProvider,
    changed: dict[str, object],
    told: str,
) -> None:
    provider.changed = changed
    with at_the_provider(browser, shop, "users") as page:
        page.tab.get_by_role("link", name=SIGN_IN).click()
        assert told in refusal(page)


def test_a_token_that_nobody_can_read_is_told(
    browser: Chromium, shop: Service, provider: SignInProvider
) -> None:
    provider.is_opaque = True
    with at_the_provider(browser, shop) as page:
        page.tab.get_by_role("link", name=SIGN_IN).click()
        assert "no JWT" in refusal(page)


def test_scopes_decide_what_is_offered(
    browser: Chromium, shop: Service, provider: SignInProvider
) -> None:
    provider.scope = "read transfers"
    with at_the_provider(browser, shop, "accounts/1001/TRY") as page:
        page.tab.get_by_role("link", name=SIGN_IN).click()
        expect(page.tab.get_by_label("Transfer Amount")).to_be_visible()
        go(page, "settings/LOYALTY_MONEY_ENABLED")
        title(page, "LOYALTY_MONEY_ENABLED")
        expect(page.tab.get_by_text("may read settings, not set them.")).to_be_visible()
        go(page, "")
        expect(page.tab.get_by_text("Your sign-in may not read the audit.")).to_be_visible()


@pytest.mark.usefixtures("provider")
def test_a_provider_that_does_not_answer_is_told(browser: Chromium, shop: Service) -> None:
    with Page(browser) as page:
        page.open(f"{shop.address}/console/")
        page.tab.route("**/.well-known/*", lambda route: route.abort())
        page.tab.get_by_role("button", name="Sign in").click()
        assert "does not answer" in refusal(page)


@pytest.mark.usefixtures("provider")
def test_the_page_may_speak_with_its_provider_alone(browser: Chromium, shop: Service) -> None:
    with Page(browser) as page:
        page.open(f"{shop.address}/console/")
        asked = "fetch('http://127.0.0.1:9/').then(() => 'let', () => 'refused')"
        assert page.ask(asked) == "refused"
        assert any("connect-src" in said for said in page.complaints)

"""What the screens of distributions show: rows, page by page and as files, to everybody."""

import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import Chromium
from tests.browser.page import DESKTOP, PHONE
from tests.console.campaign import (
    SPENT,
    csv_of,
    download,
    fact,
    fill,
    midway,
    press,
    stands,
    state,
    upload,
)
from tests.console.desk import (
    VISITOR,
    answer,
    desk,
    go,
    new_account,
    question,
    row,
)
from tests.console.test_screens import check
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long


# --- rows ---------------------------------------------------------------------------------------


def test_bad_rows_come_page_by_page_and_as_a_file_without_formulas(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source = new_account(service, "100.00")
    formula = '=HYPERLINK("http://x")'
    quoted = '"' + formula.replace('"', '""') + '"'
    content = csv_of(*(f"nobody-{number},1.00," for number in range(51)), f"{quoted},1.00,")
    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, content)
        expect(row(page, "Bad rows", "")).to_have_count(50)
        page.tab.get_by_role("button", name="Show more").first.click()
        expect(row(page, "Bad rows", "")).to_have_count(52)
        # There is nothing to credit.
        expect(page.tab.get_by_role("button", name="Run", exact=True)).to_have_count(0)
        rows = download(page, "Bad rows", f"{name}-bad-rows.csv")
        assert list(rows[0]) == ["line", "recipient", "amount", "code", "detail"]
        assert [each["line"] for each in rows] == [str(line) for line in range(2, 54)]
        assert rows[-1]["recipient"] == "'=…"
        assert rows[-1]["code"] == "formula"
        page.tab.get_by_role("link", name="Upload a mended file").click()
        expect(page.tab.get_by_label("Primary account")).to_have_value(source)


def test_a_row_that_failed_is_told_with_its_reason(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    """A user is never deleted, so the row is made to fail on its way to the page."""
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    failed = {"outcome": "failed", "code": "unknown_user", "detail": "Not registered any more."}

    def fail(route: Route) -> None:
        answered = route.fetch()
        items = [each | failed for each in answered.json()["items"]] or [
            {"line": 2, "recipient": ada, "user_pk": ada, "amount": "5.00", **failed}
        ]
        route.fulfill(response=answered, json={"items": items, "next_cursor": None})

    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        where, tell = stands(name, failed_rows=1)
        page.tab.route(where, tell)
        page.tab.route("**/rows?**outcome=failed**", fail)
        press(page, "Run")
        answer(page, "Run")
        state(page, "Closed")
        fact(page, "Failed", "1 row")
        expect(row(page, "Failed rows", "Unknown user")).to_contain_text("Not registered any more.")
        rows = download(page, "Failed rows", f"{name}-failed-rows.csv")
        assert [(each["line"], each["code"]) for each in rows] == [("2", "unknown_user")]


# --- for everybody ------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_state_can_be_read_by_everybody(
    browser: Chromium, service: Service, tmp_path: Path, size: tuple[int, int], *, dark: bool
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions", dark=dark, size=size) as page:
        fill(page, tmp_path, source, csv_of(f"{ada},5.00,", "nobody,1.00,"))
        expect(page.tab.locator("figure")).to_be_visible()
        check(page, tmp_path / "form.png")
        page.tab.get_by_label("Distribution ID").fill("new")
        press(page, "Preview")
        expect(page.tab.get_by_text("Write letters, digits")).to_be_visible()
        check(page, tmp_path / "wrong.png")
        name = f"d{secrets.token_hex(5)}"
        page.tab.get_by_label("Distribution ID").fill(name)
        press(page, "Preview")
        expect(row(page, "Rows by outcome", ada)).to_have_count(1)
        press(page, "Run")
        expect(page.tab.get_by_text("Say first that the bad rows")).to_be_visible()
        check(page, tmp_path / "previewed.png")
        page.tab.get_by_label("Credit the 1 good row").check()
        press(page, "Run")
        expect(question(page)).to_be_visible()
        check(page, tmp_path / "question.png")
        where, tell = stands(name, **midway(rows=1, done=0))
        page.tab.route(where, tell)
        answer(page, "Run")
        expect(page.tab.get_by_role("progressbar")).to_be_visible()
        expect(row(page, "Rows by outcome", ada)).to_have_count(1)
        check(page, tmp_path / "running.png")
        page.tab.unroute_all()
        state(page, "Closed")
        ask_as_staff(service, "PUT", f"/accounts/{ada}/TRY/adjustments/a-{name}", SPENT)
        press(page, "Undo")
        answer(page, "Undo")
        expect(row(page, "Spent rows", ada)).to_have_count(1)
        check(page, tmp_path / "undone.png")
        go(page, "distributions")
        expect(row(page, "Distributions", name)).to_have_count(1)
        check(page, tmp_path / "list.png")


def test_a_browser_in_turkish_shows_amounts_as_turks_write_them(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "2000.00"), new_account(service, "0")
    with desk(browser, service, "distributions", locale="tr-TR") as page:
        upload(page, tmp_path, source, csv_of(f"{ada},1234.50,"))
        fact(page, "Total", "₺1.234,50")
        fact(page, "Remains after it", "₺765,50")


def test_who_may_only_look_is_offered_no_step(browser: Chromium, service: Service) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    name = f"d{secrets.token_hex(5)}"
    body = {"source": source, "currency": "TRY", "rows": [{"user_pk": ada, "amount": "1.00"}]}
    ask_as_staff(service, "PUT", f"/distributions/{name}", body)
    with desk(browser, service, f"distributions/{name}", who=VISITOR) as page:
        state(page, "Previewed")
        expect(page.tab.get_by_text("Your sign-in may not run distributions.")).to_be_visible()
        for button in ("Run", "Cancel"):
            expect(page.tab.get_by_role("button", name=button, exact=True)).to_have_count(0)
        go(page, "distributions")
        expect(row(page, "Distributions", name)).to_contain_text("Previewed")
        expect(page.tab.get_by_role("button", name="+ New Distribution")).to_have_count(0)
        go(page, "distributions/new")
        expect(page.tab.get_by_text("Your sign-in may not distribute credit.")).to_be_visible()


def test_a_distribution_that_is_not_there_is_told(browser: Chromium, service: Service) -> None:
    with desk(browser, service, "distributions/no-such-one", failing=["404"]) as page:
        expect(page.tab.get_by_role("alert")).to_contain_text("No distribution with this id")

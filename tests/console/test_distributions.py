"""Distributions in the console: a file, its preview, its run to the end, and what became of it."""

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.browser.page import PHONE, Page
from tests.console.desk import (
    answer,
    balance_of,
    desk,
    go,
    new_account,
    question,
    row,
    title,
    told,
)
from tests.console.test_screens import check
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long


def upload(page: Page, folder: Path, source: str, content: bytes, *, name: str = "") -> str:
    """Fill in the form of a new distribution and ask for its preview; return its id."""
    name = name or f"d{secrets.token_hex(5)}"
    file = folder / "campaign.csv"
    file.write_bytes(content)
    go(page, "distributions/new")
    title(page, "New Distribution")
    page.tab.get_by_label("Primary account").fill(source)
    expect(page.tab.get_by_text("available.")).to_be_visible()
    page.tab.get_by_label("File (CSV)").set_input_files(file)
    page.tab.get_by_label("Distribution ID").fill(name)
    page.tab.get_by_role("button", name="Preview").click()
    return name


def state(page: Page, text: str) -> None:
    """Wait until a distribution is in a state."""
    expect(page.tab.get_by_role("heading", level=2, name=text, exact=True)).to_be_visible()


def press(page: Page, button: str) -> None:
    page.tab.get_by_role("button", name=button, exact=True).click()


def file_for(*rows: str) -> bytes:
    return "\n".join(["user_pk,amount,note", *rows, ""]).encode()


def test_a_campaign_from_its_file_to_its_undoing(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada, grace = (new_account(service, balance) for balance in ("100.00", "0", "0"))
    content = file_for(f"{ada},5.00,Spring", "nobody,1.00,", f"{grace},x,", f"{grace},2.50,")
    with desk(browser, service, "distributions") as page:
        page.tab.get_by_role("link", name="Distributions").click()
        title(page, "Distributions")
        name = upload(page, tmp_path, source, content)
        title(page, "Distribution Detail")
        state(page, "Previewed")
        expect(page.tab.get_by_text("invalid amount: 1, unknown user: 1")).to_be_visible()
        expect(row(page, "Rows", "No such user is registered")).to_contain_text("3")
        run = page.tab.get_by_role("button", name="Run", exact=True)
        expect(run).to_be_disabled()
        page.tab.get_by_label("Credit the 2 good rows").check()
        run.click()
        expect(question(page)).to_contain_text("TRY\u00a0100.00 becomes TRY\u00a092.50")
        answer(page, "Run")
        state(page, "Closed")
        expect(told(page)).to_contain_text(f"The distribution {name} runs.")
        page.tab.get_by_label("Show").select_option("credited")
        expect(row(page, "Rows", "")).to_have_count(2)
        assert [balance_of(service, each) for each in (source, ada, grace)] == [
            "92.50",
            "5.00",
            "2.50",
        ]
        page.tab.get_by_role("link", name=ada).click()
        expect(row(page, "Account activities", "Distribution")).to_contain_text("Spring")
        row(page, "Account activities", "Distribution").get_by_role("link", name=name).click()
        ask_as_staff(service, "PUT", f"/accounts/{ada}/TRY/adjustments/a-{name}", SPENT)
        press(page, "Undo")
        expect(question(page)).to_contain_text("What is spent or held stays.")
        answer(page, "Undo")
        state(page, "Undone")
        expect(row(page, "Rows", ada)).to_contain_text("TRY\u00a03.00")
        assert [balance_of(service, each) for each in (source, ada, grace)] == [
            "98.00",
            "0.00",
            "0.00",
        ]
        go(page, "distributions")
        expect(row(page, "Distributions", name)).to_contain_text("Undone")


SPENT = {"amount": "-2.00", "reason": "spent"}


def test_a_double_click_and_a_lost_answer_credit_once(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, file_for(f"{ada},5.00,"))
        state(page, "Previewed")
        press(page, "Run")
        question(page).get_by_role("button", name="Run", exact=True).dblclick()
        state(page, "Closed")
        page.reload()
        state(page, "Closed")
    assert balance_of(service, ada) == "5.00"
    assert balance_of(service, source) == "95.00"


def test_a_preview_is_cancelled_and_nothing_moves(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, file_for(f"{ada},5.00,"))
        press(page, "Cancel the distribution")
        answer(page, "Cancel the distribution")
        state(page, "Cancelled")
        expect(row(page, "Rows", "Cancelled")).to_have_count(1)
    assert balance_of(service, source) == "100.00"


def test_a_file_that_cannot_be_read_is_told_at_its_field(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source = new_account(service, "100.00")
    with desk(browser, service, "distributions", failing=["422"]) as page:
        upload(page, tmp_path, source, b"who,what\nada,1\n")
        field = page.tab.get_by_label("File (CSV)")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.tab.get_by_text("The first line is 'who, what'.")).to_be_visible()
        expect(field).to_be_focused()


def test_turkish_excel_is_read_in_its_own_encoding(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    content = f"user_pk;amount;note\r\n{ada};5.00;çay için\r\n".encode("cp1254")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, content)
        expect(page.tab.get_by_text("not in this encoding")).to_be_visible()
        page.tab.get_by_label("Encoding of the file").select_option("windows-1254")
        press(page, "Preview")
        state(page, "Previewed")
        expect(row(page, "Rows", ada)).to_contain_text("çay için")


def test_what_is_missing_is_told_at_its_field(browser: Chromium, service: Service) -> None:
    with desk(browser, service, "distributions/new") as page:
        page.tab.get_by_label("Primary account").fill("nothing")
        press(page, "Preview")
        expect(page.tab.get_by_text("an account that there is")).to_be_visible()
        expect(page.tab.get_by_text("Choose a file.")).to_be_visible()
        expect(page.tab.get_by_label("Primary account")).to_be_focused()


def test_more_than_there_is_is_told_and_refused(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "1.00"), new_account(service, "0")
    with desk(browser, service, "distributions", failing=["409"]) as page:
        upload(page, tmp_path, source, file_for(f"{ada},5.00,"))
        expect(page.tab.get_by_text("It does not have enough")).to_be_visible()
        press(page, "Run")
        expect(question(page)).to_contain_text("more than is available")
        answer(page, "Run")
        expect(page.tab.get_by_role("alert")).to_contain_text("1.00 TRY is available")
        state(page, "Previewed")


def test_rows_are_a_file_for_a_spreadsheet(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, file_for(f"{ada},5.00,", "=x,1.00,"))
        page.tab.get_by_label("Show").select_option("refused")
        expect(row(page, "Rows", "")).to_have_count(1)
        with page.tab.expect_download() as download:
            press(page, "Export as CSV")
        text = Path(download.value.path()).read_text("utf-8-sig")
    assert text.splitlines()[0].startswith("line,recipient,")
    assert re.search(r"^3,'=x,,1.00,,refused,,formula,", text, re.MULTILINE)


@pytest.mark.parametrize("dark", [False, True])
def test_the_screens_are_accessible(
    browser: Chromium, service: Service, tmp_path: Path, dark: bool
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions", dark=dark, size=PHONE) as page:
        upload(page, tmp_path, source, file_for(f"{ada},5.00,", "nobody,1.00,"))
        state(page, "Previewed")
        expect(row(page, "Rows", ada)).to_have_count(1)
        for route in ("", "distributions/new", "distributions"):
            if route:
                go(page, route)
                page.tab.wait_for_load_state("networkidle")
            assert not page.is_wider_than_the_window()
            check(page)


def test_who_may_only_look_sees_no_steps(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    name = f"d{secrets.token_hex(5)}"
    body = {"source": source, "currency": "TRY", "rows": [{"user_pk": ada, "amount": "1.00"}]}
    ask_as_staff(service, "PUT", f"/distributions/{name}", body)
    with desk(browser, service, f"distributions/{name}", who="Only look around") as page:
        state(page, "Previewed")
        expect(page.tab.get_by_role("button", name="Run", exact=True)).to_have_count(0)
        go(page, "distributions")
        title(page, "Distributions")
        expect(page.tab.get_by_role("button", name="+ New Distribution")).to_have_count(0)

"""The upload of a distribution: what is told at its fields, and what the service is sent."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.console.campaign import (
    FILE,
    csv_of,
    fact,
    fill,
    press,
    state,
    upload,
)
from tests.console.desk import (
    answer,
    balance_of,
    desk,
    new_account,
    row,
)
from tests.house.service import Service

pytestmark = pytest.mark.long


def test_what_is_missing_is_told_at_its_field(browser: Chromium, service: Service) -> None:
    with desk(browser, service, "distributions/new") as page:
        tab = page.tab
        tab.get_by_label("Primary account").fill("no-such-account")
        expect(tab.get_by_text("demo has no such account, as yet.")).to_be_visible()
        tab.get_by_label("Distribution ID").fill("çay")
        press(page, "Preview")
        expect(tab.get_by_text("Name an account of this channel.")).to_be_visible()
        expect(tab.get_by_text("Choose a file.")).to_be_visible()
        expect(tab.get_by_text("Write letters, digits, - and _")).to_be_visible()
        expect(tab.get_by_label("Primary account")).to_be_focused()


def test_a_user_with_accounts_in_two_currencies_has_one_chosen(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    ada = new_account(service, "0", "USD")
    content = f"account_id,amount\n{ada},1.00\n".encode()
    with desk(browser, service, "distributions/new?source=grace@example.com") as page:
        tab = page.tab
        file = tmp_path / "campaign.csv"
        file.write_bytes(content)
        expect(tab.get_by_text("grace@example.com has 2 accounts.")).to_be_visible()
        tab.get_by_label(FILE).set_input_files(file)
        press(page, "Preview")
        expect(tab.get_by_text("Choose the currency.")).to_be_visible()
        tab.get_by_label("Currency").select_option("USD")
        expect(tab.get_by_text("available on grace-usd.")).to_be_visible()
        press(page, "Preview")
        state(page, "Previewed")
        fact(page, "Primary account", "grace-usd")
        press(page, "Cancel")
        answer(page, "Cancel the distribution")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"who,what\nada,1\n", "The first line is 'who,what'."),
        (b"user_pk,amount\n", "There are no rows."),
    ],
)
def test_a_file_without_its_columns_or_rows_is_told_at_its_field(
    browser: Chromium, service: Service, tmp_path: Path, content: bytes, complaint: str
) -> None:
    source = new_account(service, "100.00")
    with desk(browser, service, "distributions", failing=["422"]) as page:
        upload(page, tmp_path, source, content)
        field = page.tab.get_by_label(FILE)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        expect(page.tab.get_by_text(complaint)).to_be_visible()


def test_a_file_over_four_megabytes_is_not_sent(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source = new_account(service, "100.00")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, csv_of(f"x,1.00,{'n' * 4 * 1024 * 1024}"))
        expect(page.tab.get_by_text("The file has more than 4 MB.")).to_be_visible()
        assert not [post for post in page.posts if "/distributions/" in post.path]


def test_turkish_excel_is_read_in_its_own_encoding(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    content = f"user_pk;amount;note\r\n{ada};5.00;Ayşe için çay\r\n".encode("cp1254")
    with desk(browser, service, "distributions") as page:
        fill(page, tmp_path, source, content)
        expect(page.tab.get_by_text("This file is not in UTF-8.")).to_be_visible()
        expect(page.tab.get_by_label(FILE)).to_have_attribute("aria-invalid", "true")
        press(page, "Read it as Windows-1254")
        expect(page.tab.get_by_label("Encoding of the file")).to_have_value("windows-1254")
        expect(page.tab.locator("figure")).to_contain_text("Ayşe için çay")
        press(page, "Preview")
        state(page, "Previewed")
        expect(row(page, "Rows by outcome", ada)).to_contain_text("Ayşe için çay")


def test_a_file_that_was_changed_after_it_was_chosen_is_chosen_again(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        fill(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        expect(page.tab.locator("figure")).to_contain_text(ada)
        (tmp_path / "campaign.csv").write_bytes(csv_of(f"{ada},500.00,once more"))
        press(page, "Preview")
        expect(page.tab.get_by_text("Choose it again.")).to_be_visible()
        with page.tab.expect_file_chooser() as waiting:
            page.tab.get_by_label(FILE).click()
        expect(page.tab.locator("figure")).to_have_count(0)
        waiting.value.set_files(tmp_path / "campaign.csv")
        expect(page.tab.locator("figure")).to_contain_text("once more")
        press(page, "Preview")
        fact(page, "Total", "TRY\u00a0500.00")


def test_an_id_that_has_another_content_is_told_at_its_field(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions", failing=["409"]) as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        state(page, "Previewed")
        upload(page, tmp_path, source, csv_of(f"{ada},6.00,"), name)
        expect(page.tab.get_by_label("Distribution ID")).to_be_focused()
        expect(page.tab.get_by_text("use a new id")).to_be_visible()


def test_missing_accounts_are_opened_if_that_is_said(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0", "USD")
    with desk(browser, service, "distributions") as page:
        fill(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        page.tab.get_by_label("Open missing accounts").check()
        press(page, "Preview")
        fact(page, "Accounts to open", "1")
        # There is no account to look at before it is opened.
        expect(row(page, "Rows by outcome", ada).get_by_role("link")).to_have_count(0)
        press(page, "Run")
        answer(page, "Run")
        state(page, "Closed")
        row(page, "Rows by outcome", ada).get_by_role("link").click()
        expect(row(page, "Account activities", "Distribution")).to_have_count(1)
    assert balance_of(service, ada) == "5.00"


def test_the_sample_is_a_file_that_can_be_uploaded(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    with desk(browser, service, "distributions/new") as page:
        with page.tab.expect_download() as waiting:
            page.tab.get_by_role("link", name="Download a sample").click()
        assert waiting.value.suggested_filename == "sample.csv"
        sample = waiting.value.path().read_bytes()
        upload(page, tmp_path, "treasury", sample)
        fact(page, "Rows to credit", "2")
        press(page, "Cancel")
        answer(page, "Cancel the distribution")

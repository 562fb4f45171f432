"""Distributions in the console: once, watched to their end, and refused where they must be."""

from pathlib import Path

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.chromium import Chromium
from tests.console.campaign import (
    SPENT,
    balances,
    csv_of,
    download,
    ended,
    fact,
    fill,
    midway,
    press,
    stands,
    state,
    upload,
)
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
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long


# --- the whole way ------------------------------------------------------------------------------


def test_a_campaign_from_its_file_to_its_undoing(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    names = [new_account(service, balance) for balance in ("100.00", "0", "0")]
    source, ada, grace = names
    content = csv_of(f"{ada},5.00,Spring", "nobody,1.00,", f"{grace},x,", f"{grace},2.50,")
    with desk(browser, service, "distributions") as page:
        title(page, "Distributions")
        press(page, "+ New Distribution")
        name = upload(page, tmp_path, source, content)
        title(page, "Distribution Detail")
        state(page, "Previewed")
        fact(page, "Total", "TRY\u00a07.50")
        fact(page, "Remains after it", "TRY\u00a092.50")
        expect(page.tab.get_by_text("2 rows cannot be credited.")).to_be_visible()
        expect(row(page, "Bad rows", "No such user is registered")).to_contain_text("3nobody")
        expect(row(page, "Rows by outcome", "")).to_have_count(2)
        assert balances(service, names) == ["100.00", "0.00", "0.00"]

        press(page, "Run")
        leave_out = page.tab.get_by_label("Credit the 2 good rows and leave the 2 bad rows out")
        expect(leave_out).to_be_focused()
        expect(leave_out).to_have_attribute("aria-invalid", "true")
        leave_out.check()
        press(page, "Run")
        expect(question(page)).to_contain_text("TRY\u00a0100.00 becomes TRY\u00a092.50")
        answer(page, "Run")
        state(page, "Closed")
        expect(told(page)).to_contain_text("The run has begun: TRY\u00a07.50 in 2 rows.")
        fact(page, "Credited", "TRY\u00a07.50 in 2 rows")
        page.tab.get_by_label("Outcome", exact=True).select_option("credited")
        expect(row(page, "Rows by outcome", "")).to_have_count(2)
        assert balances(service, names) == ["92.50", "5.00", "2.50"]

        page.tab.get_by_role("link", name=ada).click()
        expect(row(page, "Account activities", "Distribution")).to_contain_text("Spring")
        row(page, "Account activities", "Distribution").get_by_role("link", name=name).click()
        ask_as_staff(service, "PUT", f"/accounts/{ada}/TRY/adjustments/a-{name}", SPENT)
        press(page, "Undo")
        expect(question(page)).to_contain_text("What was spent stays spent.")
        answer(page, "Undo")
        state(page, "Undone")
        fact(page, "Taken back", "TRY\u00a05.50 in 2 rows")
        fact(page, "Stays with customers", "TRY\u00a02.00")
        expect(row(page, "Spent rows", "")).to_have_count(1)
        expect(row(page, "Spent rows", ada)).to_contain_text("TRY\u00a03.00")
        rows = download(page, "Spent in part or whole", f"{name}-spent-rows.csv")
        assert [(each["user_pk"], each["returned"]) for each in rows] == [(ada, "3.00")]
        assert balances(service, names) == ["98.00", "0.00", "0.00"]
        go(page, "distributions")
        expect(row(page, "Distributions", name)).to_contain_text("Undone")
        expect(row(page, "Distributions", name)).to_contain_text("2 of 4")


# --- once ---------------------------------------------------------------------------------------


def test_a_double_click_credits_once(browser: Chromium, service: Service, tmp_path: Path) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        state(page, "Previewed")
        press(page, "Run")
        question(page).get_by_role("button", name="Run", exact=True).dblclick()
        state(page, "Closed")
        assert len([post for post in page.posts if post.path.endswith(f"{name}/run")]) == 1
    assert balances(service, [source, ada]) == ["95.00", "5.00"]


@pytest.mark.parametrize("arrives", [True, False], ids=["answer", "request"])
def test_what_is_lost_on_its_way_credits_once(
    browser: Chromium, service: Service, tmp_path: Path, *, arrives: bool
) -> None:
    def lose(route: Route) -> None:
        if arrives:
            route.fetch()
        route.abort()

    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        page.tab.route("**/run", lose, times=1)
        press(page, "Run")
        answer(page, "Run")
        if not arrives:
            expect(page.tab.get_by_role("alert")).to_contain_text("Repeating it is safe.")
            press(page, "Run")
            answer(page, "Run")
        state(page, "Closed")
        expect(page.tab.get_by_role("alert")).to_have_count(0)
        page.complaints.clear()
    assert balances(service, [source, ada]) == ["95.00", "5.00"]


def test_an_upload_without_an_answer_keeps_its_id(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        fill(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        page.tab.get_by_label("Distribution ID").fill("")
        page.tab.route("**/distributions/*", lose_the_answer, times=1)
        press(page, "Preview")
        expect(page.tab.get_by_role("alert")).to_contain_text("Nothing has moved.")
        press(page, "Preview")
        state(page, "Previewed")
        expect(told(page)).to_contain_text("The same was uploaded before under this ID.")
        sent = [post.path for post in page.posts if "/distributions/" in post.path]
        assert len(sent) == 2
        assert len(set(sent)) == 1
        page.complaints.clear()


# --- while it goes on ---------------------------------------------------------------------------


def test_a_run_is_watched_over_a_reload_to_its_end(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, *names = (new_account(service, balance) for balance in ("100.00", "0", "0", "0"))
    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, csv_of(*(f"{each},5.00," for each in names)))
        state(page, "Previewed")
        where, tell = stands(name, **midway(rows=3, done=2))
        page.tab.route(where, tell)
        press(page, "Run")
        answer(page, "Run")
        state(page, "Running")
        # The button that was pressed is gone, and the focus is where one reads on.
        expect(page.tab.get_by_role("heading", level=2, name="Running")).to_be_focused()
        bar = page.tab.get_by_role("progressbar")
        expect(bar).to_have_attribute("value", "2")
        expect(bar).to_have_attribute("max", "3")
        expect(page.tab.get_by_text("2 of 3 rows")).to_be_visible()
        expect(page.tab.locator("[aria-live]")).to_have_text("Running: 50% of the rows are done.")
        page.reload()
        state(page, "Running")
        page.tab.unroute_all()
        state(page, "Closed")
        expect(bar).to_have_count(0)
        expect(row(page, "Rows by outcome", "Credited")).to_have_count(3)
    assert balances(service, [source, *names]) == ["85.00", "5.00", "5.00", "5.00"]


def test_what_stands_still_is_pushed_on_and_nothing_looks_after_one_has_left(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    looks: list[str] = []

    def note(request: Request) -> None:
        if request.method == "GET":
            looks.append(request.url)

    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        state(page, "Previewed")
        page.tab.clock.install()
        where, tell = stands(name, **midway(rows=1, done=0))
        page.tab.route(where, tell)
        press(page, "Run")
        answer(page, "Run")
        state(page, "Running")
        resume = page.tab.get_by_role("button", name="Resume")
        expect(resume).to_have_count(0)
        for _ in range(12):
            with page.tab.expect_response(where):
                page.tab.clock.run_for(5000)
        resume.click()
        page.tab.clock.run_for(1000)
        expect(told(page)).to_contain_text("What was left was sent once more.")
        runs = [post.path for post in page.posts if post.path.endswith("/run")]
        assert len(runs) == 2
        go(page, "")
        page.tab.clock.run_for(1000)
        title(page, "Home")
        page.tab.on("request", note)
        page.tab.clock.run_for(60_000)
        assert not [look for look in looks if look.endswith(name)]
        page.complaints.clear()
    assert balances(service, [source, ada]) == ["95.00", "5.00"]


def test_a_look_that_fails_is_told_beside_what_is_known(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        state(page, "Previewed")
        where, tell = stands(name, **midway(rows=1, done=0))
        page.tab.route(where, tell)
        press(page, "Run")
        answer(page, "Run")
        state(page, "Running")
        page.tab.route(where, lambda route: route.abort())
        expect(page.tab.get_by_role("alert")).to_contain_text("The service did not answer.")
        state(page, "Running")
        page.tab.unroute_all()
        state(page, "Closed")
        expect(page.tab.get_by_role("alert")).to_have_count(0)
        page.complaints.clear()


# --- refused ------------------------------------------------------------------------------------


def test_a_preview_is_cancelled_and_nothing_moves(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions") as page:
        upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        press(page, "Cancel")
        answer(page, "Back")
        state(page, "Previewed")
        press(page, "Cancel")
        answer(page, "Cancel the distribution")
        state(page, "Cancelled")
        expect(page.tab.get_by_text("It was cancelled before it ran.")).to_be_visible()
        expect(row(page, "Rows by outcome", "Cancelled")).to_have_count(1)
        for button in ("Run", "Cancel", "Undo"):
            expect(page.tab.get_by_role("button", name=button, exact=True)).to_have_count(0)
    assert balances(service, [source, ada]) == ["100.00", "0.00"]


def test_a_run_that_comes_too_late_shows_how_it_stands(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions", failing=["409"]) as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        press(page, "Run")
        expect(question(page)).to_be_visible()
        ask_as_staff(service, "POST", f"/distributions/{name}/cancel")
        answer(page, "Run")
        state(page, "Cancelled")
    assert balances(service, [source, ada]) == ["100.00", "0.00"]


def test_a_run_is_cancelled_with_its_numbers_unless_it_is_over(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0")
    with desk(browser, service, "distributions", failing=["409"]) as page:
        name = upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        state(page, "Previewed")
        where, tell = stands(name, **midway(rows=2, done=1), credited="2.00")
        page.tab.route(where, tell)
        press(page, "Run")
        answer(page, "Run")
        press(page, "Cancel")
        expect(question(page)).to_contain_text("Credited so far, which stays")
        fact(page, "at most", "TRY\u00a03.00")
        ended(service, name)
        answer(page, "Cancel the distribution")
        expect(page.tab.get_by_role("alert")).to_contain_text("It is closed.")
        page.tab.unroute_all()
        state(page, "Closed")
        expect(page.tab.get_by_role("alert")).to_have_count(0)


def test_a_preview_that_was_renewed_is_looked_at_again_before_it_runs(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "100.00"), new_account(service, "0", "USD")
    content = csv_of(f"{ada},5.00,", f"{source},1.00,")
    with (
        desk(browser, service, "distributions", failing=["409"]) as page,
        desk(browser, service, "distributions") as other,
    ):
        grace = new_account(service, "0")
        content += f"{grace},2.00,\n".encode()
        name = upload(page, tmp_path, source, content)
        page.tab.get_by_label("Credit the 1 good row").check()
        press(page, "Run")
        opened = {"user_pk": ada, "currency": "TRY", "balance": "0", "debit_card_allowed": False}
        ask_as_staff(service, "POST", "/accounts", opened)
        upload(other, tmp_path, source, content, name)
        expect(told(other)).to_contain_text("It was looked up anew.")
        answer(page, "Run")
        expect(page.tab.get_by_role("alert")).to_contain_text("look at it again before it runs")
        fact(page, "Total", "TRY\u00a07.00")
        expect(row(page, "Rows by outcome", "")).to_have_count(2)
        assert balance_of(service, source) == "100.00"
        press(page, "Run")
        answer(page, "Run")
        state(page, "Closed")
    assert balances(service, [source, ada, grace]) == ["93.00", "5.00", "2.00"]


def test_more_than_there_is_is_told_and_refused(
    browser: Chromium, service: Service, tmp_path: Path
) -> None:
    source, ada = new_account(service, "1.00"), new_account(service, "0")
    with desk(browser, service, "distributions", failing=["409"]) as page:
        upload(page, tmp_path, source, csv_of(f"{ada},5.00,"))
        expect(page.tab.get_by_text("does not have enough")).to_be_visible()
        press(page, "Run")
        expect(question(page)).to_contain_text("more than is available, and will be refused")
        answer(page, "Run")
        expect(page.tab.get_by_role("alert")).to_contain_text("1.00 TRY is available")
        state(page, "Previewed")
    assert balances(service, [source, ada]) == ["1.00", "0.00"]

"""Credit moves once: whatever is clicked twice, lost on its way, reloaded, or raced for."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.console.desk import (
    VISITOR,
    answer,
    balance_of,
    desk,
    fill_transfer,
    go,
    new_account,
    question,
    row,
    told,
)
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long

TRANSFERS = "**/transfers/*"


def lose_the_answer(route: Route) -> None:
    """Let the service do it, and lose what it says."""
    route.fetch()
    route.abort()


def lose_the_request(route: Route) -> None:
    """Let nothing arrive."""
    route.abort()


def fail(route: Route) -> None:
    """Answer as a service that broke in the middle, after it was done."""
    route.fetch()
    problem = {"code": "internal_error", "detail": "Something broke here.", "status": 500}
    route.fulfill(status=500, content_type="application/problem+json", body=json.dumps(problem))


def time_out(route: Route) -> None:
    """Answer that nobody knows, without doing it."""
    problem = {"code": "outcome_unknown", "detail": "Nobody knows.", "status": 504}
    route.fulfill(status=504, content_type="application/problem+json", body=json.dumps(problem))


MISHAPS: dict[str, Callable[[Route], None]] = {
    "the answer is lost": lose_the_answer,
    "the request is lost": lose_the_request,
    "the service breaks": fail,
    "the outcome is unknown": time_out,
}


def alert(page: Page) -> str:
    """Return what stands at the top about an intent whose answer is missing."""
    expect(page.tab.get_by_role("alert")).to_have_count(1)
    return page.tab.get_by_role("alert").inner_text()


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("reloaded", [False, True], ids=["", "reloaded"])
def test_a_transfer_without_an_answer_is_sent_again_and_made_once(
    browser: Chromium, service: Service, mishap: str, *, reloaded: bool
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, MISHAPS[mishap], times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        assert "Nobody knows yet" in alert(page)
        if reloaded:
            page.reload()
            assert "Nobody knows yet" in alert(page)
        # Nothing new is begun meanwhile.
        expect(page.tab.get_by_role("button", name="Save")).to_be_disabled()
        page.tab.get_by_role("button", name="Send it again").click()
        expect(told(page)).to_contain_text("Transferred TRY\u00a020.00")
        expect(page.tab.get_by_role("alert")).to_have_count(0)
        expect(row(page, "Account activities", target)).to_have_count(1)
        expect(page.tab.get_by_role("button", name="Save")).to_be_enabled()
        page.complaints.clear()
    assert (balance_of(service, source), balance_of(service, target)) == ("30.00", "20.00")


@pytest.mark.parametrize("made", [True, False])
def test_it_can_be_looked_up_and_is_given_up_only_when_it_cannot_arrive_any_more(
    browser: Chromium, service: Service, *, made: bool
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.clock.install()
        page.tab.route(TRANSFERS, lose_the_answer if made else lose_the_request, times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        look = page.tab.get_by_role("button", name="Look whether it was made")
        look.click()
        if made:
            expect(told(page)).to_contain_text("Transferred")
        else:
            expect(page.tab.get_by_role("alert")).to_contain_text("It may still arrive")
            page.tab.clock.fast_forward(60_000)
            look.click()
            expect(told(page)).to_contain_text("Not made: Transferred")
        expect(page.tab.get_by_role("alert")).to_have_count(0)
        page.complaints.clear()
    assert balance_of(service, target) == ("20.00" if made else "0.00")


def test_a_double_click_moves_credit_once(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        fill_transfer(page, target, "20")
        question(page).get_by_role("button", name="Transfer", exact=True).dblclick()
        expect(told(page)).to_contain_text("Transferred")
        sent = [post for post in page.posts if "/transfers/" in post.path]
        assert len(sent) == 1
    assert balance_of(service, target) == "20.00"


def test_a_reload_while_it_is_sent_moves_credit_once(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.tab.route(TRANSFERS, hold, times=1)
        fill_transfer(page, target, "20")
        question(page).get_by_role("button", name="Transfer", exact=True).click()
        expect(question(page).get_by_role("button", name="Cancel")).to_be_disabled()
        [route] = held
        route.fetch()
        page.reload()
        assert "Nobody knows yet" in alert(page)
        page.tab.get_by_role("button", name="Send it again").click()
        expect(told(page)).to_contain_text("Transferred")
        page.complaints.clear()
    assert balance_of(service, target) == "20.00"


def test_a_key_that_is_held_down_confirms_nothing(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        fill_transfer(page, target, "20")
        expect(question(page)).to_be_visible()
        for _ in range(3):
            page.press("Enter")
        page.press("Escape")
        expect(question(page)).to_have_count(0)
    assert balance_of(service, target) == "0.00"


def test_two_admins_racing_for_one_balance_spend_it_once(
    browser: Chromium, service: Service
) -> None:
    source = new_account(service, "50.00")
    targets = [new_account(service, "0.00") for _ in range(2)]
    route = f"accounts/{source}/TRY"
    with desk(browser, service, route) as one, desk(browser, service, route) as other:
        for page, target in zip((one, other), targets, strict=True):
            fill_transfer(page, target, "50.00")
            expect(question(page)).to_contain_text("TRY\u00a050.00 becomes TRY\u00a00.00")
        for page in (one, other):
            question(page).get_by_role("button", name="Transfer", exact=True).click(
                no_wait_after=True
            )
        for page in (one, other):
            ending = "[role=status] .done, [aria-invalid=true]"
            expect(page.tab.locator(ending).first).to_be_visible()
        won = [told(page).locator(".done").count() for page in (one, other)]
        assert sorted(won) == [0, 1]
        (other if won[0] else one).complaints.clear()
    assert sorted(balance_of(service, target) for target in targets) == ["0.00", "50.00"]
    assert balance_of(service, source) == "0.00"


def test_a_busy_service_is_asked_again_by_itself(browser: Chromium, service: Service) -> None:
    def busy(route: Route) -> None:
        problem = {"code": "busy", "detail": "Busy.", "status": 503}
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))

    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, busy, times=2)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        expect(told(page)).to_contain_text("Transferred")
        sent = {post.path for post in page.posts if "/transfers/" in post.path}
        assert len(sent) == 1, "one id for all attempts"
        page.complaints.clear()
    assert balance_of(service, target) == "20.00"


def test_an_opening_whose_answer_is_lost_opens_one_account(
    browser: Chromium, service: Service
) -> None:
    name = new_account(service, "0.00", "USD")
    with desk(browser, service, f"accounts/new?user_email={name}@example.com") as page:
        expect(page.tab.get_by_label("User PK")).to_have_value(name)
        page.tab.route("**/accounts", lose_the_answer, times=1)
        page.tab.get_by_label("Currency").fill("TRY")
        page.tab.get_by_label("Balance").fill("12.5")
        page.tab.get_by_role("button", name="Save").click()
        answer(page, "Open the account")
        assert "with TRY\u00a012.5" in alert(page)
        page.tab.get_by_role("button", name="Send it again").click()
        told(page).get_by_role("link", name="Open it").click()
        expect(row(page, "Account activities", "Opening")).to_have_count(1)
        page.complaints.clear()
    assert balance_of(service, name) == "12.50"


def test_a_hold_is_voided(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    ask_as_staff(service, "PUT", f"/accounts/{name}/TRY/holds/h-1", {"amount": "20.00"})
    with desk(browser, service, f"accounts/{name}/TRY") as page:
        page.tab.get_by_role("button", name="Void the hold h-1").click()
        expect(question(page)).to_contain_text("TRY\u00a020.00")
        answer(page, "Void the hold")
        expect(told(page)).to_contain_text(
            "Voided the hold h-1: TRY\u00a020.00 can be spent again."
        )
        expect(page.tab.get_by_text("No credit is held.")).to_be_visible()
        go(page, "")
        expect(told(page)).to_be_empty()
        page.complaints.clear()


def test_an_account_that_somebody_else_opened_meanwhile_is_not_taken_for_ours(
    browser: Chromium, service: Service
) -> None:
    name = new_account(service, "0.00", "USD")
    with desk(browser, service, f"accounts/new?user_email={name}@example.com") as page:
        expect(page.tab.get_by_label("User PK")).to_have_value(name)
        page.tab.route("**/accounts", lose_the_request, times=1)
        page.tab.get_by_label("Currency").fill("TRY")
        page.tab.get_by_label("Balance").fill("12.50")
        page.tab.get_by_role("button", name="Save").click()
        answer(page, "Open the account")
        alert(page)
        other = {"user_pk": name, "currency": "TRY", "balance": "1.00", "debit_card_allowed": False}
        ask_as_staff(service, "POST", "/accounts", other)
        page.tab.get_by_role("button", name="Look whether it was made").click()
        expect(told(page)).to_contain_text("Not made: Opened a loyalty account")
        expect(page.tab.get_by_role("alert")).to_have_count(0)
        page.complaints.clear()
    assert balance_of(service, name) == "1.00"


def test_an_answer_that_cannot_be_read_is_no_answer(browser: Chromium, service: Service) -> None:
    def garble(route: Route) -> None:
        route.fetch()
        route.fulfill(status=200, body="<html>a portal</html>")

    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, garble, times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        assert "Nobody knows yet" in alert(page)
        page.tab.get_by_role("button", name="Send it again").click()
        expect(told(page)).to_contain_text("Transferred")
        page.complaints.clear()
    assert balance_of(service, target) == "20.00"


def test_what_cannot_be_remembered_is_not_sent(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        fill_transfer(page, target, "20")
        full = "() => { throw new Error('The storage is full.') }"
        page.ask(f"(Storage.prototype.setItem = {full}, 0)")
        answer(page, "Transfer")
        expect(told(page)).to_contain_text("Not sent: The storage is full.")
        assert not [post for post in page.posts if "/transfers/" in post.path]
    assert balance_of(service, target) == "0.00"


def test_a_transfer_is_reversed_as_a_whole_and_once(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    sent = {"source": source, "target": target, "amount": "20.00"}
    ask_as_staff(service, "PUT", f"/transfers/{source}-wrong", sent)
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        reverse = page.tab.get_by_role("button", name="Reverse -TRY\u00a020.00")
        page.tab.route("**/reversal", lose_the_answer, times=1)
        reverse.click()
        expect(question(page)).to_contain_text(target)
        answer(page, "Reverse")
        assert f"Reversed TRY\u00a020.00: from {target} back to {source}." in alert(page)
        page.tab.get_by_role("button", name="Send it again").click()
        expect(row(page, "Account activities", "Reversal")).to_have_count(1)
        # What was reversed is not offered again; an opening and a reversal never are.
        expect(page.tab.get_by_role("button", name="Reverse")).to_have_count(0)
        page.complaints.clear()
    assert (balance_of(service, source), balance_of(service, target)) == ("50.00", "0.00")


def test_a_reversal_that_was_made_before_is_told_as_that(
    browser: Chromium, service: Service
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    sent = {"source": source, "target": target, "amount": "20.00"}
    ask_as_staff(service, "PUT", f"/transfers/{source}-wrong", sent)
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        reverse = page.tab.get_by_role("button", name="Reverse -TRY\u00a020.00")
        expect(reverse).to_be_visible()
        ask_as_staff(service, "PUT", f"/transfers/{source}-wrong/reversal")
        reverse.click()
        answer(page, "Reverse")
        expect(told(page)).to_contain_text("It was reversed before: nothing moved now.")
    assert balance_of(service, source) == "50.00"


def test_sending_again_in_vain_says_why_and_stays_open(browser: Chromium, service: Service) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, lose_the_request, times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        drained = {"source": source, "target": target, "amount": "50.00"}
        ask_as_staff(service, "PUT", f"/transfers/{source}-drained", drained)
        page.tab.get_by_role("button", name="Send it again").click()
        expect(page.tab.get_by_role("alert")).to_contain_text("0.00 TRY")
        expect(page.tab.get_by_role("button", name="Save")).to_be_disabled()
        page.complaints.clear()
    assert balance_of(service, source) == "0.00"


def test_the_focus_is_back_where_the_question_was_asked(
    browser: Chromium, service: Service
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        fill_transfer(page, target, "60")
        question(page).get_by_role("button", name="Cancel").click()
        save = page.tab.get_by_role("button", name="Save")
        expect(save).to_be_focused()
        save.click()
        answer(page, "Transfer")
        expect(page.tab.get_by_label("Transfer Amount")).to_be_focused()
        page.complaints.clear()


def test_a_screen_that_is_left_meanwhile_unlocks_nothing(
    browser: Chromium, service: Service
) -> None:
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.tab.route(TRANSFERS, hold, times=1)
        fill_transfer(page, target, "20")
        question(page).get_by_role("button", name="Transfer", exact=True).click()
        expect(question(page).get_by_role("button", name="Cancel")).to_be_disabled()
        for _ in range(2):
            page.press("Escape")
        expect(question(page)).to_be_visible()
        go(page, f"accounts/{target}/TRY")
        go(page, f"accounts/{source}/TRY")
        expect(page.tab.get_by_text("Being sent: Transferred")).to_be_visible()
        expect(page.tab.get_by_role("button", name="Save")).to_be_disabled()
        [route] = held
        route.continue_()
        expect(told(page)).to_contain_text("Transferred")
        expect(page.tab.get_by_role("button", name="Save")).to_be_enabled()
    assert balance_of(service, target) == "20.00"


def test_what_was_made_is_never_called_not_made(browser: Chromium, service: Service) -> None:
    """Not even by who may look, and may not send it."""
    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, lose_the_answer, times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        alert(page)
        page.tab.get_by_role("button", name="Sign out").click()
        page.tab.get_by_role("button", name=VISITOR).click()
        page.tab.get_by_role("button", name="Look whether it was made").click()
        expect(told(page)).to_have_text(re.compile("^Transferred"))
        page.complaints.clear()


def test_a_refusal_of_something_in_between_is_no_answer(
    browser: Chromium, service: Service
) -> None:
    def refuse_after_all(route: Route) -> None:
        route.fetch()
        route.fulfill(status=403, content_type="text/html", body="<html>Blocked</html>")

    source, target = new_account(service, "50.00"), new_account(service, "0.00")
    with desk(browser, service, f"accounts/{source}/TRY") as page:
        page.tab.route(TRANSFERS, refuse_after_all, times=1)
        fill_transfer(page, target, "20")
        answer(page, "Transfer")
        alert(page)
        page.tab.get_by_role("button", name="Send it again").click()
        expect(told(page)).to_contain_text("Transferred")
        page.complaints.clear()
    assert balance_of(service, target) == "20.00"

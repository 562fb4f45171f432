"""A user's personal data at the console: saved as one file, and erased after a question."""

import json
import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium
from tests.console.desk import (
    VISITOR,
    answer,
    balance_of,
    desk,
    go,
    new_account,
    new_order,
    question,
    row,
    title,
    told,
)
from tests.demo.shopper import ask_as_staff
from tests.house.service import Service

pytestmark = pytest.mark.long


def test_all_that_is_held_is_saved_as_one_file(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    new_order(service, name, "10.00")
    with desk(browser, service, f"users?email={name}@example.com") as page:
        with page.tab.expect_download() as waiting:
            page.tab.get_by_role("button", name=f"Export what is held about {name}").click()
        assert waiting.value.suggested_filename == f"{name}.json"
        held = json.loads(waiting.value.path().read_text("utf-8"))
    kinds = [item["kind"] for item in held["items"]]
    assert (held["user_pk"], kinds[0], kinds[-1]) == (name, "user", "order_contents")


@pytest.mark.parametrize(("choice", "left"), [("keep", "40.00"), ("expire", "0.00")])
def test_a_user_is_erased_after_a_question_about_the_credit(
    browser: Chromium, service: Service, choice: str, left: str
) -> None:
    name = new_account(service, "50.00")
    reference = new_order(service, name, "10.00")
    with desk(browser, service, f"users?email={name}@example.com") as page:
        erase = page.tab.get_by_role("button", name=f"Erase {name}")
        erase.click()
        expect(question(page)).to_contain_text("The books")
        answer(page, "Cancel")
        expect(row(page, "Users", name)).to_have_count(1)
        erase.click()
        question(page).get_by_label("Credit that is left").select_option(choice)
        answer(page, "Erase for ever")
        expect(told(page)).to_contain_text(f"Erased the user {name}.")
        expect(told(page)).to_contain_text(f"TRY\u00a0{left} left")
        assert balance_of(service, name) == left
        go(page, f"accounts/{name}/TRY")
        title(page, "Loyalty Account Detail")
        expect(page.tab.get_by_text("Erased", exact=True)).to_be_visible()
        go(page, f"orders/{reference}")
        title(page, f"Order {reference}")


def test_what_is_refused_is_said_and_the_user_stays(browser: Chromium, service: Service) -> None:
    name = new_account(service, "50.00")
    ask_as_staff(service, "PUT", f"/accounts/{name}/TRY/holds/h-1", {"amount": "1.00"})
    with desk(browser, service, f"users?email={name}@example.com", failing=["409"]) as page:
        page.tab.get_by_role("button", name=f"Erase {name}").click()
        question(page).get_by_label("Credit that is left").select_option("expire")
        answer(page, "Erase for ever")
        expect(page.tab.get_by_text(f"The user {name} is not erased yet.")).to_contain_text(
            "open holds"
        )
        expect(row(page, "Users", f"{name}@example.com")).to_have_count(1)


def test_who_only_looks_around_has_no_such_buttons(browser: Chromium, service: Service) -> None:
    name = f"c{secrets.token_hex(5)}"
    ask_as_staff(service, "PUT", f"/users/{name}", {"email": f"{name}@example.com"})
    with desk(browser, service, f"users?email={name}@example.com", who=VISITOR) as page:
        expect(row(page, "Users", name)).to_have_count(1)
        expect(page.tab.get_by_role("button", name=f"Erase {name}")).to_have_count(0)

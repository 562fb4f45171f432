"""An erasure beside what its shopper does at the same moment: it is whole once it has answered."""

import json
from typing import Final

from chalicelib import privacy
from chalicelib.core.transitions import PageEvent
from chalicelib.outside import sandbox
from chalicelib.privacy.erasure import RemainingCredit
from tests.engine.racing import PROCESSES, Race, user
from tests.engine.workers import Ending, job, refused, rows_of
from tests.verbs import shop

ROUNDS: Final = 4
MARK: Final = "Ockham Park"
CONTENT: Final = json.dumps({"basket": {"basketitem_set": []}, "shipping_address": MARK})

TOLD: Final = {None, "payment_in_progress", "unknown_user", "not_signed_in"}
"""What anybody may be told: done, to come again once the card's payment has ended, or erased."""


def erase(name: str, credit: RemainingCredit = "keep", *, after_s: float = 0) -> None:
    privacy.erase(shop.call(after_s), shop.CHANNEL, name, credit)


def personal(race: Race, name: str) -> list[str]:
    """Return the tables with a row that holds the address of a user, or its mark."""
    looked_for = (f"{name}@example.com", f"{MARK} of {name}")
    return [
        table
        for table, rows in rows_of(race.environment).items()
        if any(mark in json.dumps(row, default=str) for row in rows for mark in looked_for)
    ]


def content_of(name: str) -> str:
    return CONTENT.replace(MARK, f"{MARK} of {name}")


def check_erased(race: Race, name: str, endings: list[Ending]) -> None:
    """Look at every row once an erasure has answered; repeat one that was told to come again."""
    assert set(refused(endings)) <= TOLD
    erased = [ending for ending in endings[1::2] if ending.refused is None]
    assert not erased or personal(race, name) == []
    shop.end_payments(after_s=120)
    erase(name, after_s=121)
    assert personal(race, name) == []


def test_a_checkout_that_is_opened_meanwhile_is_erased_too_or_refused(race: Race) -> None:
    for at in range(ROUNDS):
        ada = user(f"ada-{at}", "100.00")
        opened = job(shop.open_checkout, ada, 1000, reference=ada, content=content_of(ada))
        endings = race.each([opened, job(erase, ada)] * (PROCESSES // 2))
        check_erased(race, ada, endings)
        assert shop.balance_of(ada) == 10_000


def test_an_order_that_is_completed_meanwhile_keeps_its_books_and_loses_its_basket(
    race: Race,
) -> None:
    for at in range(ROUNDS):
        ada = user(f"ada-{at}", "100.00")
        shop.open_checkout(ada, 1000, reference=ada, content=content_of(ada))
        assert shop.visit(ada, PageEvent.USE_CREDIT, "10.00").refusal is None
        complete = job(shop.visit, ada, PageEvent.COMPLETE, "true")
        endings = race.each([complete, job(erase, ada)] * (PROCESSES // 2))
        check_erased(race, ada, endings)
        assert shop.balance_of(ada) in {10_000, 9000}


def test_a_card_that_is_charged_meanwhile_ends_as_an_order_or_not_at_all(race: Race) -> None:
    for at in range(ROUNDS):
        ada = user(f"ada-{at}", "100.00")
        shop.come_to_card(ada, reference=ada)
        pay = job(shop.pay, ada, card=sandbox.APPROVES)
        endings = race.each([pay, job(erase, ada)] * (PROCESSES // 2))
        check_erased(race, ada, endings)
        assert shop.balance_of(ada) in {10_000, 9000}
        assert shop.account_of(ada).held == 0


def test_credit_that_expires_is_spent_or_ends_and_never_both(race: Race) -> None:
    for at in range(ROUNDS):
        ada, grace = user(f"ada-{at}", "100.00"), user(f"grace-{at}", "0.00")
        send = job(shop.send, f"{ada}-{at}", ada, grace, "60.00")
        endings = race.each([send, job(erase, ada, "expire")] * (PROCESSES // 2))
        assert set(refused(endings)) <= TOLD | {"insufficient_credit"}
        left, moved = shop.balance_of(ada), shop.balance_of(grace)
        assert (left, moved) in {(0, 0), (0, 6000)}

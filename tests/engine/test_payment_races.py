"""Races about a card payment: whoever comes in between, a card is charged once for one order.

As in `test_races`, on the engine itself and through the shim.
"""

from collections import Counter
from typing import Final

import pytest

from chalicelib.checkout import Visit
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS
from chalicelib.core.transitions import PageEvent
from chalicelib.outside import sandbox
from tests.engine.racing import PROCESSES, Race, open_paid
from tests.engine.workers import Ending, job, refused, rows_of
from tests.properties.books import plain
from tests.verbs import shop

LATE_S: Final = ASK_FINALLY_AFTER_MS / 1000


def charges_of(race: Race, name: str) -> Counter[tuple[str, int, bool]]:
    """Return what the gateway keeps of a user's payments: outcome, amount, and if given back."""
    rows = map(plain, rows_of(race.environment, name)["sandbox_charges"])
    return Counter((row["outcome"], row["amount"], row["refunded"]) for row in rows)


def at_rest(name: str, currency: str = "TRY") -> tuple[str, int, int]:
    """Return how a checkout ended, and what the account holds and keeps; nothing may go on."""
    pre_order, account = shop.pre_order_of(name, currency), shop.account_of(name, currency)
    assert pre_order.state != "paying"
    assert account.held == 0
    return pre_order.state, account.balance, pre_order.loyalty


def codes_of(endings: list[Ending]) -> set[str | None]:
    """Return how pages were answered, and the shop."""
    return {
        shop.code_of(ending.answer) if isinstance(ending.answer, Visit) else ending.refused
        for ending in endings
    }


@pytest.mark.parametrize("tabs", [2, PROCESSES])
def test_a_card_confirmed_in_many_tabs_at_once_is_charged_once(
    race: Race, ada: str, tabs: int
) -> None:
    shop.come_to_card(ada, reference=ada)
    endings = race.each([job(shop.pay, ada)] * tabs)
    assert refused(endings) == {None: tabs}
    # Who comes between the begin and the charge hears that it is in progress.
    assert None in codes_of(endings) <= {None, "payment_in_progress"}
    assert at_rest(ada) == ("completed", 9000, 1000)
    assert charges_of(race, ada) == {("approved", 3000, False): 1}
    assert len(shop.entries_of(ada)) == 2


def test_a_card_is_charged_for_what_was_confirmed_or_the_amount_changes(
    race: Race, ada: str
) -> None:
    confirm, change = job(shop.pay, ada), job(shop.visit, ada, PageEvent.USE_CREDIT, "20.00")
    for at in range(3):
        before = shop.balance_of(ada)
        shop.come_to_card(ada, reference=f"{ada}-{at}")
        charged = charges_of(race, ada).total()
        endings = race.each([confirm, change] * (PROCESSES // 2))
        if charges_of(race, ada).total() > charged:
            assert at_rest(ada) == ("completed", before - 1000, 1000)
            assert codes_of(endings[::2]) <= {None, "payment_in_progress"}
        else:
            assert at_rest(ada) == ("open", before, 2000)
            assert codes_of(endings) == {None, "installment_refused"}
    assert set(charges_of(race, ada)) <= {("approved", 3000, False)}


def test_a_card_is_charged_for_the_basket_that_was_confirmed_or_the_shop_replaces_it(
    race: Race, ada: str
) -> None:
    for at in range(3):
        before, reference = shop.balance_of(ada), f"{ada}-{at}"
        shop.come_to_card(ada, reference=reference)
        charged = charges_of(race, ada).total()
        replaced = job(shop.open_checkout, ada, 6000, reference=reference)
        endings = race.each([job(shop.pay, ada), replaced] * (PROCESSES // 2))
        if charges_of(race, ada).total() > charged:
            assert at_rest(ada) == ("completed", before - 1000, 1000)
            assert codes_of(endings[1::2]) <= {"payment_in_progress", "already_completed"}
        else:
            assert at_rest(ada) == ("open", before, 0)
            assert codes_of(endings) == {None, "installment_refused"}
    assert set(charges_of(race, ada)) <= {("approved", 3000, False)}


def test_a_basket_is_paid_with_credit_or_by_card_and_what_was_charged_in_vain_is_given_back(
    race: Race, ada: str
) -> None:
    shop.open_account(ada, "100.00", "USD", account_id=f"dollars-{ada}")
    for at in range(4):
        pounds, dollars, reference = (
            shop.balance_of(ada),
            shop.balance_of(ada, "USD"),
            f"{ada}-{at}",
        )
        open_paid(ada, reference, 1000)
        shop.come_to_card(ada, reference=reference, currency="USD")
        kept = charges_of(race, ada)[("approved", 3000, False)]
        tabs = [
            job(shop.visit, ada, PageEvent.COMPLETE, "true"),
            job(shop.pay, ada, currency="USD"),
        ]
        race.each(tabs * (PROCESSES // 2))
        shop.end_payments(after_s=1)
        by_card = charges_of(race, ada)[("approved", 3000, False)] - kept
        if by_card:
            assert by_card == 1
            assert at_rest(ada, "USD") == ("completed", dollars - 1000, 1000)
            assert at_rest(ada)[:2] == ("open", pounds)
        else:
            assert at_rest(ada) == ("completed", pounds - 1000, 1000)
            assert at_rest(ada, "USD")[:2] == ("open", dollars)


@pytest.mark.parametrize("card", [sandbox.LOSES_ANSWER, sandbox.LOSES_REQUEST])
def test_the_schedule_and_the_shopper_end_a_payment_once(race: Race, ada: str, card: str) -> None:
    paid = card == sandbox.LOSES_ANSWER
    for at in range(2):
        before = shop.balance_of(ada)
        shop.come_to_card(ada, card=card, reference=f"{ada}-{at}")
        assert shop.code_of(shop.pay(ada, card)) == "payment_in_progress"
        look = job(shop.end_payments, after_s=LATE_S)
        show = job(shop.visit, ada, PageEvent.SHOW, after_s=LATE_S)
        endings = race.each([look, show] * (PROCESSES // 2))
        assert refused(endings) == {None: PROCESSES}
        # The schedule's own answers have no code.
        assert codes_of(endings) == ({None} if paid else {None, "payment_declined"})
        ended = ("completed", before - 1000) if paid else ("open", before)
        assert at_rest(ada)[:2] == ended
        kept = ("approved", 3000, False) if paid else ("declined", 3000, False)
        assert charges_of(race, ada) == {kept: at + 1}

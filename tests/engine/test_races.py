"""Races that only real processes run: eight of them act at once, and the outcome is exact.

Each is run on the engine itself, which lets one transaction through after another, and through
the shim, which refuses those that meet as AWS does.
"""

import secrets
from collections import Counter
from collections.abc import Iterator

import pytest

from chalicelib.core.transitions import PageEvent
from tests.engine.racing import PROCESSES, Race, open_paid, user
from tests.engine.workers import answers, check_one_wrote, job, refused
from tests.verbs import shop

PAIRS = 2
"""How many processes are on either side where two sides race again and again."""


# --- transfers ----------------------------------------------------------------------------------


@pytest.mark.proof
def test_hundreds_of_debits_take_what_suffices_for_ten(race: Race, ada: str) -> None:
    grace = user("grace", "0.00")
    count = race.size.debits
    jobs = [job(shop.send, f"{ada}-{at}", ada, grace, "10.00") for at in range(count)]
    writers = [jobs[first::PROCESSES] for first in range(PROCESSES)]
    endings = race.run(*writers)
    assert refused(endings) == {None: 10, "insufficient_credit": count - 10}
    assert (shop.balance_of(ada), shop.balance_of(grace)) == (0, 10_000)
    debits = [entry for entry in shop.entries_of(ada) if entry.amount < 0]
    assert len(debits) == 10
    moved = {ending.answer.answer.id for ending in endings if ending.refused is None}
    assert {entry.transfer_id for entry in debits} == moved


def test_one_id_sent_by_all_at_once_moves_once(race: Race, ada: str) -> None:
    grace = user("grace", "0.00")
    jobs = [job(shop.send, f"{ada}-{at}", ada, grace, "1.00") for at in range(8)]
    for endings in race.rounds(*[jobs] * PROCESSES):
        check_one_wrote(endings)
    assert (shop.balance_of(ada), shop.balance_of(grace)) == (9200, 800)


def test_two_contents_under_one_id_move_one_of_them(race: Race, ada: str) -> None:
    grace = user("grace", "0.00")
    amounts = ["1.00", "2.00"] * (PROCESSES // 2)
    endings = race.each([job(shop.send, f"{ada}-1", ada, grace, amount) for amount in amounts])
    assert refused(endings) == {None: PROCESSES // 2, "id_conflict": PROCESSES // 2}
    [moved] = {answer.amount for answer in answers(endings)}
    assert (shop.balance_of(ada), shop.balance_of(grace)) == (10_000 - moved, moved)


def test_two_accounts_that_send_to_each_other_lose_nothing(race: Race, ada: str) -> None:
    grace = user("grace", "100.00")
    pairs = [(ada, grace), (grace, ada)] * (PROCESSES // 2)
    writers = [
        [job(shop.send, f"{ada}-{writer}-{at}", *pair, "0.07") for at in range(5)]
        for writer, pair in enumerate(pairs)
    ]
    endings = race.run(*writers)
    assert refused(endings) == {None: 5 * PROCESSES}
    assert (shop.balance_of(ada), shop.balance_of(grace)) == (10_000, 10_000)
    assert shop.account_of(ada).seq == 1 + 5 * PROCESSES


def test_one_account_opened_by_all_at_once_is_one(race: Race) -> None:
    made = f"new-{secrets.token_hex(4)}"
    shop.register(made)
    endings = race.each([job(shop.open_account, made, "25.00", key=made)] * PROCESSES)
    check_one_wrote(endings)
    assert shop.balance_of(made) == 2500
    assert len(shop.entries_of(made)) == 1


def test_one_account_opened_by_strangers_at_once_is_the_account_of_one(race: Race) -> None:
    made = f"new-{secrets.token_hex(4)}"
    shop.register(made)
    jobs = [job(shop.open_account, made, "25.00", key=f"{made}-{n}") for n in range(PROCESSES)]
    endings = race.each(jobs)
    assert refused(endings) == {None: 1, "account_exists": PROCESSES - 1}
    assert shop.account_of(made).account_id == answers(endings)[0].account.account_id
    assert shop.balance_of(made) == 2500


# --- checkout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tabs", range(2, PROCESSES + 1))
def test_a_checkout_completed_in_many_tabs_at_once_is_paid_once(
    race: Race, ada: str, tabs: int
) -> None:
    order_id = open_paid(ada, ada)
    endings = race.each([job(shop.visit, ada, PageEvent.COMPLETE, "true")] * tabs)
    assert refused(endings) == {None: tabs}
    seen = [ending.answer for ending in endings]
    assert [shop.code_of(one) for one in seen] == [None] * tabs
    shown = {(one.situation.pre_order.state, one.situation.pre_order.order_id) for one in seen}
    assert shown == {("completed", order_id)}
    assert shop.balance_of(ada) == 6000
    assert len(shop.entries_of(ada)) == 2


def test_a_basket_open_in_two_currencies_is_completed_once(race: Race, ada: str) -> None:
    currencies = ("TRY", "USD")
    shop.open_account(ada, "100.00", "USD", account_id=f"dollars-{ada}")
    for at in range(5):
        for currency in currencies:
            open_paid(ada, f"{ada}-{at}", 1000, currency)
        tabs = [
            job(shop.visit, ada, PageEvent.COMPLETE, "true", currency) for currency in currencies
        ]
        endings = race.each(tabs * (PROCESSES // 2))
        codes = Counter(shop.code_of(ending.answer) for ending in endings)
        assert codes == {None: PROCESSES // 2, "basket_completed": PROCESSES // 2}
        paid = {ending.answer.currency for ending in endings if not ending.answer.refusal}
        assert len(paid) == 1
    spent = 20_000 - shop.balance_of(ada) - shop.balance_of(ada, "USD")
    assert spent == 5 * 1000


def test_a_checkout_is_completed_or_changed_and_never_both(race: Race, ada: str) -> None:
    """What was paid is what the pre-order shows, and what is completed stays so."""
    complete = job(shop.visit, ada, PageEvent.COMPLETE, "true")
    change = job(shop.visit, ada, PageEvent.USE_CREDIT, "1.00")
    for at in range(6):
        before = shop.balance_of(ada)
        open_paid(ada, f"{ada}-{at}", 1000)
        endings = race.each([complete, change] * (PROCESSES // 2))
        codes = {shop.code_of(ending.answer) for ending in endings[::2]}
        pre_order, paid = shop.pre_order_of(ada), before - shop.balance_of(ada)
        if paid:
            assert (pre_order.state, pre_order.loyalty, paid) == ("completed", 1000, 1000)
            assert codes == {None}
        else:
            assert (pre_order.state, pre_order.loyalty) == ("open", 100)
            assert codes == {"unpaid_remains"}


# --- holds --------------------------------------------------------------------------------------


@pytest.mark.proof
def test_a_hold_is_captured_or_voided_and_the_loser_is_told_which(race: Race) -> None:
    rich, captured = user("rich", "1000.00"), 0
    for ids in batches(race.size.holds):
        for hold_id in ids:
            shop.hold(hold_id, rich, "1.00")
        captures = [job(shop.capture, hold_id, rich) for hold_id in ids]
        voids = [job(shop.void, hold_id, rich) for hold_id in ids]
        rounds = race.rounds(*[captures, voids] * PAIRS)
        for hold_id, endings in zip(ids, rounds, strict=True):
            state = shop.state_of(hold_id, rich)
            assert state in {"captured", "voided"}
            winners, losers = (endings[::2], endings[1::2])
            if state == "voided":
                winners, losers = losers, winners
            check_one_wrote(winners)
            assert refused(losers) == {f"hold_{state}": len(losers)}
            captured += state == "captured"
    account = shop.account_of(rich)
    assert (account.available, account.held) == (100_000 - 100 * captured, 0)
    assert account.seq == 1 + captured


def batches(count: int) -> Iterator[list[str]]:
    """Yield ids of holds, as many at a time as an account may have open."""
    for first in range(0, count, 8):
        yield [f"hold-{at}" for at in range(first, min(first + 8, count))]


@pytest.mark.proof
def test_of_two_captures_of_one_hold_one_is_done(race: Race) -> None:
    rich, taken = user("rich", "1000.00"), 0
    for ids in batches(race.size.holds):
        for hold_id in ids:
            shop.hold(hold_id, rich, "1.00")
        small = [job(shop.capture, hold_id, rich, "0.40") for hold_id in ids]
        large = [job(shop.capture, hold_id, rich, "1.00") for hold_id in ids]
        for endings in race.rounds(*[small, large] * PAIRS):
            assert refused(endings) == {None: PAIRS, "hold_captured": PAIRS}
            [amount] = {standing.hold.captured for standing in answers(endings)}
            told = {ending.detail for ending in endings if ending.refused}
            assert told == {f"It was captured before, with {amount / 100:.2f} TRY and no order."}
            taken += amount
    account = shop.account_of(rich)
    assert (account.available, account.held) == (100_000 - taken, 0)


def test_what_a_hold_kept_is_spent_once_though_the_clocks_differ(race: Race, ada: str) -> None:
    """By one clock the hold is open and captured; by the other it lapsed, and all is spent."""
    grace = user("grace", "0.00")
    for at in range(5):
        shop.hold(f"hold-{at}", ada, "100.00", life_s=60, after_s=100 * at)
        capture = job(shop.capture, f"hold-{at}", ada, after_s=100 * at + 59)
        spend = job(shop.send, f"{ada}-{at}", ada, grace, "100.00", after_s=100 * at + 61)
        endings = race.each([capture, spend] * (PROCESSES // 2))
        captures, sends = endings[::2], endings[1::2]
        if shop.balance_of(grace):
            assert refused(captures) == {"hold_lapsed": PROCESSES // 2}
            check_one_wrote(sends)
        else:
            check_one_wrote(captures)
            assert refused(sends) == {"insufficient_credit": PROCESSES // 2}
        assert (shop.balance_of(ada), shop.account_of(ada).held) == (0, 0)
        ada, grace = user("ada", "100.00"), user("grace", "0.00")


def test_at_most_eight_holds_are_open_however_many_are_asked_for(race: Race, ada: str) -> None:
    writers = [
        [job(shop.hold, f"hold-{writer}-{at}", ada, "1.00") for at in range(3)]
        for writer in range(PROCESSES)
    ]
    endings = race.run(*writers)
    assert refused(endings) == {None: 8, "too_many_holds": 3 * PROCESSES - 8}
    account = shop.account_of(ada)
    assert (account.available, account.held) == (9200, 800)
    kept = {standing.hold.id for standing in answers(endings)}
    assert {hold.id for hold in account.open_holds} == kept


def test_holds_and_transfers_at_once_never_overdraw(race: Race, ada: str) -> None:
    grace = user("grace", "0.00")
    writers = [
        [job(shop.hold, f"hold-{writer}-{at}", ada, "30.00") for at in range(2)]
        if writer % 2
        else [job(shop.send, f"{ada}-{writer}-{at}", ada, grace, "30.00") for at in range(2)]
        for writer in range(PROCESSES)
    ]
    endings = race.run(*writers)
    assert refused(endings) == {None: 3, "insufficient_credit": 2 * PROCESSES - 3}
    account = shop.account_of(ada)
    assert account.available == 1000
    assert account.held + shop.balance_of(grace) == 9000


# --- reversals and refunds ------------------------------------------------------------------------


def test_one_transfer_reversed_by_all_at_once_goes_back_once(race: Race, ada: str) -> None:
    grace = user("grace", "50.00")
    jobs = []
    for at in range(8):
        shop.send(f"{ada}-{at}", ada, grace, "1.00")
        jobs.append(job(shop.reverse, f"{ada}-{at}"))
    for endings in race.rounds(*[jobs] * PROCESSES):
        check_one_wrote(endings)
    assert (shop.balance_of(ada), shop.balance_of(grace)) == (10_000, 5000)


def test_credit_goes_back_or_is_spent_and_never_both(race: Race, ada: str) -> None:
    for at in range(5):
        grace, eve = user("grace", "0.00"), user("eve", "0.00")
        shop.send(f"{grace}-in", ada, grace, "5.00")
        back = job(shop.reverse, f"{grace}-in")
        spend = job(shop.send, f"{grace}-out", grace, eve, "5.00")
        endings = race.each([back, spend] * (PROCESSES // 2))
        winners, losers = endings[::2], endings[1::2]
        if shop.balance_of(eve):
            winners, losers = losers, winners
        check_one_wrote(winners)
        assert refused(losers) == {"insufficient_credit": PROCESSES // 2}, at
        assert shop.balance_of(grace) == 0
        returned = [entry for entry in shop.entries_of(ada) if entry.kind == "reversal"]
        assert shop.balance_of(ada) == 10_000 - 500 * (at + 1) + 500 * len(returned)


def test_refunds_in_parts_give_back_as_many_as_fit(race: Race, ada: str) -> None:
    shop.buy(ada, 4000, ada)
    writers = [
        [job(shop.refund_order, f"part-{writer}-{at}", "3.00", ada) for at in range(4)]
        for writer in range(PROCESSES)
    ]
    endings = race.run(*writers)
    assert refused(endings) == {None: 13, "refund_exceeds_payment": 4 * PROCESSES - 13}
    assert shop.balance_of(ada) == 6000 + 13 * 300


def test_refunds_of_a_captured_hold_never_exceed_it(race: Race, ada: str) -> None:
    shop.hold("hold-1", ada, "50.00")
    shop.capture("hold-1", ada, "20.00")
    jobs = [job(shop.refund_hold, f"part-{n}", "hold-1", "7.00", ada) for n in range(PROCESSES)]
    endings = race.each(jobs)
    assert refused(endings) == {None: 2, "refund_exceeds_payment": PROCESSES - 2}
    assert shop.balance_of(ada) == 8000 + 2 * 700

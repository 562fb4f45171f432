"""Credit through API Gateway: it moves once, whatever becomes of the function's process."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import pytest

from tests.deploy.stack import Deployed
from tests.house.service import until
from tests.house.staff import Staff, a_transfer
from tests.outside.test_alarms import CLOCK

WRITERS: Final = 4
TRANSFERS: Final = 240
KILLS: Final = 12
ATTEMPTS: Final = 50
CUSTOMERS: Final = 120

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_a_transfer_moves_once_and_both_sides_show_it(stack: Deployed) -> None:
    staff = Staff(stack)
    staff.open_account("treasury", "100.00")
    staff.open_account("ada")
    wanted = a_transfer("treasury", "ada", "25.00")
    first, made = staff.ask("PUT", "/transfers/welcome", wanted)
    again, shown = staff.ask("PUT", "/transfers/welcome", wanted)
    assert (first, again) == (201, 200)
    assert made == shown
    other, problem = staff.ask("PUT", "/transfers/welcome", {**wanted, "amount": "26.00"})
    assert (other, problem["code"]) == (409, "id_conflict")
    beyond, problem = staff.ask("PUT", "/transfers/more", a_transfer("ada", "treasury", "25.01"))
    assert (beyond, problem["code"]) == (409, "insufficient_credit")
    for user_pk, amount, after in (("ada", "25.00", "25.00"), ("treasury", "-25.00", "75.00")):
        listed = staff.must("GET", f"/accounts/{user_pk}/TRY/activities")["items"]
        assert (listed[0]["amount"], listed[0]["balance_after"]) == (amount, after)


def test_the_books_are_audited_by_the_clock_s_function(stack: Deployed) -> None:
    staff = Staff(stack)
    staff.open_account("treasury", "100.00")
    assert staff.ask("GET", "/audit")[0] == 404
    stack.start("AuditBooks", CLOCK)
    report = staff.must("GET", "/audit")
    assert report["right"]
    assert (report["accounts"], report["entries"]) == (1, 1)


def test_a_distribution_is_worked_off_by_the_queue_s_function(stack: Deployed) -> None:
    staff = Staff(stack)
    staff.open_account("treasury", "1000.00")
    names = [f"user-{number}" for number in range(CUSTOMERS)]
    for first in range(0, CUSTOMERS, 100):
        users = [{"user_pk": n, "email": f"{n}@example.com"} for n in names[first : first + 100]]
        staff.must("POST", "/users", {"users": users})
    rows = "user_pk,amount,note\n" + "".join(f"{name},0.50,Spring\n" for name in names)
    query = "?source_user_pk=treasury&currency=TRY&open_accounts=true"
    made = staff.must("PUT", f"/distributions/spring{query}", rows)
    assert made["state"] == "previewed", made
    staff.must("POST", "/distributions/spring/run", {"preview_id": made["preview_id"]})

    def state() -> str:
        return str(staff.must("GET", "/distributions/spring")["state"])

    until(lambda: state() == "closed", "the distribution is closed")
    assert [staff.balance(name) for name in names[:3]] == ["0.50"] * 3
    assert staff.balance("treasury") == "940.00"
    staff.must("POST", "/distributions/spring/undo")
    until(lambda: state() == "undone", "the distribution is undone")
    assert staff.balance("treasury") == "1000.00"
    assert staff.balance(names[-1]) == "0.00"
    assert "right" in stack.cli("audit", "--channel", staff.channel)


def test_the_death_of_a_function_in_mid_transfer_loses_nothing(
    stack: Deployed, record_property: Callable[[str, object], None]
) -> None:
    """Whoever gets no answer asks again with the same id, and it moves once."""
    staff = Staff(stack)
    staff.open_account("treasury", "1000.00")
    names = [f"user-{number}" for number in range(WRITERS)]
    for name in names:
        staff.open_account(name)
    ids = [(f"t-{number}", names[number % WRITERS]) for number in range(TRANSFERS)]
    answers: Counter[int] = Counter()
    repeated = 0
    done = threading.Event()
    points = sorted(random.sample(range(10, TRANSFERS - 10), KILLS))

    def send(transfer: tuple[str, str]) -> None:
        nonlocal repeated
        transfer_id, name = transfer
        wanted = a_transfer("treasury", name, "0.10")
        for attempt in range(ATTEMPTS):
            time.sleep(min(attempt, 10) * 0.1)
            status, answer = staff.ask("PUT", f"/transfers/{transfer_id}", wanted)
            answers[status] += 1
            if status in {200, 201}:
                repeated += attempt > 0
                return
            assert status >= 500, answer
        raise AssertionError(f"{transfer_id} was never answered")

    def is_there(point: int) -> bool:
        return answers.total() >= point or done.is_set()

    def kill() -> int:
        killed = 0
        for point in points:
            until(partial(is_there, point), "the writers")
            killed += stack.kill_workers()
        return killed

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        killer = threads.submit(kill)
        list(threads.map(send, ids))
        done.set()
        killed = killer.result()
    assert killed >= KILLS
    assert repeated, "no transfer was interrupted"
    # The first answer of what had moved before its function died is that of a repetition.
    landed = answers[200]
    each = TRANSFERS // WRITERS * 10
    assert [staff.balance(name) for name in names] == [f"{each // 100}.{each % 100:02}"] * WRITERS
    assert staff.balance("treasury") == f"{1000 - TRANSFERS * 10 // 100}.00"
    assert "right" in stack.cli("audit", "--channel", staff.channel)
    record_property(
        "report",
        f"functions killed: {killed}, transfers asked for again: {repeated}, of which "
        f"{landed} had moved already",
    )

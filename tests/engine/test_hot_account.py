"""One hot account, and ever more writers: each transfer is done once or honestly refused as busy.

The shim lets a transaction take 5 to 9 ms and refuses those that meet it, as AWS does. How many
then go through in a second is printed at the end of the tests' output, and decides nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final

import pytest
from hypothesis import settings

from chalicelib.core.errors import Busy
from chalicelib.store.requests import MAX_ATTEMPTS
from tests.engine.conftest import tables_at
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.engine.workers import Ending, Job, Workers, job, rows_of
from tests.properties.books import PREFIX, Books, audit
from tests.verbs import shop

PROCESSES = 4
WRITERS = (1, 4, 16, 64)
LEAST: Final = {"test": 32, "proof": 640}
"""How many transfers are made, one for each writer at least, by the profile of hypothesis."""

LEFT = 1
"""What stays on the account, in minor units."""


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(PROCESSES) as workers:
        yield workers


@pytest.fixture(scope="module")
def store(endpoint: str, workers: Workers) -> Iterator[dict[str, str]]:
    """A shop with an account for each writer to send to. Its books are audited at the end."""
    with tables_at(endpoint) as environment:
        shop.open_shop()
        targets = [target_of(writer) for writer in range(max(WRITERS))]
        for verb, more in ((shop.register, ()), (shop.open_account, ("0",))):
            jobs = [[job(verb, name, *more) for name in targets[n::PROCESSES]] for n in range(4)]
            assert all(end.refused is None for end in chain(*workers.act(environment, jobs)))
        yield environment
        audit(Books.of({PREFIX + noun: rows for noun, rows in rows_of(environment).items()}))


@pytest.fixture(scope="module")
def through_shim(store: dict[str, str]) -> Iterator[Mapping[str, str]]:
    with Shim(store["DYNAMODB_ENDPOINT"], Faults(conflicts=True), seed=11) as shim:
        yield store | {"DYNAMODB_ENDPOINT": shim.address}


def target_of(writer: int) -> str:
    return f"target-{writer}"


@pytest.mark.proof
@pytest.mark.parametrize("writers", WRITERS)
def test_a_hot_account_is_paid_from_exactly_or_says_busy(
    through_shim: Mapping[str, str],
    workers: Workers,
    writers: int,
    record_property: Callable[[str, object], None],
) -> None:
    count = max(writers, LEAST[settings.get_current_profile_name()])
    hot = f"hot-{writers}"
    shop.register(hot)
    shop.open_account(hot, f"{count}.0{LEFT}")
    before = [shop.balance_of(target_of(writer)) for writer in range(writers)]
    jobs = [
        [job(shop.send, f"{hot}-{at}", hot, target_of(writer), "1.00") for at in share]
        for writer, share in enumerate(range(first, count, writers) for first in range(writers))
    ]

    started = time.perf_counter()
    once = workers.act(through_shim, [[each.once() for each in share] for share in jobs])
    duration_s = time.perf_counter() - started
    first = list(chain(*once))
    assert all(one.refused in {None, Busy.code} or one.lost for one in first)
    pairs = zip(chain(*jobs), first, strict=True)
    left = [each for each, ending in pairs if ending.refused is not None]
    # Those who were told to come again come in turn.
    again = workers.act(through_shim, [left[n::PROCESSES] for n in range(PROCESSES)])

    check_each_once([*first, *chain(*again)], hot, jobs)
    sent = [shop.balance_of(target_of(writer)) - before[writer] for writer in range(writers)]
    assert sent == [100 * len(share) for share in jobs]
    record_property("report", told(writers, first, duration_s))


def check_each_once(endings: list[Ending], hot: str, jobs: list[list[Job]]) -> None:
    """Assert that every id succeeded at last, was done once, and was bounded in its attempts."""
    done = [ending.answer for ending in endings if ending.refused is None]
    ids = sorted(wanted.args[0] for wanted in chain(*jobs))
    assert sorted(settled.answer.id for settled in done) == ids
    unwritten = sum(not settled.written for settled in done)
    assert unwritten <= sum(ending.lost for ending in endings), "done by nobody, or twice"
    assert max(chain(*(ending.writes for ending in endings))) <= MAX_ATTEMPTS
    account = shop.account_of(hot)
    assert (account.available, account.held, account.seq) == (LEFT, 0, 1 + len(ids))


def told(writers: int, endings: list[Ending], duration_s: float) -> str:
    writes = sum(chain(*(ending.writes for ending in endings)))
    done = sum(ending.refused is None for ending in endings)
    return (
        f"hot account, {writers:2d} writers: {len(endings)} transfers, {writes / done:.2f} "
        f"attempts for each success, {1 - done / len(endings):.0%} busy, "
        f"{done / duration_s:.0f} transfers/s"
    )

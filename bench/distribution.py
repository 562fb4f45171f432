"""Ten thousand customers are credited by a distribution, and some of them one by one.

Both on DynamoDB Local in the same run, with as many workers, interleaved: a figure alone means
little on a busy machine, the ratio of two of one run means more.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.progress import track

from bench.results import Part
from chalicelib.core.errors import Busy
from tests.engine.bulk import put_in_bulk
from tests.engine.conftest import tables_at
from tests.engine.distributor import distribute
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.engine.test_distributions import name_of, rows_of_customers
from tests.verbs import campaigns, shop

CUSTOMERS: Final = 10_000
SINGLE: Final = 250
"""How many transfers stand for ten thousand in each round: each costs the same."""

ROUNDS: Final = 4
WORKERS: Final = 8


def measure(console: Console, *, full: bool) -> Part:
    """Measure, and return how many credits a second each way made."""
    del full
    with (
        TemporaryDirectory() as folder,
        DynamoDBLocal(Path(folder)) as engine,
        tables_at(engine.address),
    ):
        by_job, single = _measure(console)
    part = Part()
    fast = part.note("a distribution of 10,000", "credits a second", by_job)
    slow = part.note("one transfer at a time", "credits a second", single)
    part.at_least("a distribution / single transfers", fast / slow, 3)
    return part


def _measure(console: Console) -> tuple[list[float], list[float]]:
    console.print(f"Opening {CUSTOMERS:,} accounts ...")
    shop.open_shop()
    campaigns.open_primary("10000000.00")
    put_in_bulk(rows_of_customers(CUSTOMERS))
    names = [name_of(number) for number in range(CUSTOMERS)]
    by_job: list[float] = []
    single: list[float] = []
    for number in track(range(ROUNDS), description="Measuring", console=console):
        part = names[number * CUSTOMERS // ROUNDS : (number + 1) * CUSTOMERS // ROUNDS]
        campaigns.preview(f"bench-{number}", campaigns.rows_for(*part))
        by_job.append(_rate(len(part), partial(distribute, f"bench-{number}", WORKERS)))
        single.append(_rate(SINGLE, partial(_transfer, str(number), part[:SINGLE])))
    return by_job, single


def _transfer(name: str, targets: list[str]) -> None:
    def send(target: str) -> None:
        while True:
            try:
                shop.send(f"t-{name}-{target}", "primary", target, "1.00")
            except Busy:  # the source is hot: a caller sends the same again
                continue
            return

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(send, targets))


def _rate(count: int, work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)

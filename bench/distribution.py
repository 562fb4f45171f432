"""Ten thousand customers are credited by a distribution, and some of them one by one.

Both on DynamoDB Local in the same run, with as many workers, interleaved: a figure alone means
little on a busy machine, the ratio of two of one run means more.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

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


def measure(console: Console) -> None:
    """Measure, and print what was measured."""
    with (
        TemporaryDirectory() as folder,
        DynamoDBLocal(Path(folder)) as engine,
        tables_at(engine.address),
    ):
        by_job, single = _measure(console)
    table = Table(title="Credits a second, one source, DynamoDB Local", title_justify="left")
    table.add_column("way")
    table.add_column("median", justify="right")
    table.add_column("least to most", justify="right")
    for way, rates in (("a distribution", by_job), ("one transfer at a time", single)):
        table.add_row(way, f"{median(rates):,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}")
    console.print(table)
    console.print(f"A distribution is {median(by_job) / median(single):.1f} times as fast.")


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

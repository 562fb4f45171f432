"""A hot account, simulated: how many transfers a second one row takes, and what comes beyond it.

No engine that runs here refuses transactions as DynamoDB does, so this is a model, of chance with
a fixed seed: while a transaction runs it holds its rows for 5 to 9 ms, and refuses any other that
touches one of them. A transfer reads the row, writes on condition of its number, and repeats by
the rules of the retry loop: after a conflict it pauses and writes again; after a stale number it
writes at once with the fresh one. Beside it, what came of pausing there as well.
"""

import heapq
import random
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from rich.console import Console

from bench.page import put, table
from bench.results import Part
from chalicelib.store.requests import BASE_PAUSE_S, MAX_ATTEMPTS, MAX_PAUSE_S

RATES: Final = (5, 15, 30, 50, 70, 90, 120)
"""Transfers a second that arrive at one account, each at a time of its own."""

ARRIVALS: Final = 20_000
READ_S: Final = 0.003
REFUSED_S: Final = 0.002
HELD_S: Final = (0.005, 0.009)
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Day:
    """What became of the transfers that came at a rate. Times in milliseconds."""

    done: int
    busy: int
    attempts: float
    median_ms: float
    slow_ms: float


def measure(console: Console, *, full: bool) -> Part:
    """Simulate every rate, and write the table of docs/performance.md anew."""
    del full
    console.print("Simulating a hot account; nothing is measured ...")
    put("hot", shown())
    return Part()


@dataclass(order=True, slots=True)
class _Transfer:
    """A transfer that waits to write at a time, with the number that it has seen."""

    at: float
    name: int
    came: float
    seen: int = -1
    attempts: int = 0
    pauses: int = 0


class _Row:
    """The row: its number, and until when the transaction that runs holds it."""

    def __init__(self) -> None:
        self._held_until = 0.0
        self._number = 0
        self._is_held = False

    def number_at(self, now: float) -> int:
        """Return the number that a read finds."""
        if self._is_held and now >= self._held_until:
            self._number, self._is_held = self._number + 1, False
        return self._number

    def is_held(self, now: float) -> bool:
        """Return whether a transaction holds the row still."""
        return self.number_at(now) >= 0 and self._is_held

    def hold(self, until: float) -> None:
        """Begin a transaction that commits at a time."""
        self._held_until, self._is_held = until, True


def simulate(rate: float, *, pauses_when_stale: bool = False, arrivals: int = ARRIVALS) -> Day:
    """Return what becomes of so many transfers that arrive at a rate a second."""
    chance, row = random.Random(SEED), _Row()
    waiting = _arrivals(chance, rate, arrivals)
    busy = tries = 0
    took: list[float] = []
    while waiting:
        transfer = heapq.heappop(waiting)
        now = transfer.at
        if transfer.seen < 0:
            transfer.seen, transfer.at = row.number_at(now), now + READ_S
        elif transfer.attempts == MAX_ATTEMPTS:
            busy += 1
            continue
        else:
            tries += 1
            transfer.attempts += 1
            stale = not row.is_held(now) and transfer.seen != row.number_at(now)
            if not row.is_held(now) and not stale:
                ends = now + chance.uniform(*HELD_S)
                row.hold(ends)
                took.append((ends - transfer.came) * 1000)
                continue
            transfer.at = now + REFUSED_S
            if stale:
                transfer.seen = row.number_at(now)
            if not stale or pauses_when_stale:
                transfer.pauses += 1
                longest = min(MAX_PAUSE_S, BASE_PAUSE_S * 2**transfer.pauses)
                transfer.at += longest * chance.random()
        heapq.heappush(waiting, transfer)
    shares = quantiles(took, n=100)
    return Day(len(took), busy, tries / arrivals, shares[49], shares[98])


def _arrivals(chance: random.Random, rate: float, count: int) -> list[_Transfer]:
    at, found = 0.0, []
    for name in range(count):
        at += chance.expovariate(rate)
        found.append(_Transfer(at, name, at))
    return found


def shown() -> str:
    """Return the table, in Markdown."""
    rows = []
    for rate in RATES:
        day, other = simulate(rate), simulate(rate, pauses_when_stale=True)
        figures = (f"{day.attempts:.2f}", f"{day.median_ms:.0f}", f"{day.slow_ms:.0f}")
        shares = (f"{each.busy / (each.done + each.busy):.2%}" for each in (day, other))
        rows.append([str(rate), *figures, *shares])
    head = ["transfers a second", "writes each", "50 % (ms)", "99 % (ms)", "`busy`"]
    return table([*head, "`busy`, had it paused"], rows, left=0)

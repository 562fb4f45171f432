"""Whether an operation takes as long with a long history, and among many accounts, as with neither.

The same operations on accounts with 10, 10,000 and 100,000 entries, interleaved in one run on
DynamoDB Local; and on an account among 10,000. Requests must be equal, medians within 10 %.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from rich.console import Console
from rich.progress import track

from bench.results import Part
from chalicelib import ledger
from chalicelib.config import config
from chalicelib.core.accounts import Account, after_entry, append_entry
from chalicelib.core.transitions import PageEvent
from chalicelib.store.accounts import put_account
from chalicelib.store.actions import Action
from chalicelib.store.connection import connection
from chalicelib.store.entries import put_entry
from tests.engine.bulk import put_in_bulk
from tests.engine.conftest import tables_at
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.engine.test_distributions import rows_of_customers
from tests.store.engine import forget
from tests.verbs import shop

ENTRIES: Final = (10, 10_000, 100_000)
ENTRIES_FULL: Final = (10, 10_000, 100_000, 1_000_000)
OTHERS: Final = 10_000
ROUNDS: Final = 150
WARM_UP: Final = 15
BLOCKS: Final = 6
WITHIN: Final = 1.1
FEW, MANY = "10 accounts", f"{OTHERS:,} accounts"


def measure(console: Console, *, full: bool) -> Part:
    """Measure, and return what was found."""
    part = Part()
    sizes = ENTRIES_FULL if full else ENTRIES
    with TemporaryDirectory() as folder, DynamoDBLocal(Path(folder)) as engine:
        with tables_at(engine.address):
            _open_shop()
            for size in sizes:
                console.print(f"Writing {size:,} entries ...")
                _open_with(f"u{size}", size)
            names = {f"{size:,} entries": f"u{size}" for size in sizes}
            counted = _Counted()
            for number in track(range(-WARM_UP, ROUNDS), description="Measuring", console=console):
                counted.round(names, number)
            _note(part, counted, [*names])
        with tables_at(engine.address), ExitStack() as stack:
            _note(part, _among(console, stack, engine.address), [FEW, MANY])
    return part


def _among(console: Console, stack: ExitStack, address: str) -> "_Counted":
    """Measure on tables with few accounts and on others with many, block by block in turn."""
    prefixes = {FEW: config().table_prefix}
    _open_shop()
    _open_with("alone", ENTRIES[0])
    stack.enter_context(tables_at(address))
    prefixes[MANY] = config().table_prefix
    _open_shop()
    _open_with("alone", ENTRIES[0])
    console.print(f"Opening {OTHERS:,} accounts ...")
    put_in_bulk(rows_of_customers(OTHERS))
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    counted = _Counted()
    for block in track(range(BLOCKS), description="Measuring", console=console):
        for size, prefix in prefixes.items():
            patch.setenv("TABLE_PREFIX", prefix)
            forget()
            counted.listen()
            for number in range(-WARM_UP, ROUNDS // BLOCKS):
                counted.round({size: "alone"}, number, f"b{block}")
    return counted


def _open_shop() -> None:
    """Open a shop of a few accounts: those of eight others, and what is measured."""
    shop.open_shop()
    shop.open_accounts(grace="1000.00", **{f"other-{n}": "1.00" for n in range(8)})


def _note(part: Part, counted: "_Counted", sizes: list[str]) -> None:
    for what in OPERATIONS:
        middle = {s: part.note(f"{what}, {s}", "ms", counted.times[what, s]) for s in sizes}
        for size in sizes[1:]:
            ratio = middle[size] / middle[sizes[0]]
            part.at_most(f"{what}, {size} / {sizes[0]}", ratio, WITHIN)


class _Counted:
    """The milliseconds of each operation for each size, whose requests must be equal."""

    def __init__(self) -> None:
        self.times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._requests: defaultdict[str, set[int]] = defaultdict(set)
        self._sent = 0
        self.listen()

    def listen(self) -> None:
        """Count the requests of the store's present client."""
        client: Any = connection().client
        client.meta.events.register("before-send.dynamodb", self._count)

    def round(self, names: dict[str, str], number: int, run: str = "") -> None:
        """Do each operation once for each user; a negative number only warms up."""
        for size, user in names.items():
            for what, operation in OPERATIONS.items():
                prepare, act = operation(user, f"{run}{user}-{number}")
                prepare()
                self._sent = 0
                began = time.perf_counter()
                act()
                took = (time.perf_counter() - began) * 1000
                self._requests[what].add(self._sent)
                assert len(self._requests[what]) == 1, f"{what}: {self._requests[what]} requests"
                if number >= 0:
                    self.times[what, size].append(took)

    def _count(self, **_: object) -> None:
        self._sent += 1


# --- the operations -------------------------------------------------------------------------------

Acts = tuple[Callable[[], object], Callable[[], object]]
"""What comes before, which is not timed, and what is."""


def _transfer(user: str, name: str) -> Acts:
    return lambda: None, lambda: shop.send(f"t-{name}", user, "grace", "0.01")


def _account_page(user: str, _: str) -> Acts:
    def act() -> None:
        ledger.read_account(shop.call(), shop.key_of(user))
        ledger.list_activities(shop.call(), shop.key_of(user), limit=20, start=None)

    return lambda: None, act


def _usage_page(user: str, _: str) -> Acts:
    return lambda: None, lambda: shop.visit(user, PageEvent.SHOW_CREDIT)


def _completion(user: str, name: str) -> Acts:
    def prepare() -> None:
        shop.open_checkout(user, 1, reference=f"o-{name}")
        assert shop.visit(user, PageEvent.USE_CREDIT, "0.01").refusal is None

    def act() -> None:
        assert shop.visit(user, PageEvent.COMPLETE, "true").refusal is None

    return prepare, act


OPERATIONS: Final[dict[str, Callable[[str, str], Acts]]] = {
    "transfer": _transfer,
    "account page": _account_page,
    "usage page": _usage_page,
    "completion": _completion,
}


# --- a long history -------------------------------------------------------------------------------


def _open_with(user: str, entries: int) -> None:
    """Open an account with a history of so many entries."""
    shop.register(user)
    shop.open_account(user, "100000.00")
    lengthen(user, entries - 1)


def lengthen(user: str, entries: int) -> None:
    """Give an account, by the ledger's own rules, so many entries more."""
    put_in_bulk(_history(shop.account_of(user), entries))


def _history(account: Account, entries: int) -> Iterator[Action]:
    for number in range(entries):
        entry = append_entry(
            account,
            amount=1 if number % 2 else -1,
            at_ms=account.entry_ms,
            kind="adjust",
            counterparty="house:BANK",
            transfer_id=f"history-{number}",
        )
        account = after_entry(account, entry)
        yield put_entry(entry)
    yield put_account(account, None)[0]

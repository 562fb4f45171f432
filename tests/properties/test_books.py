"""The auditor itself: a ledger that was tampered with must not pass."""

import copy
from collections.abc import Callable, Iterator

import pytest

from chalicelib.core.checkout import Event
from tests.properties.books import Books, Rows, assert_nothing_rewritten, audit
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Json
from tests.verbs import shop


@pytest.fixture(scope="module")
def ledger() -> Iterator[Rows]:
    """Return the rows of a small ledger that is in order."""
    with tables_on_moto(), empty_store() as wire:
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="0")
        shop.send("t-1", "ada", "grace", "10.00")
        shop.send("t-2", "grace", "ada", "1.00", after_s=1)
        shop.open_checkout("ada")
        shop.visit("ada", Event.USE_CREDIT, "40.00")
        shop.visit("ada", Event.COMPLETE, "true")
        yield wire.everything()


def row(rows: Rows, table: str, number: int = 0) -> Json:
    return rows[f"test-{table}"][number]


def add(rows: Rows, table: str, name: str, amount: int, number: int = 0) -> None:
    found = row(rows, table, number)
    found[name] = {"N": str(int(found[name]["N"]) + amount)}


def shift(rows: Rows) -> None:
    """Move credit from one account to the other without an entry."""
    add(rows, "accounts", "available", 1)
    add(rows, "accounts", "available", -1, number=1)


TAMPERING: dict[str, Callable[[Rows], object]] = {
    "a balance": lambda rows: add(rows, "accounts", "available", 1),
    "both balances": shift,
    "a number": lambda rows: add(rows, "accounts", "seq", 1),
    "a last hash": lambda rows: row(rows, "accounts").update(entry_hash={"S": "f" * 64}),
    "an amount": lambda rows: add(rows, "entries", "amount", 1),
    "a balance after": lambda rows: add(rows, "entries", "balance_after", 1),
    "a counterparty": lambda rows: row(rows, "entries").update(counterparty={"S": "a-x"}),
    "a note": lambda rows: row(rows, "entries").update(note={"S": "x"}),
    "a time": lambda rows: row(rows, "entries").update(
        at_seq={"S": "9" + row(rows, "entries")["at_seq"]["S"][1:]}
    ),
    "a lost entry": lambda rows: rows["test-entries"].pop(),
    "a doubled entry": lambda rows: rows["test-entries"].append(row(rows, "entries")),
    "a lost transfer": lambda rows: rows["test-transfers"].pop(),
    "a transfer's amount": lambda rows: add(rows, "transfers", "amount", 1),
    "a lost order": lambda rows: rows["test-orders"].pop(),
    "an order's credit": lambda rows: add(rows, "orders", "loyalty", 1),
}


def test_a_ledger_in_order_passes(ledger: Rows) -> None:
    audit(Books.of(ledger))
    assert_nothing_rewritten(ledger, ledger)


@pytest.mark.parametrize("name", TAMPERING)
def test_a_ledger_that_was_tampered_with_does_not_pass(ledger: Rows, name: str) -> None:
    rows = copy.deepcopy(ledger)
    TAMPERING[name](rows)
    with pytest.raises(AssertionError):
        audit(Books.of(rows))


@pytest.mark.parametrize("table", ["account_ids", "entries", "transfers", "orders"])
def test_a_row_that_was_rewritten_or_lost_is_noticed(ledger: Rows, table: str) -> None:
    changed, lost = copy.deepcopy(ledger), copy.deepcopy(ledger)
    row(changed, table)["surplus"] = {"S": "x"}
    lost[f"test-{table}"].pop()
    for later in (changed, lost):
        with pytest.raises(AssertionError, match=table):
            assert_nothing_rewritten(ledger, later)

"""Proves the books from the raw rows alone: nothing here is read through the code under test.

The rows are what the engine holds; sums, numbers, order and hashes are computed anew.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from tests.store.wire import Json

Rows = dict[str, list[Json]]

PREFIX = "test-"
PUT_ONCE = ("account_ids", "entries", "transfers", "orders")


def plain(item: Json) -> Json:
    """Return a row with Python values in place of DynamoDB's."""
    read = {"S": str, "N": int, "BOOL": bool}
    return {
        name: read[kind](value)
        for name, typed in item.items()
        for kind, value in typed.items()
        if kind != "NULL"
    }


@dataclass
class Books:
    """All rows of one moment, by what they belong to."""

    accounts: dict[str, Json] = field(default_factory=dict)
    entries: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    transfers: dict[str, Json] = field(default_factory=dict)
    orders: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows) -> "Books":
        """Return the books out of every row of every table."""
        books = cls()
        for row in map(plain, rows[PREFIX + "accounts"]):
            books.accounts[f"{row['user']}#{row['currency']}"] = row
        for row in map(plain, rows[PREFIX + "entries"]):
            books.entries[row["account"]].append(row)
        for entries in books.entries.values():
            entries.sort(key=lambda row: str(row["at_seq"]))
        books.transfers = {row["id"]: row for row in map(plain, rows[PREFIX + "transfers"])}
        books.orders = {row["id"]: row for row in map(plain, rows[PREFIX + "orders"])}
        return books


def audit(books: Books) -> None:
    """Assert the promises that hold in every moment: see the README's list."""
    assert set(books.entries) <= set(books.accounts)
    for key, account in books.accounts.items():
        _audit_account(key, account, books.entries.get(key, []))
    _audit_legs(books)
    _audit_conservation(books)
    _audit_orders(books)


def _audit_account(key: str, account: Json, entries: list[Json]) -> None:
    balance, previous, last_ms = 0, "", 0
    for number, entry in enumerate(entries, start=1):
        at_ms, seq = int(entry["at_seq"][:13]), int(entry["at_seq"][13:])
        assert seq == number, "numbers are gapless, and in the order of time"
        assert at_ms >= last_ms
        balance, last_ms = balance + entry["amount"], at_ms
        assert entry["balance_after"] == balance
        assert entry["hash"] == _hash(key, entry, at_ms, seq, previous)
        previous = entry["hash"]
    assert account["available"] + account["held"] == balance
    assert account["seq"] == len(entries)
    assert account["entry_hash"] == previous
    assert account["debit_allowed"] or account["available"] >= 0, "no overdraft"
    if entries:
        assert account["entry_ms"] == last_ms


def _hash(key: str, entry: Json, at_ms: int, seq: int, previous: str) -> str:
    content = [previous, *key.split("#"), seq, at_ms, entry["amount"], entry["balance_after"]]
    content += [entry[name] for name in ("kind", "counterparty", "transfer_id")]
    content += [entry.get("order"), entry.get("note")]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _audit_legs(books: Books) -> None:
    """Every movement between two accounts has both legs, and every leg its transfer."""
    legs: defaultdict[str, list[int]] = defaultdict(list)
    for key, entries in books.entries.items():
        channel = key.split("#")[0]
        for entry in entries:
            legs[f"{channel}#{entry['transfer_id']}"].append(entry["amount"])
    assert set(legs) == set(books.transfers)
    for name, transfer in books.transfers.items():
        amount = transfer["amount"]
        expected = {"transfer": [-amount, amount], "opening": [amount], "order": [-amount]}
        assert sorted(legs[name]) == expected[transfer["kind"]]


def _audit_conservation(books: Books) -> None:
    """House flows explain what all accounts of a currency hold together."""
    held: defaultdict[str, int] = defaultdict(int)
    for account in books.accounts.values():
        held[account["currency"]] += account["available"] + account["held"]
    for transfer in books.transfers.values():
        issued = transfer["source"] == "house:BANK"
        received = transfer["target"] == "house:SALE"
        held[transfer["currency"]] -= (issued - received) * transfer["amount"]
    assert not any(held.values())


def _audit_orders(books: Books) -> None:
    """Every order was paid once, by its own transfer."""
    paid = {name: t for name, t in books.transfers.items() if t["kind"] == "order"}
    by_order = {f"{t['id'].split('#')[0]}#{t['order']}": t for t in paid.values()}
    assert set(by_order) == set(books.orders)
    assert len(by_order) == len(paid)
    for name, order in books.orders.items():
        assert by_order[name]["amount"] == order["loyalty"] == order["total"]


def assert_nothing_rewritten(before: Rows, after: Rows) -> None:
    """Assert that every put-once row of one moment is there, unchanged, in a later one."""
    for table in PUT_ONCE:
        for item in before[PREFIX + table]:
            assert item in after[PREFIX + table], f"a row of {table} was changed or deleted"

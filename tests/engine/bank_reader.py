"""A reader of the bank test: takes all accounts at one moment, and proves them by their entries.

It reads raw rows. Entries never change, so of each account only those are read that are new since
the snapshot before; the audit at the end reads everything again.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chalicelib.core.accounts import AccountKey
from chalicelib.core.errors import Busy
from chalicelib.store.accounts import account_key
from chalicelib.store.requests import query, transact_get
from chalicelib.store.tables import EntryRow
from tests.engine.bank_operations import CHANNEL, CURRENCY, OPENINGS, Json, account_id_of, call

_PAGE: Final = 1000
_PAUSE_S: Final = 0.1
"""Leaves the processor, and the accounts, to the writers: nothing is decided by it."""
_IDS: Final = {account_id_of(user) for user in OPENINGS}


@dataclass(slots=True)
class Seen:
    """What a reader knows of one account: its entries up to the last snapshot."""

    at_seq: str = ""
    seq: int = 0
    balance: int = 0
    entry_hash: str = ""


@dataclass(slots=True)
class Reader:
    """All accounts as a reader knows them, and legs whose other side it has not seen."""

    accounts: dict[str, Seen] = field(default_factory=lambda: {user: Seen() for user in OPENINGS})
    alone: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def take(self) -> int:
        """Take a snapshot, prove it, and return how many entries were new. Raises `Busy`."""
        keys = {user: account_key(AccountKey(CHANNEL, user, CURRENCY)) for user in OPENINGS}
        rows = transact_get(list(keys.values()), deadline=call("reader").deadline)
        found = {user: rows.items[key.identity] for user, key in keys.items()}
        new = 0
        for user, row in found.items():
            assert row is not None, f"the account of {user} is gone"
            new += self._follow(user, row)
            _check(user, row, self.accounts[user])
        assert not self.alone, f"one leg of a movement without the other: {self.alone}"
        return new

    def _follow(self, user: str, row: Json) -> int:
        """Read the entries that are new up to the number that the account shows."""
        seen, shown = self.accounts[user], int(row["seq"]["N"])
        new = shown - seen.seq
        assert new >= 0, f"{user} went back from entry {seen.seq} to {shown}"
        while seen.seq < shown:
            for entry in _entries(user, seen.at_seq, min(shown - seen.seq, _PAGE)):
                self._add(user, entry)
        return new

    def _add(self, user: str, entry: Json) -> None:
        seen, amount = self.accounts[user], int(entry["amount"]["N"])
        at_seq = entry["at_seq"]["S"]
        where = f"entry {at_seq} of {user}"
        assert int(at_seq[13:]) == seen.seq + 1, f"{where} follows number {seen.seq}"
        assert int(entry["balance_after"]["N"]) == seen.balance + amount, f"{where}: its balance"
        seen.at_seq, seen.seq = at_seq, seen.seq + 1
        seen.balance += amount
        seen.entry_hash = entry["hash"]["S"]
        self._pair(user, entry["transfer_id"]["S"], entry["counterparty"]["S"], amount)

    def _pair(self, user: str, transfer_id: str, counterparty: str, amount: int) -> None:
        if counterparty not in _IDS:
            # Escrow of distributions is laid beside its entries by the audit at the end.
            assert counterparty.startswith(("house:", "escrow:")), counterparty
            return
        own = account_id_of(user)
        other = self.alone.pop(transfer_id, None)
        if other is None:
            self.alone[transfer_id] = (own, counterparty, amount)
        else:
            assert other == (counterparty, own, -amount), f"the legs of {transfer_id} differ"


def _entries(user: str, after: str, limit: int) -> list[Json]:
    condition = EntryRow.account == f"{CHANNEL}#{user}#{CURRENCY}"
    if after:
        condition = condition & (EntryRow.at_seq > after)
    deadline = call("reader").deadline
    items, _ = query(EntryRow, condition, deadline=deadline, limit=limit, consistent=True)
    assert items, f"entries of {user} after {after!r} are missing"
    return items


def _check(user: str, row: Json, seen: Seen) -> None:
    """Lay an account beside its entries up to the number that it shows."""
    available, held = int(row["available"]["N"]), int(row["held"]["N"])
    kept = sum(int(hold["M"]["amount"]["N"]) for hold in row["open_holds"]["M"].values())
    said = f"{user} at entry {seen.seq}: available {available}, held {held}"
    assert seen.seq == int(row["seq"]["N"]), said
    assert available + held == seen.balance, f"{said}, but its entries sum up to {seen.balance}"
    assert held == kept, f"{said}, but its open holds keep {kept}"
    assert row["debit_allowed"]["BOOL"] or available >= 0, f"{said}: overdrawn"
    assert row["entry_hash"]["S"] == seen.entry_hash, f"{said}: not the hash of its last entry"


def read(folder: Path, number: int) -> None:
    """Take snapshots until the writers are done, one of them after that; a line for each."""
    reader = Reader()
    with (folder / f"reader-{number}.jsonl").open("a") as file:
        last = False
        while not last:
            last = over(folder).exists()
            try:
                line = {"new": reader.take()}
            except Busy:
                line, last = {"busy": 1}, False
            print(json.dumps(line), file=file, flush=True)
            time.sleep(_PAUSE_S)


def over(folder: Path) -> Path:
    """Return the file that is there once the writers are done."""
    return folder / "over"

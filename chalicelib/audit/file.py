"""What an audit remembers while it runs, in a file of its own, so that it may be interrupted.

One SQLite file: the entries that were seen, what was added up, the faults, and where each list
goes on. It is committed together with the place up to which it is true, and is held by one audit
at a time. Amounts are text, since SQLite's integers end before DynamoDB's.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from chalicelib.core.accounts import AccountKey, Entry, EntryKind
from chalicelib.core.audit import Fault, FaultKind, Flows, OwnedEntry, sale_of

APPLICATION_ID: Final = 0x4C4D4132
"""Marks the file as ours ("LMA2"), so that no other file is ever taken for one and emptied."""

IDS_A_QUERY: Final = 500

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    transfer_id TEXT, sale TEXT, account_id TEXT, user_pk TEXT, currency TEXT, seq INTEGER,
    at_ms INTEGER, amount TEXT, balance_after TEXT, kind TEXT, counterparty TEXT,
    of_order TEXT, note TEXT, hash TEXT, matched INTEGER DEFAULT 0
);
CREATE INDEX IF NOT EXISTS entries_by_transfer ON entries (transfer_id);
CREATE INDEX IF NOT EXISTS entries_by_counterparty ON entries (counterparty)
    WHERE counterparty LIKE 'escrow:%';
CREATE INDEX IF NOT EXISTS entries_by_sale ON entries (sale) WHERE sale IS NOT NULL;
CREATE TABLE IF NOT EXISTS sales (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS faults (kind TEXT, place TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT);
"""
_COLUMNS: Final = (
    "account_id, user_pk, currency, seq, at_ms, amount, balance_after, kind, counterparty, "
    "transfer_id, of_order, note, hash"
)

Place = dict[str, Any]
"""Where a list goes on: a key in DynamoDB's own JSON."""


class AuditFileError(Exception):
    """The file cannot be used; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Books:
    """Which books are audited. `made_ms` tells a channel from one of the same name before it."""

    stage: str
    table_prefix: str
    channel: str
    made_ms: int


@dataclass(slots=True)
class Counts:
    """How much was audited so far."""

    accounts: int = 0
    entries: int = 0
    transfers: int = 0
    holds: int = 0
    refunds: int = 0
    distributions: int = 0


class AuditFile:
    """The memory of one audit. Nothing counts until `save`, which says where it goes on."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `AuditFileError` if it is another's, or in use."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError as error:
            busy = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
            why = "is in use by another audit" if busy else f"cannot be used ({error})"
            raise AuditFileError(f"The file {path} {why}; name another with --state.") from error
        self.channel = ""
        self.started_ms = 0
        self.counts = Counts(**self._read("counts", {}))
        flows = self._read("flows", {})
        self.flows = defaultdict(Flows, {code: Flows(**each) for code, each in flows.items()})

    def begin(self, books: Books, now_ms: int) -> bool:
        """Begin the audit of some books, or go on with it; return whether it goes on.

        Raises `AuditFileError` if the file remembers an audit of other books.
        """
        wanted = asdict(books)
        found = self._read("books", None)
        if found is None:
            self._write("books", wanted)
            self._write("started_ms", now_ms)
            self._db.commit()
        elif found != wanted:
            raise AuditFileError(
                f"The file {self.path} remembers an audit of other books (channel "
                f"{found['channel']}); start over with --fresh, or name another with --state."
            )
        self.channel = books.channel
        self.started_ms = int(self._read("started_ms", 0))
        return found is not None

    def forget(self) -> None:
        """Empty the file."""
        for table in ("entries", "sales", "faults", "state"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  # names of our own
        self._db.commit()
        self.counts, self.flows = Counts(), defaultdict(Flows)

    def close(self) -> None:
        """Close the file; what was not saved is dropped."""
        self._db.rollback()
        self._db.close()

    def remove(self) -> None:
        """Close the file and delete it: the audit is finished."""
        self.close()
        self.path.unlink()

    # --- where each list goes on ---

    def is_done(self, part: str) -> bool:
        """Return whether a part of the audit was finished."""
        return self._read(part, {"done": False})["done"] is True

    def place(self, part: str) -> Place | None:
        """Return the key after which a part goes on, or None for its beginning."""
        place: Place | None = self._read(part, {"place": None})["place"]
        return place

    def save(self, part: str, place: Place | None, *, done: bool = False) -> None:
        """Commit what was added, and up to where a part is done."""
        self._write(part, {"place": place, "done": done})
        self._write("counts", asdict(self.counts))
        self._write("flows", {code: asdict(each) for code, each in self.flows.items()})
        self._db.commit()

    def _read(self, name: str, absent: Any) -> Any:  # noqa: ANN401  # whatever JSON it holds
        row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return absent if row is None else json.loads(row[0])

    def _write(self, name: str, value: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, json.dumps(value)))

    # --- entries ---

    def add_entries(self, entries: Sequence[OwnedEntry]) -> None:
        """Remember entries of an account."""
        self._db.executemany(
            f"INSERT INTO entries (sale, {_COLUMNS}) VALUES ({', '.join('?' * 14)})",  # noqa: S608
            [(sale_of(owned.entry), *_row(owned)) for owned in entries],
        )

    def entries_of(self, transfer_ids: Sequence[str]) -> Mapping[str, Sequence[OwnedEntry]]:
        """Return the entries that name transfers, by the transfer's id."""
        found: defaultdict[str, list[OwnedEntry]] = defaultdict(list)
        for ids in _chunks(transfer_ids):
            where = f"transfer_id IN ({', '.join('?' * len(ids))}) ORDER BY rowid"
            for owned in self._select(where, ids):
                found[owned.entry.transfer_id].append(owned)
        return found

    def match(self, transfer_ids: Sequence[str]) -> None:
        """Remember that transfers exist, so that their entries name something."""
        self._db.executemany(
            "UPDATE entries SET matched = 1 WHERE transfer_id = ?", [(i,) for i in transfer_ids]
        )

    def unmatched(self, as_of_ms: int) -> list[OwnedEntry]:
        """Return the entries up to a time whose transfer was not seen."""
        return self._select("matched = 0 AND at_ms <= ? ORDER BY rowid", [as_of_ms])

    def escrow_of(self, escrow: str) -> int:
        """Return what entries moved into an escrow less what they moved out, in minor units."""
        # The pattern is that of the index, which is used only where it is repeated.
        query = "SELECT amount FROM entries WHERE counterparty = ? AND counterparty LIKE 'escrow:%'"
        return -sum(int(row[0]) for row in self._db.execute(query, (escrow,)))

    def count_transfers(self) -> int:
        """Return how many transfers the entries name."""
        row = self._db.execute("SELECT count(DISTINCT transfer_id) FROM entries").fetchone()
        return int(row[0])

    def _select(self, where: str, values: Sequence[object]) -> list[OwnedEntry]:
        query = f"SELECT {_COLUMNS} FROM entries WHERE {where}"  # noqa: S608  # clauses of our own
        return [_owned(self.channel, row) for row in self._db.execute(query, values)]

    # --- refunds ---

    def refunds_of(self, sales: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Return the amounts of the refunds' entries, by the payment's id."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for ids in _chunks(sales):
            marks = ", ".join("?" * len(ids))
            query = f"SELECT sale, amount FROM entries WHERE sale IN ({marks})"  # noqa: S608
            for sale, amount in self._db.execute(query, ids):
                found[sale].append(int(amount))
        return found

    def add_sales(self, sales: Sequence[str]) -> None:
        """Remember payments whose refunds were audited."""
        self._db.executemany("INSERT OR IGNORE INTO sales VALUES (?)", [(sale,) for sale in sales])

    def sales_left(self, limit: int) -> list[str]:
        """Return payments that entries refund, and that were not audited yet."""
        query = (
            "SELECT DISTINCT sale FROM entries WHERE sale IS NOT NULL "
            "AND sale NOT IN (SELECT id FROM sales) LIMIT ?"
        )
        return [row[0] for row in self._db.execute(query, (limit,))]

    # --- faults ---

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Remember faults."""
        rows = [(fault.kind.value, fault.where, fault.detail) for fault in faults]
        self._db.executemany("INSERT INTO faults VALUES (?, ?, ?)", rows)

    def count_faults(self) -> int:
        """Return how many faults were found so far."""
        return int(self._db.execute("SELECT count(*) FROM faults").fetchone()[0])

    def faults(self, limit: int) -> list[Fault]:
        """Return the first faults, in the order in which they were found."""
        query = "SELECT kind, place, detail FROM faults ORDER BY rowid LIMIT ?"
        return [
            Fault(kind=FaultKind(kind), where=where, detail=detail)
            for kind, where, detail in self._db.execute(query, (limit,))
        ]


def _opened(path: Path) -> sqlite3.Connection:
    """Return the database, ours and locked."""
    db = sqlite3.connect(path, timeout=0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        _require_ours(db)
        # A crash of this program loses nothing; one of the machine, at most the last accounts.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.executescript(_SCHEMA)
        db.execute("BEGIN EXCLUSIVE")
        db.commit()
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _require_ours(db: sqlite3.Connection) -> None:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (found,) = db.execute("PRAGMA application_id").fetchone()
    if tables and found != APPLICATION_ID:
        raise sqlite3.DatabaseError("it is not an audit's")


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), IDS_A_QUERY):
        yield ids[first : first + IDS_A_QUERY]


def _row(owned: OwnedEntry) -> tuple[object, ...]:
    entry = owned.entry
    return (
        owned.account_id,
        entry.account.user_pk,
        entry.account.currency,
        entry.seq,
        entry.at_ms,
        str(entry.amount),
        str(entry.balance_after),
        entry.kind,
        entry.counterparty,
        entry.transfer_id,
        entry.order,
        entry.note,
        entry.hash,
    )


def _owned(channel: str, row: Sequence[Any]) -> OwnedEntry:
    entry = Entry(
        account=AccountKey(channel, row[1], row[2]),
        seq=row[3],
        at_ms=row[4],
        amount=int(row[5]),
        balance_after=int(row[6]),
        kind=cast("EntryKind", row[7]),
        counterparty=row[8],
        transfer_id=row[9],
        order=row[10],
        note=row[11],
        hash=row[12],
    )
    return OwnedEntry(row[0], entry)

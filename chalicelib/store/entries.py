"""Entries: put once, listed newest first. Their order in time and in number is one order."""

from typing import Final, cast

from chalicelib.core.accounts import AccountKey, Entry, EntryKind
from chalicelib.store.accounts import account_name, account_named
from chalicelib.store.actions import Action, Item, put_once
from chalicelib.store.requests import query
from chalicelib.store.tables import EntryRow

MAX_SEQ: Final = 9_999_999_999
"""The greatest number that its place in the key holds."""

_LAST_MS: Final = 10**13 - 1
"""The latest time that has 13 digits, in the year 2286."""


def put_entry(entry: Entry) -> Action:
    """Return the put of a new entry."""
    return put_once(
        EntryRow(
            account=account_name(entry.account),
            at_seq=_at_seq(entry.at_ms, entry.seq),
            amount=entry.amount,
            balance_after=entry.balance_after,
            kind=entry.kind,
            counterparty=entry.counterparty,
            transfer_id=entry.transfer_id,
            order=entry.order,
            note=entry.note,
            hash=entry.hash,
        )
    )


def list_entries(
    key: AccountKey, *, limit: int, start: Item | None, deadline: float, consistent: bool = False
) -> tuple[list[Entry], Item | None]:
    """Return a page of the account's entries, newest first, and the key to go on from."""
    items, last = query(
        EntryRow,
        EntryRow.account == account_name(key),
        limit=limit,
        newest_first=True,
        start=start,
        deadline=deadline,
        consistent=consistent,
    )
    return [_entry(key, EntryRow.from_raw_data(item)) for item in items], last


def list_oldest(
    key: AccountKey, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[Entry], Item | None]:
    """Return a page of the account's entries, the oldest first, strongly read, for an audit."""
    items, last = query(
        EntryRow,
        EntryRow.account == account_name(key),
        limit=limit,
        consistent=True,
        start=start,
        deadline=deadline,
    )
    return [_entry(key, EntryRow.from_raw_data(item)) for item in items], last


def list_between(
    key: AccountKey, since_ms: int, until_ms: int, *, after: str | None, limit: int, deadline: float
) -> tuple[list[Entry], str | None]:
    """Return a page of the account's entries from a time up to before another, strongly read.

    The oldest come first. The key to go on `after` comes second, None with the last page.
    """
    name = account_name(key)
    last_ms = min(until_ms - 1, _LAST_MS)
    in_period = EntryRow.at_seq.between(_at_seq(since_ms, 0), _at_seq(last_ms, MAX_SEQ))
    items, last = query(
        EntryRow,
        (EntryRow.account == name) & in_period,
        limit=limit,
        consistent=True,
        start=None if after is None else {"account": {"S": name}, "at_seq": {"S": after}},
        deadline=deadline,
    )
    entries = [_entry(key, EntryRow.from_raw_data(item)) for item in items]
    return entries, None if last is None else last["at_seq"]["S"]


def last_entry_at(key: AccountKey, at_ms: int, *, deadline: float) -> Entry | None:
    """Return the account's last entry up to and including a millisecond, or None."""
    up_to = EntryRow.at_seq <= _at_seq(at_ms, MAX_SEQ)
    items, _ = query(
        EntryRow,
        (EntryRow.account == account_name(key)) & up_to,
        limit=1,
        newest_first=True,
        consistent=True,
        deadline=deadline,
    )
    return _entry(key, EntryRow.from_raw_data(items[0])) if items else None


def entry_of(item: Item) -> Entry:
    """Return the entry of a row."""
    row = EntryRow.from_raw_data(item)
    return _entry(account_named(row.account), row)


def _at_seq(at_ms: int, seq: int) -> str:
    return f"{at_ms:013d}{seq:010d}"


def _entry(key: AccountKey, row: EntryRow) -> Entry:
    return Entry(
        account=key,
        seq=int(row.at_seq[13:]),
        at_ms=int(row.at_seq[:13]),
        amount=row.amount,
        balance_after=row.balance_after,
        kind=cast("EntryKind", row.kind),
        counterparty=row.counterparty,
        transfer_id=row.transfer_id,
        order=row.order,
        note=row.note,
        hash=row.hash,
    )

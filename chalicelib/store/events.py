"""What the streams of the tables say has changed, and the events that it makes.

A stream keeps each change of a table for 24 hours, and hands them out in order, row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.config import config
from chalicelib.core.distributions import Distribution
from chalicelib.core.events import (
    Event,
    account_opened,
    distribution_changed,
    entry_posted,
    hold_changed,
    order_completed,
)
from chalicelib.store.accounts import account_of
from chalicelib.store.actions import AnyKey, Item, Key
from chalicelib.store.distributions import job_of
from chalicelib.store.entries import entry_of
from chalicelib.store.holds import hold_of
from chalicelib.store.orders import order_of
from chalicelib.store.tables import PUT_ONCE, ROWS, key_names, noun

Record = Mapping[str, Any]
"""A change as a stream hands it out."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was written: its table, its key, and how it was before and is now.

    `old` is there only where the table's stream has it.
    """

    table: str
    name: Literal["INSERT", "MODIFY", "REMOVE"]
    key: Item
    new: Item | None
    old: Item | None

    @property
    def breaks_put_once(self) -> bool:
        """Whether a row was changed or deleted of a table whose rows are put once."""
        return self.table in PUT_ONCE and self.name != "INSERT"


def change_of(record: Record) -> Change:
    """Return the change that a stream's record tells of."""
    content = record["dynamodb"]
    # arn:aws:dynamodb:{region}:{account}:table/{table}/stream/{time}
    table = str(record["eventSourceARN"]).split("/")[1]
    return Change(
        table=table.removeprefix(config().table_prefix),
        name=record["eventName"],
        key=content["Keys"],
        new=content.get("NewImage"),
        old=content.get("OldImage"),
    )


def key_of(table: str, key: Mapping[str, str]) -> AnyKey:
    """Return the key of a table's row from its values by name. Raises `LookupError` for another."""
    row = {noun(row): row for row in ROWS}[table]
    return Key(row, *(key[name] for name in key_names(row)))


def event_of(change: Change) -> Event | None:
    """Return the event that a change makes; of most changes nothing tells.

    Raises `ValueError`, `TypeError` or `LookupError` for a row that is not as rows are.
    """
    row = change.new
    if row is None:
        return None
    match change.table:
        case "accounts":
            return account_opened(account_of(row)) if change.name == "INSERT" else None
        case "entries":
            return entry_posted(entry_of(row))
        case "holds":
            # A hold is written when it is authorised and when it ends, and never else.
            return hold_changed(hold_of(row))
        case "orders":
            return order_completed(order_of(row))
        case "distributions":
            return _of_job(job_of(row), None if change.old is None else job_of(change.old))
        case _:
            return None


def _of_job(job: Distribution | None, before: Distribution | None) -> Event | None:
    """Return what tells of a job's state; one that runs is written many times, and told once."""
    if job is None:
        return None
    event = distribution_changed(job)
    told = None if before is None else distribution_changed(before)
    return None if event is not None and told is not None and event.id == told.id else event

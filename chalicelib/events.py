"""The verbs of events: tell of what the streams hand out, and tell again out of the books."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from chalicelib.auth import Call
from chalicelib.core import events as rules
from chalicelib.core.accounts import Account, Entry
from chalicelib.core.distributions import Distribution
from chalicelib.core.events import Event
from chalicelib.core.holds import Hold
from chalicelib.core.names import time_text
from chalicelib.core.users import User
from chalicelib.logs import log
from chalicelib.outside import events as outside
from chalicelib.outside.queue import Message
from chalicelib.store.accounts import list_of_user
from chalicelib.store.actions import Item
from chalicelib.store.distributions import list_jobs
from chalicelib.store.entries import list_between
from chalicelib.store.events import Change, Record, change_of, event_of, key_of
from chalicelib.store.holds import list_holds
from chalicelib.store.orders import list_order_keys, order_in, order_key
from chalicelib.store.pages import Page, all_rows, pages
from chalicelib.store.requests import batch_get
from chalicelib.store.users import list_users

Calls = Callable[[], Call]
"""Makes the call by which one request is sent, so that each has a deadline of its own."""

ROWS_A_PAGE: Final = 50
ENTRIES_A_PAGE: Final = 1000


UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a row raises that is not as rows are."""


def publish(records: Sequence[Record]) -> None:
    """Tell of the changes that a stream has handed out, in their order.

    A change that cannot be read is set aside, so that it does not stop the others. Raises `Busy`
    where the bus, or the queue of what is set aside, does not take everything: the same changes
    are then to be published again.
    """
    told: list[Event] = []
    unreadable: list[Message] = []
    for change in map(change_of, records):
        if change.breaks_put_once:
            log.error("book_changed", extra=_named(change))
            continue
        try:
            event = event_of(change)
        except UNREADABLE as error:
            # Not the error's text, which may show what the row holds.
            log.error("change_unreadable", extra={**_named(change), "why": type(error).__name__})
            unreadable.append(_named(change))
            continue
        if event is not None:
            told.append(event)
    outside.publish(told)
    if unreadable:
        outside.set_aside(unreadable)
    if told:
        log.info("published", extra={"events": len(told)})


def read_again(call: Call, letter: Message) -> Event | None:
    """Return the event of a change that was set aside, out of its row as it is now.

    None where nothing tells of it any more. Raises as reading the change did, if it still does.
    """
    key = key_of(letter["table"], letter["key"])
    rows = batch_get([key], deadline=call.deadline, consistent=True)
    row = rows.items[key.identity]
    change = Change(letter["table"], letter["change"], key.item(), row, None)
    return event_of(change)


def _named(change: Change) -> Message:
    key = {name: value["S"] for name, value in change.key.items()}
    return {"table": change.table, "key": key, "change": change.name}


# --- what the books tell again ------------------------------------------------------------------


def tell_again(calls: Calls, channel: str, since_ms: int, until_ms: int) -> Iterator[Event]:
    """Yield every event of a channel that occurred in a period, out of the books.

    Times are milliseconds, the end is outside. Events have the ids that they had the first time.
    Those of one account come in their order. Of a distribution only its present state is known.
    """
    since, until = time_text(since_ms), time_text(until_ms)
    for event in _everything(calls, channel, since_ms, until_ms):
        if since <= event.occurred_at < until:
            yield event


def _everything(calls: Calls, channel: str, since_ms: int, until_ms: int) -> Iterator[Event]:
    def users(start: Item | None) -> Page[User, Item]:
        return list_users(channel, limit=ROWS_A_PAGE, start=start, deadline=calls().deadline)

    def jobs(start: Item | None) -> Page[Distribution, Item]:
        return list_jobs(channel, limit=ROWS_A_PAGE, start=start, deadline=calls().deadline)

    for user in all_rows(users):
        for account in list_of_user(channel, user.user_pk, deadline=calls().deadline):
            yield rules.account_opened(account)
            yield from _of_account(calls, account, since_ms, until_ms)
        yield from _of_orders(calls, channel, user.user_pk)
    for job in all_rows(jobs):
        event = rules.distribution_changed(job)
        if event is not None:
            yield event


def _of_account(calls: Calls, account: Account, since_ms: int, until_ms: int) -> Iterator[Event]:
    def entries(after: str | None) -> Page[Entry, str]:
        return list_between(
            account.key,
            since_ms,
            until_ms,
            after=after,
            limit=ENTRIES_A_PAGE,
            deadline=calls().deadline,
        )

    def holds(start: Item | None) -> Page[Hold, Item]:
        return list_holds(account.key, limit=ROWS_A_PAGE, start=start, deadline=calls().deadline)

    for entry in all_rows(entries):
        yield rules.entry_posted(entry)
    for hold in all_rows(holds):
        yield from rules.story_of(hold)


def _of_orders(calls: Calls, channel: str, user_pk: str) -> Iterator[Event]:
    def references(start: Item | None) -> Page[str, Item]:
        return list_order_keys(
            channel, user_pk, limit=ROWS_A_PAGE, start=start, deadline=calls().deadline
        )

    for some in pages(references):
        keys = [order_key(channel, reference) for reference in some]
        rows = batch_get(keys, deadline=calls().deadline)
        for reference in some:
            order = order_in(rows, channel, reference)
            if order is not None:
                yield rules.order_completed(order)

"""Where events go: a bus of EventBridge, or listeners in this process where there is none.

An event may go out more than once, and EventBridge hands it on at least once, in any order.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from chalicelib.config import config
from chalicelib.core.errors import Busy
from chalicelib.core.events import SOURCE, Event
from chalicelib.logs import log
from chalicelib.outside.aws import AwsError, client
from chalicelib.outside.queue import Message, send_to

AT_ONCE: Final = 10
"""How many events one request to EventBridge takes."""

ATTEMPTS: Final = 4
BASE_PAUSE_S: Final = 0.05
KEPT: Final = 500
"""How many events a process remembers that has no bus."""

Entry = dict[str, Any]

_lately: Final[deque[Event]] = deque(maxlen=KEPT)
_listeners: Final[list[Callable[[Event], object]]] = []
_changing: Final = threading.Lock()


def publish(events: Sequence[Event]) -> None:
    """Put events on the bus, in their order.

    Raises `Busy` where the bus does not take them all: some may be on it, and go out again.
    """
    address = config().event_bus
    if address is None:
        for event in events:
            _tell(event)
        return
    entries = [_entry(address, event) for event in events]
    for first in range(0, len(entries), AT_ONCE):
        _put(entries[first : first + AT_ONCE])


def set_aside(messages: Sequence[Message]) -> None:
    """Keep what cannot be told among the dead letters. Raises `Busy` where that fails."""
    address = config().event_dead_letters
    if address is not None:
        send_to(address, [(message, 0) for message in messages])


def lately() -> list[Event]:
    """Return the last events of a process that has no bus, newest first."""
    with _changing:
        return list(reversed(_lately))


def forget_lately() -> None:
    """Drop what a process without a bus remembers."""
    with _changing:
        _lately.clear()


@contextmanager
def listening(listener: Callable[[Event], object]) -> Iterator[None]:
    """Hand each event of a process that has no bus to a listener, while the context is open."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _tell(event: Event) -> None:
    with _changing:
        _lately.append(event)
    for listener in _listeners:
        listener(event)


def _entry(address: str, event: Event) -> Entry:
    return {
        "EventBusName": address,
        "Source": SOURCE,
        "DetailType": event.type,
        "Time": event.occurred_at,
        "Detail": event.model_dump_json(),
    }


def _put(entries: list[Entry]) -> None:
    """Put entries until the bus has taken each, beginning again with the first that it refused.

    So those of one account go out in their order.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BASE_PAUSE_S * 2**attempt * random.random())  # noqa: S311  # jitter
        try:
            answer = client("events").put_events(Entries=entries)
        except AwsError:
            log.warning("bus_unanswered", exc_info=True)
            continue
        refused = [n for n, each in enumerate(answer["Entries"]) if "ErrorCode" in each]
        if not refused:
            return
        log.warning("bus_refused", extra={"code": answer["Entries"][refused[0]]["ErrorCode"]})
        entries = entries[refused[0] :]
    raise Busy

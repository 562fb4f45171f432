"""How commands call the verbs of the service: as a developer, now, with patience."""

import datetime
import time
from typing import Final

from chalicelib.auth import Call
from cli.local import LocalError

PATIENCE_S: Final = 30.0


def call_as_developer() -> Call:
    """Return a call by the developer at this machine."""
    now = datetime.datetime.now(datetime.UTC)
    return Call(by="staff:developer", now=now, deadline=time.monotonic() + PATIENCE_S)


def moment_of(text: str) -> datetime.datetime:
    """Return the time that an option names; a date, or a time without its zone, is in UTC.

    Raises `LocalError` for anything else.
    """
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise LocalError(
            f"{text!r} is no time: write 2026-10-01, or 2026-10-01T00:00:00+03:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)

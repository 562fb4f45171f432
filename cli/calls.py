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
    """Return the aware time that an option names. Raises `LocalError` for anything else."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise LocalError(f"{text} is no time with its zone: write it as 2026-11-22T09:30:00Z.")
    return moment

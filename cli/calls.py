"""How commands call the verbs of the service: as a developer, now, with patience."""

import datetime
import time
from typing import Final

from chalicelib.auth import Call

PATIENCE_S: Final = 30.0


def call_as_developer() -> Call:
    """Return a call by the developer at this machine."""
    now = datetime.datetime.now(datetime.UTC)
    return Call(by="staff:developer", now=now, deadline=time.monotonic() + PATIENCE_S)

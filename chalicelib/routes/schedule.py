"""What a clock starts instead of a caller."""

import dataclasses
import datetime
import tempfile
import time
from pathlib import Path
from typing import Final

from chalicelib import checkout
from chalicelib.auth import Call
from chalicelib.http import Routes
from chalicelib.logs import log

routes = Routes("app")
# The entries are loaded from app.py, where the logging is started too.

BY: Final = "schedule"
LIFE_S: Final = 45.0
"""How long one look at the payments in progress may take; the next begins a minute later."""

AUDIT_S: Final = 14 * 60.0
"""How long a day's audit may take: a function ends after 15 minutes."""

READ_S: Final = 20.0
"""How long one read of an audit may take, with its repetitions."""


def look() -> None:
    """Ask about every card payment in progress, so that none waits for its shopper."""
    ended = checkout.end_payments(_call(LIFE_S))
    log.info("payments", extra=dataclasses.asdict(ended))


def prove() -> None:
    """Audit every channel, those first that have waited longest.

    What is not done in time is gone on with tomorrow only if Lambda has kept this process's
    folder, and begins anew otherwise.
    """
    # Loaded late, with SQLite, which no other function needs.
    from chalicelib.audit.run import audit_everything  # noqa: PLC0415

    audit_everything(
        lambda: _call(READ_S), Path(tempfile.gettempdir()), until=time.monotonic() + AUDIT_S
    )


end_payments = routes.each_minute("end_payments")(look)
audit_books = routes.each_night("audit_books")(prove)


def _call(life_s: float) -> Call:
    now = datetime.datetime.now(datetime.UTC)
    return Call(by=BY, now=now, deadline=time.monotonic() + life_s)

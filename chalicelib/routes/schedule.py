"""What a clock starts instead of a caller."""

import dataclasses
import datetime
import time
from typing import Final

from chalicelib import checkout
from chalicelib.auth import Call
from chalicelib.http import Routes
from chalicelib.logs import log

routes = Routes("app")
# The entry is loaded from app.py, where the logging is started too.

BY: Final = "schedule"
LIFE_S: Final = 45.0
"""How long one look at the payments in progress may take; the next begins a minute later."""


def look() -> None:
    """Ask about every card payment in progress, so that none waits for its shopper."""
    now = datetime.datetime.now(datetime.UTC)
    ended = checkout.end_payments(Call(by=BY, now=now, deadline=time.monotonic() + LIFE_S))
    log.info("payments", extra=dataclasses.asdict(ended))


end_payments = routes.each_minute("end_payments")(look)

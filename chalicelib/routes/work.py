"""What a queue starts instead of a caller."""

import datetime
from typing import Final

from chalicelib import distribution, reconciliation
from chalicelib.auth import Call
from chalicelib.http import Routes
from chalicelib.outside.queue import Message

routes = Routes("app")
# The entry is loaded from app.py, where the logging is started too.

BY: Final = "distribution"


def work(message: Message, deadline: float) -> None:
    """Work on one message, until a time in seconds of the monotonic clock: whatever it is about."""
    now = datetime.datetime.now(datetime.UTC)
    call = Call(by=BY, now=now, deadline=deadline)
    if reconciliation.is_message(message):
        reconciliation.work(call, message)
    else:
        distribution.work(call, message)


distribute = routes.each_message("distribute", work)

"""What a queue starts instead of a caller."""

import datetime
from typing import Final

from chalicelib import distribution
from chalicelib.auth import Call
from chalicelib.http import Routes
from chalicelib.outside.queue import Message

routes = Routes("app")
# The entry is loaded from app.py, where the logging is started too.

BY: Final = "distribution"


def work(message: Message, deadline: float) -> None:
    """Work on one message of a distribution, until a time in seconds of the monotonic clock."""
    now = datetime.datetime.now(datetime.UTC)
    distribution.work(Call(by=BY, now=now, deadline=deadline), message)


distribute = routes.each_message("distribute", work)

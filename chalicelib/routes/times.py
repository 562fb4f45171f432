"""Times on the wire: RFC 3339 in UTC, to the millisecond."""

import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, PlainSerializer

from chalicelib.core.names import from_ms, time_text, to_ms


def _rfc3339(moment: datetime.datetime) -> str:
    return time_text(to_ms(moment))


Time = Annotated[
    AwareDatetime,
    PlainSerializer(_rfc3339, return_type=str),
    Field(examples=["2026-11-22T09:30:00.000Z"]),
]
"""A moment, printed as `2026-11-22T09:30:00.000Z`."""


def time_of(at_ms: int) -> datetime.datetime:
    """Return milliseconds since 1970 as the time that an answer shows."""
    return from_ms(at_ms)

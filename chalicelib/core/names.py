"""The names that callers may give things, and the clock's one unit.

A name that the service derives contains `:`, which callers may not use, so that it can never
meet a caller's own.
"""

import datetime
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
REFERENCE_PATTERN: Final = r"^[A-Za-z0-9_-]{1,128}$"

_ID: Final = re.compile(ID_PATTERN[1:-1], re.ASCII)

Identifier = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""1 to 64 of `A-Za-z0-9_-`: channels, users, accounts and callers' ids."""

Reference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
"""1 to 128 of `A-Za-z0-9_-`: the shop's basket id."""

TransferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:-]{1,300}$")]
"""A caller's id, or one that the service derived, such as `order:{reference}`.

The longest is a refund of the capture of a checkout's hold: four names joined by `:`.
"""


MAX_NOTE_BYTES: Final = 256
"""Keeps an entry within the one kilobyte that its write is paid for."""


def _short(note: str) -> str:
    if len(note.encode()) > MAX_NOTE_BYTES:
        raise ValueError("a note has at most 256 bytes in UTF-8")
    return note


Note = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NOTE_BYTES,
        description="Part of the books and never erased: write no personal data into it.",
    ),
    AfterValidator(_short),
]
"""What a person writes beside a movement of credit."""


def is_identifier(name: str) -> bool:
    """Return whether a name may be a caller's: for names that no model has checked."""
    return _ID.fullmatch(name) is not None


def to_ms(moment: datetime.datetime) -> int:
    """Return an aware time as whole milliseconds since 1970-01-01 UTC."""
    seconds = int(moment.timestamp() // 1)
    return seconds * 1000 + moment.microsecond // 1000


def time_text(at_ms: int) -> str:
    """Return milliseconds since 1970-01-01 UTC as RFC 3339: `2026-11-22T09:30:00.000Z`."""
    return from_ms(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_ms(at_ms: int) -> datetime.datetime:
    """Return milliseconds since 1970-01-01 UTC as an aware UTC time."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(
        microsecond=milliseconds * 1000
    )

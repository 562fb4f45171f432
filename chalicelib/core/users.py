"""A user: a shopper registered in a channel, found by the complete e-mail address."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

Email = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+$", min_length=3, max_length=254),
]
"""A complete address. The shop's own registration has verified it; here it is a key."""


@dataclass(frozen=True, slots=True)
class User:
    """A registered user. Sessions issued before `sessions_valid_from_ms` are revoked."""

    channel: str
    user_pk: str
    email: str
    created_ms: int
    sessions_valid_from_ms: int


def same_address(email: str) -> str:
    """Return the form in which two spellings of one address are equal: lower case."""
    return email.lower()

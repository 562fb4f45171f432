"""A user: a shopper registered in a channel, found by the complete e-mail address."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

MAX_EMAIL_BYTES: Final = 254
"""What an address may have (RFC 5321, 4.5.3.1.3); it keeps its rows within a kilobyte."""


def _short(email: str) -> str:
    if len(email.encode()) > MAX_EMAIL_BYTES:
        raise ValueError("an e-mail address has at most 254 bytes in UTF-8")
    return email


Email = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+$", min_length=3, max_length=MAX_EMAIL_BYTES
    ),
    AfterValidator(_short),
]
"""A complete address. The shop's own registration has verified it; here it is a key."""


@dataclass(frozen=True, slots=True)
class User:
    """A user. Sessions issued before `sessions_valid_from_ms` are revoked.

    Who was erased has no address and `erased_ms`, until registered again.
    """

    channel: str
    user_pk: str
    email: str | None
    created_ms: int
    sessions_valid_from_ms: int
    erased_ms: int | None = None


def same_address(email: str) -> str:
    """Return the form in which two spellings of one address are equal: lower case."""
    return email.lower()

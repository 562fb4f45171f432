"""How every list pages: by a signed cursor that belongs to one list with one set of filters."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from chalicelib.auth import seal, unseal
from chalicelib.core.errors import InvalidCursor
from chalicelib.http import Query, Shown

Item = TypeVar("Item")
StartKey = dict[str, dict[str, str]]
"""The key of a page's last row, in DynamoDB's own JSON."""


class ListQuery(Query):
    """The query of a list: where to go on, and how many rows, 1 to 50."""

    cursor: Annotated[str, Field(max_length=4096)] | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class Listed(Shown, Generic[Item]):
    """One page of a list. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None


def start_of(page: ListQuery, *list_name: str | None) -> StartKey | None:
    """Return the key after which a page starts, or None for the first page.

    `list_name` says which list with which filters. Raises `InvalidCursor` for another's.
    """
    if page.cursor is None:
        return None
    content = unseal("cursor", page.cursor)
    if content is None or content["l"] != list(list_name):
        raise InvalidCursor
    start: StartKey = content["k"]
    return start


def listed(items: Sequence[Item], last: StartKey | None, *list_name: str | None) -> Listed[Item]:
    """Return a page of answers with the cursor of the next one."""
    return Listed(items=list(items), next_cursor=next_cursor(last, *list_name))


def next_cursor(last: StartKey | None, *list_name: str | None) -> str | None:
    """Return the cursor of the page after `last`, or None where there is none."""
    return None if last is None else seal("cursor", {"l": list_name, "k": last})

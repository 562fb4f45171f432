"""Lists that come page by page, walked to their end."""

from collections.abc import Callable, Iterator
from typing import TypeVar

Row = TypeVar("Row")
Place = TypeVar("Place")
Page = tuple[list[Row], Place | None]
"""Rows, and where the next page begins; None after the last."""


def pages(page: Callable[[Place | None], Page[Row, Place]]) -> Iterator[list[Row]]:
    """Yield the rows of each page; `page` returns the one that begins at a place."""
    start: Place | None = None
    while True:
        rows, start = page(start)
        yield rows
        if start is None:
            return


def all_rows(page: Callable[[Place | None], Page[Row, Place]]) -> Iterator[Row]:
    """Yield every row of every page; `page` returns the one that begins at a place."""
    for rows in pages(page):
        yield from rows

"""The form of an uploaded list, as CSV or in a request: what is the same whatever its rows mean."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from chalicelib.core.currencies import digits_of
from chalicelib.core.errors import InvalidAmount, InvalidCsv

SHOWN: Final = 80
"""How much of what was found a message repeats."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet runs."""

_QUOTES: Final = (
    "a cell in quotes ends with one, doubles those within, and has at most 131,072 characters."
)
_DECIMAL_COMMA: Final = re.compile(r"[0-9]+,([0-9]+)", re.ASCII)
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:[.,' ][0-9]{3})+(?:[.,][0-9]+)?", re.ASCII)
_BROKEN: Final = ("\ufffd", "\x00")
"""What undecodable bytes become, and what no text holds."""


class CsvReader:
    """Reads a file row by row, with the line where each begins.

    Instead of a row whose quotes are broken it returns a sentence about it. A quote that is not
    closed takes the lines after it along, so the sentence says how far.
    """

    def __init__(self, text: str) -> None:
        lines = io.StringIO(text, newline="")
        self.header = next((line.strip() for line in lines if line.strip()), "")
        lines.seek(0)
        delimiter = ";" if ";" in self.header and "," not in self.header else ","
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)

    def columns(self, expected: str, fits: Callable[[Sequence[str]], bool]) -> list[str]:
        """Return the names of the columns out of the first line, in lower case.

        Raises `InvalidCsv`, which says what is expected, unless they fit and differ.
        """
        _, cells = next(self.rows(), (0, ""))
        if not self.header:
            raise InvalidCsv(f"The file is empty. {expected}")
        columns = [] if isinstance(cells, str) else [cell.strip().lower() for cell in cells]
        if not fits(columns) or len(set(columns)) < len(columns):
            raise InvalidCsv(f"The first line is {self.header[:SHOWN]!r}. {expected}")
        return columns

    def rows(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yield the line where each row begins, and its cells, or what is wrong with its quotes."""
        while True:
            line = self._reader.line_num + 1
            try:
                cells = [cell.strip(" ") for cell in next(self._reader)]
            except StopIteration:
                return
            except csv.Error:
                yield line, _about_quotes(line, self._reader.line_num)
                continue
            if any(cells):
                yield line, cells


def _about_quotes(first: int, last: int) -> str:
    if last > first:
        return f"Its quotes do not fit, so lines {first} to {last} were not read: {_QUOTES}"
    return f"Its quotes do not fit: {_QUOTES}"


def about_amount(text: str, currency: str, error: InvalidAmount) -> str:
    """Return what is wrong with an amount, for somebody whose spreadsheet wrote it."""
    # Before three digits a comma may part thousands: to propose a point there could turn a
    # thousand dinars into one.
    if _THOUSANDS.fullmatch(text):
        return f"{error.detail} Decimals stand after a point, and thousands are not parted."
    comma = _DECIMAL_COMMA.fullmatch(text)
    if comma is not None and len(comma[1]) <= digits_of(currency):
        return f"Write the decimals after a point: {text.replace(',', '.')[:SHOWN]}."
    return error.detail


def is_broken(text: str) -> bool:
    """Return whether a text has letters that were not UTF-8, or what no text holds."""
    return any(mark in text for mark in _BROKEN)


def wrong_cells(cells: Sequence[str], columns: Sequence[str]) -> tuple[str, str] | None:
    """Return what is wrong with the form of a row, as a code and a sentence, if anything is."""
    if is_broken("".join(cells)):
        why = (
            "It has letters that are not UTF-8, as Windows-1254 writes them; save the file as "
            "UTF-8 (in Excel: CSV UTF-8)."
        )
        return "broken_encoding", why
    if len(cells) != len(columns):
        return "wrong_cells", f"It has {len(cells)} cells, and the first line has {len(columns)}."
    return None


def encodable(text: str) -> str:
    """Return the text with U+FFFD for halves of surrogate pairs, which UTF-8 cannot write."""
    return text.encode(errors="surrogatepass").decode(errors="replace")

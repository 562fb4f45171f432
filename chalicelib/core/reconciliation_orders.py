"""The orders of a reconciliation, as a file or a request brings them: all good, or none is taken.

An order that cannot be read would look like a capture without an order, so nothing is compared
until every line is mended.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.core.currencies import digits_of
from chalicelib.core.errors import (
    BadOrders,
    FieldError,
    InvalidAmount,
    TooManyRows,
    UnknownCurrency,
)
from chalicelib.core.money import parse_paid
from chalicelib.core.names import REFERENCE_PATTERN
from chalicelib.core.uploads import CsvReader, about_amount, encodable, is_broken, wrong_cells

MAX_ORDERS: Final = 50_000

MAX_TOLD: Final = 100
"""How many bad lines one refusal names."""

_REFERENCE: Final = re.compile(REFERENCE_PATTERN[1:-1], re.ASCII)
_NEEDED: Final = {"order", "paid"}
_COLUMNS: Final = {*_NEEDED, "currency"}
_EXPECTED: Final = (
    "The first line must name the columns: order and paid, and currency if each order names its "
    "own; parted by commas or semicolons."
)

Wrong = tuple[str, str]
"""What is wrong with a line: a stable code and a sentence."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop knows it; `paid` is what credit paid of it, in minor units."""

    order: str
    currency: str
    paid: int


@dataclass(frozen=True, slots=True)
class _Given:
    """A line as text, whatever brought it; `wrong` says what is wrong with its form."""

    line: int
    order: str = ""
    paid: str = ""
    currency: str | None = None
    wrong: Wrong | None = None


def parse_csv(body: bytes, currency: str | None) -> tuple[Order, ...]:
    """Return the orders of a CSV file in UTF-8, with or without a byte order mark.

    Lines count from 1, the header; lines without any text are skipped. With a `currency` no line
    may name another; without one each must name its own. A header alone is a period without
    orders. Raises `InvalidCsv`, `TooManyRows`,
    `UnknownCurrency` or `BadOrders`.
    """
    reader = CsvReader(body.decode("utf-8-sig", errors="replace"))
    columns = reader.columns(_EXPECTED, _fits)
    return _parsed([_from_cells(line, cells, columns) for line, cells in reader.rows()], currency)


def parse_orders(rows: Sequence[Mapping[str, object]], currency: str | None) -> tuple[Order, ...]:
    """Return the orders of a request, numbered from 1; what it raises is what a file raises."""
    return _parsed([_from_fields(n, row) for n, row in enumerate(rows, start=1)], currency)


def _parsed(given: Sequence[_Given], currency: str | None) -> tuple[Order, ...]:
    if currency is not None:
        digits_of(currency)
    if len(given) > MAX_ORDERS:
        raise TooManyRows(
            f"There are {len(given):,} orders; a reconciliation has at most {MAX_ORDERS:,}. "
            "Choose shorter periods."
        )
    orders: list[Order] = []
    bad: list[FieldError] = []
    first: dict[tuple[str, str], int] = {}
    for row in given:
        read = _read(row, currency, first)
        if isinstance(read, Order):
            first[read.order, read.currency] = row.line
            orders.append(read)
        else:
            bad.append(FieldError(f"line {row.line}", *read))
    if bad:
        told = "each is named" if len(bad) <= MAX_TOLD else f"the first {MAX_TOLD} are named"
        raise BadOrders(
            f"{len(bad):,} of {len(given):,} orders cannot be read; {told} in errors. Nothing was "
            "started.",
            errors=bad[:MAX_TOLD],
        )
    return tuple(orders)


def _read(
    given: _Given, currency: str | None, first: Mapping[tuple[str, str], int]
) -> Order | Wrong:
    """Return an order, or the first thing that is wrong with its line."""
    if given.wrong is not None:
        return given.wrong
    if _REFERENCE.fullmatch(given.order) is None:
        return "invalid_order", "Write the order as 1 to 128 of A-Za-z0-9_-."
    own = given.currency or currency
    if own is None:
        return "missing_currency", "Name the currency of this order, or one currency for all."
    if currency not in {None, own}:
        return "other_currency", f"This reconciliation is of {currency} alone."
    try:
        paid = parse_paid(given.paid, own)
    except UnknownCurrency as error:
        return error.code, error.detail
    except InvalidAmount as error:
        return error.code, about_amount(given.paid, own, error)
    line = first.get((given.order, own))
    if line is not None:
        return "duplicate_order", f"Line {line} names this order in {own} already."
    return Order(given.order, own, paid)


def _fits(columns: Sequence[str]) -> bool:
    return _NEEDED <= set(columns) <= _COLUMNS


def _from_cells(line: int, cells: list[str] | str, columns: Sequence[str]) -> _Given:
    if isinstance(cells, str):
        return _Given(line, wrong=("broken_quotes", cells))
    wrong = wrong_cells(cells, columns)
    if wrong is not None:
        return _Given(line, wrong=wrong)
    named = dict(zip(columns, cells, strict=True))
    return _Given(line, named["order"], named["paid"], named.get("currency") or None)


def _from_fields(line: int, fields: Mapping[str, object]) -> _Given:
    wrong = _wrong_fields(fields)
    if wrong is not None:
        return _Given(line, wrong=wrong)
    currency = fields.get("currency")
    return _Given(
        line,
        str(fields["order"]),
        str(fields["paid"]),
        None if currency is None else str(currency),
    )


def _wrong_fields(fields: Mapping[str, object]) -> Wrong | None:
    unknown = sorted(fields.keys() - _COLUMNS)
    if unknown:
        return "unknown_field", "An order has order, paid and perhaps currency, and nothing else."
    if not isinstance(fields.get("order"), str):
        return "invalid_order", "Write the order as text."
    if not isinstance(fields.get("paid"), str):
        return "invalid_amount", 'Write what was paid as a decimal string such as "10.00".'
    if not isinstance(fields.get("currency"), str | None):
        return "invalid_row", "Write the currency as text, such as TRY."
    texts = [encodable(value) for value in fields.values() if isinstance(value, str)]
    if any(map(is_broken, texts)):
        return "broken_encoding", "It has letters that are not UTF-8."
    return None

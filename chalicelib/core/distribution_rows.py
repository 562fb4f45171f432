"""The rows of a distribution, as a file or a request brings them: read one by one, none in vain.

Every row that cannot be read is told with its line and the reason; the others go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from chalicelib.core.currencies import digits_of
from chalicelib.core.errors import InvalidAmount, InvalidCsv, TooManyRows
from chalicelib.core.money import parse_amount
from chalicelib.core.names import MAX_NOTE_BYTES, is_identifier
from chalicelib.core.uploads import (
    FORMULA,
    SHOWN,
    CsvReader,
    about_amount,
    encodable,
    is_broken,
    wrong_cells,
)
from chalicelib.core.users import Email

MAX_ROWS: Final = 20_000

Naming = Literal["user_email", "user_pk", "account_id"]
"""How a row names its customer."""

_NAMINGS: Final = get_args(Naming)
_AMOUNT: Final = "amount"
_NOTE: Final = "note"
_SHORT: Final = 3
"""So few letters are no name."""

_EXPECTED: Final = (
    "The first line must name the columns: one of user_email, user_pk and account_id, then "
    "amount, and note if there are notes; parted by commas or semicolons."
)

_EMAIL: Final[TypeAdapter[str]] = TypeAdapter(Email)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be read; `line` is where it begins, `amount` in minor units above zero."""

    line: int
    naming: Naming
    recipient: str
    amount: int
    note: str | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be credited, with a stable code and a sentence.

    It is kept, and nobody's to erase: so `recipient` and `amount` are as given only where they
    say of nobody who that is. See `told_of`.
    """

    line: int
    recipient: str
    amount: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """All rows, each kind in the order of its lines."""

    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    """A row as text, whatever brought it; `wrong` says what is wrong with its form."""

    line: int
    naming: Naming
    recipient: str = ""
    amount: str = ""
    note: str = ""
    wrong: tuple[str, str] | None = None


def parse_csv(body: bytes, currency: str) -> ParsedRows:
    """Return the rows of a CSV file in UTF-8, with or without a byte order mark.

    Lines count from 1, the header; lines without any text are skipped. Raises `InvalidCsv`,
    `TooManyRows` or `UnknownCurrency`.
    """
    reader = CsvReader(body.decode("utf-8-sig", errors="replace"))
    columns = reader.columns(_EXPECTED, _fits)
    naming = next(name for name in _NAMINGS if name in columns)
    given = [_from_cells(line, cells, columns, naming) for line, cells in reader.rows()]
    return _parsed(given, currency)


def parse_rows(rows: Sequence[Mapping[str, object]], currency: str) -> ParsedRows:
    """Return the rows of a request, numbered from 1.

    No spreadsheet has seen them, so a note may begin like a formula. Raises `InvalidCsv` where
    there is none, `TooManyRows` or `UnknownCurrency`.
    """
    return _parsed([_from_fields(n, row) for n, row in enumerate(rows, start=1)], currency)


def told_of(naming: Naming, recipient: str) -> str:
    """Return how a bad row names its customer: a shop's own id as given, all else by initials.

    The line leads to the rest, in the file that the caller has.
    """
    if naming != "user_email" and is_identifier(recipient):
        return recipient
    return _initials(recipient)


def _told_amount(amount: str) -> str:
    """Return an amount as given, unless it may be an address or a name in the wrong column."""
    is_number = "@" not in amount and any(letter.isdigit() for letter in amount)
    return amount[:SHOWN] if is_number or len(amount) <= _SHORT else _initials(amount)


def _initials(text: str) -> str:
    """Return the first letter of a text, and of an address also that of the domain."""
    name, at, domain = text.partition("@")
    if not at:
        return f"{text[:1]}…" if text else ""
    return f"{name[:1]}…@{domain[:1]}…"


def _parsed(given: Sequence[_Given], currency: str) -> ParsedRows:
    digits_of(currency)
    if not given:
        raise InvalidCsv("There are no rows.")
    if len(given) > MAX_ROWS:
        raise TooManyRows(
            f"There are {len(given):,} rows; a distribution has at most {MAX_ROWS:,}. Divide it."
        )
    rows: list[Row] = []
    bad: list[BadRow] = []
    for row in given:
        read = _read(row, currency)
        if isinstance(read, Row):
            rows.append(read)
        else:
            recipient = told_of(row.naming, row.recipient)
            bad.append(BadRow(row.line, recipient, _told_amount(row.amount), *read))
    return ParsedRows(tuple(rows), tuple(bad))


def _read(given: _Given, currency: str) -> Row | tuple[str, str]:
    """Return a row, or the code and the sentence of the first thing that is wrong with it."""
    wrong = given.wrong or _wrong_recipient(given)
    if wrong is not None:
        return wrong
    try:
        amount = parse_amount(given.amount, currency)
    except InvalidAmount as error:
        if given.amount.startswith("-"):
            return error.code, "The amount must be more than zero."
        return error.code, about_amount(given.amount, currency, error)
    wrong = _wrong_note(given)
    if wrong is not None:
        return wrong
    return Row(given.line, given.naming, given.recipient, amount, given.note or None)


def _wrong_recipient(given: _Given) -> tuple[str, str] | None:
    if given.naming != "user_email":
        if is_identifier(given.recipient):
            return None
        return "invalid_recipient", f"Write {given.naming} as 1 to 64 of A-Za-z0-9_-."
    try:
        _EMAIL.validate_python(given.recipient)
    except ValidationError:
        return "invalid_recipient", "Write the complete e-mail address, such as ada@example.com."
    return None


def _wrong_note(given: _Given) -> tuple[str, str] | None:
    size = len(given.note.encode())
    if size <= MAX_NOTE_BYTES:
        return None
    return "note_too_long", f"The note has {size} bytes in UTF-8, and may have {MAX_NOTE_BYTES}."


# --- CSV ----------------------------------------------------------------------------------------


def _fits(columns: Sequence[str]) -> bool:
    namings = [name for name in columns if name in _NAMINGS]
    known = {*namings, _AMOUNT, _NOTE}
    return len(namings) == 1 and _AMOUNT in columns and known >= set(columns)


def _from_cells(
    line: int, cells: list[str] | str, columns: Sequence[str], naming: Naming
) -> _Given:
    if isinstance(cells, str):
        return _Given(line, naming, wrong=("broken_quotes", cells))
    named = dict(zip(columns, cells, strict=False))
    return _Given(
        line,
        naming,
        named.get(naming, ""),
        named.get(_AMOUNT, ""),
        named.get(_NOTE, ""),
        _wrong_cells(cells, columns),
    )


def _wrong_cells(cells: Sequence[str], columns: Sequence[str]) -> tuple[str, str] | None:
    wrong = wrong_cells(cells, columns)
    if wrong is not None:
        return wrong
    for name, cell in zip(columns, cells, strict=True):
        if name != _AMOUNT and cell.startswith(FORMULA):
            return (
                "formula",
                f"The {name} begins with {cell[0]!r}: a spreadsheet would run it as a formula.",
            )
    return None


# --- requests -----------------------------------------------------------------------------------


def _from_fields(line: int, fields: Mapping[str, Any]) -> _Given:
    namings: list[Naming] = [name for name in _NAMINGS if name in fields]
    naming: Naming = namings[0] if namings else "user_pk"
    texts = {
        name: encodable(value)
        for name in (naming, _AMOUNT, _NOTE)
        if isinstance(value := fields.get(name), str)
    }
    return _Given(
        line,
        naming,
        texts.get(naming, ""),
        texts.get(_AMOUNT, ""),
        texts.get(_NOTE, ""),
        _wrong_fields(fields, namings),
    )


def _wrong_fields(fields: Mapping[str, Any], namings: Sequence[str]) -> tuple[str, str] | None:
    unknown = sorted(fields.keys() - {*_NAMINGS, _AMOUNT, _NOTE})
    if unknown:
        return "unknown_field", f"There is no field {unknown[0][:SHOWN]!r}."
    if len(namings) != 1:
        return "invalid_row", "Name the customer by one of user_email, user_pk and account_id."
    if not isinstance(fields[namings[0]], str):
        return "invalid_row", f"Write {namings[0]} as text."
    if not isinstance(fields.get(_AMOUNT), str):
        return "invalid_amount", 'Write the amount as a decimal string such as "10.00", in quotes.'
    if not isinstance(fields.get(_NOTE), str | None):
        return "invalid_row", "Write the note as text."
    texts = [encodable(value) for value in fields.values() if isinstance(value, str)]
    if any(map(is_broken, texts)):
        return "broken_encoding", "It has letters that are not UTF-8."
    return None

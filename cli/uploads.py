"""A file that a command uploads: its text in UTF-8, and an id that follows from it."""

import re
from pathlib import Path

from chalicelib.core.names import is_identifier
from chalicelib.core.uploads import FORMULA
from cli.local import LocalError


def read_body(file: Path, encoding: str) -> bytes:
    """Return what a file holds, in UTF-8. Raises `LocalError`."""
    try:
        body = file.read_bytes()
        if encoding.lower().replace("_", "-") not in {"utf-8", "utf8", "utf-8-sig"}:
            body = body.decode(encoding).encode()
    except OSError as error:
        raise LocalError(f"{file} cannot be read: {error.strerror}.") from error
    except (LookupError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} is not in the encoding {encoding!r}.") from error
    return body


def id_of(name: str | None, file: Path, digest: str) -> str:
    """Return the id that was given, or one that is the same for the same file and wishes.

    Raises `LocalError` for a name that no id may have.
    """
    if name is not None and not is_identifier(name):
        raise LocalError("Write the id as 1 to 64 of A-Za-z0-9_-.")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-")[:40]
    made = f"{stem}-{digest[:12]}" if stem else digest[:12]
    assert is_identifier(made)
    return name or made


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell

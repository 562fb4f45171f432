"""Commands that end with a verdict: exit status 0 right, 1 wrong, 2 no verdict."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from chalicelib.audit.file import AuditFileError
from chalicelib.core.errors import Refusal
from cli.local import LocalError

WRONG: Final = 1
NOT_MADE: Final = 2


@contextmanager
def verdict_or_not() -> Iterator[None]:
    """Let nothing that ends a command early look like a verdict: it is exit status 2."""
    try:
        yield
    except (AuditFileError, LocalError, Refusal) as error:
        why = error.detail if isinstance(error, Refusal) else str(error)
        print(f"Error: {why}", file=sys.stderr)
        for wrong in error.errors if isinstance(error, Refusal) else ():
            print(f"{wrong.field}: {wrong.detail}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "Interrupted. What was done is kept; the same command goes on from there.",
            file=sys.stderr,
        )
    except Exception:  # noqa: BLE001  # Python's own exit status would say that faults were found
        traceback.print_exc()
    else:
        return
    raise typer.Exit(NOT_MADE)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun: `1 entry`, `2,000 entries`."""
    return f"{number:,} {one if number == 1 else many}"

"""What a writer of the bank test noted: before it sends an operation, and once that is definite.

A line is written in one piece, so a killed writer leaves whole lines: what is noted without an
outcome may have been sent, and what is not noted was not.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from tests.engine.bank_operations import Json, Operation


@dataclass(slots=True)
class Noted:
    """One operation of one writer: what was to be done, how that ended, and how it ended again.

    An outcome holds `answer` and `written`, or `refused`, or `given_up`; besides, how often it
    was `busy` and how often `unknown` before, how many `writes` were sent, whether it was
    `interrupted` by a kill, and when it came. The faults are off when it is done again.
    """

    operation: Operation
    outcome: Json | None = None
    again: Json | None = None

    @property
    def certain(self) -> bool:
        """Whether no attempt was left without an answer, so that a refusal moved nothing."""
        assert self.outcome is not None
        return not (
            self.outcome["unknown"] or self.outcome["interrupted"] or "given_up" in self.outcome
        )

    @property
    def endings(self) -> Iterator[Json]:
        """Yield how it ended, each time."""
        yield from (ending for ending in (self.outcome, self.again) if ending is not None)


class Journal:
    """The journal of one writer, in a file of its own. A context: nothing is kept open else."""

    def __init__(self, folder: Path, writer: int) -> None:
        self.noted = list(read(path_of(folder, writer)))
        self._file = path_of(folder, writer).open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def intend(self, operation: Operation) -> Noted:
        """Note what is about to be sent."""
        self._write({"operation": asdict(operation)})
        noted = Noted(operation)
        self.noted.append(noted)
        return noted

    def end(self, at: int, outcome: Json) -> None:
        """Note how the operation at a place ended."""
        self.noted[at].outcome = outcome
        self._write({"at": at, "outcome": outcome})

    def end_again(self, at: int, outcome: Json) -> None:
        """Note how the operation at a place ended when it was done again at last."""
        self.noted[at].again = outcome
        self._write({"at": at, "again": outcome})

    def _write(self, line: Json) -> None:
        text = json.dumps(line).encode() + b"\n"
        assert self._file.write(text) == len(text)


def path_of(folder: Path, writer: int) -> Path:
    """Return where the journal of a writer lies."""
    return folder / f"writer-{writer}.jsonl"


def read(path: Path) -> Iterator[Noted]:
    """Yield what a journal holds, in its order; nothing where it was never begun."""
    if not path.exists():
        return
    noted: list[Noted] = []
    for text in path.read_bytes().splitlines():
        line = json.loads(text)
        if "operation" in line:
            noted.append(Noted(Operation(**line["operation"])))
        elif "outcome" in line:
            noted[line["at"]].outcome = line["outcome"]
        else:
            noted[line["at"]].again = line["again"]
    yield from noted

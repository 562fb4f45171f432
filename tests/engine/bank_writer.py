"""A writer of the bank test: does its operations one by one, each until its outcome is definite."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chalicelib.store.connection import connection
from tests.engine.bank_journal import Journal
from tests.engine.bank_operations import (
    CALL_LIFE_S,
    HURRIED_LIFE_S,
    Json,
    Operation,
    call,
    operations_of,
    perform,
)

PATIENCE_S: Final = 60.0
"""How long one operation is repeated. To give up is no fault, and it is done again at last."""
_LOOK_S: Final = 0.05
_INDEFINITE: Final = {"busy": "busy", "outcome_unknown": "unknown"}


@dataclass(slots=True)
class Writer:
    """Who sends: a share of the requests is hurried. It counts what it sends, by operation."""

    by: str
    hurried: float
    chance: random.Random = field(default_factory=random.Random)
    sent: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        connection().client.meta.events.register("before-call.dynamodb", self._count)

    def do(self, operation: Operation, *, interrupted: bool = False) -> Json:
        """Send an operation, with the same id, until it is definite; return the outcome."""
        until = time.monotonic() + PATIENCE_S
        before = self.sent["TransactWriteItems"]
        counted = {"busy": 0, "unknown": 0}
        while True:
            outcome = perform(operation, call(self.by, self._life_s()))
            indefinite = _INDEFINITE.get(outcome.get("refused", ""))
            if indefinite is not None:
                counted[indefinite] += 1
                if time.monotonic() < until:
                    continue
                outcome = {"given_up": outcome["refused"]}
            return {
                **outcome,
                **counted,
                "writes": self.sent["TransactWriteItems"] - before,
                "interrupted": interrupted,
                "at_ms": time.time_ns() // 1_000_000,
            }

    def _life_s(self) -> float:
        return HURRIED_LIFE_S if self.chance.random() < self.hurried else CALL_LIFE_S

    def _count(self, model: object, **_: object) -> None:
        self.sent[getattr(model, "name")] += 1  # noqa: B009  # botocore has no types


def write(folder: Path, seed: int, number: int, count: int) -> None:
    """Do what a writer has to do, and once everybody has and the faults are off, do it again.

    After a kill, what was noted and has no outcome comes first.
    """
    with Journal(folder, number) as journal:
        writer = Writer(f"writer:{number}", hurried=0.2)
        for at, noted in enumerate(journal.noted):
            if noted.outcome is None:
                journal.end(at, writer.do(noted.operation, interrupted=True))
        for at, operation in enumerate(operations_of(seed, number, count)):
            if at < len(journal.noted):
                assert journal.noted[at].operation == operation, "the seed draws the same again"
                continue
            journal.intend(operation)
            journal.end(at, writer.do(operation))
        while not calm(folder).exists():
            time.sleep(_LOOK_S)
        writer.hurried = 0.0
        for at, noted in enumerate(journal.noted):
            journal.end_again(at, writer.do(noted.operation))


def calm(folder: Path) -> Path:
    """Return the file that is there once every operation is definite and the faults are off."""
    return folder / "calm"

"""The bank test: many processes move credit between few accounts, and nothing may go wrong.

Writers send operations drawn from a seed through the contention shim, some die by SIGKILL and go
on; readers prove snapshots meanwhile. Then the faults end, every operation is done again, and all
rows are audited. A seed repeats the operations and the points of the kills; how they interleave
is the machine's, so a fault may take several runs to come again.

`bank_run` conducts, `bank_process` is the program of each process, `bank_check` judges. Here is
the test without an end, for people: `python -m tests.engine.bank soak` goes on, round after
round, on an engine and a shim of its own.
"""

import random
import secrets
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.engine.bank_report import report
from tests.engine.bank_run import Bank, Size
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.store.engine import ENVIRONMENT

_EVERY_S: Final = 5.0
_ACCESS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


@dataclass(slots=True)
class Soak:
    """What all rounds before did together, and when that was told last."""

    done: int = 0
    snapshots: int = 0
    audits: int = 0
    met: Counter[str] = field(default_factory=Counter)
    told: float = field(default_factory=time.monotonic)

    def look(self, bank: Bank) -> None:
        """Print a line, every few seconds."""
        if time.monotonic() - self.told < _EVERY_S:
            return
        self.told = time.monotonic()
        met = self.met + kinds(bank)
        conflicts, passed = met.pop("conflicts", 0), met.pop("forwarded", 0)
        print(
            f"seed {bank.seed}: {self.done + bank.done()} operations, {passed} requests, "
            f"{conflicts} conflicts, {met.total()} other faults, "
            f"{self.snapshots + bank.snapshots()['proved']} snapshots, {self.audits} audits",
            flush=True,
        )

    def add(self, bank: Bank) -> None:
        """Add a round that ended well."""
        self.done += bank.done()
        self.snapshots += bank.snapshots()["proved"]
        self.audits += 1
        self.met += kinds(bank)


def kinds(bank: Bank) -> Counter[str]:
    """Return how often each kind of thing happened in a round so far."""
    met: Counter[str] = Counter()
    for counts in (bank.met or bank.shim.counts()).values():
        met.update(counts)
    return met


def soak(seed: int | None, operations: int) -> int:
    """Go on until Ctrl-C, which returns 0, or the first fault, which returns 1.

    Every round has empty tables and `operations`; the next seed comes from the one before.
    """
    seed = secrets.randbelow(2**32) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="bank-"))
    so_far = Soak()
    try:
        with DynamoDBLocal(folder) as engine, Shim(engine.address, Faults(), seed=seed) as shim:
            while True:
                bank = _bank(seed, operations, engine.address, shim, folder, so_far)
                bank.run()
                print(report(bank), flush=True)
                so_far.add(bank)
                bank.drop()
                shutil.rmtree(bank.folder)
                seed = random.Random(seed).getrandbits(32)
    except KeyboardInterrupt:
        print(f"stopped after {so_far.audits} audits, all of them right")
    except AssertionError as fault:
        print(fault)
        return 1
    shutil.rmtree(folder)
    return 0


def _bank(seed: int, operations: int, engine: str, shim: Shim, folder: Path, so_far: Soak) -> Bank:
    shim.set(Faults())
    environment = {**ENVIRONMENT, **_ACCESS, "TABLE_PREFIX": f"bank-{seed}-"}
    return Bank(
        seed=seed,
        size=Size(operations),
        engine=engine,
        shim=shim,
        environment=environment,
        folder=folder / f"round-{seed}",
        look=so_far.look,
    )


def main() -> None:
    """Soak."""
    options = ArgumentParser(description="Many processes move credit between few accounts.")
    options.add_argument("verb", choices=["soak"])
    options.add_argument("--seed", type=int, help="by chance if it is not given")
    options.add_argument("--operations", type=int, default=4000, help="of a round")
    given = options.parse_args()
    sys.exit(soak(given.seed, given.operations))


if __name__ == "__main__":
    main()

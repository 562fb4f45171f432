"""One run of the bank test: starts and kills its processes, and judges what they leave."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import botocore.session

from cli.local import PROJECT
from tests.engine.bank_check import RawRows, check
from tests.engine.bank_journal import Noted, path_of
from tests.engine.bank_journal import read as read_journal
from tests.engine.bank_reader import over
from tests.engine.bank_writer import calm
from tests.engine.shim import Counts, Shim
from tests.engine.shim_faults import Faults

FAULTS: Final = Faults(
    conflicts=True,
    stale=0.2,
    unprocessed=0.05,
    throttled=0.02,
    throttled_member=0.02,
    cut_before=0.01,
    error_before=0.01,
    cut_after=0.02,
    error_after=0.02,
    late=0.04,
    duplicated=0.04,
)
_LOOK_S: Final = 0.05
_END_S: Final = 1200.0
_TAIL: Final = 4000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done, by how many."""

    operations: int
    writers: int = 4
    readers: int = 1
    kills: int = 6

    @property
    def each(self) -> int:
        """How many operations each writer does: they divide evenly."""
        assert self.operations % self.writers == 0
        return self.operations // self.writers


@dataclass(slots=True)
class Bank:
    """One run on one set of empty tables. The shim stands before the engine, without faults.

    `environment` is the service's, with TABLE_PREFIX; `folder` keeps journals and messages.
    """

    seed: int
    size: Size
    engine: str
    shim: Shim
    environment: Mapping[str, str]
    folder: Path
    faults: Faults = FAULTS
    look: Callable[["Bank"], None] = lambda _: None
    kills: int = 0
    landed: int = 0
    duration_s: float = 0.0
    met: Counts = field(default_factory=dict)
    _done: int = 0
    _read: Counter[int] = field(default_factory=Counter)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self) -> None:
        """Do everything. Raises AssertionError, with the seed, for the first fault."""
        started = time.monotonic()
        try:
            self._run()
        except AssertionError as fault:
            raise AssertionError(f"BANK_SEED={self.seed}, see {self.folder}: {fault}") from fault
        finally:
            self._end()
            self.duration_s = time.monotonic() - started

    def _run(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start("open")
        self._await("open")
        self.shim.reset()
        self.shim.set(self.faults)
        for number in range(self.size.readers):
            self._start("read", number)
        for number in range(self.size.writers):
            self._start("write", number)
        self._drive()
        self.met = self.shim.counts()
        # From here on nothing is late: what is refused now, has left nothing and never will.
        self.shim.set(Faults())
        calm(self.folder).touch()
        for number in range(self.size.writers):
            self._await(f"write-{number}")
        over(self.folder).touch()
        for number in range(self.size.readers):
            self._await(f"read-{number}")
        self.landed = check(self.rows(), self.journals())

    # --- processes ------------------------------------------------------------------------------

    def _start(self, verb: str, number: int = 0) -> None:
        name = verb if verb == "open" else f"{verb}-{number}"
        command = [sys.executable, "-m", "tests.engine.bank_process", verb]
        command += ["--folder", str(self.folder), "--seed", str(self.seed)]
        command += ["--number", str(number), "--operations", str(self.size.each)]
        with self._log(name).open("ab") as log:
            self._children[name] = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**self.environment, "DYNAMODB_ENDPOINT": self.shim.address},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal reaches the whole group; the children are ended by us.
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _await(self, name: str) -> None:
        """Wait until a child has ended well; raise what it said otherwise."""
        self._judge(name, self._children[name].wait(_END_S))

    def _end(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
            assert child.stdin is not None
            child.stdin.close()
        self.met = self.met or self.shim.counts()

    def _judge(self, name: str, status: int) -> None:
        child = self._children.pop(name)
        assert child.stdin is not None
        child.stdin.close()
        if status:
            said = self._log(name).read_text(errors="replace")[-_TAIL:]
            raise AssertionError(f"{name} ended with {status}:\n{said}")

    def _drive(self) -> None:
        """Kill and restart writers at random points of the progress, until all is definite."""
        chance = random.Random(f"{self.seed}:kills")
        points = sorted(chance.random() for _ in range(self.size.kills))
        while (done := self.done()) < self.size.operations:
            self.look(self)
            for name, child in list(self._children.items()):
                if child.poll() is not None:
                    self._judge(name, child.returncode)
                    raise AssertionError(f"{name} ended before its time")
            if points and done >= points[0] * self.size.operations:
                points.pop(0)
                self._kill(f"write-{chance.randrange(self.size.writers)}")
            time.sleep(_LOOK_S)

    def _kill(self, writer: str) -> None:
        child = self._children.pop(writer)
        child.kill()
        child.wait()
        assert child.stdin is not None
        child.stdin.close()
        self.kills += 1
        self._start("write", int(writer.rpartition("-")[2]))

    def done(self) -> int:
        """Return how many operations have a definite outcome so far."""
        for number in range(self.size.writers):
            path = path_of(self.folder, number)
            if path.exists():
                with path.open("rb") as file:
                    file.seek(self._read[number])
                    new = file.read()
                # A killed writer's last line may be torn, and is then written again.
                whole = new[: new.rfind(b"\n") + 1]
                self._read[number] += len(whole)
                self._done += whole.count(b'"outcome": ')
        return self._done

    # --- what is left ---------------------------------------------------------------------------

    def journals(self) -> list[list[Noted]]:
        """Return what the writers noted."""
        paths = [path_of(self.folder, number) for number in range(self.size.writers)]
        return [list(read_journal(path)) for path in paths]

    def rows(self) -> RawRows:
        """Return all rows of all tables, past the shim, by the tables' names without prefix."""
        client, prefix = self._client(), self.environment["TABLE_PREFIX"]
        found: RawRows = {}
        for page in client.get_paginator("list_tables").paginate():
            for table in page["TableNames"]:
                if table.startswith(prefix):
                    scan = client.get_paginator("scan").paginate(TableName=table)
                    rows = [item for part in scan for item in part["Items"]]
                    found[table.removeprefix(prefix)] = rows
        return found

    def drop(self) -> None:
        """Delete the tables."""
        client = self._client()
        for noun in self.rows():
            client.delete_table(TableName=self.environment["TABLE_PREFIX"] + noun)

    def _client(self) -> Any:
        return botocore.session.get_session().create_client(
            "dynamodb",
            endpoint_url=self.engine,
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def snapshots(self) -> Counter[str]:
        """Return how many snapshots were proved, and how many were refused as busy."""
        lines: Counter[str] = Counter()
        for path in self.folder.glob("reader-*.jsonl"):
            text = path.read_text()
            lines += Counter(proved=text.count('"new"'), busy=text.count('"busy"'))
        return lines

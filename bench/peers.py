"""Our transfer beside that of django-oscar-accounts on PostgreSQL, on one machine and in one run.

The same operation, one committed transfer a request, by as many worker processes: between random
accounts, from one hot account, from one with a long history; and how many debits each accepts
where the money suffices for ten. Rounds of both take turns. Ours runs on DynamoDB Local, which is
neither AWS nor fast: what is compared is what a developer has on a table.

Where PostgreSQL or the peer's packages cannot be had, nothing is measured, and that is said.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from bench.growth import lengthen
from bench.our_worker import ACCOUNTS
from bench.results import Part
from cli.local import PROJECT
from tests.engine.conftest import tables_at
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.house.service import kept_variables
from tests.verbs import shop

HERE: Final = Path(__file__).parent
PEER: Final = PROJECT / ".engine" / "oscar"
PINS: Final = HERE / "oscar.txt"
POSTGRESQL: Final = Path("/usr/lib/postgresql")

SECONDS: Final = 4.0
ROUNDS: Final = 3
HISTORY: Final = 100_000
RACERS, TRIES = 8, 5


def measure(console: Console, *, full: bool) -> Part:
    """Measure what can be measured here, and return it."""
    part = Part()
    programs = _programs()
    if programs is None:
        console.print(
            "Not measured: PostgreSQL is missing (on Debian: apt-get install postgresql)."
        )
        return part
    _install(console)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database = stack.enter_context(_postgresql(programs, folder))
        engine = stack.enter_context(DynamoDBLocal(folder))
        variables = stack.enter_context(tables_at(engine.address))
        ours = _Side("ours", [sys.executable, "-m", "bench.our_worker"], variables)
        theirs = _Side(
            "oscar",
            [str(PEER / "bin" / "python"), str(HERE / "oscar_worker.py")],
            {"OSCAR_DATABASE": database},
        )
        console.print("Opening the accounts of both ...")
        _open_ours()
        theirs.run("setup", "0")
        for workers in (1, 4, 8) if full else (4,):
            _compare(part, console, ours, theirs, workers, "random", 2)
            _compare(part, console, ours, theirs, workers, "hot", 2)
        _race(part, ours, theirs)
        console.print(f"Writing {HISTORY:,} entries on the hot account of both ...")
        lengthen("hot", HISTORY)
        theirs.run("setup", str(HISTORY))
        _compare(part, console, ours, theirs, 4, "hot", 5, f", {HISTORY:,} entries")
    return part


class _Side:
    """One of the two: its worker's command, and the variables that lead it to its accounts."""

    def __init__(self, name: str, command: list[str], variables: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._variables = kept_variables() | dict(variables)

    def run(self, *arguments: str) -> None:
        """Run a command to its end."""
        command = [*self._command, *arguments]
        subprocess.run(command, cwd=PROJECT, env=self._variables, check=True)

    def together(self, workers: int, *arguments: str) -> list[int]:
        """Let workers begin at once; return what each says at its end."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    subprocess.Popen(
                        [*self._command, *arguments],
                        cwd=PROJECT,
                        env=self._variables,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        # The peer tells there of each debit that it refuses.
                        stderr=subprocess.DEVNULL,
                        text=True,
                    )
                )
                for _ in range(workers)
            ]
            assert [_line(each) for each in started] == ["ready"] * workers
            for each in started:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            return [int(json.loads(_line(each))) for each in started]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _compare(
    part: Part,
    console: Console,
    ours: _Side,
    theirs: _Side,
    workers: int,
    pairs: str,
    least: float,
    note: str = "",
) -> None:
    """Let both make transfers, in turns, and note how many a second."""
    title = f"{pairs}, {workers} workers{note}"
    console.print(f"{title} ...")
    rates: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for _ in range(ROUNDS):
        for side in (ours, theirs):
            done = side.together(workers, "transfers", pairs, str(SECONDS))
            rates[side.name].append(sum(done) / SECONDS)
    fast = part.note(f"{title}, ours", "transfers a second", rates[ours.name])
    slow = part.note(f"{title}, django-oscar-accounts", "transfers a second", rates[theirs.name])
    part.at_least(f"{title}, ours / django-oscar-accounts", fast / slow, least)


def _race(part: Part, ours: _Side, theirs: _Side) -> None:
    """Let both debit an account whose money suffices for ten, eight at once."""
    theirs.run("fund")
    for side in (ours, theirs):
        accepted = sum(side.together(RACERS, "race", str(TRIES)))
        part.note(f"debits accepted where ten suffice, {side.name}", "debits", [float(accepted)])
        if side is ours:
            part.at_most("debits accepted where ten suffice, ours", accepted, 10)


def _open_ours() -> None:
    shop.open_shop()
    shop.open_accounts(**{f"a{number}": "10000.00" for number in range(ACCOUNTS)})
    shop.open_accounts(hot="1000000.00", poor="10.00")


# --- the peer -------------------------------------------------------------------------------------


def _install(console: Console) -> None:
    """Install the peer's packages into an environment of their own, once."""
    if (PEER / "installed").exists():
        return
    console.print("Installing the peer, half a minute ...")
    shutil.rmtree(PEER, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
    pip = [str(PEER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(PINS)], check=True)
    (PEER / "installed").touch()


def _programs() -> Path | None:
    """Return the folder of PostgreSQL's programs: that of the path, or Debian's newest."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = sorted(POSTGRESQL.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def _postgresql(programs: Path, folder: Path) -> Iterator[str]:
    """Run a PostgreSQL of our own with its default settings; yield host, port and user."""
    home = folder / "postgresql"
    home.mkdir()
    # PostgreSQL refuses to be run by root; Debian has a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(home, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data = str(home / "data")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user}
    initdb = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "bench"]
    subprocess.run(initdb, check=True, cwd=home, **quiet)  # type: ignore[call-overload]
    settings = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
    control = [str(programs / "pg_ctl"), "-D", data, "-w"]
    subprocess.run([*control, "-o", settings, "start"], check=True, cwd=home, **quiet)  # type: ignore[call-overload]
    try:
        yield f"127.0.0.1 {port} bench"
    finally:
        stop = [*control, "-m", "fast", "stop"]
        subprocess.run(stop, check=False, cwd=home, **quiet)  # type: ignore[call-overload]

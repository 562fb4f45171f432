"""A whole service for tests, run as a developer runs it: on a free port, in its own folder."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from cli.local import PROJECT, ServiceFile

START_S = 60.0
STOP_S = 60.0


class Served(Protocol):
    """A running service, wherever it runs, with the command line for it."""

    @property
    def address(self) -> str:
        """Return where it answers."""

    def cli(self, *arguments: str) -> str:
        """Run `python -m cli` for it and return the last line that it prints."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where it answers, and the folder and environment of commands beside it."""

    address: str
    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes]

    def cli(self, *arguments: str) -> str:
        """Run `python -m cli` beside the service and return the last line that it prints."""
        done = run_cli(self.folder, *arguments)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        return lines[-1] if lines else ""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


def environment() -> dict[str, str]:
    """Return the environment of a developer who has set no variable of the service."""
    return kept_variables() | {"PYTHONPATH": str(PROJECT), "COLUMNS": "200"}


def kept_variables() -> dict[str, str]:
    """Return what any program needs of this process's environment."""
    return {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}


def run_cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m cli` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(
    folder: Path, *options: str, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Service]:
    """Run a service in `folder` on any free port, and end it in good order.

    `variables` are set for it beside a developer's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environments = folder / ".venv"
    if not environments.exists():
        # The README's commands begin with .venv/bin/python.
        environments.symlink_to(PROJECT / ".venv")
    output = folder / "serve.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", "0", *options],
            cwd=folder,
            env={**environment(), **variables},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        address = _await_answer(process, folder, output)
        yield Service(address, folder, environment(), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def _await_answer(process: subprocess.Popen[bytes], folder: Path, output: Path) -> str:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        address = ServiceFile(folder / ".local").read().get("ADDRESS")
        if address and _answers(address):
            return address
        time.sleep(0.05)
    raise AssertionError(f"the service did not start:\n{output.read_text()}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/health", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def until(is_true: Callable[[], bool], what: str, *, seconds: float = 60.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.01)

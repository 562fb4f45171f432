"""What a service running on this machine leaves in its folder: its lock and its service file.

The folder is `.local` in the current directory, so two checkouts (or a test in a temporary
folder) never meet. The service file holds the variables of stage `local` under their own names,
the keys among them, and is therefore readable by its owner only.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

PROJECT: Final = Path(__file__).resolve().parent.parent
STAGE: Final = "local"

_KEYS: Final = ("SIGNING_KEYS", "STAFF_KEYS")
_WHILE_RUNNING: Final = ("ADDRESS", "DYNAMODB_ENDPOINT")


class LocalError(Exception):
    """Something on this machine stands in the way; the message says what, and what to do."""


class Lock:
    """Held by the one service of a folder. The system lets go of it when its holder dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "serve.lock"

    def holder(self) -> str | None:
        """Return who holds the lock, in words, or None where nobody does."""
        if not self._path.exists():
            return None
        with self._path.open("r+") as file:
            return None if _locked(file.fileno()) else file.read().strip()

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Hold the lock. Raises `LocalError` naming the holder where another has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+") as file:
            if not _locked(file.fileno()):
                file.seek(0)
                address = ServiceFile(self._path.parent).read().get("ADDRESS", "starting")
                raise LocalError(
                    f"This folder's service runs already ({address}, {file.read().strip()}). "
                    "Use it, or end it with Ctrl-C where it runs."
                )
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            yield self


class ServiceFile:
    """`service.json`: what commands beside a running service read, through `chalicelib.config`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "service.json"

    def read(self) -> dict[str, str]:
        """Return the variables; an absent file reads as none."""
        if not self.path.exists():
            return {}
        values: dict[str, str] = json.loads(self.path.read_text())
        return values

    def begin(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Write the variables of a run and return them all; keys of earlier runs stay valid."""
        kept = self.read()
        keys = {name: kept.get(name) or _new_key() for name in _KEYS}
        values = {**variables, **keys}
        self._write(values)
        return values

    def end(self) -> None:
        """Take out what is true only while the service runs."""
        self._write({k: v for k, v in self.read().items() if k not in _WHILE_RUNNING})

    def _write(self, values: Mapping[str, str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(dict(values), file, indent=2)
            file.write("\n")
        beside.replace(self.path)


def folder() -> Path:
    """Return the folder of the service that belongs to the current directory."""
    return Path.cwd() / ".local"


def chalice_settings() -> dict[str, Any]:
    """Return the content of `.chalice/config.json`."""
    settings: dict[str, Any] = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    return settings


def stage_variables(stage: str) -> dict[str, str]:
    """Return the variables that a stage sets."""
    variables: dict[str, str] = chalice_settings()["stages"][stage]["environment_variables"]
    return variables


def deployed_stage(stage: str) -> dict[str, Any]:
    """Return the settings of a stage that is deployed, with those of every stage.

    Raises `LocalError` for any other.
    """
    settings = chalice_settings()
    deployed = settings["stages"].keys() - {STAGE}
    if stage not in deployed:
        raise LocalError(f"Stage {stage} is not deployed: choose {' or '.join(sorted(deployed))}.")
    own: dict[str, Any] = settings["stages"][stage]
    return settings | own


def enter_stage() -> str:
    """Return the stage; set the variables of stage `local` that are unset, where it is that one.

    The credentials are made up and replace real ones: a local command never reaches AWS.
    """
    stage = os.environ.setdefault("STAGE", STAGE)
    if stage != STAGE:
        return stage
    for name, value in stage_variables(STAGE).items():
        if name.startswith("AWS_"):
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    return stage


def require_service() -> None:
    """Refuse a command of stage `local` where no service runs in the current directory."""
    if os.environ.get("DYNAMODB_ENDPOINT"):
        return
    if Lock(folder()).holder() is None:
        raise LocalError(
            f"No service runs in {Path.cwd()}. Start it with `make run`, and come back."
        )


def _new_key() -> str:
    return f"local:{secrets.token_urlsafe(48)}"


def _locked(descriptor: int) -> bool:
    """Return whether the lock could be had."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

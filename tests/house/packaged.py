"""Packages of stages, made once in a test process."""

import json
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from cli.local import PROJECT, chalice_settings

Json = dict[str, Any]

OURS: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that this process runs on: the stage's own may be missing on this machine."""


@cache
def package(stage: str) -> Path:
    """Return the folder of a stage's package, made for our own Python."""
    folder = Path(mkdtemp(prefix="package-")) / stage
    done = subprocess.run(
        ["make", "package", f"STAGE={stage}", f"BUILD={folder}", f"RUNTIME={OURS}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def zipped(stage: str) -> zipfile.ZipFile:
    """Return the zip of a stage's package, to read."""
    return zipfile.ZipFile(package(stage) / "deployment.zip")


@cache
def names(stage: str) -> tuple[str, ...]:
    """Return the names of the files in the zip of a stage's package."""
    with zipped(stage) as archive:
        return tuple(archive.namelist())


@cache
def template(stage: str) -> Json:
    """Return the template of a stage's package."""
    content: Json = json.loads((package(stage) / "sam.json").read_text())
    return content


def stages() -> list[str]:
    """Return the stages that are deployed."""
    return sorted(chalice_settings()["stages"].keys() - {"local"})

"""`pins`: the requirement files resolved anew, and held against the known vulnerabilities."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.local import PROJECT, LocalError

PINNED: Final = {
    # The service's own pins are taken from those of development, so that what is shipped is what
    # was tested; deployment runs the engine of `make run` and so takes its pins.
    "requirements-dev": None,
    "requirements": "requirements-dev",
    "cli/engine-requirements": None,
    "cli/seldom-requirements": None,
    "cli/deploy-requirements": "cli/engine-requirements",
}
"""The requirement files in the order in which they are resolved, each with what binds it."""

NPM: Final = ("console", "tests/conformance")
"""The folders with a package-lock.json."""

_PROGRAMS: Final = Path(sys.executable).parent
_AUDIT: Final = PROJECT / ".engine" / "seldom" / "bin" / "pip-audit"


def pins(
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest versions that fit.")
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Only look for known vulnerabilities.")
    ] = False,
) -> None:
    """Resolve the requirement files anew after editing a .in file, or audit what is pinned."""
    if not audit:
        for name, bound in PINNED.items():
            _resolve(name, bound, upgrade=upgrade)
            print(f"{name}.txt is resolved.")
        return
    bad = [name for name in PINNED if not _is_clean(_pip_audit(name), f"{name}.txt")]
    bad += [name for name in NPM if not _is_clean(["npm", "audit"], name, PROJECT / name)]
    if bad:
        raise LocalError(f"Vulnerable, or not audited: {', '.join(bad)}. See above.")


def _resolve(name: str, bound: str | None, *, upgrade: bool) -> None:
    command = [
        str(_PROGRAMS / "uv"),
        *("pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"),
        *("--custom-compile-command", "python -m cli pins"),
        *(["--upgrade"] if upgrade else []),
        *(["-c", f"{bound}.txt"] if bound else []),
        *(f"{name}.in", "-o", f"{name}.txt"),
    ]
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:
        raise LocalError(f"{name}.in could not be resolved: see above.")


def _pip_audit(name: str) -> list[str]:
    if not _AUDIT.exists():
        raise LocalError("pip-audit is not installed yet: make docs installs it.")
    # Strict: what the registry knows nothing of was not audited, and must not pass for clean.
    return [str(_AUDIT), "--strict", "--disable-pip", "--require-hashes", "-r", f"{name}.txt"]


def _is_clean(command: list[str], what: str, folder: Path = PROJECT) -> bool:
    print(f"{what}:", flush=True)
    path = f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=False)
    return done.returncode == 0

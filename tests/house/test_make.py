"""The Makefile, the requirement files and the layout that import-linter is told of."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from cli.local import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()
STAMPED = (
    "requirements-dev.txt",
    "cli/deploy-requirements.txt",
    "cli/engine-requirements.txt",
    "cli/seldom-requirements.txt",
    "console/package-lock.json",
    "tests/engine/dynamodb_local.py",
    "tests/browser/install.py",
    "tests/conformance/client.py",
    "tests/conformance/package-lock.json",
)
PINS = (
    "requirements.txt",
    "requirements-dev.txt",
    "cli/deploy-requirements.txt",
    "cli/engine-requirements.txt",
    "cli/seldom-requirements.txt",
)


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def pins(file: str) -> dict[str, str]:
    text = (PROJECT / file).read_text()
    return {name + marker: version for name, version, marker in re.findall(PIN, text, re.MULTILINE)}


PIN = r"^([a-z0-9-]+)==(\S+)((?: ; [^\\]+)?) \\$"


def test_make_help_prints_every_target() -> None:
    declared = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert declared is not None
    targets = declared[1].split()
    shown = re.findall(r"^  ([\w-]+) +\S", make(PROJECT, "help").stdout, re.MULTILINE)
    assert sorted(shown) == sorted(targets)
    assert len(targets) <= 14


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout, as far as make is concerned: nothing is installed in it."""
    for name in (*STAMPED, "Makefile"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH that holds what make needs, and no Python."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in ("cat", "cksum", "cut", "dirname", "grep", "mkdir", "rm", "sh", "touch"):
        program = shutil.which(tool)
        assert program is not None
        (folder / tool).symlink_to(program)
    return folder


def test_a_missing_python_is_answered_by_the_one_line_that_helps(
    checkout: Path, programs: Path
) -> None:
    done = make(checkout, "lint", PATH=str(programs))
    assert done.returncode != 0
    assert "apt-get install python3 python3-venv" in done.stdout
    assert "Installing" not in done.stdout


def test_a_python_without_venv_is_answered_by_the_one_line_that_helps(
    checkout: Path, programs: Path
) -> None:
    without_venv = programs / "python3"
    without_venv.write_text('#!/bin/sh\ncase "$2" in *venv*) exit 1 ;; esac\n')
    without_venv.chmod(0o755)
    done = make(checkout, "lint", PATH=str(programs))
    assert done.returncode != 0
    assert done.stdout == "python3 lacks venv. On Debian or Ubuntu: apt-get install python3-venv\n"


def test_an_interrupted_installation_is_done_again(checkout: Path, programs: Path) -> None:
    failing = programs / "python3"
    failing.write_text('#!/bin/sh\ncase "$2" in venv) exit 1 ;; esac\n')
    failing.chmod(0o755)
    for _ in range(2):
        done = make(checkout, "lint", PATH=str(programs))
        assert done.returncode != 0
        assert "packages into .venv" in done.stdout
    assert not list(checkout.glob(".venv/installed-*"))


@pytest.mark.parametrize("file", PINS)
def test_pins_are_hashed_and_name_no_place(file: str) -> None:
    text = (PROJECT / file).read_text()
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|(^|\s)/", text, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


def test_what_is_shipped_is_what_is_tested() -> None:
    shipped, tested = pins("requirements.txt"), pins("requirements-dev.txt")
    assert shipped
    assert shipped.items() <= tested.items()


def test_the_service_ships_neither_the_framework_nor_boto3() -> None:
    names = {name.partition(" ")[0] for name in pins("requirements.txt")}
    assert not names & {"chalice", "boto3", "moto", "ministack", "pytest"}


def test_every_room_has_its_place_in_the_layers() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = " ".join(settings["contracts"][0]["layers"])
    placed = set(re.findall(r"chalicelib\.(\w+)", layers))
    rooms = {
        path.stem
        for path in (PROJECT / "chalicelib").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} <= placed


@pytest.mark.parametrize("target", ["run", "package"])
def test_a_console_that_cannot_be_built_is_warned_of_and_stops_nothing(
    checkout: Path, programs: Path, target: str
) -> None:
    """Where npm reaches no registry the interface is served and packaged all the same."""
    make_itself = shutil.which("make")
    assert make_itself is not None
    (programs / "make").symlink_to(make_itself)
    for name, script in (("node", "exit 1"), ("python", 'echo "python $*"')):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    done = make(
        checkout,
        target,
        f"BIN={programs}",
        *("TOOLS=", "ENGINE=", "CONSOLE="),
        PATH=str(programs),
    )
    assert "WARNING: the admin console could not be built" in done.stdout
    assert {"run": "python -m cli serve", "package": "python -m cli package"}[target] in done.stdout

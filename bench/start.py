"""How long a function takes to start: from a new process to the first answer.

Packages lie unpacked, as Lambda mounts them, and nothing is written beside them: what has no
bytecode is compiled at every start. Each round starts each package once, so that whatever else
the machine does meets all alike.
"""

import json
import shutil
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.progress import track

from bench.page import machine, put
from bench.results import Part
from cli.local import PROJECT
from cli.package import chalice_package, compile_all, package, this_machine
from tests.house.packaged import ANSWERED, STARTED, alone

ROUNDS: Final = 25

_HELLO: Final = """from chalice.app import Chalice

app = Chalice(app_name="hello")


@app.route("/health")
def health():
    return {"status": "ok"}
"""
_READY: Final = "\nimport time; print(time.time())"
_MACHINE: Final = this_machine()
_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


def measure(console: Console, *, full: bool) -> Part:
    """Measure, write the table of docs/performance.md anew, and return what was found."""
    del full
    part = Part()
    with TemporaryDirectory() as name:
        console.print("Making the packages ...")
        packages = _packages(Path(name))
        times: dict[str, list[float]] = {what: [] for what in packages}
        for _ in track(range(ROUNDS), description="Starting", console=console):
            for what, folder in packages.items():
                times[what].append(_start(folder))
        sizes = {what: _megabytes(folder) for what, folder in packages.items()}
    text = _table(times, sizes)
    console.print(text, markup=False)
    put("start-up", text)
    middle = {what: part.note(what.replace("`", ""), "ms", each) for what, each in times.items()}
    part.at_most(
        "make package / chalice package",
        middle["`make package`"] / middle["`chalice package`"],
        0.5,
    )
    return part


def _packages(folder: Path) -> Mapping[str, Path | None]:
    plain, ours = _plain(folder), folder / "ours"
    package(folder / "package", "dev", _PYTHON, _MACHINE)
    _unzip(folder / "package" / "deployment.zip", ours)
    compiled, bare = folder / "compiled", folder / "bare"
    shutil.copytree(plain, compiled)
    compile_all(compiled, sys.executable)
    shutil.copytree(ours, bare, ignore=shutil.ignore_patterns("__pycache__"))
    return {
        "Python alone": None,
        "Chalice's hello world": _hello(folder),
        "`chalice package`": plain,
        "... with bytecode": compiled,
        "`make package` without bytecode": bare,
        "`make package`": ours,
    }


def _hello(folder: Path) -> Path:
    source = folder / "hello-source"
    (source / ".chalice").mkdir(parents=True)
    settings = {"version": "2.0", "app_name": "hello", "lambda_architecture": _MACHINE}
    (source / ".chalice" / "config.json").write_text(json.dumps(settings))
    (source / "app.py").write_text(_HELLO)
    (source / "requirements.txt").write_text("")
    chalice_package(source, folder / "hello-package")
    return _unzip(folder / "hello-package" / "deployment.zip", folder / "hello")


def _plain(folder: Path) -> Path:
    """Return what Chalice packages by itself from the same sources."""
    source = folder / "source"
    source.mkdir()
    caches = shutil.ignore_patterns("__pycache__", "demo")
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(PROJECT / name, source / name, ignore=caches)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, source / name)
    config = source / ".chalice" / "config.json"
    settings = json.loads(config.read_text()) | {"lambda_architecture": _MACHINE}
    config.write_text(json.dumps(settings))
    chalice_package(source, folder / "plain-package", "--stage", "dev")
    return _unzip(folder / "plain-package" / "deployment.zip", folder / "plain")


def _unzip(file: Path, folder: Path) -> Path:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


def _start(folder: Path | None) -> float:
    """Return the milliseconds from starting a process to its first answer."""
    code = ("" if folder is None else STARTED + ANSWERED) + _READY
    begun = time.time()
    ready = alone(folder or Path(), code)
    return (float(ready.splitlines()[-1]) - begun) * 1000


def _megabytes(folder: Path | None) -> float:
    files = [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


def _table(times: Mapping[str, list[float]], sizes: Mapping[str, float]) -> str:
    middle = {what: median(each) for what, each in times.items()}
    plain = middle["`chalice package`"]
    lines = [
        f"{machine()}, {ROUNDS} starts of each.",
        "",
        "| package | unpacked | median | least to most | of `chalice package` |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {what} | {sizes[what]:.1f} MB | {middle[what]:.0f} ms | {min(each):.0f} to "
        f"{max(each):.0f} ms | {middle[what] / plain:.0%} |"
        for what, each in times.items()
    ]
    return "\n".join([*lines, ""])

"""`package`: the zip and the CloudFormation template of a stage, byte for byte the same each time.

Chalice makes the template and zips our code with its own runtime. The dependencies come from uv,
for the machine and the Python that the stage names, whatever this machine is. What no function
uses is left out, and bytecode is laid beside the code: Lambda's disk is read-only, so a function
without it compiles everything anew at every start. docs/deploy.md says how it is used.
"""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.local import PROJECT, LocalError, deployed_stage
from cli.template import write_merge_template
from cli.trim import trim

MACHINES: Final = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}
"""Lambda's names of its machines, and what their wheels are built for."""

_SOURCE: Final = ("app.py", "chalicelib", ".chalice")
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", ".?*", "demo", "py.typed")
"""Chalice zips whatever lies in chalicelib. The demo page is served on developers' machines."""
_BESIDE_CODE: Final = ("bin", ".lock")
"""What uv leaves beside the packages."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can tell: it says nothing about when it was made."""
_READABLE: Final = 0o100644 << 16


def package(
    out: Annotated[Path, typer.Argument(help="The folder to write to; it is made anew.")],
    stage: Annotated[str, typer.Option(help="A stage of .chalice/config.json.")] = "prod",
    python: Annotated[str, typer.Option(help="Another Python than the stage's.")] = "",
    architecture: Annotated[str, typer.Option(help="Another machine: arm64, x86_64.")] = "",
) -> None:
    """Write deployment.zip and sam.json, which `make deploy` uploads."""
    settings = deployed_stage(stage)
    python = python or settings["lambda_python"]
    architecture = architecture or settings["lambda_architecture"]
    if architecture not in MACHINES:
        raise LocalError(f"Lambda has no {architecture}: choose {' or '.join(MACHINES)}.")
    interpreter = find_python(python)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    content = out / "content"
    package_code(out, stage, python, architecture)
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        archive.extractall(content)
    install_dependencies(content, python, architecture)
    trim(content)
    compile_all(content, interpreter)
    write_zip(content, out / "deployment.zip")
    shutil.rmtree(content)
    size = (out / "deployment.zip").stat().st_size
    print(f"{out / 'deployment.zip'}: {size / 1e6:.1f} MB, Python {python} on {architecture}")


def this_machine() -> str:
    """Return this machine as Lambda calls it: for packages that are to run here."""
    machine = platform.machine()
    return next((name for name, tag in MACHINES.items() if tag.startswith(machine)), machine)


def find_python(version: str) -> str:
    """Return an interpreter of this version, such as 3.14: bytecode is read by its own alone.

    Raises `LocalError` with the remedy where there is none.
    """
    uv = _uv()
    found = subprocess.run(
        [uv, "python", "find", "--no-project", "--no-python-downloads", f"cpython@{version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise LocalError(
            f"The functions run on Python {version}, and this machine has none to compile for it. "
            f"Get it with `{os.path.relpath(uv)} python install {version}`, or from your system, "
            "and call this again."
        )
    return found.stdout.strip()


def install_dependencies(content: Path, python: str, architecture: str) -> None:
    """Lay the pinned dependencies into a folder, from the cache alone where it has them."""
    command = [
        *(_uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--link-mode", "copy", "--python-version", python),
        *("--python-platform", MACHINES[architecture], "--target", str(content)),
        *("-r", str(PROJECT / "requirements.txt")),
    ]
    for more in (["--offline"], []):
        if subprocess.run([*command, *more], capture_output=True, check=False).returncode == 0:
            break
    else:
        # A company's proxy signs with a certificate that only its machines know.
        _run([*command, "--system-certs"])
    for name in _BESIDE_CODE:
        beside = content / name
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def write_zip(content: Path, out: Path) -> None:
    """Zip a folder, so that the same content gives the same bytes."""
    files = sorted(path for path in content.rglob("*") if path.is_file())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.relative_to(content).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            archive.writestr(entry, file.read_bytes())


def package_code(out: Path, stage: str, python: str, architecture: str) -> None:
    """Write the template, and a zip of our code and Chalice's runtime alone, into a folder."""
    source = out / "source"
    source.mkdir()
    for name in _SOURCE:
        place = PROJECT / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=_LEFT_OUT)
        else:
            shutil.copy(place, source / name)
    (source / "requirements.txt").write_text("")  # uv brings them
    merge = out.resolve() / "merge.json"
    write_merge_template(merge, stage, python, architecture)
    chalice_package(source, out, "--stage", stage, "--merge-template", str(merge))
    shutil.rmtree(source)
    merge.unlink()


def chalice_package(source: Path, out: Path, *options: str) -> None:
    """Let Chalice package a project: it writes deployment.zip and sam.json."""
    chalice = Path(sys.executable).with_name("chalice")
    region = {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1")}
    _run(
        [chalice, "package", *options, str(out.resolve())],
        cwd=source,
        env={**os.environ, **region, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def compile_all(content: Path, interpreter: str) -> None:
    """Compile every file for /var/task, where Lambda mounts it.

    Nobody looks there whether the source has changed, so that its time does not matter.
    """
    _run(
        [
            *(interpreter, "-I", "-m", "compileall", "-q", "-s", str(content), "-p", "/var/task"),
            *("--invalidation-mode", "unchecked-hash", str(content)),
        ],
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},
    )


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def _run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise LocalError(f"{Path(command[0]).name} failed:\n{said}")

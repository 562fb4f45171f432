"""Packages of stages, made once in a test process."""

import json
import os
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cli.local import PROJECT, chalice_settings, deployed_stage
from cli.package import package_code, this_machine

Json = dict[str, Any]

OURS: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that this process runs on: the stage's own may be missing on this machine."""


STARTED: Final = """
import sys
sys.path.insert(0, sys.argv[1])
import app
"""
"""Starts the functions of the package in the first argument."""

ANSWERED: Final = """
event = {"requestContext": {"httpMethod": "GET", "resourcePath": "/health", "path": "/health"},
    "headers": {}, "multiValueHeaders": {}, "queryStringParameters": None,
    "multiValueQueryStringParameters": None, "pathParameters": None, "body": None,
    "isBase64Encoded": False, "stageVariables": None}
class Context: aws_request_id = "r"
assert app.app(event, Context())["statusCode"] == 200
"""
"""Has a started function answer one request."""

VARIABLES: Final = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "alone",
    "AWS_SECRET_ACCESS_KEY": "none",
    "DISTRIBUTION_QUEUE": "https://sqs.eu-central-1.amazonaws.com/1/queue",
    "EVENT_BUS": "loyalty-money-dev",
    "EVENT_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/1/dead",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "SIGNING_KEYS": "k1:" + "s" * 40,
    "STAFF_KEYS": "d1:" + "t" * 40,
    "STAGE": "dev",
    "TABLE_PREFIX": "alone-",
}
"""What a function that reaches nobody needs to start."""


def alone(folder: Path, code: str) -> str:
    """Run Python with nothing but an unpacked package, as Lambda mounts it: nothing is written."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, folder],
        env={"PATH": os.defpath, **VARIABLES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_folders: Final[list[TemporaryDirectory[str]]] = []
"""They go when this process ends."""


@cache
def package(stage: str) -> Path:
    """Return the folder of a stage's package, made for our own Python; dev for our machine."""
    folder = _folder()
    machine = this_machine() if stage == "dev" else ""
    done = subprocess.run(
        [
            *("make", "package", f"STAGE={stage}", f"BUILD={folder}"),
            *(f"RUNTIME={OURS}", f"ARCHITECTURE={machine}"),
        ],
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
def mounted() -> Path:
    """Return the content of a package for our machine, as Lambda would mount it."""
    folder = _folder()
    with zipped("dev") as archive:
        archive.extractall(folder)
    return folder


@cache
def template(stage: str) -> Json:
    """Return the template of a stage, which needs no dependency to be made."""
    folder, settings = _folder(), deployed_stage(stage)
    package_code(folder, stage, settings["lambda_python"], settings["lambda_architecture"])
    content: Json = json.loads((folder / "sam.json").read_text())
    return content


def _folder() -> Path:
    _folders.append(TemporaryDirectory())
    return Path(_folders[-1].name)


def stages() -> list[str]:
    """Return the stages that are deployed."""
    return sorted(chalice_settings()["stages"].keys() - {"local"})

"""The zip that goes to Lambda: what is in it, that it runs alone, and is always the same."""

import importlib.util
import json
import marshal
import os
import re
import sys
from pathlib import Path
from types import CodeType

import pytest

from cli.local import PROJECT, LocalError, deployed_stage
from cli.package import (
    MACHINES,
    find_python,
    install_dependencies,
    write_zip,
)
from cli.trim import OPERATIONS, only_operations
from tests.house.packaged import (
    ANSWERED,
    OURS,
    STARTED,
    alone,
    mounted,
    names,
    package,
    stages,
    template,
    zipped,
)
from tests.house.service import run_cli

PACKAGES = {
    "annotated_types",
    "botocore",
    "cffi",
    "chalice",
    "chalicelib",
    "cryptography",
    "dateutil",
    "jmespath",
    "jwt",
    "pycparser",
    "pydantic",
    "pydantic_core",
    "pynamodb",
    "typing_inspection",
    "urllib3",
}
MODULES = {"app", "six", "typing_extensions"}
BYTECODE = re.compile(rf"(.*?)__pycache__/([^/.]+)\.{sys.implementation.cache_tag}\.pyc")
OF_PACKAGES = re.compile(r"[a-z0-9_]+-[0-9][^/]*\.dist-info/.+")
NEITHER_CODE_NOR_DATA = re.compile(r"(^|/)(tests?|\.[^/]*|conftest\.py|.*\.(env|sh|toml|log))(/|$)")

pytestmark = pytest.mark.timeout(300)


def made(folder: Path, *options: str) -> None:
    done = run_cli(PROJECT, "package", str(folder), *options)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stage", stages())
def test_the_zip_holds_the_code_and_its_dependencies_alone(stage: str) -> None:
    files = [name for name in names(stage) if not OF_PACKAGES.fullmatch(name)]
    folders = {name.partition("/")[0] for name in files if "/" in name} - {"__pycache__"}
    assert folders == PACKAGES
    loose = {name for name in files if "/" not in name and not name.endswith(".so")}
    assert loose == {f"{name}.py" for name in MODULES}
    assert [name for name in files if NEITHER_CODE_NOR_DATA.search(name)] == []


@pytest.mark.parametrize("stage", stages())
def test_each_source_has_its_bytecode_and_no_bytecode_is_astray(stage: str) -> None:
    sources = {name for name in names(stage) if name.endswith(".py")}
    compiled = [BYTECODE.fullmatch(name) for name in names(stage) if name.endswith(".pyc")]
    assert None not in compiled
    assert {f"{found[1]}{found[2]}.py" for found in compiled if found} == sources


def test_bytecode_is_believed_unseen_and_names_the_place_that_lambda_mounts() -> None:
    """The time of a file in a zip is made up: compared with it, all bytecode would be stale."""
    with zipped("prod") as archive:
        raw = archive.read(f"__pycache__/app.{sys.implementation.cache_tag}.pyc")
    assert raw[:4] == importlib.util.MAGIC_NUMBER
    by_hash, unchecked = int.from_bytes(raw[4:8], "little") & 1, not raw[4] & 2
    assert by_hash
    assert unchecked
    code = marshal.loads(raw[16:])  # noqa: S302  # our own
    assert isinstance(code, CodeType)
    assert code.co_filename == "/var/task/app.py"


@pytest.mark.parametrize("stage", stages())
def test_every_module_of_the_service_is_in_the_zip(stage: str) -> None:
    zipped_code = {n for n in names(stage) if n.startswith("chalicelib/") and n.endswith(".py")}
    code = {str(p.relative_to(PROJECT)) for p in (PROJECT / "chalicelib").rglob("*.py")}
    assert code == zipped_code


@pytest.mark.parametrize("stage", stages())
def test_the_demo_page_and_its_routes_stay_at_home(stage: str) -> None:
    assert not [name for name in names(stage) if name.startswith("chalicelib/demo/")]
    shown = json.dumps(template(stage))
    for path in ("/demo", "/users/login", "/current_user", "/csrf_token"):
        assert path not in shown


def test_the_console_is_in_the_zip_as_it_was_built() -> None:
    folder = PROJECT / "chalicelib" / "console"
    with zipped("prod") as archive:
        found = {n: archive.read(n) for n in archive.namelist() if "/console/" in n}
    assert found == {f"chalicelib/console/{f.name}": f.read_bytes() for f in folder.iterdir()}
    assert "chalicelib/console/index.html" in found


@pytest.mark.long
def test_the_same_content_makes_the_same_zip_to_the_byte(tmp_path: Path) -> None:
    """CloudFormation tells a new version by it, and anybody can tell what is deployed."""
    again = tmp_path / "prod"
    made(again, "--stage", "prod", "--python", OURS)
    for name in ("deployment.zip", "sam.json"):
        assert (again / name).read_bytes() == (package("prod") / name).read_bytes()
    assert sorted(file.name for file in again.iterdir()) == ["deployment.zip", "sam.json"]


def test_the_order_and_the_times_of_files_do_not_matter(tmp_path: Path) -> None:
    zips = []
    for order, time_s in ((("b", "a"), 10**9), (("a", "b"), 1.5 * 10**9)):
        folder = tmp_path / "".join(order)
        folder.mkdir()
        for name in order:
            (folder / name).write_text(name)
            os.utime(folder / name, (time_s, time_s))
        write_zip(folder, tmp_path / "out.zip")
        zips.append((tmp_path / "out.zip").read_bytes())
    assert zips[0] == zips[1]


# --- alone ----------------------------------------------------------------------------------


def loaded(more: str = "") -> set[str]:
    """Import the application with nothing but its package; return the modules that this loads."""
    done = alone(mounted(), f"{STARTED}\n{more}\nprint(*sys.modules)")
    return set(done.splitlines()[-1].split())


CLIENTS = """
from chalicelib.outside.aws import client
from chalicelib.store.connection import connection
for service, operations in {operations}.items():
    found = connection().client if service == "dynamodb" else client(service)
    assert sorted(found.meta.service_model.operation_names) == sorted(operations)
    assert found.meta.endpoint_url == f"https://{service}.eu-central-1.amazonaws.com", found.meta
"""


def test_the_package_answers_with_nothing_beside_it() -> None:
    loaded(ANSWERED)


def test_the_clients_know_what_the_functions_send_and_where_to() -> None:
    operations = {service: [*names] for service, names in OPERATIONS.items()}
    loaded(CLIENTS.replace("{operations}", json.dumps(operations)))


def test_starting_loads_no_more_than_it_needs() -> None:
    """Each of these costs every cold start some milliseconds, and no shopper's call needs it."""
    found = {name.partition(".")[0] for name in loaded()}
    assert not found & {
        *("cffi", "cryptography", "jwt", "pycparser"),  # for tokens of staff: loaded with the first
        *("asyncio", "boto3", "multiprocessing", "sqlite3", "tomllib", "unittest"),
    }
    assert len(loaded()) < MOST_MODULES


MOST_MODULES = 530
"""A little more than it is. Whoever needs more says what it is worth, and measures it."""


# --- for the stage's own machine ----------------------------------------------------------------


@pytest.mark.parametrize("stage", stages())
def test_every_dependency_is_there_for_the_python_and_machine_of_the_stage(
    stage: str, tmp_path: Path
) -> None:
    settings = deployed_stage(stage)
    python, machine = settings["lambda_python"], settings["lambda_architecture"]
    install_dependencies(tmp_path, python, machine)
    tag = f"cpython-{python.replace('.', '')}-{MACHINES[machine].partition('-')[0]}"
    libraries = [file.name for file in tmp_path.rglob("*.so")]
    assert libraries
    assert [name for name in libraries if tag not in name and ".abi3." not in name] == []


def test_a_python_that_is_missing_is_answered_by_the_one_line_that_helps(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"uv python install 3\.99"):
        find_python("3.99")


def test_a_machine_that_lambda_does_not_have_is_refused(tmp_path: Path) -> None:
    done = run_cli(PROJECT, "package", str(tmp_path / "out"), "--architecture", "riscv")
    assert done.returncode == 1
    assert done.stderr == "Error: Lambda has no riscv: choose arm64 or x86_64.\n"


def test_the_local_stage_cannot_be_packaged() -> None:
    with pytest.raises(LocalError, match="choose dev or prod"):
        deployed_stage("local")


def test_a_description_keeps_the_shapes_that_its_operations_reach() -> None:
    model = {
        "operations": {
            "Get": {"input": {"shape": "Key"}, "documentation": "<p>Gets.</p>"},
            "Put": {"input": {"shape": "Row"}},
        },
        "shapes": {
            "Key": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Row": {"type": "structure", "members": {"key": {"shape": "Key"}}},
            "Text": {"type": "string", "documentation": "<p>Text.</p>"},
        },
    }
    kept = only_operations(model, ("Get",))
    assert kept == {
        "operations": {"Get": {"input": {"shape": "Key"}}},
        "shapes": {
            "Key": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Text": {"type": "string"},
        },
    }

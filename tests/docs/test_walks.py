"""The walks of the documents, run as a reader would: commands in a shell, a fresh service each."""

import json
import re
import subprocess
from functools import lru_cache
from typing import Any

import pytest

from cli.local import PROJECT
from tests.house.service import environment, running

WALKS = ("README.md", "docs/start.md", "docs/integrate-backend.md")
"""The documents whose blocks `sh` are run from the first to the last, in one shell each."""

BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "=== end of block ==="

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = re.compile(r"[0-9a-f]{40}")


def steps(walk: str) -> list[tuple[str, Any]]:
    """Return each block of commands with the JSON or text that is promised after it, if any."""
    found: list[tuple[str, Any]] = []
    for kind, text in BLOCK.findall((PROJECT / walk).read_text()):
        if kind == "sh":
            found.append((text, None))
        else:
            commands, promised = found.pop()
            assert promised is None, "two answers follow one block of commands"
            found.append((commands, json.loads(text) if kind == "json" else text))
    return found


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what runs every block of a walk in one shell, once, and returns what each printed."""

    @lru_cache
    def run(walk: str) -> list[str]:
        script = f"\necho '{MARK}'\n".join(commands for commands, _ in steps(walk))
        with running(tmp_path_factory.mktemp("walk")) as service:
            (service.folder / "docs").symlink_to(PROJECT / "docs")
            command = script.replace("http://127.0.0.1:8000", service.address)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=service.folder,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.split(MARK)

    return run


def printed_json(output: str) -> Any:
    """Return the JSON that a block printed, after whatever its commands said before."""
    return json.loads(output[output.index("{") :])


def differences(promised: Any, printed: Any, where: str = "") -> list[str]:
    """Return where an answer is not as promised; what is different each time has only its form."""
    if isinstance(promised, dict) and isinstance(printed, dict):
        if list(promised) != list(printed):
            return [f"{where}: keys {list(promised)} became {list(printed)}"]
        return [
            problem
            for name, value in promised.items()
            for problem in differences(value, printed[name], f"{where}.{name}")
        ]
    if isinstance(promised, list) and isinstance(printed, list) and len(promised) == len(printed):
        pairs = enumerate(zip(promised, printed, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{where}[{i}]")]
    if same_form(promised, printed):
        return []
    return [] if promised == printed else [f"{where}: {promised!r} became {printed!r}"]


def same_form(promised: Any, printed: Any) -> bool:
    """Return whether two values that are made anew each time have the same form."""
    if isinstance(promised, str) and isinstance(printed, str):
        begin, dots, end = promised.partition("...")
        if dots:
            return printed.startswith(begin) and printed.endswith(end)
        return any(form.fullmatch(promised) and form.fullmatch(printed) for form in (TIME, TOKEN))
    numbers = isinstance(promised, int) and type(promised) is type(printed)
    return numbers and promised == 7021123210917


PROMISED = [
    pytest.param(walk, number, id=f"{walk} {number}")
    for walk in WALKS
    for number, (_, promised) in enumerate(steps(walk))
    if promised
]


@pytest.mark.parametrize(("walk", "number"), PROMISED)
def test_each_answer_of_a_walk_is_as_the_document_prints_it(
    walk: str, number: int, outputs: Any
) -> None:
    commands, promised = steps(walk)[number]
    output = outputs(walk)[number]
    if isinstance(promised, str):
        assert output.strip() == promised.strip(), commands
    else:
        assert differences(promised, printed_json(output)) == [], commands


def test_the_walk_of_the_readme_shows_both_scenarios_and_a_refusal() -> None:
    commands = "".join(commands for commands, _ in steps("README.md"))
    assert len([promised for _, promised in steps("README.md") if promised]) >= 16
    for needed in ("users?email=", "transfers/", "activities", "LoyaltyMoneyPage", "BinNumberPage"):
        assert needed in commands

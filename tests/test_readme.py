"""The README's walk is run as a reader would: its commands in a shell, against a fresh service."""

import json
import re
import subprocess
from typing import Any

import pytest

from cli.local import PROJECT
from tests.house.service import environment, running

README = (PROJECT / "README.md").read_text()
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "=== end of block ==="

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = re.compile(r"[0-9a-f]{40}")


def steps() -> list[tuple[str, Any]]:
    """Return each block of commands with the JSON that the README promises after it, if any."""
    found: list[tuple[str, Any]] = []
    for kind, text in BLOCK.findall(README):
        if kind == "sh":
            found.append((text, None))
        else:
            commands, promised = found.pop()
            assert promised is None, "two answers follow one block of commands"
            found.append((commands, json.loads(text)))
    return found


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Run every block in one shell and return what each printed."""
    script = f"\necho '{MARK}'\n".join(commands for commands, _ in steps())
    with running(tmp_path_factory.mktemp("walk")) as service:
        done = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                script.replace("http://127.0.0.1:8000", service.address),
            ],
            cwd=service.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.split(MARK)


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


@pytest.mark.parametrize("number", [n for n, (_, promised) in enumerate(steps()) if promised])
def test_each_answer_of_the_walk_is_as_the_readme_prints_it(
    number: int, outputs: list[str]
) -> None:
    commands, promised = steps()[number]
    assert differences(promised, printed_json(outputs[number])) == [], commands


def test_the_walk_shows_both_scenarios_and_a_refusal() -> None:
    commands = "".join(commands for commands, _ in steps())
    assert len([promised for _, promised in steps() if promised]) >= 16
    for needed in ("users?email=", "transfers/", "activities", "LoyaltyMoneyPage", "BinNumberPage"):
        assert needed in commands

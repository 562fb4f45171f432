"""`pins`: every file is resolved and audited, and what was not never passes for audited."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import pins as command
from cli.__main__ import app
from cli.local import PROJECT, LocalError
from cli.pins import NPM, PINNED

IGNORED = {".venv", ".engine", "node_modules", "build"}


def found(pattern: str) -> set[Path]:
    paths = (path.relative_to(PROJECT) for path in PROJECT.rglob(pattern))
    return {path for path in paths if not IGNORED & set(path.parts)}


def run(*options: str) -> str:
    done = CliRunner().invoke(app, ["pins", *options], catch_exceptions=False)
    return done.output


def test_every_requirement_file_is_resolved_and_audited() -> None:
    named = {Path(f"{name}.in") for name in PINNED}
    assert named == found("*requirements*.in")
    assert {path.with_suffix(".txt") for path in named} == found("*requirements*.txt")
    assert {Path(folder) / "package-lock.json" for folder in NPM} == found("package-lock.json")


def test_what_binds_another_is_resolved_before_it() -> None:
    order = list(PINNED)
    assert all(order.index(bound) < order.index(name) for name, bound in PINNED.items() if bound)


@pytest.mark.parametrize("bad", ["cli/engine-requirements.txt", "console"])
def test_what_could_not_be_audited_is_named(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_AUDIT", PROJECT)
    monkeypatch.setattr(command, "_is_clean", lambda _, what, *__: what != bad)
    with pytest.raises(LocalError, match=f"not audited: {bad.removesuffix('.txt')}. See"):
        run("--audit")
    monkeypatch.setattr(command, "_is_clean", lambda *_: True)
    assert run("--audit") == ""


def test_a_package_that_the_registry_does_not_know_counts_as_not_audited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "_AUDIT", PROJECT)
    assert "--strict" in command._pip_audit("requirements")


def test_a_file_that_cannot_be_resolved_stops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PROJECT", tmp_path)
    with pytest.raises(LocalError, match=r"requirements-dev.in could not be resolved"):
        run()

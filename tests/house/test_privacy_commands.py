"""`python -m cli export` and `python -m cli erase`: what they write, what they ask."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import app
from cli.local import LocalError
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Wire
from tests.verbs import shop


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Work in an empty folder, on a store with a small shop in which Ada has ordered."""
    monkeypatch.chdir(tmp_path)
    with empty_store() as wire:
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="0")
        for number in range(30):
            shop.send(f"t-{number}", "ada", "grace", "0.01")
        shop.buy("ada", 1000)
        yield wire


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=answer)


def test_an_export_is_one_document_of_all_pages(wire: Wire) -> None:
    done = run("export", "--user", "ada")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["channel"], document["user_pk"]) == ("demo", "ada")
    kinds = [item["kind"] for item in document["items"]]
    assert kinds.count("entry") == 32
    assert kinds.count("order_contents") == 1
    assert document["items"][0]["content"]["email"] == "ada@example.com"


def test_an_erasure_asks_what_it_does_and_does_nothing_unasked(wire: Wire) -> None:
    before = wire.everything()
    asked = run("erase", "--user", "ada", "--credit", "expire", answer="n\n")
    assert isinstance(asked.exception, LocalError)
    assert "the credit that is left expires" in asked.output
    assert wire.everything() == before


@pytest.mark.parametrize(
    ("credit", "left"),
    [
        ("keep", "0.00 TRY expired, 39.70 TRY left."),
        ("expire", "39.70 TRY expired, 0.00 TRY left."),
    ],
)
def test_an_erasure_says_what_became_of_the_credit(wire: Wire, credit: str, left: str) -> None:
    for answer in (["--yes"], ["--yes"]):
        done = run("erase", "--user", "ada", "--credit", credit, *answer)
        assert done.exit_code == 0, done.output
        assert left in done.output
    assert "ada@example.com" not in json.dumps(wire.everything())


@pytest.mark.parametrize("words", [("export",), ("erase", "--credit", "keep", "--yes")])
def test_who_never_was_is_said_in_a_sentence(wire: Wire, words: tuple[str, ...]) -> None:
    done = run(*words, "--user", "nobody")
    assert isinstance(done.exception, LocalError)
    assert "No such user" in str(done.exception)
    assert done.stdout == ""


def test_what_is_to_become_of_the_credit_must_be_said(wire: Wire) -> None:
    assert run("erase", "--user", "ada", "--yes").exit_code == 2
    assert run("erase", "--user", "ada", "--credit", "burn", "--yes").exit_code == 2

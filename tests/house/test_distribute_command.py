"""`python -m cli distribute`: its words, its exit status, and that a command repeated pays once."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chalicelib.outside import queue
from cli import distribute as command
from cli.__main__ import app
from cli.local import LocalError
from tests.properties.books import Books, audit
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Wire
from tests.verbs import campaigns, shop

ASK = ("--from", "primary", "--currency", "TRY")


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Work in an empty folder, beside a shop with a primary account and two customers."""
    monkeypatch.chdir(tmp_path)
    # moto's transactions are not isolated: one thread works.
    monkeypatch.setattr(command, "THREADS", 1)
    with empty_store() as wire:
        shop.open_shop()
        campaigns.open_primary()
        shop.open_accounts(ada="0", grace="0")
        yield wire
        audit(Books.of(wire.everything()))


def write(text: str, name: str = "spring.csv", encoding: str = "utf-8") -> str:
    Path(name).write_text(text, encoding=encoding)
    return name


def good() -> str:
    return write("user_email,amount,note\nada@example.com,5.00,Spring\ngrace@example.com,2.50,\n")


def distribute(*options: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["distribute", *options, *ASK], input=answer)


def balances() -> tuple[int, int, int]:
    return shop.balance_of("primary"), shop.balance_of("ada"), shop.balance_of("grace")


UNTOUCHED = (100_000, 0, 0)
CREDITED = (99_250, 500, 250)


def test_a_preview_tells_the_figures_and_moves_nothing(wire: Wire) -> None:
    result = distribute(good(), "--preview")
    assert result.exit_code == 0, result.output
    for said in ("rows to credit", "7.50 TRY", "1000.00 TRY", "992.50 TRY"):
        assert said in result.output
    assert balances() == UNTOUCHED


def test_it_asks_before_credit_moves(wire: Wire) -> None:
    refused = distribute(good(), answer="n\n")
    assert isinstance(refused.exception, LocalError)
    assert str(refused.exception) == "Nothing has moved."
    assert balances() == UNTOUCHED
    agreed = distribute(good(), answer="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert "Credit 2 customers with 7.50 TRY?" in agreed.output
    assert "closed: 2 customers got 7.50 TRY." in agreed.output
    assert balances() == CREDITED


def test_the_same_command_again_pays_nobody_twice(wire: Wire) -> None:
    for _ in range(3):
        result = distribute(good(), "--yes")
        assert result.exit_code == 0, result.output
        assert "2 customers got 7.50 TRY" in result.output
    assert balances() == CREDITED
    assert distribute(good(), "--yes", "--id", "another").exit_code == 0
    assert balances() == (98_500, 1000, 500)


def test_bad_rows_are_named_and_left_out_only_where_that_is_wanted(wire: Wire) -> None:
    file = write("user_pk,amount\nada,5.00\nnobody,1.00\ngrace,2,50\n=x,1\n")
    refused = distribute(file, "--yes", "--failures", "bad.csv")
    assert isinstance(refused.exception, LocalError)
    assert "3 of 4 rows cannot be credited" in str(refused.exception)
    assert "line 3: nobody: No such user" in refused.output
    assert balances() == UNTOUCHED
    result = distribute(file, "--yes", "--skip-bad-rows", "--failures", "bad.csv")
    assert result.exit_code == 0, result.output
    assert balances() == (99_500, 500, 0)
    with Path("bad.csv").open(newline="") as found:
        rows = list(csv.DictReader(found))
    assert [(row["line"], row["code"]) for row in rows] == [
        ("3", "unknown_user"),
        ("4", "wrong_cells"),
        ("5", "formula"),
    ]
    assert rows[2]["recipient"] == "'=…"


def test_an_interrupted_one_is_resumed(wire: Wire) -> None:
    file = good()
    assert distribute(file, "--preview", "--id", "spring").exit_code == 0
    campaigns.run("spring")
    queue.forget_local()
    stopped = distribute(file, "--yes", "--id", "spring")
    assert isinstance(stopped.exception, LocalError)
    assert "--resume" in str(stopped.exception)
    resumed = distribute(file, "--yes", "--id", "spring", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert balances() == CREDITED


def test_what_is_left_is_taken_back(wire: Wire) -> None:
    file = good()
    distribute(file, "--yes")
    shop.send("t-1", "ada", "grace", "1.00")
    result = distribute(file, "--undo", "--yes")
    assert result.exit_code == 0, result.output
    assert "6.50 TRY was taken back from 2 of them" in result.output
    assert balances() == (99_900, 0, 100)


def test_the_service_beside_it_gets_none_of_its_messages(wire: Wire) -> None:
    distribute(good(), "--yes")
    assert len(queue.local()) == 0


@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("nothing.csv", (), "cannot be read"),
        ("header.csv", (), "must name the columns"),
        ("good.csv", ("--encoding", "klingon"), "not in the encoding"),
        ("good.csv", ("--id", "a b"), "1 to 64"),
        ("good.csv", ("--channel", "nowhere"), "does not exist"),
        ("good.csv", ("--undo", "--yes"), "has not run yet"),
    ],
)
def test_what_stands_in_the_way_is_one_sentence(
    wire: Wire, file: str, options: tuple[str, ...], said: str
) -> None:
    write("who,what\nada,1\n", "header.csv")
    write("user_pk,amount\nada,1.00\n", "good.csv")
    result = distribute(file, *options)
    assert isinstance(result.exception, LocalError), result.output
    assert said in str(result.exception)
    assert balances() == UNTOUCHED


def test_a_file_of_turkish_excel_is_read_in_its_own_encoding(wire: Wire) -> None:
    file = write("user_pk;amount;note\nada;5.00;çay için\n", encoding="windows-1254")
    assert "not UTF-8" in distribute(file, "--preview").output
    result = distribute(file, "--yes", "--encoding", "windows-1254")
    assert result.exit_code == 0, result.output
    assert shop.entries_of("ada")[0].note == "çay için"

"""`python -m cli audit`: its words, its exit status, its file, and the door to its report."""

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chalicelib.audit.file import AuditFile, AuditFileError, Books
from cli.__main__ import app
from tests.house.service import Service, environment, run_cli
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Meanwhile, Wire, error
from tests.verbs import shop

BOOKS = Books("dev", "test-", "demo", 1)


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Work in an empty folder, on a store with a small shop of three accounts."""
    monkeypatch.chdir(tmp_path)
    with empty_store() as wire:
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="20.00", alan="0")
        shop.send("t-1", "ada", "grace", "5.00")
        yield wire


def audit(*options: str) -> Result:
    return CliRunner().invoke(app, ["audit", *options])


def add_to_balance(wire: Wire, user: str, amount: int) -> None:
    wire.ask(
        "UpdateItem",
        {
            "TableName": "test-accounts",
            "Key": {"user": {"S": f"demo#{user}"}, "currency": {"S": "TRY"}},
            "UpdateExpression": "ADD available :amount",
            "ExpressionAttributeValues": {":amount": {"N": str(amount)}},
        },
    )


def interrupt() -> None:
    """Do what Ctrl-C does, in the middle of a request."""
    raise KeyboardInterrupt


def kept(folder: Path) -> list[Path]:
    return sorted((folder / ".local").glob("*"))


# --- right and wrong ----------------------------------------------------------------------------


def test_right_books_are_exit_status_0_and_leave_no_file(wire: Wire, tmp_path: Path) -> None:
    done = audit()
    assert done.exit_code == 0, done.output
    assert "The books of demo are right: 3 accounts, 4 entries, 3 transfers" in done.stdout
    assert "outstanding" in done.stdout
    assert kept(tmp_path) == []


def test_wrong_books_are_exit_status_1_and_named(wire: Wire) -> None:
    add_to_balance(wire, "grace", 1)
    done = audit()
    assert done.exit_code == 1
    assert "balance  account" in done.stdout
    assert "(grace, TRY): The balance is 25.01 TRY, but the entries add up to 25.00 TRY." in (
        done.stdout
    )
    assert "The books of demo are wrong: 1 fault in 3 accounts" in done.stdout


def test_the_report_is_written_as_json(wire: Wire, tmp_path: Path) -> None:
    assert audit("--json", "report.json").exit_code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["right"], report["accounts"], report["faults"]) == (True, 3, [])


def test_the_output_is_the_report_alone_where_it_is_asked_for(wire: Wire) -> None:
    add_to_balance(wire, "grace", 1)
    done = audit("--json", "-")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["faults"][0]["kind"] == "balance"
    assert "are wrong" in done.stderr


# --- what could not be audited ------------------------------------------------------------------


def test_an_unknown_channel_is_exit_status_2(wire: Wire) -> None:
    done = audit("--channel", "nowhere")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")


def test_no_service_is_exit_status_2(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "audit")
    assert done.returncode == 2
    assert "make run" in done.stderr


def test_an_engine_that_fails_is_exit_status_2_and_never_a_verdict(wire: Wire) -> None:
    wire.plan("Scan", error("ValidationException"))
    done = audit()
    assert done.exit_code == 2
    assert "ValidationException" in done.stderr
    assert "books" not in done.stdout
    again = audit()
    assert again.exit_code == 0
    assert "Going on with the audit of" in again.stdout


def test_a_row_that_cannot_be_read_is_exit_status_2_and_names_its_account(wire: Wire) -> None:
    row = next(r for r in wire.everything()["test-accounts"] if r["user"]["S"] == "demo#ada")
    del row["held"]
    wire.ask("PutItem", {"TableName": "test-accounts", "Item": row})
    done = audit()
    assert done.exit_code == 2
    account_id = row["account_id"]["S"]
    assert f"A row of the account {account_id} (TRY) cannot be read." in done.stderr


# --- interruptions ------------------------------------------------------------------------------


def test_an_interrupted_audit_is_kept_and_gone_on_with(wire: Wire, tmp_path: Path) -> None:
    """It is interrupted at the third account; the first two are not read again."""
    wire.plan("Query", None, None, None, Meanwhile(interrupt))
    done = audit()
    assert done.exit_code == 2
    assert "the same command goes on from there" in done.stderr
    assert [path.name for path in kept(tmp_path)] == ["audit-dev-demo.sqlite"]
    wire.forget()
    again = audit()
    assert again.exit_code == 0
    assert "Going on with the audit of" in again.stdout
    assert "2 accounts" in again.stdout
    assert "are right: 3 accounts, 4 entries, 3 transfers" in again.stdout
    entries = [s for s in wire.sent if s.request.get("TableName") == "test-entries"]
    assert len(entries) == 1
    assert kept(tmp_path) == []


DIES = """
import os, signal, sys
from pathlib import Path
from chalicelib.core.audit import Fault, FaultKind
from chalicelib.audit.file import AuditFile, Books

file = AuditFile(Path(sys.argv[1]))
file.begin(Books("dev", "test-", "demo", 1), 7)
fault = Fault(kind=FaultKind.BALANCE, where="account a", detail="It is wrong.")
file.counts.accounts = 1
file.add_faults([fault])
file.save("entries", {"user": {"S": "demo#ada"}})
file.counts.accounts = 2
file.add_faults([fault])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_audit_that_is_killed_keeps_what_it_saved_and_drops_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    command = [sys.executable, "-c", DIES, str(path)]
    assert subprocess.run(command, env=environment(), check=False).returncode == -signal.SIGKILL
    file = AuditFile(path)
    assert file.begin(BOOKS, 8)
    assert (file.started_ms, file.counts.accounts, file.count_faults()) == (7, 1, 1)
    assert file.place("entries") == {"user": {"S": "demo#ada"}}
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_fresh_starts_over(wire: Wire) -> None:
    wire.plan("Query", None, None, None, Meanwhile(interrupt))
    assert audit().exit_code == 2
    done = audit("--fresh")
    assert done.exit_code == 0
    assert "Going on" not in done.stdout
    assert "are right: 3 accounts, 4 entries" in done.stdout


def test_the_file_may_lie_elsewhere(wire: Wire, tmp_path: Path) -> None:
    wire.plan("Query", None, Meanwhile(interrupt))
    assert audit("--state", "mine.sqlite").exit_code == 2
    assert (tmp_path / "mine.sqlite").exists()
    assert audit("--state", "mine.sqlite").exit_code == 0
    assert not (tmp_path / "mine.sqlite").exists()


# --- the file -----------------------------------------------------------------------------------


def test_a_file_of_another_kind_is_never_touched(wire: Wire, tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("Dear diary, " * 100)
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE entries (mine)")
    db.commit()
    db.close()
    for path in (text, database):
        before = path.read_bytes()
        for options in ([], ["--fresh"]):
            done = audit("--state", str(path), *options)
            assert done.exit_code == 2
            assert "name another with --state" in done.stderr
        assert path.read_bytes() == before


def test_one_file_serves_one_audit_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    first = AuditFile(path)
    assert not first.begin(BOOKS, 1)
    with pytest.raises(AuditFileError, match="in use by another audit"):
        AuditFile(path)
    first.close()
    second = AuditFile(path)
    assert second.begin(BOOKS, 2)
    assert second.started_ms == 1
    second.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        Books("prod", "test-", "demo", 1),
        Books("dev", "live-", "demo", 1),
        Books("dev", "test-", "shop", 1),
        Books("dev", "test-", "demo", 2),
    ],
)
def test_a_file_serves_the_books_that_it_was_begun_for(tmp_path: Path, other: Books) -> None:
    """A channel that was made anew under an old name has other books, too."""
    file = AuditFile(tmp_path / "audit.sqlite")
    file.begin(BOOKS, 1)
    with pytest.raises(AuditFileError, match="--fresh"):
        file.begin(other, 2)
    file.forget()
    assert not file.begin(other, 2)
    file.close()


# --- beside a running service -------------------------------------------------------------------


def test_the_demo_is_right_and_its_report_is_served(service: Service) -> None:
    done = run_cli(service.folder, "audit", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert "The books of demo are right" in done.stderr
    served = get(service, "/channels/demo/audit")
    assert served == json.loads(done.stdout)
    assert served["right"] is True
    assert {each["currency"] for each in served["totals"]} >= {"TRY", "USD"}


def get(service: Service, path: str) -> Any:
    token = service.cli("token", "--channel", "demo", "--scopes", "audit")
    request = urllib.request.Request(
        service.address + path, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())

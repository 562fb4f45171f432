"""`restore`: the tables are brought back to a moment, and the books are right afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from chalicelib import checkout, events
from chalicelib.config import config
from chalicelib.core.errors import UnknownOrder
from chalicelib.core.events import Event
from chalicelib.outside import aws, sandbox
from cli import restore as command
from cli.__main__ import app
from cli.local import LocalError
from tests.house.deployed_functions import Fleet, deploy_fleet
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import tables_of_moto
from tests.verbs import shop

MOMENT: Final = "2026-03-01T13:00:00Z"
APPLY: Final = ["restore", "--apply", "--yes"]


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture(autouse=True)
def fleet(tables: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fleet]:
    """Open a shop in a deployed stage; return its functions.

    moto has no stack of ours, and its copies are as of the moment that they are made.
    """
    monkeypatch.chdir(tmp_path)
    aws.forget_clients()
    fleet = deploy_fleet(monkeypatch)
    for name in copies():
        aws.client("dynamodb").delete_table(TableName=name)
    with empty_store():
        monkeypatch.setattr(command, "LOOK_S", 0.0)
        monkeypatch.setattr(command, "variables_of", lambda _: {"TABLE_PREFIX": "test-"})
        monkeypatch.setenv("TABLE_PREFIX", "test-")
        config.cache_clear()
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="0.00")
        shop.send("t-1", "ada", "grace", "1.00")
        yield fleet
    monkeypatch.undo()
    config.cache_clear()
    aws.forget_clients()


def copies() -> list[str]:
    return [name for name in tables_of_moto() if command.RESTORED in name]


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def shop_events() -> dict[str, Event]:
    found = events.tell_again(shop.call, shop.CHANNEL, 0, 10**13)
    return {event.id: event for event in found}


def interrupt(*_: object) -> None:
    raise LocalError("interrupted")


def copy() -> str:
    return run("restore", "--at", MOMENT)


def write_back() -> str:
    run("restore", "--stop", "--wait", "0")
    return run(*APPLY)


def write_back_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writing of what differs be interrupted."""
    copy()
    shop.send("t-2", "ada", "grace", "2.00")
    run("restore", "--stop", "--wait", "0")
    with monkeypatch.context() as patch:
        patch.setattr(command, "_write", interrupt)
        with pytest.raises(LocalError, match="interrupted"):
            run(*APPLY)


def lose_entries_of_grace(table: str) -> None:
    client = aws.client("dynamodb")
    for row in client.scan(TableName=table)["Items"]:
        if row["account"]["S"] == "demo#grace#TRY":
            key = {name: row[name] for name in ("account", "at_seq")}
            client.delete_item(TableName=table, Key=key)


def everything() -> dict[str, Any]:
    """Return every row of every table of the stage."""
    client = aws.client("dynamodb")
    return {
        name: sorted(client.scan(TableName=name)["Items"], key=str)
        for name in sorted(tables_of_moto())
        if command.RESTORED not in name
    }


def audit(*options: str, code: int = 0) -> None:
    run("audit", "--channel", "demo", "--fresh", *options, code=code)
    os.environ["TABLE_PREFIX"] = "test-"
    config.cache_clear()


def test_everything_is_as_it_was_and_the_books_are_right(fleet: Fleet) -> None:
    shop.hold("h-1")
    before = everything()
    said = copy()
    assert "audit --restored" in said
    # What is undone: a movement, an opening, a capture, a checkout, and damage.
    shop.send("t-2", "ada", "grace", "2.00")
    shop.register("alan")
    shop.open_account("alan", "5.00")
    shop.capture("h-1")
    shop.buy("ada", 500)
    lose_entries_of_grace("test-entries")
    assert everything() != before
    write_back()
    assert fleet.reserved() == [0, 0]
    assert everything() == before
    audit()
    run("restore", "--start")
    run("restore", "--forget")
    assert fleet.reserved() == [None, None]
    assert copies() == []
    assert shop.send("t-2", "ada", "grace", "2.00").written


def test_a_second_time_writes_nothing() -> None:
    copy()
    shop.send("t-2", "ada", "grace", "2.00")
    write_back()
    said = run(*APPLY)
    assert {line.partition(": ")[2] for line in said.splitlines() if "rows" in line} == {
        "0 rows written back, 0 rows deleted."
    }


def test_a_torn_movement_is_found_in_the_copies_before_anything_is_changed() -> None:
    """DynamoDB cuts each table at a second, and no transaction as a whole."""
    copy()
    lose_entries_of_grace("test-restored-entries")
    audit("--restored", code=1)
    audit()


def test_a_payment_that_was_in_flight_is_settled_by_its_gateway() -> None:
    shop.come_to_card("ada", "10.00", sandbox.LOSES_ANSWER)
    begun = shop.pay(card=sandbox.LOSES_ANSWER)
    assert begun.situation.pre_order is not None
    assert begun.situation.pre_order.state == "paying"
    copy()
    shop.end_payments(after_s=120)
    assert shop.pre_order_of("ada").state == "completed"
    write_back()
    with pytest.raises(UnknownOrder):
        checkout.read_order(shop.call(), "demo", "basket-1")
    shop.end_payments(after_s=180)
    assert checkout.read_order(shop.call(), "demo", "basket-1").order.charged == 3000
    audit()


def test_a_payment_after_a_restore_takes_no_charge_of_one_before() -> None:
    shop.come_to_card("ada", "10.00")
    copy()
    shop.pay()
    first = checkout.read_order(shop.call(), "demo", "basket-1").order
    write_back()
    shop.come_to_card("ada", "5.00")
    shop.pay(after_s=60)
    second = checkout.read_order(shop.call(), "demo", "basket-1").order
    assert (first.charged, second.charged) == (3000, 3500)
    assert first.payment_key != second.payment_key
    audit()


def test_no_event_after_a_restore_has_the_id_of_one_before() -> None:
    copy()
    shop.send("t-2", "ada", "grace", "2.00", after_s=1)
    before = set(shop_events())
    write_back()
    shop.send("t-3", "ada", "grace", "3.00", after_s=2)
    after = shop_events()
    told = {event.id for event in after.values() if getattr(event, "transfer", "") == "t-3"}
    assert len(told) == 2
    assert not told & before


def test_reports_of_audits_are_not_undone() -> None:
    copy()
    audit()
    before = everything()["test-audits"]
    assert before
    write_back()
    assert everything()["test-audits"] == before


def test_an_audit_that_was_interrupted_before_begins_anew(tmp_path: Path) -> None:
    copy()
    left = tmp_path / ".local" / "audit-dev-demo.sqlite"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    write_back()
    assert not left.exists()


def test_functions_that_run_are_stopped_first(fleet: Fleet) -> None:
    copy()
    shop.send("t-2", "ada", "grace", "2.00")
    with pytest.raises(LocalError, match="restore --stop"):
        run(*APPLY)
    assert shop.balance_of("grace") == 300


def test_functions_do_not_run_on_tables_that_are_written_back_in_part(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_back_in_part(monkeypatch)
    with pytest.raises(LocalError, match="in part only: repeat restore --apply"):
        run("restore", "--start")
    assert fleet.reserved() == [0, 0]
    run(*APPLY)
    run("restore", "--start")
    assert fleet.reserved() == [None, None]


def test_copies_are_kept_while_tables_are_written_back_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_back_in_part(monkeypatch)
    with pytest.raises(LocalError, match="in part only: repeat restore --apply"):
        run("restore", "--forget")
    assert copies()
    run(*APPLY)
    run("restore", "--forget")


def test_who_lets_functions_run_while_the_question_is_asked_stops_the_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy()
    shop.send("t-2", "ada", "grace", "2.00")
    before = everything()
    run("restore", "--stop", "--wait", "0")

    def answer(_: str) -> bool:
        run("restore", "--start")
        return True

    monkeypatch.setattr("cli.restore.typer.confirm", answer)
    with pytest.raises(LocalError, match="The functions run"):
        run("restore", "--apply")
    assert everything() == before
    run("restore", "--start")


@pytest.mark.parametrize("lost", ["the checkout", "the hold"])
def test_a_payment_whose_beginning_is_torn_is_found_before_anything_is_changed(lost: str) -> None:
    """One transaction begins it, of which a copy may have a part."""
    shop.come_to_card("ada", "10.00", sandbox.LOSES_ANSWER)
    begun = shop.pay(card=sandbox.LOSES_ANSWER)
    assert begun.situation.pre_order is not None
    copy()
    if lost == "the checkout":
        tables_of_moto()["test-restored-pre_orders"].items.clear()
    else:
        [row] = [
            item
            for item in aws.client("dynamodb").scan(TableName="test-restored-accounts")["Items"]
            if "checkout:basket-1:1" in item["open_holds"]["M"]
        ]
        row["open_holds"] = {"M": {}}
        aws.client("dynamodb").put_item(TableName="test-restored-accounts", Item=row)
    before = everything()
    run("restore", "--stop", "--wait", "0")
    with pytest.raises(LocalError, match=r"1 card payments in two .*demo#ada in TRY"):
        run(*APPLY)
    assert everything() == before


def test_tables_of_another_stage_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "variables_of", lambda _: {"TABLE_PREFIX": "prod-"})
    with pytest.raises(LocalError, match="TABLE_PREFIX is 'test-', and stage dev has 'prod-'"):
        run("restore", "--forget")


def test_copies_of_two_moments_are_never_mixed() -> None:
    assert copy().count("is being restored") == len(everything())
    with pytest.raises(LocalError, match="There are copies already"):
        copy()
    run("restore", "--forget")
    assert copy().count("is being restored") == len(everything())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Choose one step"),
        (["--at", MOMENT, "--apply"], "Choose one step"),
        (["--at", "yesterday"], "is no time"),
        (["--apply", "--yes"], "The functions run"),
    ],
)
def test_what_stands_in_the_way_is_said(options: list[str], says: str) -> None:
    with pytest.raises(LocalError, match=says):
        run("restore", *options)


def test_copies_that_are_not_there_are_not_applied() -> None:
    with pytest.raises(LocalError, match="copies of settings, "):
        write_back()


def test_copies_that_are_not_there_are_not_audited() -> None:
    assert "restore --at" in run("audit", "--channel", "demo", "--restored", code=2)


def test_a_no_changes_nothing(fleet: Fleet) -> None:
    copy()
    run("restore", "--stop", "--wait", "0")
    shop.send("t-2", "ada", "grace", "2.00")
    with pytest.raises(LocalError, match="Nothing was changed"):
        CliRunner().invoke(app, ["restore", "--apply"], input="n\n", catch_exceptions=False)
    run("restore", "--start")
    assert shop.balance_of("grace") == 300


def test_copies_without_a_channel_undo_nothing() -> None:
    """A moment before the shop was opened, say: it would delete everything."""
    copy()
    before = everything()
    run("restore", "--stop", "--wait", "0")
    tables_of_moto()["test-restored-settings"].items.clear()
    with pytest.raises(LocalError, match="hold no channel"):
        run(*APPLY)
    assert everything() == before


def test_a_local_service_has_no_backups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "local")
    monkeypatch.setattr("cli.local.require_service", lambda: None)
    config.cache_clear()
    with pytest.raises(LocalError, match="no backups"):
        run("restore", "--forget")

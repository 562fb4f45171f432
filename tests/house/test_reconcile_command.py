"""`python -m cli reconcile`: its words, its exit status, and that it goes on where it stopped."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chalicelib.outside import queue
from cli import worker
from cli.__main__ import app
from cli.local import PROJECT
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Wire
from tests.verbs import comparisons, shop

PERIOD = ("--since", "2026-03-01", "--until", "2026-03-02", "--currency", "TRY")


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture
def wire(tables: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Work in an empty folder, beside a shop where ada paid a basket and grace captured a hold."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker, "_LOOK_S", 0.01)
    queue.forget_local()
    with empty_store() as wire:
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="20.00")
        shop.buy("ada", 4000, "basket-1")
        shop.hold("h-1", "grace", "10.00")
        shop.capture("h-1", "grace")
        yield wire


def write(text: str, name: str = "orders.csv", encoding: str = "utf-8") -> str:
    Path(name).write_text(text, encoding=encoding)
    return name


def reconcile(*options: str, period: tuple[str, ...] = PERIOD) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["reconcile", *options, *period])


def test_orders_that_agree_are_exit_status_0(wire: Wire) -> None:
    shop.refund_hold("r-1", "h-1", "2.50", "grace")
    shop.send("t-1", "ada", "grace", "1.00")
    result = reconcile(write("order,paid\nbasket-1,40.00\n"))
    assert result.exit_code == 1
    assert "captured without order" in result.output
    shop.hold("h-2", "grace", "5.00", after_s=3600)
    shop.capture("h-2", "grace", order="o-2", after_s=3600)
    hour = ("--since", "2026-03-01T16:00:00+03:00", "--until", "2026-03-02T00:00Z")
    result = reconcile(write("order,paid,currency\no-2,5.00,TRY\n"), period=hour)
    assert result.exit_code == 0, result.output
    assert "1 order and 1 capture of 2 accounts, no difference." in result.output


def test_differences_are_told_with_the_time_and_the_user_and_are_exit_status_1(wire: Wire) -> None:
    result = reconcile(write("order,paid\nbasket-1,41.00\no-9,1.00\n"), "--csv", "found.csv")
    assert result.exit_code == 1, result.output
    for said in (
        "captured without order",
        "order without capture",
        "amount differs",
        "2026-03-01T12:00:00.123Z",
        "grace",
        "3 differences",
        "42.00",
        "50.00",
    ):
        assert said in result.output
    with Path("found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["difference"], row["order"], row["paid"], row["captured"]) for row in rows] == [
        ("captured_without_order", "", "", "10.00"),
        ("order_without_capture", "o-9", "1.00", "0.00"),
        ("amount_differs", "basket-1", "41.00", "40.00"),
    ]
    assert [row["user_pk"] for row in rows] == ["grace", "", "ada"]


def test_json_is_all_that_is_printed(wire: Wire) -> None:
    result = reconcile(write("order,paid\nbasket-1,40.00\n"), "--json", "--id", "march")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["id"], found["state"], found["differences"]) == ("march", "closed", 1)
    assert found["totals"][0]["captured"] == "50.00"
    (item,) = found["items"]
    assert (item["kind"], item["order"], item["paid"]) == ("captured_without_order", None, None)
    assert item["captures"][0]["user_pk"] == "grace"


def test_many_differences_are_counted_and_the_first_are_printed(wire: Wire) -> None:
    lines = "".join(f"o-{number},1.00\n" for number in range(60))
    result = reconcile(write(f"order,paid\n{lines}"))
    assert "... and 12 more; --csv writes them all." in result.output
    assert "62 differences" in result.output


def test_the_same_command_again_tells_the_same_and_does_nothing(wire: Wire) -> None:
    file = write("order,paid\nbasket-1,40.00\n")
    first = reconcile(file)
    wire.forget()
    assert reconcile(file).output == first.output
    assert not {"PutItem", "TransactWriteItems"} & set(wire.operations)
    other = reconcile(write("order,paid\nbasket-1,40.01\n"))
    assert "2 differences" in other.output
    assert other.output.split()[0] != first.output.split()[0]


def test_one_that_was_interrupted_goes_on(wire: Wire) -> None:
    comparisons.start("march", {"basket-1": 4000})
    queue.forget_local()
    started = comparisons.standing("march")
    assert started.in_progress
    moment = shop.NOW.isoformat()
    period = ("--since", moment, "--until", shop.call(24 * 3600).now.isoformat(), *PERIOD[4:])
    result = reconcile(write("order,paid\nbasket-1,40.00\n"), "--id", "march", period=period)
    assert result.exit_code == 1, result.output
    assert comparisons.standing("march").created_ms == started.created_ms


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("order,amount\n", (), "must name the columns"),
        ("order,paid\na,1,5\n", (), "line 2: It has 3 cells"),
        ("order,paid\na,1\na,2\n", (), "line 3: Line 2 names this order"),
        ("order,paid\n", ("--id", "a b"), "1 to 64"),
        ("order,paid\n", ("--channel", "nowhere"), "does not exist"),
        ("order,paid\n", ("--encoding", "klingon"), "not in the encoding"),
        ("order,paid\n", ("--currency", "XXX"), "not an active ISO 4217"),
        ("order,paid\n", ("--since", "yesterday"), "'yesterday' is no time"),
        ("order,paid\n", ("--until", "2999-01-01"), "at least one minute ago"),
        ("order,paid\n", ("--until", "2020-01-01"), "ends after it begins"),
    ],
)
def test_what_stands_in_the_way_is_exit_status_2_and_starts_nothing(
    wire: Wire, text: str, options: tuple[str, ...], said: str
) -> None:
    result = CliRunner().invoke(app, ["reconcile", write(text), *PERIOD, *options])
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "reconciliations" not in {name.rpartition("-")[2] for name in wire.everything()} or (
        not wire.everything()["test-reconciliations"]
    )


def test_too_many_captures_are_said_to_be_too_many(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.core.reconciliations.MAX_MOVEMENTS", 1)
    result = reconcile(write("order,paid\n"))
    assert result.exit_code == 2
    assert "choose a shorter period" in result.stderr


def test_a_step_that_fails_each_time_is_exit_status_2(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STUCK_S", 0.0)
    monkeypatch.setattr("chalicelib.core.reconciliations.PAGES_A_STEP", None)
    result = reconcile(write("order,paid\n"))
    assert result.exit_code == 2
    assert "run the command again" in result.stderr


def test_without_a_service_it_is_exit_status_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "reconcile", "orders.csv", *PERIOD],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Error: " in done.stderr

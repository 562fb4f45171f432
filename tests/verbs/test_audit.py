"""The audit: right books are found right whatever goes on, and every fault is found and named."""

import contextlib
import dataclasses
import itertools
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import ledger
from chalicelib.audit import run as audit_runs
from chalicelib.audit.file import AuditFile, Books
from chalicelib.audit.run import audit_channel, audit_everything, file_of, report_of, run
from chalicelib.auth import Call
from chalicelib.core.audit import FaultKind, Report
from chalicelib.core.errors import NoAudit, UnknownChannel
from chalicelib.core.names import to_ms
from chalicelib.core.transfers import Wanted, adjust
from chalicelib.logs import log
from chalicelib.store.entries import put_entry
from chalicelib.store.transfers import put_transfer
from tests.store.wire import Json, Meanwhile, Silence, Wire
from tests.verbs import campaigns, shop
from tests.verbs.planted import (
    PLANTED,
    Plant,
    Rows,
    no_entry,
    no_transfer,
    refunded_without_entries,
)

LATER_S = 7200
"""When the shop is audited, in seconds after it opened: by then everything has settled."""


def later() -> Call:
    return shop.call(LATER_S)


@pytest.fixture(scope="module")
def furnished() -> dict[str, list[Json]]:
    """Hold the rows of the busy shop once they were written."""
    return {}


@pytest.fixture(autouse=True)
def busy_shop(wire: Wire, furnished: dict[str, list[Json]]) -> None:
    """Open a shop in which everything was done once, and another channel beside it."""
    if furnished:
        wire.restore(furnished)
        return
    do_everything_once()
    furnished.update(wire.everything())


def do_everything_once() -> None:
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="20.00", alan="0")
    shop.open_account("grace", "7.00", "USD", account_id="grace-usd")
    shop.register("treasury")
    shop.open_account("treasury", "10.00", debit=True, account_id="treasury")
    shop.send("t-0", "treasury", "alan", "30.00", after_s=1)
    shop.send("t-1", "ada", "grace", "5.00", note="thank you", after_s=2)
    shop.buy("ada", 4000)
    shop.buy("grace", 300, "basket-2")
    shop.refund_order("r-1", "15.00", after_s=4)
    shop.hold("h-1", "grace", "9.00", after_s=5)
    shop.capture("h-1", "grace", "6.00", order="basket-7", after_s=6)
    shop.refund_hold("r-1", "h-1", "1.00", "grace", after_s=7)
    shop.hold("h-2", "grace", "2.00", after_s=8, life_s=LATER_S * 2)
    shop.hold("h-3", "grace", "1.00", after_s=8, life_s=60)
    shop.adjust("a-1", after_s=9)
    shop.adjust("a-2", amount="-1.00", after_s=9)
    shop.reverse("t-1", after_s=10)
    shop.reverse("a-2", after_s=11)
    shop.open_shop("other")
    shop.register("ada", channel="other")
    shop.open_account("ada", "9.00", channel="other")
    campaigns.open_primary("100.00")
    shop.open_accounts(hal="0", ivy="0")
    campaigns.distribute("spring", campaigns.rows_for("hal", "ivy", note="Spring"), after_s=12)
    campaigns.distribute("summer", campaigns.rows_for("hal", "ivy"), after_s=13)
    campaigns.undo("summer", after_s=14)
    campaigns.work_off(after_s=14)
    campaigns.preview("autumn", campaigns.rows_for("hal"), after_s=15)
    campaigns.run("autumn", after_s=15)
    campaigns.taken()


# --- how it is audited --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Auditor:
    """Audits the shop with its file at a path."""

    path: Path

    def audit(self, steps: int | None = None) -> Report | None:
        """Audit to the end, or leave after some steps, as if the process had been ended."""
        file = AuditFile(self.path)
        file.begin(Books("dev", "test-", shop.CHANNEL, 0), to_ms(later().now))
        taken = list(itertools.islice(run(file, later), steps))
        if len(taken) == steps:
            file.close()
            return None
        report = report_of(file, to_ms(later().now))
        file.remove()
        return report

    def whole(self) -> Report:
        report = self.audit()
        assert report is not None
        return report


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path / "audit.sqlite")


# --- wrong books --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "plant", "name"), PLANTED)
def test_a_planted_fault_is_found_and_named(
    wire: Wire, auditor: Auditor, kind: FaultKind, plant: Plant, name: str
) -> None:
    plant(Rows(wire))
    report = auditor.whole()
    assert not report.right
    assert report.fault_count == len(report.faults)
    named = [fault for fault in report.faults if fault.kind is kind and name in fault.where]
    assert named, report.faults
    assert all(fault.detail.endswith(".") for fault in report.faults)


def test_every_kind_of_fault_is_planted() -> None:
    assert {kind for kind, _, _ in PLANTED} == set(FaultKind)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "adjust"),
        ("source", "ada"),
        ("target", "treasury"),
        ("source_user_pk", "ada"),
        ("source_balance_after", 1),
        ("target_user_pk", "grace"),
        ("target_balance_after", 1),
        ("currency", "USD"),
        ("amount", 1),
        ("note", "thank you"),
        ("order", "basket-1"),
        ("at_ms", 1_772_366_401_124),
        ("at_ms", 9_999_999_999_999),
    ],
)
def test_a_transfer_differs_from_its_entries_in_anything(
    wire: Wire, auditor: Auditor, name: str, value: str | int
) -> None:
    """Even one that was moved to a time that is too recent to be judged."""
    rows = Rows(wire)
    rows.put("transfers", rows.transfer("t-0"), **{name: value})
    report = auditor.whole()
    assert report.faults
    assert {fault.where for fault in report.faults} == {"transfer t-0"}


# --- right books --------------------------------------------------------------------------------


def test_right_books_are_found_right(auditor: Auditor) -> None:
    report = auditor.whole()
    assert report.faults == ()
    assert report.right
    # A row of a distribution has an entry, and no transfer of its own.
    assert (report.accounts, report.entries, report.transfers) == (8, 29, 20)
    assert (report.holds, report.refunds, report.distributions) == (2, 2, 3)
    totals = {each.currency: each for each in report.totals}
    assert set(totals) == {"TRY", "USD"}
    assert totals["USD"].outstanding == totals["USD"].issued == "7.00"
    # Opened with 180.00, and adjusted by 5.00, -1.00 and, in reversal of that, 1.00.
    assert totals["TRY"].issued == "185.00"
    assert totals["TRY"].refunded == "16.00"
    assert totals["TRY"].spent == "49.00"
    assert totals["TRY"].outstanding == "151.00"
    assert totals["TRY"].escrow == "1.00"
    assert totals["TRY"].expired == "0.00"


def test_totals_are_as_of_a_minute_before_the_audit(auditor: Auditor) -> None:
    before = auditor.whole()
    shop.adjust("a-young", amount="5.00", after_s=LATER_S - 59)
    after = auditor.whole()
    assert after.right
    assert after.totals == before.totals
    assert after.entries == before.entries + 1


def test_what_is_younger_than_a_minute_is_judged_within_its_account_only(
    wire: Wire, auditor: Auditor
) -> None:
    shop.adjust("a-young", amount="5.00", after_s=LATER_S - 59)
    rows = Rows(wire)
    rows.drop("transfers", rows.transfer("a-young"))
    assert auditor.whole().right
    rows.drop("entries", rows.entries("ada")[-1])
    assert {fault.kind for fault in auditor.whole().faults} >= {FaultKind.ENTRY_MISSING}


def traffic() -> Iterator[None]:
    """Do everything a shop does, one thing at a time, for ever."""
    for i in itertools.count():
        shop.send(f"n-{i}", "alan", "grace", "0.01", after_s=LATER_S)
        yield
        shop.hold(f"n-{i}", "grace", "0.05", after_s=LATER_S)
        yield
        shop.capture(f"n-{i}", "grace", "0.02", after_s=LATER_S)
        yield
        shop.refund_hold("n", f"n-{i}", "0.01", "grace", after_s=LATER_S)
        shop.refund_hold(f"n-{i}", "h-1", "0.01", "grace", after_s=LATER_S)
        yield
        shop.refund_order(f"n-{i}", "0.01", after_s=LATER_S)
        yield
        shop.hold(f"v-{i}", "ada", "0.05", after_s=LATER_S)
        yield
        shop.void(f"v-{i}", "ada", after_s=LATER_S)
        shop.register(f"new-{i}")
        shop.open_account(f"new-{i}", "1.00", after_s=LATER_S)
        yield


@pytest.mark.parametrize("skip", range(7))
@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "TransactGetItems", "Scan"])
def test_traffic_between_two_reads_raises_no_alarm(
    wire: Wire, auditor: Auditor, operation: str, skip: int
) -> None:
    going_on = traffic()
    for _ in range(skip):
        next(going_on)
    wire.always(operation, Meanwhile(lambda: next(going_on)))
    wire.plan("Query", *[None, Meanwhile(lambda: next(going_on))] * 2)
    assert auditor.whole().faults == ()


def test_a_hold_that_is_captured_between_two_reads_is_read_again_at_one_moment(
    wire: Wire, auditor: Auditor
) -> None:
    """The first query lists the accounts, the second is after their rows were read."""
    wire.forget()
    capture = Meanwhile(lambda: shop.capture("h-2", "grace", "1.00", after_s=LATER_S))
    wire.plan("Query", None, capture)
    assert auditor.whole().faults == ()
    assert wire.operations.count("TransactGetItems") == 1


def test_a_refund_that_comes_between_two_reads_is_read_again_at_one_moment(
    wire: Wire, auditor: Auditor
) -> None:
    wire.forget()
    refund = Meanwhile(lambda: shop.refund_order("r-9", "1.00", after_s=LATER_S))
    wire.plan("Scan", None, refund)
    assert auditor.whole().faults == ()
    assert wire.operations.count("TransactGetItems") == 1


def test_the_faults_of_another_channel_are_its_own(wire: Wire, auditor: Auditor) -> None:
    rows = Rows(wire)
    account = rows.one("accounts", user="other#ada", currency="TRY")
    rows.put("accounts", account, available=1)
    rows.drop("transfers", rows.one("transfers", id=f"other#open:{account['account_id']['S']}"))
    assert auditor.whole().right


def test_pages_make_no_difference(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = auditor.whole()
    for name in ("ACCOUNTS_A_PAGE", "ENTRIES_A_PAGE", "ROWS_A_SCAN", "SALES_A_PAGE"):
        monkeypatch.setattr(f"chalicelib.ledger.audit.{name}", 2)
    assert auditor.whole() == whole


def test_a_few_hundred_entries_of_one_account_are_followed_from_page_to_page(
    wire: Wire, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.ledger.audit.ENTRIES_A_PAGE", 50)
    rows = Rows(wire)
    rows.wire.ask("PutItem", {"TableName": "test-accounts", "Item": with_history(rows, "ada", 300)})
    report = auditor.whole()
    assert report.right
    assert report.entries == 329
    rows.put("entries", rows.entry("ada", 203), note="changed")
    (hash_fault, leg_fault) = auditor.whole().faults
    assert hash_fault.detail.startswith("The hash of entry 203 must be ")
    assert leg_fault.where == "transfer many-197"


def with_history(rows: Rows, user: str, count: int) -> Json:
    """Write adjustments of a cent each; return the account's row after them."""
    account = shop.account_of(user)
    first_seq = account.seq
    for i in range(count):
        wanted = Wanted(shop.CHANNEL, f"many-{i + first_seq - 5}", 1, "bulk", "staff:test")
        movement = adjust(account, wanted, takes=False, now_ms=account.entry_ms + 1)
        entry = movement.legs[0].entry
        for action in (put_entry(entry), put_transfer(movement.transfer)):
            item = action.request["Item"]
            rows.wire.ask("PutItem", {"TableName": action.request["TableName"], "Item": item})
        account = dataclasses.replace(
            account,
            available=account.available + 1,
            seq=entry.seq,
            entry_ms=entry.at_ms,
            entry_hash=entry.hash,
        )
    changes = {"available": account.available, "seq": account.seq, "entry_ms": account.entry_ms}
    numbers = {name: {"N": str(value)} for name, value in changes.items()}
    return rows.account(user) | numbers | {"entry_hash": {"S": account.entry_hash}}


# --- interruptions ------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", [None, no_entry, refunded_without_entries, no_transfer])
def test_an_audit_that_is_left_anywhere_goes_on_to_the_same_end(
    wire: Wire, auditor: Auditor, plant: Plant | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plant is not None:
        plant(Rows(wire))
    monkeypatch.setattr("chalicelib.ledger.audit.ROWS_A_SCAN", 5)
    monkeypatch.setattr("chalicelib.ledger.audit.SALES_A_PAGE", 1)
    whole = auditor.whole()
    assert whole.right is (plant is None)
    for steps in itertools.count(1):
        if auditor.audit(steps) is not None:
            break
        assert auditor.whole() == whole
    assert steps > 10


def test_accounts_may_move_while_an_audit_is_interrupted(auditor: Auditor) -> None:
    """What was audited before stays audited as of its number of entries."""
    totals = auditor.whole().totals
    going_on = traffic()
    for steps in range(1, 8):
        assert auditor.audit(steps) is None
        for _ in range(8):
            next(going_on)
        report = auditor.whole()
        assert report.faults == ()
        assert report.totals == totals


# --- reports ------------------------------------------------------------------------------------


def test_the_last_report_is_kept_and_read(wire: Wire, auditor: Auditor) -> None:
    first = auditor.whole()
    ledger.keep_audit(later(), first)
    last = first.model_copy(update={"finished_at": "2026-03-01T15:00:00.000Z"})
    ledger.keep_audit(later(), last)
    wire.forget()
    assert ledger.read_audit(later(), shop.CHANNEL) == last
    assert wire.operations == ["Query"]


def test_a_report_is_kept_once_whatever_becomes_of_the_answer(wire: Wire, auditor: Auditor) -> None:
    report = auditor.whole()
    wire.plan("PutItem", Silence(done=True))
    ledger.keep_audit(later(), report)
    assert len(Rows(wire).all("audits")) == 1


def test_a_channel_that_was_never_audited_has_no_report(wire: Wire) -> None:
    wire.forget()
    with pytest.raises(NoAudit):
        ledger.read_audit(later(), shop.CHANNEL)
    assert wire.operations == ["Query", "BatchGetItem"]


def test_an_unknown_channel_has_no_report() -> None:
    with pytest.raises(UnknownChannel):
        ledger.read_audit(later(), "nowhere")


def test_a_report_names_a_hundred_faults_and_counts_them_all(wire: Wire, auditor: Auditor) -> None:
    rows = Rows(wire)
    for i in range(120):
        rows.put("transfers", rows.transfer("t-0"), id=f"demo#forged-{i}")
    report = auditor.whole()
    assert len(report.faults) == 100
    assert report.fault_count == 240
    assert not report.right


# --- every channel ------------------------------------------------------------------------------


def state_of(file: Path, name: str) -> str:
    """Return what an audit's file remembers under a name."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        (value,) = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return str(value)


def test_the_day_s_audit_goes_on_where_the_last_one_had_to_stop(wire: Wire, tmp_path: Path) -> None:
    long_ago = time.monotonic() - 1
    in_time = time.monotonic() + 60
    audit_everything(later, tmp_path, until=long_ago)
    left = file_of(tmp_path, shop.CHANNEL)
    with pytest.raises(NoAudit):
        ledger.read_audit(later(), shop.CHANNEL)
    place = json.loads(state_of(left, "entries"))["place"]
    assert place is not None
    audit_everything(later, tmp_path, until=in_time)
    assert not left.exists()
    report = ledger.read_audit(later(), shop.CHANNEL)
    assert report.right
    # As many as a whole audit counts: those of before were not counted again.
    assert report.accounts == Auditor(tmp_path / "whole.sqlite").whole().accounts


def test_the_day_s_audit_keeps_a_report_of_each_channel(wire: Wire, tmp_path: Path) -> None:
    audit_everything(later, tmp_path, until=time.monotonic() + 60)
    for channel in (shop.CHANNEL, "other"):
        assert ledger.read_audit(later(), channel).right


def test_a_channel_that_cannot_be_audited_keeps_no_other_from_it(
    wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, log.name)
    file_of(tmp_path, shop.CHANNEL).write_text("not an audit's")
    audit_everything(later, tmp_path, until=time.monotonic() + 60)
    assert ledger.read_audit(later(), "other").right
    with pytest.raises(NoAudit):
        ledger.read_audit(later(), shop.CHANNEL)
    said = [(line.message, getattr(line, "channel", None)) for line in caplog.records]
    assert ("audit_failed", shop.CHANNEL) in said
    assert ("audited", "other") in said
    assert "books_audited" not in dict(said)


def test_channels_are_audited_in_the_order_of_their_last_reports(
    wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So one that takes all the time there is keeps the others waiting for a day at most."""
    caplog.set_level(logging.INFO, log.name)
    audit_channel(later, shop.CHANNEL, tmp_path / "first.sqlite", watch=lambda _: True)
    audit_everything(later, tmp_path, until=time.monotonic() + 60)
    said = [line.channel for line in caplog.records if line.message == "audited"]  # type: ignore[attr-defined]
    assert said == ["other", shop.CHANNEL]


class Clock:
    """A monotonic clock on which each step of one channel takes ten seconds, and of others one."""

    def __init__(self, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slow = 0.0, slow
        self.slow_at: list[float] = []
        steps = audit_runs.run

        def run_slowly(file: AuditFile, calls: Any) -> Iterator[Any]:
            for step in steps(file, calls):
                self.now += 10 if file.channel == self.slow else 1
                if file.channel == self.slow:
                    self.slow_at.append(self.now)
                yield step

        monkeypatch.setattr(audit_runs, "run", run_slowly)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_a_channel_gets_its_share_and_then_what_others_have_left(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one comes first here, and must neither starve the other nor be starved."""
    ages = {shop.CHANNEL: 1, "other": 2}
    monkeypatch.setattr(audit_runs, "last_audit_ms", lambda channel, **_: ages[channel])
    clock = Clock(shop.CHANNEL, monkeypatch)
    audit_everything(later, tmp_path, until=600)
    whole = len(clock.slow_at) * 10
    for channel in ages:
        assert ledger.read_audit(later(), channel).right
    # Again, with time for the large one only if it gets what the other leaves.
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    clock.now, clock.slow_at = 0.0, []
    audit_everything(later, fresh, until=whole + 30)
    assert list(fresh.glob("*.sqlite")) == []
    pauses = [b - a for a, b in zip(clock.slow_at, clock.slow_at[1:], strict=False)]
    assert max(pauses) > 10, "the other one was not let in between"

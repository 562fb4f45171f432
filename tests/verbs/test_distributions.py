"""Distributions: previewed without effect, credited once whatever happens, cancelled and undone."""

import dataclasses
import random
from collections.abc import Callable

import pytest

from chalicelib import distribution
from chalicelib.core import errors
from chalicelib.core.distribution_rows import BadRow, ParsedRows, Row
from chalicelib.core.distributions import CHUNK_WEIGHT, Share, account_to_open
from chalicelib.distribution import Outcome, Source, Upload
from chalicelib.outside import queue
from chalicelib.store.accounts import put_account_alone
from chalicelib.store.distributions import read_whole
from chalicelib.store.requests import transact_write
from tests.properties.books import Books, audit
from tests.store.wire import Fault, Json, Meanwhile, Silence, Wire, cancelled, error
from tests.verbs import campaigns, shop
from tests.verbs.campaigns import preview, rows_for, run, standing, work_off

NAMES = tuple(f"u{number:03d}" for number in range(6))
"""More customers than one chunk holds, where it holds four."""


@pytest.fixture(scope="module")
def furnished() -> dict[str, dict[str, list[Json]]]:
    """Hold the rows of the shop, with few customers and with many, once they were written."""
    return {}


@pytest.fixture(autouse=True)
def opened(wire: Wire, furnished: dict[str, dict[str, list[Json]]]) -> None:
    """Open a shop whose primary account has 1,000.00, with a customer named ada."""
    queue.forget_local()
    if "few" in furnished:
        wire.restore(furnished["few"])
        return
    shop.open_shop()
    campaigns.open_primary()
    shop.open_accounts(ada="50.00", grace="0")
    furnished["few"] = wire.everything()


@pytest.fixture
def many(
    opened: None,
    wire: Wire,
    furnished: dict[str, dict[str, list[Json]]],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[str, ...]:
    """Open an account for each of six customers, and let a chunk hold four: moto is slow."""
    monkeypatch.setattr("chalicelib.core.distributions.CHUNK_WEIGHT", 8)
    if "many" in furnished:
        wire.restore(furnished["many"])
        return NAMES
    for name in NAMES:
        shop.register(name)
        shop.open_account(name, "0")
    furnished["many"] = wire.everything()
    return NAMES


def books(wire: Wire) -> Books:
    found = Books.of(wire.everything())
    audit(found)
    return found


def total() -> int:
    """Return what the primary account holds, in minor units."""
    return shop.balance_of("primary")


# --- the preview --------------------------------------------------------------------------------


def test_a_preview_says_what_a_run_would_do_and_moves_nothing(wire: Wire) -> None:
    before = books(wire)
    settled = preview("spring", rows_for("ada", "grace", minor=2500))
    job = settled.answer.job
    assert settled.written
    assert (job.state, job.chunks, settled.answer.bad) == ("previewed", 1, [])
    assert (job.figures.rows, job.figures.shares, job.figures.total) == (2, 2, 5000)
    assert (job.figures.available, job.figures.remaining) == (100_000, 95_000)
    assert job.figures.suffices
    after = books(wire)
    assert (after.accounts, after.entries) == (before.accounts, before.entries)
    assert len(queue.local()) == 0


def test_every_bad_row_is_told_at_once_with_its_line_and_the_reason() -> None:
    shop.register("alan")
    shop.open_account("ada", "0", "USD", account_id="ada-usd")
    rows = ParsedRows(
        (
            Row(2, "user_pk", "ada", 100, None),
            Row(3, "user_pk", "nobody", 100, None),
            Row(5, "user_email", "nobody@example.com", 100, None),
            Row(6, "account_id", "nothing", 100, None),
            Row(7, "account_id", "ada-usd", 100, None),
            Row(8, "user_pk", "alan", 100, None),
            Row(9, "user_email", "ADA@example.com", 100, None),
            Row(10, "account_id", "primary-try", 100, None),
            Row(11, "user_email", "grace@example.com", 100, "hello"),
        ),
        (BadRow(4, "x", "-1", "invalid_amount", "The amount must be more than zero."),),
    )
    settled = preview("spring", rows)
    assert [(bad.line, bad.code) for bad in settled.answer.bad] == [
        (3, "unknown_user"),
        (4, "invalid_amount"),
        (5, "unknown_user"),
        (6, "unknown_account"),
        (7, "currency_mismatch"),
        (8, "unknown_account"),
        (9, "duplicate_account"),
        (10, "same_account"),
    ]
    assert "Line 2" in settled.answer.bad[6].detail
    figures = settled.answer.job.figures
    assert (figures.rows, figures.shares, figures.bad_rows, figures.total) == (10, 2, 8, 200)
    assert figures.bad_reasons["unknown_user"] == 2
    again = preview("spring", rows)
    assert (again.written, again.answer.bad) == (False, settled.answer.bad)
    with pytest.raises(errors.BadRows):
        run("spring")
    assert run("spring", skip=True).job.state == "running"
    ran = preview("spring", rows)
    assert (ran.written, ran.answer.bad) == (False, settled.answer.bad)


def test_an_id_is_of_one_content_for_ever() -> None:
    preview("spring", rows_for("ada"))
    for other in (
        rows_for("ada", minor=101),
        rows_for("grace"),
        rows_for("ada", note="x"),
        ParsedRows(rows_for("ada").rows, (BadRow(9, "", "", "x", "x"),)),
    ):
        with pytest.raises(errors.IdConflict):
            preview("spring", other)
    with pytest.raises(errors.IdConflict):
        preview("spring", rows_for("ada"), opens=True)
    for source in (Source("primary-try", None), Source(None, "ada")):
        upload = Upload(source, "TRY", False, rows_for("ada"))
        with pytest.raises(errors.IdConflict):
            distribution.preview(shop.call(), shop.CHANNEL, "spring", upload)
    campaigns.run("spring")
    with pytest.raises(errors.IdConflict):
        preview("spring", rows_for("grace"))


def test_the_source_is_looked_up_before_anything_else() -> None:
    shop.open_account("ada", "0", "USD", account_id="ada-usd")

    def refused(channel: str, source: Source) -> errors.Refusal:
        upload = Upload(source, "TRY", False, rows_for("grace"))
        with pytest.raises(errors.Refusal) as caught:
            distribution.preview(shop.call(), channel, "spring", upload)
        return caught.value

    assert isinstance(refused(shop.CHANNEL, Source("nothing", None)), errors.UnknownAccount)
    assert isinstance(refused(shop.CHANNEL, Source(None, "nobody")), errors.UnknownAccount)
    assert isinstance(refused(shop.CHANNEL, Source("ada-usd", None)), errors.CurrencyMismatch)
    assert isinstance(refused("nowhere", Source("ada-usd", None)), errors.UnknownChannel)
    assert isinstance(refused("nowhere", Source(None, "ada")), errors.UnknownChannel)
    with pytest.raises(errors.UnknownDistribution):
        standing("spring")
    with pytest.raises(errors.UnknownChannel):
        distribution.read_distribution(shop.call(), "nowhere", "spring")


def test_only_the_preview_that_was_looked_at_is_run() -> None:
    shop.register("alan")
    first = preview("spring", rows_for("ada", "alan")).answer.job
    shop.open_account("alan", "0")
    second = preview("spring", rows_for("ada", "alan")).answer.job
    assert second.preview_id != first.preview_id
    assert (second.figures.shares, second.created_ms) == (2, first.created_ms)
    for skip in (False, True):
        with pytest.raises(errors.PreviewChanged):
            distribution.run(
                shop.call(),
                shop.CHANNEL,
                "spring",
                preview_id=first.preview_id,
                skip_bad_rows=skip,
            )
    run("spring")
    work_off()
    assert shop.balance_of("alan") == 100


def test_a_list_that_outgrows_a_row_is_kept_in_pieces(
    many: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.jobs.PIECE_BYTES", 30)
    assert preview("spring", rows_for(*many)).answer.job.lists > 2
    run("spring")
    work_off()
    assert standing("spring").credited_rows == len(many)


# --- the run ------------------------------------------------------------------------------------


def test_a_run_moves_the_total_once_and_credits_every_row(
    wire: Wire, many: tuple[str, ...]
) -> None:
    preview("spring", rows_for(*many, note="Spring"))
    begun = run("spring", after_s=1)
    assert (begun.job.state, begun.escrow, begun.waiting_rows) == ("running", 600, 6)
    assert total() == 99_400
    books(wire)
    assert work_off(after_s=2) == 3
    ended = standing("spring")
    assert (ended.job.state, ended.job.cancelled) == ("closed", False)
    assert (ended.credited_rows, ended.credited, ended.escrow) == (6, 600, 0)
    assert (ended.waiting_rows, ended.failed_rows, ended.cancelled_rows) == (0, 0, 0)
    (entry,) = shop.entries_of("u005")
    assert (entry.kind, entry.counterparty) == ("distribution", "escrow:spring")
    assert (entry.transfer_id, entry.amount, entry.note) == ("credit:spring:7", 100, "Spring")
    assert [each.amount for each in shop.entries_of("primary")] == [100_000, -600]
    books(wire)


def test_a_run_is_refused_as_long_as_something_stands_against_it(wire: Wire) -> None:
    preview("large", rows_for("ada", minor=100_001))
    with pytest.raises(errors.InsufficientCredit):
        run("large")
    upload = campaigns.upload_of(rows_for("ada"), source="grace")
    distribution.preview(shop.call(), shop.CHANNEL, "empty", upload)
    with pytest.raises(errors.SourceWithoutEntries):
        run("empty")
    preview("nobody", rows_for("nobody"))
    with pytest.raises(errors.DistributionState):
        run("nobody", skip=True)
    assert total() == 100_000
    assert len(queue.local()) == 0
    books(wire)


def test_a_source_that_may_owe_gives_more_than_it_has(wire: Wire) -> None:
    shop.register("bank")
    shop.open_account("bank", "1.00", debit=True)
    upload = campaigns.upload_of(rows_for("ada", "grace", minor=5000), source="bank")
    found = distribution.preview(shop.call(), shop.CHANNEL, "spring", upload).answer.job.figures
    assert (found.remaining, found.suffices) == (-9900, True)
    run("spring")
    work_off()
    assert shop.balance_of("bank") == -9900
    books(wire)


def test_accounts_that_are_missing_are_opened_where_the_caller_wants_it(wire: Wire) -> None:
    names = [f"new{number:02d}" for number in range(40)]
    shop.register(*names)
    previewed = preview("spring", rows_for("ada", *names), opens=True).answer.job
    assert (previewed.figures.openings, previewed.chunks) == (40, 2)
    run("spring")
    # One of them is opened by somebody else before its turn comes.
    shop.open_account("new05", "3.00")
    work_off()
    ended = standing("spring")
    assert (ended.credited_rows, ended.failed_rows) == (41, 0)
    assert shop.balance_of("new05") == 400
    opened = shop.account_of("new06")
    assert (opened.balance, opened.debit_allowed, opened.by) == (100, False, "staff:test")
    books(wire)


def test_chunks_are_as_large_as_a_transaction_may_be(wire: Wire) -> None:
    names = [f"v{number:02d}" for number in range(50)]
    shop.open_accounts(**dict.fromkeys(names, "0"))
    preview("spring", rows_for(*names))
    run("spring")
    wire.forget()
    work_off()
    sizes = [len(s.request["TransactItems"]) for s in wire.sent if "TransactItems" in s.request]
    assert max(sizes) == CHUNK_WEIGHT == 99


def test_an_account_id_that_is_taken_fails_its_row_and_no_other(wire: Wire) -> None:
    shop.register("alan")
    job = preview("spring", rows_for("ada", "alan"), opens=True).answer.job
    run("spring")
    alan = account_to_open(job, Share(3, "alan", 100, None, opens=True), job.created_ms)
    taken_by = dataclasses.replace(alan, key=shop.key_of("grace", "USD"))
    transact_write(put_account_alone(taken_by))
    work_off()
    ended = standing("spring")
    assert (ended.credited_rows, ended.failed_rows, ended.escrow) == (1, 1, 0)
    _, rows, _ = distribution.list_rows(
        shop.call(), shop.CHANNEL, "spring", "failed", limit=9, after_line=0
    )
    assert [(row.line, row.code) for row in rows] == [(3, "account_id_taken")]
    assert rows[0].detail
    assert total() == 99_900
    audit_escrow(wire)


def audit_escrow(wire: Wire) -> None:
    """Assert that what the rows keep is what entries moved into escrow and out of it."""
    found = Books.of(wire.everything())
    kept = sum(each["escrow"] for each in found.distributions.values())
    moved = sum(
        entry["amount"]
        for entries in found.entries.values()
        for entry in entries
        if entry["counterparty"].startswith("escrow:")
    )
    assert kept == -moved


# --- again and again ----------------------------------------------------------------------------


def test_messages_may_come_twice_late_and_in_any_order(wire: Wire, many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    run("spring")
    messages = campaigns.taken()
    assert len(messages) == 6
    chance = random.Random(7)
    for message in chance.sample(messages * 2, len(messages) * 2):
        campaigns.work(message)
    work_off()
    for message in messages:
        campaigns.work(message)
    ended = standing("spring")
    assert (ended.job.state, ended.credited) == ("closed", 600)
    assert {shop.balance_of(name) for name in many} == {100}
    books(wire)
    before = wire.everything()
    assert run("spring").job.state == "closed"
    assert work_off() == 0
    assert wire.everything() == before


WRITES_TOGETHER = 4
"""The transactions of a run: the fund, the chunks' escrow, two chunks. Its end is one put."""

FAULTS: dict[str, Callable[[], Fault]] = {
    "silence before": lambda: Silence(done=False),
    "silence after": lambda: Silence(done=True),
    "a conflict": lambda: cancelled("TransactionConflict", *["None"] * 8),
    "a fault": lambda: error("InternalServerError", 500),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(WRITES_TOGETHER + 1))
def test_interrupted_anywhere_and_repeated_it_ends_in_the_same_state(
    wire: Wire, many: tuple[str, ...], fault: str, at: int
) -> None:
    """Whatever request fails, of the fund, of a chunk or of the end: everything is sent again."""
    preview("spring", rows_for(*many))
    if at < WRITES_TOGETHER:
        wire.plan("TransactWriteItems", *[None] * at, FAULTS[fault]())
    else:
        alone = error("TransactionConflictException") if fault == "a conflict" else FAULTS[fault]()
        wire.plan("PutItem", alone)
    for _ in range(4):
        try:
            run("spring")
            for message in campaigns.taken():
                campaigns.work(message)
        except (errors.Busy, errors.OutcomeUnknown):
            continue
    run("spring")
    work_off()
    ended = standing("spring")
    assert (ended.job.state, ended.credited_rows, ended.credited) == ("closed", 6, 600)
    assert {shop.balance_of(name) for name in many} == {100}
    assert total() == 99_400
    books(wire)


def test_a_list_that_is_not_the_chunks_own_credits_nobody(many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    first, second, look = campaigns.taken()
    changed = []
    for change in ((0, 9), (2, 101), (3, "x"), (1, "u005")):
        rows = [list(row) for row in first["rows"]]
        rows[0][change[0]] = change[1]
        changed.append({**first, "rows": rows})
    changed.append({**first, "rows": first["rows"][1:]})
    changed.append({**first, "chunk": 2})
    for message in changed:
        with pytest.raises(ValueError, match="not its own"):
            campaigns.work(message)
    with pytest.raises(LookupError):
        campaigns.work({**first, "chunk": 3})
    assert shop.balance_of("u000") == 0
    for message in (first, second, look):
        campaigns.work(message)
    assert standing("spring").job.state == "closed"


def test_a_look_that_finds_chunks_waiting_comes_again(many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    first, second, look = campaigns.taken()
    campaigns.work(first)
    campaigns.work(look)
    assert standing("spring").job.state == "running"
    (again,) = campaigns.taken()
    assert (again["step"], again["looks"]) == ("close", 1)
    campaigns.work(second)
    campaigns.work(again)
    assert standing("spring").job.state == "closed"


def test_looks_end_and_a_run_begins_them_again(many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    *_, look = campaigns.taken()
    campaigns.work({**look, "looks": 60})
    assert len(queue.local()) == 0
    run("spring")
    work_off()
    assert standing("spring").job.state == "closed"


def test_other_traffic_on_a_customer_costs_a_second_attempt_and_nothing_else(
    wire: Wire, many: tuple[str, ...]
) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    meanwhile = Meanwhile(lambda: shop.adjust("a-1", "u003", "5.00"))
    wire.plan("TransactWriteItems", meanwhile)
    work_off()
    assert shop.balance_of("u003") == 600
    books(wire)


# --- cancelling ---------------------------------------------------------------------------------


def test_cancelled_before_it_runs_nothing_has_moved(wire: Wire) -> None:
    preview("spring", rows_for("ada"))
    before = books(wire).entries
    ended = campaigns.cancel("spring")
    assert (ended.job.state, ended.job.cancelled, ended.cancelled_rows) == ("closed", True, 1)
    assert campaigns.cancel("spring").job == ended.job
    with pytest.raises(errors.DistributionState, match="cancelled"):
        run("spring")
    with pytest.raises(errors.DistributionState):
        campaigns.undo("spring")
    assert books(wire).entries == before
    assert work_off() == 0


def test_cancelled_in_between_the_rest_returns(wire: Wire, many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    first, second, look = campaigns.taken()
    campaigns.work(first)
    assert campaigns.cancel("spring").job.state == "cancelling"
    campaigns.work(second)
    books(wire)
    campaigns.work(look)
    ended = standing("spring")
    assert (ended.job.state, ended.credited_rows, ended.cancelled_rows) == ("closed", 4, 2)
    assert (ended.escrow, total()) == (0, 100_000 - 400)
    assert shop.entries_of("primary")[-1].transfer_id == "return:spring"
    campaigns.work(second)
    assert work_off() == 1
    assert campaigns.cancel("spring").job.state == "closed"
    with pytest.raises(errors.DistributionState):
        run("spring")
    books(wire)


def test_cancelled_while_a_chunk_is_written_it_is_credited_or_returned(
    wire: Wire, many: tuple[str, ...]
) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    first, *_ = campaigns.taken()

    def stop() -> None:
        campaigns.cancel("spring")
        work_off()

    wire.plan("TransactWriteItems", Meanwhile(stop))
    campaigns.work(first)
    ended = standing("spring")
    assert (ended.job.state, ended.credited, ended.cancelled_rows) == ("closed", 0, 6)
    assert total() == 100_000
    books(wire)


def test_a_closed_one_cannot_be_cancelled() -> None:
    campaigns.distribute("spring", rows_for("ada"))
    with pytest.raises(errors.DistributionState):
        campaigns.cancel("spring")


# --- undoing ------------------------------------------------------------------------------------


def test_an_undo_takes_back_what_is_left(wire: Wire, many: tuple[str, ...]) -> None:
    campaigns.distribute("spring", rows_for(*many))
    shop.send("t-1", "u000", "u001", "0.60")
    shop.send("t-2", "u002", "u003", "1.00")
    shop.hold("h-1", "u004", "0.30")
    assert campaigns.undo("spring", after_s=1).job.state == "undoing"
    books(wire)
    work_off(after_s=2)
    ended = standing("spring")
    spent = 60 + 100 + 30
    assert (ended.job.state, ended.undone_rows) == ("undone", 6)
    assert (ended.returned, ended.escrow) == (600 - spent, 0)
    balances = [shop.balance_of(name) for name in many[:5]]
    assert balances == [0, 60, 0, 100, 30]
    assert total() == 100_000 - spent
    assert shop.entries_of("primary")[-1].kind == "undo"
    _, rows, _ = distribution.list_rows(
        shop.call(), shop.CHANNEL, "spring", "undone", limit=5, after_line=0
    )
    assert [row.returned for row in rows] == [40, 100, 0, 100, 70]
    assert campaigns.undo("spring").job.state == "undone"
    assert work_off() == 0
    books(wire)


def test_an_undo_never_makes_a_customer_owe(wire: Wire) -> None:
    shop.register("debtor")
    shop.open_account("debtor", "1.00", debit=True)
    campaigns.distribute("spring", rows_for("debtor", minor=500))
    shop.send("t-1", "debtor", "ada", "8.00")
    campaigns.undo("spring")
    work_off()
    assert shop.balance_of("debtor") == -200
    assert standing("spring").returned == 0
    books(wire)


def test_an_undo_repeated_and_interrupted_takes_back_once(
    wire: Wire, many: tuple[str, ...]
) -> None:
    campaigns.distribute("spring", rows_for(*many))
    campaigns.undo("spring")
    messages = campaigns.taken()
    campaigns.work(messages[0])
    campaigns.undo("spring")
    wire.plan("TransactWriteItems", Silence(done=True))
    for message in (*messages, *campaigns.taken()):
        campaigns.work(message)
    work_off()
    assert {shop.balance_of(name) for name in many} == {0}
    assert total() == 100_000
    books(wire)


@pytest.mark.parametrize("step", [campaigns.undo, campaigns.cancel, campaigns.run])
def test_a_step_is_refused_out_of_its_state(
    step: Callable[[str], object],
) -> None:
    with pytest.raises(errors.UnknownDistribution):
        step("spring")
    campaigns.distribute("spring", rows_for("ada"))
    campaigns.undo("spring")
    if step is not campaigns.undo:
        with pytest.raises(errors.DistributionState):
            step("spring")
    work_off()
    if step is not campaigns.undo:
        with pytest.raises(errors.DistributionState):
            step("spring")


def test_a_running_one_is_not_undone() -> None:
    preview("spring", rows_for("ada"))
    with pytest.raises(errors.DistributionState, match="not run yet"):
        campaigns.undo("spring")
    run("spring")
    with pytest.raises(errors.DistributionState, match="cancel it first"):
        campaigns.undo("spring")


# --- reading ------------------------------------------------------------------------------------


def test_rows_are_listed_by_line_with_what_became_of_each() -> None:
    shop.register("alan")
    preview("spring", rows_for("ada", "nobody", "grace", "alan"))

    def outcomes(outcome: Outcome | None = None) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        after: int | None = 0
        while after is not None:
            _, rows, after = distribution.list_rows(
                shop.call(),
                shop.CHANNEL,
                "spring",
                outcome,
                limit=1,
                after_line=after,
            )
            found += [(row.line, row.outcome) for row in rows]
        return found

    refused = [(3, "refused"), (5, "refused")]
    assert outcomes() == sorted([(2, "ready"), (4, "ready"), *refused])
    assert outcomes(outcome="refused") == refused
    run("spring", skip=True)
    assert outcomes(outcome="waiting") == [(2, "waiting"), (4, "waiting")]
    work_off()
    assert outcomes(outcome="credited") == [(2, "credited"), (4, "credited")]
    assert outcomes(outcome="waiting") == []


def test_distributions_are_listed_newest_first() -> None:
    for number in range(3):
        preview(f"d-{number}", rows_for("ada"), after_s=number)
    jobs, last = distribution.list_distributions(shop.call(), shop.CHANNEL, limit=2, start=None)
    assert [job.id for job in jobs] == ["d-2", "d-1"]
    jobs, last = distribution.list_distributions(shop.call(), shop.CHANNEL, limit=2, start=last)
    assert [job.id for job in jobs] == ["d-0"]
    with pytest.raises(errors.UnknownChannel):
        distribution.list_distributions(shop.call(), "nowhere", limit=2, start=None)


def test_chunks_and_job_are_read_together(many: tuple[str, ...]) -> None:
    preview("spring", rows_for(*many))
    run("spring")
    job, chunks = read_whole(shop.CHANNEL, "spring", deadline=shop.call().deadline)
    assert job is not None
    assert [chunk.number for chunk in chunks] == [1, 2]
    assert sum(chunk.escrow for chunk in chunks) == job.figures.total

"""Steps of one distribution that meet: whoever comes late changes nothing that is not its own."""

import importlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.audit import FaultKind
from chalicelib.core.audit_distributions import check_end
from chalicelib.core.errors import PreviewChanged
from chalicelib.outside import queue
from chalicelib.store.distributions import read_whole
from tests.properties.books import Books, audit
from tests.store.engine import ENVIRONMENT
from tests.store.wire import Meanwhile, Wire
from tests.verbs import campaigns, shop

NAMES = tuple(f"user-{number}" for number in range(12))
MINOR = 100


@pytest.fixture(autouse=True)
def _opened(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a shop whose chunks have four customers each."""
    monkeypatch.setattr("chalicelib.core.distributions.CHUNK_WEIGHT", 8)
    queue.forget_local()
    shop.open_shop()
    campaigns.open_primary()
    shop.open_accounts(**dict.fromkeys(NAMES, "0.00"))


@pytest.mark.parametrize("taken_back", [0, 1, 2])
def test_a_late_look_at_a_cancelled_run_ends_no_undo(wire: Wire, taken_back: int) -> None:
    """It has seen that the run was worked off; meanwhile another look ended it, and undo began."""
    campaigns.preview("spring", campaigns.rows_for(*NAMES, minor=MINOR))
    campaigns.run("spring")
    first, second, _third, late = campaigns.taken()
    campaigns.work(first)
    campaigns.work(second)
    campaigns.cancel("spring")
    (look,) = campaigns.taken()
    sent: list[queue.Message] = []

    def meanwhile() -> None:
        campaigns.work(look)
        assert campaigns.standing("spring").job.state == "closed"
        campaigns.undo("spring")
        sent.extend(campaigns.taken())
        for message in sent[:taken_back]:
            campaigns.work(message)

    wire.plan("BatchGetItem", Meanwhile(meanwhile))
    campaigns.work(late)
    assert campaigns.standing("spring").job.state == "undoing"
    for message in sent:
        campaigns.work(message)
    campaigns.work_off()
    assert campaigns.standing("spring").job.state == "undone"
    assert shop.balance_of("primary") == 100_000
    assert {shop.balance_of(name) for name in NAMES} == {0}
    audit(Books.of(wire.everything()))


def test_a_late_look_at_a_run_with_failed_rows_ends_no_undo(wire: Wire) -> None:
    """Nobody cancelled: what a row without an account has left is gathered twice at once."""
    shop.register("alan")
    rows = campaigns.rows_for("alan", *NAMES, minor=MINOR)
    campaigns.preview("spring", rows, opens=True)
    campaigns.run("spring")
    *chunks, late = campaigns.taken()
    key = {"user": {"S": f"{shop.CHANNEL}#alan"}}
    wire.ask("DeleteItem", {"TableName": f"{ENVIRONMENT['TABLE_PREFIX']}users", "Key": key})
    for message in chunks:
        campaigns.work(message)
    sent: list[queue.Message] = []

    def meanwhile() -> None:
        campaigns.work(late)
        assert campaigns.standing("spring").job.state == "closed"
        campaigns.undo("spring")
        sent.extend(campaigns.taken())

    wire.plan("BatchGetItem", Meanwhile(meanwhile))
    campaigns.work(late)
    assert campaigns.standing("spring").job.state == "undoing"
    for message in sent:
        campaigns.work(message)
    campaigns.work_off()
    assert shop.balance_of("primary") == 100_000


@pytest.mark.parametrize("before", [True, False])
def test_a_key_that_looks_like_a_row_s_own_blocks_nothing(before: bool) -> None:
    """Anybody who opens accounts may choose an Idempotency-Key."""
    shop.register("mallory")
    if before:
        shop.open_account("mallory", "0", key="credit:spring:2")
    rows = campaigns.rows_for("mallory", *NAMES[:3], minor=MINOR)
    campaigns.preview("spring", rows, opens=True)
    campaigns.run("spring")
    if not before:
        shop.open_account("mallory", "0", key="credit:spring:2")
    campaigns.work_off()
    assert campaigns.standing("spring").job.state == "closed"
    assert shop.balance_of("mallory") == MINOR


def between(monkeypatch: pytest.MonkeyPatch, place: str, happening: Callable[[], object]) -> None:
    """Let something happen once, before a function of a module is entered."""
    path, _, name = place.rpartition(".")
    module = importlib.import_module(f"chalicelib.distribution.{path}")
    real = getattr(module, name)

    def first(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(module, name, real)
        happening()
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, first)


def preview_again() -> None:
    """Preview one customer and alan, whether or not he is registered by now."""
    rows = campaigns.rows_for(NAMES[0], "alan", minor=MINOR)
    campaigns.preview("spring", rows, opens=True)


def register_and_preview() -> None:
    shop.register("alan")
    preview_again()


def test_two_previews_at_once_leave_a_list_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has found what was there before a user was registered, the other one what is."""
    preview_again()
    between(monkeypatch, "preview.settle", register_and_preview)
    preview_again()
    preview_again()
    campaigns.run("spring", skip=True)
    campaigns.work_off()
    assert campaigns.standing("spring").job.state == "closed"
    assert (shop.balance_of(NAMES[0]), shop.balance_of("alan")) == (MINOR, MINOR)


def test_previews_during_a_run_leave_what_it_credits(monkeypatch: pytest.MonkeyPatch) -> None:
    preview_again()

    def raced() -> None:
        between(monkeypatch, "preview.settle", register_and_preview)
        preview_again()

    between(monkeypatch, "jobs._fund", raced)
    try:
        campaigns.run("spring", skip=True)
    except PreviewChanged:
        campaigns.run("spring", skip=True)
    campaigns.work_off()
    campaigns.undo("spring")
    campaigns.work_off()
    assert campaigns.standing("spring").job.state == "undone"
    assert shop.balance_of("primary") == 100_000


def test_the_audit_sees_an_end_that_came_too_early() -> None:
    campaigns.distribute("spring", campaigns.rows_for(*NAMES, minor=MINOR))
    job, chunks = read_whole(shop.CHANNEL, "spring", deadline=shop.call().deadline)
    assert job is not None
    assert check_end(job, chunks) == []
    for ended, left in ((replace(job, state="undone"), chunks), (job, chunks[1:])):
        (fault,) = check_end(ended, left)
        assert fault.kind == FaultKind.CHUNK_DIFFERS

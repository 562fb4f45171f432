"""The one retry loop: whatever the engine answers, a write ends in success, a replay, a confirmed
refusal, `busy` with nothing moved, or `outcome_unknown`; never in a second write, nor in a lie.
"""

import time
from collections.abc import Callable

import pytest

from chalicelib import ledger, registry
from chalicelib.core.errors import (
    Busy,
    InsufficientCredit,
    OutcomeUnknown,
    SourceWithoutEntries,
    UnknownAccount,
    UnknownChannel,
)
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.store.requests import MAX_ATTEMPTS
from tests.core.made import CARD
from tests.store.wire import (
    Fault,
    Json,
    Meanwhile,
    NoConnection,
    Reply,
    Silence,
    Wire,
    cancelled,
    error,
    past,
)
from tests.verbs import shop

CONFLICT = cancelled("TransactionConflict", "None", "None", "None", "None")
BOTH_CONFLICT = cancelled("TransactionConflict", "TransactionConflict", "None", "None", "None")
STALE_AND_CONFLICT = cancelled(
    "ConditionalCheckFailed", "TransactionConflict", "None", "None", "None"
)
THROTTLED_MEMBER = cancelled("None", "ThrottlingError", "None", "None", "None")
FULL_MEMBER = cancelled("None", "None", "ProvisionedThroughputExceeded", "None", "None")

NOTHING_MOVED: dict[str, Fault] = {
    "conflict": CONFLICT,
    "two conflicts": BOTH_CONFLICT,
    "conflict and stale": STALE_AND_CONFLICT,
    "conflict alone": error("TransactionConflictException"),
    "throttled member": THROTTLED_MEMBER,
    "full member": FULL_MEMBER,
    "throttled": error("ThrottlingException"),
    "full": error("ProvisionedThroughputExceededException"),
    "too many": error("RequestLimitExceeded"),
    "no connection": NoConnection(),
}
UNKNOWN: dict[str, Fault] = {
    "silence": Silence(done=False),
    "internal error": error("InternalServerError", 500),
    "unavailable": error("ServiceUnavailable", 503),
    "proxy's page": Reply(502, b"<html>Bad Gateway</html>"),
    "empty answer": Reply(500, b""),
}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the pauses between attempts, and return how long each would have been."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


@pytest.fixture
def bank(wire: Wire) -> Wire:
    """Open a shop where ada has 50.00 and grace nothing."""
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="0")
    wire.forget()
    return wire


def balances() -> tuple[int, int]:
    return shop.balance_of("ada"), shop.balance_of("grace")


# --- contention -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", NOTHING_MOVED.values(), ids=NOTHING_MOVED)
def test_a_write_that_met_other_traffic_is_repeated_and_done_once(
    bank: Wire, pauses: list[float], fault: Fault
) -> None:
    bank.plan("TransactWriteItems", fault, fault)
    assert shop.send("t-1", "ada", "grace").written is True
    assert bank.operations == ["BatchGetItem", *["TransactWriteItems"] * 3]
    assert balances() == (4000, 1000)
    assert len(shop.entries_of("ada")) == 2


@pytest.mark.parametrize("fault", NOTHING_MOVED.values(), ids=NOTHING_MOVED)
def test_contention_every_time_ends_as_busy_and_nothing_moved(
    bank: Wire, pauses: list[float], fault: Fault
) -> None:
    before = bank.everything()
    bank.always("TransactWriteItems", fault)
    with pytest.raises(Busy):
        shop.send("t-1", "ada", "grace")
    assert bank.operations.count("TransactWriteItems") == MAX_ATTEMPTS
    assert bank.everything() == before
    bank.heal()
    assert shop.send("t-1", "ada", "grace").written is True


def test_a_single_write_is_repeated_too(bank: Wire, pauses: list[float]) -> None:
    shop.open_checkout("ada")
    bank.plan("PutItem", error("ThrottlingException"), error("TransactionConflictException"))
    seen = shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    assert seen.refusal is None
    assert shop.pre_order_of("ada").loyalty == 1000


def test_busy_comes_at_the_deadline_at_the_latest(bank: Wire) -> None:
    bank.always("TransactWriteItems", CONFLICT)
    started = time.monotonic()
    with pytest.raises(Busy):
        shop.send("t-1", "ada", "grace", life_s=0.2)
    assert 0.2 <= time.monotonic() - started < 3
    assert bank.operations.count("TransactWriteItems") < MAX_ATTEMPTS


def test_past_the_deadline_no_write_is_begun(bank: Wire) -> None:
    """One that is still running when the function is ended would answer nobody."""
    with pytest.raises(Busy):
        shop.send("t-1", "ada", "grace", life_s=-1)
    assert bank.operations == ["BatchGetItem"]


# --- lost answers -------------------------------------------------------------------------------


def test_a_lost_answer_of_a_write_that_was_done_ends_as_its_replay(
    bank: Wire, pauses: list[float]
) -> None:
    bank.plan("TransactWriteItems", Silence(done=True))
    settled = shop.send("t-1", "ada", "grace")
    assert bank.operations == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]
    assert settled.written is False
    assert settled.answer == ledger.read_transfer(shop.call(), shop.CHANNEL, "t-1")
    assert balances() == (4000, 1000)
    assert len(shop.entries_of("ada")) == 2


@pytest.mark.parametrize("fault", UNKNOWN.values(), ids=UNKNOWN)
def test_a_lost_request_is_sent_again(bank: Wire, pauses: list[float], fault: Fault) -> None:
    bank.plan("TransactWriteItems", fault)
    assert shop.send("t-1", "ada", "grace").written is True
    assert balances() == (4000, 1000)


@pytest.mark.parametrize("fault", UNKNOWN.values(), ids=UNKNOWN)
def test_silence_to_the_end_is_an_unknown_outcome_and_not_busy(
    bank: Wire, pauses: list[float], fault: Fault
) -> None:
    bank.always("TransactWriteItems", fault)
    with pytest.raises(OutcomeUnknown):
        shop.send("t-1", "ada", "grace")


@pytest.mark.parametrize(
    "then", [CONFLICT, error("ThrottlingException"), NoConnection(), error("ValidationException")]
)
def test_after_silence_no_later_answer_makes_the_outcome_certain(
    bank: Wire, pauses: list[float], then: Fault
) -> None:
    """The silent write may still land: "nothing moved" would be a guess."""
    bank.plan("TransactWriteItems", Silence(done=False))
    bank.always("TransactWriteItems", then)
    with pytest.raises(OutcomeUnknown):
        shop.send("t-1", "ada", "grace")


def test_after_silence_a_refusal_is_an_unknown_outcome(bank: Wire, pauses: list[float]) -> None:
    def spend() -> None:
        shop.send("t-2", "ada", "grace", "45.00")

    bank.plan("TransactWriteItems", Silence(done=False), Meanwhile(spend))
    with pytest.raises(OutcomeUnknown):
        shop.send("t-1", "ada", "grace", "10.00")


def test_after_silence_a_busy_confirmation_is_an_unknown_outcome(
    bank: Wire, pauses: list[float]
) -> None:
    def spend() -> None:
        shop.send("t-2", "ada", "grace", "45.00")

    bank.plan("TransactWriteItems", Silence(done=False), Meanwhile(spend))
    bank.always("TransactGetItems", error("ThrottlingException"))
    with pytest.raises(OutcomeUnknown):
        shop.send("t-1", "ada", "grace", "10.00")


@pytest.mark.parametrize("done", [True, False])
def test_repeating_an_unknown_outcome_tells_it_and_moves_at_most_once(
    bank: Wire, pauses: list[float], done: bool
) -> None:
    bank.plan("TransactWriteItems", Silence(done=done))
    bank.always("TransactWriteItems", Silence(done=False))
    with pytest.raises(OutcomeUnknown):
        shop.send("t-1", "ada", "grace")
    bank.heal()
    assert shop.send("t-1", "ada", "grace").written is not done
    assert balances() == (4000, 1000)


def test_silence_of_a_read_moved_nothing_so_it_ends_as_busy(
    bank: Wire, pauses: list[float]
) -> None:
    bank.always("BatchGetItem", Silence(done=False))
    with pytest.raises(Busy):
        shop.send("t-1", "ada", "grace")


def opened(key: str | None) -> Callable[[], object]:
    """Return an opening; the account's id is a new one each time."""

    def act() -> object:
        account = shop.open_account("alan", "5.00", key=key).answer.account
        assert account.account_id == shop.account_of("alan").account_id
        return account.balance, account.created_ms

    return act


def pre_order_without_reference() -> object:
    settled = shop.open_checkout("grace", reference=None)
    assert settled.answer == shop.pre_order_of("grace")
    return settled.answer.total


def paged(event: PageEvent, text: str) -> Callable[[], object]:
    def act() -> object:
        seen = shop.visit("ada", event, text)
        return seen.move, seen.refusal, seen.situation.pre_order

    return act


def completed() -> object:
    seen = shop.visit("ada", PageEvent.COMPLETE, "true", after_s=5)
    order = seen.situation.pre_order
    assert order is not None
    return seen.move, order.state, order.completed_ms, shop.balance_of("ada")


EVERY_WRITE: dict[str, Callable[[], object]] = {
    "make channel": lambda: registry.make_channel(shop.call(), "second", "JPY").answer,
    "set setting": lambda: registry.set_setting(
        shop.call(), shop.CHANNEL, "DEFAULT_CURRENCY", "USD"
    ),
    "register": lambda: (
        registry.register_user(shop.call(), shop.CHANNEL, "new", "n@example.com").user
    ),
    "change e-mail": lambda: (
        registry.register_user(shop.call(), shop.CHANNEL, "alan", "turing@example.com").user
    ),
    "register many": lambda: [
        done.user
        for done in registry.register_users(
            shop.call(), shop.CHANNEL, [("m-1", "m1@x.org"), ("m-2", "m2@x.org")]
        )
    ],
    "end sessions": lambda: registry.end_sessions(shop.call(), shop.CHANNEL, "alan", 9_000).user_pk,
    "open account": opened("key-1"),
    "open account without key": opened(None),
    "transfer": lambda: shop.send("t-1", "ada", "grace").answer,
    "transfer by ids": lambda: (
        shop.send_by_ids(
            "t-1", shop.account_of("ada").account_id, shop.account_of("grace").account_id
        ).answer.amount
    ),
    "pre-order": lambda: shop.open_checkout("grace").answer.reference,
    "pre-order without reference": pre_order_without_reference,
    "use credit": paged(PageEvent.USE_CREDIT, "10.00"),
    "select option": paged(PageEvent.SELECT_OPTION, str(CARD.pk)),
    "complete": completed,
}


def prepare(name: str) -> None:
    """Bring the shop to where each write of `EVERY_WRITE` is possible, always the same way."""
    shop.register("alan")
    shop.open_checkout("ada", 1000, reference="basket-of-ada")
    if name == "complete":
        shop.visit("ada", PageEvent.USE_CREDIT, "10.00")


def without_chance(rows: dict[str, list[Json]]) -> dict[str, list[Json]]:
    """Return the tables without what is drawn at random, in a stable order."""
    drawn = {"order_id", "reference", "account_id", "id", "currency_account_id", "counterparty"}
    drawn |= {"transfer_id", "source", "target", "hash", "entry_hash", "idempotency_key"}
    drawn |= {"salt", "contents_hash"}
    return {
        table: sorted(
            ({k: v for k, v in item.items() if k not in drawn} for item in items), key=str
        )
        for table, items in rows.items()
    }


@pytest.mark.parametrize("name", EVERY_WRITE)
def test_every_write_survives_a_lost_answer_as_if_it_had_come(
    bank: Wire, pauses: list[float], name: str
) -> None:
    """What a caller is told, and what is stored, is the same; and nothing is there twice."""
    prepare(name)
    before = bank.everything()
    bank.forget()
    expected = EVERY_WRITE[name]()
    after = bank.everything()
    assert after != before, "this write wrote nothing"
    bank.restore(before)
    for operation in ("TransactWriteItems", "PutItem", "UpdateItem"):
        bank.plan(operation, Silence(done=True))
    assert EVERY_WRITE[name]() == expected
    assert without_chance(bank.everything()) == without_chance(after)


# --- stale reads --------------------------------------------------------------------------------


def test_a_stale_number_costs_one_request_more_and_no_second_read(
    bank: Wire, pauses: list[float]
) -> None:
    """The fresh rows come back with the engine's refusal."""

    def other_transfer() -> None:
        shop.send("t-0", "ada", "grace", "1.00")

    bank.plan("TransactWriteItems", Meanwhile(other_transfer))
    assert shop.send("t-1", "ada", "grace").written is True
    assert bank.operations == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]
    assert balances() == (3900, 1100)
    assert [entry.seq for entry in shop.entries_of("ada")] == [1, 2, 3]


def test_an_id_that_another_took_meanwhile_is_a_replay(bank: Wire, pauses: list[float]) -> None:
    def same_transfer() -> None:
        shop.send("t-1", "ada", "grace")

    bank.plan("TransactWriteItems", Meanwhile(same_transfer))
    assert shop.send("t-1", "ada", "grace").written is False
    assert balances() == (4000, 1000)


def test_a_taken_id_outranks_a_conflict_on_the_accounts(bank: Wire, pauses: list[float]) -> None:
    """Whoever holds the accounts now: this transfer is done, and needs no further attempt."""
    shop.send("t-1", "ada", "grace")
    stored = bank.item("test-transfers", {"id": {"S": "demo#t-1"}})
    taken = {"Code": "ConditionalCheckFailed", "Message": "as planned", "Item": stored}
    plain = {"Code": "None"}
    conflict = {"Code": "TransactionConflict", "Message": "as planned"}
    reply = cancelled()
    assert isinstance(reply.body, dict)
    body = reply.body | {"CancellationReasons": [conflict, plain, plain, plain, taken]}
    bank.forget()
    rows = bank.everything()
    bank.plan("BatchGetItem", past(rows | {"test-transfers": []}))
    bank.plan("TransactWriteItems", Reply(400, body))
    assert shop.send("t-1", "ada", "grace").written is False
    assert bank.operations == ["BatchGetItem", "TransactWriteItems"]


def test_a_stale_read_never_turns_success_into_insufficient_credit(bank: Wire) -> None:
    shop.send("t-0", "ada", "grace", "50.00")
    rows = bank.everything()
    shop.send("t-00", "grace", "ada", "50.00")
    bank.forget()
    bank.plan("BatchGetItem", past(rows))
    assert shop.send("t-1", "ada", "grace").written is True
    assert bank.operations == ["BatchGetItem", "TransactGetItems", "TransactWriteItems"]
    assert balances() == (4000, 1000)


@pytest.mark.parametrize("by_ids", [False, True])
def test_a_stale_read_never_turns_a_new_account_into_an_unknown_one(
    bank: Wire, by_ids: bool
) -> None:
    ada = shop.account_of("ada").account_id
    shop.register("alan")
    rows = bank.everything()
    alan = shop.open_account("alan", "1.00").answer.account.account_id
    bank.forget()
    bank.plan("BatchGetItem", past(rows))
    settled = shop.send_by_ids("t-1", ada, alan) if by_ids else shop.send("t-1", "ada", "alan")
    assert settled.written is True
    assert bank.operations[1] == "TransactGetItems"
    assert shop.balance_of("alan") == 1100


def test_a_stale_read_never_turns_a_first_credit_into_a_source_without_entries(
    bank: Wire,
) -> None:
    rows = bank.everything()
    shop.send("t-0", "ada", "grace", "50.00")
    bank.plan("BatchGetItem", past(rows))
    assert shop.send("t-1", "grace", "ada").written is True


def test_a_stale_read_that_misses_the_channel_is_confirmed(bank: Wire) -> None:
    nothing: dict[str, list[Json]] = {table: [] for table in bank.everything()}
    bank.plan("BatchGetItem", past(nothing))
    assert shop.send("t-1", "ada", "grace").written is True
    bank.plan("BatchGetItem", past(nothing))
    assert shop.open_account("grace", "1", "USD").written is True


def test_a_stale_read_that_misses_the_transfer_never_moves_it_again(
    bank: Wire, pauses: list[float]
) -> None:
    rows = bank.everything()
    first = shop.send("t-1", "ada", "grace")
    bank.plan("BatchGetItem", past(rows))
    again = shop.send("t-1", "ada", "grace")
    assert (again.answer, again.written) == (first.answer, False)
    assert balances() == (4000, 1000)


# --- refusals -------------------------------------------------------------------------------------


REFUSALS: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "insufficient": (InsufficientCredit, lambda: shop.send("t-1", "ada", "grace", "50.01")),
    "no entries": (SourceWithoutEntries, lambda: shop.send("t-1", "grace", "ada")),
    "no account": (UnknownAccount, lambda: shop.send("t-1", "ada", "alan")),
    "no channel": (UnknownChannel, lambda: shop.send("t-1", "ada", "grace", channel="none")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_confirmed_by_one_read_of_one_moment(bank: Wire, name: str) -> None:
    refusal, ask = REFUSALS[name]
    before = bank.everything()
    bank.forget()
    with pytest.raises(refusal):
        ask()
    assert bank.operations == ["BatchGetItem", "TransactGetItems"]
    assert bank.everything() == before


def test_a_refusal_that_was_true_only_of_the_first_read_is_not_given(bank: Wire) -> None:
    """Somebody credits the source between the first read and the confirmation."""

    def credit() -> None:
        shop.send("t-0", "ada", "grace", "20.00")

    bank.plan("TransactGetItems", Meanwhile(credit))
    assert shop.send("t-1", "grace", "ada", "15.00").written is True
    assert balances() == (4500, 500)


def test_credit_that_goes_between_read_and_write_ends_in_a_confirmed_refusal(
    bank: Wire, pauses: list[float]
) -> None:
    def spend() -> None:
        shop.send("t-0", "ada", "grace", "45.00")

    bank.plan("TransactWriteItems", Meanwhile(spend))
    with pytest.raises(InsufficientCredit):
        shop.send("t-1", "ada", "grace", "10.00")
    assert bank.operations == ["BatchGetItem", "TransactWriteItems", "TransactGetItems"]
    assert balances() == (500, 4500)


def test_a_confirmation_that_cannot_be_had_is_busy_and_not_a_refusal(
    bank: Wire, pauses: list[float]
) -> None:
    bank.always("TransactGetItems", error("ThrottlingException"))
    with pytest.raises(Busy):
        shop.send("t-1", "ada", "grace", "50.01")


def test_a_page_that_another_tab_changed_is_decided_anew(bank: Wire, pauses: list[float]) -> None:
    shop.open_checkout("ada")

    def other_tab() -> None:
        shop.visit("ada", PageEvent.USE_CREDIT, "5.00")

    bank.forget()
    bank.plan("PutItem", Meanwhile(other_tab))
    seen = shop.visit("ada", PageEvent.SELECT_OPTION, str(CARD.pk))
    assert seen.move is Move.SELECT_OPTION
    assert bank.operations == ["BatchGetItem", "PutItem", "PutItem"]
    stored = shop.pre_order_of("ada")
    assert (stored.loyalty, stored.payment_option) == (500, CARD.pk)

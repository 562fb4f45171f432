"""Reads and single writes as they meet throttling, lost answers and unprocessed keys."""

import copy
import time
from itertools import pairwise

import pytest
from pynamodb.exceptions import VerboseClientError

from chalicelib.core.errors import Busy
from chalicelib.store.accounts import account_key
from chalicelib.store.actions import AnyKey, Rows, put
from chalicelib.store.requests import (
    BASE_PAUSE_S,
    MAX_ATTEMPTS,
    MAX_PAUSE_S,
    Refused,
    batch_get,
    query,
    transact_get,
    transact_write,
)
from chalicelib.store.settings import CHANNEL, channel_key, setting_key
from chalicelib.store.tables import SettingRow
from chalicelib.store.users import user_key
from tests.store.kept import soon
from tests.store.wire import (
    Instead,
    Json,
    Meanwhile,
    NoConnection,
    Reply,
    Silence,
    Wire,
    cancelled,
    error,
)
from tests.verbs import shop

CONTENTION = [
    error("ThrottlingException"),
    error("ProvisionedThroughputExceededException"),
    error("RequestLimitExceeded"),
    error("InternalServerError", 500),
    error("ServiceUnavailable", 503),
    NoConnection(),
    Silence(done=False),
]
KEYS: list[AnyKey] = [
    channel_key("demo"),
    user_key("demo", "ada"),
    account_key(shop.key_of("ada")),
    user_key("demo", "nobody"),
]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the pauses between attempts and return how long each would have been."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


@pytest.fixture
def shop_with_ada(wire: Wire) -> Wire:
    shop.open_shop()
    shop.open_accounts(ada="50.00")
    wire.forget()
    return wire


def found_in(rows: Rows) -> list[bool]:
    return [rows.shows(key) for key in KEYS]


def test_rows_of_several_tables_come_in_one_request(shop_with_ada: Wire) -> None:
    rows = batch_get(KEYS, deadline=soon())
    assert found_in(rows) == [True, True, True, False]
    assert rows.get(KEYS[3]) is None
    assert shop_with_ada.operations == ["BatchGetItem"]


@pytest.mark.parametrize("consistent", [True, False])
def test_a_read_is_strongly_consistent_for_those_who_ask(
    shop_with_ada: Wire, consistent: bool
) -> None:
    batch_get(KEYS, deadline=soon(), consistent=consistent)
    tables = shop_with_ada.sent[0].request["RequestItems"].values()
    assert {table["ConsistentRead"] for table in tables} == {consistent}


def test_a_key_that_is_named_twice_is_asked_for_once(shop_with_ada: Wire) -> None:
    """DynamoDB refuses a batch with duplicates."""
    rows = batch_get([*KEYS, *KEYS], deadline=soon())
    assert found_in(rows) == [True, True, True, False]
    tables = shop_with_ada.sent[0].request["RequestItems"].values()
    assert sum(len(table["Keys"]) for table in tables) == len(KEYS)


def test_asking_for_a_key_that_was_not_read_is_a_bug(shop_with_ada: Wire) -> None:
    """Else a row that nobody asked for would pass for one that does not exist."""
    rows = batch_get(KEYS[:1], deadline=soon())
    with pytest.raises(KeyError):
        rows.get(KEYS[1])


@pytest.mark.parametrize("fault", CONTENTION)
def test_a_read_that_meets_a_fault_is_repeated(
    shop_with_ada: Wire, pauses: list[float], fault: Reply | NoConnection | Silence
) -> None:
    shop_with_ada.plan("BatchGetItem", fault, fault)
    assert found_in(batch_get(KEYS, deadline=soon())) == [True, True, True, False]
    shop_with_ada.plan("TransactGetItems", fault, fault)
    assert found_in(transact_get(KEYS, deadline=soon())) == [True, True, True, False]
    shop_with_ada.plan("Query", fault, fault)
    found, _ = query(SettingRow, SettingRow.channel == "demo", deadline=soon(), limit=9)
    assert len(found) == 1 + 5, "the channel and the settings of a shop"
    assert shop_with_ada.operations == [
        *["BatchGetItem"] * 3,
        *["TransactGetItems"] * 3,
        *["Query"] * 3,
    ]


def test_a_transactional_read_that_meets_a_conflict_is_repeated(
    shop_with_ada: Wire, pauses: list[float]
) -> None:
    conflict = cancelled("TransactionConflict", "None", "None", "None")
    shop_with_ada.plan("TransactGetItems", conflict, conflict)
    assert found_in(transact_get(KEYS, deadline=soon())) == [True, True, True, False]


def test_a_read_that_never_succeeds_ends_as_busy_after_ten_attempts(
    shop_with_ada: Wire, pauses: list[float]
) -> None:
    for operation in ("BatchGetItem", "TransactGetItems", "Query"):
        shop_with_ada.always(operation, error("ThrottlingException"))
    with pytest.raises(Busy):
        batch_get(KEYS, deadline=soon())
    with pytest.raises(Busy):
        transact_get(KEYS, deadline=soon())
    with pytest.raises(Busy):
        query(SettingRow, SettingRow.channel == "demo", deadline=soon(), limit=9)
    assert len(shop_with_ada.sent) == 3 * MAX_ATTEMPTS


def test_a_fault_of_our_own_is_not_repeated(shop_with_ada: Wire) -> None:
    shop_with_ada.plan("BatchGetItem", error("ValidationException"))
    with pytest.raises(VerboseClientError, match="ValidationException"):
        batch_get(KEYS, deadline=soon())
    assert shop_with_ada.operations == ["BatchGetItem"]


# --- unprocessed keys -------------------------------------------------------------------------


def unprocessed(wire: Wire, answered: set[str]) -> Instead:
    """Answer for some tables only, and leave the keys of the others unprocessed."""

    def answer(request: Json) -> Json:
        everything = wire.ask("BatchGetItem", copy.deepcopy(request))["Responses"]
        items = request["RequestItems"]
        return {
            "Responses": {t: found for t, found in everything.items() if t in answered},
            "UnprocessedKeys": {t: wanted for t, wanted in items.items() if t not in answered},
        }

    return Instead(answer)


def test_unprocessed_keys_are_asked_for_again_and_are_not_missing(
    shop_with_ada: Wire, pauses: list[float]
) -> None:
    shop_with_ada.plan(
        "BatchGetItem",
        unprocessed(shop_with_ada, set()),
        unprocessed(shop_with_ada, {"test-settings", "test-users"}),
    )
    rows = batch_get(KEYS, deadline=soon(), consistent=True)
    assert found_in(rows) == [True, True, True, False]
    asked = [list(sent.request["RequestItems"]) for sent in shop_with_ada.sent]
    assert asked == [
        ["test-settings", "test-users", "test-accounts"],
        ["test-settings", "test-users", "test-accounts"],
        ["test-accounts"],
    ]
    last = shop_with_ada.sent[-1].request["RequestItems"]["test-accounts"]
    assert last["ConsistentRead"] is True


def test_keys_that_are_never_processed_end_as_busy_and_not_as_missing(
    shop_with_ada: Wire, pauses: list[float]
) -> None:
    shop_with_ada.always("BatchGetItem", unprocessed(shop_with_ada, {"test-settings"}))
    with pytest.raises(Busy):
        batch_get(KEYS, deadline=soon())
    assert len(shop_with_ada.sent) == MAX_ATTEMPTS


# --- pauses -----------------------------------------------------------------------------------


def test_pauses_double_up_to_a_cap(
    shop_with_ada: Wire, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    shop_with_ada.always("BatchGetItem", error("ThrottlingException"))
    with pytest.raises(Busy):
        batch_get(KEYS, deadline=soon())
    assert len(pauses) >= MAX_ATTEMPTS - 1
    assert BASE_PAUSE_S <= pauses[0] <= 2 * BASE_PAUSE_S
    for before, after in pairwise(pauses[: MAX_ATTEMPTS - 1]):
        assert after == pytest.approx(min(MAX_PAUSE_S, 2 * before))
    assert max(pauses) == MAX_PAUSE_S


def test_pauses_are_jittered_over_their_whole_length(
    shop_with_ada: Wire, pauses: list[float]
) -> None:
    """Callers who collided must not collide again in step."""
    shop_with_ada.always("BatchGetItem", error("ThrottlingException"))
    for _ in range(12):
        with pytest.raises(Busy):
            batch_get(KEYS, deadline=soon())
    longest = [min(MAX_PAUSE_S, BASE_PAUSE_S * 2 ** (n + 1)) for n in range(MAX_ATTEMPTS)]
    rounds = len(pauses) // 12
    shares = [pause / longest[n % rounds] for n, pause in enumerate(pauses)]
    assert all(0 <= share <= 1 for share in shares)
    assert min(shares) < 0.2
    assert max(shares) > 0.8
    assert len(set(shares)) > len(shares) // 2


def test_a_write_with_fresh_rows_waits_for_nobody(shop_with_ada: Wire, pauses: list[float]) -> None:
    """It would only let them grow stale again; after a conflict it waits as ever."""
    shop.register("grace")
    shop.open_account("grace", "0.00")
    earlier = Meanwhile(lambda: shop.send("t-1", "ada", "grace", "1.00"))
    again = Meanwhile(lambda: shop.send("t-2", "ada", "grace", "1.00"))
    shop_with_ada.plan("TransactWriteItems", earlier, again)
    assert shop.send("t-3", "ada", "grace", "1.00").written
    assert pauses == []
    conflict = cancelled("None", "TransactionConflict", "None", "None", "None")
    later = Meanwhile(lambda: shop.send("t-4", "ada", "grace", "1.00"))
    shop_with_ada.plan("TransactWriteItems", conflict, later)
    assert shop.send("t-5", "ada", "grace", "1.00").written
    assert len(pauses) == 1
    assert pauses[0] <= 2 * BASE_PAUSE_S


def test_no_pause_reaches_past_the_deadline(shop_with_ada: Wire, pauses: list[float]) -> None:
    shop_with_ada.always("BatchGetItem", error("ThrottlingException"))
    deadline = time.monotonic() + 0.05
    with pytest.raises(Busy):
        batch_get(KEYS, deadline=deadline)
    assert max(pauses) <= 0.05


def test_a_request_ends_at_its_deadline(shop_with_ada: Wire) -> None:
    shop_with_ada.always("BatchGetItem", error("ThrottlingException"))
    started = time.monotonic()
    with pytest.raises(Busy):
        batch_get(KEYS, deadline=started + 0.2)
    assert 0.2 <= time.monotonic() - started < 3
    assert len(shop_with_ada.sent) < MAX_ATTEMPTS


# --- writes -----------------------------------------------------------------------------------


def setting(name: str, value: str = "1") -> SettingRow:
    return SettingRow(channel="demo", name=name, value=value, by="staff:test", at_ms=1)


def test_one_write_alone_is_a_plain_request_and_costs_half(wire: Wire) -> None:
    wire.weighs = True
    transact_write([put(setting("x"))])
    assert wire.operations == ["PutItem"]
    assert wire.cost == (1, 1)


def test_a_refused_write_alone_shows_the_row_that_stands_in_the_way(wire: Wire) -> None:
    transact_write([put(setting("x", "old"))])
    with pytest.raises(Refused) as caught:
        transact_write([put(setting("x", "new"), SettingRow.value == "other")])
    shown = caught.value.items[setting_key("demo", "x").identity]
    assert shown is not None
    assert shown["value"] == {"S": "old"}


def test_a_refused_write_of_a_row_that_is_not_there_shows_nothing(wire: Wire) -> None:
    with pytest.raises(Refused) as caught:
        transact_write([put(setting("x"), SettingRow.value == "other")])
    assert caught.value.items == {setting_key("demo", "x").identity: None}


def test_a_cancelled_transaction_shows_the_rows_in_the_way_and_only_those(wire: Wire) -> None:
    transact_write([put(setting("x", "old"))])
    actions = [
        put(setting("y"), SettingRow.name.does_not_exist()),
        put(setting("x"), SettingRow.value == "other"),
        put(setting("z"), SettingRow.value == "other"),
    ]
    with pytest.raises(Refused) as caught:
        transact_write(actions)
    shown = caught.value.items
    assert set(shown) == {setting_key("demo", name).identity for name in "xz"}
    assert shown[setting_key("demo", "z").identity] is None
    assert wire.item("test-settings", setting_key("demo", "y").item()) is None


@pytest.mark.parametrize("reason", ["ItemCollectionSizeLimitExceeded", "ValidationError", "New"])
def test_a_reason_that_we_do_not_know_is_not_taken_for_a_refusal(wire: Wire, reason: str) -> None:
    wire.plan("TransactWriteItems", cancelled("ConditionalCheckFailed", reason))
    with pytest.raises(VerboseClientError):
        transact_write([put(setting("x")), put(setting("y"))])


def test_the_channel_is_a_row_that_no_setting_can_name(shop_with_ada: Wire) -> None:
    assert CHANNEL not in shop.stored_settings()

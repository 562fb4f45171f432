"""What is put once is never written again: seen on the wire, over everything that a shop does.

`PutItem` itself replaces, so the condition is all that keeps the ledger from being rewritten.
"""

import re

import pytest

from chalicelib import ledger, registry
from chalicelib.core.errors import AccountExists, IdConflict, InsufficientCredit
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.store.tables import PUT_ONCE, ROWS, key_names, noun
from tests.core.made import CARD
from tests.store.kept import REPORT
from tests.store.wire import Json, Sent, Silence, Wire, error
from tests.verbs import shop

HASH_KEYS = {noun(row): key_names(row)[0] for row in ROWS}


def whole_scenario(wire: Wire) -> None:
    """Do everything there is to do, with replays, refusals, contention and lost answers."""
    shop.open_shop()
    for _ in range(2):
        shop.register("ada", "grace", "treasury")
        registry.register_user(shop.call(), shop.CHANNEL, "grace", "hopper@example.com")
        registry.end_sessions(shop.call(), shop.CHANNEL, "grace", 5)
        shop.open_account("treasury", "1000.00", debit=True, key="key-1")
        shop.open_account("ada", "0", key="key-2")
        shop.open_account("grace", "0", account_id="grace-try", key="key-3")
        shop.send("t-1", "treasury", "ada", "100.00")
    with pytest.raises(AccountExists):
        shop.open_account("ada", "5.00")
    with pytest.raises(IdConflict):
        shop.send("t-1", "treasury", "ada", "99.00")
    with pytest.raises(InsufficientCredit):
        shop.send("t-2", "ada", "grace", "500.00")
    wire.plan("TransactWriteItems", Silence(done=True), error("ThrottlingException"), None)
    shop.send("t-3", "ada", "grace", "5.00")
    pay_an_order("basket-1")
    pay_an_order("basket-2")
    hold_and_undo()
    ledger.list_activities(shop.call(), shop.key_of("ada"), limit=50, start=None)


def hold_and_undo() -> None:
    for _ in range(2):
        shop.hold("h-1", "treasury")
        shop.hold("h-2", "treasury")
        shop.capture("h-1", "treasury", "6.00")
        shop.void("h-2", "treasury")
        shop.refund_hold("r-1", "h-1", "1.00", "treasury")
        shop.refund_order("r-1", "1.00")
        shop.adjust("a-1")
        shop.reverse("t-3")
        ledger.keep_audit(shop.call(), REPORT)


def pay_an_order(reference: str) -> None:
    shop.open_checkout("ada", reference=reference)
    shop.visit("ada", PageEvent.SELECT_OPTION, str(CARD.pk))
    shop.visit("ada", PageEvent.ENTER_BIN, "545454")
    shop.visit("ada", PageEvent.CHOOSE_INSTALLMENT, "1")
    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
    for _ in range(2):
        assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER


def put_once_members(sent: Sent) -> list[tuple[str, str, Json]]:
    """Return the writes of a request that touch put-once tables: table, verb, content."""
    if sent.operation.startswith(("Transact", "Put", "Update", "Delete")):
        found = [(c["TableName"].removeprefix("test-"), verb, c) for verb, c in sent.members]
        return [member for member in found if member[0] in PUT_ONCE]
    assert sent.operation in {"BatchGetItem", "Query"}, "an operation that nobody has looked at"
    return []


@pytest.fixture
def written(wire: Wire) -> list[tuple[str, str, Json]]:
    whole_scenario(wire)
    writes = [sent for sent in wire.sent if sent.operation != "TransactGetItems"]
    return [member for sent in writes for member in put_once_members(sent)]


def test_every_put_to_a_put_once_table_is_refused_where_its_key_exists(
    written: list[tuple[str, str, Json]],
) -> None:
    assert {table for table, _, _ in written} == PUT_ONCE
    for table, verb, content in written:
        assert verb == "Put"
        match = re.fullmatch(r"attribute_not_exists \((#\w+)\)", content["ConditionExpression"])
        assert match is not None, content["ConditionExpression"]
        assert content["ExpressionAttributeNames"][match[1]] == HASH_KEYS[table]
        assert content["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_everything_that_was_put_once_is_still_there_as_it_was_put(
    wire: Wire, written: list[tuple[str, str, Json]]
) -> None:
    """Of several puts of one key, tried again after a fault, it is one of them that stands."""
    stored = wire.everything()
    puts = [(table, content["Item"]) for table, _, content in written]
    for table in PUT_ONCE:
        assert stored[f"test-{table}"]
        for item in stored[f"test-{table}"]:
            assert (table, item) in puts

import re

import pytest

from chalicelib.core.transfers import Wanted, decide
from chalicelib.store import transfers
from chalicelib.store.actions import Key
from chalicelib.store.tables import (
    PUT_ONCE,
    ROWS,
    AccountRow,
    BasketRow,
    PreOrderRow,
    SettingRow,
    create_missing,
    definitions,
    key_names,
    noun,
)
from tests.core.made import account
from tests.store.wire import Wire

DEFINED = {table["TableName"].removeprefix("p-"): table for table in definitions("p-")}


def test_every_table_is_declared_once_with_its_keys() -> None:
    assert len(DEFINED) == len(ROWS)
    assert {
        name: tuple(key["AttributeName"] for key in t["KeySchema"]) for name, t in DEFINED.items()
    } == {
        "settings": ("channel", "name"),
        "users": ("user",),
        "user_emails": ("address",),
        "accounts": ("user", "currency"),
        "account_ids": ("id",),
        "entries": ("account", "at_seq"),
        "transfers": ("id",),
        "holds": ("account", "id"),
        "refunds": ("sale",),
        "pre_orders": ("user", "currency"),
        "orders": ("id",),
        "order_contents": ("user", "reference"),
        "audits": ("channel", "at"),
        "distributions": ("id", "part"),
        "reconciliations": ("id", "part"),
        "sandbox_charges": ("key",),
    }
    for row in ROWS:
        keys = DEFINED[noun(row)]["KeySchema"]
        assert [key["AttributeName"] for key in keys] == key_names(row)
        assert [key["KeyType"] for key in keys] == ["HASH", "RANGE"][: len(keys)]


def test_put_once_tables_exist_and_are_those_of_the_ledger() -> None:
    assert {"account_ids", "entries", "transfers", "orders", "audits"} == PUT_ONCE
    assert set(DEFINED) >= PUT_ONCE


def test_tables_are_paid_by_request() -> None:
    assert {table["BillingMode"] for table in DEFINED.values()} == {"PAY_PER_REQUEST"}


def test_a_movement_writes_no_index(tables: None) -> None:
    """The index of accounts projects its keys alone, and no update of a row touches those."""
    indexes = DEFINED["accounts"]["GlobalSecondaryIndexes"]
    assert [index["Projection"] for index in indexes] == [{"ProjectionType": "KEYS_ONLY"}]
    indexed = {key["AttributeName"] for index in indexes for key in index["KeySchema"]}
    wanted = Wanted("demo", "t", 1, None, "s")
    updates = [
        action.request
        for action in transfers.post(decide(wanted, account(), account("grace"), 9_000))
        if noun(action.key.row) == "accounts"
    ]
    assert len(updates) == 2
    for update in updates:
        marks = set(re.findall(r"#\w+", update["UpdateExpression"]))
        changed = {update["ExpressionAttributeNames"][mark] for mark in marks}
        assert changed
        assert changed & (indexed | {"user", "currency", "account_id"}) == set()


@pytest.mark.parametrize("value", [1.0, 1.5, True, "1", None])
def test_nothing_but_a_whole_number_is_stored_as_one(value: object) -> None:
    with pytest.raises(AssertionError, match="at_ms must be an int"):
        SettingRow.at_ms.serialize(value)  # type: ignore[arg-type]  # the very thing that must fail


@pytest.mark.parametrize("value", [0, -1, 10**15 - 1, -(10**30)])
def test_a_whole_number_comes_back_exactly(value: int) -> None:
    assert SettingRow.at_ms.deserialize(SettingRow.at_ms.serialize(value)) == value


def test_a_basket_shares_its_pre_orders_table_and_not_its_key() -> None:
    assert noun(BasketRow) == noun(PreOrderRow)
    one, other = Key(PreOrderRow, "demo#ada", "TRY"), Key(BasketRow, "demo#ada", "TRY#basket")
    assert one.identity != other.identity


def test_the_same_key_is_the_same_row_whichever_class_reads_it() -> None:
    assert Key(AccountRow, "a", "TRY").identity != Key(PreOrderRow, "a", "TRY").identity
    assert Key(BasketRow, "a", "TRY").identity == Key(PreOrderRow, "a", "TRY").identity


def test_tables_are_made_only_where_they_are_missing(wire: Wire) -> None:
    assert create_missing() == []
    wire.ask("DeleteTable", {"TableName": "test-orders"})
    assert create_missing() == ["test-orders"]


def test_tables_are_found_beyond_the_first_page_of_names(wire: Wire) -> None:
    """An engine names a hundred tables at a time, and others' may come first."""
    others = [f"other-{number:03d}" for number in range(100)]
    for name in others:
        wire.ask("CreateTable", {**DEFINED["orders"], "TableName": name})
    assert create_missing() == []
    for name in others:
        wire.ask("DeleteTable", {"TableName": name})

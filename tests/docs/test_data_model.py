"""docs/data-model.md describes every table as it is declared, and its examples are true."""

import json
import math
import re
from dataclasses import asdict
from typing import Any

import pytest
from pynamodb.attributes import Attribute
from pynamodb.models import Model

from chalicelib.core.accounts import AccountKey, Entry, entry_hash
from chalicelib.core.reconciliations import Totals
from chalicelib.store.tables import (
    PUT_ONCE,
    ROWS,
    BasketRow,
    ChunkRow,
    ListRow,
    ReconciliationPieceRow,
    definitions,
    noun,
)
from tests.docs.documents import document, headings, name, names, section, table

MODEL = document("data-model.md")
ONE_KB = 1024

PAYMENT_KEY = f"{'c' * 64}:{'r' * 128}:{2**48 - 1}:99"

TOTALS = json.dumps([asdict(Totals("TRY", 50_000, 10**9, 10**5, 10**9))], separators=(",", ":"))

LONG_TEXT: dict[str, str | None] = {
    "account": f"{'c' * 64}#{'u' * 64}#TRY",
    "address": f"{'c' * 64}#{'e' * 254}",
    "at": "9" * 13,
    "at_seq": "9" * 23,
    "bad_reasons": '{"duplicate_account": 12000, "unknown_account": 8000}',
    "bin_number": "1" * 8,
    "content": "",
    "content_hash": "0" * 64,
    "currency": "TRY",
    "failed_payment": "declined",
    "gateway": "sandbox",
    "currency_account_id": f"TRY#{'a' * 64}",
    "email": "e" * 254,
    "entry_hash": "0" * 64,
    "hash": "0" * 64,
    "id": f"{'c' * 64}#{'i' * 64}",
    "key": PAYMENT_KEY,
    "kind": "transfer",
    "list_id": "0" * 16,
    "note": "n" * 256,
    "outcome": "approved",
    "part": "job",
    "paying": "yes",
    "payment_key": PAYMENT_KEY,
    "payment_state": "paid",
    "payment_type": "credit_card",
    "place": f"TRY#{'a' * 64}#{'u' * 64}",
    "preview_id": "0" * 16,
    "reference": "r" * 128,
    "report": "",
    "result_id": "0" * 16,
    "state": "completed",
    "totals": TOTALS,
    "user": f"{'c' * 64}#{'u' * 64}",
    "user_email": "e" * 254,
}
"""The longest text of an attribute; 64 characters where nothing else is said."""

BESIDES: dict[str, list[type[Model]]] = {
    "distributions": [ChunkRow, ListRow],
    "pre_orders": [BasketRow],
    "reconciliations": [ReconciliationPieceRow],
}
"""Rows that lie beside those that their table is named after."""

CHANNEL = "c" * 64
PAYMENT = f"order:{'r' * 128}"
CAPTURE = f"capture:{'a' * 64}:checkout:{'r' * 128}:99"
REFUND = f"refund:{CAPTURE}:{'i' * 64}"

VARIANTS: dict[str, list[dict[str, str | None]]] = {
    "entries": [
        {"order": None},
        {"note": None, "order": "r" * 128, "transfer_id": REFUND, "kind": "refund"},
    ],
    "transfers": [
        {"order": None},
        {"note": None, "order": "r" * 128, "id": f"{CHANNEL}#{REFUND}", "kind": "refund"},
    ],
    "account_ids": [{"id": f"{CHANNEL}#key:{'0' * 64}"}],
    "holds": [{"id": f"checkout:{'r' * 128}:99", "order": "r" * 128}],
    "refunds": [{"sale": f"{CHANNEL}#{CAPTURE}"}],
    "orders": [
        {"id": f"{CHANNEL}#{'r' * 128}"},
        {
            "id": f"{CHANNEL}#{'r' * 128}",
            "payment_key": None,
            "payment_state": "awaiting_payment",
            "payment_type": "funds_transfer",
        },
    ],
    "pre_orders": [{"state": "paying"}],
    "reconciliations": [{"place": None, "at_seq": None}, {"result_id": None, "totals": "[]"}],
}
"""What differs between rows of one table: a transfer has a note, a payment has an order."""


def rows_of(table_noun: str) -> list[type[Model]]:
    rows = [row for row in ROWS if noun(row) == table_noun]
    return [*rows, *BESIDES.get(table_noun, [])]


def attributes_of(row: type[Model]) -> dict[str, str]:
    """Return each attribute with its type and role, as the document writes them."""
    described: dict[str, str] = {}
    for attribute in row.get_attributes().values():
        role = ", hash key" if attribute.is_hash_key else ""
        role = ", range key" if attribute.is_range_key else role
        described[attribute.attr_name] = attribute.attr_type + "?" * bool(attribute.null) + role
    return described


def largest(attribute: Attribute[Any], texts: dict[str, str | None]) -> Any:
    """Return the largest value that an attribute can take."""
    if attribute.attr_type == "BOOL":
        return True
    if attribute.attr_type == "M":
        return ()  # what open holds add is said in a sentence, and tested beside the store
    if attribute.attr_type == "N":
        return -(10**18)
    return texts.get(attribute.attr_name, "x" * 64)


def largest_bytes(row: type[Model]) -> int:
    """Return the size of the largest row of a table."""
    attributes = row.get_attributes()
    return max(
        bytes_of(row(**{a: largest(attributes[a], LONG_TEXT | variant) for a in attributes}))
        for variant in VARIANTS.get(noun(row), [{}])
    )


def bytes_of(row: Model) -> int:
    """Return a row's size by DynamoDB's published rule: names and values, two digits a byte."""
    size = 0
    for attribute, typed in row.serialize().items():
        ((kind, value),) = typed.items()
        size += len(attribute.encode())
        if kind == "S":
            size += len(value.encode())
        elif kind == "N":
            size += 2 + math.ceil(len(value.strip("-")) / 2)
        else:
            size += 3 if kind == "M" else 1
    return size


each_table = pytest.mark.parametrize("table_noun", [noun(row) for row in ROWS])


def test_the_tables_described_are_those_declared() -> None:
    described = headings(section(MODEL, "Tables"), 3)
    assert sorted(described) == sorted(f"`{noun(row)}`" for row in ROWS)


@each_table
def test_a_table_describes_each_attribute_with_type_and_key(table_noun: str) -> None:
    text = section(MODEL, f"`{table_noun}`")
    for number, row in enumerate(rows_of(table_noun)):
        described = table(text, "attribute", "type", number=number)
        assert {name(a): kind for a, kind, _ in described} == attributes_of(row)
    assert text.count("| attribute |") == len(rows_of(table_noun))


@each_table
def test_a_table_describes_its_indexes(table_noun: str) -> None:
    said = re.findall(
        r"^Index `(\w+)`: hash `(\w+)`, range `(\w+)`, (all attributes|keys only)\.",
        section(MODEL, f"`{table_noun}`"),
        re.MULTILINE,
    )
    (declared,) = (d for d in definitions("") if d["TableName"] == table_noun)
    projections = {"ALL": "all attributes", "KEYS_ONLY": "keys only"}
    assert said == [
        (
            index["IndexName"],
            *(key["AttributeName"] for key in index["KeySchema"]),
            projections[index["Projection"]["ProjectionType"]],
        )
        for index in declared.get("GlobalSecondaryIndexes", [])
    ]


@each_table
def test_a_table_says_whether_its_rows_are_put_once(table_noun: str) -> None:
    said = section(MODEL, f"`{table_noun}`").strip().startswith("Put once")
    assert said == (table_noun in PUT_ONCE)


def test_put_once_tables_are_listed() -> None:
    listed = re.search(r"^Put-once tables: ([^.]+)\.", section(MODEL, "Put once"), re.MULTILINE)
    assert listed is not None
    assert set(names(listed[1])) == PUT_ONCE


def test_conditions_name_existing_tables() -> None:
    rows = table(section(MODEL, "Conditions"), "write", "to")
    assert {names(to)[0] for _, to, _ in rows} == {noun(row) for row in ROWS}


def test_the_example_of_the_hash_chain_is_true() -> None:
    text = section(MODEL, "The hash chain")
    example = re.search(r"```json\n(.+)\n```", text)
    said = re.search(r"```text\n([0-9a-f]{64})\n```", text)
    assert example is not None
    assert said is not None
    before, channel, user_pk, currency, *content = json.loads(example[1])
    fields = (
        "seq at_ms amount balance_after kind counterparty transfer_id order note".split()  # noqa: SIM905
    )
    entry = Entry(
        account=AccountKey(channel, user_pk, currency),
        hash="",
        **dict(zip(fields, content, strict=True)),
    )
    assert entry_hash(entry, before) == said[1]


def test_the_sizes_are_those_of_the_largest_rows() -> None:
    said = {names(row)[0]: int(size) for row, size in table(MODEL, "row", "bytes")}
    assert said == {noun(row): largest_bytes(row) for row in ROWS if noun(row) != "settings"}
    # An order holds its basket besides, so it begins a second kilobyte in any case.
    assert max(size for row, size in said.items() if row != "orders") < ONE_KB

import dataclasses
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.accounts import (
    FIRST_HASH,
    AccountKey,
    Entry,
    Opening,
    append_entry,
    as_opened,
    covers,
    entry_hash,
)
from tests.core.made import account, new_account

ENTRY = Entry(
    account=AccountKey("demo", "ada", "TRY"),
    seq=3,
    at_ms=1_700_000_000_000,
    amount=-150,
    balance_after=850,
    kind="transfer",
    counterparty="a-grace",
    transfer_id="t-1",
    order=None,
    note=None,
    hash="",
)
OTHER: dict[str, list[Any]] = {
    "account": [
        AccountKey("demo2", "ada", "TRY"),
        AccountKey("demo", "grace", "TRY"),
        AccountKey("demo", "ada", "USD"),
        AccountKey("dem", "oada", "TRY"),
    ],
    "seq": [2, 4, 0],
    "at_ms": [1_700_000_000_001],
    "amount": [150, -151, 0],
    "balance_after": [-850, 851],
    "kind": ["opening", "order"],
    "counterparty": ["a-alan", "house:SALE"],
    "transfer_id": ["t-2", ""],
    "order": ["basket", "null", ""],
    "note": ["thanks", "null", ""],
}
"""For every field that the hash covers, values that differ from the entry's."""


def test_the_fields_that_a_hash_covers_are_all_but_itself() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(Entry)} - {"hash"}


@pytest.mark.parametrize(
    ("field", "value"), [(f, v) for f, values in OTHER.items() for v in values]
)
def test_changing_any_field_of_an_entry_changes_its_hash(field: str, value: Any) -> None:
    changed = dataclasses.replace(ENTRY, **{field: value})
    assert entry_hash(changed, "before") != entry_hash(ENTRY, "before")


def test_a_hash_depends_on_the_hash_before_it() -> None:
    assert entry_hash(ENTRY, "before") != entry_hash(ENTRY, "before2")
    assert entry_hash(ENTRY, FIRST_HASH) != entry_hash(ENTRY, "before")


def test_text_moved_from_one_field_to_the_next_changes_the_hash() -> None:
    one = dataclasses.replace(ENTRY, counterparty="ab", transfer_id="c")
    two = dataclasses.replace(ENTRY, counterparty="a", transfer_id="bc")
    three = dataclasses.replace(ENTRY, counterparty='ab","c', transfer_id="")
    assert len({entry_hash(entry, "") for entry in (one, two, three)}) == 3


def test_the_hash_is_the_sha_256_of_the_documented_text() -> None:
    """An auditor must be able to compute it without our code, for ever."""
    text = (
        '["before","demo","ada","TRY",3,1700000000000,-150,850,'
        '"transfer","a-grace","t-1",null,"für Ada"]'
    )
    entry = dataclasses.replace(ENTRY, note="für Ada")
    assert entry_hash(entry, "before") == hashlib.sha256(text.encode()).hexdigest()


@given(
    available=st.integers(-(10**15), 10**15),
    held=st.integers(0, 10**15),
    amount=st.integers(-(10**15), 10**15),
    seq=st.integers(0, 10**9),
)
def test_an_entry_carries_the_next_number_and_the_balance_after_it(
    available: int, held: int, amount: int, seq: int
) -> None:
    before = account(available=available, held=held, seq=seq)
    entry = append_entry(
        before, amount=amount, at_ms=5, kind="transfer", counterparty="b", transfer_id="t"
    )
    assert entry.seq == seq + 1
    assert entry.balance_after == available + held + amount
    assert entry.hash == entry_hash(entry, before.entry_hash)
    assert (entry.account, entry.at_ms, entry.amount) == (before.key, 5, amount)


def test_an_entry_keeps_order_and_note() -> None:
    entry = append_entry(
        account(),
        amount=-1,
        at_ms=5,
        kind="order",
        counterparty="house:SALE",
        transfer_id="order:b",
        order="b",
        note="thanks",
    )
    assert (entry.order, entry.note, entry.kind) == ("b", "thanks", "order")


def test_the_balance_is_available_and_held_together() -> None:
    assert account(available=300, held=200).balance == 500
    assert account(available=-300, held=200).balance == -100


@pytest.mark.parametrize(
    ("available", "held", "debit", "amount", "good"),
    [
        (100, 0, False, 100, True),
        (100, 0, False, 101, False),
        (100, 500, False, 101, False),
        (0, 0, False, 1, False),
        (0, 0, True, 10**15, True),
        (-5, 0, True, 1, True),
        (-5, 0, False, 1, False),
    ],
)
def test_an_account_gives_what_is_available_and_more_only_with_debit_allowed(
    available: int, held: int, debit: bool, amount: int, good: bool
) -> None:
    found = account(available=available, held=held, debit_allowed=debit)
    assert covers(found, amount) is good


def test_an_account_as_opened_forgets_every_later_movement() -> None:
    opened = account(available=700, held=50, opening=Opening(900, "key"))
    first = as_opened(opened)
    assert (first.available, first.held, first.balance) == (900, 0, 900)
    assert as_opened(new_account(available=300)).balance == 0

"""The greatest rows that can be made stay within the kilobyte that a budget pays for.

A row of 1,025 bytes costs twice as much to write as one of 1,024.
"""

from typing import Final

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.auth import Shopper, Staff
from chalicelib.core.accounts import Account, AccountKey, Opening
from chalicelib.core.money import MAX_MINOR
from chalicelib.core.pre_orders import ORDER_ID_BITS, PreOrder
from chalicelib.core.transfers import Movement, Wanted, decide, open_with_credit, pay_order
from chalicelib.core.users import Email, User
from chalicelib.store import accounts, pre_orders, transfers, users
from chalicelib.store.actions import Action
from chalicelib.store.tables import ROWS, noun
from tests.store.wire import size_of

NAME: Final = "n" * 64
REFERENCE: Final = "r" * 128
NOTE: Final = "ş" * 128
LAST_MS: Final = 9_999_999_999_999
BALANCE: Final = -(10**17) - 1
"""Far below what the largest amounts add up to in a lifetime."""

SUBJECTS: Final = ["x" * 58, "x" * 500, "ş" * 58, "\U0001f642" * 58, "\U0001f642" * 500]
"""Subjects of tokens: a JWT may hold any text."""

UNBOUNDED: Final = {"settings", "orders"}
"""A list of payment options, and an order's basket, are as large as the shop makes them."""

WHOLE_NAME: Final = Shopper(NAME, NAME, 0, 0)


def account(by: str, user_pk: str = NAME) -> Account:
    return Account(
        key=AccountKey(NAME, user_pk, "TRY"),
        account_id=user_pk,
        available=BALANCE,
        held=MAX_MINOR,
        seq=9_999_999_998,
        entry_ms=LAST_MS,
        entry_hash="f" * 64,
        debit_allowed=True,
        opening=Opening(MAX_MINOR, "k" * 64),
        created_ms=LAST_MS,
        by=by,
    )


def transfer(by: str) -> Movement:
    wanted = Wanted(NAME, "t" * 64, MAX_MINOR, NOTE, by)
    return decide(wanted, account(by), account(by, "m" * 64), LAST_MS)


def payment(by: str) -> Movement:
    return pay_order(
        account(by),
        reference=REFERENCE,
        amount=MAX_MINOR,
        may_overdraw=True,
        now_ms=LAST_MS,
        by=by,
    )


def opening(by: str) -> Movement:
    return open_with_credit(account(by), MAX_MINOR)


def checkout() -> PreOrder:
    return PreOrder(
        channel=NAME,
        user_pk=NAME,
        currency="TRY",
        reference=REFERENCE,
        content_hash="f" * 64,
        total=MAX_MINOR,
        shipping=MAX_MINOR,
        loyalty=MAX_MINOR,
        payment_option=999_999,
        bin_number="9" * 8,
        installment=999_999,
        state="completed",
        order_id=2**ORDER_ID_BITS - 1,
        opened_ms=LAST_MS,
        completed_ms=LAST_MS,
        rev=999_999_999,
    )


def user(email: str) -> User:
    return User(NAME, NAME, email, LAST_MS, LAST_MS)


EMAIL: Final = "e" * 242 + "@example.com"
UNICODE_EMAIL: Final = "\U0001f642" * 242 + "@example.com"


def everything(by: str) -> list[Action]:
    """Return the put of the greatest row of each kind, as this one would make it."""
    movements = (transfer(by), payment(by), opening(by))
    return [
        *users.register(user(EMAIL), by),
        *(action for action in accounts.put_account(account(by), "k" * 64) if action.verb == "Put"),
        *(action for m in movements for action in transfers.post(m) if action.verb == "Put"),
        pre_orders.put_pre_order(checkout(), seen_rev=1),
    ]


def test_every_table_is_bounded_or_known_not_to_be(tables: None) -> None:
    bounded = {noun(action.key.row) for action in everything("staff:x")}
    assert bounded | UNBOUNDED == {noun(row) for row in ROWS}
    assert bounded & UNBOUNDED == set()


@pytest.mark.parametrize("subject", SUBJECTS, ids=["fits", "long", "accents", "emoji", "both"])
def test_the_greatest_row_of_a_table_is_within_a_kilobyte(tables: None, subject: str) -> None:
    by = Staff(subject, frozenset(), frozenset()).by
    sizes = {(noun(a.key.row), size_of(a.request["Item"])) for a in everything(by)}
    assert {(table, size) for table, size in sizes if size > 1024} == set()


@pytest.mark.parametrize("subject", SUBJECTS, ids=["fits", "long", "accents", "emoji", "both"])
def test_who_did_it_is_stored_in_64_bytes(subject: str) -> None:
    assert len(Staff(subject, frozenset(), frozenset()).by.encode()) <= 64


def test_a_shopper_who_did_it_is_stored_in_64_bytes_too() -> None:
    assert len(WHOLE_NAME.by.encode()) <= 64


def test_an_address_that_the_model_admits_fits_a_kilobyte(tables: None) -> None:
    """Its bound must count bytes: registering and opening an account are paid by them."""
    address = TypeAdapter(Email)
    assert address.validate_python(EMAIL) == EMAIL
    try:
        address.validate_python(UNICODE_EMAIL)
    except ValidationError:
        return
    for action in users.register(user(UNICODE_EMAIL), "staff:test"):
        assert size_of(action.request["Item"]) <= 1024


def test_two_shoppers_are_told_apart_by_who_did_it_however_long_their_names() -> None:
    """Cutting a name must not make two users' deeds look like one's."""
    one, two = Shopper(NAME, "x" * 63 + "1", 0, 0), Shopper(NAME, "x" * 63 + "2", 0, 0)
    assert one.by != two.by

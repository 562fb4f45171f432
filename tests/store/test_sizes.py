"""The greatest rows that can be made stay within the kilobyte that a budget pays for.

A row of 1,025 bytes costs twice as much to write as one of 1,024.
"""

import dataclasses
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.auth import Shopper, Staff
from chalicelib.core.accounts import MAX_OPEN_HOLDS, Account, AccountKey, OpenHold, Opening
from chalicelib.core.distributions import Chunk
from chalicelib.core.holds import Hold, HoldState
from chalicelib.core.money import MAX_MINOR
from chalicelib.core.payments import Outcome, payment_of
from chalicelib.core.pre_orders import ORDER_ID_BITS, Charge, Order, OrderContents, PreOrder
from chalicelib.core.transfers import (
    Movement,
    Wanted,
    capture,
    capture_id,
    decide,
    open_with_credit,
    pay_order,
    refund,
    refund_id,
)
from chalicelib.core.users import Email, User
from chalicelib.store import accounts, orders, pre_orders, sandbox, transfers, users
from chalicelib.store.actions import Action, put_once
from chalicelib.store.distributions import put_chunk
from chalicelib.store.holds import put_hold
from chalicelib.store.tables import ROWS, RefundRow, noun
from tests.store.wire import size_of

NAME: Final = "n" * 64
REFERENCE: Final = "r" * 128
NOTE: Final = "ş" * 128
LAST_MS: Final = 9_999_999_999_999
BALANCE: Final = -(10**17) - 1
"""Far below what the largest amounts add up to in a lifetime."""

SUBJECTS: Final = ["x" * 58, "x" * 500, "ş" * 58, "\U0001f642" * 58, "\U0001f642" * 500]
"""Subjects of tokens: a JWT may hold any text."""

UNBOUNDED: Final = {"settings", "order_contents", "audits", "distributions", "reconciliations"}
"""Payment options, baskets, faults of an audit and uploaded lists are as large as they are."""

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


def hold(by: str) -> Hold:
    return Hold(
        account=AccountKey(NAME, NAME, "TRY"),
        id=f"checkout:{REFERENCE}:99",
        amount=MAX_MINOR,
        captured=MAX_MINOR,
        state=HoldState.CAPTURED,
        order=REFERENCE,
        expires_ms=LAST_MS,
        created_ms=LAST_MS,
        by=by,
        ended_ms=LAST_MS,
        ended_by=by,
    )


def captured(by: str) -> Movement:
    kept = hold(by).on_account
    wanted = Wanted(NAME, capture_id(NAME, kept.id), MAX_MINOR, None, by, REFERENCE)
    return capture(account(by), kept, wanted, LAST_MS)


def refunded(by: str) -> Movement:
    name = refund_id(capture_id(NAME, hold(by).id), NAME)
    return refund(account(by), Wanted(NAME, name, MAX_MINOR, None, by, REFERENCE), LAST_MS)


def whole_refund() -> Action:
    """Return the greatest row of refunds as a put; in life an update makes it."""
    sale = capture_id(NAME, hold("x").id)
    return put_once(RefundRow(sale=f"{NAME}#{sale}", refunded=MAX_MINOR))


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
        installment_price=11 * MAX_MINOR,
        bank_account=999_999,
        state="paying",
        attempt=999_999,
        charge=Charge("sandbox", 11 * MAX_MINOR, 48, LAST_MS, "\U0001f642" * 64),
        failed_payment="declined",
        order_id=2**ORDER_ID_BITS - 1,
        opened_ms=LAST_MS,
        completed_ms=LAST_MS,
        rev=999_999_999,
    )


def ordered() -> Action:
    """Return the put of the greatest order, without its contents."""
    order = Order(
        channel=NAME,
        user_pk=NAME,
        currency="TRY",
        reference=REFERENCE,
        order_id=2**ORDER_ID_BITS - 1,
        total=MAX_MINOR,
        shipping=MAX_MINOR,
        loyalty=MAX_MINOR,
        payment_type="funds_transfer",
        # Of letters that take four bytes, 64 would make it a kilobyte and 43 bytes.
        payment_name="ş" * 64,
        payment_state="awaiting_payment",
        charged=11 * MAX_MINOR,
        payment_key=payment_of(checkout()).key,
        completed_ms=LAST_MS,
        contents_hash="f" * 64,
    )
    return orders.put_order(order, OrderContents(EMAIL, "{}", "5" * 32))[0]


def user(email: str) -> User:
    return User(NAME, NAME, email, LAST_MS, LAST_MS)


EMAIL: Final = "e" * 242 + "@example.com"
UNICODE_EMAIL: Final = "\U0001f642" * 242 + "@example.com"


def everything(by: str) -> list[Action]:
    """Return the put of the greatest row of each kind, as this one would make it."""
    movements = (transfer(by), payment(by), opening(by), captured(by), refunded(by))
    return [
        *users.register(user(EMAIL), by),
        *(action for action in accounts.put_account(account(by), "k" * 64) if action.verb == "Put"),
        *(action for m in movements for action in transfers.post(m) if action.verb == "Put"),
        put_hold(hold(by)),
        whole_refund(),
        pre_orders.put_pre_order(checkout(), seen_rev=1),
        ordered(),
        sandbox.put_charge(payment_of(checkout()), Outcome.APPROVED),
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


def held(name: str, holds: int) -> int:
    """Return the size of an account's row with open holds, its other names of usual length."""
    kept = tuple(
        OpenHold(f"{number}{name}"[: len(name)], 10_000, LAST_MS) for number in range(holds)
    )
    usual = dataclasses.replace(
        account("staff:console"),
        key=AccountKey("demo", "1" * 10, "TRY"),
        account_id="a-" + "f" * 24,
        opening=Opening(5000, "f" * 32),
        available=1_000_000,
        held=80_000,
        open_holds=kept,
    )
    return size_of(accounts.put_account(usual, None)[0].request["Item"])


def test_an_account_with_all_holds_open_is_within_a_kilobyte_where_names_are_usual(
    tables: None,
) -> None:
    """Names at their greatest length make it two: docs/decisions says what that costs."""
    assert held("h" * 36, MAX_OPEN_HOLDS) <= 1024
    assert held(f"checkout:{REFERENCE}:99", MAX_OPEN_HOLDS) <= 2048


def test_a_chunk_is_within_a_kilobyte_until_an_undo_finds_much_spent(tables: None) -> None:
    chunk = Chunk(NAME, NAME, 607, "undone", 49, MAX_MINOR, MAX_MINOR, "f" * 64, MAX_MINOR)
    spent = {20_000 - number: 1_000_000 for number in range(49)}

    def size(**changes: Any) -> int:
        changed = dataclasses.replace(chunk, ended_ms=LAST_MS, **changes)
        return size_of(put_chunk(changed, None).request["Item"])

    assert size(failed=dict.fromkeys(range(20_000, 20_010), "account_id_taken")) <= 1024
    assert size(spent=dict(list(spent.items())[:20])) <= 1024
    assert size(spent=spent) <= 2048


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

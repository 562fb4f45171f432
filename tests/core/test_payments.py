"""A card's form, and the names that a payment has at its gateway and in the ledger."""

import dataclasses
import datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import page_errors
from chalicelib.core.names import ID_PATTERN
from chalicelib.core.page_errors import CardRefused
from chalicelib.core.payments import CardForm, check_card, hold_id_of, payment_of
from chalicelib.core.pre_orders import Charge
from tests.core.made import pre_order

TODAY: Final = datetime.date(2026, 3, 31)
GOOD: Final = CardForm("1", "Ada Lovelace", "3", "2026", "4111111111111111", "123")


def form(**changes: str) -> CardForm:
    return dataclasses.replace(GOOD, **changes)


def refused(wrong: CardForm, bin_number: str = "411111") -> set[type[page_errors.PageRefusal]]:
    with pytest.raises(CardRefused) as caught:
        check_card(wrong, bin_number, TODAY)
    return {type(part) for part in caught.value.parts}


def test_a_good_form_is_a_card() -> None:
    card = check_card(GOOD, "411111", TODAY)
    assert (card.number, card.holder, card.month, card.year) == (
        "4111111111111111",
        "Ada Lovelace",
        3,
        2026,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "4111 1111 1111 1111"},
        {"number": "4111-1111-1111-1111"},
        {"month": "03"},
        {"year": "26"},
        {"cvv": "1234"},
        {"holder": " Ada "},
    ],
    ids=str,
)
def test_a_form_may_be_filled_in_as_people_do(changes: dict[str, str]) -> None:
    assert check_card(form(**changes), "411111", TODAY).number == "4111111111111111"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"number": "4111111111111112"}, page_errors.CardNumberRefused),
        ({"number": "41111111111"}, page_errors.CardNumberRefused),
        ({"number": "4" * 20}, page_errors.CardNumberRefused),
        ({"number": ""}, page_errors.CardNumberRefused),
        ({"number": "\u0664111111111111111"}, page_errors.CardNumberRefused),
        ({"number": "5555555555554444"}, page_errors.CardChanged),
        ({"holder": " "}, page_errors.CardHolderRefused),
        ({"holder": "A" * 129}, page_errors.CardHolderRefused),
        ({"holder": "Ada\nLovelace"}, page_errors.CardHolderRefused),
        ({"month": "0"}, page_errors.CardMonthRefused),
        ({"month": "13"}, page_errors.CardMonthRefused),
        ({"month": "may"}, page_errors.CardMonthRefused),
        ({"month": ""}, page_errors.CardMonthRefused),
        ({"month": "2"}, page_errors.CardYearRefused),
        ({"year": "2025"}, page_errors.CardYearRefused),
        ({"year": "2057"}, page_errors.CardYearRefused),
        ({"year": ""}, page_errors.CardYearRefused),
        ({"year": "1e3"}, page_errors.CardYearRefused),
        ({"cvv": "12"}, page_errors.CardCvvRefused),
        ({"cvv": "12345"}, page_errors.CardCvvRefused),
        ({"cvv": "abc"}, page_errors.CardCvvRefused),
    ],
    ids=str,
)
def test_a_wrong_field_is_refused_by_itself(
    changes: dict[str, str], refusal: type[page_errors.PageRefusal]
) -> None:
    assert refused(form(**changes)) == {refusal}


def test_all_wrong_fields_are_named_at_once() -> None:
    assert refused(CardForm("1", "", "", "", "", "")) == {
        page_errors.CardNumberRefused,
        page_errors.CardHolderRefused,
        page_errors.CardMonthRefused,
        page_errors.CardCvvRefused,
    }


@given(place=st.integers(0, 15), digit=st.integers(0, 9))
def test_one_wrong_digit_is_always_found(place: int, digit: int) -> None:
    number = GOOD.number[:place] + str(digit) + GOOD.number[place + 1 :]
    if number == GOOD.number:
        assert check_card(form(number=number), "", TODAY).number == number
    else:
        assert refused(form(number=number), "") == {page_errors.CardNumberRefused}


def test_neither_number_nor_security_code_shows_when_a_card_is_printed() -> None:
    for printed in (repr(GOOD), repr(check_card(GOOD, "411111", TODAY))):
        assert GOOD.number not in printed
        assert "cvv" not in printed


# --- names --------------------------------------------------------------------------------------


def paying(**changes: Any) -> Any:
    charge = Charge("sandbox", 3000, installments=3, begun_ms=5_000, payment_name="Card")
    return pre_order(loyalty=1000, state="paying", attempt=2, charge=charge, **changes)


def test_the_hold_of_a_payment_has_a_name_that_no_caller_may_give() -> None:
    assert hold_id_of(paying()) == "checkout:basket-1:2"
    assert ":" not in ID_PATTERN


def test_a_payment_charges_what_it_began_with() -> None:
    payment = payment_of(paying())
    assert (payment.amount, payment.currency, payment.installments) == (3000, "TRY", 3)


@pytest.mark.parametrize(
    "other",
    [{"channel": "other"}, {"reference": "basket-2"}, {"order_id": 8}],
    ids=str,
)
def test_no_two_payments_have_the_same_key(other: dict[str, Any]) -> None:
    """Two users, or two currencies, may have the same reference; their order ids differ."""
    assert payment_of(paying()).key != payment_of(paying(**other)).key
    again = dataclasses.replace(paying(), attempt=3)
    assert payment_of(paying()).key != payment_of(again).key


def test_an_attempt_that_is_counted_once_more_after_a_restore_has_another_key() -> None:
    first = paying()
    again = dataclasses.replace(first, charge=dataclasses.replace(first.charge, begun_ms=6_000))
    assert payment_of(first).key != payment_of(again).key

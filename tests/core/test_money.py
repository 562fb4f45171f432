import string
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.core.currencies import DIGITS
from chalicelib.core.errors import InvalidAmount, UnknownCurrency
from chalicelib.core.money import (
    MAX_MINOR,
    AmountText,
    add_interest,
    format_amount,
    format_page_amount,
    parse_amount,
    parse_opening,
    parse_page_amount,
    split_evenly,
)

Parse = Callable[[str, str], int]

PARSERS = (parse_amount, parse_opening, parse_page_amount)

currencies = st.sampled_from(sorted(DIGITS))
amounts = st.integers(min_value=1, max_value=MAX_MINOR)

MALFORMED = [
    "",
    " ",
    "10 ",
    " 10",
    "1 0",
    "\n10",
    "10\n",
    "+1",
    "1e3",
    "1E3",
    "0x10",
    "1_000",
    "1,50",
    "1,000.00",
    ".5",
    "5.",
    ".",
    "-",
    "--1",
    "1.2.3",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "-inf",
    "\u0661\u0660",  # Arabic-Indic digits: int() would read them
    "\uff11\uff10",  # full-width digits
    "\u00b2",  # a superscript
    "\u22121",  # a minus sign that is not a hyphen
    "10\u00a0",
    "10 TRY",
    "TRY10",
    "null",
    "true",
    "1" * 16,
    "9" * 400,
    "0." + "0" * 16,
]


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10", "JPY", 10),
        ("999999999999999", "JPY", 999_999_999_999_999),
        ("10", "TRY", 1000),
        ("10.0", "TRY", 1000),
        ("10.00", "TRY", 1000),
        ("0.01", "TRY", 1),
        ("007.50", "TRY", 750),
        ("10", "KWD", 10_000),
        ("10.001", "KWD", 10_001),
        ("0.0001", "CLF", 1),
        ("12.3456", "CLF", 123_456),
    ],
)
def test_an_amount_is_read_to_the_last_minor_unit(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor
    assert parse_opening(text, currency) == minor
    assert parse_page_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("10.1", "JPY"),
        ("10.0", "JPY"),
        ("10.001", "TRY"),
        ("10.000", "TRY"),
        ("10.0001", "KWD"),
        ("10.00001", "CLF"),
    ],
)
def test_an_amount_with_too_many_digits_is_refused_even_if_they_are_zeros(
    text: str, currency: str
) -> None:
    for parse in (parse_amount, parse_opening):
        with pytest.raises(InvalidAmount, match=f"{currency} amounts have at most"):
            parse(text, currency)


@pytest.mark.parametrize("text", MALFORMED)
@pytest.mark.parametrize("parse", PARSERS)
def test_anything_but_a_plain_decimal_is_refused(parse: Parse, text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse(text, "TRY")


@pytest.mark.parametrize("text", ["0", "0.00", "-0", "-0.01", "-1", "-10.00"])
def test_zero_and_less_are_no_amount(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text, "TRY")


@pytest.mark.parametrize("parse", [parse_opening, parse_page_amount])
def test_an_opening_balance_and_a_page_amount_may_be_zero_but_not_less(parse: Parse) -> None:
    assert parse("0", "TRY") == 0
    assert parse("0.00", "TRY") == 0
    with pytest.raises(InvalidAmount, match="negative"):
        parse("-0.01", "TRY")


@pytest.mark.parametrize(
    ("largest", "too_large", "currency"),
    [
        ("999999999999999", "1000000000000000", "JPY"),
        ("9999999999999.99", "10000000000000.00", "TRY"),
        ("999999999999.999", "1000000000000", "KWD"),
    ],
)
def test_an_amount_ends_at_fifteen_digits(largest: str, too_large: str, currency: str) -> None:
    for parse in PARSERS:
        assert parse(largest, currency) == MAX_MINOR
        with pytest.raises(InvalidAmount):
            parse(too_large, currency)


def test_the_largest_amount_is_exact_as_a_json_number() -> None:
    assert float(MAX_MINOR) == MAX_MINOR
    assert MAX_MINOR < 2**53


@pytest.mark.parametrize("currency", ["", "try", "Try", "XXX", "XAU", "AB", "TRYX", "\u0422RY"])
def test_an_amount_of_an_unknown_currency_is_refused(currency: str) -> None:
    for parse in PARSERS:
        with pytest.raises(UnknownCurrency):
            parse("1", currency)
    for print_it in (format_amount, format_page_amount):
        with pytest.raises(UnknownCurrency):
            print_it(1, currency)


@pytest.mark.parametrize("value", [10.1, 10.0, 10, True, None, Decimal("10.10"), b"10", ["10"]])
def test_only_text_enters_as_an_amount(value: object) -> None:
    """A JSON number may have been rounded before it came here."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(AmountText).validate_python(value)
    assert caught.value.errors()[0]["type"] == "amount_not_text"


@pytest.mark.parametrize("value", ["10", "10.0", "1e1", "true", "null"])
def test_a_json_number_or_word_is_no_amount_but_its_text_is(value: str) -> None:
    adapter = TypeAdapter(AmountText)
    with pytest.raises(ValidationError):
        adapter.validate_json(value)
    assert adapter.validate_json(f'"{value}"') == value


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10.00", "JPY", 10),
        ("10.0", "JPY", 10),
        ("10.000", "TRY", 1000),
        ("10.10000", "TRY", 1010),
        ("10.0000", "KWD", 10_000),
        ("10.5", "KWD", 10_500),
        ("1.23450", "CLF", 12_345),
        ("0.00", "JPY", 0),
    ],
)
def test_a_page_amount_may_carry_surplus_zeros(text: str, currency: str, minor: int) -> None:
    """Pages print at least two digits, and the client posts what it read (decision 21)."""
    assert parse_page_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("10.01", "JPY"), ("10.10", "JPY"), ("10.001", "TRY"), ("10.0010", "TRY"), ("1.0001", "KWD")],
)
def test_a_page_amount_is_refused_for_a_surplus_digit_that_is_not_zero(
    text: str, currency: str
) -> None:
    with pytest.raises(InvalidAmount):
        parse_page_amount(text, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "exact", "on_pages"),
    [
        (0, "JPY", "0", "0.00"),
        (10, "JPY", "10", "10.00"),
        (-10, "JPY", "-10", "-10.00"),
        (0, "TRY", "0.00", "0.00"),
        (1, "TRY", "0.01", "0.01"),
        (-1, "TRY", "-0.01", "-0.01"),
        (-150, "TRY", "-1.50", "-1.50"),
        (123_456_789, "TRY", "1234567.89", "1234567.89"),
        (10_000, "KWD", "10.000", "10.000"),
        (-7, "KWD", "-0.007", "-0.007"),
        (12_345, "CLF", "1.2345", "1.2345"),
    ],
)
def test_an_amount_is_printed_with_the_digits_of_its_currency(
    minor: int, currency: str, exact: str, on_pages: str
) -> None:
    assert format_amount(minor, currency) == exact
    assert format_page_amount(minor, currency) == on_pages


@given(amounts, currencies)
def test_what_is_printed_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    assert parse_amount(format_amount(minor, currency), currency) == minor
    assert parse_opening(format_amount(minor, currency), currency) == minor
    assert parse_page_amount(format_page_amount(minor, currency), currency) == minor


@given(st.integers(min_value=-(10**30), max_value=10**30), currencies)
def test_what_is_printed_is_exactly_the_number_whatever_its_size(minor: int, currency: str) -> None:
    digits = DIGITS[currency]
    for text, shown in (
        (format_amount(minor, currency), digits),
        (format_page_amount(minor, currency), max(2, digits)),
    ):
        assert Fraction(text) == Fraction(minor, 10**digits)
        assert len(text.partition(".")[2]) == shown


decimal_text = st.from_regex(r"-?[0-9]{0,17}\.?[0-9]{0,6}", fullmatch=True)
any_text = st.one_of(st.text(), st.text(string.digits + ".-+eE_ ,"), decimal_text)


@given(any_text, currencies)
def test_any_text_is_read_exactly_or_refused_never_rounded(text: str, currency: str) -> None:
    for parse in PARSERS:
        try:
            minor = parse(text, currency)
        except InvalidAmount:
            continue
        assert 0 <= minor <= MAX_MINOR
        assert Fraction(text) * 10 ** DIGITS[currency] == minor


@given(amounts, currencies, st.integers(min_value=1, max_value=5))
def test_zeros_after_a_page_amount_change_nothing(minor: int, currency: str, zeros: int) -> None:
    text = format_page_amount(minor, currency) + "0" * zeros
    assert parse_page_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("minor", "basis_points", "total"),
    [
        (10_000, 0, 10_000),
        (10_000, 150, 10_150),
        (1, 100, 1),
        (50, 100, 51),  # half a minor unit rounds up
        (49, 100, 49),
        (3, 5_000, 5),
        (0, 5_000, 0),
    ],
)
def test_interest_is_rounded_half_up(minor: int, basis_points: int, total: int) -> None:
    assert add_interest(minor, basis_points) == total


@given(amounts, st.integers(min_value=0, max_value=100_000))
def test_interest_is_within_half_a_minor_unit_of_the_exact_value(minor: int, points: int) -> None:
    exact = minor * (1 + Fraction(points, 10_000))
    assert -Fraction(1, 2) < add_interest(minor, points) - exact <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("minor", "parts", "each"), [(1000, 1, 1000), (1000, 3, 334), (999, 3, 333), (0, 6, 0)]
)
def test_a_split_amount_is_rounded_up(minor: int, parts: int, each: int) -> None:
    assert split_evenly(minor, parts) == each


@given(amounts, st.integers(min_value=1, max_value=48))
def test_equal_payments_suffice_and_none_is_a_unit_more_than_needed(minor: int, parts: int) -> None:
    each = split_evenly(minor, parts)
    assert each * parts >= minor
    assert (each - 1) * parts < minor

import iso4217
import pytest

from chalicelib.core.currencies import DIGITS, digits_of
from chalicelib.core.errors import UnknownCurrency

RELEASED = {
    "JPY": 0,
    "KRW": 0,
    "ISK": 0,
    "UGX": 0,
    "AED": 2,
    "AZN": 2,
    "CHF": 2,
    "EUR": 2,
    "GBP": 2,
    "HUF": 2,
    "SAR": 2,
    "TRY": 2,
    "USD": 2,
    "BHD": 3,
    "IQD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
    "CLF": 4,
    "UYW": 4,
}


def test_every_active_currency_has_the_digits_of_iso_4217() -> None:
    published = {code.code: code.exponent for code in iso4217.Currency if code.exponent is not None}
    assert dict(DIGITS) == published


def test_the_digits_of_released_currencies_stay_whatever_iso_publishes() -> None:
    """Stored amounts are minor units: a change of digits would multiply every balance."""
    assert {code: digits_of(code) for code in RELEASED} == RELEASED


def test_the_table_of_digits_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DIGITS["TRY"] = 3  # type: ignore[index]  # the very thing that must fail


@pytest.mark.parametrize("code", ["", "try", "Try", " TRY", "XXX", "XAU", "XDR", "DEM", "TRL"])
def test_codes_that_are_not_active_money_in_upper_case_are_unknown(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        digits_of(code)


def test_an_unknown_code_is_named_in_the_refusal_but_cut() -> None:
    assert "'A'" in UnknownCurrency("A").detail
    assert len(UnknownCurrency("X" * 10_000).detail) < 100

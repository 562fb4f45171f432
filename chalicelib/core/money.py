"""Amounts: decimal strings on the wire, integers of minor units inside. Never a float.

An amount is read exactly or refused: nothing is rounded. Digits come from `currencies`.
"""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from chalicelib.core.currencies import digits_of
from chalicelib.core.errors import InvalidAmount

MAX_MINOR: Final = 10**15 - 1
"""The largest single amount, in minor units. A JSON number holds 2**53, about nine times it."""

PAGE_DIGITS: Final = 2
"""Checkout pages print at least two digits: the storefront client expects them (decision 21)."""

_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,15}))?", re.ASCII)


def _only_text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "amount_not_text", 'write the amount as a decimal string such as "10.00", in quotes'
        )
    return value


AmountText = Annotated[str, BeforeValidator(_only_text)]
"""An amount as a request carries it: text, since a JSON number may have been a float."""


def parse_amount(text: str, currency: str) -> int:
    """Return the positive amount in minor units.

    `text` is a plain decimal such as "10", "10.0" or "10.00", with at most the currency's own
    digits. Raises `InvalidAmount` for anything else, `UnknownCurrency` for the code.
    """
    minor = _parse(text, currency, spare_zeros=False)
    if minor <= 0:
        raise InvalidAmount(f"The amount must be more than zero, such as {_example(currency)}.")
    return minor


def parse_change(text: str, currency: str) -> int:
    """Return a signed amount in minor units: as `parse_amount`, but below zero it takes.

    Raises `InvalidAmount`, also for zero.
    """
    minor = _parse(text, currency, spare_zeros=False)
    if not minor:
        raise InvalidAmount(
            f"The amount must not be zero; write {_example(currency)} to give it, "
            f"or -{_example(currency)} to take it."
        )
    return minor


def parse_opening(text: str, currency: str) -> int:
    """Return an opening balance in minor units: as `parse_amount`, but zero is allowed."""
    minor = _parse(text, currency, spare_zeros=False)
    if minor < 0:
        raise InvalidAmount("An opening balance cannot be negative; use 0 or more.")
    return minor


def parse_paid(text: str, currency: str) -> int:
    """Return what an order was paid with credit, in minor units: zero where it was none."""
    minor = _parse(text, currency, spare_zeros=False)
    if minor < 0:
        raise InvalidAmount("What was paid cannot be negative; use 0 or more.")
    return minor


def parse_page_amount(text: str, currency: str) -> int:
    """Return an amount from a checkout page in minor units; zero clears, so it is allowed.

    Surplus digits are accepted while they are zeros, since pages print at least two
    (decision 21). Raises `InvalidAmount`.
    """
    minor = _parse(text, currency, spare_zeros=True)
    if minor < 0:
        raise InvalidAmount("The amount cannot be negative.")
    return minor


def format_amount(minor: int, currency: str) -> str:
    """Return minor units as a decimal string with exactly the currency's digits: "-1.50"."""
    return _format(minor, digits_of(currency), digits_of(currency))


def format_page_amount(minor: int, currency: str) -> str:
    """Return minor units as checkout pages print them: at least two digits (decision 21)."""
    digits = digits_of(currency)
    return _format(minor, digits, max(digits, PAGE_DIGITS))


def add_interest(minor: int, basis_points: int) -> int:
    """Return the amount with interest added, rounded half up to a minor unit.

    `basis_points` are hundredths of a per cent: 150 is 1.50 %. `minor` is not negative.
    """
    return minor + (minor * basis_points + 5_000) // 10_000


def split_evenly(minor: int, parts: int) -> int:
    """Return one of `parts` equal payments in minor units, rounded up so that they suffice."""
    return -(-minor // parts)


def _parse(text: str, currency: str, *, spare_zeros: bool) -> int:
    digits = digits_of(currency)
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidAmount(f"Write the amount as a plain decimal, such as {_example(currency)}.")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if spare_zeros:
        fraction = fraction[:digits] + fraction[digits:].rstrip("0")
    if len(fraction) > digits:
        raise InvalidAmount(f"{currency} amounts have at most {digits} decimal digits.")
    minor = int(whole + fraction.ljust(digits, "0"))
    if minor > MAX_MINOR:
        raise InvalidAmount(f"The amount is too large; {currency} amounts end at 15 digits.")
    return -minor if sign else minor


def _format(minor: int, digits: int, shown: int) -> str:
    sign = "-" if minor < 0 else ""
    padded = str(abs(minor)).rjust(digits + 1, "0")
    whole = padded[: len(padded) - digits]
    fraction = padded[len(padded) - digits :].ljust(shown, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _example(currency: str) -> str:
    return format_amount(10 * 10 ** digits_of(currency), currency)

"""Paying the rest of an order by card: the card's form, the names of a payment, and its outcome.

A payment takes three steps: begin (the checkout is `paying`, credit is held), charge, and end
(completed, or open again). Card data is checked here and handed to the gateway; it is never
stored and never logged.
"""

import datetime
import enum
import re
from dataclasses import dataclass, field
from typing import Final

from chalicelib.core import page_errors
from chalicelib.core.page_errors import CardRefused, PageRefusal
from chalicelib.core.pre_orders import PreOrder

ASK_FINALLY_AFTER_MS: Final = 60_000
"""How old a payment must be before the gateway is told to decline a charge that it never saw.

A younger charge may still be on its way. Time alone ends nothing: the gateway's answer does.
"""

_HOLDER_LENGTH: Final = 128
_SEPARATORS: Final = str.maketrans("", "", " -")


class Outcome(enum.StrEnum):
    """What a gateway says of a charge. Anything but the first two is no answer."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the shopper typed it. Number and security code never show in a repr."""

    holder: str
    month: int
    year: int
    number: str = field(repr=False)
    cvv: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardForm:
    """The fields of the confirming page, as text."""

    agreement: str
    holder: str
    month: str
    year: str
    number: str = field(repr=False)
    cvv: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Payment:
    """What a gateway is asked to charge under `key`; `amount` in minor units."""

    key: str
    channel: str
    reference: str
    amount: int
    currency: str
    installments: int


def hold_id_of(pre_order: PreOrder) -> str:
    """Return the id of the hold that keeps the credit of the payment in progress."""
    return f"checkout:{pre_order.reference}:{pre_order.attempt}"


def payment_of(pre_order: PreOrder) -> Payment:
    """Return the payment in progress, under a key that no other attempt ever has.

    The reference alone would not do: two users, or two currencies, may have the same one. Nor
    would the attempt: tables that were brought back to an earlier moment count it once more.
    """
    assert pre_order.charge is not None, "only a checkout that is paying has a payment"
    order = f"{pre_order.reference}:{pre_order.order_id}"
    return Payment(
        key=f"{pre_order.channel}:{order}:{pre_order.attempt}:{pre_order.charge.begun_ms}",
        channel=pre_order.channel,
        reference=pre_order.reference,
        amount=pre_order.charge.amount,
        currency=pre_order.currency,
        installments=pre_order.charge.installments,
    )


def check_card(form: CardForm, bin_number: str, today: datetime.date) -> Card:
    """Return the card of a form whose every field is right.

    `bin_number` are the first digits that the instalments were priced for. Raises `CardRefused`
    with one refusal for each wrong field.
    """
    number = form.number.translate(_SEPARATORS)
    parts: list[PageRefusal] = []
    if not _is_card_number(number):
        parts.append(page_errors.CardNumberRefused())
    elif not number.startswith(bin_number):
        parts.append(page_errors.CardChanged())
    holder = form.holder.strip()
    if not 0 < len(holder) <= _HOLDER_LENGTH or not holder.isprintable():
        parts.append(page_errors.CardHolderRefused())
    month, year = _whole(form.month, 2), _year(form.year)
    if month is None or not 1 <= month <= 12:
        parts.append(page_errors.CardMonthRefused())
    elif year is None or not (today.year, today.month) <= (year, month) <= (today.year + 30, month):
        parts.append(page_errors.CardYearRefused())
    if re.fullmatch(r"[0-9]{3,4}", form.cvv, re.ASCII) is None:
        parts.append(page_errors.CardCvvRefused())
    if parts:
        raise CardRefused(tuple(parts))
    assert month is not None
    assert year is not None
    return Card(holder, month, year, number, form.cvv)


def _is_card_number(number: str) -> bool:
    """Return whether it has 12 to 19 digits and the right check digit (ISO/IEC 7812-1, Luhn)."""
    if re.fullmatch(r"[0-9]{12,19}", number, re.ASCII) is None:
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _year(text: str) -> int | None:
    """Return a year that was written with four digits, or with two of this century."""
    if len(text) == 2:
        short = _whole(text, 2)
        return None if short is None else 2000 + short
    return _whole(text, 4)


def _whole(text: str, most: int) -> int | None:
    return int(text) if re.fullmatch(rf"[0-9]{{1,{most}}}", text, re.ASCII) else None

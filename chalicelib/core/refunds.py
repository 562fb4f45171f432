"""Refunds: a sale goes back to the account that paid it, in parts, never beyond what it was."""

from dataclasses import dataclass

from chalicelib.core.accounts import AccountKey
from chalicelib.core.errors import RefundExceedsPayment
from chalicelib.core.money import format_amount


@dataclass(frozen=True, slots=True)
class Sale:
    """What credit paid, in minor units, by the transfer `sale_id`: an order's, or a capture."""

    account: AccountKey
    sale_id: str
    amount: int
    order: str | None


def check_refund(sale: Sale, refunded: int, amount: int) -> None:
    """Raise `RefundExceedsPayment` if all refunds together would exceed the sale."""
    left = sale.amount - refunded
    if amount > left:
        currency = sale.account.currency
        paid, before, rest = (format_amount(m, currency) for m in (sale.amount, refunded, left))
        raise RefundExceedsPayment(
            f"Credit paid {paid} {currency}, of which {before} is refunded; refund at most {rest}."
        )

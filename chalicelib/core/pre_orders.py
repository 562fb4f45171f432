"""A pre-order: a shopper's checkout in progress, and the order that it becomes.

Amounts are minor units. Credit is chosen here and moved only on completion.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.core.money import add_interest, split_evenly
from chalicelib.core.settings import Installment

ORDER_ID_BITS: Final = 48
"""An order id is drawn at random, so that it tells nobody how many orders there are."""


@dataclass(frozen=True, slots=True)
class PreOrder:
    """A checkout in progress. `rev` grows with every change of it.

    `loyalty` is the chosen credit: 0 <= loyalty <= total.
    """

    channel: str
    user_pk: str
    currency: str
    reference: str
    content_hash: str
    total: int
    shipping: int
    loyalty: int
    payment_option: int | None
    bin_number: str | None
    installment: int | None
    state: Literal["open", "completed"]
    order_id: int
    opened_ms: int
    completed_ms: int | None
    rev: int

    @property
    def unpaid(self) -> int:
        """What other methods must pay, in minor units."""
        return self.total - self.loyalty


@dataclass(frozen=True, slots=True)
class Order:
    """A completed order. `content` is the basket and addresses as JSON text."""

    channel: str
    user_pk: str
    currency: str
    reference: str
    order_id: int
    user_email: str
    total: int
    shipping: int
    loyalty: int
    payment_type: str
    completed_ms: int
    content: str


@dataclass(frozen=True, slots=True)
class InstallmentPrice:
    """What an instalment plan costs for an unpaid amount, in minor units."""

    plan: Installment
    monthly: int
    total: int


def price_installments(plans: tuple[Installment, ...], unpaid: int) -> tuple[InstallmentPrice, ...]:
    """Return what each plan costs for the unpaid amount."""
    totals = [add_interest(unpaid, plan.interest_rate) for plan in plans]
    return tuple(
        InstallmentPrice(plan, split_evenly(total, plan.installment_count), total)
        for plan, total in zip(plans, totals, strict=True)
    )


def without_credit(pre_order: PreOrder) -> PreOrder:
    """Return the pre-order with no credit chosen, and thus no instalment priced."""
    return pre_order if not pre_order.loyalty else replace(pre_order, loyalty=0, installment=None)

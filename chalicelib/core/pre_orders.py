"""A pre-order: a shopper's checkout in progress, and the order that it becomes.

Amounts are minor units. Credit is chosen here and moved only on completion.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.core.money import add_interest, split_evenly
from chalicelib.core.settings import Installment

ORDER_ID_BITS: Final = 48
"""An order id is drawn at random, so that it tells nobody how many orders there are."""

PreOrderState = Literal["open", "paying", "completed", "erased"]
"""`paying` from the moment that a card payment has begun until its outcome is known.

Of an `erased` one nothing is left but its counts: it is no checkout, and the next takes its place.
"""

PaymentState = Literal["paid", "awaiting_payment"]

FailedPayment = Literal["declined", "returned"]
"""How a card payment ended that paid for nothing: refused, or charged and given back."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A card payment that has begun: what a gateway is asked to charge, in minor units.

    It keeps what it began with, whatever becomes of the settings meanwhile.
    """

    gateway: str
    amount: int
    installments: int
    begun_ms: int
    payment_name: str


@dataclass(frozen=True, slots=True)
class PreOrder:
    """A checkout in progress. `rev` grows with every change of it.

    `loyalty` is the chosen credit: 0 <= loyalty <= total. `installment_price` is what the chosen
    plan cost in all when it was chosen. `attempt` counts the card payments that were begun in
    this user's checkouts of the currency; `charge` is there while one is in progress, and
    `failed_payment` once one has failed, until the shopper changes anything.
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
    installment_price: int | None
    bank_account: int | None
    state: PreOrderState
    attempt: int
    charge: Charge | None
    failed_payment: FailedPayment | None
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
    """A completed order as the books need it, for ever.

    `charged` is what a card was charged, with interest, under `payment_key`. `contents_hash` is
    that of its contents, whether or not they are still there.
    """

    channel: str
    user_pk: str
    currency: str
    reference: str
    order_id: int
    total: int
    shipping: int
    loyalty: int
    payment_type: str
    payment_name: str
    payment_state: PaymentState
    charged: int
    payment_key: str | None
    completed_ms: int
    contents_hash: str


@dataclass(frozen=True, slots=True)
class OrderContents:
    """What is personal in an order, until it is erased: the address, and `content` as JSON text.

    `content` is the basket and addresses. `salt` is random, so that nobody who guesses the rest
    can prove it by the hash that stays on the order.
    """

    user_email: str | None
    content: str
    salt: str

    @property
    def hash(self) -> str:
        """SHA-256 in hex of all of it."""
        text = json.dumps([self.salt, self.user_email, self.content])
        return hashlib.sha256(text.encode()).hexdigest()


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


def chosen_price(pre_order: PreOrder, plans: tuple[Installment, ...]) -> InstallmentPrice | None:
    """Return the chosen plan with its prices; None where it is gone or costs something else now."""
    prices = price_installments(plans, pre_order.unpaid)
    chosen = (pre_order.installment, pre_order.installment_price)
    return next((price for price in prices if (price.plan.pk, price.total) == chosen), None)


def without_credit(pre_order: PreOrder) -> PreOrder:
    """Return the pre-order with no credit chosen, and thus no instalment priced."""
    return without_plan(replace(pre_order, loyalty=0)) if pre_order.loyalty else pre_order


def without_plan(pre_order: PreOrder) -> PreOrder:
    """Return the pre-order with no instalment plan chosen."""
    return replace(pre_order, installment=None, installment_price=None)


def erased(pre_order: PreOrder) -> PreOrder:
    """Return what an erasure leaves of a pre-order: its place, and the counts of what happened.

    The attempts go on from there, so that no payment ever has the name of an earlier one.
    """
    return PreOrder(
        channel=pre_order.channel,
        user_pk=pre_order.user_pk,
        currency=pre_order.currency,
        reference="",
        content_hash="",
        total=0,
        shipping=0,
        loyalty=0,
        payment_option=None,
        bin_number=None,
        installment=None,
        installment_price=None,
        bank_account=None,
        state="erased",
        attempt=pre_order.attempt,
        charge=None,
        failed_payment=None,
        order_id=0,
        opened_ms=0,
        completed_ms=None,
        rev=pre_order.rev + 1,
    )

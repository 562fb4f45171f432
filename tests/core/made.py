"""Values for tests of the rules, with whatever matters to one test named in it."""

import dataclasses
from typing import Any, Final, TypeVar

from chalicelib.core.accounts import FIRST_HASH, Account, AccountKey, Opening
from chalicelib.core.checkout import Situation
from chalicelib.core.errors import Refusal
from chalicelib.core.pre_orders import Order, OrderContents, PreOrder
from chalicelib.core.settings import BankAccount, Installment, PaymentOption, Settings

CREDIT: Final = PaymentOption(
    pk=1,
    name="Store credit",
    slug="store-credit",
    payment_type="loyalty_money",
    rule="LoyaltyMoneyRule",
)
CARD: Final = PaymentOption(pk=2, name="Card", slug="card", payment_type="credit_card")
FUNDS: Final = PaymentOption(pk=3, name="Funds", slug="funds", payment_type="funds_transfer")

BANK: Final = BankAccount(
    pk=1, bank_name="Bank", holder_name="Shop", iban="TR330006100519786457841326"
)

ONE_PAYMENT: Final = Installment(pk=1, label="One payment", installment_count=1)
THREE_PAYMENTS: Final = Installment(
    pk=2, label="Three payments", installment_count=3, interest_rate=150
)


def account(user_pk: str = "ada", currency: str = "TRY", **changes: Any) -> Account:
    """Return an account of 50.00 that has one entry and allows no debit."""
    plain = Account(
        key=AccountKey("demo", user_pk, currency),
        account_id=f"a-{user_pk}-{currency}",
        available=5000,
        held=0,
        seq=1,
        entry_ms=1_000,
        entry_hash="0" * 64,
        debit_allowed=False,
        opening=Opening(5000, "key"),
        created_ms=1_000,
        by="staff:test",
    )
    return dataclasses.replace(plain, **changes)


def new_account(**changes: Any) -> Account:
    """Return an account without entries."""
    nothing: dict[str, Any] = {"available": 0, "seq": 0, "entry_ms": 0, "entry_hash": FIRST_HASH}
    return account(**(nothing | {"opening": Opening(0, "key")} | changes))


def settings(**changes: Any) -> Settings:
    """Return the settings of a shop with the feature on, three options and two plans."""
    plain = Settings(
        loyalty_money_enabled=True,
        default_currency="TRY",
        payment_options=(CARD, CREDIT, FUNDS),
        installments=(ONE_PAYMENT, THREE_PAYMENTS),
        bank_accounts=(BANK,),
        payment_gateway="sandbox",
    )
    return dataclasses.replace(plain, **changes)


def pre_order(**changes: Any) -> PreOrder:
    """Return an open checkout of 40.00 with nothing chosen."""
    plain = PreOrder(
        channel="demo",
        user_pk="ada",
        currency="TRY",
        reference="basket-1",
        content_hash="hash",
        total=4000,
        shipping=0,
        loyalty=0,
        payment_option=None,
        bin_number=None,
        installment=None,
        installment_price=None,
        bank_account=None,
        state="open",
        attempt=0,
        charge=None,
        failed_payment=None,
        order_id=7,
        opened_ms=2_000,
        completed_ms=None,
        rev=1,
    )
    return dataclasses.replace(plain, **changes)


def order(**changes: Any) -> Order:
    """Return that checkout, completed with credit alone."""
    plain = Order(
        channel="demo",
        user_pk="ada",
        currency="TRY",
        reference="basket-1",
        order_id=7,
        total=4000,
        shipping=0,
        loyalty=4000,
        payment_type="loyalty_money",
        payment_name="Loyalty Money",
        payment_state="paid",
        charged=0,
        payment_key=None,
        completed_ms=9_000,
        contents_hash=order_contents().hash,
    )
    return dataclasses.replace(plain, **changes)


def order_contents(**changes: Any) -> OrderContents:
    """Return what is personal in that order."""
    plain = OrderContents(user_email="ada@example.com", content="{}", salt="5a17")
    return dataclasses.replace(plain, **changes)


def situation(**changes: Any) -> Situation:
    """Return a shopper with 50.00 of credit and an open checkout of 40.00."""
    plain = Situation(settings=settings(), account=account(), pre_order=pre_order())
    return dataclasses.replace(plain, **changes)


Refused = TypeVar("Refused", bound=Refusal)


def leaves(refusal: type[Refused]) -> list[type[Refused]]:
    """Return the refusals below one that no other is made of."""
    made = refusal.__subclasses__()
    return [leaf for one in made for leaf in leaves(one)] if made else [refusal]

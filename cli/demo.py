"""`demo`: the demo channel with its users, accounts and payment options."""

from typing import Any, Final

from chalicelib import ledger, registry
from chalicelib.auth import Call
from chalicelib.config import config
from chalicelib.core.errors import Refusal
from chalicelib.ledger import NewAccount
from cli.calls import call_as_developer
from cli.local import LocalError

CHANNEL: Final = "demo"
SHOPPER: Final = "1001"

SETTINGS: Final[dict[str, Any]] = {
    "LOYALTY_MONEY_ENABLED": True,
    "PAYMENT_OPTIONS": [
        {"pk": 1, "name": "Credit Card", "slug": "credit-card", "payment_type": "credit_card"},
        {
            "pk": 2,
            "name": "Loyalty Money",
            "slug": "loyalty-money",
            "payment_type": "loyalty_money",
            "rule": "LoyaltyMoneyRule",
        },
        {
            "pk": 3,
            "name": "Funds Transfer",
            "slug": "funds-transfer",
            "payment_type": "funds_transfer",
        },
    ],
    "BANK_ACCOUNTS": [
        {
            "pk": 1,
            "bank_name": "Example Bank",
            "holder_name": "Demo Shop",
            "iban": "TR330006100519786457841326",
        },
    ],
    "INSTALLMENTS": [
        {"pk": 1, "label": "Single payment", "installment_count": 1},
        {"pk": 2, "label": "3 instalments", "installment_count": 3, "interest_rate": 150},
    ],
    "PAYMENT_GATEWAY": "sandbox",
}
USERS: Final = (
    ("1000", "treasury@example.com"),
    ("1001", "ada@example.com"),
    ("1002", "grace@example.com"),
    ("1003", "alan@example.com"),
)
ACCOUNTS: Final = (
    # user, currency, opening balance, debit allowed, account id
    ("1000", "TRY", "100000.00", True, "treasury"),
    ("1001", "TRY", "50.00", False, "ada"),
    ("1002", "TRY", "0.00", False, "grace"),
    ("1002", "USD", "20.00", False, "grace-usd"),
)


def demo() -> None:
    """Load the demo data; what is there already stays as it is."""
    if config().stage == "prod":
        raise LocalError("Stage prod gets no demo data.")
    try:
        load_demo()
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    print(CHANNEL)


def load_demo() -> None:
    """Load the demo data. It may be repeated, also after an interruption."""
    call = call_as_developer()
    registry.make_channel(call, CHANNEL, "TRY")
    for name, value in SETTINGS.items():
        registry.set_setting(call, CHANNEL, name, value)
    registry.register_users(call, CHANNEL, USERS)
    for account in ACCOUNTS:
        _open(call, *account)


def _open(
    call: Call, user_pk: str, currency: str, balance: str, debit_allowed: bool, account_id: str
) -> None:
    wanted = NewAccount(
        user_pk=user_pk,
        user_email=None,
        currency=currency,
        balance=balance,
        debit_allowed=debit_allowed,
        account_id=account_id,
        idempotency_key=f"demo-{account_id}",
    )
    ledger.open_account(call, CHANNEL, wanted)

"""What is held about a shopper, as they may be given it: JSON, whoever asks for it.

Pure. Amounts are decimal strings and times RFC 3339, as everywhere in the interface.
"""

import json
from typing import Any

from chalicelib.core.accounts import Account, Entry
from chalicelib.core.holds import Hold, state_of
from chalicelib.core.money import format_amount
from chalicelib.core.names import time_text
from chalicelib.core.pre_orders import Order, OrderContents, PreOrder
from chalicelib.core.users import User

Json = dict[str, Any]


def of_user(user: User) -> Json:
    """Return who a user is, and since when."""
    return {
        "user_pk": user.user_pk,
        "email": user.email,
        "created_at": time_text(user.created_ms),
        "sessions_valid_from": time_text(user.sessions_valid_from_ms),
        "erased_at": _time(user.erased_ms),
    }


def of_account(account: Account) -> Json:
    """Return an account as it counts now."""
    currency = account.key.currency
    return {
        "account_id": account.account_id,
        "currency": currency,
        "balance": format_amount(account.balance, currency),
        "available": format_amount(account.available, currency),
        "held": format_amount(account.held, currency),
        "debit_card_allowed": account.debit_allowed,
        "opening_balance": format_amount(account.opening.balance, currency),
        "entries": account.seq,
        "created_at": time_text(account.created_ms),
    }


def of_entry(account: Account, entry: Entry) -> Json:
    """Return one movement of an account."""
    currency = account.key.currency
    return {
        "account_id": account.account_id,
        "currency": currency,
        "number": entry.seq,
        "transfer_id": entry.transfer_id,
        "kind": entry.kind,
        "amount": format_amount(entry.amount, currency),
        "balance_after": format_amount(entry.balance_after, currency),
        "counterparty": entry.counterparty,
        "order": entry.order,
        "note": entry.note,
        "created_at": time_text(entry.at_ms),
    }


def of_hold(account: Account, hold: Hold) -> Json:
    """Return a hold, also one that has ended."""
    currency = account.key.currency
    return {
        "account_id": account.account_id,
        "currency": currency,
        "id": hold.id,
        "amount": format_amount(hold.amount, currency),
        "captured": format_amount(hold.captured, currency),
        "state": state_of(hold, account).value,
        "order": hold.order,
        "created_at": time_text(hold.created_ms),
        "expires_at": _time(hold.expires_ms),
        "ended_at": _time(hold.ended_ms),
    }


def of_pre_order(pre_order: PreOrder) -> Json:
    """Return a checkout in progress, or the last one; of an erased one its count is left."""
    currency = pre_order.currency
    counted = {"currency": currency, "state": pre_order.state, "attempts": pre_order.attempt}
    if pre_order.state == "erased":
        return counted
    return {
        **counted,
        "reference": pre_order.reference,
        "order_id": pre_order.order_id,
        "total_amount": format_amount(pre_order.total, currency),
        "shipping_amount": format_amount(pre_order.shipping, currency),
        "loyalty_money": format_amount(pre_order.loyalty, currency),
        "payment_option": pre_order.payment_option,
        "bin_number": pre_order.bin_number,
        "installment": pre_order.installment,
        "bank_account": pre_order.bank_account,
        "failed_payment": pre_order.failed_payment,
        "opened_at": time_text(pre_order.opened_ms),
        "completed_at": _time(pre_order.completed_ms),
    }


def of_basket(currency: str, content: str) -> Json:
    """Return the basket and the addresses of a checkout as the shop sent them."""
    return {"currency": currency, "content": json.loads(content)}


def of_order(order: Order, refunded: int) -> Json:
    """Return a completed order as the books have it; `refunded` is in minor units."""
    currency = order.currency
    return {
        "reference": order.reference,
        "order_id": order.order_id,
        "currency": currency,
        "total_amount": format_amount(order.total, currency),
        "shipping_amount": format_amount(order.shipping, currency),
        "loyalty_money": format_amount(order.loyalty, currency),
        "refunded": format_amount(refunded, currency),
        "payment_type": order.payment_type,
        "payment_name": order.payment_name,
        "payment_state": order.payment_state,
        "charged_amount": format_amount(order.charged, currency),
        "payment_key": order.payment_key,
        "completed_at": time_text(order.completed_ms),
    }


def of_contents(reference: str, contents: OrderContents) -> Json:
    """Return what is personal in an order: the address, and what was sent with its basket."""
    return {
        "reference": reference,
        "user_email": contents.user_email,
        "content": json.loads(contents.content),
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else time_text(at_ms)

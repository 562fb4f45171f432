"""The verbs of checkout: open a pre-order, act on a page, pay by card, and read what came of it.

Whatever a page asks for, everything it decides on is read in one strongly consistent batch, the
transition table in `core` says what happens, and what changed is written on condition that it
is still as read.
"""

from chalicelib.checkout.opening import NewPreOrder, open_pre_order
from chalicelib.checkout.orders import RefundedOrder, list_orders, read_order, read_own_order
from chalicelib.checkout.pages import Posted, refuse, visit
from chalicelib.checkout.payments import Ended, end_payments
from chalicelib.checkout.reading import Visit, session_currency
from chalicelib.checkout.shoppers import History, read_balance, read_history

__all__ = [
    "Ended",
    "History",
    "NewPreOrder",
    "Posted",
    "RefundedOrder",
    "Visit",
    "end_payments",
    "list_orders",
    "open_pre_order",
    "read_balance",
    "read_history",
    "read_order",
    "read_own_order",
    "refuse",
    "session_currency",
    "visit",
]

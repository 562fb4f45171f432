"""The verbs of credit: accounts, transfers, holds and refunds, and what may be read of them.

Each verb reads, lets `core` decide, and hands the writes to `store`, whose loop knows how to
repeat. Nothing here looks at a clock or at HTTP.
"""

from chalicelib.ledger.accounts import (
    AT_SETTLES_MS,
    Filters,
    NewAccount,
    OwnedAccount,
    PastBalance,
    list_accounts,
    list_activities,
    list_targets,
    open_account,
    read_account,
    read_account_at,
)
from chalicelib.ledger.audit import keep_audit, read_audit
from chalicelib.ledger.holds import (
    StandingHold,
    authorize,
    capture,
    list_open_holds,
    read_hold,
    void,
)
from chalicelib.ledger.refunds import refund_hold, refund_order
from chalicelib.ledger.transfers import (
    ByAccountIds,
    ByUsers,
    adjust,
    expire,
    read_transfer,
    reverse,
    transfer,
)

__all__ = [
    "AT_SETTLES_MS",
    "ByAccountIds",
    "ByUsers",
    "Filters",
    "NewAccount",
    "OwnedAccount",
    "PastBalance",
    "StandingHold",
    "adjust",
    "authorize",
    "capture",
    "expire",
    "keep_audit",
    "list_accounts",
    "list_activities",
    "list_open_holds",
    "list_targets",
    "open_account",
    "read_account",
    "read_account_at",
    "read_audit",
    "read_hold",
    "read_transfer",
    "refund_hold",
    "refund_order",
    "reverse",
    "transfer",
    "void",
]

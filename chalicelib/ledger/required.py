"""What a verb cannot do without, out of rows that were read: raised as the caller's mistake."""

from chalicelib.core.accounts import Account, AccountKey
from chalicelib.core.errors import UnknownAccount, UnknownChannel
from chalicelib.store.accounts import account_in
from chalicelib.store.actions import Rows
from chalicelib.store.settings import channel_in


def require_channel(rows: Rows, channel: str) -> None:
    """Raise `UnknownChannel` unless the rows hold the channel."""
    if channel_in(rows, channel) is None:
        raise UnknownChannel


def require_account(rows: Rows, key: AccountKey, now_ms: int) -> Account:
    """Return the account as it counts now. Raises `UnknownChannel` or `UnknownAccount`."""
    account = account_in(rows, key, now_ms)
    if account is None:
        require_channel(rows, key.channel)
        raise UnknownAccount(f"The user {key.user_pk!r} has no account in {key.currency}.")
    return account

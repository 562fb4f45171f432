"""What a shopper sees of their own account: the balance and the history."""

from dataclasses import dataclass

from chalicelib.auth import Call, Shopper
from chalicelib.checkout.reading import check_user, session_currency
from chalicelib.core.accounts import Account, AccountKey, Entry
from chalicelib.core.checkout import balance_of
from chalicelib.core.names import to_ms
from chalicelib.store.accounts import account_in, account_key
from chalicelib.store.actions import AnyKey, Item
from chalicelib.store.entries import list_entries
from chalicelib.store.requests import batch_get
from chalicelib.store.users import user_key


@dataclass(frozen=True, slots=True)
class History:
    """A page of entries, the key to go on from, and how many entries there are in all."""

    entries: list[Entry]
    last: Item | None
    count: int


def read_balance(call: Call, shopper: Shopper, currency: str | None) -> tuple[str, int]:
    """Return the shopper's currency and available credit in minor units; zero without account."""
    currency = session_currency(call, shopper, currency)
    key = AccountKey(shopper.channel, shopper.user_pk, currency)
    return currency, balance_of(_own_account(call, shopper, key))


def read_history(
    call: Call, shopper: Shopper, currency: str, *, limit: int, start: Item | None
) -> History:
    """Return a page of the shopper's entries in a currency, newest first."""
    key = AccountKey(shopper.channel, shopper.user_pk, currency)
    account = _own_account(call, shopper, key)
    if account is None:
        return History([], None, 0)
    entries, last = list_entries(
        key, limit=limit, start=start, deadline=call.deadline, consistent=True
    )
    return History(entries, last, account.seq)


def _own_account(call: Call, shopper: Shopper, key: AccountKey) -> Account | None:
    """Return the shopper's account, if there is one. Raises `NotSignedIn` for an ended session."""
    keys: list[AnyKey] = [account_key(key), user_key(shopper.channel, shopper.user_pk)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    check_user(rows, shopper)
    return account_in(rows, key, to_ms(call.now))

"""Give out everything that is held about a shopper, page by page.

The parts come in one order: the user, the accounts, the entries and the holds of each, checkouts,
orders, and what is personal in them. Where a page ends says its cursor, by the part and the key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.auth import Call
from chalicelib.core import export as shown
from chalicelib.core.accounts import Account, fold_lapsed
from chalicelib.core.errors import UnknownChannel, UnknownUser
from chalicelib.core.export import Json
from chalicelib.core.names import to_ms
from chalicelib.core.pre_orders import PreOrder
from chalicelib.core.transfers import order_id
from chalicelib.core.users import User
from chalicelib.store.accounts import list_of_user
from chalicelib.store.actions import AnyKey, Item
from chalicelib.store.entries import list_oldest
from chalicelib.store.holds import list_holds
from chalicelib.store.orders import list_contents, list_order_keys, order_in, order_key
from chalicelib.store.pre_orders import Basket, list_pre_orders
from chalicelib.store.refunds import refund_key, refunded_in
from chalicelib.store.requests import batch_get
from chalicelib.store.settings import channel_in, channel_key
from chalicelib.store.users import user_in, user_key

Held = tuple[str, Json]
"""One thing that is held: its kind, and what it says."""

Read = Callable[[int, Item | None], tuple[list[Held], Item | None]]
"""Reads at most so many things of a part after a key, and says where to go on."""

HEAVY_A_PAGE: Final = 10
"""How many baskets a page has at most: each may have 256 KB, and an answer 6 MB."""

_PART: Final = "part"
_KEY: Final = "key."


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an export. What is `heavy` has a page of its own."""

    name: str
    read: Read
    heavy: bool = False


def export(
    call: Call, channel: str, user_pk: str, *, limit: int, start: Item | None
) -> tuple[list[Held], Item | None]:
    """Return a page of what is held about a user, and where the next begins.

    Who was erased is exported too: what is left. Raises `UnknownChannel` or `UnknownUser`.
    """
    user = _require_user(call, channel, user_pk)
    parts = _parts(call, user)
    at, last = _place(parts, start)
    found: list[Held] = []
    while at < len(parts) and len(found) < limit:
        part = parts[at]
        if part.heavy and found:
            break
        most = min(limit - len(found), HEAVY_A_PAGE) if part.heavy else limit - len(found)
        more, last = part.read(most, last)
        found += more
        if last is not None:
            break
        at += 1
    if at == len(parts):
        return found, None
    return found, {_PART: {"S": parts[at].name}, **_marked(last)}


def _require_user(call: Call, channel: str, user_pk: str) -> User:
    keys = [channel_key(channel), user_key(channel, user_pk)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if channel_in(rows, channel) is None:
        raise UnknownChannel
    user = user_in(rows, channel, user_pk)
    if user is None:
        raise UnknownUser
    return user


def _place(parts: Sequence[_Part], start: Item | None) -> tuple[int, Item | None]:
    """Return the number of the part that a page begins with, and the key to begin after."""
    if start is None:
        return 0, None
    names = [part.name for part in parts]
    marked = start.items()
    last = {name.removeprefix(_KEY): value for name, value in marked if name.startswith(_KEY)}
    return names.index(start[_PART]["S"]), last or None


def _marked(last: Item | None) -> Item:
    return {} if last is None else {f"{_KEY}{name}": value for name, value in last.items()}


# --- the parts ----------------------------------------------------------------------------------


def _parts(call: Call, user: User) -> list[_Part]:
    found = list_of_user(user.channel, user.user_pk, deadline=call.deadline)
    accounts = [fold_lapsed(account, to_ms(call.now)) for account in found]

    def read_user(_: int, __: Item | None) -> tuple[list[Held], Item | None]:
        return [("user", shown.of_user(user))], None

    def read_accounts(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        after = "" if start is None else start["currency"]["S"]
        left = [account for account in accounts if account.key.currency > after]
        page = [("account", shown.of_account(account)) for account in left[:limit]]
        more = len(left) > limit
        return page, {"currency": {"S": left[limit - 1].key.currency}} if more else None

    return [
        _Part("user", read_user),
        _Part("accounts", read_accounts),
        *(part for account in accounts for part in _of_account(call, account)),
        _Part("orders", _orders(call, user)),
        _Part("pre_orders", _pre_orders(call, user), heavy=True),
        _Part("order_contents", _contents(call, user), heavy=True),
    ]


def _of_account(call: Call, account: Account) -> tuple[_Part, _Part]:
    def read_entries(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        entries, last = list_oldest(account.key, limit=limit, start=start, deadline=call.deadline)
        return [("entry", shown.of_entry(account, entry)) for entry in entries], last

    def read_holds(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        holds, last = list_holds(account.key, limit=limit, start=start, deadline=call.deadline)
        return [("hold", shown.of_hold(account, hold)) for hold in holds], last

    currency = account.key.currency
    return _Part(f"entries {currency}", read_entries), _Part(f"holds {currency}", read_holds)


def _pre_orders(call: Call, user: User) -> Read:
    def read(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        found, last = list_pre_orders(
            user.channel, user.user_pk, limit=limit, start=start, deadline=call.deadline
        )
        return [_pre_order(each) for each in found], last

    return read


def _pre_order(found: PreOrder | Basket) -> Held:
    if isinstance(found, Basket):
        return "basket", shown.of_basket(found.currency, found.content)
    return "pre_order", shown.of_pre_order(found)


def _orders(call: Call, user: User) -> Read:
    """Return how orders are read: by an index, so that one of a moment ago may be missing."""
    channel = user.channel

    def read(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        references, last = list_order_keys(
            channel, user.user_pk, limit=limit, start=start, deadline=call.deadline
        )
        if not references:
            return [], last
        keys: list[AnyKey] = [order_key(channel, reference) for reference in references]
        keys += [refund_key(channel, order_id(reference)) for reference in references]
        rows = batch_get(keys, deadline=call.deadline, consistent=True)
        orders = [order_in(rows, channel, reference) for reference in references]
        return [
            ("order", shown.of_order(o, refunded_in(rows, channel, order_id(o.reference))))
            for o in orders
            if o is not None
        ], last

    return read


def _contents(call: Call, user: User) -> Read:
    def read(limit: int, start: Item | None) -> tuple[list[Held], Item | None]:
        found, last = list_contents(
            user.channel, user.user_pk, limit=limit, start=start, deadline=call.deadline
        )
        return [("order_contents", shown.of_contents(name, each)) for name, each in found], last

    return read

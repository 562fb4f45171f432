"""Erase a shopper: what is personal goes, the books stay.

The order of the steps is what makes it safe to interrupt. First the user is marked, in the
transaction that takes the address away: from then on no session is good, and no pre-order can be
opened. Then every pre-order is emptied, so that no checkout can complete any more. Only then is
what completed before deleted: nothing can follow it. Each step may be repeated, and a repetition
goes through all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.auth import Call
from chalicelib.core.accounts import Account, fold_lapsed
from chalicelib.core.errors import UnknownChannel, UnknownUser
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.core.pre_orders import OrderContents, PreOrder
from chalicelib.core.transfers import check_not_held, expiry_id
from chalicelib.core.users import User
from chalicelib.ledger import expire
from chalicelib.logs import log
from chalicelib.store import users as stored_users
from chalicelib.store.accounts import list_of_user
from chalicelib.store.actions import Action, Item, Rows
from chalicelib.store.orders import delete_contents, list_contents
from chalicelib.store.pages import Page, all_rows, pages
from chalicelib.store.pre_orders import (
    Basket,
    erase_pre_order,
    list_pre_orders,
    pre_order_in,
    pre_order_key,
)
from chalicelib.store.requests import BATCH_KEYS, Commit, Replay, batch_get, settle
from chalicelib.store.settings import channel_in, channel_key
from chalicelib.store.transfers import transfer_in, transfer_key
from chalicelib.store.users import user_in, user_key

RemainingCredit = Literal["keep", "expire"]
"""What becomes of the credit of who is erased: it stays on the accounts, or ends."""

CONTENTS_AT_ONCE: Final = 10
"""How many orders' contents are deleted at once: a transaction has at most 4 MB."""

_PRE_ORDERS_A_PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """An account of who was erased, as it stands, and what of it expired, in minor units."""

    account: Account
    expired: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """A finished erasure: the user without an address, and what is left on the accounts."""

    user: User
    accounts: list[ErasedAccount]


def erase(call: Call, channel: str, user_pk: str, credit: RemainingCredit) -> Erasure:
    """Take away everything that says who a user is; the books stay.

    Repeating it finishes what an interrupted one left. Raises `UnknownChannel`, `UnknownUser`,
    `PaymentInProgress`, or `CreditHeld` where credit is to expire that holds keep.
    """
    _check_ready(call, channel, user_pk, credit)
    user = _mark(call, channel, user_pk)
    _empty_pre_orders(call, user)
    if credit == "expire":
        for account in _accounts(call, user):
            expire(call, account.key, _expiry_of(user, account))
    _delete_contents(call, user)
    log.info("user_erased", extra={"channel": channel, "user_pk": user_pk, "credit": credit})
    return Erasure(user, _standing(call, user))


def _check_ready(call: Call, channel: str, user_pk: str, credit: RemainingCredit) -> None:
    """Refuse, before anything is touched, what would be refused on the way."""
    keys = [channel_key(channel), user_key(channel, user_pk)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if channel_in(rows, channel) is None:
        raise UnknownChannel
    user = user_in(rows, channel, user_pk)
    if user is None:
        raise UnknownUser
    if any(pre_order.state == "paying" for pre_order in _pre_orders(call, user)):
        raise PaymentInProgress
    if credit == "expire":
        for account in _accounts(call, user):
            check_not_held(account)


def _mark(call: Call, channel: str, user_pk: str) -> User:
    """Take the address away and end every session; return the user as it is then."""

    def decide(rows: Rows) -> Commit[User] | Replay[User]:
        user = user_in(rows, channel, user_pk)
        if user is None:
            raise UnknownUser
        if user.erased_ms is not None:
            return Replay(user)
        at_ms = to_ms(call.now)
        valid_from_ms = max(at_ms, user.sessions_valid_from_ms)
        erased = User(channel, user_pk, None, user.created_ms, valid_from_ms, at_ms)
        return Commit(stored_users.erase(user, erased), erased)

    keys = [user_key(channel, user_pk)]
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


# --- checkouts and orders -----------------------------------------------------------------------


def _empty_pre_orders(call: Call, user: User) -> None:
    """Leave nothing of the user's pre-orders, and delete their baskets.

    Raises `PaymentInProgress` where one has begun since it was looked for.
    """
    for found in list(_pre_orders(call, user)):
        key = pre_order_key(user.channel, user.user_pk, found.currency)

        def decide(rows: Rows, currency: str = found.currency) -> Commit[None] | Replay[None]:
            pre_order = pre_order_in(rows, user.channel, user.user_pk, currency)
            assert pre_order is not None, "pre-orders are never deleted"
            if pre_order.state == "paying":
                raise PaymentInProgress
            if pre_order.state == "erased":
                return Replay(None)
            return Commit(erase_pre_order(pre_order), None)

        settle(decide, [key], deadline=call.deadline, consistent=True)


def _pre_orders(call: Call, user: User) -> Iterator[PreOrder]:
    def page(start: Item | None) -> Page[PreOrder | Basket, Item]:
        return list_pre_orders(
            user.channel,
            user.user_pk,
            limit=_PRE_ORDERS_A_PAGE,
            start=start,
            deadline=call.deadline,
        )

    return (each for each in all_rows(page) if isinstance(each, PreOrder))


def _delete_contents(call: Call, user: User) -> None:
    def page(start: Item | None) -> Page[tuple[str, OrderContents], Item]:
        return list_contents(
            user.channel,
            user.user_pk,
            limit=CONTENTS_AT_ONCE,
            start=start,
            deadline=call.deadline,
        )

    for found in pages(page):
        if found:
            _write(call, [delete_contents(user.channel, user.user_pk, name) for name, _ in found])


def _write(call: Call, deletions: list[Action]) -> None:
    def decide(_: Rows) -> Commit[None]:
        return Commit(deletions, None)

    # Nothing need be read: whatever lies there goes, and what is gone already stays so.
    settle(decide, [], deadline=call.deadline, known=Rows({}))


# --- credit -------------------------------------------------------------------------------------


def _accounts(call: Call, user: User) -> list[Account]:
    found = list_of_user(user.channel, user.user_pk, deadline=call.deadline)
    return [fold_lapsed(account, to_ms(call.now)) for account in found]


def _expiry_of(user: User, account: Account) -> str:
    assert user.erased_ms is not None, "who is erased has the time of it"
    return expiry_id(account.account_id, user.erased_ms)


def _standing(call: Call, user: User) -> list[ErasedAccount]:
    """Return each account with what this erasure, or its first try, let expire."""
    accounts = _accounts(call, user)
    keys = [transfer_key(user.channel, _expiry_of(user, account)) for account in accounts]
    found: dict[str, int] = {}
    for first in range(0, len(keys), BATCH_KEYS):
        some = keys[first : first + BATCH_KEYS]
        rows = batch_get(some, deadline=call.deadline, consistent=True)
        for account in accounts[first : first + BATCH_KEYS]:
            transfer = transfer_in(rows, user.channel, _expiry_of(user, account))
            found[account.account_id] = 0 if transfer is None else transfer.amount
    return [ErasedAccount(account, found[account.account_id]) for account in accounts]

"""The verbs of checkout: open a pre-order, act on a page, and read a completed order.

Whatever a page asks for, everything it decides on is read in one strongly consistent batch, the
transition table in `core` says what happens, and what changed is written on condition that it
is still as read.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.auth import Call, Shopper, check_not_revoked
from chalicelib.core import checkout as rules
from chalicelib.core.accounts import Account, AccountKey, Entry
from chalicelib.core.checkout import Event, Move, Situation
from chalicelib.core.errors import (
    AlreadyCompleted,
    BasketCompleted,
    Busy,
    CreditChanged,
    NotSignedIn,
    PageRefusal,
    UnknownChannel,
    UnknownOrder,
    UnknownUser,
    UnpaidRemains,
)
from chalicelib.core.names import to_ms
from chalicelib.core.pre_orders import ORDER_ID_BITS, Order, PreOrder, without_credit
from chalicelib.core.settings import LOYALTY_MONEY
from chalicelib.core.transfers import order_id, pay_order
from chalicelib.core.users import User
from chalicelib.store import settings as stored_settings
from chalicelib.store.accounts import account_in, account_key
from chalicelib.store.actions import Action, AnyKey, Item, Rows
from chalicelib.store.entries import list_entries
from chalicelib.store.orders import list_order_keys, order_in, order_key, put_order
from chalicelib.store.pre_orders import (
    basket_in,
    basket_key,
    pre_order_in,
    pre_order_key,
    put_basket,
    put_pre_order,
)
from chalicelib.store.refunds import refund_key, refunded_in
from chalicelib.store.requests import Commit, Replay, Settled, batch_get, settle
from chalicelib.store.transfers import post
from chalicelib.store.users import user_in, user_key

EMPTY_BASKET = "{}"


@dataclass(frozen=True, slots=True)
class NewPreOrder:
    """A pre-order as a shop's back end asks for it. Amounts in minor units.

    `content` is the basket and addresses as JSON text, kept as it is.
    """

    user_pk: str
    currency: str
    reference: str | None
    total: int
    shipping: int
    content: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a page left the shopper: the situation after it, what was done, or why not."""

    currency: str
    situation: Situation
    content: str
    move: Move | None
    refusal: PageRefusal | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one page read: the situation, the basket's JSON text, and the shopper as a user."""

    situation: Situation
    content: str | None
    user: User


@dataclass(frozen=True, slots=True)
class History:
    """A page of entries, the key to go on from, and how many entries there are in all."""

    entries: list[Entry]
    last: Item | None
    count: int


@dataclass(frozen=True, slots=True)
class RefundedOrder:
    """A completed order, and what was given back so far of the credit that paid it."""

    order: Order
    refunded: int


# --- pre-orders -----------------------------------------------------------------------------


def open_pre_order(call: Call, channel: str, opening: NewPreOrder) -> Settled[PreOrder]:
    """Open a shopper's checkout, or replace an open one with other content.

    Replacing clears the chosen amount and the instalment. Raises `UnknownChannel`,
    `UnknownUser` or `AlreadyCompleted`.
    """
    reference = opening.reference or f"auto-{secrets.token_hex(12)}"
    content_hash = _content_hash(opening)

    def decide(rows: Rows) -> Commit[PreOrder] | Replay[PreOrder]:
        if stored_settings.channel_in(rows, channel) is None:
            raise UnknownChannel
        if user_in(rows, channel, opening.user_pk) is None:
            raise UnknownUser
        found = pre_order_in(rows, channel, opening.user_pk, opening.currency)
        # The order and its pre-order are read one after the other: either one tells.
        ended = found is not None and found.state == "completed" and found.reference == reference
        if ended or order_in(rows, channel, reference) is not None:
            raise AlreadyCompleted
        if found is not None and found.state == "open" and found.content_hash == content_hash:
            return Replay(found)
        fresh = _fresh(call, channel, opening, reference, content_hash)
        if found is not None:
            fresh = replace(fresh, rev=found.rev + 1)
        if found is not None and found.state == "open":
            fresh = replace(fresh, payment_option=found.payment_option, bin_number=found.bin_number)
        seen_rev = None if found is None else found.rev
        put_both = [put_pre_order(fresh, seen_rev=seen_rev), put_basket(fresh, opening.content)]
        return Commit(put_both, fresh)

    keys: list[AnyKey] = [
        stored_settings.channel_key(channel),
        user_key(channel, opening.user_pk),
        pre_order_key(channel, opening.user_pk, opening.currency),
        order_key(channel, reference),
    ]
    return settle(decide, keys, deadline=call.deadline, consistent=True)


def _fresh(
    call: Call, channel: str, opening: NewPreOrder, reference: str, content_hash: str
) -> PreOrder:
    return PreOrder(
        channel=channel,
        user_pk=opening.user_pk,
        currency=opening.currency,
        reference=reference,
        content_hash=content_hash,
        total=opening.total,
        shipping=opening.shipping,
        loyalty=0,
        payment_option=None,
        bin_number=None,
        installment=None,
        state="open",
        order_id=secrets.randbits(ORDER_ID_BITS),
        opened_ms=to_ms(call.now),
        completed_ms=None,
        rev=1,
    )


def _content_hash(opening: NewPreOrder) -> str:
    content = [opening.reference, opening.total, opening.shipping, opening.content]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


# --- pages ----------------------------------------------------------------------------------


def visit(call: Call, shopper: Shopper, currency: str | None, event: Event, text: str) -> Visit:
    """Let a shopper act on a page; `text` is what the page posts: an amount, a pk, an agreement.

    A refusal of the page is part of the answer and changes nothing, save that credit which no
    longer suffices is taken out of the pre-order (decision 8). Raises `NotSignedIn`, `Busy` or
    `OutcomeUnknown`.
    """
    currency = session_currency(call, shopper, currency)
    latest: list[Reading] = []

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = _reading(call, rows, shopper, currency)
        latest[:] = [reading]
        return _act(call, rows, reading, currency, event, text)

    keys = _keys(shopper, currency)
    try:
        return settle(decide, keys, deadline=call.deadline, consistent=True).answer
    except CreditChanged as refusal:
        return _drop_credit(call, shopper, currency, refusal)
    except PageRefusal as refusal:
        return _refused(latest[0], currency, refusal)


def refuse(call: Call, shopper: Shopper, currency: str | None, refusal: PageRefusal) -> Visit:
    """Return where the shopper is, with the refusal of a page that could not be understood."""
    currency = session_currency(call, shopper, currency)

    def decide(rows: Rows) -> Replay[Visit]:
        return Replay(_refused(_reading(call, rows, shopper, currency), currency, refusal))

    keys = _keys(shopper, currency)
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def read_own_order(call: Call, shopper: Shopper, reference: str) -> Order:
    """Return a completed order to its shopper. Raises `UnknownOrder`, or `NotSignedIn`."""
    keys = [order_key(shopper.channel, reference), user_key(shopper.channel, shopper.user_pk)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    _user(rows, shopper)
    order = order_in(rows, shopper.channel, reference)
    if order is None or order.user_pk != shopper.user_pk:
        raise UnknownOrder
    return order


def read_order(call: Call, channel: str, reference: str) -> RefundedOrder:
    """Return a completed order. Raises `UnknownChannel` or `UnknownOrder`."""
    keys = [stored_settings.channel_key(channel), *_order_keys(channel, reference)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    if stored_settings.channel_in(rows, channel) is None:
        raise UnknownChannel
    order = order_in(rows, channel, reference)
    if order is None:
        raise UnknownOrder
    return _refunded(rows, order)


def list_orders(
    call: Call, channel: str, user_pk: str, *, limit: int, start: Item | None
) -> tuple[list[RefundedOrder], Item | None]:
    """Return a page of a user's completed orders, newest first. Raises `UnknownUser`."""
    references, last = list_order_keys(
        channel, user_pk, limit=limit, start=start, deadline=call.deadline
    )
    if not references and start is None:
        keys: list[AnyKey] = [stored_settings.channel_key(channel), user_key(channel, user_pk)]
        rows = batch_get(keys, deadline=call.deadline, consistent=True)
        if stored_settings.channel_in(rows, channel) is None:
            raise UnknownChannel
        if user_in(rows, channel, user_pk) is None:
            raise UnknownUser
        return [], None
    wanted = [key for reference in references for key in _order_keys(channel, reference)]
    rows = batch_get(wanted, deadline=call.deadline, consistent=True)
    found = [order_in(rows, channel, reference) for reference in references]
    return [_refunded(rows, order) for order in found if order is not None], last


def _order_keys(channel: str, reference: str) -> list[AnyKey]:
    return [order_key(channel, reference), refund_key(channel, order_id(reference))]


def _refunded(rows: Rows, order: Order) -> RefundedOrder:
    sale_id = order_id(order.reference)
    return RefundedOrder(order, refunded_in(rows, order.channel, sale_id))


def read_balance(call: Call, shopper: Shopper, currency: str | None) -> tuple[str, int]:
    """Return the shopper's currency and available credit in minor units; zero without account."""
    currency = session_currency(call, shopper, currency)
    key = AccountKey(shopper.channel, shopper.user_pk, currency)
    return currency, rules.balance_of(_own_account(call, shopper, key))


def session_currency(call: Call, shopper: Shopper, currency: str | None) -> str:
    """Return the currency that was named, or the channel's default (decision 13)."""
    return currency or _default_currency(call, shopper)


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
    _user(rows, shopper)
    return account_in(rows, key, to_ms(call.now))


def _act(
    call: Call, rows: Rows, reading: Reading, currency: str, event: Event, text: str
) -> Commit[Visit] | Replay[Visit]:
    """Return what the event leads to, as the table says. Raises the page's refusal."""
    situation = reading.situation
    outcome = rules.outcome_of(situation, event)
    if outcome is UnpaidRemains:
        assert situation.effective is not None
        raise UnpaidRemains(rules.unpaid_message(situation.effective))
    if not isinstance(outcome, Move):
        raise outcome
    if outcome is Move.COMPLETE:
        return _complete(call, rows, reading, currency, text)
    change = _CHANGES.get(outcome)
    if change is None:
        return Replay(_visit(reading, currency, outcome))
    return _commit(reading, currency, outcome, change(situation, text))


_CHANGES: dict[Move, Callable[[Situation, str], PreOrder]] = {
    Move.USE_CREDIT: rules.use_credit,
    Move.SELECT_OPTION: rules.select_option,
    Move.ENTER_BIN: rules.enter_bin,
    Move.CHOOSE_INSTALLMENT: rules.choose_installment,
}


def _commit(
    reading: Reading, currency: str, move: Move, changed: PreOrder, more: tuple[Action, ...] = ()
) -> Commit[Visit] | Replay[Visit]:
    before = reading.situation.pre_order
    assert before is not None
    if changed == before:
        return Replay(_visit(reading, currency, move))
    changed = replace(changed, rev=before.rev + 1)
    after = replace(reading, situation=replace(reading.situation, pre_order=changed))
    put = put_pre_order(changed, seen_rev=before.rev)
    return Commit([*more, put], _visit(after, currency, move))


def _complete(
    call: Call, rows: Rows, reading: Reading, currency: str, agreement: str
) -> Commit[Visit] | Replay[Visit]:
    """Return the completion by credit: the payment, the order and the end of the pre-order.

    Everything touched is this shopper's own, and each part is written only as it was read.
    """
    pre_order = rules.check_completion(reading.situation, agreement)
    if rows.shows(order_key(pre_order.channel, pre_order.reference)):
        raise BasketCompleted
    account = reading.situation.account
    assert account is not None, "credit that can be paid with has an account"
    movement = pay_order(
        account,
        reference=pre_order.reference,
        amount=pre_order.loyalty,
        may_overdraw=rules.may_overdraw(account, pre_order.loyalty, pre_order.total),
        now_ms=to_ms(call.now),
        by=call.by,
    )
    order = _order(pre_order, reading, movement.transfer.at_ms)
    completed = replace(pre_order, state="completed", completed_ms=order.completed_ms)
    writes = (*post(movement), put_order(order))
    return _commit(reading, currency, Move.SHOW_ORDER, completed, writes)


def _order(pre_order: PreOrder, reading: Reading, completed_ms: int) -> Order:
    return Order(
        channel=pre_order.channel,
        user_pk=pre_order.user_pk,
        currency=pre_order.currency,
        reference=pre_order.reference,
        order_id=pre_order.order_id,
        user_email=reading.user.email,
        total=pre_order.total,
        shipping=pre_order.shipping,
        loyalty=pre_order.loyalty,
        payment_type=LOYALTY_MONEY,
        completed_ms=completed_ms,
        content=reading.content or EMPTY_BASKET,
    )


def _drop_credit(call: Call, shopper: Shopper, currency: str, refusal: CreditChanged) -> Visit:
    """Take credit that no longer suffices out of the pre-order (decision 8).

    Another tab may have completed meanwhile, or chosen an amount that suffices: that stays.
    """

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = _reading(call, rows, shopper, currency)
        before = reading.situation.pre_order
        if before is not None and before.state == "completed":
            return Replay(_visit(reading, currency, Move.SHOW_ORDER))
        account = reading.situation.account
        if before is None or rules.can_pay(account, before.loyalty, before.total):
            return Replay(_refused(reading, currency, refusal))
        after = replace(without_credit(before), rev=before.rev + 1)
        left = replace(reading, situation=replace(reading.situation, pre_order=after))
        put = put_pre_order(after, seen_rev=before.rev)
        return Commit([put], _refused(left, currency, refusal))

    keys = _keys(shopper, currency)
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def _keys(shopper: Shopper, currency: str) -> list[AnyKey]:
    channel, user_pk = shopper.channel, shopper.user_pk
    return [
        *stored_settings.all_keys(channel),
        user_key(channel, user_pk),
        account_key(AccountKey(channel, user_pk, currency)),
        pre_order_key(channel, user_pk, currency),
        basket_key(channel, user_pk, currency),
    ]


def _reading(call: Call, rows: Rows, shopper: Shopper, currency: str) -> Reading:
    channel, user_pk = shopper.channel, shopper.user_pk
    settings = stored_settings.settings_in(rows, channel)
    if settings is None:
        raise NotSignedIn("This session belongs to a channel that does not exist.")
    pre_order = pre_order_in(rows, channel, user_pk, currency)
    situation = Situation(
        settings=settings,
        account=account_in(rows, AccountKey(channel, user_pk, currency), to_ms(call.now)),
        pre_order=pre_order,
    )
    content = None if pre_order is None else basket_in(rows, pre_order)
    if content is None and pre_order is not None and pre_order.state == "open":
        # The shop's back end replaced both rows between our reads of the one and the other.
        raise Busy
    return Reading(situation, content, _user(rows, shopper))


def _user(rows: Rows, shopper: Shopper) -> User:
    user = user_in(rows, shopper.channel, shopper.user_pk)
    if user is None:
        raise NotSignedIn("This session belongs to a user who is not registered.")
    check_not_revoked(shopper, user.sessions_valid_from_ms)
    return user


def _visit(reading: Reading, currency: str, move: Move) -> Visit:
    return Visit(currency, reading.situation, reading.content or EMPTY_BASKET, move, refusal=None)


def _refused(reading: Reading, currency: str, refusal: PageRefusal) -> Visit:
    return Visit(currency, reading.situation, reading.content or EMPTY_BASKET, None, refusal)


def _default_currency(call: Call, shopper: Shopper) -> str:
    """Return the channel's default: one request more for a client that names no currency."""
    keys = stored_settings.all_keys(shopper.channel)
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    settings = stored_settings.settings_in(rows, shopper.channel)
    if settings is None:
        raise NotSignedIn("This session belongs to a channel that does not exist.")
    return settings.default_currency

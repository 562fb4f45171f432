"""What a page reads before it decides, and how it says where the shopper is."""

import secrets
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.auth import Call, Shopper, check_not_revoked
from chalicelib.core.accounts import AccountKey
from chalicelib.core.checkout import Situation
from chalicelib.core.errors import Busy, NotSignedIn
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import PageRefusal, PaymentDeclined, PaymentReturned
from chalicelib.core.pre_orders import (
    FailedPayment,
    Order,
    OrderContents,
    PaymentState,
    PreOrder,
)
from chalicelib.core.settings import Settings
from chalicelib.core.transitions import Move
from chalicelib.core.users import User
from chalicelib.store import settings as stored_settings
from chalicelib.store.accounts import account_in, account_key
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.orders import put_order
from chalicelib.store.pre_orders import (
    basket_in,
    basket_key,
    pre_order_in,
    pre_order_key,
    put_pre_order,
)
from chalicelib.store.requests import Commit, batch_get
from chalicelib.store.users import registered_in, user_in, user_key

EMPTY_BASKET: Final = "{}"


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

    currency: str
    situation: Situation
    content: str | None
    user: User | None

    @property
    def pre_order(self) -> PreOrder:
        """The pre-order; only where there is one."""
        assert self.situation.pre_order is not None
        return self.situation.pre_order

    def left_at(self, pre_order: PreOrder) -> "Reading":
        """Return the reading as it is once the pre-order has changed."""
        return replace(self, situation=replace(self.situation, pre_order=pre_order))


def keys_of(channel: str, user_pk: str, currency: str) -> list[AnyKey]:
    """Return the keys of everything that a page decides on."""
    return [
        *stored_settings.all_keys(channel),
        user_key(channel, user_pk),
        account_key(AccountKey(channel, user_pk, currency)),
        pre_order_key(channel, user_pk, currency),
        basket_key(channel, user_pk, currency),
    ]


def reading_in(call: Call, rows: Rows, channel: str, user_pk: str, currency: str) -> Reading | None:
    """Return what rows hold of a checkout; None where the channel does not exist.

    Raises `Busy` where the pre-order was replaced between the reads of its two rows.
    """
    settings = stored_settings.settings_in(rows, channel)
    if settings is None:
        return None
    pre_order = pre_order_in(rows, channel, user_pk, currency)
    content = None if pre_order is None else basket_in(rows, pre_order)
    if content is None and pre_order is not None and pre_order.state in {"open", "paying"}:
        raise Busy
    account = account_in(rows, AccountKey(channel, user_pk, currency), to_ms(call.now))
    situation = Situation(settings=settings, account=account, pre_order=pre_order)
    return Reading(currency, situation, content, user_in(rows, channel, user_pk))


def reading_of(call: Call, rows: Rows, shopper: Shopper, currency: str) -> Reading:
    """Return what rows hold of the shopper's checkout. Raises `NotSignedIn` or `Busy`."""
    reading = reading_in(call, rows, shopper.channel, shopper.user_pk, currency)
    if reading is None:
        raise NotSignedIn("This session belongs to a channel that does not exist.")
    check_user(rows, shopper)
    return reading


def check_user(rows: Rows, shopper: Shopper) -> None:
    """Raise `NotSignedIn` for a session of nobody, or one that was ended."""
    user = registered_in(rows, shopper.channel, shopper.user_pk)
    if user is None:
        raise NotSignedIn("This session belongs to a user who is not registered.")
    check_not_revoked(shopper, user.sessions_valid_from_ms)


def visited(reading: Reading, move: Move) -> Visit:
    """Return where a page that did something left the shopper.

    Whoever loads the checkout is told of a payment that failed, as long as nothing has followed it.
    """
    pre_order = reading.situation.pre_order
    failed = pre_order.failed_payment if pre_order is not None and move is Move.SHOW else None
    return _left(reading, move, failed and failure_of(failed))


def failure_of(failed: FailedPayment) -> PageRefusal:
    """Return what a shopper is told of a payment that failed."""
    return PaymentReturned() if failed == "returned" else PaymentDeclined()


def refused(reading: Reading, refusal: PageRefusal) -> Visit:
    """Return where a page that was refused left the shopper."""
    return _left(reading, None, refusal)


def _left(reading: Reading, move: Move | None, refusal: PageRefusal | None) -> Visit:
    content = reading.content or EMPTY_BASKET
    return Visit(reading.currency, reading.situation, content, move, refusal)


def ordered(
    reading: Reading,
    *,
    completed_ms: int,
    payment_type: str,
    payment_name: str,
    payment_state: PaymentState = "paid",
    charged: int = 0,
    payment_key: str | None = None,
) -> list[Action]:
    """Return the writes of the order that the pre-order becomes, and of its contents."""
    pre_order = reading.pre_order
    contents = OrderContents(
        user_email=reading.user.email if reading.user is not None else None,
        content=reading.content or EMPTY_BASKET,
        salt=secrets.token_hex(16),
    )
    order = Order(
        channel=pre_order.channel,
        user_pk=pre_order.user_pk,
        currency=pre_order.currency,
        reference=pre_order.reference,
        order_id=pre_order.order_id,
        total=pre_order.total,
        shipping=pre_order.shipping,
        loyalty=pre_order.loyalty,
        payment_type=payment_type,
        payment_name=payment_name,
        payment_state=payment_state,
        charged=charged,
        payment_key=payment_key,
        completed_ms=completed_ms,
        contents_hash=contents.hash,
    )
    return put_order(order, contents)


def commit(
    reading: Reading,
    changed: PreOrder,
    more: list[Action],
    failed_payment: FailedPayment | None = None,
) -> tuple[list[Action], Reading]:
    """Return the writes of a changed pre-order beside others, and the reading after them.

    Every change ends the memory of an earlier payment that failed.
    """
    before = reading.pre_order
    changed = replace(changed, rev=before.rev + 1, failed_payment=failed_payment)
    return [*more, put_pre_order(changed, seen_rev=before.rev)], reading.left_at(changed)


def committed(reading: Reading, changed: PreOrder, move: Move, more: list[Action]) -> Commit[Visit]:
    """Return the decision to change the pre-order, and the visit that follows."""
    writes, after = commit(reading, changed, more)
    return Commit(writes, visited(after, move))


def session_currency(call: Call, shopper: Shopper, currency: str | None) -> str:
    """Return the currency that was named, or the channel's default (decision 13).

    A client that names none costs one request more.
    """
    return currency or _settings(call, shopper).default_currency


def _settings(call: Call, shopper: Shopper) -> Settings:
    keys = stored_settings.all_keys(shopper.channel)
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    settings = stored_settings.settings_in(rows, shopper.channel)
    if settings is None:
        raise NotSignedIn("This session belongs to a channel that does not exist.")
    return settings

"""Open a shopper's checkout, as a shop's back end does."""

import hashlib
import json
import secrets
from dataclasses import dataclass, replace

from chalicelib.auth import Call
from chalicelib.core.errors import AlreadyCompleted, UnknownChannel, UnknownUser
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.core.pre_orders import ORDER_ID_BITS, PreOrder
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.orders import order_in, order_key
from chalicelib.store.pre_orders import pre_order_in, pre_order_key, put_basket, put_pre_order
from chalicelib.store.requests import Commit, Replay, Settled, settle
from chalicelib.store.settings import channel_in, channel_key
from chalicelib.store.users import check_registered, registered_in, user_key


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


def open_pre_order(call: Call, channel: str, opening: NewPreOrder) -> Settled[PreOrder]:
    """Open a shopper's checkout, or replace an open one with other content.

    Replacing clears the chosen amount and the instalment. Raises `UnknownChannel`,
    `UnknownUser`, `AlreadyCompleted` or `PaymentInProgress`.
    """
    reference = opening.reference or f"auto-{secrets.token_hex(12)}"
    content_hash = _content_hash(opening)

    def decide(rows: Rows) -> Commit[PreOrder] | Replay[PreOrder]:
        if channel_in(rows, channel) is None:
            raise UnknownChannel
        if registered_in(rows, channel, opening.user_pk) is None:
            raise UnknownUser
        found = pre_order_in(rows, channel, opening.user_pk, opening.currency)
        fresh = _fresh(call, channel, opening, reference, content_hash)
        # The order and its pre-order are read one after the other: either one tells.
        ended = found is not None and found.state == "completed" and found.reference == reference
        if ended or order_in(rows, channel, reference) is not None:
            raise AlreadyCompleted
        if found is not None and found.state != "completed" and found.content_hash == content_hash:
            return Replay(found)
        return _put(fresh, opening, in_place_of=found)

    keys: list[AnyKey] = [
        channel_key(channel),
        user_key(channel, opening.user_pk),
        pre_order_key(channel, opening.user_pk, opening.currency),
        order_key(channel, reference),
    ]
    return settle(decide, keys, deadline=call.deadline, consistent=True)


def _put(
    fresh: PreOrder, opening: NewPreOrder, *, in_place_of: PreOrder | None
) -> Commit[PreOrder]:
    """Return the writes of a pre-order and its basket.

    Its user may be erased meanwhile. That changes an earlier pre-order, and then this write is
    refused; where there is none, it must ask.
    """
    found, asks = in_place_of, list[Action]()
    if found is None or found.state == "erased":
        asks = [check_registered(fresh.channel, fresh.user_pk)]
    fresh = fresh if found is None else _in_place_of(found, fresh)
    pre_order = put_pre_order(fresh, seen_rev=None if found is None else found.rev)
    return Commit([*asks, pre_order, put_basket(fresh, opening.content)], fresh)


def _in_place_of(found: PreOrder, fresh: PreOrder) -> PreOrder:
    """Return a new pre-order as it follows an earlier one. Raises `PaymentInProgress`.

    Attempts are counted on, so that no payment has the name of an earlier one.
    """
    if found.state == "paying":
        raise PaymentInProgress
    fresh = replace(fresh, rev=found.rev + 1, attempt=found.attempt)
    if found.state == "completed" or found.bin_number is None:
        return fresh
    # Only a card stays chosen: its new price is shown before it can be confirmed.
    return replace(fresh, payment_option=found.payment_option, bin_number=found.bin_number)


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
        installment_price=None,
        bank_account=None,
        state="open",
        attempt=0,
        charge=None,
        failed_payment=None,
        order_id=secrets.randbits(ORDER_ID_BITS),
        opened_ms=to_ms(call.now),
        completed_ms=None,
        rev=1,
    )


def _content_hash(opening: NewPreOrder) -> str:
    content = [opening.reference, opening.total, opening.shipping, opening.content]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()

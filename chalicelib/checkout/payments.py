"""Pay the rest of an order by card: begin, charge, end; and end what was interrupted.

A payment that has begun ends only by a definite word of its gateway, whenever that comes: at
once, on the shopper's next request, or by the schedule. Each step may be repeated; killed
between two of them, the next request goes on from what is stored.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.auth import Call
from chalicelib.checkout.reading import (
    Reading,
    Visit,
    commit,
    committed,
    failure_of,
    keys_of,
    ordered,
    reading_in,
    refused,
    visited,
)
from chalicelib.core import checkout as rules
from chalicelib.core import holds, page_errors, payments
from chalicelib.core.accounts import Account, AccountKey, open_hold_of
from chalicelib.core.errors import Busy, InsufficientCredit, OutcomeUnknown, TooManyHolds
from chalicelib.core.holds import Hold, HoldState
from chalicelib.core.names import to_ms
from chalicelib.core.payments import Card, CardForm, Outcome, hold_id_of, payment_of
from chalicelib.core.pre_orders import Charge, FailedPayment, Order, PreOrder
from chalicelib.core.settings import CREDIT_CARD
from chalicelib.core.transfers import pay_held
from chalicelib.core.transitions import Move
from chalicelib.logs import log
from chalicelib.outside.gateways import Gateway, gateway_named
from chalicelib.store.accounts import free, keep
from chalicelib.store.actions import Action, AnyKey, Rows
from chalicelib.store.holds import end_hold, hold_in, hold_key, put_hold
from chalicelib.store.orders import order_in, order_key
from chalicelib.store.pages import all_rows
from chalicelib.store.pre_orders import list_paying, pre_order_in, pre_order_key
from chalicelib.store.requests import Commit, Replay, batch_get, settle
from chalicelib.store.transfers import post

CHARGE_S: Final = 4.0
"""How long a gateway may take for a charge, in seconds."""

END_S: Final = 1.0
"""What is kept of a request's time for the write that ends a payment."""

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """What a look at the payments in progress came to; `oldest_ms` is the age of the oldest."""

    completed: int
    declined: int
    in_progress: int
    oldest_ms: int


# --- begin --------------------------------------------------------------------------------------


def order_keys(call: Call, channel: str, user_pk: str, currency: str) -> list[AnyKey]:
    """Return the key of the order that the checkout would become: one request more."""
    key = pre_order_key(channel, user_pk, currency)
    rows = batch_get([key], deadline=call.deadline, consistent=True)
    pre_order = pre_order_in(rows, channel, user_pk, currency)
    return [] if pre_order is None else [order_key(channel, pre_order.reference)]


def begin(call: Call, rows: Rows, reading: Reading, form: CardForm | None) -> Commit[Visit]:
    """Return the first step: the checkout is paying, and its credit is held.

    Everything is checked here, so that nothing can refuse the last step. Raises the page's
    refusal.
    """
    situation = reading.situation
    pre_order = rules.check_completion(situation, form.agreement if form is not None else "")
    assert form is not None, "an agreement came with the form of a card"
    if gateway_named(situation.settings.payment_gateway) is None:
        raise page_errors.PaymentNotOffered
    _card(call, form, pre_order)
    if rows.shows(order_key(pre_order.channel, pre_order.reference)):
        raise page_errors.BasketCompleted
    option, price = rules.chosen_option(situation), rules.price_of(situation)
    assert option is not None, "the table lets only a chosen card come here"
    assert price is not None, "and only with a plan"
    charge = Charge(
        gateway=situation.settings.payment_gateway,
        amount=price.total,
        installments=price.plan.installment_count,
        begun_ms=to_ms(call.now),
        payment_name=option.name,
    )
    paying = replace(pre_order, state="paying", attempt=pre_order.attempt + 1, charge=charge)
    return committed(reading, paying, Move.CHARGE, _hold(call, reading, paying))


def _card(call: Call, form: CardForm, pre_order: PreOrder) -> Card:
    assert pre_order.bin_number is not None, "instalments are priced for the digits of a card"
    return payments.check_card(form, pre_order.bin_number, call.now.date())


def _hold(call: Call, reading: Reading, paying: PreOrder) -> list[Action]:
    """Return the writes that hold the credit of a payment; none where it uses no credit."""
    if not paying.loyalty:
        return []
    account = reading.situation.account
    assert account is not None, "credit that can be paid with has an account"
    hold = Hold(
        account=account.key,
        id=hold_id_of(paying),
        amount=paying.loyalty,
        captured=0,
        state=HoldState.OPEN,
        order=None,
        expires_ms=None,
        created_ms=to_ms(call.now),
        by=call.by,
    )
    try:
        holds.authorize(account, hold)
    except TooManyHolds:
        raise page_errors.CreditReserved from None
    except InsufficientCredit:
        raise page_errors.CreditChanged from None
    return [keep(account, hold.on_account), put_hold(hold)]


# --- charge and end -----------------------------------------------------------------------------

Question = Callable[[Gateway, float], Outcome]
"""What a gateway is asked, until when in seconds of the monotonic clock."""


def charge(call: Call, found: Visit, form: CardForm) -> Visit:
    """Charge the card of a payment that this request has begun, and end it as the gateway says."""
    paying = _paying(found)
    card = _card(call, form, paying)

    def ask_to_charge(gateway: Gateway, deadline: float) -> Outcome:
        return gateway.charge(payment_of(paying), card, deadline=deadline)

    return _end_as(call, found, ask_to_charge)


def ask(call: Call, found: Visit) -> Visit:
    """Ask the gateway how a payment in progress ended, and end it so; it may go on.

    A charge that the gateway never saw is declined for good once it is too old to be still on
    its way.
    """
    paying = _paying(found)
    assert paying.charge is not None
    final = to_ms(call.now) - paying.charge.begun_ms >= payments.ASK_FINALLY_AFTER_MS

    def ask_how(gateway: Gateway, deadline: float) -> Outcome:
        return gateway.ask(payment_of(paying), final=final, deadline=deadline)

    return _end_as(call, found, ask_how)


def _paying(found: Visit) -> PreOrder:
    paying = found.situation.pre_order
    assert paying is not None, "only a payment in progress can be ended"
    assert paying.charge is not None, "and it knows what it began with"
    return paying


def _end_as(call: Call, found: Visit, question: Question) -> Visit:
    paying = _paying(found)
    assert paying.charge is not None
    gateway = gateway_named(paying.charge.gateway)
    if gateway is None:
        log.error("gateway_missing", extra={"gateway": paying.charge.gateway})
        return _still_paying(found)
    outcome = question(gateway, min(call.deadline - END_S, time.monotonic() + CHARGE_S))
    if outcome is Outcome.APPROVED:
        try:
            return _finish(call, paying)
        except page_errors.PaymentReturned:
            return _give_back(call, found, gateway)
    if outcome is Outcome.DECLINED:
        return _release(call, paying, "declined")
    return _still_paying(found)


def _still_paying(found: Visit) -> Visit:
    return replace(found, move=None, refusal=page_errors.PaymentInProgress())


def _finish(call: Call, paying: PreOrder) -> Visit:
    """Complete the order of an approved payment: held credit is captured, the order is put.

    Raises `PaymentReturned` where the checkout is not there to be completed any more.
    """

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = _read(call, rows, paying)
        now, order = reading.pre_order, order_in(rows, paying.channel, paying.reference)
        if _is_paid_by(order, paying):
            return Replay(_done_before(reading, paying))
        held = _held(rows, reading, paying)
        if order is not None or not _same(now, paying) or (paying.loyalty and held is None):
            raise page_errors.PaymentReturned
        assert paying.charge is not None
        completed_ms, writes = to_ms(call.now), list[Action]()
        if held is not None:
            account, hold = held
            movement = pay_held(
                account,
                hold.on_account,
                reference=paying.reference,
                now_ms=completed_ms,
                by=call.by,
            )
            completed_ms = movement.transfer.at_ms
            captured = holds.capture(hold, HoldState.OPEN, None, paying.reference)
            assert captured is not None, "an open hold can be captured"
            ended = holds.ended(captured, at_ms=completed_ms, by=call.by)
            writes = [*post(movement), end_hold(ended)]
        writes += ordered(
            reading,
            completed_ms=completed_ms,
            payment_type=CREDIT_CARD,
            payment_name=paying.charge.payment_name,
            charged=paying.charge.amount,
            payment_key=payment_of(paying).key,
        )
        completed = replace(now, state="completed", completed_ms=completed_ms, charge=None)
        return committed(reading, completed, Move.SHOW_ORDER, writes)

    return settle(decide, _keys(paying), deadline=call.deadline, consistent=True).answer


def _release(call: Call, paying: PreOrder, failure: FailedPayment) -> Visit:
    """Open the checkout of a payment that failed again, and free what it held."""
    refusal = failure_of(failure)

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = _read(call, rows, paying)
        now = reading.pre_order
        if _is_paid_by(order_in(rows, paying.channel, paying.reference), paying):
            return Replay(_done_before(reading, paying))
        if not _same(now, paying):
            return Replay(refused(reading, refusal))
        writes: list[Action] = []
        if paying.loyalty:
            held = _held(rows, reading, paying)
            if held is None:
                # Somebody else has ended it between our reads: they are repeated at one moment.
                raise page_errors.PaymentInProgress
            account, hold = held
            voided = replace(hold, state=HoldState.VOIDED)
            ended = holds.ended(voided, at_ms=to_ms(call.now), by=call.by)
            writes = [free(account, hold.on_account), end_hold(ended)]
        opened, after = commit(reading, replace(now, state="open", charge=None), writes, failure)
        return Commit(opened, refused(after, refusal))

    return settle(decide, _keys(paying), deadline=call.deadline, consistent=True).answer


def _give_back(call: Call, found: Visit, gateway: Gateway) -> Visit:
    """Give an approved charge back whose checkout cannot be completed, and open that again."""
    payment = payment_of(_paying(found))
    limit = time.monotonic() + CHARGE_S
    if not gateway.refund(payment, deadline=min(call.deadline - END_S, limit)):
        log.error("payment_not_returned", extra={"payment_key": payment.key})
        return _still_paying(found)
    log.error("payment_returned", extra={"payment_key": payment.key})
    return _release(call, _paying(found), "returned")


def _is_paid_by(order: Order | None, paying: PreOrder) -> bool:
    """Return whether this very payment has completed its order before.

    The pre-order cannot say so: it may be the shopper's next basket by now.
    """
    return order is not None and order.payment_key == payment_of(paying).key


def _done_before(reading: Reading, paying: PreOrder) -> Visit:
    """Return where the shopper is after the order: at it, or already in the next checkout."""
    next_one = reading.pre_order.order_id != paying.order_id
    return visited(reading, Move.SHOW if next_one else Move.SHOW_ORDER)


def _keys(paying: PreOrder) -> list[AnyKey]:
    keys = keys_of(paying.channel, paying.user_pk, paying.currency)
    account = AccountKey(paying.channel, paying.user_pk, paying.currency)
    if paying.loyalty:
        keys.append(hold_key(account, hold_id_of(paying)))
    return [*keys, order_key(paying.channel, paying.reference)]


def _read(call: Call, rows: Rows, paying: PreOrder) -> Reading:
    reading = reading_in(call, rows, paying.channel, paying.user_pk, paying.currency)
    assert reading is not None, "a channel is never deleted"
    return reading


def _same(now: PreOrder, paying: PreOrder) -> bool:
    """Return whether this very payment is still in progress."""
    attempts = (now.order_id, now.attempt) == (paying.order_id, paying.attempt)
    return attempts and now.state == "paying"


def _held(rows: Rows, reading: Reading, paying: PreOrder) -> tuple[Account, Hold] | None:
    """Return the account and the open hold of the payment; None where it uses no credit."""
    account = reading.situation.account
    if not paying.loyalty or account is None:
        return None
    hold = hold_in(rows, account.key, hold_id_of(paying))
    # Read one after the other, the hold's own row and the account's may not agree.
    if hold is None or hold.state is not HoldState.OPEN or not open_hold_of(account, hold.id):
        return None
    return account, hold


# --- the schedule -------------------------------------------------------------------------------


def end_payments(call: Call) -> Ended:
    """Ask about every payment in progress until the deadline, the oldest first.

    The others follow in any order: where a gateway hangs, none of them waits behind the same ones
    each time.
    """
    places = _list_all_paying(call)
    others = places[1:]
    random.shuffle(others)
    counts: Counter[str] = Counter()
    oldest_ms = 0
    for place in (*places[:1], *others):
        if time.monotonic() >= call.deadline:
            log.warning("payments_left", extra={"left": len(places) - counts.total()})
            break
        state, age_ms = _end_one(call, *place)
        counts[state] += 1
        oldest_ms = max(oldest_ms, age_ms)
    return Ended(counts["completed"], counts["open"], counts["paying"], oldest_ms)


def _list_all_paying(call: Call) -> list[tuple[str, str, str]]:
    return [*all_rows(lambda start: list_paying(limit=_PAGE, start=start, deadline=call.deadline))]


def _end_one(call: Call, channel: str, user_pk: str, currency: str) -> tuple[str, int]:
    """Return how a payment stands after it was asked about, and its age in milliseconds if open."""
    age_ms = 0
    try:
        rows = batch_get(
            keys_of(channel, user_pk, currency), deadline=call.deadline, consistent=True
        )
        found = pre_order_in(rows, channel, user_pk, currency)
        # The index may lag behind: what has ended since is none of our business.
        if found is None or found.charge is None:
            return "gone", 0
        age_ms = to_ms(call.now) - found.charge.begun_ms
        ended = ask(call, visited(_read(call, rows, found), Move.SHOW))
    except (Busy, OutcomeUnknown):
        return "paying", age_ms
    except Exception:  # noqa: BLE001  # whatever is wrong with one payment, the others have their turn
        log.exception("payment_not_ended")
        return "paying", age_ms
    now = ended.situation.pre_order
    assert now is not None, "a payment ends with its checkout"
    return now.state, age_ms if now.state == "paying" else 0

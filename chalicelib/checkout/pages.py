"""Let a shopper act on a checkout page."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.auth import Call, Shopper
from chalicelib.checkout import payments
from chalicelib.checkout.reading import (
    Reading,
    Visit,
    commit,
    committed,
    keys_of,
    ordered,
    reading_of,
    refused,
    session_currency,
    visited,
)
from chalicelib.core import checkout as rules
from chalicelib.core.checkout import Situation
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import (
    BasketCompleted,
    CreditChanged,
    PageRefusal,
    PaymentInProgress,
    UnpaidRemains,
)
from chalicelib.core.payments import CardForm
from chalicelib.core.pre_orders import PaymentState, PreOrder, without_credit
from chalicelib.core.settings import FUNDS_TRANSFER, LOYALTY_MONEY
from chalicelib.core.transfers import pay_order
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.store.actions import Action, Rows
from chalicelib.store.orders import order_key
from chalicelib.store.requests import Commit, Replay, settle
from chalicelib.store.transfers import post

CREDIT_NAME: Final = "Loyalty Money"


@dataclass(frozen=True, slots=True)
class Posted:
    """What a page posts: the one field that it reads as text, or the form of a card."""

    text: str = ""
    card: CardForm | None = None


def visit(
    call: Call, shopper: Shopper, currency: str | None, event: PageEvent, posted: Posted
) -> Visit:
    """Let a shopper act on a page.

    A payment in progress is asked about first. A refusal of the page is part of the answer and
    changes nothing, save that credit which no longer suffices is taken out of the pre-order
    (decision 8). Raises `NotSignedIn`, `Busy` or `OutcomeUnknown`.
    """
    currency = session_currency(call, shopper, currency)
    found = _visit_once(call, shopper, currency, event, posted)
    pre_order = found.situation.pre_order
    if pre_order is None or pre_order.state != "paying" or event is PageEvent.SHOW_CREDIT:
        return found
    if found.move is Move.CHARGE:
        assert posted.card is not None, "the page that charges has a card"
        return payments.charge(call, found, posted.card)
    ended = payments.ask(call, found)
    if ended.move is Move.SHOW_ORDER:
        return ended
    confirms = event is PageEvent.CONFIRM_CARD
    if ended.refusal is not None and (confirms or isinstance(ended.refusal, PaymentInProgress)):
        # Whoever confirms hears how the payment ended, and is charged no second time for it.
        return _shown(ended, event)
    return _visit_once(call, shopper, currency, PageEvent.SHOW if confirms else event, posted)


def _shown(ended: Visit, event: PageEvent) -> Visit:
    """Return the visit as the page that loads the checkout shows it: whole, with the refusal."""
    move = Move.SHOW if event is PageEvent.SHOW else None
    return Visit(ended.currency, ended.situation, ended.content, move, ended.refusal)


def refuse(call: Call, shopper: Shopper, currency: str | None, refusal: PageRefusal) -> Visit:
    """Return where the shopper is, with the refusal of a page that could not be understood."""
    currency = session_currency(call, shopper, currency)

    def decide(rows: Rows) -> Replay[Visit]:
        return Replay(refused(reading_of(call, rows, shopper, currency), refusal))

    keys = keys_of(shopper.channel, shopper.user_pk, currency)
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer


def _visit_once(
    call: Call, shopper: Shopper, currency: str, event: PageEvent, posted: Posted
) -> Visit:
    latest: list[Reading] = []

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = reading_of(call, rows, shopper, currency)
        latest[:] = [reading]
        return _act(call, rows, reading, event, posted)

    keys = keys_of(shopper.channel, shopper.user_pk, currency)
    if event is PageEvent.CONFIRM_CARD:
        # A card is not charged for a basket that was ordered in another currency.
        keys += payments.order_keys(call, shopper.channel, shopper.user_pk, currency)
    try:
        return settle(decide, keys, deadline=call.deadline, consistent=True).answer
    except CreditChanged as refusal:
        return _drop_credit(call, shopper, currency, refusal)
    except PageRefusal as refusal:
        return refused(latest[0], refusal)


def _act(
    call: Call, rows: Rows, reading: Reading, event: PageEvent, posted: Posted
) -> Commit[Visit] | Replay[Visit]:
    """Return what the event leads to, as the table says. Raises the page's refusal."""
    situation = reading.situation
    outcome = rules.outcome_of(situation, event)
    if outcome is UnpaidRemains:
        assert situation.effective is not None
        raise rules.unpaid_remains(situation.effective)
    if not isinstance(outcome, Move):
        raise outcome
    if outcome in _ENDS:
        return _ENDS[outcome](call, rows, reading, posted)
    change = _CHANGES.get(outcome)
    if change is None:
        return Replay(visited(reading, outcome))
    changed = change(situation, posted.text)
    if changed == reading.pre_order:
        return Replay(visited(reading, outcome))
    return committed(reading, changed, outcome, [])


_CHANGES: Final[dict[Move, Callable[[Situation, str], PreOrder]]] = {
    Move.USE_CREDIT: rules.use_credit,
    Move.SELECT_OPTION: rules.select_option,
    Move.ENTER_BIN: rules.enter_bin,
    Move.CHOOSE_INSTALLMENT: rules.choose_installment,
    Move.CHOOSE_BANK: rules.choose_bank,
}


def _complete(
    call: Call, rows: Rows, reading: Reading, posted: Posted
) -> Commit[Visit] | Replay[Visit]:
    """Return the completion by credit: the payment, the order and the end of the pre-order.

    Everything touched is this shopper's own, and each part is written only as it was read.
    """
    pre_order = rules.check_completion(reading.situation, posted.text)
    return _order(call, rows, reading, pre_order, "paid")


def _await_funds(
    call: Call, rows: Rows, reading: Reading, posted: Posted
) -> Commit[Visit] | Replay[Visit]:
    """Return the completion whose rest awaits a funds transfer; the credit is paid at once."""
    pre_order = rules.check_funds(reading.situation, posted.text)
    return _order(call, rows, reading, pre_order, "awaiting_payment")


def _order(
    call: Call, rows: Rows, reading: Reading, pre_order: PreOrder, payment_state: PaymentState
) -> Commit[Visit]:
    if rows.shows(order_key(pre_order.channel, pre_order.reference)):
        raise BasketCompleted
    now_ms = to_ms(call.now)
    writes: list[Action] = []
    account = reading.situation.account
    if pre_order.loyalty:
        assert account is not None, "credit that can be paid with has an account"
        movement = pay_order(
            account,
            reference=pre_order.reference,
            amount=pre_order.loyalty,
            may_overdraw=rules.may_overdraw(account, pre_order.loyalty, pre_order.total),
            now_ms=now_ms,
            by=call.by,
        )
        writes += post(movement)
        now_ms = movement.transfer.at_ms
    option = rules.chosen_option(reading.situation)
    funds = payment_state == "awaiting_payment"
    writes += ordered(
        reading.left_at(pre_order),
        completed_ms=now_ms,
        payment_type=FUNDS_TRANSFER if funds else LOYALTY_MONEY,
        payment_name=option.name if option is not None and funds else CREDIT_NAME,
        payment_state=payment_state,
    )
    completed = replace(pre_order, state="completed", completed_ms=now_ms)
    return committed(reading, completed, Move.SHOW_ORDER, writes)


def _begin(
    call: Call, rows: Rows, reading: Reading, posted: Posted
) -> Commit[Visit] | Replay[Visit]:
    return payments.begin(call, rows, reading, posted.card)


_ENDS: Final = {
    Move.COMPLETE: _complete,
    Move.AWAIT_FUNDS: _await_funds,
    Move.CHARGE: _begin,
}


def _drop_credit(call: Call, shopper: Shopper, currency: str, refusal: CreditChanged) -> Visit:
    """Take credit that no longer suffices out of the pre-order (decision 8).

    Another tab may have completed meanwhile, or chosen an amount that suffices: that stays.
    """

    def decide(rows: Rows) -> Commit[Visit] | Replay[Visit]:
        reading = reading_of(call, rows, shopper, currency)
        before = reading.situation.pre_order
        if before is not None and before.state == "completed":
            return Replay(visited(reading, Move.SHOW_ORDER))
        if before is not None and before.state == "paying":
            return Replay(refused(reading, PaymentInProgress()))
        account = reading.situation.account
        if before is None or before.state == "erased":
            return Replay(refused(reading, refusal))
        if rules.can_pay(account, before.loyalty, before.total):
            return Replay(refused(reading, refusal))
        writes, after = commit(reading, without_credit(before), [])
        return Commit(writes, refused(after, refusal))

    keys = keys_of(shopper.channel, shopper.user_pk, currency)
    return settle(decide, keys, deadline=call.deadline, consistent=True).answer

"""Events: what other systems are told once it has happened. Built from the books' own rows.

An event's id follows from what it tells, so that whoever hears it twice knows it, and so that
it can be told again from the books at any time. It ends with the row's own time in milliseconds:
tables that were brought back to an earlier moment count on from there, and no id comes twice.
No event carries an address, a note or a basket.
"""

import json
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.accounts import Account, AccountKey, Entry
from chalicelib.core.distributions import Distribution, State
from chalicelib.core.holds import Hold, HoldState
from chalicelib.core.money import format_amount
from chalicelib.core.names import time_text
from chalicelib.core.pre_orders import Order, PaymentState

SOURCE: Final = "loyalty-money"
"""What events name as their source on the bus."""

KEY_HEADER: Final = "X-Loyalty-Money-Key"
"""Where a webhook finds the key that tells who calls."""

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Amount = Annotated[str, Field(examples=["10.00"])]


class Event(BaseModel):
    """The base of every event. `id` is the same however often an event is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    type: str
    channel: str
    occurred_at: Time


class OfAccount(Event):
    """The base of what happens to one account: that of a user in a currency."""

    user_pk: str
    currency: str


class AccountOpened(OfAccount):
    """An account was opened. Its opening credit is a transfer of its own, with `seq` 1."""

    type: Literal["account.opened"] = "account.opened"
    account_id: str
    debit_card_allowed: bool


class Posted(OfAccount):
    """A leg of a movement was posted to an account; a transfer between two accounts has two.

    `seq` counts the account's movements without a gap. `amount` is signed, `balance_after` is
    what the account holds after it, held credit included. `counterparty` is an account id or a
    house account.
    """

    seq: int
    transfer: str
    kind: str
    amount: Amount
    balance_after: Amount
    counterparty: str
    order: str | None


class TransferPosted(Posted):
    """Credit came to an account or left it: any movement but a refund."""

    type: Literal["transfer.posted"] = "transfer.posted"


class RefundPosted(Posted):
    """Credit that had paid an order came back."""

    type: Literal["refund.posted"] = "refund.posted"


class OfHold(OfAccount):
    """The base of what becomes of a hold. `captured` is zero until it is captured."""

    hold: str
    amount: Amount
    captured: Amount
    expires_at: Time | None


class HoldAuthorized(OfHold):
    """Credit is held. It is available again at `expires_at`, of which no event tells."""

    type: Literal["hold.authorized"] = "hold.authorized"


class HoldCaptured(OfHold):
    """A hold was captured, wholly or in part; what it had held beyond that is available again."""

    type: Literal["hold.captured"] = "hold.captured"
    order: str | None


class HoldVoided(OfHold):
    """A hold was given up; what it held is available again."""

    type: Literal["hold.voided"] = "hold.voided"


class OrderCompleted(OfAccount):
    """A checkout was completed. `loyalty_money` is what credit paid of `total_amount`."""

    type: Literal["order.completed"] = "order.completed"
    reference: str
    order_id: int
    total_amount: Amount
    loyalty_money: Amount
    payment_type: str
    payment_state: PaymentState


class DistributionChanged(Event):
    """A distribution came to a state: the one that the type ends with.

    A closed one that is `cancelled` has credited what it had credited until then.
    """

    type: Literal[
        "distribution.previewed",
        "distribution.running",
        "distribution.closed",
        "distribution.undone",
    ]
    distribution: str
    source: str
    currency: str
    customers: int
    total: Amount
    cancelled: bool


EVENTS: Final[tuple[type[Event], ...]] = (
    AccountOpened,
    TransferPosted,
    RefundPosted,
    HoldAuthorized,
    HoldCaptured,
    HoldVoided,
    OrderCompleted,
    DistributionChanged,
)
"""Every kind of event."""


def types_of(event: type[Event]) -> tuple[str, ...]:
    """Return the types that a kind of event may have."""
    return get_args(event.model_fields["type"].annotation)


def parse_event(text: str) -> Event:
    """Return the event of a JSON text. Raises `ValueError` for any other text."""
    content = json.loads(text)
    kind = _OF_TYPE.get(str(content.get("type"))) if isinstance(content, dict) else None
    if kind is None:
        raise ValueError("this is no event")
    return kind.model_validate(content)


_OF_TYPE: Final = {name: event for event in EVENTS for name in types_of(event)}


def account_opened(account: Account) -> Event:
    """Return what tells that an account was opened."""
    return AccountOpened(
        id=f"account.opened:{_name(account.key)}:{account.created_ms}",
        occurred_at=time_text(account.created_ms),
        account_id=account.account_id,
        debit_card_allowed=account.debit_allowed,
        **_of(account.key),
    )


def entry_posted(entry: Entry) -> Event:
    """Return what tells of an entry: a refund, or any other leg of a movement."""
    currency = entry.account.currency
    kind = RefundPosted if entry.kind == "refund" else TransferPosted
    return kind(
        id=f"entry:{_name(entry.account)}:{entry.seq}:{entry.at_ms}",
        occurred_at=time_text(entry.at_ms),
        seq=entry.seq,
        transfer=entry.transfer_id,
        kind=entry.kind,
        amount=format_amount(entry.amount, currency),
        balance_after=format_amount(entry.balance_after, currency),
        counterparty=entry.counterparty,
        order=entry.order,
        **_of(entry.account),
    )


def hold_changed(hold: Hold) -> Event:
    """Return what tells of a hold in its state: authorised, captured or voided."""
    currency = hold.account.currency
    at_ms = hold.created_ms if hold.ended_ms is None else hold.ended_ms
    content = {
        "id": f"hold:{_name(hold.account)}:{hold.id}:{hold.state}:{at_ms}",
        "occurred_at": time_text(at_ms),
        "hold": hold.id,
        "amount": format_amount(hold.amount, currency),
        "captured": format_amount(hold.captured, currency),
        "expires_at": None if hold.expires_ms is None else time_text(hold.expires_ms),
        **_of(hold.account),
    }
    if hold.state is HoldState.CAPTURED:
        return HoldCaptured(order=hold.order, **content)
    return (HoldAuthorized if hold.state is HoldState.OPEN else HoldVoided)(**content)


def story_of(hold: Hold) -> list[Event]:
    """Return everything that was ever told of a hold, in order."""
    if hold.state is HoldState.OPEN:
        return [hold_changed(hold)]
    begun = replace(hold, state=HoldState.OPEN, captured=0, ended_ms=None, ended_by=None)
    return [hold_changed(begun), hold_changed(hold)]


def order_completed(order: Order) -> Event:
    """Return what tells that an order was completed."""
    return OrderCompleted(
        id=f"order.completed:{order.channel}:{order.reference}:{order.completed_ms}",
        occurred_at=time_text(order.completed_ms),
        reference=order.reference,
        order_id=order.order_id,
        total_amount=format_amount(order.total, order.currency),
        loyalty_money=format_amount(order.loyalty, order.currency),
        payment_type=order.payment_type,
        payment_state=order.payment_state,
        **_of(AccountKey(order.channel, order.user_pk, order.currency)),
    )


def distribution_changed(job: Distribution) -> Event | None:
    """Return what tells that a distribution came to its state; of some states nothing tells."""
    times: dict[State, int | None] = {
        "previewed": job.previewed_ms,
        "running": job.started_ms,
        "closed": job.ended_ms,
        "undone": job.ended_ms,
    }
    at_ms = times.get(job.state)
    if at_ms is None:
        return None
    return DistributionChanged(
        id=f"distribution:{job.channel}:{job.id}:{job.state}:{at_ms}",
        channel=job.channel,
        occurred_at=time_text(at_ms),
        type=f"distribution.{job.state}",  # type: ignore[arg-type]  # mypy joins no literals
        distribution=job.id,
        source=job.source_account_id,
        currency=job.source.currency,
        customers=job.figures.shares,
        total=format_amount(job.figures.total, job.source.currency),
        cancelled=job.cancelled,
    )


def _of(account: AccountKey) -> dict[str, Any]:
    return {
        "channel": account.channel,
        "user_pk": account.user_pk,
        "currency": account.currency,
    }


def _name(account: AccountKey) -> str:
    return f"{account.channel}:{account.user_pk}:{account.currency}"

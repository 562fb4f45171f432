"""Doors to loyalty accounts, their activities and their transfer targets."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from chalicelib import ledger
from chalicelib.core.accounts import AccountKey, Entry
from chalicelib.core.errors import (
    AccountExists,
    AccountIdTaken,
    AtTooRecent,
    FieldError,
    IdConflict,
    InsufficientCredit,
    InvalidAmount,
    InvalidCursor,
    InvalidRequest,
    UnknownAccount,
    UnknownChannel,
    UnknownCurrency,
    UnknownUser,
)
from chalicelib.core.money import AmountText, format_amount
from chalicelib.core.names import Identifier, to_ms
from chalicelib.core.settings import Currency
from chalicelib.core.users import Email
from chalicelib.http import Answer, Body, Query, Request, Routes, Shown, example
from chalicelib.ledger import Filters, NewAccount, OwnedAccount
from chalicelib.routes.paging import Listed, ListQuery, listed, start_of
from chalicelib.routes.times import Time, time_of
from chalicelib.routes.transfers import TransferShown, transfer_shown

routes = Routes(__name__)


class AccountBody(Body):
    """A new loyalty account. The user is named by `user_pk` or by the complete e-mail address."""

    model_config = example(
        {"user_pk": "1003", "currency": "TRY", "balance": "50.00", "debit_card_allowed": False}
    )

    user_pk: Identifier | None = None
    user_email: Email | None = None
    currency: str
    balance: AmountText = "0"
    debit_card_allowed: bool
    account_id: Identifier | None = None

    @model_validator(mode="after")
    def _names_one_user(self) -> Self:
        if (self.user_pk is None) == (self.user_email is None):
            raise ValueError("name the user by user_pk or by user_email, and not by both")
        return self


class AccountShown(Shown):
    """A loyalty account; `available` and `held` are null for a past time."""

    account_id: str
    user_pk: str
    user_email: str | None
    currency: str
    balance: str
    available: str | None
    held: str | None
    debit_card_allowed: bool
    created_at: Time


class ActivityShown(Shown):
    """One entry of an account: `id` is its transfer's, `amount` is signed."""

    id: str
    kind: str
    amount: str
    balance_after: str
    counterparty: str
    order: str | None
    note: str | None
    created_at: Time


class TargetShown(Shown):
    """An account that a transfer may go to."""

    account_id: str
    user_pk: str
    user_email: str | None


class AdjustmentBody(Body):
    """A signed amount, and the shop's own code of the reason, which is kept as the note."""

    model_config = example({"amount": "-5.00", "reason": "goodwill"})

    amount: AmountText
    reason: Identifier


class AccountsQuery(ListQuery):
    """Which accounts to list; without a filter, all."""

    user_email: Email | None = None
    user_pk: Identifier | None = None
    currency: Currency | None = None
    account_id: Identifier | None = None


class AtQuery(Query):
    """A past time, inclusive to the millisecond."""

    at: AwareDatetime | None = None


class TargetsQuery(ListQuery):
    """A complete e-mail address, or the start of an account id."""

    query: Annotated[str, Field(max_length=254)] | None = None


@routes.route(
    "POST",
    "/channels/{channel}/accounts",
    access="accounts",
    body=AccountBody,
    answers={201: AccountShown, 200: AccountShown},
    refusals=(
        UnknownChannel,
        UnknownUser,
        UnknownCurrency,
        InvalidAmount,
        AccountExists,
        AccountIdTaken,
        IdConflict,
    ),
)
def open_account(request: Request, body: AccountBody) -> Answer:
    """Open a loyalty account; with an Idempotency-Key it may be repeated."""
    wanted = NewAccount(
        user_pk=body.user_pk,
        user_email=body.user_email,
        currency=body.currency,
        balance=body.balance,
        debit_allowed=body.debit_card_allowed,
        account_id=body.account_id,
        idempotency_key=_idempotency_key(request),
    )
    settled = ledger.open_account(request.call, request.path["channel"], wanted)
    return Answer(_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "GET",
    "/channels/{channel}/accounts",
    access="read",
    query=AccountsQuery,
    answers={200: Listed[AccountShown]},
    refusals=(UnknownChannel, InvalidCursor),
)
def list_accounts(request: Request, query: AccountsQuery) -> Answer:
    """List loyalty accounts, filtered by user, e-mail, currency or account id."""
    channel = request.path["channel"]
    filters = Filters(query.user_email, query.user_pk, query.currency, query.account_id)
    name = ("accounts", channel, *_filter_values(filters))
    accounts, last = ledger.list_accounts(
        request.call, channel, filters, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([_shown(account) for account in accounts], last, *name))


@routes.route(
    "GET",
    "/channels/{channel}/accounts/{user_pk}/{currency}",
    access="read",
    query=AtQuery,
    answers={200: AccountShown},
    refusals=(UnknownChannel, UnknownAccount, AtTooRecent),
)
def read_account(request: Request, query: AtQuery) -> Answer:
    """Read a loyalty account, as it stands or as of a past time."""
    key = key_of(request)
    if query.at is None:
        return Answer(_shown(ledger.read_account(request.call, key)))
    past = ledger.read_account_at(request.call, key, to_ms(query.at))
    balance = format_amount(past.balance, key.currency)
    shown = _shown(past.owned)
    return Answer(shown.model_copy(update={"balance": balance, "available": None, "held": None}))


@routes.route(
    "GET",
    "/channels/{channel}/accounts/{user_pk}/{currency}/activities",
    access="read",
    query=ListQuery,
    answers={200: Listed[ActivityShown]},
    refusals=(UnknownChannel, UnknownAccount, InvalidCursor),
)
def list_activities(request: Request, query: ListQuery) -> Answer:
    """List an account's activities, newest first, each with the balance after it."""
    key = key_of(request)
    name = ("activities", key.channel, key.user_pk, key.currency)
    entries, last = ledger.list_activities(
        request.call, key, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([_activity(entry) for entry in entries], last, *name))


@routes.route(
    "GET",
    "/channels/{channel}/accounts/{user_pk}/{currency}/transfer-targets",
    access="read",
    query=TargetsQuery,
    answers={200: Listed[TargetShown]},
    refusals=(UnknownChannel, UnknownAccount, InvalidCursor),
)
def list_targets(request: Request, query: TargetsQuery) -> Answer:
    """List the accounts that this one may send to: its currency, never itself."""
    key = key_of(request)
    name = ("targets", key.channel, key.user_pk, key.currency, query.query)
    targets, last = ledger.list_targets(
        request.call, key, query.query, limit=query.limit, start=start_of(query, *name)
    )
    return Answer(listed([_target(target) for target in targets], last, *name))


@routes.route(
    "PUT",
    "/channels/{channel}/accounts/{user_pk}/{currency}/adjustments/{adjustment_id}",
    access="adjust",
    body=AdjustmentBody,
    answers={201: TransferShown, 200: TransferShown},
    refusals=(UnknownChannel, UnknownAccount, InvalidAmount, InsufficientCredit, IdConflict),
)
def adjust(request: Request, body: AdjustmentBody) -> Answer:
    """Give credit to an account, or take it, by decision of staff and with a reason.

    The id is one of the channel's transfer ids, and read and reversed as such.
    """
    settled = ledger.adjust(
        request.call,
        key_of(request),
        request.path["adjustment_id"],
        amount=body.amount,
        reason=body.reason,
    )
    return Answer(transfer_shown(settled.answer), 201 if settled.written else 200)


def key_of(request: Request) -> AccountKey:
    """Return the account that a path names."""
    path = request.path
    return AccountKey(path["channel"], path["user_pk"], path["currency"])


def _filter_values(filters: Filters) -> tuple[str | None, ...]:
    return (filters.user_email, filters.user_pk, filters.currency, filters.account_id)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        detail = "An Idempotency-Key has 1 to 64 printable ASCII characters."
        raise InvalidRequest(detail, errors=[FieldError("Idempotency-Key", "malformed", detail)])
    return key


def _shown(owned: OwnedAccount) -> AccountShown:
    account, currency = owned.account, owned.account.key.currency
    return AccountShown(
        account_id=account.account_id,
        user_pk=account.key.user_pk,
        user_email=owned.user_email,
        currency=currency,
        balance=format_amount(account.balance, currency),
        available=format_amount(account.available, currency),
        held=format_amount(account.held, currency),
        debit_card_allowed=account.debit_allowed,
        created_at=time_of(account.created_ms),
    )


def _activity(entry: Entry) -> ActivityShown:
    currency = entry.account.currency
    return ActivityShown(
        id=entry.transfer_id,
        kind=entry.kind,
        amount=format_amount(entry.amount, currency),
        balance_after=format_amount(entry.balance_after, currency),
        counterparty=entry.counterparty,
        order=entry.order,
        note=entry.note,
        created_at=time_of(entry.at_ms),
    )


def _target(owned: OwnedAccount) -> TargetShown:
    account = owned.account
    return TargetShown(
        account_id=account.account_id,
        user_pk=account.key.user_pk,
        user_email=owned.user_email,
    )

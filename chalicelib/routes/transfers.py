"""Doors to transfers. The caller makes the id, and may repeat the request for ever."""

from typing import Self

from pydantic import model_validator

from chalicelib import ledger
from chalicelib.core.errors import (
    CurrencyMismatch,
    FieldError,
    IdConflict,
    InsufficientCredit,
    InvalidAmount,
    InvalidRequest,
    NotReversible,
    SameAccount,
    SourceWithoutEntries,
    UnknownAccount,
    UnknownChannel,
    UnknownCurrency,
    UnknownTransfer,
)
from chalicelib.core.money import AmountText, format_amount
from chalicelib.core.names import Identifier, Note, is_identifier
from chalicelib.core.transfers import Transfer
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.ledger import ByAccountIds, ByUsers
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class TransferBody(Body):
    """A transfer between two accounts, named by account ids, or by users and a currency."""

    model_config = example(
        {"source": "treasury", "target": "ada", "amount": "25.00", "note": "Welcome"}
    )

    source: Identifier | None = None
    target: Identifier | None = None
    source_user_pk: Identifier | None = None
    target_user_pk: Identifier | None = None
    currency: str | None = None
    amount: AmountText
    note: Note | None = None

    @model_validator(mode="after")
    def _names_two_accounts(self) -> Self:
        by_ids = (self.source is not None, self.target is not None)
        by_users = (self.source_user_pk is not None, self.target_user_pk is not None)
        if (by_ids, by_users) == ((True, True), (False, False)):
            return self
        if (by_ids, by_users) == ((False, False), (True, True)) and self.currency is not None:
            return self
        raise ValueError("name source and target, or source_user_pk, target_user_pk and currency")

    @property
    def parties(self) -> ByUsers | ByAccountIds:
        """The two accounts, as they were named."""
        if self.source is not None and self.target is not None:
            return ByAccountIds(self.source, self.target, self.currency)
        assert self.source_user_pk is not None
        assert self.target_user_pk is not None
        assert self.currency is not None
        return ByUsers(self.source_user_pk, self.target_user_pk, self.currency)


class TransferShown(Shown):
    """A transfer. `source` and `target` are account ids, or a house account."""

    id: str
    source: str
    target: str
    amount: str
    currency: str
    note: str | None
    created_at: Time


@routes.route(
    "PUT",
    "/channels/{channel}/transfers/{transfer_id}",
    access="transfers",
    body=TransferBody,
    answers={201: TransferShown, 200: TransferShown},
    refusals=(
        UnknownChannel,
        UnknownAccount,
        UnknownCurrency,
        InvalidAmount,
        SameAccount,
        CurrencyMismatch,
        SourceWithoutEntries,
        InsufficientCredit,
        IdConflict,
    ),
)
def put_transfer(request: Request, body: TransferBody) -> Answer:
    """Move credit between two accounts, once for ever under this id."""
    path = request.path
    if not is_identifier(path["transfer_id"]):
        detail = "A transfer id is 1 to 64 of A-Za-z0-9_-."
        raise InvalidRequest(detail, errors=[FieldError("transfer_id", "malformed", detail)])
    settled = ledger.transfer(
        request.call,
        path["channel"],
        path["transfer_id"],
        body.parties,
        amount=body.amount,
        note=body.note,
    )
    return Answer(transfer_shown(settled.answer), 201 if settled.written else 200)


@routes.route(
    "GET",
    "/channels/{channel}/transfers/{transfer_id}",
    access="read",
    answers={200: TransferShown},
    refusals=(UnknownChannel, UnknownTransfer),
)
def read_transfer(request: Request) -> Answer:
    """Read a transfer by its id."""
    path = request.path
    found = ledger.read_transfer(request.call, path["channel"], path["transfer_id"])
    return Answer(transfer_shown(found))


@routes.route(
    "PUT",
    "/channels/{channel}/transfers/{transfer_id}/reversal",
    access="reversals",
    answers={201: TransferShown, 200: TransferShown},
    refusals=(UnknownChannel, UnknownTransfer, NotReversible, InsufficientCredit),
)
def reverse(request: Request) -> Answer:
    """Move the whole amount of a transfer or an adjustment back, at most once."""
    path = request.path
    settled = ledger.reverse(request.call, path["channel"], path["transfer_id"])
    return Answer(transfer_shown(settled.answer), 201 if settled.written else 200)


def transfer_shown(transfer: Transfer) -> TransferShown:
    """Return a transfer as every door shows it."""
    return TransferShown(
        id=transfer.id,
        source=transfer.source.account_id,
        target=transfer.target.account_id,
        amount=format_amount(transfer.amount, transfer.currency),
        currency=transfer.currency,
        note=transfer.note,
        created_at=time_of(transfer.at_ms),
    )

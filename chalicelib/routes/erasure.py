"""The door where a shop has a shopper's personal data taken away."""

from typing import Literal

from chalicelib import privacy
from chalicelib.auth import require_scope
from chalicelib.core.errors import CreditHeld, UnknownChannel, UnknownUser
from chalicelib.core.money import format_amount
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.http import LONG_LIFE_S, Answer, Body, Request, Routes, Shown, example
from chalicelib.privacy import ErasedAccount, Erasure
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class ErasureBody(Body):
    """What becomes of the credit that is left: it is kept on the accounts, or expires."""

    model_config = example({"credit": "keep"})

    credit: Literal["keep", "expire"]


class ErasedAccountShown(Shown):
    """An account of who was erased: what expired of it, and what is left or owed."""

    account_id: str
    currency: str
    expired: str
    balance: str
    held: str


class ErasureShown(Shown):
    """A finished erasure: what was removed, what stays, and what each account has left."""

    user_pk: str
    erased_at: Time
    removed: list[str]
    kept: list[str]
    accounts: list[ErasedAccountShown]


REMOVED = ["email", "sessions", "pre_orders", "baskets", "order_contents"]
KEPT = ["user_pk", "accounts", "entries", "transfers", "holds", "refunds", "orders"]


@routes.route(
    "PUT",
    "/channels/{channel}/users/{user_pk}/erasure",
    access="users",
    body=ErasureBody,
    answers={200: ErasureShown},
    refusals=(UnknownChannel, UnknownUser, PaymentInProgress, CreditHeld),
    life_s=LONG_LIFE_S,
)
def erase(request: Request, body: ErasureBody) -> Answer:
    """Take away what says who a user is; the books stay. To let credit expire needs `adjust` too.

    Repeat it until it answers 200: it finishes what an interrupted one has left.
    """
    path = request.path
    if body.credit == "expire":
        require_scope(request.caller, "adjust", path["channel"])
    return Answer(
        _shown(privacy.erase(request.call, path["channel"], path["user_pk"], body.credit))
    )


def _shown(erasure: Erasure) -> ErasureShown:
    user = erasure.user
    assert user.erased_ms is not None, "who was erased has the time of it"
    return ErasureShown(
        user_pk=user.user_pk,
        erased_at=time_of(user.erased_ms),
        removed=REMOVED,
        kept=KEPT,
        accounts=[_account(each) for each in erasure.accounts],
    )


def _account(erased: ErasedAccount) -> ErasedAccountShown:
    account, currency = erased.account, erased.account.key.currency
    return ErasedAccountShown(
        account_id=account.account_id,
        currency=currency,
        expired=format_amount(erased.expired, currency),
        balance=format_amount(account.balance, currency),
        held=format_amount(account.held, currency),
    )

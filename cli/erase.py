"""`erase`: takes a shopper's personal data away; the books stay."""

import enum
from typing import Annotated

import typer

from chalicelib import privacy
from chalicelib.core.errors import Refusal
from chalicelib.core.money import format_amount
from cli.calls import call_as_developer
from cli.demo import CHANNEL
from cli.local import LocalError


class Credit(enum.StrEnum):
    """What becomes of the credit that is left."""

    KEEP = "keep"
    EXPIRE = "expire"


def erase(
    user: Annotated[str, typer.Option(help="The shopper's user_pk.")],
    credit: Annotated[Credit, typer.Option(help="What becomes of the credit that is left.")],
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a shopper's personal data away; run again, it finishes what was interrupted."""
    end = "expires" if credit is Credit.EXPIRE else "stays on the accounts"
    question = f"Erase {user} of {channel} for ever? The books stay; the credit that is left {end}."
    if not yes and not typer.confirm(question):
        raise LocalError("Nothing was erased.")
    try:
        erased = privacy.erase(call_as_developer(), channel, user, credit.value)
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    print(f"Erased {user}: the address, sessions, checkouts, and the contents of orders.")
    for each in erased.accounts:
        currency = each.account.key.currency
        expired = format_amount(each.expired, currency)
        left = format_amount(each.account.balance, currency)
        print(f"{each.account.account_id}: {expired} {currency} expired, {left} {currency} left.")

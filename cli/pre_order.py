"""`pre-order`: opens a shopper's checkout, as a shop's back end does."""

import json
import secrets
from typing import Annotated

import typer

from chalicelib import checkout
from chalicelib.core.errors import Refusal
from chalicelib.core.money import format_page_amount, parse_amount
from cli.calls import call_as_developer
from cli.local import LocalError


def pre_order(
    channel: Annotated[str, typer.Option(help="The sales channel.")],
    user: Annotated[str, typer.Option(help="The shopper's user_pk.")],
    currency: Annotated[str, typer.Option(help="An ISO 4217 code, such as TRY.")],
    total: Annotated[str, typer.Option(help="What the order costs, such as 40.00.")],
    reference: Annotated[
        str | None, typer.Option(help="The basket's id; a new one if left out.")
    ] = None,
) -> None:
    """Open a pre-order with one article in its basket and print its reference."""
    try:
        minor = parse_amount(total, currency)
        wanted = checkout.NewPreOrder(
            user_pk=user,
            currency=currency,
            reference=reference or f"demo-{secrets.token_hex(6)}",
            total=minor,
            shipping=0,
            content=_content(format_page_amount(minor, currency)),
        )
        opened = checkout.open_pre_order(call_as_developer(), channel, wanted).answer
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    print(opened.reference)


def _content(price: str) -> str:
    product = {"name": "Demo article", "price": price, "retail_price": price, "absolute_url": "/"}
    item = {"pk": 1, "quantity": 1, "unit_price": price, "total_amount": price, "product": product}
    return json.dumps({"basket": {"basketitem_set": [item]}})

"""`export`: everything that is held about a shopper, as one JSON document on standard output."""

import datetime
import json
from typing import Annotated, Any

import typer

from chalicelib import privacy
from chalicelib.core.errors import Refusal
from chalicelib.core.names import time_text, to_ms
from cli.calls import call_as_developer
from cli.demo import CHANNEL
from cli.local import LocalError

ITEMS_A_PAGE = 50


def export(
    user: Annotated[str, typer.Option(help="The shopper's user_pk.")],
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
) -> None:
    """Write everything that is held about a shopper as one JSON document."""
    try:
        items = _items(channel, user)
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    at = time_text(to_ms(datetime.datetime.now(datetime.UTC)))
    document = {"channel": channel, "user_pk": user, "exported_at": at, "items": items}
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _items(channel: str, user: str) -> list[dict[str, Any]]:
    """Return all pages, each with a deadline of its own; nothing is printed before the last."""
    items: list[dict[str, Any]] = []
    start = None
    while True:
        page, start = privacy.export(
            call_as_developer(), channel, user, limit=ITEMS_A_PAGE, start=start
        )
        items += [{"kind": kind, "content": content} for kind, content in page]
        if start is None:
            return items

"""`session`: a shopper's session, for the cookie `osessionid`."""

from typing import Annotated

import typer

from chalicelib import registry
from chalicelib.core.errors import Refusal
from cli.calls import call_as_developer
from cli.local import LocalError


def session(
    channel: Annotated[str, typer.Option(help="The sales channel.")],
    user: Annotated[str, typer.Option(help="The shopper's user_pk.")],
) -> None:
    """Print a session of two hours for a registered shopper."""
    try:
        minted, _ = registry.mint_session(call_as_developer(), channel, user)
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    print(minted)

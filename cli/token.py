"""`token`: a bearer token for staff and back ends."""

from typing import Annotated

import typer

from chalicelib.auth import SCOPES, staff_token
from cli.calls import call_as_developer
from cli.local import LocalError


def token(
    channel: Annotated[str, typer.Option(help="Channels, joined by commas.")],
    scopes: Annotated[str, typer.Option(help="Scopes, joined by commas.")] = "admin",
    subject: Annotated[str, typer.Option(help="Who it is for.")] = "developer",
    hours: Annotated[int, typer.Option(min=1, max=24 * 7, help="How long it lives.")] = 8,
) -> None:
    """Print a bearer token signed with this machine's key."""
    wanted = scopes.split(",")
    unknown = set(wanted) - {*SCOPES, "admin"}
    if unknown:
        known = " ".join((*SCOPES, "admin"))
        raise LocalError(f"No scope is named {', '.join(sorted(unknown))}; there are {known}.")
    now = call_as_developer().now
    print(staff_token(subject, channel.split(","), wanted, now=now, life_s=hours * 3600))

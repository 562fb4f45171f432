"""`events`: what the books know to have happened, told once more where that is wanted."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, TypeVar

import typer

from chalicelib import events as verbs
from chalicelib import registry
from chalicelib.config import config
from chalicelib.core.errors import Busy, Refusal
from chalicelib.core.names import to_ms
from chalicelib.outside import events as bus
from cli.calls import call_as_developer, moment_of
from cli.demo import CHANNEL
from cli.local import LocalError

AT_ONCE: Final = 50
"""How many events are put on the bus before the next are read."""

_BEGINNING: Final = "1970-01-01T00:00:00Z"
_END: Final = "9999-12-31T00:00:00Z"

Each = TypeVar("Each")


def events(
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
    since: Annotated[
        str | None, typer.Option(help="From when on, such as 2026-11-22T09:30:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when; that time is outside.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put them on the bus once more.")
    ] = False,
) -> None:
    """Print the events of a channel, one line of JSON each, out of its books."""
    if publish:
        require_bus()
    try:
        registry.require_channel(call_as_developer(), channel)
        found = verbs.tell_again(
            call_as_developer,
            channel,
            to_ms(moment_of(since or _BEGINNING)),
            to_ms(moment_of(until or _END)),
        )
        for some in in_groups(found, AT_ONCE):
            if publish:
                bus.publish(some)
            for event in some:
                print(event.model_dump_json())
    except Busy as refusal:
        raise LocalError(f"{refusal.detail} What was printed is on the bus.") from refusal
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal


def require_bus() -> None:
    """Raise `LocalError` where events have nowhere to go."""
    if config().event_bus is None:
        raise LocalError("This stage has no bus: set STAGE to a deployed stage.")


def in_groups(values: Iterable[Each], size: int) -> Iterator[list[Each]]:
    """Yield values in groups of a size; the last may be smaller."""
    group: list[Each] = []
    for value in values:
        group.append(value)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group

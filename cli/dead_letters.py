"""`dead_letters`: what could not be told to others, and to tell it once more.

There are three kinds: an event that a receiver did not take in a day, a change of a table that
could not be read, and changes that waited for a day because the bus took nothing. Of the last
only their time is known, so the books tell again what happened then.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from chalicelib import events as verbs
from chalicelib import registry
from chalicelib.config import config
from chalicelib.core.errors import Refusal
from chalicelib.core.events import Event, parse_event
from chalicelib.core.names import to_ms
from chalicelib.outside import events as bus
from chalicelib.outside.aws import AwsError, client
from cli.calls import call_as_developer, moment_of
from cli.demo import CHANNEL
from cli.events import AT_ONCE, in_groups, require_bus
from cli.local import LocalError

Json = dict[str, Any]

LETTERS: Final = 10
"""How many letters one request to SQS hands out."""

HIDDEN_S: Final = 600
"""How long a letter that was handed out is kept from others."""

WAIT_S: Final = 2
"""How long SQS looks for letters before it says that there are none."""

EDGE_S: Final = 60
"""How far the times of changes may lie beside those of what happened."""


_LEFT: Final = "What was printed is on the bus, and the rest stays where it is."


def dead_letters(
    channel: Annotated[str, typer.Option(help="Whose books tell again what waited too long.")] = (
        CHANNEL
    ),
    publish: Annotated[
        bool, typer.Option("--publish", help="Tell them once more, and take them out.")
    ] = False,
) -> None:
    """Print what could not be told, or tell it once more."""
    require_bus()
    try:
        registry.require_channel(call_as_developer(), channel)
        count = 0
        for letter in _letters():
            count += 1
            content = json.loads(letter["Body"])
            if not publish:
                print(json.dumps(content))
                continue
            for some in in_groups(_told_by(content, channel), AT_ONCE):
                bus.publish(some)
                for event in some:
                    print(event.model_dump_json())
            _remove(letter)
        print(f"{count} dead letters" + (", told once more." if publish else "."))
    except Refusal as refusal:
        raise LocalError(f"{refusal.detail} {_LEFT}") from refusal
    except AwsError as error:
        raise LocalError(f"{error}. {_LEFT}") from error


def _told_by(content: Json, channel: str) -> Iterator[Event]:
    """Yield the events that a letter stands for."""
    waited = content.get("DDBStreamBatchInfo")
    if waited is not None:
        yield from _told_of(waited, channel)
    elif "table" in content:
        event = verbs.read_again(call_as_developer(), content)
        if event is not None:
            yield event
    else:
        # EventBridge keeps the event, or only its detail where its target is sent no more.
        yield parse_event(json.dumps(content.get("detail", content)))


def _told_of(waited: Json, channel: str) -> Iterator[Event]:
    since = to_ms(moment_of(waited["approximateArrivalOfFirstRecord"])) - EDGE_S * 1000
    until = to_ms(moment_of(waited["approximateArrivalOfLastRecord"])) + EDGE_S * 1000
    yield from verbs.tell_again(call_as_developer, channel, since, until)


def _letters() -> Iterator[Json]:
    """Yield each letter once; what is not removed comes again for the next who asks."""
    while True:
        found = client("sqs").receive_message(
            QueueUrl=config().event_dead_letters,
            MaxNumberOfMessages=LETTERS,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=WAIT_S,
        )
        letters = found.get("Messages", [])
        if not letters:
            return
        yield from letters


def _remove(letter: Json) -> None:
    client("sqs").delete_message(
        QueueUrl=config().event_dead_letters, ReceiptHandle=letter["ReceiptHandle"]
    )

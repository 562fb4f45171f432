"""`dead_letters`: what could not be told to others, and to tell it once more.

There are three kinds: an event that a receiver did not take in a day, a change of a table that
could not be read, and changes that waited for a day because the bus took nothing. Of the last
only their time is known, so the books tell again what happened then.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import typer

from chalicelib import events as verbs
from chalicelib.config import config
from chalicelib.core.errors import Refusal
from chalicelib.core.events import Event, parse_event
from chalicelib.core.names import to_ms
from chalicelib.ledger.audit import list_channels
from chalicelib.outside import events as bus
from chalicelib.outside.aws import AwsError, client
from cli.calls import call_as_developer, moment_of
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
    publish: Annotated[
        bool, typer.Option("--publish", help="Tell them once more, and take them out.")
    ] = False,
) -> None:
    """Print what could not be told, or tell it once more."""
    require_bus()
    kept: list[Json] = []
    count = unreadable = 0
    try:
        try:
            for letter in _letters():
                count += 1
                kept.append(letter)
                if not publish:
                    print(letter["Body"])
                elif _is_told(letter):
                    _remove(kept.pop())
                else:
                    unreadable += 1
        finally:
            _give_back(kept)
    except Refusal as refusal:
        raise LocalError(f"{refusal.detail} {_LEFT}") from refusal
    except AwsError as error:
        raise LocalError(f"{error}. {_LEFT}") from error
    print(f"{count - unreadable} dead letters" + (", told once more." if publish else "."))
    if unreadable:
        raise LocalError(f"{unreadable} cannot be read, and stay: see the lines above.")


def _is_told(letter: Json) -> bool:
    """Tell what a letter stands for once more; return False where it still cannot be read."""
    try:
        for some in in_groups(_told_by(json.loads(letter["Body"])), AT_ONCE):
            bus.publish(some)
            for event in some:
                print(event.model_dump_json())
    except (*verbs.UNREADABLE, LocalError) as error:
        print(f"{type(error).__name__} in the letter {letter['MessageId']}: {letter['Body']}")
        return False
    return True


def _told_by(content: Json) -> Iterator[Event]:
    """Yield the events that a letter stands for."""
    waited = content.get("DDBStreamBatchInfo")
    if waited is not None:
        yield from _told_of(waited)
    elif "table" in content:
        event = verbs.read_again(call_as_developer(), content)
        if event is not None:
            yield event
    else:
        # EventBridge keeps the event, or only its detail where its target is sent no more.
        yield parse_event(json.dumps(content.get("detail", content)))


def _told_of(waited: Json) -> Iterator[Event]:
    """Yield what the books of every channel know of the time of a letter."""
    since = to_ms(moment_of(waited["approximateArrivalOfFirstRecord"])) - EDGE_S * 1000
    until = to_ms(moment_of(waited["approximateArrivalOfLastRecord"])) + EDGE_S * 1000
    for channel in list_channels(call_as_developer):
        yield from verbs.tell_again(call_as_developer, channel, since, until)


def _letters() -> Iterator[Json]:
    """Yield each letter once: it is kept from others for a while, or until it is given back."""
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


def _give_back(letters: Sequence[Json]) -> None:
    """Let others see letters again at once."""
    for first in range(0, len(letters), LETTERS):
        some = letters[first : first + LETTERS]
        client("sqs").change_message_visibility_batch(
            QueueUrl=config().event_dead_letters,
            Entries=[
                {"Id": str(n), "ReceiptHandle": letter["ReceiptHandle"], "VisibilityTimeout": 0}
                for n, letter in enumerate(some)
            ],
        )

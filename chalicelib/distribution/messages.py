"""What the queue carries: one message for each chunk, with its list, and one that ends the job.

A message may come twice, late or not at all: what it asks for is decided by the rows it names.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.distributions import Distribution, Share
from chalicelib.outside import queue
from chalicelib.store.distributions import share_rows

Step = Literal["credit", "undo", "close"]

CHUNKS_A_SECOND: Final = 50
"""About how fast chunks are worked off: when the first look comes whether all are."""

FIRST_LOOK_S: Final = 1
LONGEST_LOOK_S: Final = 60
LOOKS: Final = 60
"""How often it is looked whether all chunks are done, for about an hour. Then a run resumes it."""


class Message(BaseModel):
    """One step of one distribution. `rows` are the chunk's list, which must be the one it had."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str
    id: str
    currency: str
    step: Step
    chunk: int = 0
    rows: list[tuple[int, str, int, str | None, bool]] = []
    looks: int = 0

    @property
    def shares(self) -> list[Share]:
        """The rows to credit, or to take back."""
        return [Share(*row) for row in self.rows]


def send_chunks(
    job: Distribution, step: Literal["credit", "undo"], packs: Mapping[int, Sequence[Share]]
) -> None:
    """Send chunks to be worked on, and a look whether all are done."""
    messages = [
        Message.model_validate(
            {
                "channel": job.channel,
                "id": job.id,
                "currency": job.source.currency,
                "step": step,
                "chunk": number,
                "rows": share_rows(shares),
            }
        )
        for number, shares in packs.items()
    ]
    delay_s = min(LONGEST_LOOK_S, FIRST_LOOK_S + len(packs) // CHUNKS_A_SECOND)
    _send([*((message, 0) for message in messages), (_look_at(job), delay_s)])


def send_close(job: Distribution) -> None:
    """Send the message that ends a job."""
    _send([(_look_at(job), 0)])


def send_look_again(message: Message) -> None:
    """Send another look, later each time; after an hour of looks none."""
    if message.looks < LOOKS:
        delay_s = min(LONGEST_LOOK_S, 2**message.looks)
        _send([(message.model_copy(update={"looks": message.looks + 1}), delay_s)])


def _look_at(job: Distribution) -> Message:
    return Message(channel=job.channel, id=job.id, currency=job.source.currency, step="close")


def _send(messages: Sequence[tuple[Message, int]]) -> None:
    queue.send([(message.model_dump(mode="json"), delay_s) for message, delay_s in messages])

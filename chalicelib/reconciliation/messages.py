"""What the queue carries for a reconciliation: that its next step is due.

A message may come twice, late or not at all. It names the `rev` of the job that it was sent for,
and what is to be done is decided by the job's row.
"""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.reconciliations import Reconciliation
from chalicelib.outside import queue

_NOUN: Final = "reconciliation"


class Message(BaseModel):
    """The step of one reconciliation that begins at `rev`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noun: Literal["reconciliation"] = _NOUN
    channel: str
    id: str
    rev: int


def is_message(message: object) -> bool:
    """Return whether a message of the queue is about a reconciliation."""
    return isinstance(message, Mapping) and message.get("noun") == _NOUN


def send_step(job: Reconciliation) -> None:
    """Send the message about the next step of a job. Raises `Busy` where the queue refuses it."""
    message = Message(channel=job.channel, id=job.id, rev=job.rev)
    queue.send([(message.model_dump(mode="json"), 0)])

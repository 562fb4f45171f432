"""Distributions of the bank test: previewed, run and worked off by the writer itself, or undone.

Several writers may do the same one at once, and one that was killed leaves it half done. What is
answered never changes again: who was credited, and what was taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib import distribution
from chalicelib.auth import Call
from chalicelib.core.distribution_rows import ParsedRows, Row
from chalicelib.core.errors import Busy
from chalicelib.distribution import Source, Standing, Upload, messages
from chalicelib.outside import queue

# A writer that waits for its own look would do nothing else meanwhile.
messages.FIRST_LOOK_S = 0  # type: ignore[misc]

_PATIENCE_S = 2.0
"""How long a writer waits for a look that another writer's chunk has put off."""


@dataclass(frozen=True, slots=True)
class Distributed:
    """What a distribution came to, in minor units."""

    id: str
    rows: int
    credited: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo came to, in minor units."""

    id: str
    rows: int
    returned: int


def distribute(
    made: Call, channel: str, name: str, source: str, targets: Sequence[str], minor: int
) -> Distributed:
    """Credit some users with the same, once, and see it through. Raises refusals."""
    rows = tuple(Row(line, "user_pk", user, minor, None) for line, user in enumerate(targets, 2))
    upload = Upload(Source(None, source), "TRY", open_accounts=False, rows=ParsedRows(rows, ()))
    job = distribution.preview(made, channel, name, upload).answer.job
    if job.state in {"previewed", "running"}:
        queue.forget_local()
        distribution.run(made, channel, name, preview_id=job.preview_id, skip_bad_rows=False)
        _work_off(made)
    standing = _standing(made, channel, name)
    if standing.job.state == "running":
        raise Busy
    return Distributed(name, standing.credited_rows, standing.credited)


def undo(made: Call, channel: str, name: str) -> Undone:
    """Take a distribution back, and see it through. Raises refusals."""
    queue.forget_local()
    distribution.undo(made, channel, name)
    _work_off(made)
    standing = _standing(made, channel, name)
    if standing.job.state != "undone":
        raise Busy
    return Undone(name, standing.undone_rows, standing.returned)


def _work_off(made: Call) -> None:
    waiting = queue.local()
    while len(waiting):
        message = waiting.take(_PATIENCE_S)
        if message is None:
            raise Busy
        distribution.work(made, message)


def _standing(made: Call, channel: str, name: str) -> Standing:
    return distribution.read_distribution(made, channel, name)

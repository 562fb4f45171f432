"""What may go wrong behind the contention shim, how often, and the chance that decides it."""

import json
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, TypeVar

from tests.engine.shim_items import TRANSACTIONS, WRITES

Choice = TypeVar("Choice")

_ANY: Final[tuple[str, ...]] = (
    *("throttled", "cut_before", "error_before"),
    *("cut_after", "error_after"),
)
_OF_WRITES: Final[tuple[str, ...]] = ("late", "duplicated")
_OF_TRANSACTIONS: Final[tuple[str, ...]] = ("throttled_member",)


@dataclass(frozen=True, slots=True)
class Faults:
    """What the shim does; as it stands, nothing. Shares are between 0 and 1.

    One request meets at most one of the faults that end it (`throttled` to `duplicated`), so
    their shares sum up to 1 at most; those of answers (`stale`, `unprocessed`) come on top.
    """

    conflicts: bool = False
    """Refuse whatever collides with a running transaction, as `Occupancy` describes."""
    hold_ms: tuple[float, float] = (5.0, 9.0)
    """With `conflicts`, the least and the most time that a transaction is made to take."""
    stale: float = 0.0
    """Share of items that an eventually consistent GetItem or BatchGetItem shows as they were."""
    stale_ms: float = 300.0
    """How far back that goes."""
    unprocessed: float = 0.0
    """Share of BatchGetItems of several keys that leave some of them unprocessed."""
    throttled: float = 0.0
    """Share of requests refused for their rate."""
    throttled_member: float = 0.0
    """Share of transactions cancelled for the rate of one member's table."""
    cut_before: float = 0.0
    """Share of requests whose connection is cut and that the engine never gets."""
    error_before: float = 0.0
    """Share of requests answered with a 500 that the engine never gets."""
    cut_after: float = 0.0
    """Share of requests whose connection is cut once they are done."""
    error_after: float = 0.0
    """Share of requests answered with a 500 though they are done."""
    late: float = 0.0
    """Share of writes whose connection is cut first, and that are done afterwards."""
    late_ms: tuple[float, float] = (20.0, 200.0)
    """How long after the cut."""
    duplicated: float = 0.0
    """Share of writes delivered twice; either answer is given.

    The second delivery lacks the ClientRequestToken: DynamoDB forgets it after ten minutes, so
    nothing may rest on it.
    """

    def __post_init__(self) -> None:
        """Refuse shares that cannot be."""
        ends = [getattr(self, name) for name in (*_ANY, *_OF_WRITES, *_OF_TRANSACTIONS)]
        assert all(0 <= share <= 1 for share in (*ends, self.stale, self.unprocessed))
        assert sum(ends) <= 1 + 1e-9

    def to_json(self) -> str:
        """Return the faults as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the faults that `to_json` wrote; what is not named does not happen."""
        values: dict[str, Any] = json.loads(text)
        pairs: dict[str, Any] = {n: tuple(v) for n, v in values.items() if isinstance(v, list)}
        return cls(**(values | pairs))

    def ends(self, operation: str) -> dict[str, float]:
        """Return the faults that may end a request of this operation, with their shares."""
        names = _ANY
        if operation in WRITES:
            names += _OF_WRITES
        if operation in TRANSACTIONS:
            names += _OF_TRANSACTIONS
        return {name: getattr(self, name) for name in names}


class Chance:
    """One seeded source of chance for all threads.

    The order in which threads draw is the machine's, so a seed does not repeat a run exactly.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    def hits(self, share: float) -> bool:
        """Return True with this probability."""
        with self._lock:
            return self._random.random() < share

    def between(self, limits: tuple[float, float]) -> float:
        """Return a number between two limits."""
        with self._lock:
            return self._random.uniform(*limits)

    def choice(self, of: Sequence[Choice]) -> Choice:
        """Return one of several."""
        with self._lock:
            return self._random.choice(of)

    def some(self, of: Sequence[Choice]) -> list[Choice]:
        """Return some of several, but neither none nor all, in their order."""
        with self._lock:
            count = self._random.randint(1, len(of) - 1)
            places = sorted(self._random.sample(range(len(of)), count))
        return [of[place] for place in places]

    def one_of(self, shares: Mapping[str, float]) -> str | None:
        """Return one name, each with its share as probability, or None."""
        with self._lock:
            left = self._random.random()
        for name, share in shares.items():
            if left < share:
                return name
            left -= share
        return None

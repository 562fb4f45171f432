"""What the contention shim does with each request that comes through it.

What passes through untouched: queries (so index lag and stale queries are not shown), reads with
a projection, BatchWriteItem, and everything about tables.
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Final
from urllib.parse import urlsplit

import urllib3

from tests.engine.shim_faults import Chance, Faults
from tests.engine.shim_items import (
    READS,
    TRANSACTIONS,
    WRITES,
    Answer,
    ItemId,
    Json,
    Occupancy,
    Past,
    Request,
    cancellation,
    conflict,
    item_id,
    refusal,
)

_QUIET_S: Final = 60.0
_SLOW: Final = "The level of configured provisioned throughput for the table was exceeded."
_MAY_CONFLICT: Final = WRITES | {"TransactGetItems"}
HOP_BY_HOP: Final = frozenset(
    {"host", "connection", "content-length", "keep-alive", "transfer-encoding", "date", "server"}
)
"""Headers about one connection, which are not passed on."""


# --- the engine behind ------------------------------------------------------------------------


class Upstream:
    """The engine, through a pool of kept connections. Signatures are passed on, never checked."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self._pool = urllib3.HTTPConnectionPool(parts.hostname, parts.port, maxsize=256)
        self._key_names: dict[str, list[str]] = {}

    def send(self, request: Request) -> Answer:
        """Pass a request on. Raises `urllib3.exceptions.HTTPError` where no answer comes."""
        answer = self._pool.urlopen(
            "POST",
            "/",
            body=json.dumps(request.content).encode(),
            headers=dict(request.headers),
            retries=False,
            decode_content=False,
        )
        headers = {n: v for n, v in answer.headers.items() if n.lower() not in HOP_BY_HOP}
        return Answer(answer.status, answer.data, headers)

    def ask(self, operation: str, content: Json, like: Request) -> Json:
        """Return what the engine answers to a question of the shim's own."""
        headers = {**like.headers, "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        answer = self.send(Request(operation, content, headers))
        if answer.status != 200:
            raise LookupError(operation)
        return answer.content

    def key_names(self, table: str, like: Request) -> list[str]:
        """Return the names of a table's key. Raises LookupError for an unknown table."""
        if table not in self._key_names:
            shown = self.ask("DescribeTable", {"TableName": table}, like)["Table"]["KeySchema"]
            self._key_names[table] = [part["AttributeName"] for part in shown]
        return self._key_names[table]

    def as_they_are(self, ids: list[ItemId], like: Request) -> dict[ItemId, Json | None]:
        """Return items, read consistently; None where there is none."""
        wanted: defaultdict[str, Json] = defaultdict(lambda: {"Keys": [], "ConsistentRead": True})
        for one in ids:
            wanted[one.table]["Keys"].append(one.key_json)
        answer = self.ask("BatchGetItem", {"RequestItems": wanted}, like)
        found: dict[ItemId, Json | None] = dict.fromkeys(ids)
        for table, items in answer["Responses"].items():
            names = self.key_names(table, like)
            found |= {item_id(table, {n: item[n] for n in names}): item for item in items}
        return found


# --- what happens to a request ----------------------------------------------------------------


class Proxy:
    """Decides what happens to each request, and counts it.

    Every request counts under one of `forwarded`, `conflicts`, `throttled`, `cut_before`,
    `error_before` and `upstream_failed`; every other kind tells what happened besides.
    """

    def __init__(self, upstream: Upstream, faults: Faults, seed: int) -> None:
        self.seed = seed
        self._upstream = upstream
        self._chance = Chance(seed)
        self._occupancy = Occupancy()
        self._past = Past()
        self._state = threading.Condition()
        self._faults = faults
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._under_way: Counter[int] = Counter()
        self._epoch = 0

    def show(self) -> Json:
        """Return the faults, the seed and the counts by operation and kind."""
        with self._state:
            counts = {operation: dict(kinds) for operation, kinds in self._counts.items()}
            return {"faults": asdict(self._faults), "seed": self.seed, "counts": counts}

    def set(self, faults: Faults) -> None:
        """Let other things go wrong, and return once nothing is under way that began before."""
        with self._state:
            self._faults = faults
            self._epoch += 1
            epoch = self._epoch
            quiet = self._state.wait_for(
                lambda: all(n <= 0 for e, n in self._under_way.items() if e < epoch), _QUIET_S
            )
        assert quiet, "requests from before are still under way"

    def reset(self) -> None:
        """Count from nothing."""
        with self._state:
            self._counts.clear()

    def handle(self, request: Request, cut: Callable[[], None]) -> Answer | None:
        """Return what the client gets; None is a connection that is cut."""
        with self._running() as faults:
            if request.operation not in READS | WRITES:
                return self._passed(request, faults)
            end = self._chance.one_of(faults.ends(request.operation))
            refused = self._before(end, request)
            if refused is not None or end == "cut_before":
                return refused
            if end == "late":
                cut()
                time.sleep(self._chance.between(faults.late_ms) / 1000)
            answer = self._passed(request, faults, twice=end == "duplicated")
            return self._after(end, request, answer)

    @contextmanager
    def _running(self) -> Iterator[Faults]:
        with self._state:
            epoch, faults = self._epoch, self._faults
            self._under_way[epoch] += 1
        try:
            yield faults
        finally:
            with self._state:
                self._under_way[epoch] -= 1
                self._state.notify_all()

    def _count(self, request: Request, kind: str, times: int = 1) -> None:
        with self._state:
            self._counts[request.operation][kind] += times

    def _before(self, end: str | None, request: Request) -> Answer | None:
        """Return the refusal of a request that the engine never gets; None otherwise."""
        match end:
            case "throttled":
                self._count(request, "throttled")
                return self._chance.choice(
                    [
                        refusal("ProvisionedThroughputExceededException", _SLOW),
                        refusal(
                            "ThrottlingException",
                            "Rate of requests exceeds the allowed throughput.",
                            prefix="com.amazon.coral.availability#",
                        ),
                    ]
                )
            case "throttled_member":
                self._count(request, "throttled")
                reasons: list[tuple[str, str] | None] = [None] * len(request.members)
                reasons[self._chance.choice(range(len(reasons)))] = ("ThrottlingError", _SLOW)
                return cancellation(reasons)
            case "error_before":
                self._count(request, "error_before")
                return _failure()
            case "cut_before":
                self._count(request, "cut_before")
        return None

    def _after(self, end: str | None, request: Request, answer: Answer | None) -> Answer | None:
        """Return what is left of an answer on its way to the client."""
        if end == "late":
            self._count(request, "late")
            return None
        if answer is None or not answer.reached:
            return answer
        if end == "cut_after":
            self._count(request, "cut_after")
            return None
        if end == "error_after":
            self._count(request, "error_after")
            return _failure()
        return answer

    def _passed(self, request: Request, faults: Faults, *, twice: bool = False) -> Answer | None:
        """Return the engine's answer, or the refusal of a request that collides with others.

        An item is let go just before the answer leaves, or a client's next write could collide
        with the one that it has the answer to.
        """
        try:
            ids = self._ids(request, faults)
            claimed = ids if faults.conflicts else []
            with self._occupancy.claimed(request.operation, claimed) as claim:
                answer = None
                if not claim.met:
                    answer = self._in_its_time(request, ids, faults, twice=twice)
                met = frozenset(claim.met)
        except urllib3.exceptions.HTTPError:
            self._count(request, "upstream_failed")
            return None
        if met:
            self._count(request, "conflicts")
            return conflict(request, ids, met)
        self._count(request, "forwarded")
        if twice:
            self._count(request, "duplicated")
        return answer

    def _ids(self, request: Request, faults: Faults) -> list[ItemId]:
        """Return the items that a request names, where that matters.

        Of a request that the engine will refuse anyway, because of its tables or keys, none.
        """
        if request.operation not in _MAY_CONFLICT or not (faults.conflicts or faults.stale):
            return []
        try:
            return request.ids(lambda table: self._upstream.key_names(table, request))
        except LookupError:
            return []

    def _in_its_time(
        self, request: Request, ids: list[ItemId], faults: Faults, *, twice: bool
    ) -> Answer:
        """Forward a request; a transaction at some moment of the time that it is made to take."""
        if not faults.conflicts or request.operation not in TRANSACTIONS:
            return self._sent(request, ids, faults, twice=twice)
        started = time.monotonic()
        hold_s = self._chance.between(faults.hold_ms) / 1000
        time.sleep(self._chance.between((0, hold_s)))
        answer = self._sent(request, ids, faults, twice=twice)
        time.sleep(max(0.0, started + hold_s - time.monotonic()))
        return answer

    def _sent(self, request: Request, ids: list[ItemId], faults: Faults, *, twice: bool) -> Answer:
        if request.operation in WRITES:
            return self._written(request, ids, faults, twice=twice)
        if request.operation == "BatchGetItem":
            return self._batch(request, faults)
        answer = self._upstream.send(request)
        if request.operation == "GetItem":
            return self._aged_item(request, answer, faults)
        return answer

    def _written(
        self, request: Request, ids: list[ItemId], faults: Faults, *, twice: bool
    ) -> Answer:
        former: dict[ItemId, Json | None] = {}
        written = [
            one
            for one, (verb, _) in zip(ids, request.members, strict=False)
            if verb != "ConditionCheck"
        ]
        if faults.stale and written:
            # What the engine will not read, such as an unknown table, it will not write either.
            with suppress(LookupError):
                former = self._upstream.as_they_are(written, request)
        answers = [self._upstream.send(request)]
        if twice:
            answers.append(self._upstream.send(request.with_new_token))
        if any(answer.status == 200 for answer in answers):
            self._past.keep(former, for_s=faults.stale_ms / 1000)
        return self._chance.choice(answers)

    # --- reads --------------------------------------------------------------------------------

    def _batch(self, request: Request, faults: Faults) -> Answer:
        wanted: Json = request.content["RequestItems"]
        keys = [(table, key) for table, asked in wanted.items() for key in asked["Keys"]]
        left: list[tuple[str, Json]] = []
        if len(keys) > 1 and self._chance.hits(faults.unprocessed):
            left = self._chance.some(keys)
            self._count(request, "unprocessed")
        taken = [pair for pair in keys if pair not in left]
        asked = {**request.content, "RequestItems": _only(wanted, taken)}
        answer = self._upstream.send(replace(request, content=asked) if left else request)
        if answer.status != 200:
            return answer
        content = answer.content
        aged = sum(self._aged_in_batch(request, content, pair, faults) for pair in taken)
        if aged:
            self._count(request, "stale", aged)
        content["UnprocessedKeys"] = content.get("UnprocessedKeys", {}) | _only(wanted, left)
        return answer.saying(content) if aged or left else answer

    def _aged_in_batch(
        self, request: Request, content: Json, pair: tuple[str, Json], faults: Faults
    ) -> bool:
        """Show one item of a batch as it was, where chance will have it and there is a past."""
        table, key = pair
        former = self._former(request.content["RequestItems"][table], item_id(table, key), faults)
        if not former:
            return False
        items: list[Json] = content["Responses"].setdefault(table, [])
        items[:] = [item for item in items if any(item.get(n) != v for n, v in key.items())]
        items += [image for image in former if image is not None]
        return True

    def _aged_item(self, request: Request, answer: Answer, faults: Faults) -> Answer:
        asked = request.content
        former = self._former(asked, item_id(asked["TableName"], asked["Key"]), faults)
        if answer.status != 200 or not former:
            return answer
        self._count(request, "stale")
        content = answer.content
        content.pop("Item", None)
        [image] = former
        return answer.saying(content if image is None else content | {"Item": image})

    def _former(self, asked: Json, one: ItemId, faults: Faults) -> list[Json | None]:
        """Return one former image of an item, or none of them."""
        if asked.get("ConsistentRead") or {"ProjectionExpression", "AttributesToGet"} & set(asked):
            return []
        images = self._past.of(one, within_s=faults.stale_ms / 1000)
        if not images or not self._chance.hits(faults.stale):
            return []
        return [self._chance.choice(images)]


def _only(wanted: Json, keys: list[tuple[str, Json]]) -> Json:
    """Return the part of RequestItems about these keys, with everything else said of a table."""
    return {
        table: {**asked, "Keys": [key for at, key in keys if at == table]}
        for table, asked in wanted.items()
        if any(at == table for at, _ in keys)
    }


def _failure() -> Answer:
    return refusal("InternalServerError", "Internal server error", status=500)

"""What the contention shim knows of items: who occupies them, how they were, what a request names.

Nothing here opens a connection or draws by chance.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

READS: Final = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
SINGLE_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
WRITES: Final = SINGLE_WRITES | {"TransactWriteItems"}
TRANSACTIONS: Final = frozenset({"TransactGetItems", "TransactWriteItems"})

_VERSION: Final = "com.amazonaws.dynamodb.v20120810#"


class ItemId(NamedTuple):
    """An item by its table and its key, the key as JSON text with sorted names."""

    table: str
    key: str

    @property
    def key_json(self) -> Json:
        """The key in DynamoDB's own JSON."""
        key: Json = json.loads(self.key)
        return key


def item_id(table: str, key: Mapping[str, Any]) -> ItemId:
    """Return the identity of the item that has this key."""
    return ItemId(table, json.dumps(key, sort_keys=True))


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client: what it asks, and the headers that are passed on."""

    operation: str
    content: Json
    headers: Mapping[str, str]

    @property
    def members(self) -> list[tuple[str, Json]]:
        """The single reads or writes of the request: verb and content."""
        if self.operation in TRANSACTIONS:
            return [next(iter(member.items())) for member in self.content["TransactItems"]]
        return [(self.operation.removesuffix("Item"), self.content)]

    @property
    def with_new_token(self) -> "Request":
        """The same request, as a client sends it that no longer knows the first one's token."""
        kept = {name: v for name, v in self.content.items() if name != "ClientRequestToken"}
        return replace(self, content=kept)

    def ids(self, key_names: Callable[[str], Sequence[str]]) -> list[ItemId]:
        """Return the item of each member, in order. Raises KeyError where a key is incomplete."""
        return [
            item_id(
                content["TableName"],
                content["Key"]
                if "Key" in content
                else {name: content["Item"][name] for name in key_names(content["TableName"])},
            )
            for _, content in self.members
        ]


# --- who occupies what ------------------------------------------------------------------------


@dataclass(slots=True)
class Claim:
    """A request under way on its items; `met` are those on which it collided with another."""

    operation: str
    ids: frozenset[ItemId]
    met: set[ItemId] = field(default_factory=set)


class Occupancy:
    """Which items are under a transaction or a write, and whom that refuses.

    Modelled from the Amazon DynamoDB Developer Guide, "Transaction conflict handling in DynamoDB",
    and the API reference of TransactGetItems, "TransactionCanceledException":
    - any write that names an item of a running TransactWriteItems is refused, whatever that one
      does with the item (a ConditionCheck counts);
    - a TransactGetItems that names an item of any running write is refused;
    - a write that meets a running TransactGetItems goes ahead: it is the read that is refused;
    - single writes never refuse one another, nor a transaction.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transactions: set[ItemId] = set()
        self._single: Counter[ItemId] = Counter()
        self._readers: list[Claim] = []

    @contextmanager
    def claimed(self, operation: str, ids: Sequence[ItemId]) -> Iterator[Claim]:
        """Occupy items while the body runs. Where `met` is not empty nothing was occupied.

        A reader looks at `met` again before it answers: a write may have come since.
        """
        claim = Claim(operation, frozenset(ids))
        with self._lock:
            claim.met = {one for one in claim.ids if self._refuses(operation, one)}
            entered = not claim.met
            if entered:
                self._enter(claim)
        try:
            yield claim
        finally:
            if entered:
                with self._lock:
                    self._leave(claim)

    def _refuses(self, operation: str, one: ItemId) -> bool:
        if one in self._transactions:
            return True
        return operation == "TransactGetItems" and self._single[one] > 0

    def _enter(self, claim: Claim) -> None:
        if claim.operation == "TransactGetItems":
            self._readers.append(claim)
            return
        if claim.operation == "TransactWriteItems":
            self._transactions |= claim.ids
        else:
            self._single.update(claim.ids)
        for reader in self._readers:
            reader.met |= reader.ids & claim.ids

    def _leave(self, claim: Claim) -> None:
        if claim.operation == "TransactGetItems":
            self._readers[:] = [reader for reader in self._readers if reader is not claim]
        elif claim.operation == "TransactWriteItems":
            self._transactions -= claim.ids
        else:
            self._single -= Counter(claim.ids)


# --- how items were ---------------------------------------------------------------------------


class Past:
    """Former images of items written lately; None stands for an item that did not exist."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._images: dict[ItemId, deque[tuple[float, Json | None]]] = {}
        self._order: deque[tuple[float, ItemId]] = deque()

    def keep(self, images: Mapping[ItemId, Json | None], *, for_s: float) -> None:
        """Add what a write that was just done replaced, and drop what is older than `for_s`."""
        now = self._clock()
        with self._lock:
            while self._order and self._order[0][0] < now - for_s:
                self._drop_oldest()
            for one, image in images.items():
                self._images.setdefault(one, deque()).append((now, image))
                self._order.append((now, one))

    def of(self, one: ItemId, *, within_s: float) -> list[Json | None]:
        """Return what the item's writes of the last `within_s` replaced, oldest first."""
        since = self._clock() - within_s
        with self._lock:
            return [image for at, image in self._images.get(one, ()) if at >= since]

    def _drop_oldest(self) -> None:
        _, one = self._order.popleft()
        images = self._images[one]
        images.popleft()
        if not images:
            del self._images[one]


# --- answers of DynamoDB ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets; `reached` says whether the engine was asked for it."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    reached: bool = True

    @property
    def content(self) -> Json:
        """The body, parsed."""
        content: Json = json.loads(self.body)
        return content

    def saying(self, content: Json) -> "Answer":
        """Return the same answer with another body, for which the engine's checksum is wrong."""
        kept = {n: v for n, v in self.headers.items() if n.lower() != "x-amz-crc32"}
        return replace(self, body=json.dumps(content).encode(), headers=kept)


def refusal(code: str, message: str, *, status: int = 400, prefix: str = _VERSION) -> Answer:
    """Return the refusal of a whole request, before the engine got it."""
    return _of_shim(status, {"__type": prefix + code, "message": message})


def cancellation(reasons: Sequence[tuple[str, str] | None]) -> Answer:
    """Return the cancellation of a transaction: for each member in order a code and message."""
    codes = ", ".join("None" if reason is None else reason[0] for reason in reasons)
    body = {
        "__type": _VERSION + "TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
        f"[{codes}]",
        "CancellationReasons": [
            {"Code": "None"} if reason is None else {"Code": reason[0], "Message": reason[1]}
            for reason in reasons
        ],
    }
    return _of_shim(400, body)


def conflict(request: Request, ids: Sequence[ItemId], met: Collection[ItemId]) -> Answer:
    """Return the refusal of a request because of others under way on the items in `met`."""
    message = "Transaction is ongoing for the item"
    if request.operation in TRANSACTIONS:
        reason = ("TransactionConflict", message)
        return cancellation([reason if one in met else None for one in ids])
    return refusal("TransactionConflictException", message)


def _of_shim(status: int, content: Json) -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    return Answer(status, json.dumps(content).encode(), headers, reached=False)

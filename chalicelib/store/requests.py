"""How the store speaks: every read of rows, transaction, update, query and scan leaves here.

`settle` is the one retry loop: it reads, lets a pure function decide, writes the actions, and
turns the engine's answer into success, a replay, a confirmed refusal, `busy` or
`outcome_unknown`.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)
from pynamodb.exceptions import VerboseClientError
from pynamodb.expressions.condition import Condition

from chalicelib.core.errors import Busy, OutcomeUnknown, Refusal
from chalicelib.logs import log
from chalicelib.store.actions import Action, AnyKey, Identity, Item, Items, Row, Rows, table_name
from chalicelib.store.connection import connection
from chalicelib.store.tables import key_names

Answer = TypeVar("Answer")

MAX_ATTEMPTS: Final = 10
BASE_PAUSE_S: Final = 0.010
MAX_PAUSE_S: Final = 0.500
BATCH_KEYS: Final = 100
"""What one BatchGetItem or transaction may hold: a limit of DynamoDB."""

_THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "RequestLimitExceeded",
        "LimitExceededException",
    }
)
_CONFLICTS: Final = frozenset({"TransactionConflict", "TransactionConflictException"})
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_EXPECTED_REASONS: Final = _THROTTLED | _CONFLICTS | {_CONDITION_FAILED}


@dataclass(frozen=True, slots=True)
class Commit(Generic[Answer]):
    """A decision to write: all actions or none, and the answer once they are written."""

    actions: Sequence[Action]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Replay(Generic[Answer]):
    """A decision that everything asked for is there already: the first answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Settled(Generic[Answer]):
    """How a write ended: its answer, and whether this request wrote it."""

    answer: Answer
    written: bool


class Refused(Exception):
    """Conditions failed; `items` holds the rows that were found instead, by key identity."""

    def __init__(self, items: Items) -> None:
        """Keep the rows as they were when the conditions failed."""
        self.items = items
        super().__init__("a condition failed")


class Contended(Exception):
    """The engine refused for the moment (conflict, throttling, no connection); nothing moved."""


class Unanswered(Exception):
    """The request was sent and no definite answer came."""


# --- requests -------------------------------------------------------------------------------


def batch_get(keys: Sequence[AnyKey], *, deadline: float, consistent: bool = False) -> Rows:
    """Read up to 100 rows of any tables in one BatchGetItem.

    What the engine leaves unprocessed is asked for again: a row counts as missing only when its
    key was processed. `deadline` is in seconds of the monotonic clock. Raises `Busy` past it.
    """
    wanted = {(table_name(key.row), key.hash, key.range): key for key in keys}
    names_of = {table_name(key.row): key_names(key.row) for key in keys}
    assert len(wanted) <= BATCH_KEYS
    found: dict[Identity, Item | None] = {k.identity: None for k in keys}
    pending: Item = {}
    for key in wanted.values():
        table = pending.setdefault(table_name(key.row), {"Keys": [], "ConsistentRead": consistent})
        table["Keys"].append(key.item())
    attempts = Attempts(deadline)
    while pending:
        attempts.start()
        try:
            answer = _dispatch("BatchGetItem", {"RequestItems": pending})
        except (Contended, Unanswered):
            continue
        for table, items in answer["Responses"].items():
            for item in items:
                hash_value, range_value, *_ = [
                    *(item[name]["S"] for name in names_of[table]),
                    None,
                ]
                found[wanted[(table, hash_value, range_value)].identity] = item
        pending = answer.get("UnprocessedKeys") or {}
    return Rows(found)


def transact_get(keys: Sequence[AnyKey], *, deadline: float) -> Rows:
    """Read rows as they stand at one moment, in one TransactGetItems. Raises `Busy`."""
    items = [{"Get": {"TableName": table_name(k.row), "Key": k.item()}} for k in keys]
    attempts = Attempts(deadline)
    while True:
        attempts.start()
        try:
            answer = _dispatch("TransactGetItems", {"TransactItems": items})
        except (Contended, Unanswered):
            continue
        found = [response.get("Item") for response in answer["Responses"]]
        return Rows({k.identity: item for k, item in zip(keys, found, strict=True)})


def transact_write(actions: Sequence[Action]) -> None:
    """Write all actions or none, in one attempt. A single action is sent as a plain request.

    Raises `Refused`, `Contended` or `Unanswered`.
    """
    assert 0 < len(actions) <= BATCH_KEYS
    if len(actions) == 1 and actions[0].verb in _SINGLE:
        _write_alone(actions[0])
        return
    request = {"TransactItems": [{action.verb: action.request} for action in actions]}
    try:
        _dispatch("TransactWriteItems", request)
    except VerboseClientError as error:
        reasons = list(error.cancellation_reasons)
        failed = {
            action.key.identity: reason.raw_item
            for action, reason in zip(actions, reasons, strict=False)
            if reason is not None and reason.code == _CONDITION_FAILED
        }
        if not failed or {r.code for r in reasons if r is not None} - _EXPECTED_REASONS:
            raise
        raise Refused(failed) from error


def query(
    row: type[Row],
    condition: Condition,
    *,
    deadline: float,
    limit: int,
    index: str | None = None,
    newest_first: bool = False,
    start: Item | None = None,
    consistent: bool = False,
) -> tuple[list[Item], Item | None]:
    """Return up to `limit` raw items under a key condition, and the key to go on from."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    request: Item = {
        "TableName": table_name(row),
        "KeyConditionExpression": condition.serialize(names, values),
        "Limit": limit,
        "ScanIndexForward": not newest_first,
        "ConsistentRead": consistent,
    }
    request["ExpressionAttributeNames"] = {mark: name for name, mark in names.items()}
    request["ExpressionAttributeValues"] = values
    if index is not None:
        request["IndexName"] = index
    if start is not None:
        request["ExclusiveStartKey"] = start
    return _page("Query", request, deadline)


def scan(
    row: type[Row],
    condition: Condition,
    *,
    deadline: float,
    limit: int,
    start: Item | None = None,
) -> tuple[list[Item], Item | None]:
    """Return the raw items among the next `limit` of a table that meet a condition.

    It reads a whole table page by page, whatever the condition: for audits, not for requests. The
    key to go on from comes second; a page may be empty before the last. Reads strongly.
    """
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    request: Item = {
        "TableName": table_name(row),
        "FilterExpression": condition.serialize(names, values),
        "Limit": limit,
        "ConsistentRead": True,
    }
    request["ExpressionAttributeNames"] = {mark: name for name, mark in names.items()}
    request["ExpressionAttributeValues"] = values
    if start is not None:
        request["ExclusiveStartKey"] = start
    return _page("Scan", request, deadline)


def _page(operation: str, request: Item, deadline: float) -> tuple[list[Item], Item | None]:
    attempts = Attempts(deadline)
    while True:
        attempts.start()
        try:
            answer = _dispatch(operation, request)
        except (Contended, Unanswered):
            continue
        return answer["Items"], answer.get("LastEvaluatedKey")


# --- the retry loop -------------------------------------------------------------------------


class Attempts:
    """Counts the attempts of one request and pauses between them, with full jitter."""

    def __init__(self, deadline: float) -> None:
        """Allow attempts until `deadline`, in seconds of the monotonic clock."""
        self._deadline = deadline
        self._started = 0
        self._pauses = 0
        self._has_fresh_rows = False
        self.unanswered = False
        """Whether a write was sent that may have been done, or may still be."""

    def start(self) -> None:
        """Pause where it is a repetition; raise `Busy` when attempts or time are used up.

        After a refusal that showed the rows as they are there is no pause: they would only grow
        stale, and on a busy row be stale again (docs/performance.md, a hot account).
        """
        if self._started and not self._has_fresh_rows:
            self._pauses += 1
            longest = min(MAX_PAUSE_S, BASE_PAUSE_S * 2**self._pauses)
            pause = longest * random.random()  # noqa: S311  # jitter is no secret
            time.sleep(max(0.0, min(pause, self._deadline - time.monotonic())))
        self._has_fresh_rows = False
        if self._started >= MAX_ATTEMPTS or (self._started and time.monotonic() >= self._deadline):
            raise Busy
        self._started += 1

    def write(self, actions: Sequence[Action]) -> Items | None:
        """Write once; return None when it is done, else the rows that the engine showed.

        Those are the rows whose conditions failed: none of them after contention or silence.
        Raises `Busy` at the deadline, before the first write too: one that is still running when
        the function is ended answers nobody.
        """
        if time.monotonic() >= self._deadline:
            raise Busy
        self.start()
        try:
            transact_write(actions)
        except Refused as refused:
            self._has_fresh_rows = True
            return refused.items
        except Contended:
            log.info("write_contended")
            return {}
        except Unanswered:
            log.warning("write_unanswered")
            self.unanswered = True
            return {}
        return None


def settle(
    decide: Callable[[Rows], Commit[Answer] | Replay[Answer]],
    keys: Sequence[AnyKey],
    *,
    deadline: float,
    consistent: bool = False,
    known: Rows | None = None,
) -> Settled[Answer]:
    """Read `keys`, decide and write, until the outcome is definite.

    `decide` is called again with fresher rows after a refusal by the engine, so it must be pure.
    A refusal that it raises is confirmed by one TransactGetItems, since no BatchGetItem shows
    one moment. A replay is believed at once: read `consistent` unless it rests on rows that
    never change. Rows that are `known`, since they were just read or written, are not read first.
    Raises the confirmed refusal, `Busy` (nothing moved), or `OutcomeUnknown`.
    """
    attempts = Attempts(deadline)
    try:
        rows = known or batch_get(keys, deadline=deadline, consistent=consistent)
        return _until_definite(decide, keys, attempts, rows, deadline=deadline)
    except Exception as error:
        if attempts.unanswered:
            # The unanswered write may still land: no other word is certain any more.
            log.warning("outcome_unknown", exc_info=not isinstance(error, Refusal))
            raise OutcomeUnknown from error
        raise


def _until_definite(
    decide: Callable[[Rows], Commit[Answer] | Replay[Answer]],
    keys: Sequence[AnyKey],
    attempts: Attempts,
    rows: Rows,
    *,
    deadline: float,
) -> Settled[Answer]:
    confirmed = False
    while True:
        try:
            decision = decide(rows)
        except Refusal:
            if confirmed:
                raise
            rows = rows.with_items(transact_get(keys, deadline=deadline).items)
            confirmed = True
            continue
        if isinstance(decision, Replay):
            return Settled(decision.answer, written=False)
        shown = attempts.write(decision.actions)
        if shown is None:
            return Settled(decision.answer, written=True)
        rows = rows.with_items(shown)
        confirmed = False


# --- plumbing -------------------------------------------------------------------------------


_SINGLE: Final = {"Put": "PutItem", "Update": "UpdateItem"}


def _write_alone(action: Action) -> None:
    try:
        _dispatch(_SINGLE[action.verb], dict(action.request))
    except VerboseClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        cause = error.__cause__
        item: Any = cause.response.get("Item") if isinstance(cause, ClientError) else None
        raise Refused({action.key.identity: item}) from error


def _dispatch(operation: str, request: Item) -> Item:
    try:
        answer: Item = connection().dispatch(operation, request)
    except VerboseClientError as error:
        code = error.response["Error"]["Code"]
        if code in _THROTTLED or code in _CONFLICTS or _is_contention(error, request):
            raise Contended from error
        if _is_fault_of_engine(error):
            raise Unanswered from error
        raise
    except (ConnectTimeoutError, EndpointConnectionError) as error:
        raise Contended from error
    except BotoCoreError as error:
        raise Unanswered from error
    return answer


def _is_fault_of_engine(error: VerboseClientError) -> bool:
    """Whether the engine failed with a 5xx, which says nothing of what it had done before."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    return cause.response["ResponseMetadata"]["HTTPStatusCode"] >= 500


def _is_contention(error: VerboseClientError, request: Item) -> bool:
    """Whether a cancelled transaction met other traffic only.

    A taken id outranks a conflict on the other rows: whoever holds those, this write is done.
    """
    members = request.get("TransactItems", [])
    pairs = [
        (member, reason)
        for member, reason in zip(members, error.cancellation_reasons, strict=False)
        if reason is not None
    ]
    if not any(reason.code in _THROTTLED | _CONFLICTS for _, reason in pairs):
        return False
    return not any(reason.code == _CONDITION_FAILED and "Put" in member for member, reason in pairs)

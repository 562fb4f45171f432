"""Many rows at once, put past every rule: books too large to be made one movement at a time."""

from collections.abc import Iterable
from typing import Any, Final

from chalicelib.store.actions import Action
from chalicelib.store.connection import connection

ROWS_A_BATCH: Final = 25


def put_in_bulk(actions: Iterable[Action]) -> None:
    """Put rows, 25 in a request."""
    waiting: list[Action] = []
    for action in actions:
        waiting.append(action)
        if len(waiting) == ROWS_A_BATCH:
            _send(waiting)
            waiting = []
    if waiting:
        _send(waiting)


def _send(actions: list[Action]) -> None:
    request: dict[str, list[Any]] = {}
    for action in actions:
        put = {"PutRequest": {"Item": action.request["Item"]}}
        request.setdefault(action.request["TableName"], []).append(put)
    while request:
        answer = connection().dispatch("BatchWriteItem", {"RequestItems": request})
        request = answer.get("UnprocessedItems") or {}

"""What a write is before it is sent: an action about one key, in DynamoDB's own JSON.

Rows become items and items rows here, through the classes that `tables` declares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.expressions.update import Update
from pynamodb.models import Model

from chalicelib.config import config
from chalicelib.store.tables import key_names, noun

Item = dict[str, Any]
"""A row in DynamoDB's own JSON: attribute name to a one-key map of type and value."""

Identity = tuple[str, str, str | None]
"""What makes two keys the same row: the table and both key values."""

Items = Mapping[Identity, Item | None]

Row = TypeVar("Row", bound=Model)
Row_co = TypeVar("Row_co", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True)
class Key(Generic[Row_co]):
    """The primary key of one row, with the class that reads it."""

    row: type[Row_co]
    hash: str
    range: str | None = None

    def item(self) -> Item:
        """Return the key in DynamoDB's own JSON."""
        names = key_names(self.row)
        values = [self.hash] if self.range is None else [self.hash, self.range]
        return {name: {"S": value} for name, value in zip(names, values, strict=True)}

    @property
    def identity(self) -> Identity:
        """What makes two keys the same row."""
        return noun(self.row), self.hash, self.range


AnyKey = Key[Any]


class Rows:
    """What was read, by key. A key that was processed and not found reads as None."""

    def __init__(self, found: Items) -> None:
        """Keep raw items by the identity of their key."""
        self.items: Final = dict(found)

    def get(self, key: Key[Row]) -> Row | None:
        """Return the row, or None where there is none. Asking for an unread key is a bug."""
        item = self.items[key.identity]
        return None if item is None else key.row.from_raw_data(dict(item))

    def with_items(self, fresh: Items) -> "Rows":
        """Return these rows, with those that the engine has shown since in their place."""
        return Rows({**self.items, **fresh})

    def shows(self, key: Key[Row]) -> bool:
        """Return whether a row with this key was read or shown, and is there."""
        return self.items.get(key.identity) is not None


def written(actions: Sequence["Action"]) -> "Rows":
    """Return what puts have written, as rows that are known."""
    return Rows({a.key.identity: a.request["Item"] for a in actions if a.verb == "Put"})


@dataclass(frozen=True, slots=True)
class Action:
    """One write about one key, in the shape of a member of TransactItems."""

    key: Key[Any]
    verb: str
    request: Item


def put_once(row: Model) -> Action:
    """Return the put of a new row, refused if its key exists.

    No other put is ever made to a put-once table.
    """
    return put(row, Path(key_names(type(row))[0]).does_not_exist())


def put(row: Model, condition: Condition | None = None) -> Action:
    """Return the put of a row that may replace an older one, where `condition` holds."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    item = row.serialize()
    request: Item = {"Item": item}
    if condition is not None:
        request["ConditionExpression"] = condition.serialize(names, values)
    key = Key(type(row), *(item[name]["S"] for name in key_names(type(row))))
    return _action(key, "Put", request, names, values)


def update(key: Key[Any], changes: Sequence[UpdateAction], condition: Condition) -> Action:
    """Return the update of an existing row, where `condition` holds."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    request: Item = {
        "UpdateExpression": Update(*changes).serialize(names, values),
        "ConditionExpression": condition.serialize(names, values),
    }
    return _action(key, "Update", {"Key": key.item()} | request, names, values)


def delete(key: Key[Any], condition: Condition | None = None) -> Action:
    """Return the deletion of a row, where `condition` holds; without one, of what may be there."""
    if condition is None:
        return _action(key, "Delete", {"Key": key.item()}, {}, {})
    return _checking(key, "Delete", condition)


def check(key: Key[Any], condition: Condition) -> Action:
    """Return the check that `condition` holds for a row that is not written."""
    return _checking(key, "ConditionCheck", condition)


def exists(row: type[Model]) -> Condition:
    """Return the condition that the row is there."""
    return Path(key_names(row)[0]).exists()


def _checking(key: Key[Any], verb: str, condition: Condition) -> Action:
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    text = condition.serialize(names, values)
    return _action(key, verb, {"Key": key.item(), "ConditionExpression": text}, names, values)


def _action(
    key: Key[Model], verb: str, request: Item, names: Mapping[str, str], values: Item
) -> Action:
    request["TableName"] = table_name(key.row)
    if "ConditionExpression" in request:
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if names:
        request["ExpressionAttributeNames"] = {mark: name for name, mark in names.items()}
    if values:
        request["ExpressionAttributeValues"] = values
    return Action(key, verb, request)


def table_name(row: type[Model]) -> str:
    """Return the table's full name in this deployment."""
    return config().table_prefix + noun(row)

"""Every table, declared once: rows, keys and indexes. The template and the engines follow it.

Keys begin with the channel. Parts are joined by `#`, which no channel, user or currency holds.
Rows of a put-once table are never changed or deleted: see `PUT_ONCE`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import MAP, NUMBER
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.config import config
from chalicelib.core.accounts import OpenHold
from chalicelib.store.connection import connection


class Whole(Attribute[int]):
    """A whole number: minor units, counters or milliseconds. Anything but an int is a bug."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """Return the number as DynamoDB's text; a float or a bool never gets in."""
        assert type(value) is int, f"{self.attr_name} must be an int, not {type(value).__name__}"
        return str(value)

    def deserialize(self, value: str) -> int:
        """Return the stored number."""
        return int(value)


class Holds(Attribute[tuple[OpenHold, ...]]):
    """The open holds of an account: a map of hold id to amount and, where there is one, limit."""

    attr_type = MAP

    def serialize(self, value: tuple[OpenHold, ...]) -> dict[str, Any]:
        """Return the holds in DynamoDB's own JSON, by id."""
        return {hold.id: self.one(hold) for hold in value}

    def deserialize(self, value: dict[str, Any]) -> tuple[OpenHold, ...]:
        """Return the stored holds, ordered by id."""
        return tuple(_open_hold(hold_id, value[hold_id]["M"]) for hold_id in sorted(value))

    @staticmethod
    def one(hold: OpenHold) -> dict[str, Any]:
        """Return the value of one hold in DynamoDB's own JSON."""
        content = {"amount": {"N": str(hold.amount)}}
        if hold.expires_ms is not None:
            content["expires_ms"] = {"N": str(hold.expires_ms)}
        return {"M": content}


def _open_hold(hold_id: str, content: dict[str, Any]) -> OpenHold:
    limit = content.get("expires_ms")
    return OpenHold(
        hold_id, int(content["amount"]["N"]), None if limit is None else int(limit["N"])
    )


class SettingRow(Model):
    """A setting of a channel as JSON text; the row named CHANNEL is the channel itself."""

    class Meta:
        table_name = "settings"

    channel = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    value = UnicodeAttribute()
    by = UnicodeAttribute()
    at_ms = Whole()


class UsersOfChannel(GlobalSecondaryIndex["UserRow"]):
    """Lists a channel's users by `user_pk`."""

    class Meta:
        index_name = "by_channel"
        projection = AllProjection()

    channel = UnicodeAttribute(hash_key=True)
    user_pk = UnicodeAttribute(range_key=True)


class UserRow(Model):
    """A registered user; `user` is channel#user_pk. One who was erased has no address."""

    class Meta:
        table_name = "users"

    user = UnicodeAttribute(hash_key=True)
    channel = UnicodeAttribute()
    user_pk = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    created_ms = Whole()
    sessions_valid_from_ms = Whole(default=0)
    erased_ms = Whole(null=True)
    by = UnicodeAttribute()
    by_channel = UsersOfChannel()


class UserEmailRow(Model):
    """Who owns an address; `address` is channel#lower-cased e-mail."""

    class Meta:
        table_name = "user_emails"

    address = UnicodeAttribute(hash_key=True)
    user_pk = UnicodeAttribute()


class AccountsOfChannel(GlobalSecondaryIndex["AccountRow"]):
    """Lists a channel's accounts by currency and account id; holds nothing that ever changes."""

    class Meta:
        index_name = "by_channel"
        projection = KeysOnlyProjection()

    channel = UnicodeAttribute(hash_key=True)
    currency_account_id = UnicodeAttribute(range_key=True)


class AccountRow(Model):
    """The credit of one user in one currency; `user` is channel#user_pk.

    Lapsed holds stay in `open_holds` and `held` until the row is written again.
    """

    class Meta:
        table_name = "accounts"

    user = UnicodeAttribute(hash_key=True)
    currency = UnicodeAttribute(range_key=True)
    channel = UnicodeAttribute()
    currency_account_id = UnicodeAttribute()
    account_id = UnicodeAttribute()
    available = Whole()
    held = Whole()
    open_holds = Holds()
    seq = Whole()
    entry_ms = Whole()
    entry_hash = UnicodeAttribute()
    digits = Whole()
    debit_allowed = BooleanAttribute()
    opening_balance = Whole()
    idempotency_key = UnicodeAttribute()
    created_ms = Whole()
    by = UnicodeAttribute()
    by_channel = AccountsOfChannel()


class AccountIdRow(Model):
    """Whose account an id names; `id` is channel#account_id. Put once.

    A caller's idempotency key has such a row too, as channel#key: and its SHA-256 in hex.
    """

    class Meta:
        table_name = "account_ids"

    id = UnicodeAttribute(hash_key=True)
    user_pk = UnicodeAttribute()
    currency = UnicodeAttribute()


class EntryRow(Model):
    """One leg of a movement; `account` is channel#user_pk#currency. Put once.

    `at_seq` is 13 digits of milliseconds and 10 of `seq`: time order and number order are one.
    """

    class Meta:
        table_name = "entries"

    account = UnicodeAttribute(hash_key=True)
    at_seq = UnicodeAttribute(range_key=True)
    amount = Whole()
    balance_after = Whole()
    kind = UnicodeAttribute()
    counterparty = UnicodeAttribute()
    transfer_id = UnicodeAttribute()
    order = UnicodeAttribute(null=True)
    note = UnicodeAttribute(null=True)
    hash = UnicodeAttribute()


class TransferRow(Model):
    """A transfer with its whole content; `id` is channel#transfer id. Put once."""

    class Meta:
        table_name = "transfers"

    id = UnicodeAttribute(hash_key=True)
    kind = UnicodeAttribute()
    source = UnicodeAttribute()
    source_user_pk = UnicodeAttribute(null=True)
    source_balance_after = Whole(null=True)
    target = UnicodeAttribute()
    target_user_pk = UnicodeAttribute(null=True)
    target_balance_after = Whole(null=True)
    currency = UnicodeAttribute()
    amount = Whole()
    note = UnicodeAttribute(null=True)
    order = UnicodeAttribute(null=True)
    at_ms = Whole()
    by = UnicodeAttribute()


class HoldRow(Model):
    """A hold and what became of it; `account` is channel#user_pk#currency.

    `state` is open, captured or voided; whether an open one has lapsed, its account says.
    """

    class Meta:
        table_name = "holds"

    account = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    amount = Whole()
    captured = Whole()
    state = UnicodeAttribute()
    order = UnicodeAttribute(null=True)
    expires_ms = Whole(null=True)
    created_ms = Whole()
    by = UnicodeAttribute()
    ended_ms = Whole(null=True)
    ended_by = UnicodeAttribute(null=True)


class RefundRow(Model):
    """How much of a payment is refunded; `sale` is channel#transfer id of the payment.

    All refunds of a payment add to this one row, so that together they never exceed it.
    """

    class Meta:
        table_name = "refunds"

    sale = UnicodeAttribute(hash_key=True)
    refunded = Whole()


class AuditRow(Model):
    """The report of one audit of a channel as JSON text; `at` is 13 digits of ms. Put once."""

    class Meta:
        table_name = "audits"

    channel = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)
    report = UnicodeAttribute()


class PreOrdersPaying(GlobalSecondaryIndex["PreOrderRow"]):
    """Lists the card payments in progress, oldest first: a row is in it only while it is paying."""

    class Meta:
        index_name = "by_paying"
        projection = KeysOnlyProjection()

    paying = UnicodeAttribute(hash_key=True)
    begun_ms = Whole(range_key=True)


class PreOrderRow(Model):
    """A checkout in progress; `user` is channel#user_pk, `currency` its currency.

    `rev` grows with every change, and every change is written on condition of it. While a card
    payment is in progress `paying` is "yes", and `gateway`, `charge`, `installments`, `begun_ms`
    and `payment_name` say what it began with. `failed_payment` says how the last one failed.
    """

    class Meta:
        table_name = "pre_orders"

    user = UnicodeAttribute(hash_key=True)
    currency = UnicodeAttribute(range_key=True)
    reference = UnicodeAttribute()
    content_hash = UnicodeAttribute()
    total = Whole()
    shipping = Whole()
    loyalty = Whole()
    payment_option = Whole(null=True)
    bin_number = UnicodeAttribute(null=True)
    installment = Whole(null=True)
    installment_price = Whole(null=True)
    bank_account = Whole(null=True)
    state = UnicodeAttribute()
    attempt = Whole()
    paying = UnicodeAttribute(null=True)
    gateway = UnicodeAttribute(null=True)
    charge = Whole(null=True)
    installments = Whole(null=True)
    begun_ms = Whole(null=True)
    payment_name = UnicodeAttribute(null=True)
    failed_payment = UnicodeAttribute(null=True)
    order_id = Whole()
    opened_ms = Whole()
    completed_ms = Whole(null=True)
    rev = Whole()
    by_paying = PreOrdersPaying()


class BasketRow(Model):
    """What is bought and where it goes, as JSON text, beside its pre-order.

    It shares the table: `currency` is the pre-order's followed by #basket.
    """

    class Meta:
        table_name = "pre_orders"

    user = UnicodeAttribute(hash_key=True)
    currency = UnicodeAttribute(range_key=True)
    order_id = Whole()
    content = UnicodeAttribute()


class OrdersOfUser(GlobalSecondaryIndex["OrderRow"]):
    """Lists a user's orders, by time of completion."""

    class Meta:
        index_name = "by_user"
        projection = KeysOnlyProjection()

    user = UnicodeAttribute(hash_key=True)
    completed_ms = Whole(range_key=True)


class OrderRow(Model):
    """A completed order as the books need it; `id` is channel#reference. Put once."""

    class Meta:
        table_name = "orders"

    id = UnicodeAttribute(hash_key=True)
    user = UnicodeAttribute()
    completed_ms = Whole()
    currency = UnicodeAttribute()
    order_id = Whole()
    total = Whole()
    shipping = Whole()
    loyalty = Whole()
    payment_type = UnicodeAttribute()
    payment_name = UnicodeAttribute()
    payment_state = UnicodeAttribute()
    charged = Whole()
    payment_key = UnicodeAttribute(null=True)
    contents_hash = UnicodeAttribute()
    by_user = OrdersOfUser()


class OrderContentsRow(Model):
    """What is personal in an order, beside it; `user` is channel#user_pk. An erasure deletes it.

    Without `salt` the hash that the order keeps of it says nothing.
    """

    class Meta:
        table_name = "order_contents"

    user = UnicodeAttribute(hash_key=True)
    reference = UnicodeAttribute(range_key=True)
    user_email = UnicodeAttribute(null=True)
    content = UnicodeAttribute()
    salt = UnicodeAttribute()


class DistributionsOfChannel(GlobalSecondaryIndex["DistributionRow"]):
    """Lists a channel's distributions by the time they were made; chunks are not in it."""

    class Meta:
        index_name = "by_channel"
        projection = KeysOnlyProjection()

    channel = UnicodeAttribute(hash_key=True)
    created_ms = Whole(range_key=True)


class DistributionRow(Model):
    """A distribution; `id` is channel#distribution id, `part` is job. `rev` grows with each change.

    `escrow` is what is neither with chunks nor with customers. `bad_reasons` is JSON text.
    """

    class Meta:
        table_name = "distributions"

    id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    channel = UnicodeAttribute()
    source = UnicodeAttribute()
    source_user_pk = UnicodeAttribute()
    currency = UnicodeAttribute()
    open_accounts = BooleanAttribute()
    content_hash = UnicodeAttribute()
    preview_id = UnicodeAttribute()
    lists = Whole()
    rows = Whole()
    bad_reasons = UnicodeAttribute()
    shares = Whole()
    total = Whole()
    openings = Whole()
    available = Whole()
    debit_allowed = BooleanAttribute()
    chunks = Whole()
    made = Whole()
    state = UnicodeAttribute()
    cancelled = BooleanAttribute()
    escrow = Whole()
    created_ms = Whole()
    created_by = UnicodeAttribute()
    previewed_ms = Whole()
    by = UnicodeAttribute()
    started_ms = Whole(null=True)
    ended_ms = Whole(null=True)
    rev = Whole()
    by_channel = DistributionsOfChannel()


class ChunkRow(Model):
    """A chunk of a distribution, beside its job; `part` is chunk: and five digits.

    `failed` and `spent` are JSON text: lines with the code why, or with minor units.
    """

    class Meta:
        table_name = "distributions"

    id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    rows = Whole()
    amount = Whole()
    escrow = Whole()
    credited = Whole()
    returned = Whole()
    list_hash = UnicodeAttribute()
    failed = UnicodeAttribute(null=True)
    spent = UnicodeAttribute(null=True)
    ended_ms = Whole(null=True)


class PieceRow(Model):
    """A piece of a long list beside its job, compressed; each table of jobs has its own."""

    id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False)


class ListRow(PieceRow):
    """A piece of the list that a preview found; `part` is list:, its preview, a number.

    Its name follows from its content, so it is never changed; a preview made anew deletes it.
    """

    class Meta:
        table_name = "distributions"


class ReconciliationsOfChannel(GlobalSecondaryIndex["ReconciliationRow"]):
    """Lists a channel's reconciliations by the time they were made; pieces are not in it."""

    class Meta:
        index_name = "by_channel"
        projection = KeysOnlyProjection()

    channel = UnicodeAttribute(hash_key=True)
    created_ms = Whole(range_key=True)


class ReconciliationRow(Model):
    """A reconciliation; `id` is channel#its id, `part` is job. `rev` grows with each change.

    `place` is an account in the order of the index, as currency#account id#user; `at_seq` is
    there while not all of its entries were looked at. `totals` is JSON text.
    """

    class Meta:
        table_name = "reconciliations"

    id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    channel = UnicodeAttribute()
    since_ms = Whole()
    until_ms = Whole()
    currency = UnicodeAttribute(null=True)
    content_hash = UnicodeAttribute()
    list_id = UnicodeAttribute()
    lists = Whole()
    orders = Whole()
    state = UnicodeAttribute()
    place = UnicodeAttribute(null=True)
    at_seq = UnicodeAttribute(null=True)
    accounts = Whole()
    captures = Whole()
    refunds = Whole()
    result_id = UnicodeAttribute(null=True)
    results = Whole()
    differences = Whole()
    totals = UnicodeAttribute()
    created_ms = Whole()
    by = UnicodeAttribute()
    updated_ms = Whole()
    ended_ms = Whole(null=True)
    rev = Whole()
    by_channel = ReconciliationsOfChannel()


class ReconciliationPieceRow(PieceRow):
    """A piece of a reconciliation's orders, of what was found, or of the differences.

    `part` is list: or result:, the name of its content, and a number; or found:, the `rev` of the
    step that found it, and a number.
    """

    class Meta:
        table_name = "reconciliations"


class SandboxChargeRow(Model):
    """What the sandbox gateway answered under a key: approved or declined. No card data."""

    class Meta:
        table_name = "sandbox_charges"

    key = UnicodeAttribute(hash_key=True)
    outcome = UnicodeAttribute()
    amount = Whole()
    currency = UnicodeAttribute()
    refunded = BooleanAttribute()


ROWS: Final[tuple[type[Model], ...]] = (
    SettingRow,
    UserRow,
    UserEmailRow,
    AccountRow,
    AccountIdRow,
    EntryRow,
    TransferRow,
    HoldRow,
    RefundRow,
    PreOrderRow,
    OrderRow,
    OrderContentsRow,
    AuditRow,
    DistributionRow,
    ReconciliationRow,
    SandboxChargeRow,
)
"""One row class for each table."""

PUT_ONCE: Final = frozenset({"account_ids", "entries", "transfers", "orders", "audits"})
"""Tables whose rows are put once, under `attribute_not_exists`, and then never touched."""


STREAMS: Final[Mapping[str, str]] = {
    "account_ids": "KEYS_ONLY",
    "accounts": "NEW_IMAGE",
    "audits": "KEYS_ONLY",
    "distributions": "NEW_AND_OLD_IMAGES",
    "entries": "NEW_IMAGE",
    "holds": "NEW_IMAGE",
    "orders": "NEW_IMAGE",
    "transfers": "KEYS_ONLY",
}
"""What the stream of a table shows of a change: enough to tell of it, or that it was changed."""


def noun(row: type[Model]) -> str:
    """Return the table's name without the prefix of a deployment."""
    name: str = row.Meta.table_name
    return name


def key_names(row: type[Model]) -> list[str]:
    """Return the names of the hash key and, where there is one, of the range key."""
    return _KEY_NAMES[noun(row)]


def definitions(prefix: str) -> list[dict[str, Any]]:
    """Return every table in the shape of DynamoDB's CreateTable request."""
    return [_definition(row, prefix) for row in ROWS]


def _definition(row: type[Model], prefix: str) -> dict[str, Any]:
    schema = row._get_schema()  # noqa: SLF001  # PynamoDB offers no public reader of its schema
    table: dict[str, Any] = {
        "TableName": prefix + noun(row),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in sorted(
                {
                    attribute["AttributeName"]: attribute["AttributeType"]
                    for attribute in schema["attribute_definitions"]
                }.items()
            )
        ],
        "KeySchema": _keys(schema["key_schema"]),
    }
    if noun(row) in STREAMS:
        view = STREAMS[noun(row)]
        table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    if schema["global_secondary_indexes"]:
        table["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index["index_name"],
                "KeySchema": _keys(index["key_schema"]),
                "Projection": index["projection"],
            }
            for index in schema["global_secondary_indexes"]
        ]
    return table


def _keys(key_schema: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    return [
        {"AttributeName": str(key["AttributeName"]), "KeyType": str(key["KeyType"])}
        for key in sorted(key_schema, key=lambda key: str(key["KeyType"]))
    ]


def create_missing(*, streams: bool = True) -> list[str]:
    """Create the tables that the configured engine lacks, wait for them, return their names.

    For local engines and tests; in a deployed stage the template makes the tables. Without
    `streams` the engine keeps no changes, which local ones never drop.
    """
    wire = connection()
    present = _present()
    created: list[str] = []
    for definition in definitions(config().table_prefix):
        name = definition["TableName"]
        if not streams:
            definition.pop("StreamSpecification", None)
        if name not in present:
            wire.dispatch("CreateTable", definition)
            created.append(name)
    for name in created:
        _wait_until_active(name)
    return created


def _present() -> set[str]:
    names: set[str] = set()
    last: str | None = None
    while True:
        page = connection().list_tables(exclusive_start_table_name=last)
        names.update(page["TableNames"])
        last = page.get("LastEvaluatedTableName")
        if last is None:
            return names


def _wait_until_active(name: str) -> None:
    for _ in range(100):
        if connection().describe_table(name)["TableStatus"] == "ACTIVE":
            return
        time.sleep(0.05)
    raise TimeoutError(f"table {name} did not become active")


_KEY_NAMES: Final = {
    noun(row): [key["AttributeName"] for key in _keys(row._get_schema()["key_schema"])]  # noqa: SLF001
    for row in ROWS
}

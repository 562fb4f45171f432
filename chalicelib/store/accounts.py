"""Accounts and their ids. A balance changes only by a leg of a movement, under its `seq`.

Open holds lie on the account's row. They move credit between available and held, which changes
neither balance nor `seq`; so every write names the holds that it takes off the row.
"""

import hashlib
from collections.abc import Iterable, Sequence

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action as Change

from chalicelib.core.accounts import (
    MAX_OPEN_HOLDS,
    Account,
    AccountKey,
    OpenHold,
    Opening,
    fold_lapsed,
    total,
)
from chalicelib.core.audit_account import Standing
from chalicelib.core.currencies import digits_of
from chalicelib.core.transfers import Leg
from chalicelib.store.actions import Action, Item, Key, Rows, exists, put_once, update
from chalicelib.store.requests import batch_get, query
from chalicelib.store.tables import AccountIdRow, AccountRow, Holds
from chalicelib.store.users import check_registered


def account_key(key: AccountKey) -> Key[AccountRow]:
    """Return the key of an account's row."""
    return Key(AccountRow, f"{key.channel}#{key.user_pk}", key.currency)


def account_name(key: AccountKey) -> str:
    """Return the account as one text: the hash key of what belongs to it, entries and holds."""
    return f"{key.channel}#{key.user_pk}#{key.currency}"


def account_named(name: str) -> AccountKey:
    """Return the account whose name, as one text, this is."""
    return AccountKey(*name.split("#"))


def account_id_key(channel: str, account_id: str) -> Key[AccountIdRow]:
    """Return the key of the row that says whose account an id names."""
    return Key(AccountIdRow, f"{channel}#{account_id}")


def opening_key(channel: str, idempotency_key: str) -> Key[AccountIdRow]:
    """Return the key of the row that says which account an idempotency key opened.

    It lies among the account ids, under a name that no account can have.
    """
    digest = hashlib.sha256(idempotency_key.encode()).hexdigest()
    return Key(AccountIdRow, f"{channel}#key:{digest}")


def opened_in(rows: Rows, channel: str, idempotency_key: str) -> AccountKey | None:
    """Return the account that an idempotency key opened, out of rows that hold its key."""
    return _owner(channel, rows.get(opening_key(channel, idempotency_key)))


def account_in(rows: Rows, key: AccountKey, now_ms: int) -> Account | None:
    """Return the account as it counts now, out of rows that hold its key."""
    account = account_row_in(rows, key)
    return None if account is None else fold_lapsed(account, now_ms)


def named_in(rows: Rows, channel: str, account_id: str) -> AccountKey | None:
    """Return the account that an id names, out of rows that hold the id's key."""
    return _owner(channel, rows.get(account_id_key(channel, account_id)))


def put_account(account: Account, idempotency_key: str | None) -> list[Action]:
    """Return the writes of a new account: its row, its id, and the check of its user.

    With opening credit the row is put with the first entry applied. The caller's idempotency
    key, if there is one, is put too, so that it opens one account only.
    """
    channel, user_pk = account.key.channel, account.key.user_pk
    actions = [*put_account_alone(account), check_registered(channel, user_pk)]
    if idempotency_key is not None:
        key = opening_key(channel, idempotency_key)
        opened = AccountIdRow(id=key.hash, user_pk=user_pk, currency=account.key.currency)
        actions.append(put_once(opened))
    return actions


def put_account_alone(account: Account) -> list[Action]:
    """Return the puts of a new account's row and its id, for a user who was just read.

    Users are never deleted. One who was erased since gets an account that says nothing of them.
    """
    channel, user_pk = account.key.channel, account.key.user_pk
    row = AccountRow(
        user=f"{channel}#{user_pk}",
        currency=account.key.currency,
        channel=channel,
        currency_account_id=f"{account.key.currency}#{account.account_id}",
        account_id=account.account_id,
        available=account.available,
        held=account.held,
        open_holds=account.open_holds,
        seq=account.seq,
        entry_ms=account.entry_ms,
        entry_hash=account.entry_hash,
        digits=digits_of(account.key.currency),
        debit_allowed=account.debit_allowed,
        opening_balance=account.opening.balance,
        idempotency_key=account.opening.idempotency_key,
        created_ms=account.created_ms,
        by=account.by,
    )
    named = AccountIdRow(
        id=f"{channel}#{account.account_id}", user_pk=user_pk, currency=account.key.currency
    )
    return [put_once(row), put_once(named)]


def apply_leg(leg: Leg) -> Action:
    """Return the update that adds a leg's amount to its account, and frees what it frees.

    It is refused when another entry came between, when a hold that it frees is gone, and, unless
    the leg may overdraw, when `available` no longer covers it: a new hold may have taken credit
    without an entry.
    """
    amount, freed = leg.entry.amount, leg.freed
    condition = _still_there(AccountRow.seq == leg.before.seq, freed)
    if not leg.may_overdraw:
        condition = condition & (AccountRow.available >= -amount - total(freed))
    changes = [
        AccountRow.seq.set(leg.entry.seq),
        AccountRow.entry_ms.set(leg.entry.at_ms),
        AccountRow.entry_hash.set(leg.entry.hash),
        *_shift(available=amount + total(freed), held=-total(freed)),
        *_taken_off(freed),
    ]
    return update(account_key(leg.before.key), changes, condition)


def keep(account: Account, hold: OpenHold) -> Action:
    """Return the update by which a new hold keeps its amount, where that much is available.

    Debit plays no part: a hold never draws overdraft.
    """
    # By a stale read a hold may seem new that lies there, even lapsed. To set a place and to take
    # it off is no expression for DynamoDB: as it is, the condition on the place fails.
    lapsed = tuple(found for found in account.lapsed if found.id != hold.id)
    place = _place_of(hold)
    condition = _still_there(place.does_not_exist(), lapsed)
    condition = condition & (AccountRow.available >= hold.amount - total(lapsed))
    condition = condition & (size(AccountRow.open_holds) < MAX_OPEN_HOLDS + len(lapsed))
    changes = [
        place.set(Holds.one(hold)),
        *_shift(available=total(lapsed) - hold.amount, held=hold.amount - total(lapsed)),
        *_taken_off(lapsed),
    ]
    return update(account_key(account.key), changes, condition)


def free(account: Account, hold: OpenHold) -> Action:
    """Return the update by which an open hold gives back what it keeps."""
    freed = (*account.lapsed, hold)
    changes = [*_shift(available=total(freed), held=-total(freed)), *_taken_off(freed)]
    return update(account_key(account.key), changes, _still_there(exists(AccountRow), freed))


def list_keys(
    channel: str, *, prefix: str, limit: int, start: Item | None, deadline: float
) -> tuple[list[AccountKey], Item | None]:
    """Return a page of account keys by currency and account id, and the key to go on from.

    `prefix` is empty, or `TRY#`, or `TRY#` and the start of an account id.
    """
    items, last = list_places(channel, prefix=prefix, limit=limit, start=start, deadline=deadline)
    return [_listed_key(channel, item) for item in items], last


def list_of_user(channel: str, user_pk: str, *, deadline: float) -> list[Account]:
    """Return all accounts of one user: at most one a currency, so a single page."""
    items, _ = query(
        AccountRow,
        AccountRow.user == f"{channel}#{user_pk}",
        limit=1000,
        consistent=True,
        deadline=deadline,
    )
    return [_account(AccountRow.from_raw_data(item)) for item in items]


def list_places(
    channel: str, *, limit: int, start: Item | None, deadline: float, prefix: str = ""
) -> tuple[list[Item], Item | None]:
    """Return a page of the index: each item is an account's place, and a key to go on from."""
    condition = AccountRow.channel == channel
    if prefix:
        condition = condition & AccountRow.currency_account_id.startswith(prefix)
    return query(
        AccountRow,
        condition,
        index=AccountRow.by_channel.Meta.index_name,
        limit=limit,
        start=start,
        deadline=deadline,
    )


def read_standings(channel: str, places: Sequence[Item], *, deadline: float) -> list[Standing]:
    """Return the accounts at places of the index, for an audit: up to 100, strongly read.

    The rows of their ids are read after them, so that an account that is being opened has its own.
    """
    found = {place["currency_account_id"]["S"]: _listed_key(channel, place) for place in places}
    rows = batch_get([account_key(k) for k in found.values()], deadline=deadline, consistent=True)
    read = {listed: rows.get(account_key(key)) for listed, key in found.items()}
    present = {listed: row for listed, row in read.items() if row is not None}
    ids = {row.account_id for row in present.values()}
    if not ids:
        return []
    names = batch_get([account_id_key(channel, i) for i in ids], deadline=deadline, consistent=True)
    return [
        Standing(
            account=_account(row),
            digits=row.digits,
            listed_id=listed.removeprefix(f"{row.currency}#"),
            named=named_in(names, channel, row.account_id),
        )
        for listed, row in present.items()
    ]


def account_row_in(rows: Rows, key: AccountKey) -> Account | None:
    """Return the account as its row says, lapsed holds included, out of rows that hold its key."""
    row = rows.get(account_key(key))
    return None if row is None else _account(row)


def account_of(item: Item) -> Account:
    """Return the account as its row says, lapsed holds included."""
    return _account(AccountRow.from_raw_data(item))


def _place_of(hold: OpenHold) -> Path:
    return Path(["open_holds", hold.id])


def _still_there(condition: Condition, holds: Iterable[OpenHold]) -> Condition:
    for hold in holds:
        condition = condition & _place_of(hold).exists()
    return condition


def _shift(*, available: int, held: int) -> list[Change]:
    changes: list[Change] = [AccountRow.available.add(available)]
    return [*changes, AccountRow.held.add(held)] if held else changes


def _taken_off(holds: Iterable[OpenHold]) -> list[Change]:
    return [_place_of(hold).remove() for hold in holds]


def _owner(channel: str, row: AccountIdRow | None) -> AccountKey | None:
    return None if row is None else AccountKey(channel, row.user_pk, row.currency)


def _listed_key(channel: str, item: Item) -> AccountKey:
    user_pk = str(item["user"]["S"]).removeprefix(f"{channel}#")
    return AccountKey(channel, user_pk, item["currency"]["S"])


def _account(row: AccountRow) -> Account:
    return Account(
        key=AccountKey(row.channel, row.user.removeprefix(f"{row.channel}#"), row.currency),
        account_id=row.account_id,
        available=row.available,
        held=row.held,
        seq=row.seq,
        entry_ms=row.entry_ms,
        entry_hash=row.entry_hash,
        debit_allowed=row.debit_allowed,
        opening=Opening(row.opening_balance, row.idempotency_key),
        created_ms=row.created_ms,
        by=row.by,
        open_holds=row.open_holds,
    )

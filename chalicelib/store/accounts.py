"""Accounts and their ids. A balance changes only by a leg of a movement, under its `seq`."""

import hashlib

from chalicelib.core.accounts import Account, AccountKey, Opening
from chalicelib.core.currencies import digits_of
from chalicelib.core.transfers import Leg
from chalicelib.store.actions import Action, Item, Key, Rows, check, exists, put_once, update
from chalicelib.store.requests import query
from chalicelib.store.tables import AccountIdRow, AccountRow, UserRow
from chalicelib.store.users import user_key


def account_key(key: AccountKey) -> Key[AccountRow]:
    """Return the key of an account's row."""
    return Key(AccountRow, f"{key.channel}#{key.user_pk}", key.currency)


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


def account_in(rows: Rows, key: AccountKey) -> Account | None:
    """Return the account out of rows that hold its key."""
    row = rows.get(account_key(key))
    return None if row is None else _account(row)


def named_in(rows: Rows, channel: str, account_id: str) -> AccountKey | None:
    """Return the account that an id names, out of rows that hold the id's key."""
    return _owner(channel, rows.get(account_id_key(channel, account_id)))


def put_account(account: Account, idempotency_key: str | None) -> list[Action]:
    """Return the writes of a new account: its row, its id, and the check that its user exists.

    With opening credit the row is put with the first entry applied. The caller's idempotency
    key, if there is one, is put too, so that it opens one account only.
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
    actions = [put_once(row), put_once(named), check(user_key(channel, user_pk), exists(UserRow))]
    if idempotency_key is not None:
        key = opening_key(channel, idempotency_key)
        opened = AccountIdRow(id=key.hash, user_pk=user_pk, currency=account.key.currency)
        actions.append(put_once(opened))
    return actions


def apply_leg(leg: Leg) -> Action:
    """Return the update that adds a leg's amount to its account.

    It is refused when another entry came between, and, unless the leg may overdraw, when
    `available` no longer covers it: an open hold may have taken credit without an entry.
    """
    amount = leg.entry.amount
    condition = AccountRow.seq == leg.before.seq
    if not leg.may_overdraw:
        condition = condition & (AccountRow.available >= -amount)
    changes = [
        AccountRow.available.add(amount),
        AccountRow.seq.set(leg.entry.seq),
        AccountRow.entry_ms.set(leg.entry.at_ms),
        AccountRow.entry_hash.set(leg.entry.hash),
    ]
    return update(account_key(leg.before.key), changes, condition)


def list_keys(
    channel: str, *, prefix: str, limit: int, start: Item | None, deadline: float
) -> tuple[list[AccountKey], Item | None]:
    """Return a page of account keys by currency and account id, and the key to go on from.

    `prefix` is empty, or `TRY#`, or `TRY#` and the start of an account id.
    """
    condition = AccountRow.channel == channel
    if prefix:
        condition = condition & AccountRow.currency_account_id.startswith(prefix)
    items, last = query(
        AccountRow,
        condition,
        index=AccountRow.by_channel.Meta.index_name,
        limit=limit,
        start=start,
        deadline=deadline,
    )
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
    )

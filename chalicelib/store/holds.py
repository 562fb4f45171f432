"""Holds: put once when they are authorised, changed once when they are captured or voided."""

from chalicelib.core.accounts import AccountKey
from chalicelib.core.holds import Hold, HoldState
from chalicelib.store.accounts import account_name, account_named
from chalicelib.store.actions import Action, Item, Key, Rows, put_once, update
from chalicelib.store.requests import query
from chalicelib.store.tables import HoldRow


def hold_key(account: AccountKey, hold_id: str) -> Key[HoldRow]:
    """Return the key of a hold."""
    return Key(HoldRow, account_name(account), hold_id)


def hold_in(rows: Rows, account: AccountKey, hold_id: str) -> Hold | None:
    """Return the hold out of rows that hold its key."""
    row = rows.get(hold_key(account, hold_id))
    return None if row is None else _hold(account, row)


def list_holds(
    account: AccountKey, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[Hold], Item | None]:
    """Return a page of an account's holds by id, ended ones too, and where to go on."""
    items, last = query(
        HoldRow,
        HoldRow.account == account_name(account),
        limit=limit,
        start=start,
        consistent=True,
        deadline=deadline,
    )
    return [_hold(account, HoldRow.from_raw_data(item)) for item in items], last


def put_hold(hold: Hold) -> Action:
    """Return the put of a new hold, refused when its id was used before."""
    return put_once(
        HoldRow(
            account=account_name(hold.account),
            id=hold.id,
            amount=hold.amount,
            captured=hold.captured,
            state=hold.state.value,
            order=hold.order,
            expires_ms=hold.expires_ms,
            created_ms=hold.created_ms,
            by=hold.by,
            ended_ms=hold.ended_ms,
            ended_by=hold.ended_by,
        )
    )


def end_hold(hold: Hold) -> Action:
    """Return the update of a hold that is captured or voided, refused unless it was open."""
    assert hold.ended_ms is not None, "who ends a hold says when"
    assert hold.ended_by is not None, "and who it is"
    changes = [
        HoldRow.state.set(hold.state.value),
        HoldRow.captured.set(hold.captured),
        HoldRow.ended_ms.set(hold.ended_ms),
        HoldRow.ended_by.set(hold.ended_by),
    ]
    if hold.order is not None:
        changes.append(HoldRow.order.set(hold.order))
    key = hold_key(hold.account, hold.id)
    return update(key, changes, HoldRow.state == HoldState.OPEN.value)


def hold_of(item: Item) -> Hold:
    """Return the hold of a row."""
    row = HoldRow.from_raw_data(item)
    return _hold(account_named(row.account), row)


def _hold(account: AccountKey, row: HoldRow) -> Hold:
    state = HoldState(row.state)
    assert state is not HoldState.LAPSED, "a lapse is never stored"
    return Hold(
        account=account,
        id=row.id,
        amount=row.amount,
        captured=row.captured,
        state=state,
        order=row.order,
        expires_ms=row.expires_ms,
        created_ms=row.created_ms,
        by=row.by,
        ended_ms=row.ended_ms,
        ended_by=row.ended_by,
    )

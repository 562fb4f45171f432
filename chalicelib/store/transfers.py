"""Transfers: put once under the caller's id, which is the idempotency key for ever."""

from typing import cast

from chalicelib.core.transfers import Movement, Party, Transfer, TransferKind
from chalicelib.store.accounts import apply_leg
from chalicelib.store.actions import Action, Item, Key, Rows, put_once
from chalicelib.store.entries import put_entry
from chalicelib.store.requests import scan
from chalicelib.store.tables import TransferRow


def transfer_key(channel: str, transfer_id: str) -> Key[TransferRow]:
    """Return the key of a transfer."""
    return Key(TransferRow, f"{channel}#{transfer_id}")


def transfer_in(rows: Rows, channel: str, transfer_id: str) -> Transfer | None:
    """Return the transfer out of rows that hold its key."""
    row = rows.get(transfer_key(channel, transfer_id))
    return None if row is None else _transfer(channel, transfer_id, row)


def put_transfer(transfer: Transfer) -> Action:
    """Return the put of a new transfer, refused when its id was used before."""
    return put_once(
        TransferRow(
            id=f"{transfer.channel}#{transfer.id}",
            kind=transfer.kind,
            source=transfer.source.account_id,
            source_user_pk=transfer.source.user_pk,
            source_balance_after=transfer.source.balance_after,
            target=transfer.target.account_id,
            target_user_pk=transfer.target.user_pk,
            target_balance_after=transfer.target.balance_after,
            currency=transfer.currency,
            amount=transfer.amount,
            note=transfer.note,
            order=transfer.order,
            at_ms=transfer.at_ms,
            by=transfer.by,
        )
    )


def scan_transfers(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[Transfer], Item | None]:
    """Return the channel's among the next `limit` transfers, and the key to go on from."""
    mine = f"{channel}#"
    items, last = scan(
        TransferRow, TransferRow.id.startswith(mine), limit=limit, start=start, deadline=deadline
    )
    rows = [TransferRow.from_raw_data(item) for item in items]
    return [_transfer(channel, row.id.removeprefix(mine), row) for row in rows], last


def post(movement: Movement) -> list[Action]:
    """Return everything a movement writes: accounts, entries and the transfer."""
    return [
        *(apply_leg(leg) for leg in movement.legs),
        *(put_entry(leg.entry) for leg in movement.legs),
        put_transfer(movement.transfer),
    ]


def _transfer(channel: str, transfer_id: str, row: TransferRow) -> Transfer:
    return Transfer(
        channel=channel,
        id=transfer_id,
        kind=cast("TransferKind", row.kind),
        source=Party(row.source, row.source_user_pk, row.source_balance_after),
        target=Party(row.target, row.target_user_pk, row.target_balance_after),
        currency=row.currency,
        amount=row.amount,
        note=row.note,
        order=row.order,
        at_ms=row.at_ms,
        by=row.by,
    )

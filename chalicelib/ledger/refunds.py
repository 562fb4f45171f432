"""Give back what credit paid: an order, or a captured hold, in parts and never beyond it."""

from chalicelib.auth import Call
from chalicelib.core import transfers as rules
from chalicelib.core.accounts import AccountKey
from chalicelib.core.errors import UnknownHold, UnknownOrder
from chalicelib.core.money import parse_amount
from chalicelib.core.names import to_ms
from chalicelib.core.refunds import Sale, check_refund
from chalicelib.core.transfers import Transfer, Wanted, capture_id, order_id
from chalicelib.ledger.required import require_account, require_channel
from chalicelib.store.accounts import account_key
from chalicelib.store.actions import AnyKey, Rows
from chalicelib.store.holds import hold_in, hold_key
from chalicelib.store.orders import order_in, order_key
from chalicelib.store.refunds import add_refund, refund_key, refunded_in
from chalicelib.store.requests import Commit, Replay, Settled, settle
from chalicelib.store.settings import channel_key
from chalicelib.store.transfers import post, transfer_in, transfer_key


def refund_order(
    call: Call, channel: str, reference: str, refund: str, *, amount: str
) -> Settled[Transfer]:
    """Give back a part of what credit paid for an order, once for ever under this id.

    Raises `InvalidAmount`, `UnknownChannel`, `UnknownOrder`, `RefundExceedsPayment` or
    `IdConflict`.
    """
    keys: list[AnyKey] = [channel_key(channel), order_key(channel, reference)]
    stored_key = transfer_key(channel, rules.refund_id(order_id(reference), refund))

    def decide(rows: Rows) -> Replay[Sale | Transfer]:
        order = order_in(rows, channel, reference)
        if order is None:
            require_channel(rows, channel)
            raise UnknownOrder
        account = AccountKey(channel, order.user_pk, order.currency)
        sale = Sale(account, order_id(reference), order.loyalty, reference)
        return Replay(_refunded_before(rows, sale, refund, amount) or sale)

    found = settle(decide, [*keys, stored_key], deadline=call.deadline).answer
    if isinstance(found, Transfer):
        return Settled(found, written=False)
    return _refund(call, found, refund, amount)


def refund_hold(
    call: Call, key: AccountKey, hold_id: str, refund: str, *, amount: str
) -> Settled[Transfer]:
    """Give back a part of what a hold's capture took, once for ever under this id.

    Raises `InvalidAmount`, `UnknownChannel`, `UnknownAccount`, `UnknownHold`,
    `RefundExceedsPayment` or `IdConflict`.
    """

    def decide(rows: Rows) -> Replay[Sale]:
        account = require_account(rows, key, to_ms(call.now))
        hold = hold_in(rows, key, hold_id)
        if hold is None:
            raise UnknownHold
        sale_id = capture_id(account.account_id, hold_id)
        sale = Sale(key, sale_id, hold.captured, hold.order)
        if not sale.amount:
            # It may be a stale read of a hold that was captured since: here it is read again.
            check_refund(sale, 0, parse_amount(amount, key.currency))
        return Replay(sale)

    keys: list[AnyKey] = [channel_key(key.channel), account_key(key), hold_key(key, hold_id)]
    sale = settle(decide, keys, deadline=call.deadline).answer
    return _refund(call, sale, refund, amount)


def _refund(call: Call, sale: Sale, refund: str, amount: str) -> Settled[Transfer]:
    key = sale.account
    minor = parse_amount(amount, key.currency)
    refund_id = rules.refund_id(sale.sale_id, refund)
    wanted = Wanted(key.channel, refund_id, minor, None, call.by, sale.order)

    def decide(rows: Rows) -> Commit[Transfer] | Replay[Transfer]:
        stored = _refunded_before(rows, sale, refund, amount)
        if stored is not None:
            return Replay(stored)
        check_refund(sale, refunded_in(rows, key.channel, sale.sale_id), minor)
        now_ms = to_ms(call.now)
        movement = rules.refund(require_account(rows, key, now_ms), wanted, now_ms)
        return Commit([*post(movement), add_refund(sale, minor)], movement.transfer)

    keys: list[AnyKey] = [
        channel_key(key.channel),
        transfer_key(key.channel, refund_id),
        account_key(key),
        refund_key(key.channel, sale.sale_id),
    ]
    return settle(decide, keys, deadline=call.deadline)


def _refunded_before(rows: Rows, sale: Sale, refund: str, amount: str) -> Transfer | None:
    """Return the refund if it was made before. Raises `IdConflict` for another amount."""
    channel, currency = sale.account.channel, sale.account.currency
    refund_id = rules.refund_id(sale.sale_id, refund)
    stored = transfer_in(rows, channel, refund_id)
    if stored is not None:
        wanted = Wanted(channel, refund_id, parse_amount(amount, currency), None, by=stored.by)
        rules.check_replay(stored, "refund", wanted, same_parties=True)
    return stored

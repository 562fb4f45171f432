"""Audit the books of a channel, page by page, and keep and read the reports.

Each function here goes on from where it is told and keeps nothing between pages: whoever audits
remembers the entries seen, so that an audit may be interrupted. Traffic may go on meanwhile: an
account is judged as of the moment its row is read, and what is younger than `as_of_ms` is not
laid beside anything else. What may be in flight between two reads is read again at one moment.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.auth import Call
from chalicelib.core import audit as rules
from chalicelib.core.accounts import Account, AccountKey, Entry, OpenHold
from chalicelib.core.audit import Fault, Flows, OwnedEntry, Report
from chalicelib.core.audit_account import Chain, Standing, check_hold
from chalicelib.core.errors import NoAudit
from chalicelib.core.names import to_ms
from chalicelib.core.transfers import Transfer
from chalicelib.ledger.required import require_channel
from chalicelib.store.accounts import account_key, account_row_in, list_places, read_standings
from chalicelib.store.actions import AnyKey, Item, Rows
from chalicelib.store.audits import audit_key, last_report, put_audit
from chalicelib.store.entries import list_oldest
from chalicelib.store.holds import hold_key
from chalicelib.store.pages import Page, all_rows, pages
from chalicelib.store.refunds import refund_key, refunded_in, scan_refunds
from chalicelib.store.requests import Commit, Replay, batch_get, settle, transact_get
from chalicelib.store.settings import channel_in, channel_key, scan_channels
from chalicelib.store.transfers import scan_transfers, transfer_in, transfer_key

Calls = Callable[[], Call]
"""Makes the call by which one request is sent, so that each has a deadline of its own."""

ACCOUNTS_A_PAGE = 50
ENTRIES_A_PAGE = 1000
ROWS_A_SCAN = 2000
SALES_A_PAGE = 40
KEYS_A_READ = 100


@dataclass(frozen=True, slots=True)
class AuditedAccount:
    """What the audit of one account found; the next begins after `place`."""

    place: Item
    currency: str
    entries: int
    holds: int
    flows: Flows
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class AuditedTransfers:
    """A page of transfers that were laid beside their entries; `last` is where to go on."""

    ids: list[str]
    last: Item | None
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class AuditedRefunds:
    """A page of payments whose refunds were added up; `last` is where to go on."""

    sales: list[str]
    last: Item | None
    faults: list[Fault]


def list_channels(calls: Calls) -> list[str]:
    """Return every channel, in order."""
    return sorted(all_rows(lambda start: scan_channels(start=start, deadline=calls().deadline)))


def made_ms(call: Call, channel: str) -> int:
    """Return when a channel was made, in milliseconds. Raises `UnknownChannel`."""
    rows = batch_get([channel_key(channel)], deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    found = channel_in(rows, channel)
    assert found is not None, "a channel was required"
    return found.created_ms


# --- accounts -------------------------------------------------------------------------------


def audit_accounts(
    calls: Calls,
    channel: str,
    *,
    as_of_ms: int,
    start: Item | None,
    keep: Callable[[Sequence[OwnedEntry]], None],
) -> Iterator[AuditedAccount]:
    """Yield each account after `start` with its faults, once `keep` got all of its entries."""
    while True:
        places, start = list_places(
            channel, limit=ACCOUNTS_A_PAGE, start=start, deadline=calls().deadline
        )
        standings = read_standings(channel, places, deadline=calls().deadline)
        by_id = {(s.account.key.currency, s.listed_id): s for s in standings}
        for place in places:
            currency, _, listed_id = place["currency_account_id"]["S"].partition("#")
            standing = by_id.get((currency, listed_id))
            if standing is None:
                continue
            try:
                audited = _audit_account(calls, place, standing, as_of_ms, keep)
            except (TypeError, ValueError) as error:
                error.add_note(f"A row of the account {listed_id} ({currency}) cannot be read.")
                raise
            yield audited
        if start is None:
            return


def _audit_account(
    calls: Calls,
    place: Item,
    standing: Standing,
    as_of_ms: int,
    keep: Callable[[Sequence[OwnedEntry]], None],
) -> AuditedAccount:
    account = standing.account
    chain = Chain(standing, as_of_ms)
    for entries in _pages_of(calls, account.key):
        counted = [chain.add(entry) for entry in entries]
        keep([owned for owned in counted if owned is not None])
    faults = chain.end(_seq_now(calls, account, chain))
    faults += _audit_holds(calls, account)
    return AuditedAccount(
        place=place,
        currency=account.key.currency,
        entries=chain.count,
        holds=len(account.open_holds),
        flows=chain.flows,
        faults=faults,
    )


def _seq_now(calls: Calls, account: Account, chain: Chain) -> int:
    """Return how many entries the row counts; it is read again where there were more."""
    if not chain.beyond:
        return account.seq
    rows = batch_get([account_key(account.key)], deadline=calls().deadline, consistent=True)
    fresh = account_row_in(rows, account.key)
    return account.seq if fresh is None else fresh.seq


def _audit_holds(calls: Calls, account: Account) -> list[Fault]:
    faults: list[Fault] = []
    holds = account.open_holds
    for first in range(0, len(holds), KEYS_A_READ):
        chunk = holds[first : first + KEYS_A_READ]
        keys = [hold_key(account.key, hold.id) for hold in chunk]
        rows = batch_get(keys, deadline=calls().deadline, consistent=True)
        for hold in chunk:
            if _hold_faults(rows, account, hold):
                faults += _audit_hold_again(calls, account.key, hold.id)
    return faults


def _audit_hold_again(calls: Calls, key: AccountKey, hold_id: str) -> list[Fault]:
    """Return what is wrong with a hold at one moment: it may have ended between two reads."""
    rows = transact_get([account_key(key), hold_key(key, hold_id)], deadline=calls().deadline)
    account = account_row_in(rows, key)
    holds = () if account is None else account.open_holds
    return [
        fault
        for hold in holds
        if hold.id == hold_id and account is not None
        for fault in _hold_faults(rows, account, hold)
    ]


def _hold_faults(rows: Rows, account: Account, hold: OpenHold) -> list[Fault]:
    row = rows.get(hold_key(account.key, hold.id))
    if row is None:
        return check_hold(account, hold, None, "absent")
    return check_hold(account, hold, OpenHold(row.id, row.amount, row.expires_ms), row.state)


# --- transfers ------------------------------------------------------------------------------


def audit_transfers(
    calls: Calls,
    channel: str,
    *,
    as_of_ms: int,
    start: Item | None,
    entries_of: Callable[[Sequence[str]], Mapping[str, Sequence[OwnedEntry]]],
) -> Iterator[AuditedTransfers]:
    """Yield the channel's transfers after `start`, page by page, with their faults.

    `entries_of` returns what entries were seen that name a transfer, by its id.
    """
    while True:
        transfers, start = scan_transfers(
            channel, limit=ROWS_A_SCAN, start=start, deadline=calls().deadline
        )
        ids = [transfer.id for transfer in transfers]
        seen = entries_of(ids)
        settled = [t for t in transfers if rules.is_settled(t, seen.get(t.id, ()), as_of_ms)]
        faults = [f for t in settled for f in rules.check_transfer(t, seen.get(t.id, ()))]
        yield AuditedTransfers(ids, start, faults + _audit_reversals(calls, channel, settled))
        if start is None:
            return


def _audit_reversals(calls: Calls, channel: str, transfers: Sequence[Transfer]) -> list[Fault]:
    undone = {t.id: (t, of) for t in transfers if (of := rules.undone_by(t)) is not None}
    originals = _read_transfers(calls, channel, [of for _, of in undone.values()])
    return [f for t, of in undone.values() for f in rules.check_reversal(t, originals[of])]


def _read_transfers(calls: Calls, channel: str, ids: Sequence[str]) -> dict[str, Transfer | None]:
    found: dict[str, Transfer | None] = {}
    unique = sorted(set(ids))
    for first in range(0, len(unique), KEYS_A_READ):
        chunk = unique[first : first + KEYS_A_READ]
        keys = [transfer_key(channel, transfer_id) for transfer_id in chunk]
        rows = batch_get(keys, deadline=calls().deadline, consistent=True)
        found |= {transfer_id: transfer_in(rows, channel, transfer_id) for transfer_id in chunk}
    return found


# --- refunds --------------------------------------------------------------------------------

RefundsSeen = Callable[[Sequence[str]], Mapping[str, Sequence[int]]]
"""Returns the amounts of the refunds' entries that were seen, by the payment's id."""


def audit_refunds(
    calls: Calls, channel: str, *, start: Item | None, seen_of: RefundsSeen
) -> Iterator[AuditedRefunds]:
    """Yield the payments after `start` of which something counts as refunded, with faults."""
    while True:
        sales, start = scan_refunds(
            channel, limit=SALES_A_PAGE, start=start, deadline=calls().deadline
        )
        yield AuditedRefunds(sales, start, audit_sales(calls, channel, sales, seen_of))
        if start is None:
            return


def audit_sales(
    calls: Calls, channel: str, sales: Sequence[str], seen_of: RefundsSeen
) -> list[Fault]:
    """Return what is wrong with the refunds of some payments: up to 100."""
    if not sales:
        return []
    payments = _read_transfers(calls, channel, sales)
    keys: list[AnyKey] = [refund_key(channel, sale_id) for sale_id in sales]
    rows = batch_get(keys, deadline=calls().deadline, consistent=True)
    seen = seen_of(sales)
    faults: list[Fault] = []
    for sale_id in sales:
        payment = payments[sale_id]
        if _refund_faults(rows, channel, sale_id, payment, seen.get(sale_id, ())):
            faults += _audit_sale_again(calls, channel, sale_id, payment)
    return faults


def _audit_sale_again(
    calls: Calls, channel: str, sale_id: str, payment: Transfer | None
) -> list[Fault]:
    """Return what is wrong with a payment's refunds at one moment: one may have come between."""
    keys: list[AnyKey] = [refund_key(channel, sale_id)]
    key = None
    if payment is not None and payment.source.user_pk is not None:
        key = AccountKey(channel, payment.source.user_pk, payment.currency)
        keys.append(account_key(key))
    rows = transact_get(keys, deadline=calls().deadline)
    account = None if key is None else account_row_in(rows, key)
    amounts = [] if account is None else _refunds_by_entries(calls, account, sale_id)
    return _refund_faults(rows, channel, sale_id, payment, amounts)


def _refunds_by_entries(calls: Calls, account: Account, sale_id: str) -> list[int]:
    """Return the amounts of a payment's refunds among the entries that the row counts."""
    amounts: list[int] = []
    for entries in _pages_of(calls, account.key):
        counted = [entry for entry in entries if entry.seq <= account.seq]
        amounts += [entry.amount for entry in counted if rules.sale_of(entry) == sale_id]
        if len(counted) < len(entries):
            break
    return amounts


def _pages_of(calls: Calls, account: AccountKey) -> Iterator[list[Entry]]:
    """Yield an account's entries, the oldest first, a page at a time."""

    def page(start: Item | None) -> Page[Entry, Item]:
        deadline = calls().deadline
        return list_oldest(account, limit=ENTRIES_A_PAGE, start=start, deadline=deadline)

    return pages(page)


def _refund_faults(
    rows: Rows,
    channel: str,
    sale_id: str,
    payment: Transfer | None,
    by_entries: Sequence[int],
) -> list[Fault]:
    shown = rows.shows(refund_key(channel, sale_id))
    refunded = refunded_in(rows, channel, sale_id) if shown else None
    return rules.check_refunds(sale_id, payment, refunded=refunded, by_entries=by_entries)


# --- reports --------------------------------------------------------------------------------


def keep_audit(call: Call, report: Report) -> None:
    """Keep the report of a finished audit for ever, under the time that it was finished."""
    at_ms = to_ms(datetime.datetime.fromisoformat(report.finished_at))
    key = audit_key(report.channel, at_ms)

    def decide(rows: Rows) -> Commit[None] | Replay[None]:
        if rows.shows(key):
            return Replay(None)
        return Commit([put_audit(report.channel, at_ms, report.model_dump_json())], None)

    settle(decide, [key], deadline=call.deadline)


def read_audit(call: Call, channel: str) -> Report:
    """Return the last report. Raises `UnknownChannel` or `NoAudit`."""
    text = last_report(channel, deadline=call.deadline)
    if text is None:
        rows = batch_get([channel_key(channel)], deadline=call.deadline, consistent=True)
        require_channel(rows, channel)
        raise NoAudit
    return Report.model_validate_json(text)

"""The audit of one account: its row, followed through its entries, and its open holds. Pure."""

from dataclasses import dataclass

from chalicelib.core.accounts import (
    FIRST_HASH,
    HOUSE_BANK,
    MAX_OPEN_HOLDS,
    Account,
    AccountKey,
    Entry,
    OpenHold,
    entry_hash,
    total,
)
from chalicelib.core.audit import Fault, FaultKind, Flows, OwnedEntry, money
from chalicelib.core.currencies import DIGITS
from chalicelib.core.names import time_text
from chalicelib.core.transfers import opening_id


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's row as it was read, holds that lapsed included, and what names it.

    `listed_id` is the account id in the index, `named` whose account the id's own row says.
    """

    account: Account
    digits: int
    listed_id: str
    named: AccountKey | None


def account_where(account: Account) -> str:
    """Return how a fault names an account."""
    return f"account {account.account_id} ({account.key.user_pk}, {account.key.currency})"


class Chain:
    """Follows an account's entries, the oldest first, up to the `seq` of its row.

    `flows` and `count` are of the entries so far; `beyond` is the greatest number after `seq`.
    """

    def __init__(self, standing: Standing, as_of_ms: int) -> None:
        """Begin before the first entry; flows count entries up to `as_of_ms`."""
        self._account = standing.account
        self._as_of_ms = as_of_ms
        self._faults = check_row(standing)
        self._missing: list[tuple[int, int]] = []
        self._expected = 1
        self._last: Entry | None = None
        self._sum = 0
        self.flows = Flows()
        self.count = 0
        self.beyond = 0

    def add(self, entry: Entry) -> OwnedEntry | None:
        """Take the next entry in order of time; return it, or None if it is beyond the row."""
        if entry.seq > self._account.seq:
            self.beyond = max(self.beyond, entry.seq)
            return None
        self._check_number(entry)
        self._check_opening(entry)
        self._last = entry
        self._sum += entry.amount
        self.count += 1
        if entry.at_ms <= self._as_of_ms:
            self.flows = self.flows.with_entry(entry)
        return OwnedEntry(self._account.account_id, entry)

    def end(self, seq_now: int) -> list[Fault]:
        """Return all faults, now that all entries are taken.

        `seq_now` is what the row says after they were read: what is beyond even that was never
        written with it.
        """
        account = self._account
        if self._expected <= account.seq:
            self._missing.append((self._expected, account.seq))
        for first, last in self._missing:
            which = f"entry {first} is" if first == last else f"entries {first} to {last} are"
            self._fault(FaultKind.ENTRY_MISSING, f"Of {account.seq} entries, {which} missing.")
        if self.beyond > seq_now:
            self._fault(
                FaultKind.ENTRY_BEYOND,
                f"The account counts {seq_now} entries, but there is an entry {self.beyond}.",
            )
        self._check_last()
        self._check_balance()
        return self._faults

    def _check_number(self, entry: Entry) -> None:
        """Check the entry's place, and where its predecessor is known, what follows from it."""
        if entry.seq == self._expected:
            self._check_link(entry)
        elif entry.seq > self._expected:
            self._missing.append((self._expected, entry.seq - 1))
        elif self._fill(entry.seq):
            self._fault(
                FaultKind.ENTRY_OUT_OF_TIME,
                f"Entry {entry.seq} bears the time {time_text(entry.at_ms)}, which is later than "
                "that of an entry with a greater number.",
            )
        else:
            self._fault(
                FaultKind.ENTRY_REPEATED,
                f"There is a second entry {entry.seq}, at {time_text(entry.at_ms)}.",
            )
        self._expected = max(self._expected, entry.seq + 1)

    def _fill(self, seq: int) -> bool:
        """Take a number out of the missing ones; return whether it was among them."""
        for place, (first, last) in enumerate(self._missing):
            if first <= seq <= last:
                rest = [(first, seq - 1), (seq + 1, last)]
                self._missing[place : place + 1] = [(a, b) for a, b in rest if a <= b]
                return True
        return False

    def _check_link(self, entry: Entry) -> None:
        before, currency = self._last, self._account.key.currency
        balance = 0 if before is None else before.balance_after
        if entry.balance_after != balance + entry.amount:
            self._fault(
                FaultKind.ENTRY_BALANCE,
                f"Entry {entry.seq} of {money(entry.amount, currency)} follows a balance of "
                f"{money(balance, currency)}, so the balance after it must be "
                f"{money(balance + entry.amount, currency)}; it says "
                f"{money(entry.balance_after, currency)}.",
            )
        expected = entry_hash(entry, FIRST_HASH if before is None else before.hash)
        if entry.hash != expected:
            self._fault(
                FaultKind.ENTRY_HASH,
                f"The hash of entry {entry.seq} must be {expected}; it is {entry.hash}.",
            )

    def _check_opening(self, entry: Entry) -> None:
        account, currency = self._account, self._account.key.currency
        opens = entry.seq == 1 and account.opening.balance != 0
        if not opens and entry.kind != "opening":
            return
        expected = (
            ("opening", account.opening.balance, HOUSE_BANK, opening_id(account.account_id))
            if opens
            else None
        )
        if (entry.kind, entry.amount, entry.counterparty, entry.transfer_id) != expected:
            self._fault(
                FaultKind.OPENING,
                f"The account was opened with {money(account.opening.balance, currency)}; entry "
                f"{entry.seq} is of kind {entry.kind} and brings {money(entry.amount, currency)} "
                f"from {entry.counterparty} by {entry.transfer_id}.",
            )

    def _check_last(self) -> None:
        account, last = self._account, self._last
        if account.seq == 0 and account.opening.balance:
            opened = money(account.opening.balance, account.key.currency)
            self._fault(
                FaultKind.OPENING, f"The account was opened with {opened} and has no entry."
            )
        if last is not None and last.seq != account.seq:
            return  # The last entry is missing, which is said already.
        last_hash = FIRST_HASH if last is None else last.hash
        last_ms = account.created_ms if last is None else last.at_ms
        if account.entry_hash != last_hash:
            self._fault(
                FaultKind.LAST_HASH,
                f"The account ends with the hash {_or_none(account.entry_hash)}, its last entry "
                f"with {_or_none(last_hash)}.",
            )
        if account.entry_ms != last_ms:
            self._fault(
                FaultKind.LAST_TIME,
                f"The account was last written to at {time_text(account.entry_ms)}, but its last "
                f"entry is of {time_text(last_ms)}.",
            )

    def _check_balance(self) -> None:
        if self._account.balance != self._sum:
            currency = self._account.key.currency
            self._fault(
                FaultKind.BALANCE,
                f"The balance is {money(self._account.balance, currency)}, but the entries add up "
                f"to {money(self._sum, currency)}.",
            )

    def _fault(self, kind: FaultKind, detail: str) -> None:
        where = account_where(self._account)
        self._faults.append(Fault(kind=kind, where=where, detail=detail))


def check_row(standing: Standing) -> list[Fault]:
    """Return what is wrong with an account's row by itself, and with the row of its id."""
    account, currency = standing.account, standing.account.key.currency
    found: dict[FaultKind, str] = {}
    if standing.listed_id != account.account_id or standing.named != account.key:
        found[FaultKind.ACCOUNT_ID] = (
            f"The account is listed as {standing.listed_id}, and the id {account.account_id} "
            f"names {_owner(standing.named)}; both must be this account."
        )
    if standing.digits != DIGITS.get(currency):
        found[FaultKind.DIGITS] = (
            f"The account counts {currency} with {standing.digits} decimal digits; "
            f"ISO 4217 says {DIGITS.get(currency, 'that there is no such currency')}."
        )
    if account.held != total(account.open_holds):
        found[FaultKind.HELD] = (
            f"{money(account.held, currency)} is held, but the open holds add up to "
            f"{money(total(account.open_holds), currency)}."
        )
    if len(account.open_holds) > MAX_OPEN_HOLDS:
        found[FaultKind.TOO_MANY_HOLDS] = (
            f"{len(account.open_holds)} holds are open; there may be {MAX_OPEN_HOLDS}."
        )
    if account.available < 0 and not account.debit_allowed:
        found[FaultKind.OVERDRAWN] = (
            f"{money(account.available, currency)} is available, though debit is not allowed."
        )
    where = account_where(account)
    return [Fault(kind=kind, where=where, detail=detail) for kind, detail in found.items()]


def check_hold(
    account: Account, hold: OpenHold, stored: OpenHold | None, state: str
) -> list[Fault]:
    """Return what is wrong between a hold on its account's row and its own row."""
    where = f"hold {hold.id} of {account_where(account)}"
    on_account = _hold_text(hold, account.key.currency)
    if stored is None:
        detail = f"The account keeps {on_account} for it, but the hold has no row of its own."
        return [Fault(kind=FaultKind.HOLD_MISSING, where=where, detail=detail)]
    if (stored, state) == (hold, "open"):
        return []
    own = _hold_text(stored, account.key.currency)
    detail = f"The account keeps {on_account} for it; its own row is {state} with {own}."
    return [Fault(kind=FaultKind.HOLD_DIFFERS, where=where, detail=detail)]


def _hold_text(hold: OpenHold, currency: str) -> str:
    limit = "without a limit" if hold.expires_ms is None else f"until {time_text(hold.expires_ms)}"
    return f"{money(hold.amount, currency)} {limit}"


def _owner(key: AccountKey | None) -> str:
    return "no account" if key is None else f"the account of {key.user_pk} in {key.currency}"


def _or_none(value: str) -> str:
    return value or "none"

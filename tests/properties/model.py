"""What the ledger must answer and hold, by plain dictionaries.

Each verb returns the word that a call must be answered with, and moves the model as the call must
move the ledger. It knows nothing of sequence numbers, retries or transactions, and imports nothing
of the code under test. Amounts are minor units, times are seconds since the shop opened.

A hold lies on its account until it is captured or voided, or until somebody writes the account at
its limit or later: such a write takes it off for good. A read at its limit or later only counts it
as available, so that an earlier clock may still find it open.
"""

from dataclasses import dataclass, field

DONE = "done"
AGAIN = "again"
"""The two words of success; every other word is the code of a refusal."""

MAX_OPEN_HOLDS = 8

Key = tuple[str, str]
"""A user and a currency."""

HoldKey = tuple[Key, str]


@dataclass
class Account:
    """What an account must hold: `kept` are the holds on it, each an amount and a limit."""

    balance: int
    debit: bool
    keyed: bool
    moved: bool = False
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember what it was opened with."""
        self.opening = (self.balance, self.debit)
        self.moved = bool(self.balance)

    def open_at(self, at: int) -> dict[str, int]:
        """Return the holds that count as open at a time, by name."""
        return {name: amount for name, (amount, limit) in self.kept.items() if limit > at}

    def held(self, at: int) -> int:
        """Return what holds keep at a time."""
        return sum(self.open_at(at).values())

    def available(self, at: int) -> int:
        """Return what can be spent at a time."""
        return self.balance - self.held(at)

    def covers(self, amount: int, at: int) -> bool:
        """Return whether the account may give the amount."""
        return self.debit or self.available(at) >= amount

    def write(self, at: int, change: int = 0) -> None:
        """Write the account: whatever has lapsed by this clock is off it for good."""
        self.kept = {name: hold for name, hold in self.kept.items() if hold[1] > at}
        self.balance += change


@dataclass
class Hold:
    """What must be known of a hold for ever; whether an open one has lapsed, its account says."""

    amount: int
    life: int
    state: str = "open"
    captured: int = 0
    order: str | None = None


@dataclass(frozen=True)
class Move:
    """A transfer or an adjustment that was made; the side of BANK has no name."""

    kind: str
    giver: str | None
    taker: str | None
    currency: str
    amount: int
    note: str | None


@dataclass
class Payment:
    """What credit paid by an order or a hold, and what was given back, by the refund's name."""

    payer: Key
    paid_by: str | HoldKey
    amount: int
    refunds: dict[str, int] = field(default_factory=dict)


def account_id_of(key: Key) -> str:
    """Return the id that an account is opened under."""
    return "-".join(key).lower()


class Ledger:
    """All accounts and everything that happened to them. `kinds` names every movement."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.registered: set[str] = set()
        self.accounts: dict[Key, Account] = {}
        self.kinds: dict[str, str] = {}
        self.moves: dict[str, Move] = {}
        self.holds: dict[HoldKey, Hold] = {}
        self.payments: dict[str, Payment] = {}

    def open_account(self, key: Key, opening: int, *, debit: bool, keyed: bool) -> str:
        """Open an account, with an idempotency key of its own where it is `keyed`."""
        if key[0] not in self.registered:
            return "unknown_user"
        found = self.accounts.get(key)
        if found is not None and keyed and found.keyed:
            return AGAIN if found.opening == (opening, debit) else "id_conflict"
        if found is not None:
            return "account_exists"
        self.accounts[key] = Account(opening, debit, keyed)
        if opening:
            self.kinds[f"open:{account_id_of(key)}"] = "opening"
        return DONE

    # --- what moves credit ------------------------------------------------------------------

    def send(self, name: str, pair: Key, currency: str, amount: int, at: int) -> str:
        """Transfer from the first of a pair of users to the second."""
        giver, taker = pair
        if giver == taker:
            return "same_account"
        wanted = Move("transfer", giver, taker, currency, amount, None)
        if name in self.moves:
            return AGAIN if self.moves[name] == wanted else "id_conflict"
        source, target = (self.accounts.get((user, currency)) for user in pair)
        if source is None or target is None:
            return "unknown_account"
        if not source.moved:
            return "source_without_entries"
        if not source.covers(amount, at):
            return "insufficient_credit"
        return self._make(name, wanted, at)

    def adjust(self, name: str, key: Key, change: int, reason: str, at: int) -> str:
        """Give credit out of BANK, or take it back there."""
        user, currency = key
        giver, taker = (None, user) if change > 0 else (user, None)
        wanted = Move("adjust", giver, taker, currency, abs(change), reason)
        if name in self.moves:
            return AGAIN if self.moves[name] == wanted else "id_conflict"
        account = self.accounts.get(key)
        if account is None:
            return "unknown_account"
        if change < 0 and not account.covers(-change, at):
            return "insufficient_credit"
        return self._make(name, wanted, at)

    def reverse(self, original: str, at: int) -> str:
        """Move a transfer or an adjustment back, once."""
        name = f"reversal:{original}"
        if name in self.kinds:
            return AGAIN
        if original not in self.kinds:
            return "unknown_transfer"
        if original not in self.moves:
            return "not_reversible"
        move = self.moves[original]
        if move.taker is not None:
            received = self.accounts[move.taker, move.currency]
            if not received.covers(move.amount, at):
                return "insufficient_credit"
        self._move(name, Move("reversal", move.taker, move.giver, *_what(move)), at)
        return DONE

    def _make(self, name: str, move: Move, at: int) -> str:
        self.moves[name] = move
        self._move(name, move, at)
        return DONE

    def _move(self, name: str, move: Move, at: int) -> None:
        self.kinds[name] = move.kind
        for user, change in ((move.giver, -move.amount), (move.taker, move.amount)):
            if user is not None:
                account = self.accounts[user, move.currency]
                account.write(at, change)
                account.moved = True

    # --- holds ------------------------------------------------------------------------------

    def hold(self, which: HoldKey, amount: int, life: int, at: int, *, on: bool = True) -> str:
        """Authorise a hold; `on` says whether the feature is."""
        key, name = which
        found, account = self.holds.get(which), self.accounts.get(key)
        if found is not None:
            return AGAIN if (found.amount, found.life) == (amount, life) else "id_conflict"
        if account is None:
            return "unknown_account"
        if not on:
            return "loyalty_disabled"
        if len(account.open_at(at)) >= MAX_OPEN_HOLDS:
            return "too_many_holds"
        if account.available(at) < amount:
            return "insufficient_credit"
        account.write(at)
        account.kept[name] = (amount, at + life)
        self.holds[which] = Hold(amount, life)
        return DONE

    def capture(self, which: HoldKey, part: int | None, order: str | None, at: int) -> str:
        """Capture a part of a hold, or all of it, and free the rest."""
        found = self.holds.get(which)
        if found is None:
            return self._nothing(which)
        amount = found.amount if part is None else part
        if (found.state, found.captured, found.order) == ("captured", amount, order):
            return AGAIN
        state = self.state_of(which, at)
        if state != "open":
            return f"hold_{state}"
        if amount > found.amount:
            return "capture_exceeds_hold"
        found.state, found.captured, found.order = "captured", amount, order
        key, name = which
        sale = sale_of(which)
        self._move(sale, Move("capture", key[0], None, key[1], amount, None), at)
        del self.accounts[key].kept[name]
        self.payments[sale] = Payment(key, which, amount)
        return DONE

    def void(self, which: HoldKey, at: int) -> str:
        """Void a hold."""
        found = self.holds.get(which)
        if found is None:
            return self._nothing(which)
        state = self.state_of(which, at)
        if state == "voided":
            return AGAIN
        if state != "open":
            return f"hold_{state}"
        found.state = "voided"
        key, name = which
        self.accounts[key].write(at)
        del self.accounts[key].kept[name]
        return DONE

    def state_of(self, which: HoldKey, at: int) -> str:
        """Return how a hold stands at a time, by its account."""
        key, name = which
        found = self.holds[which]
        if found.state == "open" and name not in self.accounts[key].open_at(at):
            return "lapsed"
        return found.state

    def _nothing(self, which: HoldKey) -> str:
        return "unknown_hold" if which[0] in self.accounts else "unknown_account"

    # --- payments and refunds ---------------------------------------------------------------

    def pay(self, reference: str, key: Key, amount: int, at: int) -> None:
        """Pay an order that nothing speaks against."""
        user, currency = key
        sale = f"order:{reference}"
        self._move(sale, Move("order", user, None, currency, amount, None), at)
        self.payments[sale] = Payment(key, reference, amount)

    def refund_order(self, reference: str, name: str, amount: int, at: int) -> str:
        """Give back a part of what credit paid for an order."""
        sale = f"order:{reference}"
        payment = self.payments.get(sale)
        return "unknown_order" if payment is None else self._refund(sale, name, amount, at)

    def refund_hold(self, which: HoldKey, name: str, amount: int, at: int) -> str:
        """Give back a part of a capture."""
        found = self.holds.get(which)
        if found is None:
            return self._nothing(which)
        if not found.captured:
            return "refund_exceeds_payment"
        return self._refund(sale_of(which), name, amount, at)

    def _refund(self, sale: str, name: str, amount: int, at: int) -> str:
        payment = self.payments[sale]
        if name in payment.refunds:
            return AGAIN if payment.refunds[name] == amount else "id_conflict"
        if sum(payment.refunds.values()) + amount > payment.amount:
            return "refund_exceeds_payment"
        payment.refunds[name] = amount
        user, currency = payment.payer
        self._move(f"refund:{sale}:{name}", Move("refund", None, user, currency, amount, None), at)
        return DONE


def sale_of(which: HoldKey) -> str:
    """Return the name of the movement that captures a hold."""
    key, name = which
    return f"capture:{account_id_of(key)}:{name}"


def _what(move: Move) -> tuple[str, int, None]:
    return move.currency, move.amount, None

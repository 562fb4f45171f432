"""A hold: credit that is authorised and not yet captured, within a time limit.

An open hold lies on its account's row, where the limit is judged by every read; its own row
keeps what became of it. A hold that lapsed writes nothing.
"""

import enum
from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.core.accounts import (
    MAX_OPEN_HOLDS,
    Account,
    AccountKey,
    OpenHold,
    open_hold_of,
)
from chalicelib.core.errors import (
    CaptureExceedsHold,
    HoldCaptured,
    HoldLapsed,
    HoldVoided,
    IdConflict,
    InsufficientCredit,
    TooManyHolds,
)
from chalicelib.core.money import format_amount
from chalicelib.core.names import time_text

DEFAULT_LIFE_S: Final = 7 * 24 * 60 * 60
"""How long a hold lasts if the caller does not say: a week, as card authorisations do."""

MAX_LIFE_S: Final = 30 * 24 * 60 * 60


class HoldState(enum.StrEnum):
    """How a hold stands. A lapse is judged, never stored."""

    OPEN = "open"
    CAPTURED = "captured"
    VOIDED = "voided"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it is kept for ever. Amounts in minor units, times in milliseconds.

    `captured` and `order` are set by the capture, `ended_ms` and `ended_by` by capture or void.
    Without `expires_ms` it does not lapse.
    """

    account: AccountKey
    id: str
    amount: int
    captured: int
    state: Literal[HoldState.OPEN, HoldState.CAPTURED, HoldState.VOIDED]
    order: str | None
    expires_ms: int | None
    created_ms: int
    by: str
    ended_ms: int | None = None
    ended_by: str | None = None

    @property
    def on_account(self) -> OpenHold:
        """The hold as it lies on its account's row while it is open."""
        return OpenHold(self.id, self.amount, self.expires_ms)


def state_of(hold: Hold, account: Account) -> HoldState:
    """Return how a hold stands, by its row and by the account with lapsed holds folded in.

    The account decides on a lapse: whoever writes it first, by its own clock, ends the hold.
    """
    if hold.state is not HoldState.OPEN:
        return hold.state
    return HoldState.OPEN if open_hold_of(account, hold.id) else HoldState.LAPSED


def authorize(account: Account, wanted: Hold) -> None:
    """Let a new hold keep its amount, or raise the refusal.

    Raises `TooManyHolds`, or `InsufficientCredit` also where debit is allowed: a hold never
    draws overdraft.
    """
    if len(account.open_holds) >= MAX_OPEN_HOLDS:
        raise TooManyHolds
    if account.available < wanted.amount:
        currency = account.key.currency
        raise InsufficientCredit(
            f"{format_amount(account.available, currency)} {currency} is available; hold at most "
            "that. A hold never draws overdraft."
        )


def as_authorized(hold: Hold) -> Hold:
    """Return the hold as the first answer to its authorisation showed it."""
    return replace(hold, state=HoldState.OPEN, captured=0, order=None, ended_ms=None, ended_by=None)


def check_replay(stored: Hold, wanted: Hold) -> None:
    """Raise `IdConflict` unless the stored hold was authorised with the same content."""
    if (stored.amount, _life_ms(stored)) != (wanted.amount, _life_ms(wanted)):
        raise IdConflict


def ended(hold: Hold, *, at_ms: int, by: str) -> Hold:
    """Return a captured or voided hold with who ended it, and when."""
    return replace(hold, ended_ms=at_ms, ended_by=by)


def capture(hold: Hold, state: HoldState, amount: int | None, order: str | None) -> Hold | None:
    """Return the hold with `amount` (minor units; None is the whole) captured.

    None where exactly that was done before. Raises `HoldCaptured`, `HoldVoided`, `HoldLapsed`
    or `CaptureExceedsHold`.
    """
    amount = hold.amount if amount is None else amount
    if (hold.state, hold.captured, hold.order) == (HoldState.CAPTURED, amount, order):
        return None
    _require_open(hold, state)
    if amount > hold.amount:
        raise CaptureExceedsHold(
            f"The hold is open and keeps {_money(hold, hold.amount)}; capture at most that."
        )
    return replace(hold, state=HoldState.CAPTURED, captured=amount, order=order)


def void(hold: Hold, state: HoldState) -> Hold | None:
    """Return the hold voided, or None where that was done before.

    Raises `HoldCaptured` or `HoldLapsed`.
    """
    if state is HoldState.VOIDED:
        return None
    _require_open(hold, state)
    return replace(hold, state=HoldState.VOIDED)


def _require_open(hold: Hold, state: HoldState) -> None:
    if state is HoldState.CAPTURED:
        raise HoldCaptured(
            f"It was captured before, with {_money(hold, hold.captured)}"
            + (f" for the order {hold.order}." if hold.order else " and no order.")
        )
    if state is HoldState.VOIDED:
        raise HoldVoided
    if state is HoldState.LAPSED:
        # By a stale read even a hold without a limit may seem to lapse; the loop reads again.
        limit = "none" if hold.expires_ms is None else time_text(hold.expires_ms)
        raise HoldLapsed(f"Its time limit was {limit}; what it kept is available again.")


def _life_ms(hold: Hold) -> int | None:
    return None if hold.expires_ms is None else hold.expires_ms - hold.created_ms


def _money(hold: Hold, amount: int) -> str:
    return f"{format_amount(amount, hold.account.currency)} {hold.account.currency}"

"""What the sandbox gateway charged: one row a key, so that a charge happens once."""

from dataclasses import dataclass

from chalicelib.core.payments import Outcome, Payment
from chalicelib.store.actions import Action, Key, Rows, put_once, update
from chalicelib.store.tables import SandboxChargeRow


@dataclass(frozen=True, slots=True)
class SandboxCharge:
    """How a charge ended, and whether it was given back."""

    outcome: Outcome
    refunded: bool


def charge_key(key: str) -> Key[SandboxChargeRow]:
    """Return the key of a charge's row."""
    return Key(SandboxChargeRow, key)


def charge_in(rows: Rows, key: str) -> SandboxCharge | None:
    """Return the charge out of rows that hold its key."""
    row = rows.get(charge_key(key))
    return None if row is None else SandboxCharge(Outcome(row.outcome), row.refunded)


def put_charge(payment: Payment, outcome: Outcome) -> Action:
    """Return the put of a charge's outcome, refused when its key was used before."""
    return put_once(
        SandboxChargeRow(
            key=payment.key,
            outcome=outcome.value,
            amount=payment.amount,
            currency=payment.currency,
            refunded=False,
        )
    )


def refund_charge(key: str) -> Action:
    """Return the update that gives a charge back."""
    approved = SandboxChargeRow.outcome == Outcome.APPROVED.value
    return update(charge_key(key), [SandboxChargeRow.refunded.set(True)], approved)

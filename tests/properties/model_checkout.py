"""What the checkout must answer, beside the model of the ledger: who may pay what, and when."""

from dataclasses import dataclass

from tests.properties.model import Account, Key, Ledger


@dataclass
class Checkout:
    """A checkout as it must be."""

    reference: str
    total: int
    loyalty: int = 0
    completed: bool = False


class Checkouts:
    """The checkouts of all users; a payment moves the model of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Begin with none."""
        self._ledger = ledger
        self.found: dict[Key, Checkout] = {}
        self.ordered: set[str] = set()

    def open(self, key: Key, reference: str, total: int) -> str | None:
        """Open a checkout, or replace the open one; return the code of the refusal, or None."""
        if key[0] not in self._ledger.registered:
            return "unknown_user"
        if reference in self.ordered:
            return "already_completed"
        found = self.found.get(key)
        if found is None or found.completed or (found.reference, found.total) != (reference, total):
            self.found[key] = Checkout(reference, total)
        return None

    def use_credit(self, key: Key, amount: int, at: int) -> str | None:
        """Choose an amount of credit; return the code of the refusal, or None."""
        found = self.found.get(key)
        if found is None or found.completed:
            return "no_open_checkout"
        if amount > found.total:
            return "amount_over_total"
        if amount and not self._pays(key, amount, found.total, at):
            return "amount_over_credit"
        found.loyalty = amount
        return None

    def complete(self, key: Key, at: int) -> str | None:
        """Pay with credit, unless that was done; return the code of the refusal, or None.

        Credit that no longer suffices is taken out of the checkout.
        """
        found = self.found.get(key)
        if found is None:
            return "no_open_checkout"
        if found.completed:
            return None
        if found.loyalty < found.total:
            return "unpaid_remains"
        if not self._pays(key, found.loyalty, found.total, at):
            found.loyalty = 0
            return "credit_changed"
        if found.reference in self.ordered:
            return "basket_completed"
        found.completed = True
        self.ordered.add(found.reference)
        self._ledger.pay(found.reference, key, found.loyalty, at)
        return None

    def _pays(self, key: Key, amount: int, total: int, at: int) -> bool:
        account: Account | None = self._ledger.accounts.get(key)
        if account is None:
            return False
        return account.available(at) >= amount or (account.debit and amount == total)

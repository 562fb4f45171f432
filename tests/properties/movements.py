"""What the machine does with accounts: open them, move credit between them, and undo it."""

from typing import Any

from hypothesis import strategies as st

from chalicelib import ledger
from chalicelib.core.money import format_amount
from chalicelib.ledger import ByAccountIds
from chalicelib.store.requests import Settled
from tests.properties.machine import (
    Act,
    Machine,
    accounts,
    amounts,
    currencies,
    faults,
    mostly,
    numbers,
    pairs,
    skews,
    step,
    users,
)
from tests.properties.model import Key, account_id_of
from tests.verbs import shop


class Movements(Machine):
    """Steps for users, accounts, transfers, adjustments and reversals."""

    @step(
        1,
        user=users,
        currency=currencies,
        opening=st.sampled_from([0, 0, 50, 100, 200]),
        debit=st.booleans(),
        keyed=st.booleans(),
        register=mostly,
        skew=skews,
        fault=faults,
    )
    def join(
        self,
        user: str,
        currency: str,
        opening: int,
        debit: bool,
        keyed: bool,
        register: bool,
        skew: int,
        fault: str,
    ) -> None:
        """Register a user, perhaps again, and open an account, where there is none yet."""
        if register:
            shop.register(user)
            self.model.registered.add(user)
        key, text = (user, currency), format_amount(opening, currency)
        words: dict[str, Any] = {"account_id": account_id_of(key), "debit": debit}
        words["key"] = f"key-{user}-{currency}" if keyed else None
        act = Act(
            ("open", key),
            lambda _: self.model.open_account(key, opening, debit=debit, keyed=keyed),
            lambda at: shop.open_account(user, text, currency, after_s=at, **words),
            lambda a: (a.account.account_id, a.account.available, a.account.held, a.user_email),
        )
        self.call(act, skew, fault)

    @step(
        3,
        number=numbers,
        pair=pairs,
        currency=currencies,
        amount=amounts,
        by_ids=st.booleans(),
        skew=skews,
        fault=faults,
    )
    def send(
        self,
        number: int,
        pair: Key,
        currency: str,
        amount: int,
        by_ids: bool,
        skew: int,
        fault: str,
    ) -> None:
        """Transfer between two accounts, now and then under an id that was used before."""
        name, text = self.name_of(number), format_amount(amount, currency)
        keys = [(user, currency) for user in pair]
        by_ids = by_ids and all(key in self.model.accounts for key in keys)

        def do(at: int) -> Settled[Any]:
            if not by_ids:
                return shop.send(name, *pair, text, currency, after_s=at)
            parties = ByAccountIds(account_id_of(keys[0]), account_id_of(keys[1]), currency)
            return ledger.transfer(
                shop.call(at), shop.CHANNEL, name, parties, amount=text, note=None
            )

        self.call(
            Act(("send", name), lambda at: self.model.send(name, pair, currency, amount, at), do),
            skew,
            fault,
        )

    @step(
        2,
        number=numbers,
        which=accounts,
        change=st.sampled_from([300, 300, 100, 10, -1, -10, -100, -1000]),
        reason=st.sampled_from(["goodwill", "goodwill", "goodwill", "error"]),
        skew=skews,
        fault=faults,
    )
    def adjust(
        self, number: int, which: Key, change: int, reason: str, skew: int, fault: str
    ) -> None:
        """Adjust an account, now and then under an id that was used before."""
        name, text = self.name_of(number), format_amount(change, which[1])
        user, currency = which
        act = Act(
            ("adjust", name),
            lambda at: self.model.adjust(name, which, change, reason, at),
            lambda at: shop.adjust(name, user, text, reason, currency, after_s=at),
        )
        self.call(act, skew, fault)

    @step(2, number=numbers, reversible=mostly, skew=skews, fault=faults)
    def reverse(self, number: int, reversible: bool, skew: int, fault: str) -> None:
        """Reverse a movement, mostly of a kind that can be, and once."""
        fresh = [name for name in self.model.moves if f"reversal:{name}" not in self.model.kinds]
        names = (fresh if reversible else []) or ["t-none", *self.model.kinds]
        name = names[-1 - number % len(names)]
        act = Act(
            ("reverse", name),
            lambda at: self.model.reverse(name, at),
            lambda at: shop.reverse(name, after_s=at),
        )
        self.call(act, skew, fault)

    @step(2, number=numbers, skew=skews, fault=faults)
    def repeat(self, number: int, skew: int, fault: str) -> None:
        """Repeat a call that succeeded, with whatever came since."""
        if self.made:
            self.call(self.made[-1 - number % len(self.made)], skew, fault)

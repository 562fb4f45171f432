"""What tests of races share: processes that act at once, each by a clock of its own."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from chalicelib.core.money import format_page_amount
from chalicelib.core.transitions import PageEvent
from tests.engine.workers import Ending, Job, Workers
from tests.verbs import shop

PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done on the engine itself and through the shim, where everything takes longer."""

    debits: int
    holds: int


SIZES: Final[dict[str, dict[str, Size]]] = {
    "test": {"engine": Size(debits=800, holds=40), "shim": Size(debits=160, holds=16)},
    "proof": {"engine": Size(debits=4000, holds=400), "shim": Size(debits=800, holds=200)},
}
"""By the profile of hypothesis, which `make proof` names."""


@dataclass(frozen=True, slots=True)
class Race:
    """The processes, and the store on which they meet. No two of their clocks agree."""

    workers: Workers
    environment: Mapping[str, str]
    size: Size

    def each(self, wanted: list[Job]) -> list[Ending]:
        """Let each of some processes do one thing at once."""
        return self.run(*([one] for one in wanted))

    def run(self, *writers: list[Job]) -> list[Ending]:
        """Let processes do their jobs, each at its own pace; return all endings."""
        return list(chain(*self._act(writers, paced=False)))

    def rounds(self, *writers: list[Job]) -> list[tuple[Ending, ...]]:
        """Let processes do their jobs round by round; return the endings of each round."""
        return list(zip(*self._act(writers, paced=True), strict=True))

    def _act(self, writers: tuple[list[Job], ...], *, paced: bool) -> list[list[Ending]]:
        # At one millisecond two entries of one number would collide by their keys alone.
        skewed = [
            [replace(one, named={"after_s": number / 1000, **one.named}) for one in jobs]
            for number, jobs in enumerate(writers)
        ]
        return self.workers.act(self.environment, skewed, paced=paced)


def user(name: str, balance: str) -> str:
    made = f"{name}-{secrets.token_hex(4)}"
    shop.register(made)
    shop.open_account(made, balance, account_id=f"account-{made}")
    return made


def open_paid(name: str, reference: str, amount: int = 4000, currency: str = "TRY") -> int:
    """Open a checkout that credit covers, and return the id of the order it will be."""
    opened = shop.open_checkout(name, amount, currency, reference=reference)
    text = format_page_amount(amount, currency)
    assert shop.visit(name, PageEvent.USE_CREDIT, text, currency).refusal is None
    return opened.answer.order_id

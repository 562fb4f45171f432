"""A shop for the client's shoppers: a channel of its own on a running service, over its staff API.

Everything here is done as a shop's back end or an admin does it.
"""

import datetime
import itertools
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.house.service import Served

Json = Any

CARD: Final = 1
CREDIT: Final = 2
FUNDS: Final = 3

OPTIONS: Final = (
    {"pk": CARD, "name": "Credit Card", "slug": "credit-card", "payment_type": "credit_card"},
    {
        "pk": CREDIT,
        "name": "Loyalty Money",
        "slug": "loyalty-money",
        "payment_type": "loyalty_money",
        "rule": "LoyaltyMoneyRule",
    },
    {
        "pk": FUNDS,
        "name": "Funds Transfer",
        "slug": "funds-transfer",
        "payment_type": "funds_transfer",
    },
)
BANK: Final = {
    "pk": 7,
    "bank_name": "Example Bank",
    "holder_name": "Demo Shop",
    "iban": "TR330006100519786457841326",
}
SHOPS_OF_A_TOKEN: Final = 64
TOTAL: Final = "62.99"
"""What the basket costs unless a test says otherwise: as in the client's own examples."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """A registered user with a session."""

    user_pk: str
    session: str


class Refused(AssertionError):
    """The service refused what a shop's back end asked of it."""

    def __init__(self, code: str, text: str) -> None:
        """Keep the code of the refusal."""
        super().__init__(text)
        self.code = code


class Shops:
    """Makes shops on a service; the command for a token is slow, so that one is for many."""

    def __init__(self, service: Served) -> None:
        """Make none yet."""
        self._service = service
        self._channels = self._named()

    def open(self) -> "Shop":
        """Open the next shop."""
        channel, token = next(self._channels)
        return Shop(self._service.address, token, channel)

    def _named(self) -> Iterator[tuple[str, str]]:
        for batch in itertools.count():
            channels = [f"c{batch}-{number}" for number in range(SHOPS_OF_A_TOKEN)]
            wanted = ("--channel", ",".join(channels), "--scopes", "owner,admin")
            token = self._service.cli("token", *wanted)
            yield from ((channel, token) for channel in channels)


class Shop:
    """A sales channel, with its treasury."""

    def __init__(self, address: str, token: str, channel: str) -> None:
        """Make the channel, switch the feature on and fund the treasury."""
        self.channel = channel
        self._address = address
        self._token = token
        self._send("PUT", "", {"default_currency": "TRY"})
        self.set("LOYALTY_MONEY_ENABLED", value=True)
        self.set("PAYMENT_OPTIONS", [*OPTIONS])
        self.register("treasury")
        self.open_account("treasury", "TRY", "100000.00")

    def set(self, name: str, value: object) -> None:
        """Set a setting."""
        self._send("PUT", f"/settings/{name}", {"value": value})

    def register(self, user_pk: str) -> None:
        """Register a user."""
        self._send("PUT", f"/users/{user_pk}", {"email": f"{user_pk}@example.com"})

    def open_account(
        self, user_pk: str, currency: str, balance: str, *, debit: bool = False
    ) -> None:
        """Open an account with credit."""
        body = {
            "user_pk": user_pk,
            "currency": currency,
            "balance": balance,
            "debit_card_allowed": debit,
        }
        self._send("POST", "/accounts", body)

    def shopper(self, balance: str | None = "100.00", *, debit: bool = False) -> Shopper:
        """Return a new shopper, with an account in TRY unless the balance is None."""
        user_pk = f"u{secrets.token_hex(4)}"
        self.register(user_pk)
        if balance is not None:
            self.open_account(user_pk, "TRY", balance, debit=debit)
        session = self._send("POST", "/sessions", {"user_pk": user_pk})["session"]
        return Shopper(user_pk, session)

    def open_pre_order(
        self,
        shopper: Shopper,
        total: str = TOTAL,
        *,
        currency: str = "TRY",
        reference: str | None = None,
        content: Mapping[str, object] | None = None,
    ) -> str:
        """Open a shopper's checkout and return its reference."""
        body = {"reference": reference or f"b{secrets.token_hex(4)}", "total_amount": total}
        path = f"/pre-orders/{shopper.user_pk}/{currency}"
        return str(self._send("PUT", path, {**body, **(content or {})})["reference"])

    def give(self, shopper: Shopper, amount: str) -> None:
        """Transfer credit from the treasury to a shopper."""
        self._transfer("treasury", shopper.user_pk, amount)

    def take(self, shopper: Shopper, amount: str) -> None:
        """Transfer credit away from a shopper."""
        self._transfer(shopper.user_pk, "treasury", amount)

    def _transfer(self, source: str, target: str, amount: str) -> None:
        body = {
            "source_user_pk": source,
            "target_user_pk": target,
            "currency": "TRY",
            "amount": amount,
        }
        self._send("PUT", f"/transfers/t{secrets.token_hex(4)}", body)

    def available(self, shopper: Shopper) -> str:
        """Return what a shopper's account holds and no hold keeps."""
        return str(self._send("GET", f"/accounts/{shopper.user_pk}/TRY")["available"])

    def balance(self, shopper: Shopper, currency: str = "TRY") -> str:
        """Return what a shopper's account holds."""
        return str(self._send("GET", f"/accounts/{shopper.user_pk}/{currency}")["balance"])

    def orders(self, shopper: Shopper) -> list[Json]:
        """Return a shopper's completed orders."""
        return list(self._send("GET", f"/orders?user_pk={shopper.user_pk}")["items"])

    def end_sessions(self, shopper: Shopper, before: datetime.datetime) -> None:
        """End every session of a shopper that was opened before a time."""
        body = {"valid_from": before.isoformat()}
        self._send("PUT", f"/users/{shopper.user_pk}/sessions", body)

    def _send(self, method: str, path: str, body: object = None) -> Json:
        request = urllib.request.Request(
            f"{self._address}/channels/{self.channel}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                problem = json.load(error)
            raise Refused(problem["code"], f"{method} {path}: {problem}") from None

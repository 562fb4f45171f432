"""Staff of a channel of their own, who ask a running service."""

import json
import secrets
import urllib.error
import urllib.request
from typing import Any

from tests.house.service import Served

Json = Any


class Staff:
    """Staff of a channel of their own; an answer is its status and its JSON."""

    def __init__(self, served: Served, channel: str | None = None) -> None:
        self._served = served
        self.channel = channel or f"c{secrets.token_hex(4)}"
        self._address = f"{served.address}/channels/{self.channel}"
        self.token = served.cli("token", "--channel", self.channel, "--scopes", "owner,admin")
        self.must("PUT", "", {"default_currency": "TRY"})

    def page(self, name: str, session: str, fields: Json) -> Json:
        """Post a checkout page as a shopper whose session it is; return its envelope."""
        headers = {
            "Cookie": f"loyalty_session={session}",
            "Content-Type": "application/json",
            "x-currency": "try",
        }
        address = f"{self._served.address}/orders/checkout/?page={name}"
        request = urllib.request.Request(address, json.dumps(fields).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Json]:
        kind = "text/csv" if isinstance(body, str) else "application/json"
        text = body if isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            self._address + path,
            None if body is None else text.encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def must(self, method: str, path: str, body: object = None) -> Json:
        status, answer = self.ask(method, path, body)
        assert status in {200, 201, 202}, answer
        return answer

    def open_account(
        self, user_pk: str, balance: str = "0.00", account_id: str | None = None
    ) -> None:
        self.must("PUT", f"/users/{user_pk}", {"email": f"{user_pk}@example.com"})
        opened = {"user_pk": user_pk, "currency": "TRY", "balance": balance}
        named = {} if account_id is None else {"account_id": account_id}
        self.must("POST", "/accounts", {**opened, **named, "debit_card_allowed": False})

    def balance(self, user_pk: str) -> str:
        return str(self.must("GET", f"/accounts/{user_pk}/TRY")["balance"])


def a_transfer(source: str, target: str, amount: str) -> Json:
    return {
        "source_user_pk": source,
        "target_user_pk": target,
        "currency": "TRY",
        "amount": amount,
    }

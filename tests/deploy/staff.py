"""Staff of a channel of their own, who ask through API Gateway."""

import json
import secrets
import urllib.error
import urllib.request
from typing import Any

from tests.deploy.stack import Deployed

Json = Any


class Staff:
    """Staff of a channel of their own; an answer is its status and its JSON."""

    def __init__(self, stack: Deployed) -> None:
        self.channel = f"c{secrets.token_hex(4)}"
        self._address = f"{stack.address}/channels/{self.channel}"
        self._token = stack.cli("token", "--channel", self.channel, "--scopes", "owner,admin")
        self.must("PUT", "", {"default_currency": "TRY"})

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Json]:
        kind = "text/csv" if isinstance(body, str) else "application/json"
        text = body if isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            self._address + path,
            None if body is None else text.encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": kind},
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

    def open_account(self, user_pk: str, balance: str = "0.00") -> None:
        self.must("PUT", f"/users/{user_pk}", {"email": f"{user_pk}@example.com"})
        opened = {"user_pk": user_pk, "currency": "TRY", "balance": balance}
        self.must("POST", "/accounts", {**opened, "debit_card_allowed": False})

    def balance(self, user_pk: str) -> str:
        return str(self.must("GET", f"/accounts/{user_pk}/TRY")["balance"])


def a_transfer(source: str, target: str, amount: str) -> Json:
    return {
        "source_user_pk": source,
        "target_user_pk": target,
        "currency": "TRY",
        "amount": amount,
    }

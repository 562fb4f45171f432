"""What locust's users do: staff, back ends and shoppers at once; each write is noted beforehand.

Locust runs this in an environment of its own, so it knows the service by HTTP alone. An answer of
503 or 504, or none, is definite of nothing: the same request is sent again until one is. While the
service is being stopped, as the file `TROUBLE` says, such answers are expected; at any other time
they count as failures, as every other 5xx does.
"""

import json
import os
import random
import secrets
import time
from pathlib import Path
from typing import Any, Final

from locust import FastHttpUser, LoadTestShape, constant, task

Json = Any

FOLDER: Final = Path(os.environ["LOAD_FOLDER"])
SECONDS: Final = float(os.environ["LOAD_SECONDS"])
STAGES: Final = [int(users) for users in os.environ["LOAD_USERS"].split(",")]
SHOP: Final[Json] = json.loads((FOLDER / "shop.json").read_text())
JOURNAL: Final = (FOLDER / "journal.jsonl").open("a", buffering=1)
TROUBLE: Final = FOLDER / "trouble"

CHANNEL: Final = f"/channels/{SHOP['channel']}"
STAFF: Final = {"Authorization": f"Bearer {SHOP['token']}", "Content-Type": "application/json"}
ACCOUNTS: Final[list[str]] = SHOP["users"]
HOT: Final[str] = SHOP["hot"]
HOT_A_SECOND: Final = 10
"""How often the one account is sent from: a row takes some 50 a second, and then comes `busy`."""

PATIENCE_S: Final = 120.0
PAUSE_S: Final = 0.25

hot_at: Final = [0.0]
"""When the one account was sent from last."""

done: Final[list[tuple[str, Json]]] = []
"""Transfers that were answered, for others to send again."""


class Rising(LoadTestShape):  # type: ignore[misc]  # locust is in another environment
    """As many users as each stage has, one after the other."""

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are now, and how fast they come."""
        stage = int(self.get_run_time() / SECONDS * len(STAGES))
        return (STAGES[stage], 50.0) if stage < len(STAGES) else None


class Caller(FastHttpUser):  # type: ignore[misc]  # locust is in another environment
    """One who does a bit of everything, without a pause."""

    wait_time = constant(0)
    connection_timeout = 10.0
    network_timeout = 40.0

    # --- until an answer is definite ---

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: dict[str, str] = STAFF,
        expects: tuple[int, ...] = (200, 201),
    ) -> Json:
        """Send a request until its answer is definite; return its status and its JSON."""
        until = time.monotonic() + PATIENCE_S
        while True:
            expected = TROUBLE.exists()
            with self.client.request(
                method, path, name=name, json=body, headers=headers, catch_response=True
            ) as answer:
                if answer.status_code in expects:
                    answer.success()
                    return answer.status_code, answer.json()
                known = answer.status_code in {0, 503, 504}
                if known and (expected or TROUBLE.exists()):
                    answer.success()
                else:
                    answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
                if not known:
                    _note({"unexpected": f"{name}: {answer.status_code} {answer.text}"[:500]})
                if not known or time.monotonic() > until:
                    return answer.status_code, None
            time.sleep(PAUSE_S)

    def write(
        self,
        name: str,
        method: str,
        path: str,
        body: Json,
        moves: dict[str, int],
        expects: tuple[int, ...] = (200, 201),
    ) -> int:
        """Note a write and what it moves (minor units), send it until it is definite, note that."""
        note = secrets.token_hex(8)
        _note({"note": note, "method": method, "path": path, "body": body, "moves": moves})
        status, _ = self.ask(name, method, path, body, expects=expects)
        _note({"note": note, "status": status, "at": time.time()})
        return int(status)

    # --- staff ---

    @task(30)
    def transfer(self) -> None:
        """Send between two accounts at random."""
        source, target = random.sample(ACCOUNTS, 2)
        self._send("transfer", source, target)

    @task(10)
    def transfer_from_one(self) -> None:
        """Send from the one account that everybody sends from, as often as it takes."""
        if time.monotonic() - hot_at[0] >= 1 / HOT_A_SECOND:
            hot_at[0] = time.monotonic()
            self._send("transfer, hot source", HOT, random.choice(ACCOUNTS))

    @task(8)
    def repeat(self) -> None:
        """Send once more what was answered before: nothing may move."""
        if done:
            path, body = random.choice(done)
            self.write("transfer, again", "PUT", path, body, {}, (200,))

    @task(4)
    def overdraw(self) -> None:
        """Send what nobody has."""
        source, target = random.sample(ACCOUNTS, 2)
        body = _transfer(source, target, 10**12)
        self.write("transfer, refused", "PUT", f"{CHANNEL}/transfers/{_id()}", body, {}, (409,))

    @task(20)
    def read(self) -> None:
        """Look at an account and its activities."""
        account = f"{CHANNEL}/accounts/{random.choice(ACCOUNTS)}/TRY"
        self.ask("account", "GET", account)
        self.ask("activities", "GET", f"{account}/activities")

    # --- back ends ---

    @task(8)
    def hold(self) -> None:
        """Hold credit, and capture or void it; of what was captured give a part back."""
        user = random.choice(ACCOUNTS)
        hold = f"{CHANNEL}/accounts/{user}/TRY/holds/{_id()}"
        # An account has at most 8 open holds, and others hold on it too.
        held = self.write("hold", "PUT", hold, {"amount": "2.00"}, {}, (200, 201, 409))
        if held not in {200, 201}:
            return
        if random.random() < 0.5:
            self.write("void", "POST", f"{hold}/void", {}, {})
            return
        self.write("capture", "POST", f"{hold}/capture", {"amount": "1.50"}, {user: -150})
        self.write("refund", "PUT", f"{hold}/refunds/r1", {"amount": "0.50"}, {user: 50})

    # --- shoppers ---

    @task(8)
    def check_out(self) -> None:
        """Open a checkout of a shopper of this user's own, choose credit, and pay with it."""
        shopper = SHOP["shoppers"].pop() if SHOP["shoppers"] else None
        if shopper is None:
            return
        try:
            self._check_out(shopper)
        finally:
            SHOP["shoppers"].append(shopper)

    def _check_out(self, shopper: Json) -> None:
        user = shopper["user_pk"]
        opened = {"reference": _id(), "total_amount": "3.00"}
        self.write("pre-order", "PUT", f"{CHANNEL}/pre-orders/{user}/TRY", opened, {})
        headers = {
            "Cookie": f"loyalty_session={shopper['session']}",
            "Content-Type": "application/json",
            "x-currency": "try",
        }
        usage = "/orders/checkout/?page=LoyaltyMoneyUsagePage"
        self.ask("usage page", "GET", usage, headers=headers)
        amount = {"loyalty_amount_to_use": "3.00"}
        self.ask("usage page, chosen", "POST", usage, amount, headers=headers)
        note = secrets.token_hex(8)
        path = f"{CHANNEL}/orders/{opened['reference']}"
        _note({"note": note, "method": "GET", "path": path, "body": None, "moves": {user: -300}})
        last = "/orders/checkout/?page=LoyaltyMoneyPage"
        _, page = self.ask("completion", "POST", last, {"agreement": True}, headers=headers)
        thanked = page is not None and page["context_list"][0]["page_name"] == "ThankYouPage"
        _note({"note": note, "status": 200 if thanked else 0, "at": time.time()})

    def _send(self, name: str, source: str, target: str) -> None:
        amount = random.randint(1, 300)
        path, body = f"{CHANNEL}/transfers/{_id()}", _transfer(source, target, amount)
        moves = {source: -amount, target: amount}
        if self.write(name, "PUT", path, body, moves, (200, 201, 409)) in {200, 201}:
            done.append((path, body))


def _note(line: Json) -> None:
    JOURNAL.write(json.dumps(line) + "\n")


def _id() -> str:
    return secrets.token_hex(8)


def _transfer(source: str, target: str, minor: int) -> Json:
    return {
        "source_user_pk": source,
        "target_user_pk": target,
        "currency": "TRY",
        "amount": f"{minor // 100}.{minor % 100:02d}",
    }

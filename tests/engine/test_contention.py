"""Many callers at once over HTTP: what the money suffices for goes through, and nothing else.

The engine is the embedded one. It never raises a conflict by itself, so this shows that the
conditions hold, not how often AWS would refuse.
"""

import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.house.service import Service

CHANNEL = "contention"
CALLERS = 8


@dataclass(frozen=True, slots=True)
class Client:
    """Calls the service as staff, or as a shopper where a session is given."""

    address: str
    token: str

    def staff(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the JSON answer of an admin call."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, f"/channels/{CHANNEL}{path}", headers, data)

    def page(self, session: str, page: str, **fields: str) -> Any:
        """Return the answer of a posted checkout page."""
        headers = {
            "Cookie": f"osessionid={session}",
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "x-currency": "try",
        }
        path = f"/orders/checkout/?page={page}"
        return self._send("POST", path, headers, urlencode(fields).encode())[1]

    def balance(self, user_pk: str) -> str:
        """Return the balance of a user's TRY account."""
        return str(self.staff("GET", f"/accounts/{user_pk}/TRY")[1]["balance"])

    def _send(
        self, method: str, path: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, Any]:
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    """Make the channel of these tests, once, with the feature on."""
    token = service.cli("token", "--channel", CHANNEL, "--scopes", "owner,admin")
    client = Client(service.address, token)
    assert client.staff("PUT", "", {"default_currency": "TRY"})[0] in {200, 201}
    client.staff("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": True})
    return client


def open_account(client: Client, user_pk: str, balance: str) -> None:
    client.staff("PUT", f"/users/{user_pk}", {"email": f"{user_pk}@example.com"})
    body = {
        "user_pk": user_pk,
        "currency": "TRY",
        "balance": balance,
        "debit_card_allowed": False,
    }
    assert client.staff("POST", "/accounts", body)[0] == 201


def test_thirty_debits_at_once_take_what_suffices_for_ten(client: Client) -> None:
    open_account(client, "spender", "50.00")
    open_account(client, "receiver", "0.00")

    def send(number: int) -> tuple[int, Any]:
        body = {
            "source_user_pk": "spender",
            "target_user_pk": "receiver",
            "currency": "TRY",
            "amount": "5.00",
        }
        while True:
            status, answer = client.staff("PUT", f"/transfers/race-{number}", body)
            if status not in {503, 504}:
                return status, answer

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(send, range(30)))

    assert Counter(status for status, _ in answers) == {201: 10, 409: 20}
    refused = {answer["code"] for status, answer in answers if status == 409}
    assert refused == {"insufficient_credit"}
    assert (client.balance("spender"), client.balance("receiver")) == ("0.00", "50.00")


def test_one_transfer_sent_by_all_callers_at_once_moves_once(client: Client) -> None:
    open_account(client, "once-source", "50.00")
    open_account(client, "once-target", "0.00")
    body = {
        "source_user_pk": "once-source",
        "target_user_pk": "once-target",
        "currency": "TRY",
        "amount": "5.00",
    }

    def send(_: int) -> tuple[int, Any]:
        return client.staff("PUT", "/transfers/same-id", body)

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(send, range(CALLERS)))

    statuses = Counter(status for status, _ in answers)
    assert statuses[201] == 1
    assert set(statuses) <= {200, 201, 503}
    assert len({json.dumps(answer) for status, answer in answers if status < 300}) == 1
    assert client.balance("once-source") == "45.00"


def test_an_order_completed_in_many_tabs_at_once_is_paid_once(
    client: Client, service: Service
) -> None:
    open_account(client, "tabs", "50.00")
    session = client.staff("POST", "/sessions", {"user_pk": "tabs"})[1]["session"]
    order = {"reference": "tabs-basket", "total_amount": "30.00"}
    assert client.staff("PUT", "/pre-orders/tabs/TRY", order)[0] == 201
    client.page(session, "LoyaltyMoneyUsagePage", loyalty_amount_to_use="30.00")

    def complete(_: int) -> Any:
        return client.page(session, "LoyaltyMoneyPage", agreement="true")

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(complete, range(CALLERS)))

    shown = [answer for answer in answers if "context_list" in answer]
    pages = {answer["context_list"][0]["page_name"] for answer in shown}
    assert pages == {"ThankYouPage"}
    orders = {answer["context_list"][0]["page_context"]["order_id"] for answer in shown}
    assert len(orders) == 1
    assert client.balance("tabs") == "20.00"


def test_completing_and_changing_the_amount_at_once_never_part(client: Client) -> None:
    """Whichever comes first, the order is paid with the amount that its pre-order shows."""
    open_account(client, "racer", "50.00")
    session = client.staff("POST", "/sessions", {"user_pk": "racer"})[1]["session"]
    for number in range(6):
        order = {"reference": f"racer-{number}", "total_amount": "5.00"}
        client.staff("PUT", "/pre-orders/racer/TRY", order)
        client.page(session, "LoyaltyMoneyUsagePage", loyalty_amount_to_use="5.00")
        posts = [
            lambda: client.page(session, "LoyaltyMoneyPage", agreement="true"),
            lambda: client.page(session, "LoyaltyMoneyUsagePage", loyalty_amount_to_use="1.00"),
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda post: post(), posts))
    activities = client.staff("GET", "/accounts/racer/TRY/activities?limit=50")[1]["items"]
    paid = [entry for entry in activities if entry["kind"] == "order"]
    assert {entry["amount"] for entry in paid} <= {"-5.00"}
    assert float(client.balance("racer")) == 50 - 5 * len(paid)

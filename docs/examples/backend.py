"""A shop's back end that sells with store credit. It needs Python and nothing else.

API=http://127.0.0.1:8000 CHANNEL=demo TOKEN=... python3 backend.py
"""

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

CHANNEL = f"{os.environ['API']}/channels/{os.environ['CHANNEL']}"
HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"}
TRIES = 20


class Refused(Exception):
    """The service said no, with a stable `code`. Nothing has moved."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['code']}: {problem['detail']}")
        self.code = problem["code"]


def ask(method: str, path: str, body: object = None) -> Any:
    """Send a request until its answer is definite, and return the answer.

    503 (busy), 504 (the outcome is unknown) and silence say nothing of what happened. The id is
    in the path, so the same request may be sent again for ever: it happens once.
    """
    data = None if body is None else json.dumps(body).encode()
    for attempt in range(TRIES):
        request = urllib.request.Request(CHANNEL + path, data, HEADERS, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in {503, 504}:
                raise Refused(json.load(error)) from None
        except OSError:
            pass  # no answer: it may have happened, and may not
        time.sleep(min(5.0, 0.1 * 2**attempt))
    raise TimeoutError(f"{method} {path} got no definite answer; send it again later")


# A customer registers. The id is the shop's own; sent again, this changes nothing.
joan = ask("PUT", "/users/c-77", {"email": "joan@example.com"})
print("registered", joan["user_pk"])

# Store credit is one account for each currency. That there is one already is fine.
try:
    ask("POST", "/accounts", {"user_pk": "c-77", "currency": "TRY", "debit_card_allowed": False})
except Refused as refusal:
    if refusal.code != "account_exists":
        raise

# Credit comes from an account of the shop's own; in the demo its owner is the user 1000.
sent = ask(
    "PUT",
    "/transfers/welcome-c-77",
    {"source_user_pk": "1000", "target_user_pk": "c-77", "currency": "TRY", "amount": "50.00"},
)
print("sent", sent["amount"], sent["currency"], "from", sent["source"])

# She comes to the checkout: a session for her browser, and what her basket costs.
session = ask("POST", "/sessions", {"user_pk": "c-77"})["session"]
basket = ask("PUT", "/pre-orders/c-77/TRY", {"reference": "cart-501", "total_amount": "30.00"})
print("checkout of", basket["total_amount"], "is", basket["state"])

# At the till there are no pages. Credit is held when the order comes in ...
HOLD = "/accounts/c-77/TRY/holds/till-9"
held = ask("PUT", HOLD, {"amount": "20.00", "expires_in_s": 3600})
print("held", held["amount"])

# ... captured when the goods leave, less what was out of stock ...
captured = ask("POST", f"{HOLD}/capture", {"amount": "15.00", "order": "till-9"})
print("captured", captured["captured"])

# ... and given back in part when something is returned.
ask("PUT", f"{HOLD}/refunds/return-1", {"amount": "5.00"})

# More than there is is refused, with the reason.
try:
    ask("PUT", "/accounts/c-77/TRY/holds/till-10", {"amount": "40.01"})
except Refused as refusal:
    print("refused", refusal)

account = ask("GET", "/accounts/c-77/TRY")
print("available", account["available"], "of", account["balance"])
for entry in reversed(ask("GET", "/accounts/c-77/TRY/activities")["items"]):
    print(f"{entry['amount']:>8} {entry['kind']:<10} {entry['balance_after']:>8}")

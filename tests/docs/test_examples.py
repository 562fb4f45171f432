"""Each example of the interface's description is sent to a service, and does what it is for."""

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest

import app  # noqa: F401  # declares the routes
from chalicelib.http import DECLARED
from chalicelib.openapi import describe
from tests.house.service import running
from tests.house.staff import Staff

Json = Any

SENT: Final = (
    ("PUT", "/channels/{channel}", ""),
    ("PUT", "/channels/{channel}/settings/{name}", "/settings/LOYALTY_MONEY_ENABLED"),
    ("PUT", "/channels/{channel}/users/{user_pk}", "/users/1001"),
    ("POST", "/channels/{channel}/users", "/users"),
    ("POST", "/channels/{channel}/accounts", "/accounts"),
    ("PUT", "/channels/{channel}/transfers/{transfer_id}", "/transfers/t-1"),
    (
        "PUT",
        "/channels/{channel}/accounts/{user_pk}/{currency}/adjustments/{adjustment_id}",
        "/accounts/1001/TRY/adjustments/a-1",
    ),
    (
        "PUT",
        "/channels/{channel}/accounts/{user_pk}/{currency}/holds/{hold_id}",
        "/accounts/1001/TRY/holds/h-1",
    ),
    (
        "POST",
        "/channels/{channel}/accounts/{user_pk}/{currency}/holds/{hold_id}/capture",
        "/accounts/1001/TRY/holds/h-1/capture",
    ),
    (
        "PUT",
        "/channels/{channel}/accounts/{user_pk}/{currency}/holds/{hold_id}/refunds/{refund_id}",
        "/accounts/1001/TRY/holds/h-1/refunds/r-1",
    ),
    ("PUT", "/channels/{channel}/pre-orders/{user_pk}/{currency}", "/pre-orders/1001/TRY"),
    ("POST", "/channels/{channel}/sessions", "/sessions"),
    (
        "PUT",
        "/channels/{channel}/distributions/{distribution_id}",
        "/distributions/spring",
    ),
    (
        "POST",
        "/channels/{channel}/distributions/{distribution_id}/run",
        "/distributions/spring/run",
    ),
    (
        "PUT",
        "/channels/{channel}/reconciliations/{reconciliation_id}",
        "/reconciliations/october",
    ),
    ("PUT", "/channels/{channel}/users/{user_pk}/sessions", "/users/1001/sessions"),
    (
        "PUT",
        "/channels/{channel}/orders/{reference}/refunds/{refund_id}",
        "/orders/order-1/refunds/r-1",
    ),
    ("PUT", "/channels/{channel}/users/{user_pk}/erasure", "/users/1002/erasure"),
)
"""Every route of staff with a body, and where in the demo its example is sent, in an order."""


def examples() -> dict[tuple[str, str], Json]:
    """Return the example of each route's body."""
    schemas = describe()["components"]["schemas"]
    found = {}
    for route in DECLARED:
        if route.body is not None:
            [example] = schemas[route.body.__name__]["examples"]
            found[route.method, route.path] = copy.deepcopy(example)
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[int, Json]]:
    """Send each example, and return its status and its answer."""
    given = examples()
    found = {}
    with running(tmp_path_factory.mktemp("examples")) as service:
        staff = Staff(service, "demo")
        complete_an_order(staff)
        for method, path, place in SENT:
            found[method, path] = staff.ask(method, place, given[method, path])
    return found


def complete_an_order(staff: Staff) -> None:
    """Let Ada pay an order of 10.00 with the example of the page."""
    order = {"reference": "order-1", "total_amount": "10.00"}
    staff.must("PUT", "/pre-orders/1001/TRY", order)
    session = staff.must("POST", "/sessions", {"user_pk": "1001"})["session"]
    form = examples()["POST", "/orders/checkout"]
    chosen = staff.page("LoyaltyMoneyUsagePage", session, form)
    assert chosen["pre_order"]["loyalty_money"] == form["loyalty_amount_to_use"]
    paid = staff.page("LoyaltyMoneyPage", session, {"agreement": True})
    assert paid["context_list"][0]["page_name"] == "ThankYouPage"


def test_every_body_has_an_example_that_is_sent(
    record_property: Callable[[str, Any], None],
) -> None:
    sent = {(method, path) for method, path, _ in SENT} | {("POST", "/orders/checkout")}
    assert sent == set(examples())
    record_property("report", f"{len(sent)} examples of the interface were sent")


@pytest.mark.parametrize(("method", "path"), [each[:2] for each in SENT], ids=str)
def test_an_example_does_what_it_is_for(
    method: str, path: str, answers: dict[tuple[str, str], tuple[int, Json]]
) -> None:
    status, answer = answers[method, path]
    assert status in {200, 201, 202}, answer
    rows = answer.get("items", []) if isinstance(answer, dict) else []
    assert not [row for row in rows if row.get("code")], rows

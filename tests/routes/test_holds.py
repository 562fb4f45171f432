"""The doors of holds, refunds, reversals and adjustments: what callers are shown."""

from tests.routes.shop import Shop

HOLD = "/accounts/1001/TRY/holds/h1"


def test_a_hold_is_shown_at_every_step_of_its_life(shop: Shop) -> None:
    made = shop.staff("PUT", HOLD, {"amount": "10.00", "expires_in_s": 60})
    assert made.status == 201
    assert made.json["expires_at"].endswith("Z")
    expires_at = made.json["expires_at"]
    assert {k: v for k, v in made.json.items() if k != "expires_at"} == {
        "id": "h1",
        "amount": "10.00",
        "captured": "0.00",
        "state": "open",
    }
    account = shop.staff("GET", "/accounts/1001/TRY").json
    assert (account["available"], account["held"], account["balance"]) == (
        "40.00",
        "10.00",
        "50.00",
    )
    listed = shop.staff("GET", "/accounts/1001/TRY/holds").json
    assert [(hold["id"], hold["expires_at"]) for hold in listed["items"]] == [("h1", expires_at)]
    assert listed["next_cursor"] is None
    taken = shop.staff("POST", f"{HOLD}/capture", {"amount": "6.00", "order": "basket-9"})
    assert (taken.status, taken.json["state"], taken.json["captured"]) == (201, "captured", "6.00")
    assert shop.staff("GET", HOLD).json == taken.json
    assert shop.staff("GET", "/accounts/1001/TRY/holds").json["items"] == []
    newest = shop.staff("GET", "/accounts/1001/TRY/activities").json["items"][0]
    assert (newest["kind"], newest["amount"], newest["order"]) == ("capture", "-6.00", "basket-9")


def test_a_hold_lasts_a_week_unless_the_caller_says(shop: Shop) -> None:
    made = shop.staff("PUT", HOLD, {"amount": "10.00"})
    repeated = {"amount": "10.00", "expires_in_s": 7 * 24 * 60 * 60}
    assert shop.staff("PUT", HOLD, repeated).json == made.json


def test_a_voided_hold_gives_all_back(shop: Shop) -> None:
    shop.staff("PUT", HOLD, {"amount": "10.00"})
    voided = shop.staff("POST", f"{HOLD}/void")
    assert (voided.status, voided.json["state"]) == (201, "voided")
    assert shop.staff("GET", "/accounts/1001/TRY").json["available"] == "50.00"


def test_no_hold_begins_while_the_feature_is_off(shop: Shop) -> None:
    shop.set("LOYALTY_MONEY_ENABLED", False)
    before = shop.snapshot()
    reply = shop.staff("PUT", HOLD, {"amount": "10.00"})
    assert (reply.status, reply.json["code"]) == (409, "loyalty_disabled")
    assert shop.snapshot() == before


def test_the_state_is_said_in_a_refusal(shop: Shop) -> None:
    shop.staff("PUT", HOLD, {"amount": "10.00"})
    shop.staff("POST", f"{HOLD}/capture", {"amount": "6.00", "order": "basket-9"})
    refused = shop.staff("POST", f"{HOLD}/void")
    assert (refused.status, refused.json["code"]) == (409, "hold_captured")
    assert refused.json["detail"] == "It was captured before, with 6.00 TRY for the order basket-9."


def test_a_refund_answers_with_its_transfer_and_the_order_adds_them_up(shop: Shop) -> None:
    shop.open_pre_order(total="7.00", reference="b1")
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="7.00")
    storefront.post("LoyaltyMoneyPage", agreement="true")
    made = shop.staff("PUT", "/orders/b1/refunds/r1", {"amount": "2.50"})
    assert made.status == 201
    assert made.json["id"] == "refund:order:b1:r1"
    assert (made.json["source"], made.json["target"]) == ("house:REFUND", "ada")
    assert shop.staff("GET", f"/transfers/{made.json['id']}").json == made.json
    assert shop.staff("GET", "/orders/b1").json["refunded"] == "2.50"
    listed = shop.staff("GET", "/orders?user_pk=1001").json["items"]
    assert [order["refunded"] for order in listed] == ["2.50"]
    assert shop.staff("GET", "/accounts/1001/TRY").json["balance"] == "45.50"


def test_a_capture_is_refunded_by_its_hold(shop: Shop) -> None:
    shop.staff("PUT", HOLD, {"amount": "10.00"})
    shop.staff("POST", f"{HOLD}/capture", {"order": "basket-9"})
    made = shop.staff("PUT", f"{HOLD}/refunds/r1", {"amount": "10.00"})
    assert made.json["id"] == "refund:capture:ada:h1:r1"
    assert shop.staff("GET", "/accounts/1001/TRY").json["balance"] == "50.00"


def test_a_transfer_is_reversed_under_an_id_of_its_own(shop: Shop) -> None:
    shop.staff("PUT", "/transfers/t1", {"source": "ada", "target": "grace", "amount": "5.00"})
    made = shop.staff("PUT", "/transfers/t1/reversal")
    assert made.status == 201
    assert (made.json["id"], made.json["source"]) == ("reversal:t1", "grace")
    assert shop.staff("GET", "/transfers/reversal:t1").json == made.json
    assert shop.staff("GET", "/accounts/1001/TRY").json["balance"] == "50.00"


def test_an_adjustment_keeps_its_reason(shop: Shop) -> None:
    body = {"amount": "-5.00", "reason": "double-credit"}
    made = shop.staff("PUT", "/accounts/1001/TRY/adjustments/a1", body)
    assert made.status == 201
    assert (made.json["source"], made.json["target"]) == ("ada", "house:BANK")
    assert (made.json["amount"], made.json["note"]) == ("5.00", "double-credit")
    newest = shop.staff("GET", "/accounts/1001/TRY/activities").json["items"][0]
    assert (newest["kind"], newest["amount"], newest["note"]) == (
        "adjust",
        "-5.00",
        "double-credit",
    )

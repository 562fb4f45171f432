"""Decisions of docs/checkout-protocol.md about the form of every answer."""

import json
import re

import pytest

from tests.docs.documents import document
from tests.routes.shop import Shop

READ_BY_THE_CLIENT = {
    "basket",
    "delivery_option",
    "shipping_option",
    "shipping_address",
    "billing_address",
    "retail_store",
    "payment_option",
    "installment",
    "shipping_amount",
    "total_amount",
    "total_amount_with_interest",
    "loyalty_money",
    "unpaid_amount",
    "currency_type_label",
    "is_guest",
    "is_post_order",
    "notifications",
    "redirect_to_three_d",
}


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("LoyaltyMoneyUsagePage", {"loyalty_amount_to_use": "41.00"}),
        ("LoyaltyMoneyPage", {"agreement": "true"}),
        ("NoSuchPage", {}),
    ],
)
def test_decision_9_a_refusal_of_a_page_has_status_200(
    shop: Shop, page: str, fields: dict[str, str]
) -> None:
    shop.open_pre_order()
    answer = shop.storefront().post(page, **fields)  # the storefront here asserts the status
    assert answer["errors"]
    without_session = shop.send("POST", f"/orders/checkout/?page={page}", fields)
    assert without_session.status == 401


def test_decision_16_the_pre_order_has_the_fields_that_client_and_theme_read(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    for answer in (
        storefront.show(),
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00"),
        storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="x"),
    ):
        assert set(answer["pre_order"]) == READ_BY_THE_CLIENT


def test_the_answer_that_the_document_prints_is_the_one_that_is_given(shop: Shop) -> None:
    [block] = document("checkout-protocol.md").split("```json\n")[1:]
    printed = json.loads(block.partition("```")[0])
    shop.open_pre_order()
    answer = shop.storefront().post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="10.00")
    answer["pre_order"] = {name: answer["pre_order"].get(name) for name in printed["pre_order"]}
    assert answer == printed


def test_decision_17_token_new_user_and_campaigns_are_there_and_mean_nothing(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    [thanks] = storefront.post("LoyaltyMoneyPage", agreement="true")["context_list"]
    context = thanks["page_context"]
    assert re.fullmatch(r"[0-9a-f]{40}", context["token"])
    assert (context["new_user"], context["campaigns"]) == (False, [])

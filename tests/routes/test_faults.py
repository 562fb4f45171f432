"""What callers are told when DynamoDB refuses, is silent, or loses an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.routes.shop import READS, SILENCE, WRITES, Shop, error, opened

TRANSFER: Final = {"source": "ada", "target": "grace", "amount": "1.00"}
SETTINGS: Final = '{"version": "2.0", "app_name": "x", "lambda_timeout": 7}'


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Open the shop on a function with little time to work."""
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(SETTINGS)
    with opened(tmp_path) as shop:
        yield shop


@pytest.mark.parametrize("operations", [READS, WRITES])
@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_busy_moved_nothing_and_says_when_to_come_again(
    shop: Shop, code: str, operations: tuple[str, ...]
) -> None:
    before = shop.snapshot()
    with shop.failing(error(code), *operations):
        reply = shop.staff("PUT", "/transfers/t1", TRANSFER)
    assert (reply.status, reply.json["code"]) == (503, "busy")
    assert reply.headers["retry-after"] == "1"
    assert shop.snapshot() == before
    assert shop.staff("PUT", "/transfers/t1", TRANSFER).status == 201


def test_silence_is_an_unknown_outcome_and_the_same_id_settles_it(shop: Shop) -> None:
    with shop.failing(SILENCE, *WRITES):
        reply = shop.staff("PUT", "/transfers/t1", TRANSFER)
    assert (reply.status, reply.json["code"]) == (504, "outcome_unknown")
    assert "retry-after" not in reply.headers
    assert shop.staff("PUT", "/transfers/t1", TRANSFER).status == 201
    assert shop.balance("1001") == "49.00"


def test_a_lost_answer_moves_once_and_is_no_fault_of_the_callers(shop: Shop) -> None:
    with shop.losing_one_answer("TransactWriteItems"):
        reply = shop.staff("PUT", "/transfers/t1", TRANSFER)
    assert reply.status in {200, 201}
    assert shop.balance("1001") == "49.00"
    assert shop.staff("PUT", "/transfers/t1", TRANSFER).json == reply.json


def test_a_completion_whose_answer_was_lost_debits_once(shop: Shop) -> None:
    shop.open_pre_order()
    storefront = shop.storefront()
    with shop.losing_one_answer("PutItem"):
        used = storefront.post("LoyaltyMoneyUsagePage", loyalty_amount_to_use="40.00")
    assert (used["errors"], used["pre_order"]["loyalty_money"]) == (None, "40.00")
    with shop.losing_one_answer("TransactWriteItems"):
        done = storefront.post("LoyaltyMoneyPage", agreement="true")
    assert done["context_list"][0]["page_name"] == "ThankYouPage"
    assert storefront.post("LoyaltyMoneyPage", agreement="true") == done
    assert shop.balance("1001") == "10.00"


def test_an_answer_lost_while_opening_an_account_opens_one(shop: Shop) -> None:
    """Also without an Idempotency-Key: the request recognises what it wrote itself."""
    body = {"user_pk": "1003", "currency": "TRY", "balance": "5.00", "debit_card_allowed": False}
    with shop.losing_one_answer("TransactWriteItems"):
        reply = shop.staff("POST", "/accounts", body)
    assert (reply.status, reply.json["balance"]) == (200, "5.00")
    assert shop.balance("1003") == "5.00"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "Unheard"])
def test_any_other_refusal_of_the_engine_is_a_fault_of_ours_without_details(
    shop: Shop, code: str
) -> None:
    before = shop.snapshot()
    for operations in (READS, WRITES):
        with shop.failing(error(code), *operations):
            reply = shop.staff("PUT", "/transfers/t1", TRANSFER)
        assert (reply.status, reply.json["code"]) == (500, "internal_error")
        assert code not in reply.text
    assert shop.snapshot() == before

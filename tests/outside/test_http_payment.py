"""A whole card payment through the shop's own payment service, on loopback."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from chalicelib import checkout, registry
from chalicelib.checkout import Ended
from chalicelib.config import config
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.outside import sandbox
from tests.outside.payment_service import SECRETS, PaymentService, serving
from tests.store.wire import Wire
from tests.verbs import shop

LATER_S: Final = ASK_FINALLY_AFTER_MS / 1000


@pytest.fixture
def service(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PaymentService]:
    """Open a shop that charges cards by a payment service, and bring ada to the card's page."""
    with serving() as service:
        # Only a local service may send cards without TLS; the folder has no service's file.
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("STAGE", "local")
        monkeypatch.setenv("GATEWAY_URL", service.url)
        monkeypatch.setenv("GATEWAY_KEYS", f"p1:{SECRETS['p1']}")
        config.cache_clear()
        shop.open_shop()
        registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "http")
        shop.open_accounts(ada="50.00")
        shop.come_to_card()
        yield service
    monkeypatch.undo()
    config.cache_clear()


def at_rest() -> tuple[int, int]:
    account = shop.account_of("ada")
    return account.available, account.held


def asked(service: PaymentService) -> list[tuple[str, bool | None]]:
    """Return what the service was asked, with whether it was final."""
    return [(request.path, request.content.get("final")) for request in service.asked]


def test_what_is_approved_is_ordered_and_charged_as_the_order_says(
    service: PaymentService,
) -> None:
    assert shop.pay().move is Move.SHOW_ORDER
    (request,) = service.asked
    order = checkout.read_order(shop.call(), shop.CHANNEL, "basket-1").order
    assert (request.content["amount"], order.charged) == ("30.00", 3000)
    assert request.content["key"] == order.payment_key
    assert at_rest() == (4000, 0)


def test_what_is_declined_is_free_again(service: PaymentService) -> None:
    service.says("declined")
    assert shop.code_of(shop.pay()) == "payment_declined"
    assert at_rest() == (5000, 0)
    assert asked(service) == [("/charges", None)]


def test_each_attempt_has_a_key_of_its_own_and_each_question_that_of_its_attempt(
    service: PaymentService,
) -> None:
    service.says("declined")
    shop.pay()
    service.status = 500
    shop.pay()
    shop.visit("ada", PageEvent.SHOW)
    first, second, question = (request.content["key"] for request in service.asked)
    (*order, one, _), (*same, two, _) = first.split(":"), second.split(":")
    assert order == same
    assert (one, two) == ("1", "2")
    assert question == second


def test_an_answer_that_is_lost_is_asked_for_and_the_card_is_sent_once(
    service: PaymentService,
) -> None:
    service.cuts_after = 0
    assert shop.code_of(shop.pay()) == "payment_in_progress"
    assert at_rest() == (4000, 1000)
    service.cuts_after = None
    assert shop.end_payments(after_s=1) == Ended(1, 0, 0, 0)
    assert asked(service) == [("/charges", None), ("/charges/outcome", False)]
    assert ["card" in request.content for request in service.asked] == [True, False]
    assert at_rest() == (4000, 0)


def test_a_service_that_knows_nothing_is_asked_finally_after_a_minute_and_not_before(
    service: PaymentService,
) -> None:
    service.status = 404
    shop.pay()
    assert shop.end_payments(after_s=1).in_progress == 1
    assert shop.end_payments(after_s=LATER_S).in_progress == 1
    service.status = 200
    service.says("declined")
    assert shop.end_payments(after_s=LATER_S + 60).declined == 1
    finals = [final for path, final in asked(service) if path == "/charges/outcome"]
    assert finals == [False, True, True]
    assert at_rest() == (5000, 0)


def test_a_service_that_is_silent_for_days_frees_nothing(service: PaymentService) -> None:
    service.status = 503
    shop.pay()
    for days in (1, 30, 365):
        assert shop.end_payments(after_s=days * 86_400).in_progress == 1
    assert at_rest() == (4000, 1000)


def test_a_gateway_that_was_taken_away_is_logged_and_waited_for(
    service: PaymentService,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.status = 503
    shop.pay()
    service.status = 200
    with monkeypatch.context() as without:
        without.delenv("GATEWAY_URL")
        without.delenv("GATEWAY_KEYS")
        config.cache_clear()
        assert shop.end_payments(after_s=1).in_progress == 1
    config.cache_clear()
    assert "gateway_missing" in caplog.text
    assert len(service.asked) == 1
    assert shop.end_payments(after_s=1).completed == 1


def test_no_row_and_no_log_line_holds_anything_of_a_card(
    service: PaymentService, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Approved, declined or lost: the number, the code and the name are nowhere."""
    caplog.set_level(logging.DEBUG)
    service.says("declined")
    shop.pay()
    service.cuts_after = 0
    shop.pay()
    service.cuts_after = None
    service.says("approved")
    shop.end_payments(after_s=1)
    (card,) = {json.dumps(r.content["card"]) for r in service.asked if "card" in r.content}
    sent = json.loads(card)
    assert sent["number"] == sandbox.APPROVES
    left = str(wire.everything()) + "".join(str(vars(record)) for record in caplog.records)
    assert sent["number"] not in left
    assert sent["holder"] not in left
    assert f"'{sent['cvv']}'" not in left

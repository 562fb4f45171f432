"""The shop's own payment service, on loopback: what it is sent, and what its answers are worth."""

import dataclasses
import gzip
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from pydantic import SecretStr

from chalicelib.checkout import payments
from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.outside import http_gateway
from chalicelib.outside.http_gateway import MOST_BYTES, HttpGateway
from tests.docs.documents import document, name, names, table
from tests.outside.payment_service import SECRETS, PaymentService, serving

CARD: Final = Card(holder="ADA LOVELACE", month=12, year=2030, number="4111111111111111", cvv="987")
SECRET_OF_THE_CARD: Final = ("4111111111111111", "987", "LOVELACE")
PAYMENT: Final = Payment(
    key="demo:basket-1:281474976710655:2",
    channel="demo",
    reference="basket-1",
    amount=3045,
    currency="TRY",
    installments=3,
)
PATIENT_S: Final = 20.0
"""Far more than loopback needs: no test waits for it."""
SHORT_S: Final = 0.3
"""What a test waits that shows that waiting ends."""


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with serving() as service:
        yield service


def gateway(service: PaymentService, *kids: str) -> HttpGateway:
    keys = ",".join(f"{kid}:{SECRETS[kid]}" for kid in kids or ("p1",))
    return HttpGateway(service.url, SecretStr(keys))


def in_s(seconds: float) -> float:
    return time.monotonic() + seconds


def charge(service: PaymentService, within_s: float = PATIENT_S) -> Outcome:
    return gateway(service).charge(PAYMENT, CARD, deadline=in_s(within_s))


def ask(service: PaymentService, *, final: bool = False, within_s: float = PATIENT_S) -> Outcome:
    return gateway(service).ask(PAYMENT, final=final, deadline=in_s(within_s))


def refund(service: PaymentService, within_s: float = PATIENT_S) -> bool:
    return gateway(service).refund(PAYMENT, deadline=in_s(within_s))


# --- what it is sent ----------------------------------------------------------------------------

COMMON: Final = {
    "key": "demo:basket-1:281474976710655:2",
    "channel": "demo",
    "reference": "basket-1",
    "amount": "30.45",
    "currency": "TRY",
    "installments": 3,
}


def test_a_charge_sends_the_payment_and_the_card(service: PaymentService) -> None:
    charge(service)
    (asked,) = service.asked
    card = {
        "number": "4111111111111111",
        "holder": "ADA LOVELACE",
        "month": 12,
        "year": 2030,
        "cvv": "987",
    }
    assert (asked.path, asked.content) == ("/charges", {**COMMON, "card": card})
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("final", [False, True])
def test_a_question_sends_the_payment_and_whether_it_is_final(
    service: PaymentService, final: bool
) -> None:
    ask(service, final=final)
    (asked,) = service.asked
    assert (asked.path, asked.content) == ("/charges/outcome", {**COMMON, "final": final})


def test_a_refund_sends_the_payment_alone(service: PaymentService) -> None:
    refund(service)
    (asked,) = service.asked
    assert (asked.path, asked.content) == ("/charges/refund", COMMON)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "3045"), ("KWD", "3.045")])
def test_an_amount_has_the_digits_of_its_currency(
    service: PaymentService, currency: str, amount: str
) -> None:
    payment = dataclasses.replace(PAYMENT, currency=currency)
    gateway(service).charge(payment, CARD, deadline=in_s(PATIENT_S))
    assert service.asked[0].content["amount"] == amount


def test_a_slash_behind_the_address_is_not_doubled(service: PaymentService) -> None:
    slashed = HttpGateway(service.url + "/", SecretStr("p1:" + SECRETS["p1"]))
    slashed.ask(PAYMENT, final=False, deadline=in_s(PATIENT_S))
    assert service.asked[0].path == "/charges/outcome"


def calls(service: PaymentService) -> list[Callable[[], object]]:
    return [lambda: charge(service), lambda: ask(service), lambda: refund(service)]


def test_every_request_is_signed_and_carries_its_key(service: PaymentService) -> None:
    for call in calls(service):
        call()
    assert [asked.signed_by for asked in service.asked] == ["p1", "p1", "p1"]
    assert {asked.headers["idempotency-key"] for asked in service.asked} == {PAYMENT.key}


def test_the_signature_covers_time_path_and_body(service: PaymentService) -> None:
    charge(service)
    (asked,) = service.asked
    signed = asked.headers["loyalty-money-signature"]
    at = signed.partition(",")[0].removeprefix("t=")
    assert abs(int(at) - time.time()) < 60
    altered = [
        dataclasses.replace(asked, path="/charges/refund"),
        dataclasses.replace(asked, body=asked.body.replace(b"30.45", b"10.45")),
        dataclasses.replace(
            asked,
            headers={"loyalty-money-signature": signed.replace(at, str(int(at) + 1))},
        ),
    ]
    assert [other.signed_by for other in altered] == [None, None, None]


def test_the_first_key_signs_so_that_keys_can_be_changed(service: PaymentService) -> None:
    for kids in (("p1",), ("p2", "p1"), ("p2",)):
        gateway(service, *kids).ask(PAYMENT, final=False, deadline=in_s(PATIENT_S))
    assert [asked.signed_by for asked in service.asked] == ["p1", "p2", "p2"]


# --- definite words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("approved", Outcome.APPROVED),
        ("declined", Outcome.DECLINED),
        ("refunded", Outcome.DECLINED),
    ],
)
def test_a_definite_word_is_the_outcome(
    service: PaymentService, word: str, outcome: Outcome
) -> None:
    service.says(word)
    assert charge(service) is outcome
    assert ask(service) is outcome
    assert refund(service) is (word == "refunded")
    assert len(service.asked) == 3


def test_what_else_an_answer_says_does_not_matter(service: PaymentService) -> None:
    service.answer = b' {"id": 7, "status": "declined", "reason": "stolen"} '
    assert charge(service) is Outcome.DECLINED


@pytest.mark.parametrize(
    "word", ["", "unknown", "pending", "Approved", "approved ", "APPROVED", "refund", "true", "ş"]
)
def test_any_other_word_is_no_answer(service: PaymentService, word: str) -> None:
    service.says(word)
    nothing_is_known(service)


# --- everything else is no answer ---------------------------------------------------------------


def nothing_is_known(service: PaymentService, within_s: float = PATIENT_S) -> None:
    """Check that no call learns anything, and that each sends one request."""
    before = len(service.asked)
    assert charge(service, within_s) is Outcome.UNKNOWN
    assert ask(service, within_s=within_s) is Outcome.UNKNOWN
    assert ask(service, final=True, within_s=within_s) is Outcome.UNKNOWN
    assert refund(service, within_s) is False
    assert len(service.asked) - before == 4


@pytest.mark.parametrize(
    "status", [201, 202, 204, 300, 400, 401, 402, 404, 409, 429, 500, 502, 503]
)
@pytest.mark.parametrize("word", ["approved", "declined", "refunded"])
def test_only_status_200_is_an_answer(service: PaymentService, status: int, word: str) -> None:
    service.status = status
    service.says(word)
    nothing_is_known(service)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(service: PaymentService, status: int) -> None:
    """The card goes to the address that was configured, and nowhere else."""
    with serving() as elsewhere:
        service.status = status
        service.headers = {"Location": elsewhere.url + "/charges"}
        nothing_is_known(service)
        assert elsewhere.asked == []


def test_a_service_that_asks_to_try_again_is_not_tried_again(service: PaymentService) -> None:
    service.status = 503
    service.headers = {"Retry-After": "0"}
    nothing_is_known(service)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"approved",
        b"<html>Sign in</html>",
        b'"approved"',
        b"null",
        b"true",
        b"7",
        b"[]",
        b'["approved"]',
        b'[{"status": "approved"}]',
        b"{}",
        b'{"state": "approved"}',
        b'{"status": null}',
        b'{"status": true}',
        b'{"status": 1}',
        b'{"status": ["approved"]}',
        b'{"status": {"approved": true}}',
        b'{"status": "approved"',
        b'{"status": "approved"} {"status": "declined"}',
        b"{'status': 'approved'}",
        b'\xff{"status": "approved"}',
        b'{"status": "approved\xff"}',
        b"[" * 50_000,
        b'{"status": ' * 8_000,
        b'{"n": ' + b"9" * 5_000 + b', "status": "approved"}',
        b'{"filling": "' + b"x" * MOST_BYTES + b'", "status": "approved"}',
    ],
    ids=lambda answer: answer[:24].decode("latin-1"),
)
def test_broken_huge_or_wrong_json_is_no_answer(service: PaymentService, answer: bytes) -> None:
    service.answer = answer
    nothing_is_known(service)


def test_an_answer_is_read_as_it_comes_and_never_unpacked(service: PaymentService) -> None:
    """A few bytes can unpack into all the memory that there is."""
    service.answer = gzip.compress(b'{"status": "approved"}')
    service.headers = {"Content-Encoding": "gzip"}
    nothing_is_known(service)


def test_what_is_left_of_a_long_answer_is_not_the_next_answer(service: PaymentService) -> None:
    good = service.answer
    service.answer = b"x" * MOST_BYTES + b'HTTP/1.1 200 OK\r\n\r\n{"status": "declined"}'
    assert charge(service) is Outcome.UNKNOWN
    service.answer = good
    assert charge(service) is Outcome.APPROVED


@pytest.mark.parametrize("after", [0, 1, 10, 21])
def test_a_connection_that_is_cut_is_no_answer_and_not_tried_again(
    service: PaymentService, after: int
) -> None:
    service.cuts_after = after
    nothing_is_known(service)


def test_chunks_that_are_none_are_no_answer(service: PaymentService) -> None:
    service.headers = {"Transfer-Encoding": "chunked"}
    service.answer = b'zz\r\n{"status": "approved"}\r\n0\r\n\r\n'
    nothing_is_known(service)


def test_a_service_that_is_gone_is_no_answer() -> None:
    with serving() as gone:
        pass
    assert charge(gone) is Outcome.UNKNOWN
    assert ask(gone, final=True) is Outcome.UNKNOWN
    assert refund(gone) is False


@pytest.mark.parametrize(
    "url", ["http://no-such-name.invalid", "http://127.0.0.1:1", "ftp://x", "http://"]
)
def test_an_address_that_leads_nowhere_is_no_answer(url: str) -> None:
    lost = HttpGateway(url, SecretStr("p1:" + SECRETS["p1"]))
    assert lost.charge(PAYMENT, CARD, deadline=in_s(SHORT_S)) is Outcome.UNKNOWN


# --- the deadline -------------------------------------------------------------------------------


def test_silence_past_the_deadline_is_no_answer(service: PaymentService) -> None:
    service.silent = True
    nothing_is_known(service, SHORT_S)


def test_a_service_that_trickles_is_not_waited_for_beyond_the_deadline(
    service: PaymentService,
) -> None:
    """Each byte comes in time, and the end never: only a limit of the whole ends this test."""
    service.trickles = True
    service.headers = {"Transfer-Encoding": "identity"}
    nothing_is_known(service, SHORT_S)


def test_a_socket_that_takes_nothing_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        lost = HttpGateway(
            f"http://127.0.0.1:{deaf.getsockname()[1]}", SecretStr("p1:" + SECRETS["p1"])
        )
        assert lost.charge(PAYMENT, CARD, deadline=in_s(SHORT_S)) is Outcome.UNKNOWN


@pytest.mark.parametrize("within_s", [0, -1])
def test_nothing_is_sent_after_the_deadline(service: PaymentService, within_s: float) -> None:
    assert charge(service, within_s) is Outcome.UNKNOWN
    assert ask(service, within_s=within_s) is Outcome.UNKNOWN
    assert refund(service, within_s) is False
    assert service.asked == []


def test_no_connection_is_kept_for_the_next_request(service: PaymentService) -> None:
    """One that died while the function slept would swallow a charge."""
    for call in calls(service):
        call()
    assert {asked.headers["connection"] for asked in service.asked} == {"close"}


# --- the card is nobody's business --------------------------------------------------------------


def troubles(service: PaymentService) -> list[dict[str, Any]]:
    """Return every kind of trouble, as what to set on a service."""
    echo = json.dumps({"echo": dataclasses.asdict(CARD)}).encode()
    return [
        {},
        {"status": 400, "answer": echo},
        {"status": 302, "headers": {"Location": service.url}},
        {"answer": echo},
        {"answer": b"4111111111111111"},
        {"answer": b"[" * 50_000},
        {"answer": b'{"status": "4111111111111111"}'},
        {"headers": {"4111111111111111 987": "LOVELACE"}},
        {"headers": {"Transfer-Encoding": "chunked"}, "answer": b"4111111111111111\r\n"},
        {"cuts_after": 3},
        {"silent": True},
    ]


def test_no_log_line_shows_anything_of_a_card(
    service: PaymentService, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever happens, at every level, from us, from urllib3, or from a thread that dies."""
    caplog.set_level(logging.DEBUG)
    plain = dict(vars(service))
    for trouble in troubles(service):
        vars(service).update(plain | trouble)
        charge(service, SHORT_S)
    assert len(service.asked) == len(troubles(service))
    lines = "\n".join(str(vars(record)) for record in caplog.records)
    assert "gateway_refused" in lines
    assert "gateway_unanswered" in lines
    printed = capfd.readouterr()
    for secret in (*SECRET_OF_THE_CARD, SECRETS["p1"]):
        # Alone: a port or a time may hold the three digits of a security code by chance.
        alone = re.compile(rf"(?<![0-9.]){re.escape(secret)}(?![0-9])")
        assert alone.findall(lines) == []
        assert alone.findall(caplog.text) == []
        assert alone.findall(printed.out + printed.err) == []


def test_a_refusal_says_which_question_and_which_status(
    service: PaymentService, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 401
    charge(service)
    (record,) = (r for r in caplog.records if r.name == "loyalty_money")
    assert record.getMessage() == "gateway_refused"
    assert (vars(record)["path"], vars(record)["status"]) == ("/charges", 401)


def test_neither_card_nor_gateway_show_a_secret(service: PaymentService) -> None:
    shown = f"{CARD} {CARD!r} {gateway(service)!r} {gateway(service)}"
    assert "4111111111111111" not in shown
    assert "987" not in shown
    assert SECRETS["p1"] not in shown


# --- what is published --------------------------------------------------------------------------


def test_the_published_signature_is_right() -> None:
    at, path, body = "1795385625", "/charges/refund", b'{"key": "demo:basket-1:7:1"}'
    signed = http_gateway.signature(b"s" * 32, at, path, body)
    assert signed in document("payments.md")


def test_the_published_code_verifies_what_is_sent(service: PaymentService) -> None:
    found = re.search(r"```python\n(.*?)\n```", document("payments.md"), re.DOTALL)
    assert found is not None
    published: dict[str, Any] = {}
    exec(found[1], published)  # noqa: S102 - our own document's example
    is_genuine = published["is_genuine"]
    now = time.time()
    for call in calls(service):
        call()
    for asked in service.asked:
        header = asked.headers["loyalty-money-signature"]
        assert is_genuine(SECRETS, header, asked.path, asked.body, now)
        assert not is_genuine({}, header, asked.path, asked.body, now)
        assert not is_genuine(SECRETS, header, "/", asked.body, now)
        assert not is_genuine(SECRETS, header, asked.path, asked.body + b" ", now)
        assert not is_genuine(SECRETS, header, asked.path, asked.body, now + 600)
        assert not is_genuine(SECRETS, "", asked.path, asked.body, now)


def test_the_published_fields_are_those_that_are_sent(service: PaymentService) -> None:
    text = document("payments.md")
    for call in calls(service):
        call()
    rows = table(text, "field")
    assert {field for cell, _ in rows for field in names(cell)} == set(COMMON)
    paths = [name(path) for path, *_ in table(text, "path")]
    assert paths == [service.asked[i].path for i in range(3)]
    card = table(text, "path")[0][2]
    assert set(names(card)) == {"card", *service.asked[0].content["card"]}
    assert set(names(table(text, "path")[1][2])) == {"final", "true", "false"}


def test_the_published_deadline_is_the_one_in_force() -> None:
    text = document("payments.md")
    assert f"counts for {payments.CHARGE_S:.0f} seconds" in text
    assert f"within {http_gateway.CONNECT_S:.0f} second" in text
    assert f"at most {MOST_BYTES // 1024} KB" in text

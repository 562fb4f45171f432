"""The http gateway: the shop's own payment service, called with signed requests.

docs/payments.md is its contract. Every request is a POST of JSON; anything but a definite word
in an answer of status 200 is no answer.
"""

import hashlib
import hmac
import json
import logging
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

import urllib3
from pydantic import SecretStr

from chalicelib.core.errors import Busy
from chalicelib.core.money import format_amount
from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.logs import log
from chalicelib.outside.keys import signing_key

SIGNATURE: Final = "Loyalty-Money-Signature"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
CONNECT_S: Final = 1.0
MOST_BYTES: Final = 64 * 1024

_CHARGED: Final = {
    "approved": Outcome.APPROVED,
    "declined": Outcome.DECLINED,
    "refunded": Outcome.DECLINED,
}

_NO_ANSWER: Final = (
    urllib3.exceptions.HTTPError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
)
"""What a lost connection raises, and what JSON of another shape, or very deep JSON, does."""

_pool = urllib3.PoolManager(retries=False)

# It prints headers that it cannot read, and nobody knows what a payment service puts there.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _Heard(NamedTuple):
    """What came back: the word of an answer, or else its HTTP status, or the error's name."""

    word: str | None = None
    http_status: int | None = None
    error: str | None = None


class HttpGateway:
    """A payment service at an address; the first of its keys signs."""

    def __init__(self, url: str, keys: SecretStr) -> None:
        self._url = url.rstrip("/")
        self._keys = keys

    def charge(self, payment: Payment, card: Card, *, deadline: float) -> Outcome:
        """Post the charge, with the card's data."""
        shown = {
            "number": card.number,
            "holder": card.holder,
            "month": card.month,
            "year": card.year,
            "cvv": card.cvv,
        }
        return _outcome(self._post("/charges", payment, {"card": shown}, deadline))

    def ask(self, payment: Payment, *, final: bool, deadline: float) -> Outcome:
        """Post the question how the charge ended."""
        return _outcome(self._post("/charges/outcome", payment, {"final": final}, deadline))

    def refund(self, payment: Payment, *, deadline: float) -> bool:
        """Post the wish to give the charge back."""
        return self._post("/charges/refund", payment, {}, deadline) == "refunded"

    def _post(
        self, path: str, payment: Payment, more: dict[str, Any], deadline: float
    ) -> str | None:
        """Return the status that the payment service answers, or None for no definite answer."""
        content = {
            "key": payment.key,
            "channel": payment.channel,
            "reference": payment.reference,
            "amount": format_amount(payment.amount, payment.currency),
            "currency": payment.currency,
            "installments": payment.installments,
            **more,
        }
        body = json.dumps(content).encode()
        try:
            headers = self._headers(path, payment, body)
        except Busy:
            return None  # without a key nothing was sent, which is no answer either
        patience = deadline - time.monotonic()
        if patience <= 0:
            return None
        heard = _within(patience, self._url + path, body, headers)
        if heard.error is not None:
            log.warning("gateway_unanswered", extra={"path": path, "error": heard.error})
        elif heard.word is None:
            log.warning("gateway_refused", extra={"path": path, "status": heard.http_status})
        return heard.word

    def _headers(self, path: str, payment: Payment, body: bytes) -> dict[str, str]:
        kid, secret = signing_key(self._keys)
        at = str(int(time.time()))
        return {
            "Content-Type": "application/json",
            "Connection": "close",
            IDEMPOTENCY_KEY: payment.key,
            SIGNATURE: f"t={at},kid={kid},v1={signature(secret, at, path, body)}",
        }


def signature(secret: bytes, at: str, path: str, body: bytes) -> str:
    """Return the HMAC-SHA256, in hex, of a request's time (s since 1970), path and body."""
    return hmac.new(secret, f"{at}.{path}.".encode() + body, hashlib.sha256).hexdigest()


def _within(patience: float, url: str, body: bytes, headers: dict[str, str]) -> _Heard:
    """Return what is heard within so many seconds, all in all.

    A socket's own time-out begins anew with every byte, and looking a name up has none.
    """
    answers: SimpleQueue[_Heard] = SimpleQueue()

    def work() -> None:
        answers.put(_ask(patience, url, body, headers))

    threading.Thread(target=work, daemon=True).start()
    try:
        return answers.get(timeout=patience)
    except Empty:
        return _Heard(error="TimeoutError")


def _ask(patience: float, url: str, body: bytes, headers: dict[str, str]) -> _Heard:
    """Send one request, on a connection of its own, and return the word of its answer.

    A kept connection may be dead by the time that a function is woken again, and nothing here
    is sent twice.
    """
    try:
        answer = _pool.request(
            "POST",
            url,
            body=body,
            headers=headers,
            redirect=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_S, patience), read=patience),
        )
        try:
            said = answer.read(MOST_BYTES)
        finally:
            answer.close()
        if answer.status != 200:
            return _Heard(http_status=answer.status)
        # What is said too long, or not in JSON, is no answer.
        word = json.loads(said)["status"]
    except _NO_ANSWER as error:
        return _Heard(error=type(error).__name__)
    return _Heard(word=word if isinstance(word, str) else None, http_status=200)


def _outcome(word: str | None) -> Outcome:
    return _CHARGED.get(word or "", Outcome.UNKNOWN)

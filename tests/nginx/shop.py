"""Back ends on loopback: one that writes down what it gets, and a shop's own."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 30.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it reached a back end; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as it reached a caller."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Json:
        content: Json = json.loads(self.body)
        return content

    @property
    def cookies(self) -> list[str]:
        """The cookies that it sets, each with its attributes."""
        return [value for name, value in self.headers if name.lower() == "set-cookie"]


@dataclass(frozen=True, slots=True)
class BackEnd:
    """A back end that runs, and what it has been sent so far."""

    address: str
    sent: list[Sent]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a back end answers: JSON, and cookies that it sets."""

    content: Json
    cookies: tuple[str, ...] = ()


def ask(
    address: str,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Got:
    """Send one request exactly as it is given."""
    host = urlsplit(address).netloc
    connection = HTTPConnection(host, timeout=TIMEOUT_S)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Got(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


@contextmanager
def back_end(answer: Callable[[Sent], Reply]) -> Iterator[BackEnd]:
    """Run a back end that answers by a function."""
    sent: list[Sent] = []

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Sent(self.command, self.path, headers, self.rfile.read(length))
            sent.append(request)
            reply = answer(request)
            body = json.dumps(reply.content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for cookie in reply.cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815  # the base class names them

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield BackEnd(f"http://127.0.0.1:{server.server_port}", sent)
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class OwnBackEnd:
    """What a shop's own back end does for one shopper of the demo channel."""

    loyalty: str
    token: str
    user_pk: str

    def open_account(self, balance: str) -> None:
        """Register the shopper, and open their account in TRY."""
        self._call("PUT", f"users/{self.user_pk}", {"email": f"{self.user_pk}@example.com"})
        wanted = {"user_pk": self.user_pk, "currency": "TRY", "balance": balance}
        self._call("POST", "accounts", wanted | {"debit_card_allowed": False})

    def answer(self, request: Sent) -> Reply:
        """Answer as the shop: the basket brings the session, the shipping page the totals."""
        if request.target == "/baskets/basket/":
            minted = self._call("POST", "sessions", {"user_pk": self.user_pk})
            cookie = f"loyalty_session={minted['session']}; Path=/; HttpOnly; Secure; SameSite=Lax"
            return Reply({"answered_by": "shop"}, ("osessionid=shop123; Path=/; HttpOnly", cookie))
        if "page=ShippingOptionSelectionPage" in request.target:
            order = {
                "reference": f"basket-{self.user_pk}",
                "total_amount": "40.00",
                "shipping_amount": "5.00",
                "shipping_option": {"pk": 3, "name": "Courier"},
            }
            self._call("PUT", f"pre-orders/{self.user_pk}/TRY", order)
        return Reply({"answered_by": "shop"})

    def _call(self, method: str, path: str, body: Json) -> Json:
        got = ask(
            self.loyalty,
            method,
            f"/channels/demo/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        assert got.status in {200, 201}, got.body
        return got.json

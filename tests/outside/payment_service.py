"""A shop's payment service on loopback: keeps every request, and answers as it is told."""

import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

SECRETS: Final = {"p1": "a" * 40, "p2": "b" * 40}
"""The keys that the service verifies with, by key id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        """What the request says."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def signed_by(self) -> str | None:
        """The id of the key that the signature verifies with; None if it does not."""
        signed = dict(
            part.split("=", 1) for part in self.headers["loyalty-money-signature"].split(",")
        )
        text = f"{signed['t']}.{self.path}.".encode() + self.body
        right = hmac.new(SECRETS[signed["kid"]].encode(), text, hashlib.sha256).hexdigest()
        return signed["kid"] if hmac.compare_digest(right, signed["v1"]) else None


class PaymentService:
    """Answers each request with `status`, `headers` and `answer`, unless it is told otherwise."""

    def __init__(self) -> None:
        """Approve whatever is asked, until told otherwise."""
        self.url = ""
        self.asked: list[Asked] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b'{"status": "approved"}'
        self.cuts_after: int | None = None
        """How many bytes of the answer it sends before it breaks the connection off."""
        self.trickles = False
        """Whether it sends its answer byte by byte and never comes to the end."""
        self.silent = False
        """Whether it never begins to answer."""
        self.hushed = threading.Event()
        """Set when whoever is kept waiting may go."""

    def says(self, word: object) -> None:
        """Answer with this status from now on."""
        self.answer = json.dumps({"status": word}).encode()


class _Handler(BaseHTTPRequestHandler):
    service: PaymentService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.service.asked.append(Asked(self.path, headers, body))
        if self.service.silent:
            self.service.hushed.wait(60)
            return
        self._begin()
        if self.service.trickles:
            self._trickle()
        elif self.service.cuts_after is not None:
            self._cut(self.service.cuts_after)
        else:
            self.wfile.write(self.service.answer)

    def do_GET(self) -> None:
        """Take what a redirect of some kinds would be followed with."""
        self.do_POST()

    def _begin(self) -> None:
        self.send_response(self.service.status)
        for name, value in self.service.headers.items():
            self.send_header(name, value)
        if "Transfer-Encoding" not in self.service.headers:
            self.send_header("Content-Length", str(len(self.service.answer)))
        self.end_headers()

    def _trickle(self) -> None:
        # Each byte comes long before any time-out of a socket.
        while not self.service.hushed.wait(0.01):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def _cut(self, after: int) -> None:
        self.wfile.write(self.service.answer[:after])
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def serving() -> Iterator[PaymentService]:
    """Run a payment service on a free port of loopback."""
    service = PaymentService()
    handler = type("Handler", (_Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.hushed.set()
            server.shutdown()
            thread.join()

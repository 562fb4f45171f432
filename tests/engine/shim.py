"""The contention shim: a loopback proxy in front of an engine that does what only AWS does.

No local engine raises a transaction conflict, throttles, reads stale or leaves keys unprocessed.
The shim does, and it loses answers and delivers writes twice: `Faults` says what, and how often.
It is a process of its own, since everybody who writes, in whatever process, must meet in it.

By hand: `python -m tests.engine.shim --upstream http://127.0.0.1:8000 --faults '{"stale": 0.3}'`.
GET /_shim shows faults, seed and counts, PUT changes the faults, DELETE counts from nothing.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from cli.local import PROJECT
from tests.engine.shim_faults import Faults
from tests.engine.shim_items import Answer, Json, Request
from tests.engine.shim_proxy import HOP_BY_HOP, Proxy, Upstream

CONTROL: Final = "/_shim"
_CONNECTIONS: Final = 256
_START_S: Final = 30.0
_CONTROL_S: Final = 90.0
_STOP_S: Final = 30.0

Counts = dict[str, dict[str, int]]


class Shim:
    """A shim in front of the engine at `upstream`, in a process of its own. Use as a context.

    The process ends with the context, or when this process is gone.
    """

    def __init__(self, upstream: str, faults: Faults, *, seed: int) -> None:
        self.seed = seed
        self.address = ""
        self._upstream = upstream
        self._faults = faults
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0), backlog=_CONNECTIONS) as listening:
            self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.engine.shim", "--upstream", self._upstream),
                    *("--faults", self._faults.to_json(), "--seed", str(self.seed)),
                    *("--descriptor", str(listening.fileno())),
                ],
                cwd=PROJECT,
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches the whole group; the shim is stopped by us.
                start_new_session=True,
            )
        try:
            # The socket listens already: the system keeps this until the process takes it up.
            self._control("GET", timeout_s=_START_S)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process. Does nothing where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.wait(_STOP_S)
        assert process.stdin is not None
        process.stdin.close()

    def counts(self) -> Counts:
        """Return how often each kind of thing happened, by operation; `Proxy` says how."""
        counts: Counts = self._control("GET")["counts"]
        return counts

    def total(self, kind: str) -> int:
        """Return how often one kind of thing happened, to whatever operation."""
        return sum(kinds.get(kind, 0) for kinds in self.counts().values())

    def set(self, faults: Faults) -> None:
        """Let other things go wrong, and return once all is done that began before.

        So after `set(Faults())`, with the writers at rest, no late write is still to come.
        """
        self._control("PUT", faults.to_json().encode())

    def reset(self) -> None:
        """Count from nothing."""
        self._control("DELETE")

    def _control(
        self, method: str, body: bytes | None = None, *, timeout_s: float = _CONTROL_S
    ) -> Json:
        request = urllib.request.Request(self.address + CONTROL, body, method=method)
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            shown: Json = json.load(answer)
        return shown


# --- its own process --------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _CONNECTIONS

    def __init__(self, proxy: Proxy, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.proxy = proxy
        self.socket.close()
        self.socket = listening


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Unbuffered answers with Nagle's algorithm stall 44 ms on every kept connection.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer requests until the client is gone, which is no fault of the shim."""
        with suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        """Let a request of DynamoDB's protocol through, or not."""
        headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP}
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = self._body()
        if len(body) < int(self.headers.get("Content-Length", 0)):
            self._cut()  # the client died before it had said it all
            return
        request = Request(operation, json.loads(body), headers)
        answer = self.server.proxy.handle(request, self._cut)
        if answer is None:
            self._cut()
        else:
            self._give(answer)

    def do_GET(self) -> None:
        """Show faults, seed and counts."""
        if self.path != CONTROL:
            self.send_error(404)
            return
        body = json.dumps(self.server.proxy.show()).encode()
        self._give(Answer(200, body, {"Content-Type": "application/json"}))

    def do_PUT(self) -> None:
        """Change the faults."""
        self.server.proxy.set(Faults.from_json(self._body()))
        self.do_GET()

    def do_DELETE(self) -> None:
        """Count from nothing."""
        self.server.proxy.reset()
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing: the counts tell."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _give(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _outlive_nobody() -> None:
    """End when the parent is gone: it holds the other end of standard input, and never writes."""
    os.read(0, 1)
    os._exit(0)


def main() -> None:
    """Run a shim until told to stop."""
    options = argparse.ArgumentParser(description="A proxy that does what only AWS does.")
    options.add_argument("--upstream", required=True, help="address of the engine")
    options.add_argument("--faults", default="{}", help="as JSON, by the names of Faults")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument("--descriptor", type=int, help="a listening socket to take over")
    given = options.parse_args()
    if given.descriptor is None:
        listening = socket.create_server(("127.0.0.1", given.port), backlog=_CONNECTIONS)
    else:
        listening = socket.socket(fileno=given.descriptor)
        threading.Thread(target=_outlive_nobody, daemon=True).start()
    proxy = Proxy(Upstream(given.upstream), Faults.from_json(given.faults), given.seed)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    _Server(proxy, listening).serve_forever()


if __name__ == "__main__":
    main()

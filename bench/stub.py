"""An engine that does nothing: it answers each request at once with what was recorded.

`python -m bench.stub FILE` reads the answers and prints its port. What it costs to ask it is what
our own process does, and the way through the loopback.
"""

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Final

MARK: Final = b"known-"
"""What the id of a transfer that was made before begins with."""


def serve(answers: dict[str, str]) -> None:
    """Answer on any port until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(connection, answers), daemon=True).start()


def _answer(connection: socket.socket, answers: dict[str, str]) -> None:
    with connection, connection.makefile("rb") as stream:
        while line := stream.readline():
            length, target = 0, b""
            while (line := stream.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif name.lower() == b"x-amz-target":
                    target = value.strip().rpartition(b".")[2]
            body = stream.read(length)
            kind = f"{target.decode()} known" if MARK in body else target.decode()
            content = answers.get(kind, "{}").encode()
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
                b"Content-Length: %d\r\n\r\n" % len(content)
            )
            connection.sendall(head + content)


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text()))

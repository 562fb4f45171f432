"""The embedded engine: DynamoDB's interface on loopback, in a process and environment of its own.

ministack saves its state when it is stopped in good order, which includes the death of its
parent; an engine that is killed itself loses what came after its last stop.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Final, Self

from cli.local import PROJECT, LocalError

PYTHON: Final = PROJECT / ".engine" / "venv" / "bin" / "python"

DYNAMODB_ALONE: Final[Mapping[str, str]] = {"SERVICES": "dynamodb,dynamodbstreams"}

_CHILD: Final = PROJECT / "cli" / "engine_child.py"
_START_S: Final = 60.0
_STOP_S: Final = 60.0


class Engine:
    """One engine with its state and log in `folder`. Use as a context to stop it in good order.

    `python` is the one of its environment, if another than ours; `variables` are ministack's own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        python: Path | None = None,
        variables: Mapping[str, str] = DYNAMODB_ALONE,
    ) -> None:
        self._folder = folder
        self._python = python or PYTHON
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def log(self) -> Path:
        """The file that the engine writes its messages to."""
        return self._folder / "engine.log"

    def forget(self) -> None:
        """Drop the saved state. The engine must not be running."""
        assert self._process is None
        shutil.rmtree(self._folder / "state", ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start on a free loopback port and return once it answers.

        Raises `LocalError` when its environment is missing or it does not come up.
        """
        if not self._python.exists():
            missing = f"The engine is not installed ({self._python} is missing)"
            raise LocalError(f"{missing}: `make run` does.")
        (self._folder / "state").mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as listening, self.log.open("ab") as log:
            port = listening.getsockname()[1]
            self.address = f"http://127.0.0.1:{port}"
            self._process = subprocess.Popen(
                # -P: the folder cli/ must not come first, where token.py hides Python's own.
                [self._python, "-P", _CHILD, str(listening.fileno())],
                env=self._environment(port),
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal reaches the whole group; the engine is stopped by us.
                start_new_session=True,
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in good order, so that the state is saved. Does nothing where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise LocalError(
                f"The engine did not stop within {_STOP_S:.0f} s and was killed, so its state was "
                f"not saved; {self.log} says more."
            ) from None
        finally:
            assert process.stdin is not None
            process.stdin.close()

    def wait(self) -> int:
        """Wait until the process ends, for whatever reason, and return its exit status."""
        assert self._process is not None
        return self._process.wait()

    @property
    def process_id(self) -> int:
        """The engine's own process."""
        assert self._process is not None
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the process that was started runs no more."""
        return self._process is None or self._process.poll() is not None

    def _environment(self, port: int) -> dict[str, str]:
        return {
            "HOME": str(self._folder),
            "PATH": os.defpath,
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._folder / "state"),
            "LOG_LEVEL": "WARNING",
            **self._variables,
        }

    def _await_answer(self) -> None:
        process = self._process
        assert process is not None
        deadline = time.monotonic() + _START_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.address}/_ministack/health", timeout=5):  # noqa: S310
                    return
            except (OSError, HTTPException, urllib.error.URLError):
                time.sleep(0.05)
        tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        raise LocalError("The engine did not start:\n  " + "\n  ".join(tail))

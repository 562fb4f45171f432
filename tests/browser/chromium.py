"""Runs Chromium without a window, and speaks the DevTools protocol with it over a pipe.

A pipe needs no port, and the browser ends with it: when the tests end, however they end.
"""

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.browser.install import program

Json = dict[str, Any]

CALL_S: Final = 30.0
_STOP_S: Final = 20.0
_FROM: Final = 10
"""The pipes' numbers begin here, so that none is 3 or 4, where the browser looks for them."""

_LAUNCH: Final = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
_SWITCHES: Final = (
    "--headless",
    "--remote-debugging-pipe",
    # The tests open our own pages on loopback, and containers' root may not have a sandbox.
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--lang=en-US",
)
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{home}/fonts</dir><cachedir>{folder}/fonts</cachedir></fontconfig>
"""


class BrowserError(Exception):
    """The browser refused a command, or did not answer."""


class Chromium:
    """One browser, with its profile and log in `folder`. Use as a context to end it."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder; `__enter__` starts the browser."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._to = self._from = -1
        self._read = b""
        self._number = 0
        self.events: deque[Json] = deque()
        """What the browser has told unasked, oldest first; its reader takes it out."""

    def __enter__(self) -> Self:
        reads, self._to = _pipe()
        self._from, writes = _pipe()
        browser = program()
        profile = f"--user-data-dir={self._folder / 'profile'}"
        launch = [sys.executable, "-c", _LAUNCH, str(reads), str(writes)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launch, str(browser), *_SWITCHES, profile],
                pass_fds=(reads, writes),
                env=_environment(browser.parent, self._folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(reads)
        os.close(writes)
        self.call("Browser.getVersion")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        assert self._process is not None
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "chromium.log"

    def call(self, method: str, session: str | None = None, /, **parameters: object) -> Json:
        """Send a command of the protocol and return its result. Raises `BrowserError`."""
        self._number += 1
        message: Json = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._send(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + CALL_S
        while True:
            answer = self.receive(deadline)
            if answer.get("id") != self._number:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise BrowserError(f"{method}: {answer['error']['message']}")
            result: Json = answer["result"]
            return result

    def receive(self, deadline: float) -> Json:
        """Return the browser's next message. Raises `BrowserError` when none comes in time."""
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._from, 1 << 20) if ready else b""
            if not part:
                what = "ended" if ready else "does not answer"
                tail = self._log.read_text(errors="replace").strip().splitlines()[-5:]
                raise BrowserError("\n  ".join([f"The browser {what}:", *tail]))
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        found: Json = json.loads(message)
        return found

    def _send(self, message: bytes) -> None:
        while message:
            message = message[os.write(self._to, message) :]


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FROM) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _environment(home: Path, folder: Path) -> dict[str, str]:
    """Return the browser's variables: its own libraries and font, and a home to be thrown away."""
    # Pages look the same wherever they are looked at: with this font and no other.
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(home=home, folder=folder))
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "en_US.UTF-8",
        "TZ": "UTC",
        "LD_LIBRARY_PATH": str(home / "lib"),
        "FONTCONFIG_FILE": str(fonts),
    }

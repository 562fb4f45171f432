"""`serve`: starts everything or nothing, and ends what it started."""

import json
import os
import re
import signal
import socket
import stat
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from cli import serve
from cli.local import ServiceFile
from tests.house.service import Service, run_cli, running, until


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_busy_port_is_named_and_nothing_is_started(tmp_path: Path, busy_port: int) -> None:
    done = run_cli(tmp_path, "serve", "--port", str(busy_port))
    assert done.returncode == 1
    assert f"Port {busy_port} is busy" in done.stderr
    assert "make run PORT=" in done.stderr
    assert not (tmp_path / ".local" / "engine").exists()


def test_a_second_service_in_the_same_folder_is_refused(service: Service) -> None:
    done = run_cli(service.folder, "serve", "--port", "0")
    assert done.returncode == 1
    assert "runs already" in done.stderr
    assert service.address in done.stderr


def test_the_service_file_is_for_its_owner_only(service: Service) -> None:
    file = ServiceFile(service.folder / ".local")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read()["ADDRESS"] == service.address


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_without_a_traceback(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as service:
        endpoint = ServiceFile(tmp_path / ".local").read()["DYNAMODB_ENDPOINT"]
        assert service.stop(number) == 0
    output = (tmp_path / "serve.out").read_text()
    assert "Traceback" not in output
    assert "the state is saved" in output
    assert not listens(endpoint)
    assert not listens(service.address)


def test_keys_and_state_outlive_an_orderly_restart(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        before = ServiceFile(tmp_path / ".local").read()
        assert service.stop() == 0
    loaded = (tmp_path / ".local" / "engine" / "demo-loaded").stat().st_mtime_ns
    between = ServiceFile(tmp_path / ".local").read()
    with running(tmp_path):
        after = ServiceFile(tmp_path / ".local").read()
        assert after["SIGNING_KEYS"] == before["SIGNING_KEYS"]
        assert after["STAFF_KEYS"] == before["STAFF_KEYS"]
    assert "ADDRESS" not in between
    assert (tmp_path / ".local" / "engine" / "demo-loaded").stat().st_mtime_ns == loaded


def test_the_death_of_the_engine_ends_the_service(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
        if not children.exists():
            pytest.skip("needs the process table of Linux")
        (engine,) = children.read_text().split()
        os.kill(int(engine), signal.SIGKILL)
        assert service.process.wait(20) == 1
    assert "The engine ended by itself" in (tmp_path / "serve.out").read_text()


@pytest.mark.parametrize("path", ["/console", "/console/"])
def test_the_console_is_at_its_address_with_and_without_a_slash(
    service: Service, path: str
) -> None:
    with urllib.request.urlopen(service.address + path, timeout=30) as answer:
        assert answer.url == f"{service.address}/console/"
        page = answer.read().decode()
    (script,) = re.findall(r'src="([^"]+)"', page)
    with urllib.request.urlopen(urljoin(answer.url, script), timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_every_page_is_announced_and_the_console_first(service: Service) -> None:
    output = service.folder / "serve.out"
    # It answers before it is announced.
    until(lambda: "Ctrl-C ends" in output.read_text(), "the announcement")
    lines = output.read_text().splitlines()
    addresses = [line.rpartition(" ")[2] for line in lines if service.address in line]
    pages = [address for address in addresses if address.endswith("/")]
    assert pages == [f"{service.address}/{page}/" for page in ("console", "demo", "docs")]


def test_a_console_that_is_not_built_is_announced_with_the_command_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "PROJECT", tmp_path)
    serve._announce_console("http://127.0.0.1:8000")
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "The admin console at http://127.0.0.1:8000/console/ is not built: make console"


def test_a_command_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "tables")
    assert done.returncode == 1
    assert "make run" in done.stderr


def listens(address: str) -> bool:
    host, _, port = address.removeprefix("http://").partition(":")
    for _ in range(20):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) != 0:
                return False
        time.sleep(0.05)
    return True


def test_the_service_file_holds_strings_only(service: Service) -> None:
    values = json.loads((service.folder / ".local" / "service.json").read_text())
    assert all(isinstance(value, str) for value in values.values())

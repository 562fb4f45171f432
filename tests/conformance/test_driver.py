"""The driver finds a service out that is wrong; and how the client is fetched."""

import hashlib
import json
import re
import tarfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.local import LocalError
from tests.conformance.browser import Step, Storefront, Tab, hold
from tests.conformance.client import HERE, bundle, install
from tests.npm import Package

pytestmark = pytest.mark.proof

# --- a service that is wrong -------------------------------------------------------------------

Answer = tuple[int, Any]
PRE_ORDER = {"payment_option": {"pk": 1}, "installment": None, "basket": {}}


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[str]:
    """Run a service that answers each path by a function; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answer(self.path)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def envelope(errors: object = None, **context: object) -> Answer:
    contexts = [{"page_name": "AnyPage", "page_slug": "anypage", "page_context": context}]
    return 200, {"context_list": contexts, "errors": errors, "pre_order": PRE_ORDER}


def step_on(answer: Callable[[str], Answer], folder: Path, *calls: str) -> Step:
    """Return the last of some calls on a service that answers so."""
    step: Step | None = None
    with serving(answer) as address, Storefront(address, folder) as storefront:
        tab = storefront.open_tab("ada", {"osessionid": "s"})
        for name in calls:
            [step] = storefront.call_all((tab, name, "1"))
    assert step is not None
    return step


def test_a_refused_plan_that_stays_on_offer_is_posted_for_ever(tmp_path: Path) -> None:
    def offer_the_same(path: str) -> Answer:
        if "Installment" in path:
            return envelope({"non_field_errors": ["No."]})
        return envelope(installments=[{"pk": 1}])

    step = step_on(offer_the_same, tmp_path, "fetchCheckout")
    assert step.endless
    with pytest.raises(AssertionError, match="InstallmentSelectionPage"):
        hold(step)


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_refusal_by_its_status_locks_the_view(tmp_path: Path, status: int) -> None:
    step = step_on(lambda _: (status, {}), tmp_path, "setBinNumber")
    assert [asked.status for asked in step.asked] == [status] * 4
    assert (step.busy, len(step.rejections)) == (True, 1)
    with pytest.raises(AssertionError):
        hold(step)


def test_a_context_without_content_breaks_the_client(tmp_path: Path) -> None:
    contexts = [{"page_name": "EmptyPage", "page_context": None}]
    answer = {"context_list": contexts, "errors": None, "pre_order": PRE_ORDER}
    step = step_on(lambda _: (200, answer), tmp_path, "payWithLoyaltyBalance")
    with pytest.raises(AssertionError, match="redirect_url"):
        hold(step)


def test_a_balance_that_is_a_number_is_found(tmp_path: Path) -> None:
    step = step_on(lambda _: envelope(balance=50.5), tmp_path, "getCheckoutLoyaltyBalance")
    with pytest.raises(AssertionError):
        hold(step)


def test_a_needless_request_is_found(tmp_path: Path) -> None:
    def offer(path: str) -> Answer:
        return envelope(installments=[]) if "Installment" in path else envelope(installments=[{}])

    with serving(offer) as address, Storefront(address, tmp_path) as storefront:
        tab: Tab = storefront.open_tab("ada", {})
        with pytest.raises(AssertionError, match="InstallmentSelectionPage"):
            tab.call("payWithLoyaltyBalance", "1")


# --- how the client is fetched -----------------------------------------------------------------


def test_every_package_is_pinned_by_its_content_and_names_no_place() -> None:
    text = (HERE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert len(packages) > len(wanted)
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert '"resolved"' not in text


class Registry:
    """Stands for npm and what it reaches: it packs one archive and installs nothing."""

    def __init__(self, folder: Path) -> None:
        self.npm = folder / "npm"
        self.home = folder / "engines" / "client"
        self.asked = folder / "asked"
        archive = folder / "client.tgz"
        (folder / "content").write_text("the client")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder / "content", "package/data/client.ts")
        digest = b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        self.package = Package("@shop/client", "1.0.0", f"sha512-{digest}")
        self.answers(pack=f'cp "{archive}" .', ci="mkdir node_modules")

    def answers(self, pack: str, ci: str) -> None:
        script = f'echo "$@" >> "{self.asked}"\ncase "$1" in pack) {pack} ;; ci) {ci} ;; esac\n'
        self.npm.write_text(f"#!/bin/sh\n{script}")
        self.npm.chmod(0o755)

    def install(self) -> None:
        install(self.home, self.package, self.npm)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_the_client_is_fetched_once_and_runs_no_script_of_its_own(registry: Registry) -> None:
    registry.install()
    registry.install()
    unpacked = registry.home / "node_modules" / "@shop" / "client" / "data" / "client.ts"
    assert unpacked.read_text() == "the client"
    assert registry.asked.read_text().splitlines() == [
        "pack --loglevel=error --ignore-scripts @shop/client@1.0.0",
        "ci --ignore-scripts --loglevel=error",
    ]


@pytest.mark.parametrize(
    ("pack", "ci", "message"),
    [
        ("echo other > client.tgz", "mkdir node_modules", "not the archive that we know"),
        ("exit 1", "mkdir node_modules", "The storefront client, which the tests need"),
        (
            None,
            "echo 'no route' >&2; exit 1",
            r"could not be fetched \(no route\): run `make test`",
        ),
    ],
)
def test_what_cannot_be_had_is_told_and_leaves_nothing(
    registry: Registry, pack: str | None, ci: str, message: str
) -> None:
    registry.answers(pack or f'cp "{registry.npm.parent}/client.tgz" .', ci)
    with pytest.raises(LocalError, match=message):
        registry.install()
    assert [*registry.home.parent.iterdir()] == []


def test_a_client_that_was_not_fetched_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="`make test` fetches it"):
        bundle(tmp_path, tmp_path)

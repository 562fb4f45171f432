"""What tests of every room may use: hypothesis profiles, an engine, a service, a browser."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from cli.engine import Engine
from tests import rights
from tests.browser.chromium import Chromium
from tests.house.service import Service, running

settings.register_profile(
    "test",
    max_examples=50,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "proof", settings.get_profile("test"), max_examples=2000, stateful_step_count=60
)
settings.load_profile("test")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell even when they pass, by `record_property("report", text)`."""
    for outcome in ("passed", "failed"):
        for result in terminalreporter.getreports(outcome):
            for name, text in result.user_properties:
                if name == "report":
                    terminalreporter.write_line(str(text))
    if rights.is_whole_run(terminalreporter.config):
        for right in rights.unused():
            terminalreporter.write_line(f"FAILED: nothing uses {right}", red=True)


@pytest.fixture(scope="session", autouse=True)
def _rights() -> Iterator[None]:
    """Hold every request to the rights of its function."""
    with pytest.MonkeyPatch.context() as patch:
        rights.hold_to_rights(patch)
        yield


def pytest_testnodedown(node: object) -> None:
    """Gather what a worker's tests have used of the rights."""
    rights.gather(node)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a whole run fail where a right, or an operation of the package, was used by nothing."""
    rights.keep(session)
    if rights.is_whole_run(session.config) and rights.unused():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Run an embedded engine of this test process's own; `engine.address` is its endpoint."""
    with Engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run a whole service of this test process's own, with demo data.

    Tests share it: let each work in a channel of its own where it changes what others read.
    """
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Run one browser for this test process; each test opens tabs of its own."""
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser

"""What tests of every room may use: hypothesis profiles, an engine, a service, a browser."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from cli.engine import Engine
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

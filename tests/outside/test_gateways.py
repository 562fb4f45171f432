"""Which payment gateways a deployment has."""

from collections.abc import Iterator
from typing import get_args

import pytest

from chalicelib.core.settings import GatewayName
from chalicelib.outside.gateways import gateway_named, why_missing
from chalicelib.outside.http_gateway import HttpGateway
from chalicelib.outside.sandbox import Sandbox
from tests.store.engine import ENVIRONMENT, forget

SERVICE = {"GATEWAY_URL": "https://pay.example", "GATEWAY_KEYS": "p1:" + "p" * 40}

each_stage = pytest.mark.parametrize("stage", ["local", "dev", "prod"])


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with an environment that has no payment service."""
    for name in SERVICE:
        monkeypatch.delenv(name, raising=False)
    yield
    forget()


def deployed(monkeypatch: pytest.MonkeyPatch, stage: str, **more: str) -> None:
    for name, value in (ENVIRONMENT | {"STAGE": stage} | more).items():
        monkeypatch.setenv(name, value)
    forget()


@each_stage
def test_none_is_no_gateway_and_misses_nothing(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    deployed(monkeypatch, stage, **SERVICE)
    assert gateway_named("none") is None
    assert why_missing("none") is None


@each_stage
def test_the_sandbox_is_everywhere_but_in_production(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """It would complete orders that nobody pays."""
    deployed(monkeypatch, stage, **SERVICE)
    found, missing = gateway_named("sandbox"), why_missing("sandbox")
    if stage == "prod":
        assert found is None
        assert missing is not None
        assert "use http, or none" in missing
    else:
        assert isinstance(found, Sandbox)
        assert missing is None


@each_stage
def test_http_is_where_a_payment_service_is_set(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    deployed(monkeypatch, stage)
    assert gateway_named("http") is None
    missing = why_missing("http")
    assert missing is not None
    assert "set GATEWAY_URL and GATEWAY_KEYS" in missing
    deployed(monkeypatch, stage, **SERVICE)
    assert isinstance(gateway_named("http"), HttpGateway)
    assert why_missing("http") is None


@each_stage
@pytest.mark.parametrize("name", ["", "HTTP", "sandbox ", "stripe"])
def test_no_other_name_is_a_gateway(monkeypatch: pytest.MonkeyPatch, stage: str, name: str) -> None:
    """A payment may have begun with a gateway that is no longer there."""
    deployed(monkeypatch, stage, **SERVICE)
    assert gateway_named(name) is None
    assert name not in get_args(GatewayName)

"""Rings of keys that AWS keeps: a key is changed while functions run, and nobody is signed out."""

from collections.abc import Iterator
from typing import Any, Final

import botocore.session
import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from pydantic import SecretStr

from chalicelib import auth
from chalicelib.core.errors import Busy
from chalicelib.outside import aws, keys
from chalicelib.outside.keys import (
    ASK_AGAIN_S,
    KNOWN_TO_ALL_S,
    LIFE_S,
    Kept,
    signing_key,
    verifying_key,
)
from tests.clock import Clock, stopped
from tests.store.engine import ENVIRONMENT, UNSET, forget

OLD: Final = "k1:" + "a" * 40
NEW: Final = "k2:" + "b" * 40
LATE: Final = KNOWN_TO_ALL_S + 1


class Secret:
    """A secret of Secrets Manager, and how often it was read."""

    def __init__(self, client: Any, text: str) -> None:
        self._client = client
        self.arn = client.create_secret(Name="ring", SecretString=text)["ARN"]
        self.reads = 0
        self.fault: Exception | None = None
        aws.client("secretsmanager").meta.events.register("before-call", self._count)

    def put(self, text: str) -> None:
        self._client.put_secret_value(SecretId=self.arn, SecretString=text)

    @property
    def ring(self) -> SecretStr:
        return SecretStr(self.arn)

    def _count(self, **_: object) -> None:
        self.reads += 1
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped(keys) as clock:
        yield clock


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Secret]:
    with mock_aws():
        for name in UNSET:
            monkeypatch.delenv(name, raising=False)
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        forget()
        aws.forget_clients()
        region = ENVIRONMENT["AWS_DEFAULT_REGION"]
        client = botocore.session.get_session().create_client("secretsmanager", region)
        yield Secret(client, OLD)
    forget()
    aws.forget_clients()


def kept(secret: Secret) -> Kept:
    """Return the ring as another process sees it."""
    return Kept(secret.arn)


def test_a_ring_is_read_once_and_when_it_is_first_needed(secret: Secret) -> None:
    assert secret.reads == 0
    assert signing_key(secret.ring) == ("k1", b"a" * 40)
    assert verifying_key(secret.ring, "k1") == b"a" * 40
    assert secret.reads == 1


def test_keys_of_a_variable_are_asked_of_nobody(secret: Secret) -> None:
    ring = SecretStr(f"{NEW},{OLD}")
    assert signing_key(ring) == ("k2", b"b" * 40)
    assert verifying_key(ring, "k1") == b"a" * 40
    assert verifying_key(ring, "k3") is None
    assert secret.reads == 0


def test_what_aws_has_generated_is_a_key_by_itself(secret: Secret) -> None:
    secret.put("g" * 64)
    assert signing_key(secret.ring) == ("k1", b"g" * 64)


def test_a_change_is_seen_within_minutes(secret: Secret, clock: Clock) -> None:
    assert signing_key(secret.ring)[0] == "k1"
    secret.put(f"{NEW},{OLD}")
    clock.now_s += LIFE_S - 1
    assert signing_key(secret.ring)[0] == "k1"
    clock.now_s += LATE
    assert signing_key(secret.ring)[0] == "k2"
    assert verifying_key(secret.ring, "k1") == b"a" * 40


def test_a_new_key_signs_once_every_process_knows_it(secret: Secret, clock: Clock) -> None:
    """Else one that has read it would sign what another one cannot verify."""
    early, late = kept(secret), kept(secret)
    assert [early.signing()[0], late.signing()[0]] == ["k1", "k1"]
    clock.now_s += LIFE_S - 1
    secret.put(f"{NEW},{OLD}")
    fresh = kept(secret)
    changed_s = clock.now_s
    while clock.now_s < changed_s + 2 * KNOWN_TO_ALL_S:
        # Whoever signs at any time is understood by all others at that time.
        for signer in (early, late, fresh):
            kid, key = signer.signing()
            assert [each.keys().get(kid) for each in (early, late, fresh)] == [key] * 3
        clock.now_s += 20
    assert {each.signing()[0] for each in (early, late, fresh)} == {"k2"}


def test_a_key_without_another_signs_at_once(secret: Secret, clock: Clock) -> None:
    """So that one that was stolen can be ended."""
    secret.put(NEW)
    assert signing_key(secret.ring)[0] == "k2"
    assert verifying_key(secret.ring, "k1") is None


def test_an_unknown_key_is_asked_for_and_not_too_often(secret: Secret, clock: Clock) -> None:
    """Anybody can send unknown ids."""
    assert verifying_key(secret.ring, "k1")
    secret.put(f"{NEW},{OLD}")
    assert verifying_key(secret.ring, "k2") is None
    clock.now_s += ASK_AGAIN_S + 1
    assert verifying_key(secret.ring, "k2") == b"b" * 40
    assert secret.reads == 2
    for number in range(50):
        assert verifying_key(secret.ring, f"x{number}") is None
    assert secret.reads == 2


def test_keys_stay_while_aws_is_silent(
    secret: Secret, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert signing_key(secret.ring)[0] == "k1"
    secret.fault = ReadTimeoutError(endpoint_url="https://secrets.example")
    clock.now_s += LATE
    assert signing_key(secret.ring)[0] == "k1"
    assert [record.message for record in caplog.records] == ["keys_unread"]
    assert signing_key(secret.ring)[0] == "k1"
    assert secret.reads == 2, "it is asked for again when it is old again, and not each time"


def test_without_keys_a_call_is_told_to_come_again(secret: Secret) -> None:
    secret.fault = ReadTimeoutError(endpoint_url="https://secrets.example")
    with pytest.raises(Busy):
        signing_key(secret.ring)
    secret.fault = None
    assert signing_key(secret.ring)[0] == "k1"


@pytest.mark.parametrize("text", ["short", "k1:short", f"{OLD},{OLD}", '{"k1":"' + "a" * 40 + '"}'])
def test_a_ring_that_cannot_be_read_ends_nothing_and_is_not_told(
    secret: Secret, clock: Clock, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    assert signing_key(secret.ring)[0] == "k1"
    secret.put(text)
    clock.now_s += LATE
    assert signing_key(secret.ring)[0] == "k1"
    assert "keys_unread" in caplog.text
    assert not [r for r in caplog.records if "a" * 40 in str(r.__dict__) or "short" in str(r.args)]


def test_sessions_outlive_a_change_of_keys(
    secret: Secret, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_KEYS", secret.arn)
    forget()
    session = auth.seal("session", {"c": "demo", "u": "1001", "i": 1, "e": 2})
    assert session.startswith("1_k1_")
    secret.put(f"{NEW},{OLD}")
    clock.now_s += LATE
    assert auth.unseal("session", session) is not None
    clock.now_s += LATE
    assert auth.seal("session", {}).startswith("1_k2_")
    secret.put(NEW)
    clock.now_s += LATE
    assert auth.unseal("session", session) is None

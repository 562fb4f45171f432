"""Commands for a deployed stage: what they take from it, and `rotate`, a new key for it."""

import os
from collections.abc import Iterator
from typing import Any, Final

import botocore.session
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from chalicelib.config import config
from chalicelib.outside import aws
from cli.__main__ import app
from cli.local import LocalError
from cli.rotate import renewed
from tests.store.engine import ENVIRONMENT, UNSET, forget

FIRST: Final = "g" * 64
"""A ring as AWS generates it."""


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set the variables of a deployed stage, with rings that AWS keeps."""
    with mock_aws():
        for name in UNSET:
            monkeypatch.delenv(name, raising=False)
        region = ENVIRONMENT["AWS_DEFAULT_REGION"]
        client: Any = botocore.session.get_session().create_client("secretsmanager", region)
        rings = {
            name: client.create_secret(Name=name, SecretString=FIRST)["ARN"]
            for name in ("SIGNING_KEYS", "STAFF_KEYS")
        }
        for name, value in {**ENVIRONMENT, **rings, "STAGE": "prod"}.items():
            monkeypatch.setenv(name, value)
        forget()
        aws.forget_clients()
        yield client
    forget()
    aws.forget_clients()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["rotate", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def ring(secrets: Any) -> list[str]:
    text = secrets.get_secret_value(SecretId=os.environ["SIGNING_KEYS"])["SecretString"]
    return [part.partition(":")[0] for part in text.split(",")]


def test_a_key_that_leaked_is_ended_at_once(secrets: Any) -> None:
    said = run("signing", "--keep", "0")
    assert "no other key is good" in said
    assert ring(secrets) == ["k2"]


def test_two_changes_in_a_row_would_end_a_key_that_still_signs(secrets: Any) -> None:
    with pytest.raises(LocalError, match=r"wait [0-9]+ s"):
        run("signing")
    assert secrets.get_secret_value(SecretId=os.environ["SIGNING_KEYS"])["SecretString"] == FIRST


def test_the_older_key_stays_good(secrets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.rotate.KNOWN_TO_ALL_S", 0.0)
    said = run("signing")
    assert "Still good: k1." in said
    assert ring(secrets) == ["k2", "k1"]
    run("signing")
    assert ring(secrets) == ["k3", "k2"]
    run("signing", "--keep", "5")
    assert ring(secrets) == ["k4", "k3", "k2"]


def test_no_secret_is_printed(secrets: Any) -> None:
    assert FIRST not in run("signing", "--keep", "0")
    text = secrets.get_secret_value(SecretId=os.environ["SIGNING_KEYS"])["SecretString"]
    assert len(text.partition(":")[2]) >= 64


def test_a_ring_that_the_stage_does_not_have_is_told(secrets: Any) -> None:
    with pytest.raises(LocalError, match="no gateway keys"):
        run("gateway")


def test_keys_that_are_not_kept_by_aws_are_not_changed(
    secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_KEYS", "k1:" + "s" * 40)
    config.cache_clear()
    with pytest.raises(LocalError, match="not in AWS Secrets Manager"):
        run("signing")


@pytest.mark.parametrize(
    ("ids", "new"), [(["k1"], "k2"), (["k9", "k10"], "k11"), (["old"], "k1"), (["d7", "k2"], "k8")]
)
def test_a_new_key_has_an_id_of_its_own(ids: list[str], new: str) -> None:
    text = renewed(dict.fromkeys(ids, b"s" * 40), len(ids))
    assert [part.partition(":")[0] for part in text.split(",")] == [new, *ids]


def test_a_stack_that_cannot_be_read_is_told_with_the_remedy(
    secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TABLE_PREFIX")
    with pytest.raises(LocalError, match=r"loyalty-money-prod cannot be read.*AWS_PROFILE"):
        run("signing")


def test_a_shop_gets_no_demo_data(secrets: Any) -> None:
    with pytest.raises(LocalError, match="Stage prod gets no demo data"):
        CliRunner().invoke(app, ["demo"], catch_exceptions=False)

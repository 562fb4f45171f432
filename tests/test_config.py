"""The environment: what is missing or malformed stops the start, and no key is ever shown."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr, ValidationError

from chalicelib.config import LOCAL_SERVICE_FILE, Config, check_on_start, config, key_ring
from tests.store.engine import forget

PROJECT: Final = Path(__file__).resolve().parent.parent
GOOD: Final = {
    "STAGE": "prod",
    "TABLE_PREFIX": "loyalty-",
    "SIGNING_KEYS": "k1:" + "s" * 40,
    "STAFF_KEYS": "d1:" + "t" * 40,
    "DISTRIBUTION_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/distributions",
    "EVENT_BUS": "loyalty-money-prod",
    "EVENT_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
}
OIDC: Final = {
    "OIDC_ISSUER": "https://staff.example",
    "OIDC_AUDIENCE": "loyalty",
    "OIDC_JWKS_URL": "https://staff.example/jwks.json",
}
CONSOLE: Final = OIDC | {"CONSOLE_CLIENT_ID": "console"}
GATEWAY: Final = {
    "GATEWAY_URL": "https://pay.example/loyalty",
    "GATEWAY_KEYS": "p1:" + "g" * 40,
}
NAMES: Final = [name.upper() for name in Config.model_fields]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin in an empty folder with none of the variables set."""
    monkeypatch.chdir(tmp_path)
    for name in (*NAMES, "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()


def given(monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> None:
    for name, value in (GOOD | variables).items():
        if value is not None:
            monkeypatch.setenv(name, value)


def test_a_complete_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **OIDC)
    read = config()
    assert (read.stage, read.table_prefix) == ("prod", "loyalty-")
    assert read.oidc_jwks_url == OIDC["OIDC_JWKS_URL"]
    assert read.dynamodb_endpoint is None


@pytest.mark.parametrize("name", ["STAGE", "TABLE_PREFIX", "SIGNING_KEYS", "STAFF_KEYS"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_or_empty_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    given(monkeypatch, **{name: value})
    with pytest.raises(ValidationError, match=name.lower() if name != "STAFF_KEYS" else name):
        config()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STAGE", "production"),
        ("STAGE", "LOCAL"),
        ("TABLE_PREFIX", "a/b"),
        ("TABLE_PREFIX", "x" * 65),
        ("TABLE_PREFIX", "a\n"),
    ],
)
def test_what_is_malformed_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given(monkeypatch, **{name: value})
    with pytest.raises(ValidationError):
        config()


@pytest.mark.parametrize("missing", OIDC)
def test_the_three_oidc_variables_go_together(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    given(monkeypatch, **{name: value for name, value in OIDC.items() if name != missing})
    with pytest.raises(ValidationError, match="go together"):
        config()


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployed_stage_reads_the_providers_keys_over_https_alone(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Whoever can alter the answer on its way would sign staff tokens of his own."""
    given(monkeypatch, **OIDC, STAGE=stage)
    assert config().oidc_jwks_url == OIDC["OIDC_JWKS_URL"]
    config.cache_clear()
    monkeypatch.setenv("OIDC_JWKS_URL", "http://staff.example/jwks.json")
    with pytest.raises(ValidationError, match="https"):
        config()


def test_oidc_alone_lets_staff_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, STAFF_KEYS=None, **OIDC)
    assert config().staff_keys is None


@pytest.mark.parametrize("missing", GATEWAY)
@pytest.mark.parametrize("value", [None, ""])
def test_the_two_gateway_variables_go_together(
    monkeypatch: pytest.MonkeyPatch, missing: str, value: str | None
) -> None:
    given(monkeypatch, **{**GATEWAY, missing: value})
    with pytest.raises(ValidationError, match="GATEWAY_URL and GATEWAY_KEYS go together"):
        config()


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployed_stage_sends_cards_over_https_alone(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    given(monkeypatch, **GATEWAY, STAGE=stage)
    assert config().gateway_url == GATEWAY["GATEWAY_URL"]
    config.cache_clear()
    monkeypatch.setenv("GATEWAY_URL", "http://pay.example/loyalty")
    with pytest.raises(ValidationError, match="it is sent card data"):
        config()


def test_a_local_stage_may_send_made_up_cards_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **(GATEWAY | {"GATEWAY_URL": "http://127.0.0.1:9"}), STAGE="local")
    assert config().gateway_url == "http://127.0.0.1:9"


def test_a_console_asks_for_openid_alone_and_speaks_with_the_issuer_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, **CONSOLE | {"OIDC_ISSUER": "https://staff.example:8443/realms/shop/"})
    assert config().console_scope == "openid"
    assert config().console_connects == ("https://staff.example:8443",)


def test_a_console_may_be_given_other_scopes_and_further_origins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(
        monkeypatch,
        **CONSOLE,
        CONSOLE_SCOPE="openid loyalty/admin",
        CONSOLE_ORIGINS=" https://auth.example   https://staff.example ",
    )
    assert config().console_scope == "openid loyalty/admin"
    assert config().console_connects == ("https://staff.example", "https://auth.example")


def test_a_deployment_without_a_console_s_client_speaks_with_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, **OIDC, CONSOLE_ORIGINS="https://auth.example")
    assert config().console_connects == ()


def test_a_console_s_client_needs_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CONSOLE_CLIENT_ID="console")
    with pytest.raises(ValidationError, match="CONSOLE_CLIENT_ID needs the three OIDC variables"):
        config()


@pytest.mark.parametrize("issuer", ["staff.example", "http://staff.example", "https://", "urn:x"])
def test_a_console_s_provider_has_an_address_to_sign_in_at(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    given(monkeypatch, **CONSOLE | {"OIDC_ISSUER": issuer})
    with pytest.raises(ValidationError, match="begins with https"):
        config()


@pytest.mark.parametrize(
    "origins",
    [
        "https://auth.example/",
        "https://auth.example/path",
        "http://auth.example",
        "auth.example",
        "*",
        "https://*.example",
        "'unsafe-inline'",
        "https://auth.example; script-src *",
        "https://auth.example,https://staff.example",
    ],
)
def test_what_is_no_origin_never_reaches_the_page_s_policy(
    monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    given(monkeypatch, **CONSOLE, CONSOLE_ORIGINS=origins)
    with pytest.raises(ValidationError, match="write CONSOLE_ORIGINS as https://host"):
        config()


@pytest.mark.parametrize(
    "keys",
    [
        "k1",
        "k1:",
        ":" + "s" * 40,
        "k1:" + "s" * 31,
        "k1:" + "s" * 40 + ",",
        "k1:" + "s" * 40 + ",k2:short",
        "k-1:" + "s" * 40,
        "k_1:" + "s" * 40,
        "é:" + "s" * 40,
        "s" * 60,
    ],
)
def test_a_short_or_malformed_key_is_refused(keys: str) -> None:
    with pytest.raises(ValueError, match="at least 32 characters"):
        key_ring(SecretStr(keys))


def test_two_keys_of_one_name_are_refused() -> None:
    """The one would silently take the other's place, and end every session that it sealed."""
    with pytest.raises(ValueError, match="k1"):
        key_ring(SecretStr("k1:" + "a" * 40 + ",k1:" + "b" * 40))


def test_keys_are_read_in_their_order() -> None:
    ring = key_ring(SecretStr(" k2:" + "b" * 32 + " , k1:" + "a:" * 20))
    assert list(ring.items()) == [("k2", b"b" * 32), ("k1", b"a:" * 20)]


@pytest.mark.parametrize(
    "changed",
    [
        {"SIGNING_KEYS": "k1:short"},
        {"STAFF_KEYS": "d1:short"},
        {"SIGNING_KEYS": None},
        {"STAFF_KEYS": None},
        {"STAGE": "nowhere"},
        {"DISTRIBUTION_QUEUE": None},
        {"DISTRIBUTION_QUEUE": ""},
        {"STAGE": "local", "DISTRIBUTION_QUEUE": None},
        {"EVENT_BUS": None},
        {"EVENT_DEAD_LETTERS": None},
        {"OIDC_ISSUER": "https://staff.example"},
        {"CONSOLE_CLIENT_ID": "console"},
        {"GATEWAY_URL": "https://pay.example"},
        {"GATEWAY_KEYS": GATEWAY["GATEWAY_KEYS"]},
        GATEWAY | {"GATEWAY_KEYS": "p1:short"},
        GATEWAY | {"GATEWAY_URL": "http://pay.example"},
    ],
)
def test_a_deployed_start_stops_at_once(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None]
) -> None:
    """Not at the first request, when the function is live already."""
    given(monkeypatch, **changed)
    check_on_start()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "api")
    with pytest.raises((ValidationError, ValueError)):
        check_on_start()


def test_a_deployed_start_with_a_complete_environment_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, **GATEWAY, AWS_LAMBDA_FUNCTION_NAME="api")
    assert check_on_start()


def test_only_a_function_must_know_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command works on its messages itself; a function would forget them."""
    given(monkeypatch, DISTRIBUTION_QUEUE=None)
    assert not check_on_start()
    assert config().distribution_queue is None
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "api")
    with pytest.raises(ValueError, match="set DISTRIBUTION_QUEUE"):
        check_on_start()


@pytest.mark.parametrize(
    "changed",
    [
        {"STAFF_KEYS": None},
        {"STAGE": "nowhere"},
        {"TABLE_PREFIX": None},
        {"OIDC_ISSUER": "https://staff.example"},
        {"SIGNING_KEYS": "k1:topsecret"},
        {"STAFF_KEYS": "d1:topsecret"},
        GATEWAY | {"GATEWAY_KEYS": "p1:topsecret"},
        {"GATEWAY_KEYS": "p1:topsecret" + "g" * 40},
    ],
)
def test_a_stopped_start_prints_no_key(tmp_path: Path, changed: dict[str, str | None]) -> None:
    """What a start prints goes to the log, which more people read than may know a key."""
    keys = {"SIGNING_KEYS": "k1:topsecret" + "s" * 40, "STAFF_KEYS": "d1:topsecret" + "t" * 40}
    env = {k: v for k, v in (GOOD | keys | changed).items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=tmp_path,
        env=env
        | {
            "AWS_LAMBDA_FUNCTION_NAME": "api",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert "topsecret" not in printed
    assert "sss" not in printed
    assert "ttt" not in printed
    assert "ggg" not in printed


def test_a_configuration_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **GATEWAY)
    for text in (repr(config()), str(config()), config().model_dump_json()):
        assert "sss" not in text
        assert "ttt" not in text
        assert "ggg" not in text


def test_stage_local_reads_what_the_local_service_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    _write_service_file(GOOD | {"STAGE": "prod", "DYNAMODB_ENDPOINT": "http://127.0.0.1:1"})
    monkeypatch.setenv("STAGE", "local")
    monkeypatch.setenv("TABLE_PREFIX", "mine-")
    read = config()
    assert (read.stage, read.table_prefix) == ("local", "mine-")
    assert read.dynamodb_endpoint == "http://127.0.0.1:1"
    assert read.signing_keys.get_secret_value() == GOOD["SIGNING_KEYS"]


@pytest.mark.parametrize("stage", ["dev", "prod", None])
def test_no_other_stage_reads_it(monkeypatch: pytest.MonkeyPatch, stage: str | None) -> None:
    """A file that somebody left in the package must never bring keys or an engine of its own."""
    _write_service_file(GOOD | {"STAGE": "local", "DYNAMODB_ENDPOINT": "http://127.0.0.1:1"})
    if stage is not None:
        monkeypatch.setenv("STAGE", stage)
    with pytest.raises(ValidationError):
        config()


def test_stage_local_without_that_file_has_no_default_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "local")
    with pytest.raises(ValidationError, match="signing_keys"):
        config()


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test client takes the environment away during a request."""
    given(monkeypatch)
    first = config()
    monkeypatch.setenv("TABLE_PREFIX", "another-")
    assert config() is first


def _write_service_file(values: dict[str, str]) -> None:
    LOCAL_SERVICE_FILE.parent.mkdir()
    LOCAL_SERVICE_FILE.write_text(json.dumps(values))

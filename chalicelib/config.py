"""The environment of a deployment, read once and lazily.

Lazily, because tools and tests set the environment after import. In stage `local`, and only
there, a variable that is unset is taken from the file that `python -m cli serve` writes.
"""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

LOCAL_SERVICE_FILE: Final = Path(".local") / "service.json"

_ORIGIN: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?|http://127\.0\.0\.1:[0-9]+")
"""What the console may speak with; unencrypted only where nothing leaves the machine."""


class Config(BaseModel):
    """Every variable that the service reads; an unknown stage or a missing key stops the start."""

    # What a stopped start prints goes to the log: never the values, which hold keys.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    stage: Literal["local", "dev", "prod"]
    table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    dynamodb_endpoint: str | None = None
    signing_keys: Annotated[SecretStr, Field(min_length=1)]
    staff_keys: SecretStr | None = None
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks_url: str | None = None
    console_client_id: str | None = None
    console_scope: str = "openid"
    console_origins: str = ""
    distribution_queue: str | None = None
    event_bus: str | None = None
    event_dead_letters: str | None = None
    gateway_url: str | None = None
    gateway_keys: SecretStr | None = None

    @model_validator(mode="after")
    def _staff_can_sign_in(self) -> Self:
        oidc = (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url)
        if any(oidc) and not all(oidc):
            raise ValueError("OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL go together")
        if self.stage != "local" and not (self.oidc_jwks_url or "https:").startswith("https:"):
            raise ValueError("OIDC_JWKS_URL must begin with https: whoever alters keys signs in")
        if self.staff_keys is None and not all(oidc):
            raise ValueError("set STAFF_KEYS, or the three OIDC variables")
        return self

    @model_validator(mode="after")
    def _console_can_sign_in(self) -> Self:
        if self.console_client_id is None:
            return self
        if self.oidc_issuer is None:
            raise ValueError("CONSOLE_CLIENT_ID needs the three OIDC variables")
        if not _ORIGIN.match(self.oidc_issuer):
            raise ValueError("CONSOLE_CLIENT_ID needs an OIDC_ISSUER that begins with https://")
        if not all(_ORIGIN.fullmatch(origin) for origin in self.console_origins.split()):
            raise ValueError("write CONSOLE_ORIGINS as https://host, parted by spaces")
        return self

    @model_validator(mode="after")
    def _gateway_is_whole(self) -> Self:
        if bool(self.gateway_url) != bool(self.gateway_keys):
            raise ValueError("GATEWAY_URL and GATEWAY_KEYS go together")
        if self.stage != "local" and not (self.gateway_url or "https:").startswith("https:"):
            raise ValueError("GATEWAY_URL must begin with https: it is sent card data")
        return self

    @property
    def console_connects(self) -> tuple[str, ...]:
        """The origins that the console may speak with when staff sign in, beside its own."""
        issuer = _ORIGIN.match(self.oidc_issuer or "")
        if self.console_client_id is None or issuer is None:
            return ()
        return tuple(dict.fromkeys([issuer[0], *self.console_origins.split()]))


@lru_cache(maxsize=1)
def config() -> Config:
    """Return the configuration; the first call reads the environment.

    Raises `pydantic.ValidationError` when a variable is missing or malformed.
    """
    names = [name.upper() for name in Config.model_fields]
    values = {name: os.environ[name] for name in names if os.environ.get(name)}
    if values.get("STAGE") == "local":
        values = _local_service() | values
    return Config.model_validate({name.lower(): value for name, value in values.items()})


def is_local() -> bool:
    """Return whether this is a developer's own service: never a function, never a packaging."""
    deployed = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    return os.environ.get("STAGE") == "local" and not deployed


def check_on_start() -> bool:
    """Stop a deployed start whose configuration is missing or malformed.

    Returns whether this is a deployed start: packaging, too, imports the application, and has
    no environment.
    """
    if not os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return False
    if config().distribution_queue is None:
        raise ValueError("set DISTRIBUTION_QUEUE: what a function keeps to itself is lost")
    if config().event_bus is None or config().event_dead_letters is None:
        raise ValueError("set EVENT_BUS and EVENT_DEAD_LETTERS: events would be lost")
    for keys in (config().signing_keys, config().staff_keys, config().gateway_keys):
        if keys is not None and not is_kept(keys):
            key_ring(keys)
    return True


def is_kept(keys: SecretStr) -> bool:
    """Return whether a variable names a secret that AWS keeps, instead of being the keys."""
    return keys.get_secret_value().startswith("arn:")


@lru_cache(maxsize=4)
def key_ring(keys: SecretStr) -> dict[str, bytes]:
    """Return `kid:secret[,kid:secret]` as key id to secret; the first one signs.

    Raises `ValueError` for a malformed list or a secret of under 32 characters.
    """
    ring: dict[str, bytes] = {}
    for part in keys.get_secret_value().split(","):
        kid, _, secret = part.strip().partition(":")
        if not (kid.isascii() and kid.isalnum()) or len(secret) < 32:
            raise ValueError("write keys as kid:secret, with at least 32 characters of secret")
        if kid in ring:
            raise ValueError(f"two keys have the id {kid}: give each its own")
        ring[kid] = secret.encode()
    return ring


def _local_service() -> dict[str, str]:
    if not LOCAL_SERVICE_FILE.exists():
        return {}
    values: dict[str, str] = json.loads(LOCAL_SERVICE_FILE.read_text())
    return values

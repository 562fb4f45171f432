"""The staff's identity provider: its public signing keys, by JWKS."""

from functools import lru_cache
from typing import Final

from jwt import PyJWK, PyJWKClient

TIMEOUT_S: Final = 2
KEYS_LIFE_S: Final = 3600


def signing_key(jwks_url: str, token: str) -> PyJWK:
    """Return the public key that the token's `kid` names; keys are kept for an hour.

    Raises `jwt.PyJWTError` when the key is unknown or the provider does not answer.
    """
    return _client(jwks_url).get_signing_key_from_jwt(token)


@lru_cache(maxsize=4)
def _client(jwks_url: str) -> PyJWKClient:
    return PyJWKClient(jwks_url, cache_keys=True, lifespan=KEYS_LIFE_S, timeout=TIMEOUT_S)

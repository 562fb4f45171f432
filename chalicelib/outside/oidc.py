"""The staff's identity provider: its public signing keys, by JWKS."""

import threading
import time
from functools import lru_cache
from typing import Final

import jwt
from jwt import PyJWK, PyJWKClient

TIMEOUT_S: Final = 2
KEYS_LIFE_S: Final = 3600
ASK_AGAIN_S: Final = 30
"""How soon an unknown key id may make us ask again: anybody can send unknown ones."""


class Provider:
    """One identity provider's keys, kept for an hour, asked for anew when a key is new."""

    def __init__(self, jwks_url: str) -> None:
        self._client = PyJWKClient(jwks_url, lifespan=KEYS_LIFE_S, timeout=TIMEOUT_S)
        self._asked_s = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> PyJWK:
        """Return the key of this id. Raises `jwt.PyJWKClientError` for an unknown one."""
        with self._lock:
            found = self._find(kid, refresh=False)
            if found is None and time.monotonic() - self._asked_s > ASK_AGAIN_S:
                self._asked_s = time.monotonic()
                found = self._find(kid, refresh=True)
        if found is None:
            raise jwt.PyJWKClientError("unknown key id")
        return found

    def _find(self, kid: str, *, refresh: bool) -> PyJWK | None:
        try:
            keys = self._client.get_jwk_set(refresh=refresh).keys
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # PyJWT lets through a connection cut in mid-answer, and the parser's own errors.
            raise jwt.PyJWKClientConnectionError("the provider sent no key set") from error
        return next((key for key in keys if key.key_id == kid), None)


def signing_key(jwks_url: str, kid: str) -> PyJWK:
    """Return the public key that a token's `kid` names.

    Raises `jwt.PyJWKClientError` for an unknown one, and `jwt.PyJWKClientConnectionError` when
    the provider does not answer.
    """
    return _provider(jwks_url).key(kid)


@lru_cache(maxsize=4)
def _provider(jwks_url: str) -> Provider:
    return Provider(jwks_url)

"""Rings of keys that sign and verify: a variable's own text, or a secret that AWS keeps.

A ring is `kid:secret[,kid:secret]`: the first key signs, each verifies. Where the variable names a
secret of AWS Secrets Manager, the ring is read when it is first needed, and then again every few
minutes and for a key that it does not hold. So a key is changed without a deployment, and no
process meets a signature of a key that it cannot know yet: decision 0014 says how.
"""

import threading
import time
from functools import lru_cache
from typing import Final

from pydantic import SecretStr

from chalicelib.config import is_kept, key_ring
from chalicelib.core.errors import Busy
from chalicelib.logs import log
from chalicelib.outside.aws import AwsError, client

LIFE_S: Final = 300.0
"""How long what was read is used, seconds."""

ASK_AGAIN_S: Final = 30.0
"""How soon an unknown key id may make us ask again: anybody can send unknown ones."""

KNOWN_TO_ALL_S: Final = LIFE_S + 60
"""After this every process has read a change, with a minute for clocks that differ."""

GENERATED: Final = "k1"
"""The id of the one key of a secret that is as AWS has generated it: without an id."""


def signing_key(ring: SecretStr) -> tuple[str, bytes]:
    """Return the id and the secret of the key that signs. Raises `Busy`."""
    if not is_kept(ring):
        return next(iter(key_ring(ring).items()))
    return _kept(ring).signing()


def verifying_key(ring: SecretStr, kid: str) -> bytes | None:
    """Return the secret of a key of the ring, or None without one of this id. Raises `Busy`."""
    keys = _kept(ring).keys(wanted=kid) if is_kept(ring) else key_ring(ring)
    return keys.get(kid)


def ring_of(text: str) -> dict[str, bytes]:
    """Return the keys of a secret's text by their ids. Raises `ValueError` for a malformed one."""
    return key_ring(SecretStr(text if ":" in text else f"{GENERATED}:{text}"))


def forget_keys() -> None:
    """Drop what was read, so that the next call reads it again."""
    _kept.cache_clear()


class Kept:
    """A ring that AWS keeps. Any number of threads may ask it."""

    def __init__(self, arn: str) -> None:
        """Begin without reading anything."""
        self._arn = arn
        self._keys: dict[str, bytes] = {}
        self._changed_s = float("-inf")
        self._asked_s = float("-inf")
        self._lock = threading.Lock()

    def keys(self, *, wanted: str | None = None) -> dict[str, bytes]:
        """Return the keys by their ids, read anew where they are old or lack the wanted one."""
        with self._lock:
            life_s = LIFE_S if wanted is None or wanted in self._keys else ASK_AGAIN_S
            if not self._keys or time.monotonic() - self._asked_s > life_s:
                self._ask()
            return self._keys

    def signing(self) -> tuple[str, bytes]:
        """Return the first key; the second, as long as some process may not know the first."""
        first, *others = self.keys().items()
        is_known = time.monotonic() - self._changed_s > KNOWN_TO_ALL_S
        return first if is_known or not others else others[0]

    def _ask(self) -> None:
        self._asked_s = time.monotonic()
        try:
            answer = client("secretsmanager").get_secret_value(SecretId=self._arn)
            keys = ring_of(answer["SecretString"])
        except (*AwsError, KeyError, ValueError) as error:
            # What a message of botocore's or of ours says: names, never the secret.
            log.error("keys_unread", extra={"reason": str(error)})
            if not self._keys:
                raise Busy("The keys cannot be read; try again in a moment.") from error
            return
        age_s = time.time() - answer["CreatedDate"].timestamp()
        self._keys, self._changed_s = keys, self._asked_s - age_s


@lru_cache
def _kept(ring: SecretStr) -> Kept:
    return Kept(ring.get_secret_value())

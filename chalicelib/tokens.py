"""Bearer tokens: JWTs, signed with a shared key or by the staff's identity provider.

It brings cryptography along, which is slow to load: nothing may import it at the start.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import jwt

from chalicelib.config import config
from chalicelib.core.errors import Busy, NotSignedIn
from chalicelib.outside import oidc
from chalicelib.outside.keys import verifying_key

if TYPE_CHECKING:
    from jwt.types import Options

AUDIENCE: Final = "loyalty-money"
"""The audience of tokens that are signed with a shared key."""


def sign(claims: Mapping[str, Any], kid: str, secret: bytes) -> str:
    """Return claims as a token, signed with a shared key."""
    named = {**claims, "aud": AUDIENCE}
    return jwt.encode(named, secret, algorithm="HS256", headers={"kid": kid})


def verify(token: str) -> dict[str, Any]:
    """Return the claims of a genuine token.

    Raises `NotSignedIn`, or `Busy` when a key cannot be asked for.
    """
    try:
        return _verify(token)
    except jwt.PyJWKClientConnectionError as error:
        raise Busy("The identity provider does not answer; try again in a moment.") from error
    except jwt.PyJWTError as error:
        raise NotSignedIn("The bearer token is not valid: wrong, expired or altered.") from error


def _verify(token: str) -> dict[str, Any]:
    """Return the claims of a genuine token; the algorithm follows from the key, not the token."""
    settings = config()
    required: Options = {"require": ["exp", "iat", "sub"]}
    kid = str(jwt.get_unverified_header(token).get("kid", ""))
    shared = settings.staff_keys
    secret = None if shared is None else verifying_key(shared, kid)
    if secret is not None:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], audience=AUDIENCE, options=required
        )
        return claims
    if settings.oidc_jwks_url is None:
        raise jwt.InvalidKeyError("unknown key id")
    decoded: dict[str, Any] = jwt.decode(
        token,
        oidc.signing_key(settings.oidc_jwks_url, kid),
        algorithms=["RS256", "ES256"],
        audience=settings.oidc_audience,
        issuer=settings.oidc_issuer,
        options=required,
    )
    return decoded

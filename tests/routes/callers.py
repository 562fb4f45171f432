"""Every kind of caller there is, each as the headers that it sends.

A false credential has one defect and no other: but for that defect it would be let in.
"""

import base64
import datetime
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib import auth, tokens
from tests.outside.provider import Provider
from tests.routes.shop import SIGNING_SECRET, STAFF_SECRET, Shop

ATTACKER_RSA: Final = rsa.generate_private_key(65537, 2048)
HOUR: Final = datetime.timedelta(hours=1)
SECOND: Final = datetime.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class World:
    """What a caller makes its credential from; `scope` is the one that the route needs."""

    shop: Shop
    provider: Provider
    scope: str

    def claims(self, **changed: object) -> dict[str, Any]:
        """Return the claims of a good token of the shared key, with some changed or taken out."""
        claims = self.provider.claims(self.scope, iss=None, aud=tokens.AUDIENCE)
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, **changed: object) -> str:
        """Return such claims as a token of the shared key."""
        return signed(self.claims(**changed))

    def as_shopper(self, user_pk: str, channel: str = "demo", **changed: object) -> str:
        """Return a shopper's token."""
        return self.token(sub=user_pk, channels=[channel], scope="shopper", **changed)


Headers = dict[str, str]
Caller = Callable[[World], Headers]


def signed(
    claims: Mapping[str, Any], secret: str = STAFF_SECRET, kid: str | None = "d1", **header: object
) -> str:
    """Return a token of the shared key, or of one that somebody made up."""
    headers = header if kid is None else {"kid": kid, **header}
    return jwt.encode(dict(claims), secret, "HS256", headers=headers)


def forged(claims: Mapping[str, Any], secret: bytes, **header: object) -> str:
    """Return an HS256 token over any secret, one that is a public key included."""
    head, body = _part({"typ": "JWT", "alg": "HS256", **header}), _part(_in_seconds(claims))
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_base64(mac)}"


def unsigned(claims: Mapping[str, Any], **header: object) -> str:
    """Return a token that says it needs no signature."""
    return f"{_part({'typ': 'JWT', 'alg': 'none', **header})}.{_part(_in_seconds(claims))}."


def _in_seconds(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims with their times as JSON holds them."""
    moment = datetime.datetime
    return {k: int(v.timestamp()) if isinstance(v, moment) else v for k, v in claims.items()}


def sealed(
    purpose: str,
    content: Mapping[str, object],
    *,
    secret: str = SIGNING_SECRET,
    kid: str = "k1",
    version: str = "1",
) -> str:
    """Return a seal as it is specified, made without the service's own code."""
    text = json.dumps(content, separators=(",", ":")).encode()
    payload = base64.b32encode(text).decode().rstrip("=")
    signed_text = f"{purpose}.{kid}.{payload}".encode()
    mac = hmac.new(secret.encode(), signed_text, hashlib.sha256).hexdigest()
    return f"{version}_{kid}_{payload}_{mac}"


def session_of(
    shop: Shop, user_pk: str, channel: str = "demo", ago: datetime.timedelta = SECOND
) -> dict[str, object]:
    """Return what a session holds that was opened some time ago."""
    issued = int((shop.now - ago).timestamp() * 1000)
    return {"c": channel, "u": user_pk, "i": issued, "e": issued + 7_200_000}


def bearer(token: str) -> Headers:
    """Return a token as a header."""
    return {"Authorization": f"Bearer {token}"}


def cookie(value: str, name: str = "osessionid") -> Headers:
    """Return a session as a cookie among others."""
    return {"Cookie": f"pz-locale=en; {name}={value}; pz-currency=try", "x-currency": "try"}


def _part(content: Mapping[str, object]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _with_payload_of(token: str, other: str) -> str:
    head, _, mac = token.split(".")
    return f"{head}.{other.split('.')[1]}.{mac}"


def _without_signature(token: str) -> str:
    return token.rpartition(".")[0] + "."


def _altered(text: str, position: int) -> str:
    position %= len(text)
    other = "b" if text[position] != "b" else "c"
    return text[:position] + other + text[position + 1 :]


def _with_user_of(session: str, other: str) -> str:
    version, kid, _, mac = session.split("_")
    return "_".join((version, kid, other.split("_")[2], mac))


def _pem(world: World) -> bytes:
    key = world.provider.rsa.public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _ec_pem(world: World) -> bytes:
    key = world.provider.ec.public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _jwk(key: rsa.RSAPrivateKey) -> object:
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def _oidc(world: World, **changed: object) -> dict[str, Any]:
    return world.provider.claims(world.scope, **changed)


# --- who may come in somewhere --------------------------------------------------------------

NOBODY: Final[Mapping[str, Caller]] = {
    "nobody": lambda _: {},
    "nobody with the cookie of a shop's own back end": lambda _: cookie("3f2b9c0d4e5f60718293"),
}

ADA: Final[Mapping[str, Caller]] = {
    "Ada by osessionid": lambda w: cookie(w.shop.session()),
    "Ada by loyalty_session": lambda w: cookie(w.shop.session(), "loyalty_session"),
    "Ada beside the shop's own session": lambda w: {
        "Cookie": f"osessionid=shop123; loyalty_session={w.shop.session()}",
        "x-currency": "try",
    },
    "Ada by bearer": lambda w: bearer(w.as_shopper("1001")),
    "Ada by the provider's bearer": lambda w: bearer(
        w.provider.rs256(w.provider.claims("shopper"))
    ),
}

GRACE: Final[Mapping[str, Caller]] = {
    "Grace by osessionid": lambda w: cookie(w.shop.session("1002")),
    "Grace by bearer": lambda w: bearer(w.as_shopper("1002")),
    "Grace by bearer with Ada's cookie": lambda w: {
        **bearer(w.as_shopper("1002")),
        **cookie(w.shop.session()),
    },
}

BOB: Final[Mapping[str, Caller]] = {
    "Bob of another channel, with Ada's user_pk": lambda w: cookie(w.shop.session("1001", "other")),
    "Bob by bearer": lambda w: bearer(w.as_shopper("1001", "other")),
}

ELSEWHERE: Final[Mapping[str, Caller]] = {
    "staff of another channel": lambda w: bearer(w.token(channels=["other"], scope=_every())),
    "staff of no channel": lambda w: bearer(w.token(channels=[], scope=_every())),
    "staff of channels with names like it": lambda w: bearer(
        w.token(channels=["dem", "demo2", "DEMO", "*", ""], scope=_every())
    ),
}

LACKING: Final[Mapping[str, Caller]] = {
    "staff with every scope but the one": lambda w: bearer(w.token(scope=_every(but=w.scope))),
    "staff without a scope": lambda w: bearer(w.token(scope="")),
    "staff with scopes nobody knows": lambda w: bearer(w.token(scope=f"root *  x{w.scope}")),
}

SCOPED: Final[Mapping[str, Caller]] = {
    "exactly the scope": lambda w: bearer(w.token()),
    "exactly the scope, from the provider, by RS256": lambda w: bearer(w.provider.rs256(_oidc(w))),
    "exactly the scope, from the provider, by ES256": lambda w: bearer(w.provider.es256(_oidc(w))),
}

ADMIN: Final[Mapping[str, Caller]] = {
    "admin": lambda w: bearer(w.token(scope="admin")),
}

# --- who may come in nowhere ----------------------------------------------------------------

FALSE_BEARER: Final[Mapping[str, Caller]] = {
    "expired": lambda w: bearer(w.token(iat=w.shop.now - 2 * HOUR, exp=w.shop.now - SECOND)),
    "not valid yet": lambda w: bearer(w.token(nbf=w.shop.now + HOUR)),
    "issued in the future": lambda w: bearer(
        w.token(iat=w.shop.now + HOUR, exp=w.shop.now + 2 * HOUR)
    ),
    "wrong key": lambda w: bearer(signed(w.claims(), secret="x" * 48)),
    "unknown key id": lambda w: bearer(signed(w.claims(), kid="d2")),
    "key id that is no text": lambda w: bearer(forged(w.claims(), STAFF_SECRET.encode(), kid=1)),
    "no key id": lambda w: bearer(signed(w.claims(), kid=None)),
    "payload of another token": lambda w: bearer(
        _with_payload_of(w.token(scope="read", channels=["other"]), w.token())
    ),
    "altered signature": lambda w: bearer(_altered(w.token(), -20)),
    "no signature": lambda w: bearer(_without_signature(w.token())),
    "alg none": lambda w: bearer(unsigned(w.claims(), kid="d1")),
    "alg none without key id": lambda w: bearer(unsigned(w.claims())),
    "alg none with the provider's key id": lambda w: bearer(unsigned(_oidc(w), kid="rsa1")),
    "HS512 of the shared key": lambda w: bearer(
        jwt.encode(w.claims(), STAFF_SECRET * 2, "HS512", headers={"kid": "d1"})
    ),
    "HS256 with the provider's RSA public key": lambda w: bearer(
        forged(_oidc(w), _pem(w), kid="rsa1")
    ),
    "HS256 with the provider's elliptic public key": lambda w: bearer(
        forged(_oidc(w), _ec_pem(w), kid="ec1")
    ),
    "HS256 of the shared key with the provider's key id": lambda w: bearer(
        forged(_oidc(w), STAFF_SECRET.encode(), kid="rsa1")
    ),
    "RS256 with the shared key's id": lambda w: bearer(w.provider.rs256(w.claims(), kid="d1")),
    "RS256 with a key of one's own": lambda w: bearer(
        jwt.encode(_oidc(w), ATTACKER_RSA, "RS256", headers={"kid": "rsa1"})
    ),
    "RS256 with a key that the token brings": lambda w: bearer(
        jwt.encode(
            _oidc(w), ATTACKER_RSA, "RS256", headers={"kid": "rsa1", "jwk": _jwk(ATTACKER_RSA)}
        )
    ),
    "PS256 of the provider": lambda w: bearer(
        jwt.encode(_oidc(w), w.provider.rsa, "PS256", headers={"kid": "rsa1"})
    ),
    "RS256 under the elliptic key's id": lambda w: bearer(w.provider.rs256(_oidc(w), kid="ec1")),
    "provider's, expired": lambda w: bearer(
        w.provider.rs256(_oidc(w, iat=w.shop.now - 2 * HOUR, exp=w.shop.now - SECOND))
    ),
    "another issuer": lambda w: bearer(w.provider.rs256(_oidc(w, iss="https://evil.example"))),
    "no issuer": lambda w: bearer(w.provider.rs256(_oidc(w, iss=None))),
    "provider's for another audience": lambda w: bearer(
        w.provider.rs256(_oidc(w, aud=tokens.AUDIENCE))
    ),
    "provider's without audience": lambda w: bearer(w.provider.rs256(_oidc(w, aud=None))),
    "another audience": lambda w: bearer(w.token(aud="another-service")),
    "no audience": lambda w: bearer(w.token(aud=None)),
    "no subject": lambda w: bearer(w.token(sub=None)),
    "subject that is no text": lambda w: bearer(w.token(sub=1001)),
    "no expiry": lambda w: bearer(w.token(exp=None)),
    "expiry that is no time": lambda w: bearer(w.token(exp="soon")),
    "no time of issue": lambda w: bearer(w.token(iat=None)),
    "no channels": lambda w: bearer(w.token(channels=None)),
    "channels as text": lambda w: bearer(w.token(channels="demo")),
    "channels that are no text": lambda w: bearer(w.token(channels=["demo", 1])),
    "no scope": lambda w: bearer(w.token(scope=None)),
    "scope as a list": lambda w: bearer(w.token(scope=[w.scope])),
    "shopper and staff at once": lambda w: bearer(w.token(scope=f"shopper {_every()}")),
    "shopper of two channels": lambda w: bearer(
        w.token(scope="shopper", channels=["demo", "other"])
    ),
    "shopper of no channel": lambda w: bearer(w.token(scope="shopper", channels=[])),
    "shopper for three hours": lambda w: bearer(w.as_shopper("1001", exp=w.shop.now + 3 * HOUR)),
    "Ada's session as bearer": lambda w: bearer(w.shop.session()),
    "a cursor as bearer": lambda w: bearer(sealed("cursor", session_of(w.shop, "1001"))),
    "an order token as bearer": lambda w: bearer(sealed("order", session_of(w.shop, "1001"))),
    "basic": lambda _: {"Authorization": "Basic " + _base64(b"ada:secret")},
    "a good token under another scheme": lambda w: {"Authorization": f"Token {w.token()}"},
    "no token": lambda _: {"Authorization": "Bearer"},
    "rubbish": lambda _: bearer("a.b.c"),
    "rubbish beside Ada's cookie": lambda w: {**bearer("a.b.c"), **cookie(w.shop.session())},
}

FALSE_COOKIE: Final[Mapping[str, Caller]] = {
    "expired session": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001", ago=2 * HOUR))
    ),
    "expired loyalty_session": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001", ago=2 * HOUR)), "loyalty_session"
    ),
    "session of a wrong key": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001"), secret="x" * 48)
    ),
    "session of an unknown key": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001"), kid="k2")
    ),
    "session of the staff's key": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001"), secret=STAFF_SECRET)
    ),
    "session of another version": lambda w: cookie(
        sealed("session", session_of(w.shop, "1001"), version="2")
    ),
    "Grace's session with Ada's content": lambda w: cookie(
        _with_user_of(w.shop.session("1002"), w.shop.session())
    ),
    "session with an altered content": lambda w: cookie(_altered(w.shop.session(), 20)),
    "session with an altered seal": lambda w: cookie(_altered(w.shop.session(), -1)),
    "session cut at its end": lambda w: cookie(w.shop.session()[:-1]),
    "session without its seal": lambda w: cookie(w.shop.session().rpartition("_")[0] + "_"),
    "a cursor as session": lambda w: cookie(sealed("cursor", session_of(w.shop, "1001"))),
    "an order token as session": lambda w: cookie(sealed("order", session_of(w.shop, "1001"))),
    "Ada's bearer token as session": lambda w: cookie(w.as_shopper("1001")),
    "Ada's session under another name": lambda w: cookie(w.shop.session(), "sessionid"),
    "empty session": lambda _: cookie(""),
    "session that is not ASCII": lambda _: cookie("1_k1_é_ü"),
}


def _every(but: str = "") -> str:
    return " ".join(scope for scope in auth.SCOPES if scope != but)

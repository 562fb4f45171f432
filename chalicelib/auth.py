"""Who is calling, and what that allows. Stateless: no request to DynamoDB is made here.

Staff and back ends bring a bearer JWT; shoppers bring a sealed session in a cookie, or a bearer
JWT of their own. Seals are HMACs bound to one purpose: a session never passes for a cursor.
"""

import base64
import binascii
import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from chalicelib.config import config
from chalicelib.core.errors import CrossSiteWrite, Forbidden, NotSignedIn
from chalicelib.core.names import is_identifier
from chalicelib.outside.keys import signing_key, verifying_key

SCOPES: Final = (
    "owner",
    "read",
    "users",
    "accounts",
    "transfers",
    "holds",
    "refunds",
    "reversals",
    "adjust",
    "settings",
    "distributions",
    "sessions",
    "audit",
)
"""Everything a staff token may be allowed; `admin` stands for all but `owner`."""

SHOPPER: Final = "shopper"
SESSION_LIFE_S: Final = 2 * 60 * 60
SESSION_COOKIES: Final = ("loyalty_session", "osessionid")
CSRF_COOKIE: Final = "csrftoken"

Purpose = Literal["session", "cursor", "order"]


@dataclass(frozen=True, slots=True)
class Staff:
    """A signed-in member of staff, or a back end."""

    subject: str
    channels: frozenset[str]
    scopes: frozenset[str]

    @property
    def by(self) -> str:
        """Who did it, as it is stored: at most 64 bytes."""
        return _who("staff", self.subject)


@dataclass(frozen=True, slots=True)
class Shopper:
    """A signed-in shopper of one channel. Times in milliseconds."""

    channel: str
    user_pk: str
    issued_ms: int
    expires_ms: int

    @property
    def by(self) -> str:
        """Who did it, as it is stored."""
        return _who("shopper", self.user_pk)


Caller = Staff | Shopper | None


@dataclass(frozen=True, slots=True)
class Call:
    """What every verb needs to know of a request: who, when, and until when.

    `now` is aware UTC; `deadline` is in seconds of the monotonic clock.
    """

    by: str
    now: datetime.datetime
    deadline: float


# --- seals ----------------------------------------------------------------------------------


def seal(purpose: Purpose, content: Mapping[str, Any]) -> str:
    """Return the content as signed text of `[A-Za-z0-9_]` only.

    The storefront client cuts a session id at any other character.
    """
    kid, secret = signing_key(config().signing_keys)
    text = json.dumps(content, separators=(",", ":")).encode()
    payload = base64.b32encode(text).decode().rstrip("=")
    return f"1_{kid}_{payload}_{_mac(secret, purpose, kid, payload)}"


def unseal(purpose: Purpose, text: str) -> dict[str, Any] | None:
    """Return the content that was sealed for this purpose, or None if it is not genuine."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != "1" or not text.isascii():
        return None
    _, kid, payload, mac = parts
    secret = verifying_key(config().signing_keys, kid)
    if secret is None or not hmac.compare_digest(mac, _mac(secret, purpose, kid, payload)):
        return None
    try:
        decoded = base64.b32decode(payload + "=" * (-len(payload) % 8))
    except binascii.Error:
        return None
    content: dict[str, Any] = json.loads(decoded)
    return content


def _mac(secret: bytes, purpose: Purpose, kid: str, payload: str) -> str:
    return hmac.new(secret, f"{purpose}.{kid}.{payload}".encode(), hashlib.sha256).hexdigest()


def _who(kind: str, name: str) -> str:
    """Return a name of at most 64 bytes; a longer one by its digest."""
    who = f"{kind}:{name}"
    return (
        who
        if len(who.encode()) <= 64
        else f"{kind}:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
    )


# --- credentials ----------------------------------------------------------------------------


def open_session(channel: str, user_pk: str, now: datetime.datetime) -> tuple[str, int]:
    """Return a session for two hours, of word characters only, and its end in milliseconds."""
    issued_ms = int(now.timestamp() * 1000)
    expires_ms = issued_ms + SESSION_LIFE_S * 1000
    content = {"c": channel, "u": user_pk, "i": issued_ms, "e": expires_ms}
    return seal("session", content), expires_ms


def staff_token(
    subject: str, channels: list[str], scopes: list[str], *, now: datetime.datetime, life_s: int
) -> str:
    """Return a bearer JWT signed with the first shared staff key; for developers and tests."""
    keys = config().staff_keys
    if keys is None:
        raise NotSignedIn("No STAFF_KEYS are configured here; get a token from the OIDC issuer.")
    kid, secret = signing_key(keys)
    claims = {
        "sub": subject,
        "iat": now,
        "exp": now + datetime.timedelta(seconds=life_s),
        "channels": channels,
        "scope": " ".join(scopes),
    }
    from chalicelib import tokens  # noqa: PLC0415  # see _bearer

    return tokens.sign(claims, kid, secret)


def identify(headers: Mapping[str, str], now: datetime.datetime) -> Caller:
    """Return who the headers prove, or None where no credential is sent.

    Raises `NotSignedIn` for a bearer token that is not valid. A cookie that is not ours is no
    credential: a shop's own back end may own `osessionid`.
    """
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn
        return _bearer(token.strip())
    cookies = parse_cookies(headers.get("cookie", ""))
    sent = (cookies[name] for name in SESSION_COOKIES if name in cookies)
    shoppers = (_session(text, now) for text in sent)
    return next((shopper for shopper in shoppers if shopper is not None), None)


def parse_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a request; a malformed one does not spoil the others."""
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip().strip('"') for name, equals, value in pairs if equals}


def check_same_site(headers: Mapping[str, str]) -> None:
    """Raise `CrossSiteWrite` for a cookie-authenticated write that another site may have sent."""
    if headers.get("authorization"):
        return
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise CrossSiteWrite
    cookie = parse_cookies(headers.get("cookie", "")).get(CSRF_COOKIE)
    sent = headers.get("x-csrftoken", "")
    if cookie is not None and not hmac.compare_digest(cookie.encode(), sent.encode()):
        raise CrossSiteWrite


def require_scope(caller: Caller, scope: str, channel: str | None) -> Staff:
    """Return the caller as staff who may do `scope` in `channel`.

    Raises `NotSignedIn` without a credential and `Forbidden` for anything less.
    """
    if caller is None:
        raise NotSignedIn
    if not isinstance(caller, Staff):
        raise Forbidden("This needs a staff token.")
    if scope not in caller.scopes:
        raise Forbidden(f"The token lacks the scope {scope!r}.")
    if channel is not None and channel not in caller.channels:
        raise Forbidden("The token is not valid for this channel.")
    return caller


def require_shopper(caller: Caller) -> Shopper:
    """Return the caller as shopper. Raises `NotSignedIn`, or `Forbidden` for staff."""
    if caller is None:
        raise NotSignedIn("Sign in first: no valid session came with the request.")
    if not isinstance(caller, Shopper):
        raise Forbidden("This needs a shopper's session.")
    return caller


def check_not_revoked(shopper: Shopper, valid_from_ms: int) -> None:
    """Raise `NotSignedIn` for a session issued before its user's sessions became valid."""
    if shopper.issued_ms < valid_from_ms:
        raise NotSignedIn("This session was ended; sign in again.")


def _session(text: str, now: datetime.datetime) -> Shopper | None:
    content = unseal("session", text)
    if content is None:
        return None
    shopper = Shopper(content["c"], content["u"], content["i"], content["e"])
    return shopper if now.timestamp() * 1000 < shopper.expires_ms else None


def _bearer(token: str) -> Staff | Shopper:
    # Loaded with the first token: it is slow to load, and no shopper's call needs it.
    from chalicelib import tokens  # noqa: PLC0415

    claims = tokens.verify(token)
    subject, channels, scopes = claims["sub"], _channels(claims), _scopes(claims)
    if channels is None or scopes is None:
        raise NotSignedIn("The bearer token lacks the claims `channels` (list) and `scope`.")
    if SHOPPER in scopes:
        return _bearer_shopper(claims, channels, scopes)
    if "admin" in scopes:
        scopes |= frozenset(SCOPES) - {"owner"}
    return Staff(subject, frozenset(channels), scopes & frozenset(SCOPES))


def _channels(claims: Mapping[str, Any]) -> list[str] | None:
    value = claims.get("channels")
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if good else None


def _scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    value = claims.get("scope")
    return frozenset(value.split()) if isinstance(value, str) else None


def _bearer_shopper(claims: dict[str, Any], channels: list[str], scopes: frozenset[str]) -> Shopper:
    issued_ms, expires_ms = int(float(claims["iat"]) * 1000), int(float(claims["exp"]) * 1000)
    names = [*channels, claims["sub"]]
    short = expires_ms - issued_ms <= SESSION_LIFE_S * 1000
    if len(scopes) != 1 or len(channels) != 1 or not short or not all(map(is_identifier, names)):
        raise NotSignedIn("A shopper's token has one channel, one scope and two hours at most.")
    return Shopper(channels[0], claims["sub"], issued_ms, expires_ms)

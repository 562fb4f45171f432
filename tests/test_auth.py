"""Who is calling: seals, sessions, cookies, tokens, and what each allows."""

import base64
import datetime
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from chalicelib import auth, tokens
from chalicelib.auth import SCOPES, Shopper, Staff
from chalicelib.core.errors import Forbidden, NotSignedIn
from tests.routes.callers import forged, sealed, signed
from tests.routes.shop import STAFF_SECRET, Shop, opened

NOW: Final = datetime.datetime(2026, 11, 22, 9, 30, tzinfo=datetime.UTC)
HOUR: Final = datetime.timedelta(hours=1)
CONTENT: Final = {"c": "demo", "u": "1001", "i": 1, "e": 2}
PURPOSES: Final[tuple[Literal["session", "cursor", "order"], ...]] = ("session", "cursor", "order")


@pytest.fixture(scope="module", autouse=True)
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


# --- seals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_seal_opens_for_its_purpose_alone(
    purpose: Literal["session", "cursor", "order"],
) -> None:
    text = auth.seal(purpose, CONTENT)
    for other in PURPOSES:
        assert auth.unseal(other, text) == (CONTENT if other == purpose else None)


def test_a_seal_is_made_of_word_characters_whatever_it_holds() -> None:
    text = auth.seal("session", {"c": "d-e_f", "u": "Ünï=+/.-", "i": 0, "e": 10**13})
    assert re.fullmatch(r"\w+", text, re.ASCII)
    assert auth.unseal("session", text) == {"c": "d-e_f", "u": "Ünï=+/.-", "i": 0, "e": 10**13}


def test_a_seal_is_as_it_is_specified() -> None:
    """Sessions, cursors and order tokens outlive a deployment: their form may not drift."""
    assert auth.seal("session", CONTENT) == sealed("session", CONTENT)


def test_no_character_of_a_seal_may_be_altered_left_out_or_added() -> None:
    text = auth.seal("session", CONTENT)
    for position, letter in enumerate(text):
        head, tail = text[:position], text[position + 1 :]
        for altered in (head + ("B" if letter != "B" else "C") + tail, head + tail):
            assert auth.unseal("session", altered) is None
        assert auth.unseal("session", head + "0" + letter + tail) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "___",
        "1_k1__",
        "1_k1_AAAA_",
        "1__AAAA_0",
        "é",
        "1_k1_" + "A" * 9,
        "1_k1_A_B_C",
        "\x00",
    ],
)
def test_rubbish_is_no_seal(text: str) -> None:
    assert auth.unseal("session", text) is None


def test_an_older_key_opens_and_the_first_one_seals(tmp_path: Path) -> None:
    old, new = "o" * 40, "n" * 40
    with opened(tmp_path, SIGNING_KEYS=f"new:{new},old:{old}"):
        assert auth.unseal("session", sealed("session", CONTENT, secret=old, kid="old")) == CONTENT
        assert auth.seal("session", CONTENT) == sealed("session", CONTENT, secret=new, kid="new")
        assert auth.unseal("session", sealed("session", CONTENT, secret=old, kid="new")) is None


# --- sessions and cookies -------------------------------------------------------------------


def test_a_session_ends_two_hours_after_it_began_to_the_millisecond() -> None:
    session, expires_ms = auth.open_session("demo", "1001", NOW)
    assert expires_ms == int(NOW.timestamp() * 1000) + 7_200_000
    headers = {"cookie": f"osessionid={session}"}
    last = NOW + 2 * HOUR - datetime.timedelta(milliseconds=1)
    begun = int(NOW.timestamp() * 1000)
    assert auth.identify(headers, last) == Shopper("demo", "1001", begun, expires_ms)
    assert auth.identify(headers, NOW + 2 * HOUR) is None


def test_our_own_cookie_comes_before_the_one_a_shop_may_own() -> None:
    grace, ada = (auth.open_session("demo", user_pk, NOW)[0] for user_pk in ("1002", "1001"))
    headers = {"cookie": f"osessionid={grace}; loyalty_session={ada}"}
    caller = auth.identify(headers, NOW)
    assert isinstance(caller, Shopper)
    assert caller.user_pk == "1001"


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        ('a="1"; b=x=y', {"a": "1", "b": "x=y"}),
        ("broken; a=1; ;=;", {"a": "1", "": ""}),
        ("a=1; a=2", {"a": "2"}),
        ('{"json": [1,2]}; a=1', {"a": "1"}),
    ],
)
def test_a_malformed_cookie_does_not_spoil_the_others(header: str, cookies: dict[str, str]) -> None:
    """Third parties set cookies with brackets and quotes, at which http.cookies stops."""
    assert auth.parse_cookies(header) == cookies


# --- staff ----------------------------------------------------------------------------------


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def staff(scope: str, subject: str = "me") -> Any:
    now = datetime.datetime.now(datetime.UTC)
    claims = {
        "sub": subject,
        "aud": tokens.AUDIENCE,
        "iat": now,
        "exp": now + HOUR,
        "channels": ["demo"],
        "scope": scope,
    }
    return auth.identify(bearer(signed(claims)), now)


def test_admin_is_every_scope_but_owner() -> None:
    assert staff("admin").scopes == set(SCOPES) - {"owner"}
    assert staff("admin owner").scopes == set(SCOPES)


def test_scopes_that_nobody_knows_allow_nothing() -> None:
    assert staff("read root * ADMIN Owner").scopes == {"read"}
    assert staff("").scopes == set()


def test_the_token_of_the_command_line_is_a_staff_token() -> None:
    now = datetime.datetime.now(datetime.UTC)
    token = auth.staff_token("me", ["demo", "b"], ["read", "users"], now=now, life_s=60)
    caller = auth.identify(bearer(token), now)
    assert caller == Staff("me", frozenset({"demo", "b"}), frozenset({"read", "users"}))


def test_without_shared_keys_no_token_is_made(tmp_path: Path) -> None:
    oidc = {
        "STAFF_KEYS": "",
        "OIDC_ISSUER": "https://a.example",
        "OIDC_AUDIENCE": "x",
        "OIDC_JWKS_URL": "https://a.example/jwks",
    }
    with opened(tmp_path, **oidc), pytest.raises(NotSignedIn, match="STAFF_KEYS"):
        auth.staff_token("me", ["demo"], ["read"], now=NOW, life_s=60)


def test_an_older_shared_key_is_good_and_the_first_one_signs(tmp_path: Path) -> None:
    with opened(tmp_path, STAFF_KEYS=f"d2:{'n' * 40},d1:{STAFF_SECRET}"):
        assert staff("read").scopes == {"read"}


@pytest.mark.parametrize(
    "subject", ["me", "x" * 300, "é" * 60, "https://id.example/users/" + "7" * 50]
)
def test_who_did_it_fits_what_is_stored_and_tells_people_apart(subject: str) -> None:
    one, other = staff("read", subject), staff("read", subject + "0")
    assert len(one.by.encode()) <= 64
    assert one.by.startswith("staff:")
    assert one.by != other.by


def test_shoppers_of_long_names_are_told_apart() -> None:
    one, other = (Shopper("demo", "u" * 63 + last, 0, 1) for last in "ab")
    assert len(one.by.encode()) <= 64
    assert one.by != other.by


def test_a_scope_counts_in_the_tokens_channels_alone() -> None:
    caller = Staff("me", frozenset({"demo"}), frozenset({"read"}))
    assert auth.require_scope(caller, "read", "demo") is caller
    for scope, channel in (("read", "other"), ("users", "demo"), ("read", ""), ("", "demo")):
        with pytest.raises(Forbidden):
            auth.require_scope(caller, scope, channel)
    with pytest.raises(NotSignedIn):
        auth.require_scope(None, "read", "demo")
    with pytest.raises(Forbidden):
        auth.require_scope(Shopper("demo", "1001", 0, 1), "read", "demo")


# --- tokens that break readers --------------------------------------------------------------


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c.d.e",
        "é.é.é",
        f"{part(b'[]')}.{part(b'{}')}.x",
        f"{part(b'1')}.{part(b'{}')}.x",
        f"{part(b'null')}.{part(b'{}')}.x",
        f"{part(b'{')}.{part(b'{}')}.x",
        f"{part(b'[' * 5000)}.{part(b'{}')}.x",
        f"{part(b'{a' * 2000)}.{part(b'{}')}.x",
        part(b'{"alg":"HS256","kid":[]}') + ".e30.x",
        part(b'{"alg":"HS256","kid":{"a":1}}') + ".e30.x",
        part(b'{"alg":"HS256","kid":"d1","crit":["x"]}') + ".e30.x",
        part(b'{"alg":"HS256","kid":"d1","b64":false}') + ".e30.x",
        part(b'{"alg":"HS256","kid":"d1","zip":"DEF"}') + ".e30.x",
        part(b'{"alg":["HS256"],"kid":"d1"}') + ".e30.x",
        part(b'{"alg":"HS256","kid":"d1"}') + "." + part(b"[" * 5000) + ".x",
        part(b'{"alg":"HS256","kid":"\\ud800"}') + ".e30.x",
    ],
)
def test_a_token_of_any_bytes_is_refused_and_breaks_nothing(shop: Shop, token: str) -> None:
    """Anybody can send these: a fault of ours for each would bury the true ones."""
    reply = shop.send("GET", "/channels/demo/users", headers={"Authorization": f"Bearer {token}"})
    assert (reply.status, reply.json["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize("scope", ["read", "shopper"])
@pytest.mark.parametrize(
    "changed",
    [
        {"exp": "9999999999"},
        {"iat": "1"},
        {"exp": 10**30},
        {"exp": True},
        {"iat": True},
        {"exp": None},
        {"exp": []},
        {"iat": {}},
        {"iat": -(10**20)},
        {"sub": ""},
        {"sub": "a#b"},
        {"channels": ["a#b"]},
        {"channels": [""]},
        {"channels": {"demo": 1}},
        {"scope": None},
        {"scope": 1},
    ],
)
def test_odd_claims_of_a_genuine_issuer_break_nothing(
    shop: Shop, scope: str, changed: dict[str, object]
) -> None:
    now = int(shop.now.timestamp())
    claims = {
        "sub": "1001",
        "aud": tokens.AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        "channels": ["demo"],
        "scope": scope,
    }
    token = forged({**claims, **changed}, STAFF_SECRET.encode(), kid="d1")
    path = "/channels/demo/users" if scope == "read" else "/account/loyalty-account-balance"
    reply = shop.send("GET", path, headers={"Authorization": f"Bearer {token}"})
    assert reply.status in {200, 401, 403}


@pytest.mark.parametrize("infinite", [b"Infinity", b"-Infinity", b"NaN", b"1e400"])
@pytest.mark.parametrize("name", [b"exp", b"iat", b"nbf"])
def test_times_that_no_clock_shows_are_refused(shop: Shop, name: bytes, infinite: bytes) -> None:
    now = int(shop.now.timestamp())
    claims = {
        "sub": "1001",
        "aud": tokens.AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        "nbf": now,
        "channels": ["demo"],
        "scope": "shopper",
    }
    text = json.dumps({**claims, name.decode(): 4711}).encode().replace(b"4711", infinite)
    token = _signed_text(text)
    headers = {"Authorization": f"Bearer {token}"}
    reply = shop.send("GET", "/account/loyalty-account-balance", headers=headers)
    assert (reply.status, reply.json["code"]) == (401, "not_signed_in")


def _signed_text(claims: bytes) -> str:
    head = part(b'{"alg":"HS256","typ":"JWT","kid":"d1"}')
    body = part(claims)
    mac = hmac.new(STAFF_SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(mac)}"

"""Staff of an identity provider, by its published keys. The provider runs on loopback."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.outside.provider import Provider, provided
from tests.routes.shop import Reply, Shop, opened


@pytest.fixture
def provider() -> Iterator[Provider]:
    with provided() as provider:
        yield provider


@pytest.fixture
def shop(tmp_path: Path, provider: Provider) -> Iterator[Shop]:
    """Open the shop for staff of the provider alone, without shared keys."""
    with opened(tmp_path, STAFF_KEYS="", **provider.variables) as shop:
        yield shop


def users(shop: Shop, token: str) -> Reply:
    """Read something that needs the scope `read`."""
    headers = {"Authorization": f"Bearer {token}"}
    return shop.send("GET", "/channels/demo/users", headers=headers)


def test_tokens_signed_by_rsa_and_by_elliptic_curve_are_good(
    shop: Shop, provider: Provider
) -> None:
    claims = provider.claims("read")
    assert users(shop, provider.rs256(claims)).status == 200
    assert users(shop, provider.es256(claims)).status == 200


def test_scopes_and_channels_of_the_provider_count_as_those_of_shared_keys(
    shop: Shop, provider: Provider
) -> None:
    assert users(shop, provider.rs256(provider.claims("users"))).status == 403
    elsewhere = provider.claims("read", channels=["other"])
    assert users(shop, provider.rs256(elsewhere)).status == 403
    assert users(shop, provider.rs256(provider.claims("admin"))).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://staff.example/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"channels": None},
        {"scope": None},
        {"channels": "demo"},
    ],
)
def test_a_token_for_anybody_else_is_refused(
    shop: Shop, provider: Provider, changed: dict[str, Any]
) -> None:
    claims = {**provider.claims("read"), **changed}
    token = provider.rs256({name: value for name, value in claims.items() if value is not None})
    assert users(shop, token).status == 401


def test_a_token_for_us_among_others_is_good(shop: Shop, provider: Provider) -> None:
    audience = ["another-service", provider.variables["OIDC_AUDIENCE"]]
    assert users(shop, provider.rs256(provider.claims("read", aud=audience))).status == 200


def test_an_expired_token_is_refused(shop: Shop, provider: Provider) -> None:
    past = shop.now - datetime.timedelta(seconds=1)
    assert users(shop, provider.rs256(provider.claims("read", exp=past))).status == 401


def test_keys_are_asked_for_once(shop: Shop, provider: Provider) -> None:
    for _ in range(3):
        assert users(shop, provider.rs256(provider.claims("read"))).status == 200
        assert users(shop, provider.es256(provider.claims("read"))).status == 200
    assert provider.asked == 1


def test_unknown_key_ids_do_not_make_us_ask_each_time(shop: Shop, provider: Provider) -> None:
    """Anybody can send them: each would be a request of ours to the provider."""
    assert users(shop, provider.rs256(provider.claims("read"))).status == 200
    for number in range(20):
        token = provider.rs256(provider.claims("read"), kid=f"unknown{number}")
        assert users(shop, token).status == 401
    assert provider.asked <= 2


def test_a_new_key_of_the_provider_is_found_without_a_restart(
    shop: Shop, provider: Provider
) -> None:
    assert users(shop, provider.rs256(provider.claims("read"))).status == 200
    fresh = rsa.generate_private_key(65537, 2048)
    new = {**RSAAlgorithm.to_jwk(fresh.public_key(), as_dict=True), "kid": "rsa2"}
    provider.answer = json.dumps({"keys": [new]}).encode()
    token = jwt.encode(provider.claims("read"), fresh, "RS256", headers={"kid": "rsa2"})
    assert users(shop, token).status == 200


def test_no_token_makes_us_ask_whose_key_id_is_missing_or_whose_form_is_rubbish(
    shop: Shop, provider: Provider
) -> None:
    claims = provider.claims("read")
    for token in ("x", "a.b.c", jwt.encode(claims, provider.rsa, "RS256")):
        assert users(shop, token).status == 401
    assert provider.asked <= 2


def test_public_routes_never_ask_the_provider(shop: Shop, provider: Provider) -> None:
    token = provider.rs256(provider.claims("read"))
    for path in ("/health", "/openapi.json"):
        reply = shop.send("GET", path, headers={"Authorization": f"Bearer {token}"})
        assert reply.status == 200
    assert provider.asked == 0


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_provider_that_fails_lets_nobody_in_and_says_to_try_again(
    shop: Shop, provider: Provider, status: int
) -> None:
    provider.status = status
    reply = users(shop, provider.rs256(provider.claims("read")))
    assert (reply.status, reply.json["code"]) == (503, "busy")
    assert reply.headers["retry-after"] == "1"
    provider.status = 200
    assert users(shop, provider.rs256(provider.claims("read"))).status == 200


def test_a_provider_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    with provided() as provider:
        token = provider.rs256(provider.claims("read"))
    with opened(tmp_path, **provider.variables) as shop:
        assert users(shop, token).status == 503


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"{}",
        b"null",
        b'{"keys":[]}',
        b'{"keys":null}',
        b'{"keys":[{"kty":"RSA","kid":"rsa1"}]}',
        b'{"keys":[{"kty":"oct","kid":"rsa1","k":"c2VjcmV0"}]}',
        b"\xff\xfe",
    ],
)
def test_a_provider_that_talks_rubbish_lets_nobody_in(
    shop: Shop, provider: Provider, answer: bytes
) -> None:
    good, provider.answer = provider.answer, answer
    reply = users(shop, provider.rs256(provider.claims("read")))
    assert reply.status in {401, 503}
    provider.answer = good


def test_a_provider_that_hangs_up_lets_nobody_in(shop: Shop, provider: Provider) -> None:
    provider.hangs_up = True
    reply = users(shop, provider.rs256(provider.claims("read")))
    assert (reply.status, reply.json["code"]) == (503, "busy")
    provider.hangs_up = False
    assert users(shop, provider.rs256(provider.claims("read"))).status == 200


def test_a_redirect_of_the_provider_is_not_followed(shop: Shop, provider: Provider) -> None:
    provider.status = 302
    assert users(shop, provider.rs256(provider.claims("read"))).status in {401, 503}


def test_a_symmetric_key_that_the_provider_publishes_signs_nothing(
    shop: Shop, provider: Provider
) -> None:
    """HS256 under a key that everybody can read."""
    everybodys = "published-" + "p" * 40
    jwk = jwt.algorithms.HMACAlgorithm.to_jwk(everybodys.encode(), as_dict=True)
    keys = json.loads(provider.answer)["keys"]
    provider.answer = json.dumps({"keys": [*keys, {**jwk, "kid": "hs1"}]}).encode()
    token = jwt.encode(provider.claims("read"), everybodys, "HS256", headers={"kid": "hs1"})
    assert users(shop, token).status == 401


def test_keys_of_another_curve_or_length_sign_nothing(shop: Shop, provider: Provider) -> None:
    large = ec.generate_private_key(ec.SECP384R1())
    jwk = {**ECAlgorithm.to_jwk(large.public_key(), as_dict=True), "kid": "ec2"}
    keys = json.loads(provider.answer)["keys"]
    provider.answer = json.dumps({"keys": [*keys, jwk]}).encode()
    token = jwt.encode(provider.claims("read"), large, "ES384", headers={"kid": "ec2"})
    assert users(shop, token).status == 401

"""An identity provider that a browser signs in at: OpenID Connect with PKCE, on loopback.

oidc-provider-mock of PyPI was considered: its access tokens are no JWTs, and the service reads
claims out of them.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.outside.provider import AUDIENCE, Provider

CLIENT_ID: Final = "console"
SUBJECT: Final = "staff-7"

Fields = dict[str, str]


class SignInProvider:
    """Signs in whoever presses the button. `changed` replaces claims of the access token."""

    def __init__(self) -> None:
        """Make the keys; the address comes when it is served."""
        self.keys = Provider()
        self.url = ""
        self.scope = "admin"
        self.changed: dict[str, object] = {}
        self.is_opaque = False
        """Whether access tokens are no JWTs."""
        self.codes: dict[str, Fields] = {}
        """What each code that was not used yet was asked for with."""

    @property
    def variables(self) -> dict[str, str]:
        """What the service is told about this provider."""
        return {
            "OIDC_ISSUER": self.url,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_JWKS_URL": f"{self.url}/jwks",
            "CONSOLE_CLIENT_ID": CLIENT_ID,
        }

    def document(self, path: str) -> str | None:
        """Return what is published at a path: the metadata, or the keys."""
        if path == "/jwks":
            return self.keys.answer.decode()
        return json.dumps(self.metadata()) if path.startswith("/.well-known/openid-") else None

    def metadata(self) -> dict[str, Any]:
        """Return what discovery answers."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/logout",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def page(self, asked: Fields) -> str:
        """Return the page of an authorization request."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = asked

        def back(**answer: str) -> str:
            query = urlencode({**answer, "state": asked["state"]})
            return f"{asked['redirect_uri']}?{query}"

        return (
            "<!doctype html><html lang=en><title>Provider</title>"
            f"<a href='{back(code=code)}'>Sign in as {SUBJECT}</a> "
            f"<a href='{back(error='access_denied')}'>Cancel</a> "
            f"<a href='{back(code=code)}x'>Come back with another state</a>"
        )

    def tokens(self, sent: Fields) -> dict[str, Any] | None:
        """Return the tokens for a code, once; None where anything does not fit."""
        asked = self.codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge:
            return None
        if any(asked[name] != sent.get(name) for name in ("client_id", "redirect_uri")):
            return None
        now = int(time.time())
        claims = self.keys.claims(self.scope, iss=self.url, sub=SUBJECT) | self.changed
        claims = {name: value for name, value in claims.items() if value is not None}
        identity = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 3600,
            "nonce": asked["nonce"],
        }
        return {
            "access_token": secrets.token_hex() if self.is_opaque else self.keys.es256(claims),
            "id_token": self.keys.es256(identity),
            "token_type": "Bearer",
            "expires_in": 3600,
        }


@contextmanager
def providing() -> Iterator[SignInProvider]:
    """Run a provider on a free port of loopback."""
    provider = SignInProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            asked = _fields(address.query)
            if address.path == "/authorize":
                self._answer(provider.page(asked), kind="text/html")
            elif address.path == "/logout":
                self._answer("", 302, location=asked["post_logout_redirect_uri"])
            else:
                found = provider.document(address.path)
                self._answer(found or "", 200 if found else 404)

        def do_POST(self) -> None:
            sent = _fields(self.rfile.read(int(self.headers["Content-Length"])).decode())
            tokens = provider.tokens(sent)
            refused = {"error": "invalid_grant"}
            self._answer(json.dumps(tokens or refused), 200 if tokens else 400)

        def _answer(
            self, text: str, status: int = 200, kind: str = "application/json", location: str = ""
        ) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def _fields(query: str) -> Fields:
    return {name: values[-1] for name, values in parse_qs(query).items()}

"""An identity provider of staff: keys of its own, and their public halves on loopback."""

import datetime
import json
import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER: Final = "https://staff.example"
AUDIENCE: Final = "loyalty-money-console"


class Provider:
    """Signs tokens, and serves its keys; `answer` and `status` are what it serves."""

    def __init__(self) -> None:
        """Make an RSA and an elliptic-curve key."""
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        rsa_key = RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True)
        ec_key = ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True)
        keys = [
            {**rsa_key, "kid": "rsa1", "use": "sig"},
            {**ec_key, "kid": "ec1", "use": "sig"},
        ]
        self.answer = json.dumps({"keys": keys}).encode()
        self.status = 200
        self.asked = 0
        self.hangs_up = False
        """Whether it breaks the connection off in the middle of its answer."""
        self.url = ""

    @property
    def variables(self) -> dict[str, str]:
        """What the service is told about this provider."""
        return {
            "OIDC_ISSUER": ISSUER,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_JWKS_URL": self.url,
        }

    def claims(self, scope: str, **changed: object) -> dict[str, Any]:
        """Return the claims of a good token, with some changed; None takes one out."""
        now = datetime.datetime.now(datetime.UTC)
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "1001",
            "iat": now,
            "exp": now + datetime.timedelta(hours=1),
            "channels": ["demo"],
            "scope": scope,
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def rs256(self, claims: dict[str, Any], kid: str = "rsa1") -> str:
        """Return the claims as a token signed with the RSA key."""
        return jwt.encode(claims, self.rsa, "RS256", headers={"kid": kid})

    def es256(self, claims: dict[str, Any], kid: str = "ec1") -> str:
        """Return the claims as a token signed with the elliptic-curve key."""
        return jwt.encode(claims, self.ec, "ES256", headers={"kid": kid})


@contextmanager
def provided() -> Iterator[Provider]:
    """Run a provider on a free port of loopback."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            self.send_response(provider.status)
            self.send_header("Content-Length", str(len(provider.answer)))
            self.end_headers()
            if provider.hangs_up:
                self.wfile.write(provider.answer[:10])
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                self.connection.close()
                return
            self.wfile.write(provider.answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}/{secrets.token_hex(8)}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()

"""One deployed stage for all of its tests, with a provider that its staff sign in at."""

from collections.abc import Iterator

import pytest

from tests.conformance.conftest import shop, shops, storefront, visit
from tests.console.provider import SignInProvider, providing
from tests.deploy.stack import Deployed, account
from tests.deploy.tls import over_tls

__all__ = ["shop", "shops", "storefront", "visit"]


@pytest.fixture(scope="session")
def provider() -> Iterator[SignInProvider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="session")
def stack(provider: SignInProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    with over_tls(provider.keys.answer, folder) as (jwks_url, authority):
        parameters = (
            "SharedStaffKeys=yes",
            f"OidcIssuer={provider.url}",
            f"OidcAudience={provider.variables['OIDC_AUDIENCE']}",
            f"OidcJwksUrl={jwks_url}",
            f"ConsoleClientId={provider.variables['CONSOLE_CLIENT_ID']}",
        )
        with account(folder, SSL_CERT_FILE=str(authority)) as engine:
            stack = Deployed(engine, folder)
            stack.deploy(*parameters)
            stack.allow_batches()
            stack.cli("demo")
            yield stack


@pytest.fixture(scope="session")
def service(stack: Deployed) -> Deployed:
    """What the tests of the conformance take for the running service."""
    return stack

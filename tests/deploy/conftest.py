"""One deployed stage for all of its tests, with a provider that its staff sign in at."""

from collections.abc import Iterator

import pytest

from tests.conformance.browser import Storefront
from tests.conformance.conftest import Visit, visits
from tests.conformance.shop import Shop, Shops
from tests.console.provider import SignInProvider, providing
from tests.deploy.stack import Deployed, account
from tests.deploy.tls import over_tls


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
def storefront(stack: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storefront]:
    with Storefront(stack.address, tmp_path_factory.mktemp("storefront")) as storefront:
        yield storefront


@pytest.fixture(scope="session")
def shops(stack: Deployed) -> Shops:
    return Shops(stack)


@pytest.fixture
def shop(shops: Shops) -> Shop:
    return shops.open()


@pytest.fixture
def visit(storefront: Storefront) -> Visit:
    return visits(storefront)

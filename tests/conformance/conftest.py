"""One storefront for the tests of a process; each test has a shop of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.conformance.browser import Storefront, Tab
from tests.conformance.shop import Shop, Shopper, Shops
from tests.house.service import Service

Visit = Callable[..., Tab]


@pytest.fixture(scope="session")
def storefront(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storefront]:
    with Storefront(service.address, tmp_path_factory.mktemp("storefront")) as storefront:
        yield storefront


@pytest.fixture(scope="session")
def shops(service: Service) -> Shops:
    return Shops(service)


@pytest.fixture
def shop(shops: Shops) -> Shop:
    return shops.open()


@pytest.fixture
def visit(storefront: Storefront) -> Visit:
    """Open a tab for a shopper. A second one is in the same browser, with the cookies of both."""

    def open_tab(shopper: Shopper, locale: str = "en", currency: str = "try") -> Tab:
        cookies = {
            "osessionid": shopper.session,
            "pz-locale": locale,
            "pz-currency": currency,
            "csrftoken": "c5rf",
        }
        return storefront.open_tab(shopper.user_pk, cookies)

    return open_tab

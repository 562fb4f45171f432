"""docs/integrate-storefront.md sends each page where the code and the examples do."""

import re

from chalicelib.http import DECLARED
from chalicelib.routes import storefront
from tests.docs.documents import DOCS
from tests.nginx.routing import LOYALTY, PAGES, PATHS, SHOP

OURS = {page for page, who in PAGES.items() if who == LOYALTY}
SHOPS_TOO = {"IndexPage"}
"""What the code answers as well, for a checkout without a shop in front of it."""


def test_the_pages_are_those_of_the_code() -> None:
    assert set(storefront._EVENTS) == OURS | SHOPS_TOO
    assert {PAGES[page] for page in SHOPS_TOO} == {SHOP}


def test_the_paths_are_those_of_the_storefront_routes() -> None:
    declared = {
        route.path + "/" for route in DECLARED if route.view.__module__ == storefront.__name__
    }
    assert {path for path, who in PATHS.items() if who == LOYALTY} == declared


def test_the_examples_name_the_same_pages() -> None:
    for example in ("nginx.conf", "cloudfront.yaml"):
        text = (DOCS / "examples" / example).read_text()
        assert set(re.findall(r"\b[A-Z]\w+Page\b", text)) == OURS, example

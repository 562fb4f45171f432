"""Who answers which request, as docs/integrate-storefront.md says it to shops."""

from typing import Final

from tests.docs.documents import document, name, section, table

SHOP: Final = "the shop"
LOYALTY: Final = "Loyalty Money"

INTEGRATE: Final = document("integrate-storefront.md")
PATHS: Final = {
    name(path): who for path, who, *_ in table(section(INTEGRATE, "Who answers what"), "path")
}
PAGES: Final = {
    name(page): who for page, who, *_ in table(section(INTEGRATE, "Who answers what"), "`page`")
}


def requests() -> list[tuple[str, str]]:
    """Return every documented request, with an example of what is left open, and who answers."""
    checkout = "/orders/checkout/"
    paths = [(path.replace("{token}", "1_d1_ABC_0f"), who) for path, who in PATHS.items()]
    pages = [(f"{checkout}?page={page}", who) for page, who in PAGES.items()]
    return [*paths, *pages]

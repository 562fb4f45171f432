"""The documentation site: every page is in it, every link leads somewhere, all of it is here."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from cli import site
from cli.local import PROJECT, LocalError
from tests.browser.chromium import Chromium
from tests.browser.page import Page
from tests.docs.documents import DOCS


class Parsed(HTMLParser):
    """What a page of the site leads to, what it loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif tag in {"img", "script", "iframe", "source"} and "src" in found:
            self.loaded.add(found["src"])
        elif tag == "link" and found.get("rel") not in {"canonical", "next", "prev"}:
            self.loaded.add(found["href"])


def test_every_document_is_a_page() -> None:
    documents = {str(path.relative_to(PROJECT)) for path in DOCS.rglob("*.md")}
    assert documents <= {*site.files()}


def test_a_link_leads_to_the_page_that_its_file_became() -> None:
    text = "[a](api.md#errors) [b](../README.md) [c](decisions/) [d](https://x.example/y.md)"
    assert site.linked("docs/events.md", text) == (
        "[a](api.md#errors) [b](index.md) [c](decisions/README.md) [d](https://x.example/y.md)"
    )
    assert site.linked("docs/decisions/0001-x.md", "[a](../api.md)") == "[a](../api.md)"
    assert site.linked("README.md", "```\n[a](nowhere)\n```") == "```\n[a](nowhere)\n```"


def test_a_link_to_what_is_no_page_stops_the_build() -> None:
    with pytest.raises(LocalError, match=r"docs/api.md links to nowhere.md"):
        site.linked("docs/api.md", "[a](nowhere.md)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder / "site"


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Parsed]:
    # The page of a missing address is led to by none of them.
    found = (path for path in built.rglob("*.html") if path.name != "404.html")
    return {path: Parsed(path.read_text()) for path in found}


@pytest.mark.long
def test_every_link_and_every_anchor_of_the_site_is_there(pages: dict[Path, Parsed]) -> None:
    wrong = []
    for path, page in pages.items():
        for link in page.links:
            file, anchor = urldefrag(link)
            if urlsplit(link).scheme in {"http", "https", "mailto"}:
                continue
            target = (path.parent / unquote(file)).resolve() if file else path
            target = target / "index.html" if target.is_dir() else target
            known = pages[target].anchors if target in pages else set()
            if not target.exists() or (anchor and unquote(anchor) not in known):
                wrong.append(f"{path.name}: {link}")
    assert len(pages) > 40
    assert wrong == []


@pytest.mark.long
def test_a_page_loads_nothing_from_another_host(built: Path, pages: dict[Path, Parsed]) -> None:
    assert not [src for page in pages.values() for src in page.loaded if "//" in src]
    styles = "".join(path.read_text() for path in built.rglob("*.css"))
    assert not re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import[^;]*//", styles)


@pytest.mark.long
def test_a_reader_finds_the_way_through_it(built: Path, browser: Chromium) -> None:
    with Page(browser) as page:
        page.open((built / "index.html").as_uri())
        for part in site.NAVIGATION:
            assert page.sees(".md-nav--primary", part)
        page.tab.get_by_role("link", name="A back end").first.click()
        page.wait_for("h1", "Integrate a back end")
        page.take_picture(built.parent / "back-end.png", whole=False)

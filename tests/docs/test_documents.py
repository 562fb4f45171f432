"""Every Markdown file: links lead somewhere, nothing names a place on one machine."""

import re
from pathlib import Path

import pytest

from chalicelib.openapi import VERSION
from cli.local import PROJECT
from tests.docs.documents import DOCS, headings, markdown_files, without_code

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PLACE = re.compile(r"(?<![\w./-])(?:/(?:work|root|tmp|home|Users|opt|mnt)\b|~/)")
DECISIONS = sorted(DOCS.glob("decisions/[0-9]*.md"))

each_file = pytest.mark.parametrize(
    "path", markdown_files(), ids=lambda path: str(path.relative_to(PROJECT))
)


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that a hosting service gives to a file's headings."""
    text = path.read_text()
    titles = [title for level in range(1, 7) for title in headings(text, level)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_file
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(without_code(path.read_text())):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(PROJECT)
        if anchor:
            assert anchor in anchors_of(target), f"{link} names no heading"


@each_file
def test_no_file_names_a_place_on_one_machine(path: Path) -> None:
    assert not PLACE.findall(path.read_text())


@each_file
def test_a_file_has_one_title(path: Path) -> None:
    assert path.read_text().startswith("# ")
    assert len(headings(path.read_text(), 1)) == 1


def test_the_files_that_a_stranger_looks_for_are_there() -> None:
    there = {str(path.relative_to(PROJECT)) for path in markdown_files()}
    roots = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    documents = ("api", "architecture", "checkout-protocol", "configuration", "data-model")
    assert roots | {f"docs/{name}.md" for name in (*documents, "glossary")} <= there


def test_the_changelog_has_the_version_that_is_served() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    assert headings(changelog, 2)[0] == "[Unreleased]"
    assert headings(changelog, 2)[1].startswith(f"[{VERSION}] - ")


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    listed = (DOCS / "decisions" / "README.md").read_text()
    for number, path in enumerate(DECISIONS, 1):
        assert path.name.startswith(f"{number:04d}-")
        assert f"[{number:04d}]({path.name})" in listed


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_context_choice_and_price(path: Path) -> None:
    text = path.read_text()
    assert headings(text, 2) == ["Context", "Choice", "Price"]
    assert headings(text, 1)[0].startswith(f"{path.name[:4]}: ")

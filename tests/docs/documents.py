"""Reads Markdown as the tests of the documents need it: sections, tables, names in backticks."""

import re
from pathlib import Path

from cli.local import PROJECT

DOCS = PROJECT / "docs"
CODE = PROJECT / "chalicelib"

_SKIPPED = {"build", "node_modules"}
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


def markdown_files() -> list[Path]:
    """Return every Markdown file of the project, without what tools made."""
    return sorted(
        path
        for path in PROJECT.rglob("*.md")
        if not any(
            part.startswith(".") or part in _SKIPPED for part in path.relative_to(PROJECT).parts
        )
    )


def document(name: str) -> str:
    """Return the text of a file in docs/."""
    return (DOCS / name).read_text()


def headings(text: str, level: int) -> list[str]:
    """Return the headings of one level, as they are written."""
    return [title for marks, title in _HEADING.findall(without_code(text)) if len(marks) == level]


def section(text: str, title: str) -> str:
    """Return what stands under a heading, down to the next one of its level or above."""
    found = next(match for match in _HEADING.finditer(text) if match[2] == title)
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str, *header: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a table's rows, found by the first cells of its header."""
    start = "| " + " | ".join(header) + " |"
    lines = text.splitlines()
    begins = [i for i, line in enumerate(lines) if line.startswith(start)]
    rows: list[list[str]] = []
    for line in lines[begins[number] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def name(cell: str) -> str:
    """Return the one name of a cell."""
    (only,) = names(cell)
    return only


def without_code(text: str) -> str:
    """Return the text without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def source() -> str:
    """Return all code of the service as one text."""
    return "\n".join(path.read_text() for path in sorted(CODE.rglob("*.py")))

"""docs/performance.md, whose figures are written by what has measured them."""

import os
import platform
import re
from typing import Final

from cli.local import PROJECT

PAGE: Final = PROJECT / "docs" / "performance.md"


def put(part: str, text: str) -> None:
    """Write what stands between `<!-- PART: ... -->` and the next `<!-- end -->` anew."""
    page = PAGE.read_text()
    marked = re.compile(rf"(<!-- {part}: .*? -->\n).*?(<!-- end -->\n)", re.DOTALL)
    assert marked.search(page), f"docs/performance.md has no place for {part}"
    PAGE.write_text(marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page))


def machine() -> str:
    """Return what it was measured on, in words."""
    processors = f"{os.cpu_count()} processors"
    return f"Python {platform.python_version()} on {platform.machine()}, {processors}"


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a table in Markdown; all columns but the first `left` ones are figures."""
    marks = ["---" if number < left else "---:" for number in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, marks, *rows])

"""Files that a browser asks for: the console, and the demo page of a local service."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chalicelib.http import Answer, Request, Shown

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

ASK_AGAIN: Final = "no-cache"
"""A browser may keep it, and asks each time whether it is good still."""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_HASHED: Final = re.compile(r".+-[0-9A-Z]{8}\.(css|js)")
"""How the build names a file after its content."""


class File(Shown):
    """A text file, as it is."""

    text: str

    def to_json(self) -> str:
        """Return the file as it is."""
        return self.text


def policy(connects: Sequence[str] = (), *, typed: bool = True) -> str:
    """Return the Content-Security-Policy of a page that may speak with these origins and its own.

    Whatever a page holds is its own: no inline script or style, no frame, no form that leaves.
    A page that is `typed` makes nothing of itself out of text.
    """
    speaks_with = " ".join(["'self'", *connects])
    rules = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {speaks_with}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return rules + "; require-trusted-types-for 'script'; trusted-types 'none'" * typed


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files that may be given, by name; none where there is no such folder.

    A view looks a name up in here, so that no path is made of what was asked for.
    """
    there = folder.iterdir() if folder.is_dir() else ()
    return {path.name: path for path in there if path.suffix in _MEDIA_TYPES}


def show_file(request: Request, path: Path, *, policy: str) -> Answer:
    """Give a file, or say that the browser's copy of it is good."""
    text = path.read_text(encoding="utf-8")
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {
        "Content-Type": _MEDIA_TYPES[path.suffix],
        "Cache-Control": _FOR_EVER if _HASHED.fullmatch(path.name) else ASK_AGAIN,
        "Content-Security-Policy": policy,
        "ETag": tag,
    }
    if request.headers.get("if-none-match") == tag:
        return Answer(None, 304, headers)
    return Answer(File(text=text), headers=headers)

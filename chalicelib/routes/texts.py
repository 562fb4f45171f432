"""What pages say to a shopper, in the language that the shopper's client asks for.

English stands in core/page_errors.py. Every other language is one file in languages/, named by
its tag (`tr.json`) and holding a template for the code of every page refusal.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from chalicelib.core.page_errors import PageRefusal

ENGLISH: Final = "en"
LANGUAGES: Final = Path(__file__).parent / "languages"

_LONGEST_HEADER: Final = 1024
"""Far more than any browser sends; what is longer is not worth the time of reading it."""

_RANGE: Final = re.compile(
    r"(?P<tag>\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*q=(?P<quality>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.ASCII | re.IGNORECASE,
)
"""One element of Accept-Language: RFC 9110, sections 12.4.2 and 12.5.4."""


def _load() -> Mapping[str, Mapping[str, str]]:
    return {
        file.stem.lower(): json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(LANGUAGES.glob("*.json"))
    }


_TEMPLATES: Final = _load()
"""Templates by language and code: read once, when the function starts."""


def language_of(header: str | None) -> str:
    """Return the language to answer in: the most wanted one that there is, else English.

    `header` is the Accept-Language of a request. What cannot be read in it counts for nothing;
    among equally wanted languages the first one counts.
    """
    if header is None or len(header) > _LONGEST_HEADER:
        return ENGLISH
    # Sorting keeps the order of equals, as the sender wrote them.
    for _, tag in sorted(_ranges(header), key=lambda wanted: -wanted[0]):
        language = _served(tag)
        if language is not None:
            return language
    return ENGLISH


def text_of(refusal: PageRefusal, language: str) -> str:
    """Return what a refusal says in a language that `language_of` returned."""
    template = _TEMPLATES.get(language, {}).get(refusal.code, refusal.fallback)
    return template.format(**refusal.values)


def _ranges(header: str) -> Iterator[tuple[float, str]]:
    """Return each language that the header wants at all, with how much it wants it."""
    for element in header.split(","):
        found = _RANGE.fullmatch(element.strip(" \t"))
        if found is None:
            continue
        quality = float(found["quality"] or 1)
        if quality > 0:
            yield quality, found["tag"].lower()


def _served(tag: str) -> str | None:
    """Return the language that serves a tag, by the lookup of RFC 4647: `tr` serves `tr-TR`."""
    while tag:
        if tag == "*":
            return ENGLISH
        if tag == ENGLISH or tag in _TEMPLATES:
            return tag
        tag = tag.rpartition("-")[0]
    return None

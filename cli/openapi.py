"""`openapi`: the checked-in description of the interface, written from the routes."""

import importlib
import json
from typing import Final

from chalicelib.openapi import describe
from cli.local import PROJECT

DOCUMENT: Final = PROJECT / "docs" / "openapi.json"


def openapi() -> None:
    """Write docs/openapi.json anew from the declared routes and print its path."""
    importlib.import_module("app")
    DOCUMENT.write_text(json.dumps(describe(), indent=1, ensure_ascii=False) + "\n")
    print(DOCUMENT.relative_to(PROJECT))

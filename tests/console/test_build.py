"""What `make console` builds: small enough, and what the README shows is what there is."""

import gzip

from chalicelib.routes import console
from tests.console.screenshots import MADE_OF, source_digest

MAX_SCRIPT_BYTES = 40 * 1024


def test_the_scripts_are_small_on_the_wire() -> None:
    scripts = list(console.FILES.glob("app-*.js"))
    assert scripts
    assert sum(len(gzip.compress(each.read_bytes())) for each in scripts) <= MAX_SCRIPT_BYTES


def test_the_pictures_show_the_console_as_it_is() -> None:
    assert MADE_OF.read_text().strip() == source_digest(), (
        "python -m tests.console.screenshots takes them anew"
    )

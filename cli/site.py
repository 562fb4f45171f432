"""`site`: the documentation as a site of its own, built from the files that a reader finds here.

zensical builds it. The files are copied into one tree first, since a page of the site cannot lie
above `docs/`; links between them are written anew, and one to what is no page stops the build.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Annotated, Final

import typer

from cli.local import PROJECT, LocalError

ZENSICAL: Final = PROJECT / ".engine" / "seldom" / "bin" / "zensical"

NAVIGATION: Final[Mapping[str, Mapping[str, str]]] = {
    "Start": {
        "What it is": "README.md",
        "Start in five minutes": "docs/start.md",
        "Concepts": "docs/concepts.md",
        "Words": "docs/glossary.md",
    },
    "Integrate": {
        "A storefront": "docs/integrate-storefront.md",
        "A back end": "docs/integrate-backend.md",
        "Card payments": "docs/payments.md",
        "Events and webhooks": "docs/events.md",
        "The checkout pages": "docs/checkout-protocol.md",
        "The API": "docs/api.md",
    },
    "Administer": {
        "Admin guide": "docs/admin-guide.md",
        "Distributions": "docs/distributions.md",
        "Reconciliation": "docs/reconciliation.md",
        "Privacy": "docs/privacy.md",
    },
    "Run": {
        "Deploy": "docs/deploy.md",
        "Configure": "docs/configuration.md",
        "Operate": "docs/operations.md",
        "The console": "docs/console.md",
        "Security": "SECURITY.md",
    },
    "Understand": {
        "Consistency": "docs/consistency.md",
        "Performance": "docs/performance.md",
        "Architecture": "docs/architecture.md",
        "Tables": "docs/data-model.md",
        "Decisions": "docs/decisions/README.md",
    },
    "Take part": {
        "Contribute": "CONTRIBUTING.md",
        "Changes": "CHANGELOG.md",
    },
}
"""Every page by its part and its title; decisions are pages below theirs."""

_LINK: Final = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def site(
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it at http://127.0.0.1:8001 until Ctrl-C.")
    ] = False,
) -> None:
    """Build the documentation site in build/site."""
    folder = PROJECT / "build"
    build(folder)
    print(f"The site is in {(folder / 'site').relative_to(PROJECT)}.")
    if serve:
        print("Read it at http://127.0.0.1:8001 until Ctrl-C.", flush=True)
        _run(folder, "serve", "--dev-addr", "127.0.0.1:8001")


def build(folder: Path) -> None:
    """Build the site in `folder`/site. Raises `LocalError` for a link that leads nowhere."""
    if not ZENSICAL.exists():
        raise LocalError("zensical is not installed yet: make docs installs it.")
    source = folder / "site-source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(folder / "site", ignore_errors=True)
    for path in files():
        _put(path, source / place_of(path))
    (folder / "zensical.toml").write_text(settings())
    _run(folder, "build", "--strict", "--clean")


def files() -> Iterator[str]:
    """Yield the path of everything that the site holds, from the project's folder."""
    yield from (path for pages in NAVIGATION.values() for path in pages.values())
    yield from _in("docs/decisions", "[0-9]*.md")
    yield from _in("docs/pictures", "*.*")
    yield from _in("docs/examples", "*.*")
    yield "docs/openapi.json"
    yield "LICENSE"


def place_of(path: str) -> str:
    """Return where a file of the project stands in the site."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")


def settings() -> str:
    """Return the settings of zensical, which loads nothing from any other host."""
    parts = []
    for part, pages in NAVIGATION.items():
        named = [
            f"{{ {json.dumps(title)} = {json.dumps(place_of(p))} }}" for title, p in pages.items()
        ]
        parts.append(f"  {{ {json.dumps(part)} = [{', '.join(named)}] }},")
    return "\n".join(
        [
            "[project]",
            'site_name = "Loyalty Money"',
            'site_description = "A serverless store-credit ledger for online shops"',
            'docs_dir = "site-source"',
            'site_dir = "site"',
            "use_directory_urls = false",
            "nav = [",
            *parts,
            "]",
            "[project.theme]",
            "font = false",
            'features = ["content.code.copy", "navigation.footer", "navigation.sections",',
            '  "navigation.top", "search.highlight", "toc.follow"]',
            "[[project.theme.palette]]",
            'media = "(prefers-color-scheme: light)"',
            'scheme = "default"',
            'toggle.icon = "lucide/sun"',
            'toggle.name = "Dark"',
            "[[project.theme.palette]]",
            'media = "(prefers-color-scheme: dark)"',
            'scheme = "slate"',
            'toggle.icon = "lucide/moon"',
            'toggle.name = "Light"',
            "[project.markdown_extensions]",
            "tables = {}",
            "toc.permalink = true",
            "pymdownx.superfences = {}",
            "pymdownx.highlight.pygments_lang_class = true",
            "pymdownx.inlinehilite = {}",
            "",
        ]
    )


def _in(folder: str, pattern: str) -> Iterator[str]:
    for path in sorted((PROJECT / folder).glob(pattern)):
        if path.name != "README.md":
            yield str(path.relative_to(PROJECT))


def _put(path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".md"):
        target.write_text(linked(path, (PROJECT / path).read_text()))
    else:
        shutil.copy(PROJECT / path, target)


def linked(path: str, text: str) -> str:
    """Return a page whose links lead to pages of the site. `LocalError` if one leads elsewhere."""
    known = {*files()}

    def lead(found: re.Match[str]) -> str:
        begin, link, anchor, end = found[1], found[2], found[3] or "", found[4]
        if re.match(r"\w+:", link):
            return found[0]
        wanted = normpath(join(dirname(path), link))
        wanted = join(wanted, "README.md") if (PROJECT / wanted).is_dir() else wanted
        if wanted not in known:
            raise LocalError(f"{path} links to {link}, which is no part of the site.")
        here = dirname(place_of(path)) or "."
        return f"{begin}{relpath(place_of(wanted), here)}{anchor}{end}"

    pieces, at = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [_LINK.sub(lead, text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*pieces, _LINK.sub(lead, text[at:])])


def _run(folder: Path, *arguments: str) -> None:
    command = [str(ZENSICAL), *arguments, "--config-file", str(folder / "zensical.toml")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"The site could not be built:\n{done.stdout}{done.stderr}")

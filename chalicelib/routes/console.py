"""The admin console: static files that `make console` builds, and what they need to sign in.

They are pages and no part of the interface, so not among the routes that describe it.
"""

from pathlib import Path
from typing import Final, Literal

from chalicelib.config import Config, config
from chalicelib.http import PUBLIC, Answer, Request, Route, Routes, Shown
from chalicelib.routes.files import ASK_AGAIN, File, files_of, policy, show_file

FILES: Final = Path(__file__).parent.parent / "console"
"""What `make console` builds."""

DECLARED: Final[list[Route]] = []
"""The routes of the console: no part of the interface, so not among those that describe it."""

_PAGE: Final = "index.html"
_DOCS: Final = "docs.html"
_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<title>Loyalty Money</title>
<h1>The console is not built</h1>
<p>Run <code>make console</code>, and load this page again. The interface works all the same.</p>
</html>
"""
_NO_SUCH_FILE: Final = "There is no such file in the console.\n"

routes = Routes(__name__, DECLARED)


class SignIn(Shown):
    """How staff sign in: by the demo door of a local service, by OpenID Connect, or not at all."""

    kind: Literal["demo", "oidc", "none"]
    issuer: str | None = None
    client_id: str | None = None
    scope: str | None = None
    audience: str | None = None


class ConsoleConfig(Shown):
    """What the console is told of its deployment. Nothing in it is secret."""

    stage: str
    sign_in: SignIn

    def to_json(self) -> str:
        """Return the JSON text without what does not apply."""
        return self.model_dump_json(exclude_none=True)


@routes.route(
    "GET", "/console", access=PUBLIC, answers={200: File, 302: None, 304: None, 404: File}
)
def enter(request: Request) -> Answer:
    """Give the page, at an address that ends in a slash.

    The page's own links are relative, so without the slash they would miss its folder. The way
    there is relative as well: the address may have a prefix that only who asks knows.
    """
    if not request.asked_path.endswith("/"):
        return Answer(None, 302, {"Location": "console/"})
    return _give(_PAGE, request)


@routes.route("GET", "/docs", access=PUBLIC, answers={200: File, 302: None, 304: None, 404: File})
def show_interface(request: Request) -> Answer:
    """Give the page on which the interface can be read and called."""
    if not request.asked_path.endswith("/"):
        return Answer(None, 302, {"Location": "docs/"})
    return _give(_DOCS, request)


@routes.route("GET", "/console/config.json", access=PUBLIC, answers={200: ConsoleConfig})
def show_config(request: Request) -> Answer:
    """Tell how staff sign in here."""
    del request
    settings = config()
    shown = ConsoleConfig(stage=settings.stage, sign_in=_sign_in(settings))
    return Answer(shown, headers={"Cache-Control": ASK_AGAIN})


@routes.route("GET", "/console/{asset}", access=PUBLIC, answers={200: File, 304: None, 404: File})
def show(request: Request) -> Answer:
    """Give a file of the console."""
    return _give(request.path["asset"], request)


def _give(name: str, request: Request) -> Answer:
    found = files_of(FILES)
    if name in found:
        # Swagger UI makes its page of text, which it cleans by itself.
        own = policy(typed=False) if name == _DOCS else policy(config().console_connects)
        return show_file(request, found[name], policy=own)
    # Not 503: nothing is in trouble, and asking again would not help.
    if name in {_PAGE, _DOCS}:
        return Answer(File(text=_NOT_BUILT), 404, {"Content-Type": "text/html; charset=utf-8"})
    return Answer(File(text=_NO_SUCH_FILE), 404, {"Content-Type": "text/plain; charset=utf-8"})


def _sign_in(settings: Config) -> SignIn:
    if settings.console_client_id is not None:
        return SignIn(
            kind="oidc",
            issuer=settings.oidc_issuer,
            client_id=settings.console_client_id,
            scope=settings.console_scope,
            audience=settings.oidc_audience,
        )
    return SignIn(kind="demo" if settings.stage == "local" else "none")

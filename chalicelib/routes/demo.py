"""The demo door: what a shop's own back end and storefront do, for one who tries this service.

It is there in stage `local` alone. The storefront client logs in here as it does at its own back
end (api/auth.ts, middlewares/default.ts), and `/demo/` is a checkout to click through.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError

from chalicelib import auth, checkout, registry
from chalicelib.core.currencies import DIGITS
from chalicelib.core.errors import (
    BodyTooLarge,
    CrossSiteWrite,
    InvalidAmount,
    InvalidRequest,
    UnknownChannel,
)
from chalicelib.core.events import Event
from chalicelib.core.money import format_page_amount, parse_page_amount
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.http import (
    FORM,
    JSON,
    PUBLIC,
    Answer,
    Body,
    Request,
    Route,
    Routes,
    Shown,
    check_size,
    media_type,
    parse_form,
)
from chalicelib.outside.events import lately
from chalicelib.routes.files import File, policy, show_file

CHANNEL: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105  # known to all: the door opens on a developer's machine alone
HERE: Final = ("127.0.0.1", "localhost")
STAFF_LIFE_S: Final = 8 * 60 * 60
DECLARED: Final[list[Route]] = []
"""The routes of this door: no part of the interface, so not among those that describe it."""

FILES: Final = Path(__file__).parent.parent / "demo"
PAGE: Final = {
    "/demo": "index.html",
    "/demo/demo.css": "demo.css",
    "/demo/client.js": "client.js",
    "/demo/view.js": "view.js",
    "/demo/demo.js": "demo.js",
    "/demo/icon.svg": "icon.svg",
}
"""The files of the demo page, by path."""

routes = Routes(__name__, DECLARED)


class DemoForm(BaseModel):
    """The base of this door's forms; the client sends further fields, which are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LoginForm(DemoForm):
    """Who wants in."""

    email: str = ""
    password: str = ""


class CheckoutForm(DemoForm):
    """What the demo order is to cost."""

    total: str = "40.00"


class LoggedIn(Shown):
    """A session was opened. The client asks only whether there is a `key`."""

    key: str


class FormErrors(Shown):
    """What is wrong, by field or under `non_field_errors`, as the client's log-in code reads it."""

    model_config = ConfigDict(extra="allow")


class StaffTokenForm(Body):
    """What the token is to allow: scopes parted by spaces, `owner` never among them."""

    scopes: str


class StaffToken(Shown):
    """A bearer token of staff, for the console."""

    token: str


class CurrentUser(Shown):
    """The signed-in shopper; what this service does not know of a person is empty."""

    pk: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    email_allowed: bool
    sms_allowed: bool
    date_joined: str | None
    last_login: str | None
    date_of_birth: str | None
    hashed_email: str
    gender: str | None


class CsrfToken(Shown):
    """A value for the cookie `csrftoken`."""

    csrf_token: str


class DemoCheckout(Shown):
    """A checkout was opened."""

    reference: str


class Lately(Shown):
    """Events as other systems hear of them."""

    items: list[SerializeAsAny[Event]]


# --- the shop's back end ------------------------------------------------------------------------


@routes.route(
    "POST",
    "/users/login",
    access=PUBLIC,
    body=LoginForm,
    reads=(JSON, FORM),
    answers={200: LoggedIn, 400: FormErrors},
    refusals=(UnknownChannel, CrossSiteWrite),
)
def log_in(request: Request) -> Answer:
    """Open a session for a shopper of the demo channel, by e-mail address and the demo password."""
    # Another site may not sign a visitor in. The token is not asked for: the client's log-in code
    # sends the cookie csrftoken without the header x-csrftoken.
    auth.check_same_site({"sec-fetch-site": request.headers.get("sec-fetch-site", "none")})
    form = _read(LoginForm, request)
    if isinstance(form, Answer):
        return form
    missing = {name: "This field is required." for name, text in form if not text}
    if missing:
        return _wrong(**missing)
    user = registry.find_user(request.call, CHANNEL, form.email)
    if user is None or form.password != PASSWORD:
        return _wrong("Unable to log in with provided credentials.")
    session, _ = registry.mint_session(request.call, CHANNEL, user.user_pk)
    cookie = f"osessionid={session}; Path=/; Max-Age={auth.SESSION_LIFE_S}; HttpOnly; SameSite=Lax"
    return Answer(LoggedIn(key=secrets.token_hex(20)), headers={"Set-Cookie": cookie})


@routes.route(
    "POST",
    "/demo/staff-token",
    access=PUBLIC,
    body=StaffTokenForm,
    answers={200: StaffToken},
    refusals=(CrossSiteWrite, InvalidRequest),
)
def mint_staff_token(request: Request, body: StaffTokenForm) -> Answer:
    """Mint a token for staff of the demo channel, as an identity provider would."""
    auth.check_same_site({"sec-fetch-site": request.headers.get("sec-fetch-site", "none")})
    # A stranger's name that leads to this machine is another site; browsers do not say so.
    if urlsplit(f"//{request.headers.get('host', HERE[0])}").hostname not in HERE:
        raise CrossSiteWrite
    scopes = body.scopes.split()
    if not scopes or not set(scopes) <= {*auth.SCOPES, "admin"} - {"owner"}:
        raise InvalidRequest("Ask for scopes of staff, such as admin or read.")
    token = auth.staff_token(
        "demo-admin", [CHANNEL], scopes, now=request.call.now, life_s=STAFF_LIFE_S
    )
    return Answer(StaffToken(token=token))


@routes.route("GET", "/current_user", access=auth.SHOPPER, answers={200: CurrentUser})
def current_user(request: Request) -> Answer:
    """Say who is signed in."""
    user = registry.read_shopper(request.call, request.shopper)
    assert user.email is not None, "a shopper is registered with an address"
    return Answer(
        CurrentUser(
            pk=user.user_pk,
            first_name=user.email.partition("@")[0].capitalize(),
            last_name="",
            email=user.email,
            phone=None,
            email_allowed=False,
            sms_allowed=False,
            date_joined=None,
            last_login=None,
            date_of_birth=None,
            hashed_email=hashlib.sha256(user.email.lower().encode()).hexdigest(),
            gender=None,
        )
    )


@routes.route("GET", "/csrf_token", access=PUBLIC, answers={200: CsrfToken})
def csrf_token(request: Request) -> Answer:
    """Give a token for the cookie `csrftoken`; it is compared with the header x-csrftoken."""
    del request
    return Answer(CsrfToken(csrf_token=secrets.token_hex(32)))


@routes.route(
    "POST",
    "/demo/checkout",
    access=auth.SHOPPER,
    body=CheckoutForm,
    reads=(JSON, FORM),
    answers={201: DemoCheckout, 400: FormErrors},
    refusals=(PaymentInProgress,),
)
def open_checkout(request: Request) -> Answer:
    """Open a checkout of one article for the signed-in shopper, each time another one."""
    call, shopper = request.call, request.shopper
    registry.read_shopper(call, shopper)
    form = _read(CheckoutForm, request)
    if isinstance(form, Answer):
        return form
    code = request.headers.get("x-currency", "").upper()
    currency = checkout.session_currency(call, shopper, code if code in DIGITS else None)
    try:
        total = parse_page_amount(form.total, currency)
    except InvalidAmount as refusal:
        return _wrong(total=refusal.detail)
    if total == 0:
        return _wrong(total="An order costs something: send an amount above zero.")
    wanted = checkout.NewPreOrder(
        user_pk=shopper.user_pk,
        currency=currency,
        reference=f"demo-{secrets.token_hex(4)}",
        total=total,
        shipping=0,
        content=json.dumps(_basket(format_page_amount(total, currency))),
    )
    opened = checkout.open_pre_order(call, shopper.channel, wanted).answer
    return Answer(DemoCheckout(reference=opened.reference), 201)


def _basket(price: str) -> dict[str, Any]:
    """Return what is bought and where it goes, as a shop's back end sends it."""
    product = {"name": "Tea for two", "price": price, "retail_price": price, "absolute_url": "/"}
    item = {"pk": 1, "quantity": 1, "unit_price": price, "total_amount": price, "product": product}
    address = {"pk": 1, "title": "Home", "line": "Galata 1, Istanbul"}
    return {
        "basket": {"basketitem_set": [item]},
        "shipping_address": address,
        "billing_address": address,
    }


FormModel = TypeVar("FormModel", bound=DemoForm)


def _read(model: type[FormModel], request: Request) -> FormModel | Answer:
    """Return the posted form, or the answer that says why it cannot be read."""
    kind, raw = media_type(request.headers), request.raw_body
    try:
        check_size(raw)
        if kind == FORM:
            return model.model_validate(parse_form(raw))
        if kind == JSON:
            return model.model_validate_json(raw)
    except ValidationError as error:
        fields = {
            str(problem["loc"][0]): "Send text." for problem in error.errors() if problem["loc"]
        }
        if fields:
            return _wrong(**fields)
    except BodyTooLarge as refusal:
        return _wrong(refusal.detail)
    return _wrong("Send the fields as a form or as one JSON object.")


def _wrong(detail: str = "", /, **fields: str) -> Answer:
    found = fields or {"non_field_errors": detail}
    errors = {name: [text] for name, text in found.items()}
    return Answer(FormErrors.model_validate(errors), 400)


@routes.route("GET", "/demo/events", access=PUBLIC, answers={200: Lately})
def list_events(request: Request) -> Answer:
    """List what has happened since the service was started, newest first."""
    del request
    return Answer(Lately(items=lately()))


# --- the page -----------------------------------------------------------------------------------


def _viewer(name: str) -> Callable[[Request], Answer]:
    """Return the view of one file."""

    def show(request: Request) -> Answer:
        """Give a file of the demo page."""
        return show_file(request, FILES / name, policy=policy())

    show.__name__ = f"show_{Path(name).stem}_{Path(name).suffix[1:]}"
    return show


for path, file in PAGE.items():
    routes.route("GET", path, access=PUBLIC, answers={200: File, 304: None})(_viewer(file))

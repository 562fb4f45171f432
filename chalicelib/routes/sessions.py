"""The door where a shop's back end gets a session for a shopper who signed in there."""

from chalicelib import registry
from chalicelib.core.errors import UnknownChannel, UnknownUser
from chalicelib.core.names import Identifier
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class SessionBody(Body):
    """The shopper who signed in."""

    model_config = example({"user_pk": "1001"})

    user_pk: Identifier


class SessionShown(Shown):
    """A value for the cookie `loyalty_session` or `osessionid`, and its end."""

    session: str
    expires_at: Time


@routes.route(
    "POST",
    "/channels/{channel}/sessions",
    access="sessions",
    body=SessionBody,
    answers={200: SessionShown},
    refusals=(UnknownChannel, UnknownUser),
)
def mint_session(request: Request, body: SessionBody) -> Answer:
    """Mint a shopper's session; nothing is stored."""
    session, expires_ms = registry.mint_session(request.call, request.path["channel"], body.user_pk)
    return Answer(SessionShown(session=session, expires_at=time_of(expires_ms)))

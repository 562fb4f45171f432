"""Doors that belong to no noun: health and the description of the interface."""

from pydantic import ConfigDict

from chalicelib.http import PUBLIC, Answer, Request, Routes, Shown
from chalicelib.openapi import describe

routes = Routes(__name__)


class Health(Shown):
    """The service answers."""

    status: str


class Description(Shown):
    """The OpenAPI 3.1 description of every route."""

    model_config = ConfigDict(extra="allow")


@routes.route("GET", "/health", access=PUBLIC, answers={200: Health})
def health(request: Request) -> Answer:
    """Say that the service answers; nothing behind it is asked."""
    del request
    return Answer(Health(status="ok"))


@routes.route("GET", "/openapi.json", access=PUBLIC, answers={200: Description})
def openapi(request: Request) -> Answer:
    """Return the description of the interface."""
    del request
    return Answer(Description.model_validate(describe()))

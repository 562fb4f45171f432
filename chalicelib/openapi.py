"""The OpenAPI 3.1 description, derived from the routes as they are declared.

The models are the very ones that validate, so the description cannot promise anything else.
"""

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib import auth
from chalicelib.core.events import EVENTS, KEY_HEADER, Event, types_of
from chalicelib.http import (
    CSV,
    DECLARED,
    FORM,
    GUEST,
    JSON,
    PATH_TYPES,
    PROBLEM,
    PUBLIC,
    Problem,
    Route,
    path_schema,
    status_of,
)

if TYPE_CHECKING:
    from chalicelib.core.errors import Refusal

VERSION: Final = "0.1.0"
"""The version of the interface; CHANGELOG.md says what each one changed."""

_REFS: Final = "#/components/schemas/{model}"

_SECURITY_SCHEMES: Final = {
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": f"A staff token with claims channels and scope: {' '.join(auth.SCOPES)}.",
    },
    "loyalty_session": {"type": "apiKey", "in": "cookie", "name": "loyalty_session"},
    "osessionid": {"type": "apiKey", "in": "cookie", "name": "osessionid"},
    "webhook": {
        "type": "apiKey",
        "in": "header",
        "name": KEY_HEADER,
        "description": "The key that AWS has made for the webhook of a stage.",
    },
    "shopper": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A shopper's token: one channel, scope shopper, two hours at most.",
    },
}


@lru_cache(maxsize=1)
def describe() -> dict[str, Any]:
    """Return the description of every declared route as one OpenAPI 3.1 document."""
    models = _models()
    _, schemas = models_json_schema(
        [(model, "serialization" if model in _answers() else "validation") for model in models],
        ref_template=_REFS,
    )
    paths: dict[str, Any] = defaultdict(dict)
    for route in sorted(DECLARED, key=lambda route: (route.path, route.method)):
        paths[route.path][route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loyalty Money",
            "version": VERSION,
            "description": "A store-credit ledger for online shops.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": dict(paths),
        "webhooks": {name: _webhook(name, event) for event in EVENTS for name in types_of(event)},
        "components": {"schemas": schemas["$defs"], "securitySchemes": _SECURITY_SCHEMES},
    }


def _answers() -> set[type[BaseModel]]:
    shown = {model for route in DECLARED for model in route.answers.values() if model is not None}
    return {*shown, *EVENTS, Problem}


def _models() -> list[type[BaseModel]]:
    bodies = {route.body for route in DECLARED if route.body is not None}
    return sorted(_answers() | bodies, key=lambda model: model.__name__)


def operation_id(route: Route) -> str:
    """Return the name of a route: its noun, and its view."""
    return f"{route.view.__module__.rpartition('.')[2]}_{route.view.__name__}"


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.view.__module__.rpartition(".")[2].replace("_", "-")],
        "security": _security(route),
        "responses": _responses(route),
    }
    parameters = _path_parameters(route) + _query_parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        media = route.reads or (JSON,)
        model, text = {"$ref": _ref(route.body)}, {"type": "string"}
        operation["requestBody"] = {
            "required": FORM not in media,
            "content": {each: {"schema": text if each == CSV else model} for each in media},
        }
    return operation


def _webhook(name: str, event: type[Event]) -> dict[str, Any]:
    """Return how an event comes to a webhook."""
    return {
        "post": {
            "operationId": f"event_{name}",
            "summary": (event.__doc__ or "").partition("\n")[0],
            "tags": ["events"],
            "security": [{"webhook": []}],
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": {"$ref": _ref(event)}}},
            },
            "responses": {"2XX": {"description": "Taken; anything else, and it comes again"}},
        }
    }


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access == PUBLIC:
        return [{}]
    shopper: list[dict[str, list[str]]] = [
        {"loyalty_session": []},
        {"osessionid": []},
        {"shopper": []},
    ]
    if route.access == auth.SHOPPER:
        return shopper
    if route.access == GUEST:
        return [*shopper, {}]
    return [{"staff": [route.access]}]


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in sorted(route.answers.items()):
        responses[str(status)] = {"description": _SUCCESS[status]}
        if model is not None:
            responses[str(status)]["content"] = {JSON: {"schema": {"$ref": _ref(model)}}}
            if links := _links(route, model):
                responses[str(status)]["links"] = links
    by_status: dict[int, list[type[Refusal]]] = defaultdict(list)
    for refusal in route.all_refusals:
        by_status[status_of(refusal)].append(refusal)
    for status, refusals in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"{refusal.code}: {refusal.title}" for refusal in refusals),
            "content": {PROBLEM: {"schema": {"$ref": _ref(Problem)}}},
        }
    return responses


_SUCCESS: Final = {200: "Done, or done before", 201: "Created", 204: "Done"}


def _links(route: Route, answer: type[BaseModel]) -> dict[str, Any]:
    """Return what can be asked next of what was answered: the list's next page, and things within.

    A thing is within another where its path goes on after the other's, and the request or the
    answer says more of its path than the channel.
    """
    if _pages(route, answer):
        cursor = {"query.cursor": "$response.body#/next_cursor"}
        named = {f"path.{name}": f"$request.path.{name}" for name in _names(route)}
        return {"next_page": {"operationId": operation_id(route), "parameters": named | cursor}}
    if route.method == "GET":
        return {}
    within = [each for each in DECLARED if each.path.startswith(route.path) and each is not route]
    return {
        operation_id(each): {"operationId": operation_id(each), "parameters": known}
        for each in sorted(within, key=operation_id)
        if len(known := _known(route, answer, each)) > 1
    }


def _pages(route: Route, answer: type[BaseModel]) -> bool:
    asked = route.query is not None and "cursor" in route.query.model_fields
    return asked and "next_cursor" in answer.model_fields


def _known(route: Route, answer: type[BaseModel], target: Route) -> dict[str, str]:
    """Return where each parameter of a target's path stands, as far as it is known."""
    known = {name: f"$response.body#/{name}" for name in answer.model_fields}
    known |= {name: f"$request.path.{name}" for name in _names(route)}
    return {f"path.{name}": known[name] for name in _names(target) if name in known}


def _names(route: Route) -> list[str]:
    return re.findall(r"{(\w+)}", route.path)


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": path_schema(name)}
        for name in _names(route)
        if name in PATH_TYPES
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": shape,
        }
        for name, shape in schema["properties"].items()
    ]


def _ref(model: type[BaseModel]) -> str:
    name = re.sub(r"[^\w.-]", "_", model.__name__)
    return _REFS.format(model=name)

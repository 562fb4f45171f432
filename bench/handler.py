"""Events of API Gateway, as the Lambda function gets them, and its answers."""

import json
from collections.abc import Mapping
from typing import Any, Final

Json = Any

NOTHING: Final[Mapping[str, str]] = {}


def ask(
    method: str,
    route: str,
    path: Mapping[str, str] = NOTHING,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str] = NOTHING,
    body: Json = None,
) -> Json:
    """Send a request through the whole handler, and return its JSON; `route` is as declared."""
    from app import app  # noqa: PLC0415  # once the variables are set

    answer: Any = app(_event(method, route, path, headers, query, body), None)
    assert answer["statusCode"] in {200, 201}, answer["body"]
    return json.loads(answer["body"])


def _event(
    method: str,
    route: str,
    path: Mapping[str, str],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: Json,
) -> dict[str, Any]:
    return {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": route,
            "path": "/api" + route.format(**path),
            "requestId": "bench",
        },
        "headers": {"content-type": "application/json", **headers},
        "multiValueHeaders": {},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": dict(path) or None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "stageVariables": None,
    }

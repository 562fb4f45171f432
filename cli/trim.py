"""Leaves out of a package what no function uses: most of it is what botocore knows of AWS.

Of botocore's descriptions of some 400 services the functions use three, and of these a few
operations; it parses a description each time it makes a client, and all endpoints of AWS with it.
A test compares the operations with those that the code sends.
"""

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "dynamodb": (
        "BatchGetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "events": ("PutEvents",),
    "secretsmanager": ("GetSecretValue",),
    "sqs": ("SendMessageBatch",),
}
"""The services that functions send requests to, and what they send."""

_MODEL: Final = "service-2.json"
_RULES: Final = "endpoint-rule-set-1.json"


def trim(content: Path) -> None:
    """Take out of the folder of a package what is not used."""
    folder = content / "botocore" / "data"
    for place in folder.iterdir():
        if place.is_dir() and place.name not in OPERATIONS:
            shutil.rmtree(place)
    for service, operations in OPERATIONS.items():
        *older, newest = sorted((folder / service).iterdir())
        for version in older:
            shutil.rmtree(version)
        model = only_operations(_read(newest / _MODEL), operations)
        rules = _read(newest / _RULES)
        shutil.rmtree(newest)
        newest.mkdir()
        _write(newest / _MODEL, model)
        _write(newest / _RULES, rules)
    endpoints = folder / "endpoints.json"
    _write(endpoints, only_services(json.loads(endpoints.read_text())))
    # What installers keep for themselves.
    for package in content.glob("*.dist-info"):
        for name in ("RECORD", "REQUESTED", "INSTALLER", "direct_url.json", "uv_cache.json"):
            (package / name).unlink(missing_ok=True)


def only_operations(model: Json, operations: tuple[str, ...]) -> Json:
    """Return a service's description with these operations, and the shapes that they reach."""
    kept = {name: model["operations"][name] for name in operations}
    shapes: Json = {}
    waiting = list(_shapes_in(kept))
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            waiting += _shapes_in(shapes[name])
    trimmed: Json = _without_prose({**model, "operations": kept, "shapes": shapes})
    return trimmed


def only_services(endpoints: Json) -> Json:
    """Return the endpoints of AWS, those of the services in use alone."""
    partitions = [
        {
            **partition,
            "services": {
                name: content
                for name, content in partition["services"].items()
                if name in OPERATIONS
            },
        }
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _shapes_in(value: object) -> Iterator[str]:
    """Yield the names of the shapes that something refers to, directly."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "shape" and isinstance(inner, str):
                yield inner
            else:
                yield from _shapes_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _shapes_in(inner)


def _without_prose(value: Any) -> Any:  # noqa: ANN401  # whatever JSON holds
    if isinstance(value, dict):
        return {
            key: _without_prose(inner)
            for key, inner in value.items()
            if not (key == "documentation" and isinstance(inner, str))
        }
    if isinstance(value, list):
        return [_without_prose(inner) for inner in value]
    return value


def _read(path: Path) -> Json:
    packed = path.with_name(f"{path.name}.gz")
    content: Json = json.loads(gzip.decompress(packed.read_bytes()))
    return content


def _write(path: Path, content: Json) -> None:
    # Written anew, never into the file that may be the cache's own.
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")))

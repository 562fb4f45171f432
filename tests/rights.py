"""Which rights requests need: every one that a test sees is held to those of its function.

The function is told by who is asking: the stack of calls leads through the module that only it
enters. At the end of a whole run no right may be left that nothing has used.
"""

import sys
from collections.abc import Iterator
from typing import Any, Final

import botocore.client
import pytest

from cli.rights import RIGHTS, Right, rights_of

USED: Final[set[tuple[str, Right]]] = set()
"""What the functions have used, as this process has seen it."""

WHOLE_RUN: Final = "not long"
"""The marker expression of `make test`."""

_ACTIONS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_VERBS: Final = ("checkout/", "distribution/", "ledger/", "registry.py")
_LAMBDA_S_OWN: Final = {"DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}


def hold_to_rights(patch: pytest.MonkeyPatch) -> None:
    """Let no request pass in this process that its function may not send."""
    send: Any = vars(botocore.client.BaseClient)["_make_api_call"]

    def watched(client: Any, operation: str, request: Any) -> Any:
        function = _who_asks()
        if function is not None:
            for right in _needed(client.meta.service_model.service_name, operation, request):
                assert right in rights_of(function), f"{function} may not {' '.join(right)}"
                USED.add((function, right))
        return send(client, operation, request)

    patch.setattr(botocore.client.BaseClient, "_make_api_call", watched)


def unused() -> list[str]:
    """Return the rights that nothing has used."""
    granted = {(function, right) for function in RIGHTS for right in rights_of(function)}
    return sorted(
        f"{function}: {' '.join(right)}"
        for function, right in granted - USED
        if right[0] not in _LAMBDA_S_OWN
    )


def _who_asks() -> str | None:
    """Return the function whose code is asking; None for commands and for tests themselves."""
    places = set(_places())
    if any(place.startswith("distribution/work.py") for place in places):
        return "Distribute"
    if any(place.endswith(":end_payments") for place in places):
        return "EndPayments"
    if any(place.startswith("http.py") for place in places):
        return "APIHandler"
    is_verb = any(place.startswith(_VERBS) for place in places)
    is_audit = any(place.startswith("ledger/audit") for place in places)
    return "APIHandler" if is_verb and not is_audit else None


def _places() -> Iterator[str]:
    frame = sys._getframe()
    while frame is not None:
        _, _, place = frame.f_code.co_filename.partition("/chalicelib/")
        if place:
            yield f"{place}:{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]  # the outermost has none


def _needed(service: str, operation: str, request: Any) -> Iterator[Right]:
    if service == "sqs":
        yield operation.removesuffix("Batch"), "queue"
    elif service == "secretsmanager":
        yield operation, "secret"
    elif operation == "BatchGetItem":
        yield from ((operation, _noun(table)) for table in request["RequestItems"])
    elif operation.startswith("Transact"):
        for member in request["TransactItems"]:
            ((verb, content),) = member.items()
            yield _ACTIONS[verb], _noun(content["TableName"])
    else:
        index = request.get("IndexName")
        yield operation, _noun(request["TableName"]) + (f"/{index}" if index else "")


def _noun(table: str) -> str:
    return table.rpartition("-")[2]


# --- hooks of pytest ----------------------------------------------------------------------------


def keep(session: pytest.Session) -> None:
    """Hand what a worker of xdist has seen to the process that started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rights"] = sorted(USED)


def gather(node: object) -> None:
    """Add what a worker of xdist has seen."""
    seen = getattr(node, "workeroutput", {}).get("rights", [])
    USED.update((function, (action, place)) for function, (action, place) in seen)


def is_whole_run(config: pytest.Config) -> bool:
    """Return whether every test of `make test` was asked for, by the process that gathers."""
    chosen = (config.option.markexpr, config.option.keyword, config.option.deselect)
    return (
        not hasattr(config, "workeroutput")
        and chosen == (WHOLE_RUN, "", None)
        and config.args_source is not config.ArgsSource.ARGS
    )

"""Which rights requests need: every one that a test sees is held to those of its function.

The function is told by who is asking: the stack of calls leads through the module that only it
enters. What is sent must also be known to the package's botocore. At the end of a whole run no
right and no operation may be left that nothing has used.
"""

import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Any, Final

import botocore.client
import pytest

from chalicelib.config import config
from cli.rights import RIGHTS, Right, rights_of
from cli.trim import OPERATIONS

USED: Final[set[tuple[str, str, str]]] = set()
"""What the functions have used, as this process has seen it: the function, or the service of an
operation; the action; and on what, or nothing.
"""

WHOLE_RUN: Final = "not long"
"""The marker expression of `make test`."""

_ACTIONS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_VERBS: Final = ("checkout/", "distribution/", "ledger/", "reconciliation/", "registry.py")
_WORK: Final = ("distribution/work.py", "reconciliation/work.py")
_LAMBDA_S_OWN: Final = {"DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}


def hold_to_rights(patch: pytest.MonkeyPatch) -> None:
    """Let no request pass in this process that its function may not send."""
    send: Any = vars(botocore.client.BaseClient)["_make_api_call"]

    def watched(client: Any, operation: str, request: Any) -> Any:
        function = _who_asks()
        if function is not None:
            service = client.meta.service_model.service_name
            assert operation in OPERATIONS[service], f"the package knows no {operation}"
            USED.add((service, operation, ""))
            for right in _needed(service, operation, request):
                assert right in rights_of(function), f"{function} may not {' '.join(right)}"
                USED.add((function, *right))
        return send(client, operation, request)

    patch.setattr(botocore.client.BaseClient, "_make_api_call", watched)


def unused() -> list[str]:
    """Return the rights, and the operations of the package, that nothing has used."""
    granted = {(function, *right) for function in RIGHTS for right in rights_of(function)}
    known = {(service, name, "") for service, names in OPERATIONS.items() for name in names}
    left = (granted | known) - USED
    return sorted(" ".join(each).rstrip() for each in left if each[1] not in _LAMBDA_S_OWN)


def _who_asks() -> str | None:
    """Return the function whose code is asking; None for commands and for tests themselves."""
    marks = set(_marks())
    for mark, function in _ENTERED.items():
        if mark in marks:
            return function
    return None


_ENTERED: Final = {
    "test": None,
    "work": "Distribute",
    "end_payments": "EndPayments",
    "publish": "Publish",
    "audit": "AuditBooks",
    "rim": "APIHandler",
    "verb": "APIHandler",
}
"""Whose code it is, by what was entered: the first of these that was."""


def _marks() -> Iterator[str]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        mark = _mark_of(frame.f_code)
        if mark:
            yield mark
        frame = frame.f_back


@cache
def _mark_of(code: CodeType) -> str:
    if code.co_filename.endswith("/tests/store/wire.py"):
        return "test"  # it looks at rows while a request is under way
    _, _, place = code.co_filename.partition("/chalicelib/")
    if place.startswith(_WORK):
        return "work"
    if place == "ledger/audit.py" and code.co_name == "read_audit":
        return "rim"  # it reads what the audit has kept
    if place and code.co_name == "end_payments":
        return "end_payments"
    if place == "events.py" and code.co_name == "publish":
        return "publish"
    if place.startswith("http.py"):
        return "rim"
    if place.startswith(("audit/", "ledger/audit")):
        return "audit"
    return "verb" if place.startswith(_VERBS) else ""


def _needed(service: str, operation: str, request: Any) -> Iterator[Right]:
    if service == "sqs":
        dead = request["QueueUrl"] == config().event_dead_letters
        yield operation.removesuffix("Batch"), "dead letters" if dead else "queue"
    elif service == "events":
        yield operation, "bus"
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
    USED.update(map(tuple, getattr(node, "workeroutput", {}).get("rights", [])))


def is_whole_run(config: pytest.Config) -> bool:
    """Return whether every test of `make test` was asked for, by the process that gathers."""
    chosen = (config.option.markexpr, config.option.keyword, config.option.deselect)
    return (
        not hasattr(config, "workeroutput")
        and chosen == (WHOLE_RUN, "", None)
        and config.args_source is not config.ArgsSource.ARGS
    )

"""The functions of a deployed stage, stopped and let run again.

What they were like before, and how far a restore is, is remembered in tags of the functions
themselves: so it may be another machine that goes on.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.outside.aws import client
from cli.deployed import stack_name
from cli.local import LocalError
from cli.rights import NAMES

_RESERVED: Final = "loyalty-money:reserved-before"
"""The reserved concurrency that a stopped function had, or nothing."""

_STOPPED: Final = "loyalty-money:stopped"
"""Says that what still ran has had its time to end."""

_UNFINISHED: Final = "loyalty-money:unfinished"
"""Says that tables are being written, so that no function may run on them."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function in AWS: its names there, how many may run at once if that is set, and its tags."""

    name: str
    arn: str
    reserved: int | None
    tags: dict[str, str]

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` has come to its end, and nothing has let it run since."""
        return _STOPPED in self.tags and self.reserved == 0


def functions_of(stage: str) -> list[Function]:
    """Return the functions of a stage, as they are now. Raises `AwsError`."""
    return [_described(name) for name in _names(stage)]


def stop(stage: str, wait_s: int) -> None:
    """Let no function of a stage run, and give those that still do `wait_s` seconds to end.

    Messages of the queue wait as well: each delivery to a function that cannot run would count.
    """
    for function in functions_of(stage):
        client("lambda").untag_resource(Resource=function.arn, TagKeys=[_STOPPED])
        # A stop that was interrupted has noted it before; and who throttled it by hand meant now.
        if _RESERVED not in function.tags:
            before = str(function.reserved) if function.reserved else ""
            client("lambda").tag_resource(Resource=function.arn, Tags={_RESERVED: before})
        _take_messages(function, yes=False)
        client("lambda").put_function_concurrency(
            FunctionName=function.name, ReservedConcurrentExecutions=0
        )
    time.sleep(wait_s)
    for function in functions_of(stage):
        if function.reserved == 0:
            client("lambda").tag_resource(Resource=function.arn, Tags={_STOPPED: "yes"})


def let_run(stage: str) -> None:
    """Let the functions of a stage run as they did before they were stopped."""
    for function in functions_of(stage):
        reserved = function.tags.get(_RESERVED, "" if function.reserved == 0 else None)
        if reserved:
            client("lambda").put_function_concurrency(
                FunctionName=function.name, ReservedConcurrentExecutions=int(reserved)
            )
        elif reserved is not None:
            client("lambda").delete_function_concurrency(FunctionName=function.name)
        _take_messages(function, yes=True)
        client("lambda").untag_resource(Resource=function.arn, TagKeys=[_RESERVED, _STOPPED])


def is_unfinished(stage: str) -> bool:
    """Return whether the tables of a stage are neither as they were nor as they are to be."""
    return any(_UNFINISHED in function.tags for function in functions_of(stage))


def mark_unfinished(stage: str) -> None:
    """Remember that the tables of a stage are being written."""
    for function in functions_of(stage):
        client("lambda").tag_resource(Resource=function.arn, Tags={_UNFINISHED: "yes"})


def mark_finished(stage: str) -> None:
    """Remember that the tables of a stage are as they are to be."""
    for function in functions_of(stage):
        client("lambda").untag_resource(Resource=function.arn, TagKeys=[_UNFINISHED])


def _names(stage: str) -> Iterator[str]:
    for name in NAMES:
        found = client("cloudformation").describe_stack_resource(
            StackName=stack_name(stage), LogicalResourceId=name
        )
        yield str(found["StackResourceDetail"]["PhysicalResourceId"])


def _described(name: str) -> Function:
    found: Any = client("lambda").get_function(FunctionName=name)
    if "TagsError" in found:
        raise LocalError(f"The tags of {name} cannot be read: lambda:ListTags is missing.")
    limit = client("lambda").get_function_concurrency(FunctionName=name)
    reserved = limit.get("ReservedConcurrentExecutions")
    return Function(name, found["Configuration"]["FunctionArn"], reserved, found.get("Tags", {}))


def _take_messages(function: Function, *, yes: bool) -> None:
    found = client("lambda").list_event_source_mappings(FunctionName=function.name)
    for mapping in found["EventSourceMappings"]:
        if ":sqs:" in mapping["EventSourceArn"]:
            client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=yes)

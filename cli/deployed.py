"""A deployed stage, seen from here: its stack, and the variables of its functions."""

import os
from typing import Any, Final

from chalicelib.outside.aws import AwsError, client
from cli.local import LocalError, deployed_stage

_FUNCTION: Final = "APIHandler"


def stack_name(stage: str) -> str:
    """Return the name of a stage's stack, as `.chalice/samconfig.toml` has it."""
    return f"loyalty-money-{stage}"


def take_variables(stage: str) -> None:
    """Set the variables of a stage's functions, so that commands work on its tables and keys.

    What is set already stays. Raises `LocalError` where the stack cannot be read.
    """
    deployed_stage(stage)
    try:
        variables = variables_of(stage)
    except AwsError as error:
        raise LocalError(
            f"The stack {stack_name(stage)} cannot be read: {error}. Set AWS_PROFILE or AWS's own "
            "variables for the account that it is in, and AWS_DEFAULT_REGION for its region."
        ) from error
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def variables_of(stage: str) -> dict[str, str]:
    """Return the variables that a stage's functions have. Raises `AwsError`."""
    resource = client("cloudformation").describe_stack_resource(
        StackName=stack_name(stage), LogicalResourceId=_FUNCTION
    )
    function = resource["StackResourceDetail"]["PhysicalResourceId"]
    settings: Any = client("lambda").get_function_configuration(FunctionName=function)
    variables: dict[str, str] = settings["Environment"]["Variables"]
    return variables

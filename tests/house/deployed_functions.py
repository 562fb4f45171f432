"""Functions of a deployed stage, as moto keeps them: nothing runs in them."""

import io
import json
import secrets
import zipfile
from dataclasses import dataclass

import pytest

from chalicelib.outside import aws


@dataclass(frozen=True, slots=True)
class Fleet:
    """The names of a stage's functions; the first reads a queue."""

    names: list[str]

    def reserved(self) -> list[int | None]:
        """Return how many of each may run at once at most; None without a limit of its own."""
        found = [aws.client("lambda").get_function_concurrency(FunctionName=n) for n in self.names]
        return [each.get("ReservedConcurrentExecutions") for each in found]

    def takes_messages(self) -> bool:
        mappings = aws.client("lambda").list_event_source_mappings(FunctionName=self.names[0])
        (mapping,) = mappings["EventSourceMappings"]
        return bool(mapping["State"] in {"Enabled", "Enabling", "Creating"})


def deploy_fleet(patch: pytest.MonkeyPatch) -> Fleet:
    """Make two functions, and let commands find them as those of any stage."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("app.py", "")
    role = aws.client("iam").create_role(
        RoleName=secrets.token_hex(8), AssumeRolePolicyDocument=json.dumps({})
    )
    names = [secrets.token_hex(8) for _ in range(2)]
    for name in names:
        aws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role["Role"]["Arn"],
            Handler="app.app",
            Code={"ZipFile": zipped.getvalue()},
        )
    queue = aws.client("sqs").create_queue(QueueName=secrets.token_hex(8))["QueueUrl"]
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    aws.client("lambda").create_event_source_mapping(
        FunctionName=names[0], EventSourceArn=attributes["Attributes"]["QueueArn"]
    )
    patch.setattr("cli.functions._names", lambda _: names)
    return Fleet(names)

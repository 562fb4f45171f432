"""A stage deployed by `make deploy` to a ministack of its own, which checks every right.

ministack runs CloudFormation, API Gateway, Lambda, DynamoDB, SQS, S3, Secrets Manager and the
clock on loopback. Functions run from the very zip, each call with the rights of its role.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import botocore.session

from cli.deployed import stack_name
from cli.engine import Engine
from cli.local import PROJECT
from cli.package import this_machine
from cli.rights import EVENT_DEAD_LETTERS, QUEUE
from tests.house.packaged import OURS
from tests.house.service import environment

PYTHON: Final = PROJECT / ".engine" / "deploy" / "bin" / "python"

_SERVICES: Final = (
    "apigateway cloudformation cloudwatch dynamodb dynamodbstreams events iam lambda logs s3 sns "
    "secretsmanager sqs sts"
)
_ACCOUNT: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
"""What ministack takes for the owner of the account."""


@dataclass(frozen=True)
class Deployed:
    """The stage as its callers see it, and the account that it is in."""

    engine: Engine
    folder: Path
    stage: str = "dev"

    @property
    def name(self) -> str:
        """What the stack is called."""
        return stack_name(self.stage)

    @property
    def environment(self) -> dict[str, str]:
        """What a developer with the account's credentials has set."""
        return {**environment(), **_ACCOUNT, "AWS_ENDPOINT_URL": self.engine.address}

    @property
    def address(self) -> str:
        """Where API Gateway answers."""
        api = self.outputs["RestAPIId"]
        return f"{self.engine.address}/restapis/{api}/api/_user_request_"

    @property
    def outputs(self) -> dict[str, str]:
        """What the stack says of itself."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def client(self, service: str) -> Any:
        """Return a client of the account's owner."""
        return botocore.session.get_session().create_client(
            service,
            region_name=_ACCOUNT["AWS_DEFAULT_REGION"],
            endpoint_url=self.engine.address,
            aws_access_key_id=_ACCOUNT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_ACCOUNT["AWS_SECRET_ACCESS_KEY"],
        )

    def physical(self, resource: str) -> str:
        """Return the name that a resource of the template got."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=resource
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def deploy(self, *parameters: str) -> str:
        """Run `make deploy` for this machine; return what it prints."""
        options = ["--no-confirm-changeset"]
        if parameters:
            options += ["--parameter-overrides", *parameters]
        return self.run(
            *("make", "deploy", f"STAGE={self.stage}", f"BUILD={self.folder / self.stage}"),
            *(f"RUNTIME={OURS}", f"ARCHITECTURE={this_machine()}", f"ARGS={' '.join(options)}"),
        )

    def cli(self, *arguments: str) -> str:
        """Run `python -m cli` for the stage and return the last line that it prints."""
        return self.lines(*arguments)[-1]

    def lines(self, *arguments: str) -> list[str]:
        """Run `python -m cli` for the stage and return what it prints."""
        return self.run(sys.executable, "-m", "cli", *arguments).splitlines()

    def run(self, *command: str) -> str:
        """Run a command as a developer with the account's credentials."""
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env={**self.environment, "STAGE": self.stage},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def allow_batches(self) -> None:
        """Grant what AWS does not know: there, who may send a message may send a batch of them."""
        queues = {"ApiHandler": QUEUE, "Distribute": QUEUE, "Publish": EVENT_DEAD_LETTERS}
        for function, queue in queues.items():
            statement = {
                "Effect": "Allow",
                "Action": "sqs:SendMessageBatch",
                "Resource": f"arn:aws:sqs:*:*:{self.physical(queue).rpartition('/')[2]}",
            }
            self.client("iam").put_role_policy(
                RoleName=self.physical(f"{function}Role"),
                PolicyName="ministack",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )

    def start(self, function: str, event: dict[str, Any]) -> None:
        """Start a function as AWS does when its time has come; it must not fail."""
        answer = self.client("lambda").invoke(
            FunctionName=self.physical(function), Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def workers(self) -> list[int]:
        """Return the processes in which functions run."""
        return [pid for pid in _children(self.engine.process_id) if "_worker" in _command(pid)]

    def kill_workers(self, function: str = "") -> int:
        """Kill every process in which a function runs, or only those of one; return how many."""
        killed = 0
        name = f"AWS_LAMBDA_FUNCTION_NAME={self.physical(function)}" if function else ""
        for pid in self.workers():
            if name and name not in _read(Path(f"/proc/{pid}/environ")).split("\0"):
                continue
            os.kill(pid, signal.SIGKILL)
            killed += 1
        return killed


@contextmanager
def account(folder: Path, **variables: str) -> Iterator[Engine]:
    """Run an account with nothing in it; `variables` are set for its functions' processes."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"SERVICES": ",".join(_SERVICES.split()), "AUTH": "true", "PERSIST_STATE": "0"}
    with Engine(folder, python=PYTHON, variables={**whole, **variables}) as engine:
        yield engine


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in _read(task).split()]


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended meanwhile
        return ""

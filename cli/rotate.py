"""`rotate`: a new key for a ring of a deployed stage, without a deployment."""

import datetime
import re
import secrets
from enum import StrEnum
from typing import Annotated, Final

import typer

from chalicelib.config import config, is_kept
from chalicelib.outside.aws import AwsError, client
from chalicelib.outside.keys import KNOWN_TO_ALL_S, ring_of
from cli.local import LocalError


class Ring(StrEnum):
    """The rings that a stage may have."""

    SIGNING = "signing"
    STAFF = "staff"
    GATEWAY = "gateway"


_LENGTH: Final = 48


def rotate(
    ring: Annotated[Ring, typer.Argument(help="Whose key.")],
    keep: Annotated[int, typer.Option(min=0, help="How many older keys still verify.")] = 1,
) -> None:
    """Put a new key first in a ring of a deployed stage, such as STAGE=prod ... rotate signing."""
    variable = getattr(config(), f"{ring}_keys")
    if variable is None:
        raise LocalError(f"This stage has no {ring} keys.")
    if not is_kept(variable):
        raise LocalError(
            "The keys of this stage are not in AWS Secrets Manager: set STAGE to a deployed stage."
        )
    try:
        arn = variable.get_secret_value()
        kept = client("secretsmanager").get_secret_value(SecretId=arn)
        age = datetime.datetime.now(datetime.UTC) - kept["CreatedDate"]
        left = KNOWN_TO_ALL_S - age.total_seconds()
        if keep and left > 0:
            raise LocalError(
                f"The keys were changed a moment ago, and not every function knows them: wait "
                f"{left:.0f} s, or end every older key at once with --keep 0."
            )
        text = renewed(ring_of(kept["SecretString"]), keep)
        client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)
    except AwsError as error:
        raise LocalError(f"The secret was not changed: {error}") from error
    new, *older = (part.partition(":")[0] for part in text.split(","))
    if older:
        print(f"{new} signs in {KNOWN_TO_ALL_S / 60:.0f} minutes, once every function knows it.")
        print(f"Still good: {', '.join(older)}.")
    else:
        print(f"{new} signs, and no other key is good any more; functions learn it in minutes.")


def renewed(keys: dict[str, bytes], keep: int) -> str:
    """Return a ring with a new key first and the newest of the others after it."""
    numbers = [int(found[0]) for kid in keys if (found := re.search("[0-9]+$", kid))]
    new = f"k{max(numbers, default=0) + 1}:{secrets.token_urlsafe(_LENGTH)}"
    kept = [f"{kid}:{secret.decode()}" for kid, secret in [*keys.items()][:keep]]
    return ",".join([new, *kept])

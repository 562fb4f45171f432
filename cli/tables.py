"""`tables`: create what tables an engine lacks. In AWS the template makes them."""

from chalicelib.config import config
from chalicelib.store.tables import create_missing
from cli.local import LocalError


def tables() -> None:
    """Create the missing tables at the configured engine and print their names."""
    if config().dynamodb_endpoint is None:
        raise LocalError("DYNAMODB_ENDPOINT is not set, and the tables of AWS are the template's.")
    for name in create_missing():
        print(name)

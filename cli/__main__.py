"""The command line: `python -m cli COMMAND`. Each command is a function in a file of its name."""

import os
import sys

import typer

from cli import local
from cli.audit import NOT_MADE, audit
from cli.demo import demo
from cli.deployed import take_variables
from cli.distribute import distribute
from cli.erase import erase
from cli.export import export
from cli.openapi import openapi
from cli.package import package
from cli.pre_order import pre_order
from cli.rights import policy
from cli.rotate import rotate
from cli.serve import serve
from cli.session import session
from cli.tables import tables
from cli.token import token

app = typer.Typer(
    help="Loyalty Money on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ALONE = (serve, policy, package, openapi)
"""Commands that need no running service."""

BESIDE = (tables, token, session, pre_order, demo, audit, distribute, export, erase, rotate)
"""Commands that work on the service that runs in the current directory."""

for command in (*ALONE, *BESIDE):
    app.command(command.__name__.replace("_", "-"))(command)


@app.callback()
def enter(context: typer.Context) -> None:
    """Loyalty Money on this machine."""
    stage = local.enter_stage()
    if context.invoked_subcommand not in {c.__name__.replace("_", "-") for c in BESIDE}:
        return
    if stage == local.STAGE:
        local.require_service()
    elif "TABLE_PREFIX" not in os.environ:
        take_variables(stage)


def main() -> None:
    """Run a command; what stands in its way is one sentence and exit status 1.

    Of an audit, 1 says that the books are wrong, so that what stands in its way is 2.
    """
    try:
        app()
    except local.LocalError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(NOT_MADE if sys.argv[1:2] == [audit.__name__] else 1)


if __name__ == "__main__":
    main()

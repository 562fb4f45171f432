"""The command line: `python -m cli COMMAND`. Each command is a function in a file of its name."""

import os
import sys

import typer

from cli import local
from cli.audit import audit
from cli.dead_letters import dead_letters
from cli.demo import demo
from cli.deployed import take_variables
from cli.distribute import distribute
from cli.erase import erase
from cli.events import events
from cli.export import export
from cli.openapi import openapi
from cli.package import package
from cli.pins import pins
from cli.pre_order import pre_order
from cli.reconcile import reconcile
from cli.restore import restore
from cli.rights import policy
from cli.rotate import rotate
from cli.serve import serve
from cli.session import session
from cli.site import site
from cli.tables import tables
from cli.token import token
from cli.verdict import NOT_MADE

app = typer.Typer(
    help="Loyalty Money on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ALONE = (serve, policy, package, openapi, pins, site)
"""Commands that need no running service."""

BESIDE = (
    tables,
    token,
    session,
    pre_order,
    demo,
    audit,
    distribute,
    reconcile,
    export,
    erase,
    events,
    dead_letters,
    restore,
    rotate,
)
"""Commands that work on the service that runs in the current directory."""

JUDGES = (audit, reconcile)
"""Commands whose exit status 1 is a verdict, so that what stands in their way is 2."""

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

    Of one that judges, 1 says that something is wrong, so that what stands in its way is 2.
    """
    try:
        app()
    except local.LocalError as error:
        print(f"Error: {error}", file=sys.stderr)
        judges = sys.argv[1:2] in [[each.__name__] for each in JUDGES]
        sys.exit(NOT_MADE if judges else 1)


if __name__ == "__main__":
    main()

"""`audit`: prove the books of a channel, or name what is wrong with them.

Exit status: 0, the books are right; 1, faults were found; 2, the audit could not be made or was
interrupted. What was done is kept in a file, and the same command goes on from there.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.audit.file import AuditFile
from chalicelib.audit.run import Step, audit_channel, file_of
from chalicelib.core.audit import Report
from chalicelib.core.names import time_text
from cli.calls import call_as_developer
from cli.demo import CHANNEL
from cli.local import folder
from cli.restore import use_copies
from cli.verdict import WRONG, counted, verdict_or_not


def audit(
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
    json: Annotated[
        str | None, typer.Option(help="Write the report as JSON to a file, or to - for output.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over after an interruption.")
    ] = False,
    restored: Annotated[
        bool, typer.Option("--restored", help="Of the copies that `restore --at` has made.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Where an interrupted audit is kept, to go on with.")
    ] = None,
) -> None:
    """Prove the books of a channel: exit status 0 right, 1 wrong, 2 not audited."""
    # With --json - the output is the report alone.
    told = Console(highlight=False, soft_wrap=True, stderr=json == "-")
    with verdict_or_not():
        if restored:
            use_copies()
        report = _audited(channel, state, told, fresh=fresh)
        _show(told, report)
        if json is not None:
            _write(report, json)
    raise typer.Exit(0 if report.right else WRONG)


def _audited(channel: str, state: Path | None, told: Console, *, fresh: bool) -> Report:
    """Audit from the beginning or from where it was interrupted; keep and return the report."""
    path = state or file_of(folder(), channel)
    with _progress(told) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(step: Step) -> bool:
            task = tasks.get(step.part)
            if task is None:
                task = tasks[step.part] = progress.add_task(step.part, total=None)
            progress.update(task, completed=step.done, total=step.total)
            return True

        report = audit_channel(
            call_as_developer,
            channel,
            path,
            watch=watch,
            resume=lambda file: told.print(_going_on(file)),
            fresh=fresh,
        )
    assert report is not None, "nothing here leaves an audit"
    return report


def _going_on(file: AuditFile) -> str:
    return (
        f"Going on with the audit of {time_text(file.started_ms)}: "
        f"{counted(file.counts.accounts, 'account', 'accounts')}, "
        f"{counted(file.counts.entries, 'entry', 'entries')} and "
        f"{counted(file.counts.transfers, 'transfer', 'transfers')} are done. "
        "Start over with --fresh."
    )


# --- what is shown --------------------------------------------------------------------------


def _progress(told: Console) -> Progress:
    """Return a progress display, drawn only where somebody watches.

    Nobody knows how much there is of what is listed page by page, so only transfers have a bar
    that fills: their entries were counted before.
    """
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
        console=told,
        transient=True,
        disable=not told.is_terminal,
    )


def _show(told: Console, report: Report) -> None:
    names = ("issued", "refunded", "outstanding", "escrow", "spent", "expired")
    table = Table(title=f"Channel {report.channel} as of {report.as_of}", title_justify="left")
    table.add_column("currency")
    for name in names:
        table.add_column(name, justify="right")
    for totals in report.totals:
        table.add_row(totals.currency, *(getattr(totals, name) for name in names))
    told.print(table)
    for fault in report.faults:
        told.print(f"[bold]{fault.kind}[/bold]  {escape(fault.where)}: {escape(fault.detail)}")
    if report.fault_count > len(report.faults):
        told.print(f"... and {report.fault_count - len(report.faults):,} more.")
    told.print(_verdict(report))


def _verdict(report: Report) -> str:
    sizes = (
        counted(report.accounts, "account", "accounts"),
        counted(report.entries, "entry", "entries"),
        counted(report.transfers, "transfer", "transfers"),
        counted(report.holds, "open hold", "open holds"),
        counted(report.refunds, "refunded payment", "refunded payments"),
        counted(report.distributions, "distribution", "distributions"),
    )
    size = f"{', '.join(sizes[:-1])} and {sizes[-1]}"
    if report.right:
        return f"The books of {report.channel} are right: {size}."
    faults = counted(report.fault_count, "fault", "faults")
    return f"The books of {report.channel} are wrong: {faults} in {size}."


def _write(report: Report, to: str) -> None:
    text = report.model_dump_json(indent=2)
    if to == "-":
        print(text)
    else:
        Path(to).write_text(f"{text}\n")

"""`reconcile`: lay the shop's orders of a period beside what credit was captured for.

Exit status: 0, they agree; 1, they differ; 2, it could not be done or was interrupted. The id
follows from the file and the options, so the same command goes on with what was interrupted.
"""

import csv
import hashlib
import json as json_text
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib import reconciliation
from chalicelib.auth import Call
from chalicelib.core.money import format_amount
from chalicelib.core.names import time_text, to_ms
from chalicelib.core.reconciliation_orders import parse_csv
from chalicelib.core.reconciliations import Difference, Reconciliation, Totals
from chalicelib.outside import queue
from chalicelib.outside.queue import LocalQueue, Message
from chalicelib.reconciliation import Comparison
from cli.calls import call_as_developer, moment_of
from cli.demo import CHANNEL
from cli.local import LocalError
from cli.uploads import harmless, id_of, read_body
from cli.verdict import WRONG, counted, verdict_or_not
from cli.worker import wait_until, working

SHOWN: Final = 50
"""How many differences are printed; `--csv` and `--json` have them all."""

DIFFERENCES_A_PAGE: Final = 10_000
AMOUNTS: Final = ("paid", "captured", "refunded")
COUNTED: Final = ("currency", "orders", "paid", "captures", "captured", "refunded", "agreed")
CAPTURE: Final = ("id", "user_pk", "created_at", "amount")


def reconcile(  # noqa: PLR0913, PLR0917  # each is an option of the command
    file: Annotated[Path, typer.Argument(help="A CSV of order; paid; perhaps currency.")],
    since: Annotated[
        str, typer.Option(help="When the period begins: 2026-10-01, or with time and offset.")
    ],
    until: Annotated[str, typer.Option(help="When it is over: the first moment after it.")],
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
    currency: Annotated[
        str | None, typer.Option(help="Compare this currency alone; then no order need name it.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", help="Its id; follows from the file if left out.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="The file's encoding, such as windows-1254.")
    ] = "utf-8",
    json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", help="Write all differences to this CSV file.")
    ] = None,
) -> None:
    """Compare a file of orders with what was captured: exit status 0 equal, 1 not, 2 not done."""
    # With --json the output is that alone.
    told = Console(highlight=False, soft_wrap=True, stderr=json)
    with verdict_or_not():
        body = read_body(file, encoding)
        comparison = Comparison(
            to_ms(moment_of(since)), to_ms(moment_of(until)), currency, parse_csv(body, currency)
        )
        wished = f"{comparison.since_ms}\n{comparison.until_ms}\n{currency}\n".encode()
        wanted = id_of(name, file, hashlib.sha256(wished + body).hexdigest())
        job = _compared(told, channel, wanted, comparison)
        if json:
            found = [_difference_shown(each) for each in _differences(job)]
            print(json_text.dumps({**_shown(job), "items": found}, indent=2))
        else:
            _tell(told, job)
        if to_csv is not None:
            _write(job, to_csv)
    raise typer.Exit(WRONG if job.differences else 0)


def _compared(told: Console, channel: str, name: str, comparison: Comparison) -> Reconciliation:
    """Start it, or go on with it, work it off, and return it once it is closed."""
    with queue.in_process() as messages:
        job = reconciliation.start(call_as_developer(), channel, name, comparison).answer
        if job.in_progress:
            job = _work_off(told, messages, job)
    if job.state == "failed":
        raise LocalError(
            f"{job.captures + job.refunds:,} captures and refunds are too many to compare at "
            "once: choose a shorter period."
        )
    return job


def _work_off(told: Console, messages: LocalQueue, job: Reconciliation) -> Reconciliation:
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with (
        Progress(*columns, console=told, transient=True, disable=not told.is_terminal) as progress,
        # One step follows the other, so one thread does.
        working(_work, threads=1),
    ):
        task = progress.add_task("begins", total=None)

        def ended() -> bool:
            nonlocal job
            job = reconciliation.read_reconciliation(call_as_developer(), job.channel, job.id)
            progress.update(
                task,
                description=f"{job.state}: {job.accounts:,} accounts, {job.captures:,} captures",
            )
            return not job.in_progress

        wait_until(ended, messages, stuck="A step has failed each time; run the command again.")
    return job


def _work(message: Message, deadline: float) -> None:
    call = call_as_developer()
    reconciliation.work(Call(by=call.by, now=call.now, deadline=deadline), message)


# --- what is shown ------------------------------------------------------------------------------


def _differences(job: Reconciliation) -> Iterator[Difference]:
    behind: int | None = 0
    while behind is not None:
        found, behind = reconciliation.list_differences(
            call_as_developer(),
            job.channel,
            job.id,
            None,
            limit=DIFFERENCES_A_PAGE,
            after=behind,
        )
        yield from found


def _tell(told: Console, job: Reconciliation) -> None:
    period = f"{time_text(job.since_ms)} up to {time_text(job.until_ms)}"
    told.print(_table_of_totals(f"{job.id}: {period}", job.totals))
    if job.differences:
        told.print(_table_of_differences(job))
    if job.differences > SHOWN:
        told.print(f"... and {job.differences - SHOWN:,} more; --csv writes them all.")
    sizes = (
        f"{counted(job.orders, 'order', 'orders')} and "
        f"{counted(job.captures, 'capture', 'captures')} of "
        f"{counted(job.accounts, 'account', 'accounts')}"
    )
    found = counted(job.differences, "difference", "differences") if job.differences else None
    told.print(f"{job.id} is closed: {sizes}, {found or 'no difference'}.")


def _table_of_totals(title: str, totals: tuple[Totals, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in COUNTED:
        table.add_column(name, justify="left" if name == "currency" else "right")
    for each in totals:
        shown = _totals_shown(each)
        table.add_row(*(str(shown[name]) for name in COUNTED))
    return table


def _table_of_differences(job: Reconciliation) -> Table:
    table = Table()
    for column in ("difference", "order", "currency"):
        table.add_column(column)
    for column in AMOUNTS:
        table.add_column(column, justify="right")
    for column in ("captured at", "user"):
        table.add_column(column)
    for number, difference in enumerate(_differences(job)):
        if number == SHOWN:
            break
        table.add_row(*(escape(cell) for cell in _cells(difference)))
    return table


def _cells(difference: Difference) -> list[str]:
    """Return a difference as cells of a row: of its captures the first, and how many more."""
    shown = _difference_shown(difference)
    first = difference.captures[0] if difference.captures else None
    more = f" and {difference.capture_count - 1} more" if difference.capture_count > 1 else ""
    return [
        difference.kind.replace("_", " "),
        difference.order or "",
        difference.currency,
        *(shown[amount] or "" for amount in AMOUNTS),
        "" if first is None else time_text(first.at_ms) + more,
        "" if first is None else first.user_pk,
    ]


def _write(job: Reconciliation, to: Path) -> None:
    """Write every difference, one line for each capture that it lists, or one without."""
    with to.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["difference", "order", "currency", *AMOUNTS]
        writer.writerow([*head, "transfer", "user_pk", "captured_at", "amount"])
        for difference in _differences(job):
            shown = _difference_shown(difference)
            start = [shown["kind"], shown["order"], shown["currency"], *(shown[a] for a in AMOUNTS)]
            for capture in shown["captures"] or [{}]:
                cells = [
                    *start,
                    *(capture.get(k) for k in ("id", "user_pk", "created_at", "amount")),
                ]
                writer.writerow([harmless(cell or "") for cell in cells])


def _shown(job: Reconciliation) -> dict[str, Any]:
    """Return it as the HTTP interface does."""
    return {
        "id": job.id,
        "state": job.state,
        "since": time_text(job.since_ms),
        "until": time_text(job.until_ms),
        "currency": job.currency,
        "orders": job.orders,
        "accounts": job.accounts,
        "captures": job.captures,
        "refunds": job.refunds,
        "differences": job.differences,
        "totals": [_totals_shown(totals) for totals in job.totals],
    }


def _totals_shown(totals: Totals) -> dict[str, Any]:
    amounts = {
        amount: format_amount(getattr(totals, amount), totals.currency) for amount in AMOUNTS
    }
    return {**asdict(totals), **amounts}


def _difference_shown(difference: Difference) -> dict[str, Any]:
    currency = difference.currency
    paid = difference.paid
    return {
        "kind": difference.kind,
        "order": difference.order,
        "currency": currency,
        "paid": None if paid is None else format_amount(paid, currency),
        "captured": format_amount(difference.captured, currency),
        "refunded": format_amount(difference.refunded, currency),
        "capture_count": difference.capture_count,
        "captures": [
            {
                "id": capture.transfer_id,
                "user_pk": capture.user_pk,
                "amount": format_amount(capture.amount, currency),
                "created_at": time_text(capture.at_ms),
            }
            for capture in difference.captures
        ],
    }

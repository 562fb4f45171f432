"""`distribute`: credit the customers in a file, each once, from one account.

The id follows from the file and from what is asked of it, so that the same command never credits
twice. This process works on its own messages; interrupted, `--resume` goes on.
"""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib import distribution
from chalicelib.auth import Call
from chalicelib.core.distribution_rows import BadRow, parse_csv
from chalicelib.core.errors import Refusal
from chalicelib.core.money import format_amount
from chalicelib.distribution import OutcomeRow, Source, Standing, Upload
from chalicelib.outside import queue
from chalicelib.outside.queue import LocalQueue, Message
from cli.calls import call_as_developer
from cli.demo import CHANNEL
from cli.local import LocalError
from cli.uploads import harmless, id_of, read_body
from cli.worker import wait_until, working

THREADS: Final = 8
SHOWN: Final = 20
"""How many rows that cannot be credited are printed; `--failures` writes them all."""

ROWS_A_PAGE: Final = 1000


def distribute(  # noqa: PLR0913, PLR0917  # each is an option of the command
    file: Annotated[
        Path, typer.Argument(help="A CSV of user_email, user_pk or account_id; amount; note.")
    ],
    source: Annotated[str, typer.Option("--from", help="The primary account's user_pk.")],
    currency: Annotated[str, typer.Option(help="An ISO 4217 code, such as TRY.")],
    channel: Annotated[str, typer.Option(help="The sales channel.")] = CHANNEL,
    name: Annotated[
        str | None, typer.Option("--id", help="Its id; follows from the file if left out.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="The file's encoding, such as windows-1254.")
    ] = "utf-8",
    open_accounts: Annotated[
        bool, typer.Option("--open-accounts", help="Open accounts that are missing.")
    ] = False,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be credited.")
    ] = False,
    only_preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would do, and stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with one that was interrupted.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what is still there of a closed one.")
    ] = False,
    failures: Annotated[
        Path | None, typer.Option(help="Write rows that were not credited to this CSV file.")
    ] = None,
) -> None:
    """Credit every customer in a file once, after a preview."""
    told = Console(highlight=False, soft_wrap=True)
    upload, digest = _read(file, source, currency, encoding, open_accounts=open_accounts)
    job = Job(channel, id_of(name, file, digest), told)
    with _in_sentences(), queue.in_process() as messages:
        standing = job.preview(upload)
        if not only_preview:
            steps = Steps(yes=yes, skip=skip_bad_rows, resume=resume)
            standing = _undo(job, steps) if undo else _run(job, standing, steps)
            standing = job.work_off(messages, standing)
            job.tell_end(standing)
        if failures is not None:
            job.write_failures(failures)


class Steps:
    """What the caller has agreed to on the command line."""

    def __init__(self, *, yes: bool, skip: bool, resume: bool) -> None:
        self.yes = yes
        self.skip = skip
        self.resume = resume

    def confirm(self, question: str) -> None:
        """Ask, unless the answer was given. Raises `LocalError` for a no."""
        if not self.yes and not typer.confirm(question):
            raise LocalError("Nothing has moved.")


def _run(job: "Job", standing: Standing, steps: Steps) -> Standing:
    """Run it, or go on with it; one that has ended is left as it is."""
    figures, state = standing.job.figures, standing.job.state
    if state == "previewed":
        if figures.bad_rows and not steps.skip:
            raise LocalError(
                f"{figures.bad_rows} of {figures.rows} rows cannot be credited. Mend the file, or "
                "leave them out with --skip-bad-rows."
            )
        total = format_amount(figures.total, standing.job.source.currency)
        steps.confirm(
            f"Credit {figures.shares:,} customers with {total} {standing.job.source.currency}?"
        )
        return job.run(skip=steps.skip)
    if state == "running":
        if not steps.resume:
            raise LocalError("It is running, or was interrupted: go on with --resume.")
        return job.run(skip=True)
    if steps.resume and standing.job.in_progress:
        return job.cancel() if state == "cancelling" else job.undo()
    return standing


def _undo(job: "Job", steps: Steps) -> Standing:
    steps.confirm("Take back from every customer what is still available of it?")
    return job.undo()


class Job:
    """One distribution, as this command drives it and tells of it."""

    def __init__(self, channel: str, name: str, told: Console) -> None:
        self.channel = channel
        self.name = name
        self._told = told
        self._shown: str | None = None

    def preview(self, upload: Upload) -> Standing:
        """Preview it, tell what was found, and return how it stands."""
        previewed = distribution.preview(_call(), self.channel, self.name, upload).answer
        self._shown = previewed.job.preview_id
        self._tell_figures(self.read())
        self._tell_bad(previewed.bad)
        return self.read()

    def run(self, *, skip: bool) -> Standing:
        """Run the preview that was told, or, without one, go on with what runs."""
        preview_id = self._shown or self.read().job.preview_id
        return distribution.run(
            _call(), self.channel, self.name, preview_id=preview_id, skip_bad_rows=skip
        )

    def cancel(self) -> Standing:
        """Go on with its cancelling."""
        return distribution.cancel(_call(), self.channel, self.name)

    def undo(self) -> Standing:
        """Take it back."""
        return distribution.undo(_call(), self.channel, self.name)

    def read(self) -> Standing:
        """Return how it stands."""
        return distribution.read_distribution(_call(), self.channel, self.name)

    def work_off(self, messages: LocalQueue, standing: Standing) -> Standing:
        """Work until it has ended, and draw how far it is."""
        undoing = standing.job.state == "undoing"
        with self._progress() as progress, working(_work, THREADS):
            task = progress.add_task("undone" if undoing else "credited", total=None)

            def ended() -> bool:
                nonlocal standing
                standing = self.read()
                done = standing.undone_rows if undoing else standing.credited_rows
                progress.update(task, completed=done, total=standing.job.figures.shares)
                return not standing.job.in_progress

            if standing.job.in_progress:
                stuck = "Some of it has failed each time; go on with --resume."
                wait_until(ended, messages, stuck=stuck)
        return standing

    def tell_end(self, standing: Standing) -> None:
        """Tell what became of it."""
        currency = standing.job.source.currency
        credited = format_amount(standing.credited, currency)
        said = f"{self.name} is {standing.job.state}: "
        said += f"{standing.credited_rows:,} customers got {credited} {currency}"
        if standing.failed_rows:
            said += f", {standing.failed_rows:,} rows failed"
        if standing.cancelled_rows:
            said += f", {standing.cancelled_rows:,} were cancelled"
        if standing.undone_rows:
            returned = format_amount(standing.returned, currency)
            said += f"; {returned} {currency} was taken back from {standing.undone_rows:,} of them"
        self._told.print(f"{said}.")

    def write_failures(self, to: Path) -> None:
        """Write what was refused, failed or cancelled, so that it can be mended and sent again."""
        with to.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "recipient", "amount", "outcome", "code", "detail"])
            for row in self._rows():
                if row.outcome in {"refused", "failed", "cancelled"}:
                    cells = [row.recipient, row.amount, row.outcome, row.code, row.detail]
                    writer.writerow([row.line, *(harmless(cell or "") for cell in cells)])

    def _rows(self) -> Iterator[OutcomeRow]:
        after: int | None = 0
        while after is not None:
            _, rows, after = distribution.list_rows(
                _call(), self.channel, self.name, None, limit=ROWS_A_PAGE, after_line=after
            )
            yield from rows

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} of {task.total:,}"),
            TimeElapsedColumn(),
            console=self._told,
            transient=True,
            disable=not self._told.is_terminal,
        )

    def _tell_figures(self, standing: Standing) -> None:
        figures, currency = standing.job.figures, standing.job.source.currency

        def money(minor: int) -> str:
            return f"{format_amount(minor, currency)} {currency}"

        table = Table(title=f"{self.name} ({standing.job.state})", title_justify="left")
        table.add_column("preview")
        table.add_column("", justify="right")
        for what, value in (
            ("rows", f"{figures.rows:,}"),
            ("rows to credit", f"{figures.shares:,}"),
            ("rows that cannot be credited", f"{figures.bad_rows:,}"),
            ("accounts to open", f"{figures.openings:,}"),
            ("total", money(figures.total)),
            (f"{standing.job.source_account_id} had", money(figures.available)),
            ("and has left after it", money(figures.remaining)),
        ):
            table.add_row(what, value)
        self._told.print(table)
        if not figures.suffices:
            self._told.print("The account does not have that much.")

    def _tell_bad(self, bad: list[BadRow]) -> None:
        for row in bad[:SHOWN]:
            self._told.print(f"line {row.line}: {escape(row.recipient)}: {escape(row.detail)}")
        if len(bad) > SHOWN:
            self._told.print(f"... and {len(bad) - SHOWN:,} more; --failures writes them all.")


def _read(
    file: Path, source: str, currency: str, encoding: str, *, open_accounts: bool
) -> tuple[Upload, str]:
    """Return what a file asks for, and a digest of it. Raises `LocalError`."""
    body = read_body(file, encoding)
    try:
        rows = parse_csv(body, currency)
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    asked = f"{source}\n{currency}\n{open_accounts}\n".encode()
    digest = hashlib.sha256(asked + body).hexdigest()
    return Upload(Source(None, source), currency, open_accounts, rows), digest


@contextmanager
def _in_sentences() -> Iterator[None]:
    """Let what stands in the way be a sentence."""
    try:
        yield
    except Refusal as refusal:
        raise LocalError(refusal.detail) from refusal
    except KeyboardInterrupt:
        raise LocalError("Interrupted. Nobody is credited twice: go on with --resume.") from None


def _call() -> Call:
    return call_as_developer()


def _work(message: Message, deadline: float) -> None:
    call = call_as_developer()
    distribution.work(Call(by=call.by, now=call.now, deadline=deadline), message)

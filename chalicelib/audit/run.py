"""How an audit runs: part after part, each step saved in its file with the place it reached.

It may be left after any step, or anywhere between two, and is gone on with from the last one.
"""

import enum
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.audit.file import AuditFile, Books
from chalicelib.config import config
from chalicelib.core import audit as rules
from chalicelib.core.audit import MAX_FAULTS_SHOWN, SETTLES_MS, Report
from chalicelib.core.names import time_text, to_ms
from chalicelib.ledger import audit as pages
from chalicelib.ledger.audit import Calls
from chalicelib.ledger.audit_distributions import audit_distributions
from chalicelib.ledger.audit_orders import audit_contents
from chalicelib.logs import log
from chalicelib.store.audits import last_audit_ms

ENTRIES: Final = "entries"
TRANSFERS: Final = "transfers"
DISTRIBUTIONS: Final = "distributions"
REFUNDS: Final = "refunds"
REFUNDS_LEFT: Final = "refunds of other payments"
CONTENTS: Final = "contents of orders"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a part of the audit is; nobody knows the total of most."""

    part: str
    done: int
    total: int | None = None


def run(file: AuditFile, calls: Calls) -> Iterator[Step]:
    """Audit what is left, and yield each step once it is saved."""
    parts = {
        ENTRIES: _audit_accounts,
        TRANSFERS: _audit_transfers,
        DISTRIBUTIONS: _audit_distributions,
        REFUNDS: _audit_refunds,
        REFUNDS_LEFT: _audit_refunds_left,
        CONTENTS: _audit_contents,
    }
    for part, steps in parts.items():
        if not file.is_done(part):
            yield from steps(file, calls)
            file.save(part, None, done=True)


def report_of(file: AuditFile, finished_ms: int) -> Report:
    """Return the report, once everything is done."""
    as_of_ms = _as_of_ms(file)
    faults = [rules.transfer_missing(owned) for owned in file.unmatched(as_of_ms)]
    for currency, flows in sorted(file.flows.items()):
        faults += rules.check_currency(currency, flows)
    file.add_faults(faults)
    count = file.count_faults()
    return Report(
        channel=file.channel,
        started_at=time_text(file.started_ms),
        as_of=time_text(as_of_ms),
        finished_at=time_text(finished_ms),
        right=count == 0,
        accounts=file.counts.accounts,
        entries=file.counts.entries,
        transfers=file.counts.transfers,
        holds=file.counts.holds,
        refunds=file.counts.refunds,
        distributions=file.counts.distributions,
        totals=rules.totals_of(file.flows),
        fault_count=count,
        faults=tuple(file.faults(MAX_FAULTS_SHOWN)),
    )


def _as_of_ms(file: AuditFile) -> int:
    """Return up to when one thing is laid beside another, however long the audit takes."""
    return file.started_ms - SETTLES_MS


def _audit_accounts(file: AuditFile, calls: Calls) -> Iterator[Step]:
    for account in pages.audit_accounts(
        calls,
        file.channel,
        as_of_ms=_as_of_ms(file),
        start=file.place(ENTRIES),
        keep=file.add_entries,
    ):
        file.counts.accounts += 1
        file.counts.entries += account.entries
        file.counts.holds += account.holds
        file.flows[account.currency] += account.flows
        file.add_faults(account.faults)
        file.save(ENTRIES, account.place)
        yield Step(ENTRIES, file.counts.entries)


def _audit_transfers(file: AuditFile, calls: Calls) -> Iterator[Step]:
    total = file.count_transfers()
    for page in pages.audit_transfers(
        calls,
        file.channel,
        as_of_ms=_as_of_ms(file),
        start=file.place(TRANSFERS),
        entries_of=file.entries_of,
    ):
        file.match(page.ids)
        file.counts.transfers += len(page.ids)
        file.add_faults(page.faults)
        file.save(TRANSFERS, page.last, done=page.last is None)
        yield Step(TRANSFERS, file.counts.transfers, total)


def _audit_distributions(file: AuditFile, calls: Calls) -> Iterator[Step]:
    for page in audit_distributions(
        calls,
        file.channel,
        as_of_ms=_as_of_ms(file),
        start=file.place(DISTRIBUTIONS),
        entries_of=file.entries_of,
        escrow_by_entries=file.escrow_of,
    ):
        file.match(page.names)
        file.counts.distributions += page.count
        file.add_faults(page.faults)
        file.save(DISTRIBUTIONS, page.last, done=page.last is None)
        yield Step(DISTRIBUTIONS, file.counts.distributions)


def _audit_refunds(file: AuditFile, calls: Calls) -> Iterator[Step]:
    for page in pages.audit_refunds(
        calls, file.channel, start=file.place(REFUNDS), seen_of=file.refunds_of
    ):
        file.add_sales(page.sales)
        file.counts.refunds += len(page.sales)
        file.add_faults(page.faults)
        file.save(REFUNDS, page.last, done=page.last is None)
        yield Step(REFUNDS, file.counts.refunds)


def _audit_refunds_left(file: AuditFile, calls: Calls) -> Iterator[Step]:
    """Audit the payments that entries refund, and of which nothing counts as refunded."""
    done = 0
    while sales := file.sales_left(pages.SALES_A_PAGE):
        found = pages.audit_sales(calls, file.channel, sales, file.refunds_of)
        file.add_sales(sales)
        file.add_faults(found)
        file.save(REFUNDS_LEFT, None)
        done += len(sales)
        yield Step(REFUNDS_LEFT, done)


def _audit_contents(file: AuditFile, calls: Calls) -> Iterator[Step]:
    done = 0
    for page in audit_contents(calls, file.channel, start=file.place(CONTENTS)):
        file.add_faults(page.faults)
        file.save(CONTENTS, page.last, done=page.last is None)
        done += page.count
        yield Step(CONTENTS, done)


# --- a channel, and every channel -----------------------------------------------------------------


def audit_channel(
    calls: Calls,
    channel: str,
    path: Path,
    *,
    watch: Callable[[Step], bool],
    resume: Callable[[AuditFile], object] | None = None,
    fresh: bool = False,
) -> Report | None:
    """Audit a channel, keep the report and return it; `path` remembers the audit while it runs.

    An audit that was left there is gone on with, and shown to `resume`, unless it is to be a
    `fresh` one. `watch` is shown each step once it is saved. Where it returns False the audit is
    left, and None is returned. Raises `AuditFileError` or `UnknownChannel`.
    """
    books = Books(config().stage, config().table_prefix, channel, pages.made_ms(calls(), channel))
    file = AuditFile(path)
    try:
        if fresh:
            file.forget()
        if file.begin(books, to_ms(calls().now)) and resume is not None:
            resume(file)
        if not all(map(watch, run(file, calls))):
            file.close()
            return None
        report = report_of(file, to_ms(calls().now))
        pages.keep_audit(calls(), report)
    except BaseException:
        file.close()
        raise
    file.remove()
    return report


def file_of(folder: Path, channel: str) -> Path:
    """Return where a folder keeps the audit of a channel of this stage."""
    return folder / f"audit-{config().stage}-{channel}.sqlite"


def audit_everything(calls: Calls, folder: Path, *, until: float) -> None:
    """Audit every channel and keep its report, until a time in seconds of the monotonic clock.

    The one whose last report is oldest comes first, and each gets its share of the time that is
    left, so that none keeps the others waiting for ever. An audit that is not done by then stays
    in its file, for the next that finds `folder` as it was.
    """
    channels = pages.list_channels(calls)
    ages = {each: last_audit_ms(each, deadline=calls().deadline) for each in channels}
    left = sorted(channels, key=lambda each: ages[each])
    failed = 0
    # What others have not used of their share is for those that need more.
    while left:
        ends = [_audited_until(calls, folder, left, number, until) for number in range(len(left))]
        failed += ends.count(Ended.FAILED)
        left = [each for each, end in zip(left, ends, strict=True) if end is Ended.UNFINISHED]
        if time.monotonic() > until:
            break
    for channel in left:
        log.error("audit_unfinished", extra={"channel": channel})
    if not left and not failed:
        log.info("books_audited", extra={"channels": len(channels)})


class Ended(enum.Enum):
    """How a channel's audit ended for now."""

    AUDITED = enum.auto()
    UNFINISHED = enum.auto()
    FAILED = enum.auto()


def _audited_until(
    calls: Calls, folder: Path, channels: list[str], number: int, until: float
) -> Ended:
    """Audit one of some channels, as long as its share of the time is that is left."""
    channel, now = channels[number], time.monotonic()
    ends = now + (until - now) / (len(channels) - number)
    try:
        report = audit_channel(
            calls, channel, file_of(folder, channel), watch=lambda _: time.monotonic() <= ends
        )
    except Exception:  # noqa: BLE001  # one channel's fault must not hide another's
        log.exception("audit_failed", extra={"channel": channel})
        return Ended.FAILED
    if report is None:
        return Ended.UNFINISHED
    found = {"faults": report.fault_count, "holds": report.holds, "entries": report.entries}
    log.info("audited", extra={"channel": channel, **found})
    return Ended.AUDITED

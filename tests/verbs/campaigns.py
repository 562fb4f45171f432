"""Words for distributions in a shop to test against, whose messages this process works on."""

from collections.abc import Callable, Iterable

from chalicelib import distribution
from chalicelib.core.distribution_rows import Naming, ParsedRows, Row
from chalicelib.distribution import Source, Standing, Upload
from chalicelib.distribution.preview import Previewed
from chalicelib.outside import queue
from chalicelib.outside.queue import Message
from chalicelib.store.requests import Settled
from tests.verbs import shop


def rows_for(
    *names: str, minor: int = 100, note: str | None = None, naming: Naming = "user_pk"
) -> ParsedRows:
    """Return rows that give each of some customers the same, from line 2 on."""
    rows = [Row(line, naming, name, minor, note) for line, name in enumerate(names, start=2)]
    return ParsedRows(tuple(rows), ())


def upload_of(
    rows: ParsedRows, *, source: str = "primary", opens: bool = False, currency: str = "TRY"
) -> Upload:
    """Return an upload that takes the credit from a user's account."""
    return Upload(Source(None, source), currency, opens, rows)


def preview(
    distribution_id: str, rows: ParsedRows, *, opens: bool = False, after_s: float = 0
) -> Settled[Previewed]:
    """Preview a distribution from the primary account."""
    upload = upload_of(rows, opens=opens)
    return distribution.preview(shop.call(after_s), shop.CHANNEL, distribution_id, upload)


def run(distribution_id: str, *, skip: bool = False, after_s: float = 0) -> Standing:
    """Run the preview as it stands; nobody works on its messages yet."""
    seen = standing(distribution_id)
    return distribution.run(
        shop.call(after_s),
        shop.CHANNEL,
        distribution_id,
        preview_id=seen.job.preview_id,
        skip_bad_rows=skip,
    )


def cancel(distribution_id: str, *, after_s: float = 0) -> Standing:
    """Cancel a distribution; nobody works on its messages yet."""
    return distribution.cancel(shop.call(after_s), shop.CHANNEL, distribution_id)


def undo(distribution_id: str, *, after_s: float = 0) -> Standing:
    """Undo a distribution; nobody works on its messages yet."""
    return distribution.undo(shop.call(after_s), shop.CHANNEL, distribution_id)


def standing(distribution_id: str) -> Standing:
    """Return a distribution as it stands."""
    return distribution.read_distribution(shop.call(), shop.CHANNEL, distribution_id)


def work(message: Message, *, after_s: float = 0) -> None:
    """Work on one message."""
    distribution.work(shop.call(after_s, by="distribution"), message)


def taken() -> list[Message]:
    """Take every message that waits, looks at the job last, whenever they are due."""
    waiting = queue.local()
    messages = [message for *_, message in sorted(waiting._due)]
    waiting._due.clear()
    return sorted(messages, key=lambda message: message["step"] == "close")


def work_off(
    *, after_s: float = 0, order: Callable[[list[Message]], Iterable[Message]] = iter
) -> int:
    """Work until no message is left; return how many there were."""
    count = 0
    while messages := taken():
        for message in order(messages):
            work(message, after_s=after_s)
            count += 1
    return count


def distribute(distribution_id: str, rows: ParsedRows, *, after_s: float = 0) -> Standing:
    """Preview and run a distribution, and work it off."""
    preview(distribution_id, rows, after_s=after_s)
    run(distribution_id, after_s=after_s)
    work_off(after_s=after_s)
    return standing(distribution_id)


def open_primary(balance: str = "1000.00") -> None:
    """Register the user of the primary account, and open it."""
    shop.register("primary")
    shop.open_account("primary", balance, account_id="primary-try")

"""`restore`: bring the tables of a deployed stage back to a moment of the last 35 days.

DynamoDB restores a table beside the one that there is. So the copies are made first, and audited;
then what differs is written back, while no function runs. The stage keeps its tables, with their
streams and their protection, and only what has changed since then is written.
"""

import datetime
import itertools
import os
import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from chalicelib.config import config
from chalicelib.outside.aws import AwsError, client
from chalicelib.store.tables import ROWS, definitions, key_names, noun
from cli import functions
from cli.calls import moment_of
from cli.deployed import variables_of
from cli.local import STAGE, LocalError, folder

Item = dict[str, Any]

_AFTER_COPYING: Final = (
    "Copies may still be being made: wait until they are there, and audit them if they are all "
    "there, or delete them with --forget"
)

RESTORED: Final = "restored-"
"""What the names of copies have after the stage's own prefix."""

LOOK_S: Final = 5.0
ENDS_S: Final = 60
"""How long a function may go on that writes; the audit only adds its report."""

ATTEMPTS: Final = 8
BASE_PAUSE_S: Final = 0.1
ROWS_A_PAGE: Final = 100
WRITES_AT_ONCE: Final = 25

KEPT: Final = frozenset({"audits", "sandbox_charges"})
"""What tells what has happened: the audits' reports, and what stands for the world outside."""


def restore(
    at: Annotated[
        str | None, typer.Option(help="Make copies as of a moment, such as 2026-11-22T09:30:00Z.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Let no function run.")] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write back what the copies have otherwise.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the copies.")] = False,
    start: Annotated[bool, typer.Option("--start", help="Let the functions run again.")] = False,
    wait: Annotated[
        int, typer.Option(min=0, help="How many seconds functions that run have to end.")
    ] = ENDS_S,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a deployed stage back to a moment: --at, audit, --stop, --apply, --start, --forget."""
    told = Console(highlight=False, soft_wrap=True)
    stage, prefix = config().stage, config().table_prefix
    if stage == STAGE:
        raise LocalError("A local service has no backups: set STAGE to a deployed stage.")
    if [at is not None, stop, apply, forget, start].count(True) != 1:
        raise LocalError("Choose one step: --at MOMENT, --stop, --apply, --start or --forget.")
    try:
        _require_own_tables(stage, prefix)
        if at is not None:
            _copy(told, prefix, moment_of(at))
        elif stop:
            _stop(told, stage, wait)
        elif apply:
            _apply(told, stage, prefix, yes=yes)
        elif start:
            _let_run(told, stage)
        else:
            _require_finished(stage)
            _forget(told, prefix)
    except AwsError as error:
        after = _AFTER_COPYING if at else "Repeat the command"
        raise LocalError(f"AWS says: {error}. {after}.") from error


def _require_own_tables(stage: str, prefix: str) -> None:
    own = variables_of(stage)["TABLE_PREFIX"]
    if prefix != own:
        raise LocalError(f"TABLE_PREFIX is {prefix!r}, and stage {stage} has {own!r}: unset it.")


def use_copies() -> None:
    """Let what follows work on the copies of a stage's tables."""
    os.environ["TABLE_PREFIX"] = config().table_prefix + RESTORED
    config.cache_clear()
    if not _is_there(f"{config().table_prefix}accounts"):
        raise LocalError("There are no copies: make them with restore --at MOMENT.")


# --- the copies -----------------------------------------------------------------------------------


def _copy(told: Console, prefix: str, at: datetime.datetime) -> None:
    """Have every table restored beside itself, and wait until all are there."""
    names = [definition["TableName"] for definition in definitions("")]
    # They may be of another moment, and a mixture of two would be right in no way.
    if any(_is_there(prefix + RESTORED + name) for name in names):
        raise LocalError("There are copies already: apply them, or delete them with --forget.")
    for name in names:
        client("dynamodb").restore_table_to_point_in_time(
            SourceTableName=prefix + name,
            TargetTableName=prefix + RESTORED + name,
            RestoreDateTime=at,
            BillingModeOverride="PAY_PER_REQUEST",
        )
        told.print(f"{name} is being restored.")
    for name in names:
        while _status(prefix + RESTORED + name) != "ACTIVE":
            time.sleep(LOOK_S)
    told.print(
        "Every table is there. Prove the copies of each channel:\n"
        "  python -m cli audit --restored --channel ...\n"
        "DynamoDB cuts a table at a second, and no transaction as a whole: if a movement of that "
        "second is torn, restore --forget, and take another second."
    )


def _forget(told: Console, prefix: str) -> None:
    for definition in definitions(prefix + RESTORED):
        if _is_there(definition["TableName"]):
            client("dynamodb").delete_table(TableName=definition["TableName"])
    for definition in definitions(prefix + RESTORED):
        while _is_there(definition["TableName"]):
            time.sleep(LOOK_S)
    told.print("The copies are deleted.")


def _is_there(name: str) -> bool:
    return _status(name) is not None


def _status(name: str) -> str | None:
    dynamodb = client("dynamodb")
    try:
        return str(_ask("describe_table", TableName=name)["Table"]["TableStatus"])
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


# --- writing back ---------------------------------------------------------------------------------


def _stop(told: Console, stage: str, wait_s: int) -> None:
    told.print(f"Stopping the functions, with {wait_s} s for those that still run ...")
    functions.stop(stage, wait_s)
    told.print("They are stopped. restore --start lets them run again.")


def _require_finished(stage: str) -> None:
    if functions.is_unfinished(stage):
        raise LocalError("The tables are written back in part only: repeat restore --apply.")


def _let_run(told: Console, stage: str) -> None:
    _require_finished(stage)
    functions.let_run(stage)
    told.print("The functions run again.")


def _check_copies(prefix: str) -> None:
    """Raise `LocalError` where the copies are not what the tables can be made like."""
    nouns = [noun(row) for row in ROWS if noun(row) not in KEPT]
    missing = [name for name in nouns if _status(prefix + name) != "ACTIVE"]
    if missing:
        raise LocalError(f"The copies of {', '.join(missing)} are not there: restore --at MOMENT.")
    if not any(_pages(f"{prefix}settings")):
        raise LocalError("The copies hold no channel, so that nothing would be left: take another.")
    if torn := _torn(prefix):
        raise LocalError(
            f"The copies cut the beginning of {len(torn)} card payments in two (such as that of "
            f"{torn[0]}), so that credit would stay held: restore --forget, take another second."
        )


def _require_stopped(stage: str) -> None:
    if not all(function.is_stopped for function in functions.functions_of(stage)):
        raise LocalError("The functions run: restore --stop.")


def _apply(told: Console, stage: str, prefix: str, *, yes: bool) -> None:
    """Make every table as its copy is, while no function runs."""
    _require_stopped(stage)
    _check_copies(prefix + RESTORED)
    if not yes and not typer.confirm(
        f"Undo everything that the tables of stage {stage} have more than the copies?"
    ):
        raise LocalError("Nothing was changed.")
    was_unfinished = functions.is_unfinished(stage)
    # Marked before it is looked again: who lets them run meanwhile is seen here, or sees the mark.
    functions.mark_unfinished(stage)
    try:
        _require_stopped(stage)
    except LocalError:
        if not was_unfinished:
            functions.mark_finished(stage)
        raise
    for row in ROWS:
        if noun(row) not in KEPT:
            back, gone = _make_as(prefix + noun(row), prefix + RESTORED + noun(row), key_names(row))
            told.print(f"{noun(row)}: {back} rows written back, {gone} rows deleted.")
    functions.mark_finished(stage)
    # What an audit has seen before is not so any more.
    for left in folder().glob(f"audit-{stage}-*.sqlite"):
        left.unlink()
    told.print(
        "Prove the books (audit --channel ...); then restore --start lets the functions run."
    )


def _torn(prefix: str) -> list[str]:
    """Return the accounts where a payment in progress and the credit that it holds do not agree.

    Both are written in one transaction, which a copy may cut in two; the audit does not see it.
    """
    paying = {
        (
            row["user"]["S"],
            row["currency"]["S"],
            f"checkout:{row['reference']['S']}:{row['attempt']['N']}",
        )
        for row in _rows(f"{prefix}pre_orders")
        if "paying" in row and row["loyalty"]["N"] != "0"
    }
    held = {
        (row["user"]["S"], row["currency"]["S"], hold)
        for row in _rows(f"{prefix}accounts")
        for hold in row["open_holds"]["M"]
        if hold.startswith("checkout:")
    }
    return sorted({f"{user} in {currency}" for user, currency, _ in paying ^ held})


def _rows(table: str) -> Iterator[Item]:
    return (row for page in _pages(table) for row in page)


def _make_as(table: str, copy: str, keys: list[str]) -> tuple[int, int]:
    """Make a table as its copy is; return how many rows were written, and how many deleted."""
    back = gone = 0
    for page in _pages(copy):
        there = _read(table, [_key(row, keys) for row in page])
        wrong = [row for row in page if there.get(_name(row, keys)) != row]
        _write(table, [{"PutRequest": {"Item": row}} for row in wrong])
        back += len(wrong)
    for page in _pages(table):
        there = _read(copy, [_key(row, keys) for row in page])
        extra = [_key(row, keys) for row in page if _name(row, keys) not in there]
        _write(table, [{"DeleteRequest": {"Key": key}} for key in extra])
        gone += len(extra)
    return back, gone


def _pages(table: str) -> Iterator[list[Item]]:
    request: Item = {"TableName": table, "Limit": ROWS_A_PAGE, "ConsistentRead": True}
    while True:
        page = _ask("scan", **request)
        if page["Items"]:
            yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _read(table: str, keys: list[Item]) -> dict[tuple[str, ...], Item]:
    found: dict[tuple[str, ...], Item] = {}
    names = [*keys[0]]
    wanted: Item = {table: {"Keys": keys, "ConsistentRead": True}}
    for pause_s in _pauses():
        answer = _ask("batch_get_item", RequestItems=wanted)
        found |= {_name(row, names): row for row in answer["Responses"].get(table, [])}
        wanted = answer.get("UnprocessedKeys", {})
        if not wanted:
            break
        time.sleep(pause_s)
    return found


def _write(table: str, writes: list[Item]) -> None:
    for first in range(0, len(writes), WRITES_AT_ONCE):
        wanted: Item = {table: writes[first : first + WRITES_AT_ONCE]}
        for pause_s in _pauses():
            wanted = _ask("batch_write_item", RequestItems=wanted)["UnprocessedItems"]
            if not wanted:
                break
            time.sleep(pause_s)


def _pauses() -> Iterator[float]:
    """Yield how many seconds to wait after each answer that has left something, without end."""
    for attempt in itertools.count():
        yield BASE_PAUSE_S * 2 ** min(attempt, ATTEMPTS)


def _ask(operation: str, **request: Any) -> Item:  # noqa: ANN401  # whatever it asks for
    """Ask DynamoDB until it answers: tables take their time to grow."""
    for attempt in range(ATTEMPTS):
        try:
            answer: Item = getattr(client("dynamodb"), operation)(**request)
        except client("dynamodb").exceptions.ResourceNotFoundException:
            raise
        except AwsError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(BASE_PAUSE_S * 2**attempt)
        else:
            return answer
    raise AssertionError("the last attempt returns or raises")


def _key(row: Item, keys: list[str]) -> Item:
    return {name: row[name] for name in keys}


def _name(row: Item, keys: list[str]) -> tuple[str, ...]:
    return tuple(row[name]["S"] for name in keys)

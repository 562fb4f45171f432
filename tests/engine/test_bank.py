"""The bank test: many processes, few accounts, a contention shim, and every answer held to account.

`BANK_SEED=... make test ARGS="-k bank"` draws the same operations again. How the processes
interleave is the machine's, so a fault may take several runs to come again. What each run did is
printed at the end of the tests' output.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.engine.bank_check import RawRows, check
from tests.engine.bank_journal import Noted
from tests.engine.bank_report import report
from tests.engine.bank_run import Bank, Size
from tests.engine.conftest import tables_at
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults

OPERATIONS: Final = {"test": 1_200, "proof": 20_000}
"""By the profile of hypothesis, which `make proof` names."""


def new_seed() -> int:
    return int(os.environ.get("BANK_SEED") or secrets.randbelow(2**32))


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_whatever_runs_at_once_and_goes_wrong_the_books_are_right_and_every_answer_true(
    endpoint: str,
    tables: dict[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    seed = new_seed()
    size = Size(OPERATIONS[settings.get_current_profile_name()])
    with Shim(endpoint, Faults(), seed=seed) as shim:
        bank = Bank(seed, size, endpoint, shim, tables, tmp_path / "bank")
        try:
            bank.run()
        finally:
            record_property("report", report(bank))

    assert bank.kills == size.kills
    assert bank.snapshots()["proved"]
    met = {kind for counts in bank.met.values() for kind in counts}
    assert {"conflicts", "stale", "unprocessed", "throttled", "late", "duplicated"} <= met
    assert {"cut_before", "cut_after", "error_before", "error_after"} <= met
    done = {noted.operation.kind for noted in all_noted(bank.journals()) if written(noted)}
    assert done == {"transfer", "authorize", "capture", "void", "reverse", "refund", "adjust"}
    answered = {
        n.operation.kind for n in all_noted(bank.journals()) if "answer" in (n.outcome or {})
    }
    assert answered == {*done, "distribute", "undo"}


def all_noted(journals: list[list[Noted]]) -> Iterator[Noted]:
    for journal in journals:
        yield from journal


def written(noted: Noted) -> bool:
    return any(ending.get("written") for ending in noted.endings)


# --- what the judge would say -------------------------------------------------------------------

Evidence = tuple[RawRows, list[list[Noted]]]


@pytest.fixture(scope="module")
def calm_day(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return the rows and the journals of a small run that was found right."""
    seed = new_seed()
    folder = tmp_path_factory.mktemp("calm-day")
    with tables_at(endpoint) as environment, Shim(endpoint, Faults(), seed=seed) as shim:
        size = Size(120, writers=2, kills=0)
        bank = Bank(seed, size, endpoint, shim, environment, folder, faults=Faults())
        bank.run()
        return bank.rows(), bank.journals()


def first_written(journals: list[list[Noted]], kind: str = "transfer") -> Noted:
    of_kind = (noted for noted in all_noted(journals) if noted.operation.kind == kind)
    return next(noted for noted in of_kind if noted.outcome and noted.outcome.get("written"))


def transfer_row(rows: RawRows, noted: Noted) -> dict[str, dict[str, str]]:
    name = f"bank#{noted.operation.name}"
    return next(row for row in rows["transfers"] if row["id"]["S"] == name)


def lose_a_transfer(rows: RawRows, journals: list[list[Noted]]) -> None:
    rows["transfers"].remove(transfer_row(rows, first_written(journals)))


def make_money(rows: RawRows, journals: list[list[Noted]]) -> None:
    available = rows["accounts"][0]["available"]
    available["N"] = str(int(available["N"]) + 1)


def answer_otherwise(rows: RawRows, journals: list[list[Noted]]) -> None:
    noted = first_written(journals)
    assert noted.outcome is not None
    noted.outcome["answer"]["by"] = "somebody"


def write_twice(rows: RawRows, journals: list[list[Noted]]) -> None:
    noted = first_written(journals)
    journals[0].append(deepcopy(noted))


def refuse_what_was_done(rows: RawRows, journals: list[list[Noted]]) -> None:
    """Let all say that it was refused, at first and at last, though it is in the store."""
    name = first_written(journals).operation.name
    for noted in all_noted(journals):
        if noted.operation.name == name:
            refused = {**(noted.outcome or {}), "refused": "insufficient_credit"}
            noted.outcome = {k: v for k, v in refused.items() if k not in {"answer", "written"}}
            noted.again = noted.outcome


def land_after_a_refusal(rows: RawRows, journals: list[list[Noted]]) -> None:
    """Let all have been refused for certain at first, and find it done without having done it."""
    name = first_written(journals).operation.name
    for noted in all_noted(journals):
        if noted.operation.name == name and noted.outcome and "answer" in noted.outcome:
            noted.outcome["refused"] = "insufficient_credit"
            del noted.outcome["answer"], noted.outcome["written"]


def do_what_nobody_asked_for(rows: RawRows, journals: list[list[Noted]]) -> None:
    name = first_written(journals).operation.name
    for journal in journals:
        journal[:] = [noted for noted in journal if noted.operation.name != name]


def do_it_again_at_last(rows: RawRows, journals: list[list[Noted]]) -> None:
    noted = first_written(journals)
    assert noted.again is not None
    noted.again["written"] = True


def take_other_content(rows: RawRows, journals: list[list[Noted]]) -> None:
    """Answer a request as if it had asked for what it did not."""
    noted = first_written(journals)
    noted.operation = replace(noted.operation, minor=(noted.operation.minor or 0) + 1)


def forget_to_end(rows: RawRows, journals: list[list[Noted]]) -> None:
    first_written(journals).again = None


@pytest.mark.parametrize(
    "spoil",
    [
        lose_a_transfer,
        make_money,
        answer_otherwise,
        write_twice,
        refuse_what_was_done,
        land_after_a_refusal,
        do_what_nobody_asked_for,
        do_it_again_at_last,
        take_other_content,
        forget_to_end,
    ],
)
def test_the_judge_finds_what_was_spoilt(
    calm_day: Evidence, spoil: Callable[[RawRows, list[list[Noted]]], None]
) -> None:
    rows, journals = deepcopy(calm_day)
    check(rows, journals)
    spoil(rows, journals)
    with pytest.raises(AssertionError):
        check(rows, journals)

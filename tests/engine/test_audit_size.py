"""The audit of large books: proved whole, and one wrong balance among them named.

2,000 entries in `make test`, 100,000 in `make proof`. The rows are made by the ledger's own rules
and put in bulk; the audit is the command itself, in a process of its own.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from chalicelib import registry
from chalicelib.core import transfers as rules
from chalicelib.core.accounts import FIRST_HASH, Account, AccountKey, Opening, after_entry
from chalicelib.core.transfers import Leg, Movement, Wanted
from chalicelib.store.accounts import put_account
from chalicelib.store.actions import Action
from chalicelib.store.connection import connection
from chalicelib.store.entries import put_entry
from chalicelib.store.transfers import put_transfer
from cli.local import PROJECT
from tests.engine.bulk import put_in_bulk
from tests.engine.conftest import ACCESS
from tests.verbs import shop

ENTRIES: Final = {"test": 2_000, "proof": 100_000}
"""By the profile of hypothesis, which `make proof` names."""

ACCOUNTS: Final = 100
OPENED_WITH: Final = 1_000_000
FIRST_MS: Final = 1_770_000_000_000


def opened(number: int) -> Account:
    return Account(
        key=AccountKey(shop.CHANNEL, f"user-{number}", "TRY"),
        account_id=f"account-{number}",
        available=0,
        held=0,
        seq=0,
        entry_ms=FIRST_MS,
        entry_hash=FIRST_HASH,
        debit_allowed=False,
        opening=Opening(OPENED_WITH, f"key-{number}"),
        created_ms=FIRST_MS,
        by="staff:test",
    )


def after(leg: Leg) -> Account:
    return after_entry(leg.before, leg.entry)


def puts_of(movement: Movement) -> list[Action]:
    return [*(put_entry(leg.entry) for leg in movement.legs), put_transfer(movement.transfer)]


def books(entries: int) -> Iterator[Action]:
    """Yield the puts of accounts that send to each other until there are this many entries."""
    accounts: dict[int, Account] = {}
    for number in range(ACCOUNTS):
        opening = rules.open_with_credit(opened(number), OPENED_WITH)
        accounts[number] = after(opening.legs[0])
        yield from puts_of(opening)
    for number in range((entries - ACCOUNTS) // 2):
        giver, taker = number % ACCOUNTS, (number + 1 + number // ACCOUNTS % 7) % ACCOUNTS
        wanted = Wanted(
            shop.CHANNEL, f"t-{number}", 1 + number % 50, f"note {number}", "staff:test"
        )
        sent = rules.decide(wanted, accounts[giver], accounts[taker], FIRST_MS + number)
        accounts[giver], accounts[taker] = (after(leg) for leg in sent.legs)
        yield from puts_of(sent)
    for account in accounts.values():
        yield from put_account(account, None)[:2]


@pytest.mark.proof
@pytest.mark.timeout(1200)
def test_large_books_are_proved_and_one_wrong_balance_among_them_is_named(
    tables: dict[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    entries = ENTRIES[settings.get_current_profile_name()]
    registry.make_channel(shop.call(), shop.CHANNEL, "TRY")
    put_in_bulk(books(entries))

    def audit() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", "audit"],
            cwd=tmp_path,
            env={**tables, **ACCESS, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    started = time.monotonic()
    right = audit()
    took_s = time.monotonic() - started
    record_property("report", f"audit: {entries:,} entries proved in {took_s:.0f} s")
    assert (right.returncode, right.stderr) == (0, "")
    assert f"right: {ACCOUNTS} accounts, {entries:,} entries" in right.stdout

    connection().dispatch(
        "UpdateItem",
        {
            "TableName": f"{tables['TABLE_PREFIX']}accounts",
            "Key": {"user": {"S": f"{shop.CHANNEL}#user-42"}, "currency": {"S": "TRY"}},
            "UpdateExpression": "ADD available :more",
            "ExpressionAttributeValues": {":more": {"N": "1"}},
        },
    )
    wrong = audit()
    assert wrong.returncode == 1
    (fault,) = [line for line in wrong.stdout.splitlines() if line.startswith("balance ")]
    assert "account-42" in fault
    assert "wrong: 1 fault in" in wrong.stdout

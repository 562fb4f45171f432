"""Distributions on the real engine: what they cost, counted; workers that never meet; kills.

200 customers in `make test`, 10,000 in `make proof`.
"""

import json
import math
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from chalicelib.config import config
from chalicelib.core.accounts import FIRST_HASH, Account, AccountKey, Opening
from chalicelib.core.errors import Busy
from chalicelib.core.names import to_ms
from chalicelib.core.users import User
from chalicelib.store import connection as store_connection
from chalicelib.store.accounts import put_account_alone
from chalicelib.store.actions import Action
from chalicelib.store.connection import connection, forget_connection
from chalicelib.store.users import register
from cli.local import PROJECT
from tests.engine.bulk import put_in_bulk
from tests.engine.conftest import ACCESS
from tests.engine.distributor import distribute, work_off
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.engine.workers import rows_of
from tests.properties.books import PREFIX, Books, audit
from tests.store.wire import size_of
from tests.verbs import campaigns, shop

CUSTOMERS: Final = {"test": 200, "proof": 10_000}
"""By the profile of hypothesis, which `make proof` names."""

WORKERS: Final = 16
MINOR: Final = 100
PATIENCE_S: Final = 120.0
"""How long an answer is awaited where requests are counted, seconds."""
KILLS: Final = 3

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]


def name_of(number: int) -> str:
    return f"user-{number:05d}"


def rows_of_customers(count: int) -> Iterator[Action]:
    """Yield the rows of users and their empty accounts."""
    now_ms = to_ms(shop.NOW)
    for number in range(count):
        name = name_of(number)
        yield from register(User(shop.CHANNEL, name, f"{name}@example.com", now_ms, 0), "staff:t")
        account = Account(
            key=AccountKey(shop.CHANNEL, name, "TRY"),
            account_id=f"account-{number}",
            available=0,
            held=0,
            seq=0,
            entry_ms=now_ms,
            entry_hash=FIRST_HASH,
            debit_allowed=False,
            opening=Opening(0, f"key-{number}"),
            created_ms=now_ms,
            by="staff:t",
        )
        yield from put_account_alone(account)


@pytest.fixture
def customers(tables: dict[str, str]) -> list[str]:
    """Open a shop with a primary account and many customers; return their names."""
    count = CUSTOMERS[settings.get_current_profile_name()]
    shop.open_shop()
    campaigns.open_primary("1000000.00")
    put_in_bulk(rows_of_customers(count))
    return [name_of(number) for number in range(count)]


@dataclass
class Counted:
    """Every request that this process sends, whatever thread."""

    operations: Counter[str] = field(default_factory=Counter)
    units: int = 0
    writes_of_primary: int = 0
    chunk_writes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, model: Any, params: Any, **_: object) -> None:
        body = json.loads(params["body"])
        members = [m for part in body.get("TransactItems", []) for m in part.items()]
        with self._lock:
            self.operations[model.name] += 1
            self.units += sum(2 * _kilobytes(verb, content) for verb, content in members)
            if model.name == "PutItem":
                self.units += _kilobytes("Put", body)
            keys = [content.get("Key", {}).get("user", {}).get("S") for _, content in members]
            self.writes_of_primary += keys.count(f"{shop.CHANNEL}#primary")
            parts = [c.get("Item", {}).get("part", {}).get("S", "") for _, c in members]
            self.chunk_writes += (
                len(members) > 1 and parts[-1].startswith("chunk:") and ("job" not in parts)
            )


def _kilobytes(verb: str, content: Any) -> int:
    """Return the kilobytes that a write begins; an updated account is under one."""
    return math.ceil(size_of(content["Item"]) / 1024) if verb == "Put" else 1


@contextmanager
def counting() -> Iterator[Counted]:
    """Count what is sent meanwhile. Answers are awaited, however slow: none is asked for twice."""
    counted = Counted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_connection, "READ_TIMEOUT_S", PATIENCE_S)
        forget_connection()
        connection().client.meta.events.register("before-call.dynamodb", counted.add)
        yield counted
    forget_connection()


def books(environment: dict[str, str]) -> Books:
    found = Books.of({PREFIX + noun: rows for noun, rows in rows_of(environment).items()})
    audit(found)
    return found


def assert_credited_once(environment: dict[str, str], customers: list[str], minor: int) -> None:
    found = books(environment)
    for name in customers:
        (entry,) = found.entries[f"{shop.CHANNEL}#{name}#TRY"]
        assert entry["amount"] == minor
    assert found.distributions[f"{shop.CHANNEL}#spring", "job"]["state"] == "closed"


def test_what_a_distribution_costs_is_counted(
    tables: dict[str, str],
    customers: list[str],
    record_property: Callable[[str, object], None],
) -> None:
    count = len(customers)
    with counting() as preview:
        job = campaigns.preview("spring", campaigns.rows_for(*customers, minor=MINOR)).answer.job
    assert sum(preview.operations.values()) <= math.ceil(count / 50) + 4
    started = time.monotonic()
    with counting() as counted:
        distribute("spring", WORKERS)
    took_s = time.monotonic() - started
    # The standing that the run names its preview by is read by the test.
    requests = sum(counted.operations.values()) - 1
    chunks = math.ceil(count / 49)
    assert job.chunks == chunks
    assert requests == 2 * chunks + math.ceil(chunks / 98) + 5
    units = (counted.units + preview.units) / count
    # A chunk that is not full, and the run's own rows, weigh more among few customers.
    assert units <= (4.2 if count >= 10_000 else 4.5)
    assert requests <= 420
    assert counted.writes_of_primary == 1
    assert_credited_once(tables, customers, MINOR)
    record_property(
        "report",
        f"distribution: {count:,} customers, {sum(preview.operations.values())} requests for the "
        f"preview and {requests} from run to closed, {units:.2f} write units each, "
        f"{count / took_s:,.0f} credits/s",
    )


@contextmanager
def through_shim(
    tables: dict[str, str], monkeypatch: pytest.MonkeyPatch, seed: int
) -> Iterator[Shim]:
    """Let this process meet the conflicts that AWS would raise."""
    with Shim(tables["DYNAMODB_ENDPOINT"], Faults(conflicts=True), seed=seed) as shim:
        with monkeypatch.context() as patch:
            patch.setenv("DYNAMODB_ENDPOINT", shim.address)
            connect_anew()
            yield shim
        connect_anew()


def connect_anew() -> None:
    """Connect anew, with the environment as it is."""
    config.cache_clear()
    forget_connection()


def test_workers_never_meet(
    tables: dict[str, str], customers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = campaigns.preview("spring", campaigns.rows_for(*customers, minor=MINOR)).answer.job
    with through_shim(tables, monkeypatch, seed=3) as shim, counting() as counted:
        distribute("spring", WORKERS)
        assert not shim.total("conflicts")
    assert counted.chunk_writes == job.chunks
    assert_credited_once(tables, customers, MINOR)


def test_traffic_of_customers_costs_few_more_attempts(
    tables: dict[str, str],
    customers: list[str],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Customers who have credit from before spend it while they are credited."""
    campaigns.distribute("winter", campaigns.rows_for(*customers, minor=MINOR))
    job = campaigns.preview("spring", campaigns.rows_for(*customers, minor=MINOR)).answer.job
    chance, ended, sent = random.Random(5), threading.Event(), Counter[str]()

    def spend() -> None:
        while not ended.is_set():
            source, target = chance.sample(customers, 2)
            try:
                shop.send(f"t-{sent['all']}", source, target, "0.01")
            except Busy:  # both are being credited: the same is sent again, between others
                continue
            sent["all"] += 1

    with through_shim(tables, monkeypatch, seed=4), counting() as counted:
        spender = threading.Thread(target=spend)
        spender.start()
        try:
            distribute("spring", WORKERS)
        finally:
            ended.set()
            spender.join()
    attempts = counted.chunk_writes / job.chunks
    if len(customers) >= 10_000:  # among fewer customers traffic is denser than any shop's
        assert attempts <= 1.3
    assert campaigns.standing("spring").credited_rows == len(customers)
    books(tables)
    record_property(
        "report",
        f"distribution beside {sent['all']} transfers: {attempts:.2f} attempts for each chunk",
    )


def test_killed_anywhere_and_resumed_every_row_is_credited_once(
    tables: dict[str, str], customers: list[str], tmp_path: Path
) -> None:
    chance = random.Random()
    seed = chance.randrange(10**6)
    chance.seed(seed)
    job = campaigns.preview("spring", campaigns.rows_for(*customers, minor=MINOR)).answer.job
    points = sorted(chance.randrange(job.chunks) for _ in range(KILLS))
    environment = {**tables, **ACCESS, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "tests.engine.distributor", "spring", "4"]
    for point in points:
        with subprocess.Popen(command, cwd=PROJECT, env=environment) as process:
            while process.poll() is None:
                if campaigns.standing("spring").chunks_done >= point:
                    process.kill()
            assert process.returncode in {0, -9}, f"seed {seed}"
    books(tables)
    resumed = subprocess.run(command, cwd=PROJECT, env=environment, check=False)
    assert resumed.returncode == 0, f"seed {seed}"
    assert_credited_once(tables, customers, MINOR)
    audited = subprocess.run(
        [sys.executable, "-m", "cli", "audit"],
        cwd=tmp_path,
        env={**environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert "1 distribution" in audited.stdout


def test_an_undo_of_many_takes_everything_back(
    tables: dict[str, str], customers: list[str]
) -> None:
    campaigns.preview("spring", campaigns.rows_for(*customers, minor=MINOR))
    distribute("spring", WORKERS)
    with counting() as counted:
        campaigns.undo("spring")
        work_off(WORKERS)
    found = books(tables)
    assert {found.accounts[f"{shop.CHANNEL}#{name}#TRY"]["available"] for name in customers} == {0}
    assert shop.balance_of("primary") == 100_000_000
    assert counted.writes_of_primary == 1

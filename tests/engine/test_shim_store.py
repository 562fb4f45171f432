"""Our store in front of the contention shim: every fault ends in what the store promises."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib.store.actions import Action, Key, Rows, put_once
from chalicelib.store.requests import (
    Commit,
    Contended,
    Replay,
    Unanswered,
    batch_get,
    settle,
    transact_get,
    transact_write,
)
from chalicelib.store.tables import UserEmailRow, create_missing
from cli.engine import Engine
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.engine.shim_things import client_of
from tests.store.engine import forget
from tests.store.kept import soon

PREFIX = "shim-"


@pytest.fixture(scope="module")
def direct(engine: Engine) -> Iterator[Any]:
    """A client of the engine itself."""
    with closing(client_of(engine.address)) as client:
        yield client


@pytest.fixture(scope="module")
def running_shim(engine: Engine) -> Iterator[Shim]:
    with Shim(engine.address, Faults(), seed=1) as shim:
        yield shim


@pytest.fixture
def shim(running_shim: Shim) -> Iterator[Shim]:
    """A shim that counts from nothing and has no faults yet."""
    running_shim.reset()
    yield running_shim
    running_shim.set(Faults())


@pytest.fixture(scope="module")
def store(running_shim: Shim) -> Iterator[None]:
    """Let the store of this process speak through the shim."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "STAGE": "dev",
            "TABLE_PREFIX": PREFIX,
            "SIGNING_KEYS": "k1:" + "s" * 40,
            "STAFF_KEYS": "d1:" + "t" * 40,
            "DYNAMODB_ENDPOINT": running_shim.address,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }.items():
            patch.setenv(name, value)
        forget()
        create_missing(streams=False)
        yield
        forget()


def only(kind: str) -> Faults:
    """Return faults of which this one always happens."""
    return Faults.from_json(json.dumps({kind: 1.0}))


def email(name: str) -> Action:
    return put_once(UserEmailRow(address=f"shop#{name}", user_pk="7"))


def email_key(name: str) -> Key[UserEmailRow]:
    return Key(UserEmailRow, f"shop#{name}")


def is_there(direct: Any, name: str) -> bool:
    request = {"TableName": PREFIX + "user_emails", "Key": email_key(name).item()}
    return "Item" in direct.get_item(**request, ConsistentRead=True)


def claim(name: str) -> tuple[str, bool]:
    """Put an address once, and return the answer and whether this write was the first."""

    def decide(rows: Rows) -> Commit[str] | Replay[str]:
        row = rows.get(email_key(name))
        if row is not None:
            return Replay(row.user_pk)
        return Commit([email(name), email(name + "-too")], "7")

    settled = settle(decide, [email_key(name)], deadline=soon())
    return settled.answer, settled.written


def test_the_store_reads_every_key_that_was_left_unprocessed(
    shim: Shim, store: None, direct: Any
) -> None:
    names = [f"batch{n}" for n in range(6)]
    transact_write([email(name) for name in names])
    shim.set(Faults(unprocessed=1.0))
    rows = batch_get([email_key(name) for name in [*names, "nobody"]], deadline=soon())
    assert all(rows.shows(email_key(name)) for name in names)
    assert not rows.shows(email_key("nobody"))
    assert shim.total("unprocessed") >= 1


@pytest.mark.parametrize("kind", ["throttled", "throttled_member"])
def test_throttling_is_contention_and_writes_nothing(
    shim: Shim, store: None, direct: Any, kind: str
) -> None:
    shim.set(only(kind))
    for n in range(5):
        name = f"{kind}{n}"
        with pytest.raises(Contended):
            transact_write([email(name), email(name + "-too")])
        assert not is_there(direct, name)
    assert shim.counts() == {"TransactWriteItems": {"throttled": 5}}


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        ("cut_before", False),
        ("error_before", False),
        ("cut_after", True),
        ("error_after", True),
        ("late", True),
    ],
)
@pytest.mark.parametrize("members", [1, 2])
def test_a_lost_answer_says_nothing_and_the_next_attempt_finds_out(
    shim: Shim, store: None, direct: Any, kind: str, done: bool, members: int
) -> None:
    name = f"{kind}-{members}"
    shim.set(only(kind))
    with pytest.raises(Unanswered):
        transact_write([email(name), email(name + "-too")][:members])
    # Once other faults are set, whatever was late has been done.
    shim.set(Faults())
    assert is_there(direct, name) is done
    assert shim.total(kind) == 1
    assert claim(name) == ("7", not done)


def test_a_write_delivered_twice_is_written_once_and_answered_rightly(
    shim: Shim, store: None, direct: Any
) -> None:
    shim.set(Faults(duplicated=1.0))
    settled = [claim(f"twice{n}") for n in range(30)]
    assert {answer for answer, _ in settled} == {"7"}
    # The first answer says that it was written, the second that it was there already.
    assert {written for _, written in settled} == {True, False}
    assert all(is_there(direct, f"twice{n}") for n in range(30))
    assert shim.counts()["TransactWriteItems"] == {"forwarded": 30, "duplicated": 30}


def test_a_stale_first_read_ends_in_a_replay(shim: Shim, store: None) -> None:
    shim.set(Faults(stale=1.0, stale_ms=60_000))
    assert claim("stale") == ("7", True)
    assert not batch_get([email_key("stale")], deadline=soon()).shows(email_key("stale"))
    assert claim("stale") == ("7", False)
    assert transact_get([email_key("stale")], deadline=soon()).shows(email_key("stale"))

"""The contention shim does what AWS does: each fact through a real client, against an engine."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from cli.engine import Engine
from tests.engine.shim import Shim
from tests.engine.shim_faults import Chance, Faults
from tests.engine.shim_items import Json, Past, item_id
from tests.engine.shim_things import (
    PATIENCE_S,
    TABLE,
    client_of,
    gets,
    key,
    make_table,
    puts,
    thing,
)


@pytest.fixture(scope="module")
def direct(engine: Engine) -> Iterator[Any]:
    """A client of the engine itself, where the table of these tests is."""
    with closing(client_of(engine.address)) as client:
        make_table(client)
        yield client


@pytest.fixture(scope="module")
def running_shim(engine: Engine, direct: Any) -> Iterator[Shim]:
    with Shim(engine.address, Faults(), seed=1) as shim:
        yield shim


@pytest.fixture
def shim(running_shim: Shim) -> Iterator[Shim]:
    """A shim that counts from nothing and has no faults yet."""
    running_shim.reset()
    yield running_shim
    running_shim.set(Faults())


@pytest.fixture(scope="module")
def client(running_shim: Shim) -> Iterator[Any]:
    with closing(client_of(running_shim.address)) as client:
        yield client


# --- without faults ---------------------------------------------------------------------------


def test_without_faults_a_client_gets_what_the_engine_answers(
    shim: Shim, client: Any, direct: Any
) -> None:
    def everything(through: Any) -> list[Json]:
        once = {"ConditionExpression": "attribute_not_exists(id)"}
        shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        put = {"TableName": TABLE, "Item": thing("same"), **once, **shown}
        return [
            answered(through, "put_item", TableName=TABLE, Item=thing("same", "ü")),
            answered(through, "put_item", **put),
            answered(through, "transact_write_items", TransactItems=[{"Put": put}]),
            answered(through, "transact_write_items", TransactItems=puts(thing("same", "2"))),
            answered(through, "transact_get_items", TransactItems=gets("same", "never")),
            answered(through, "get_item", TableName=TABLE, Key=key("same")),
            answered(
                through,
                "batch_get_item",
                RequestItems={TABLE: {"Keys": [key("same"), key("never")]}},
            ),
            answered(through, "delete_item", TableName=TABLE, Key=key("same")),
            answered(through, "get_item", TableName="no-such-table", Key=key("same")),
        ]

    assert everything(client) == everything(direct)
    assert shim.counts() == {
        "PutItem": {"forwarded": 2},
        "TransactWriteItems": {"forwarded": 2},
        "TransactGetItems": {"forwarded": 1},
        "GetItem": {"forwarded": 2},
        "BatchGetItem": {"forwarded": 1},
        "DeleteItem": {"forwarded": 1},
    }


def answered(through: Any, operation: str, **request: Any) -> Json:
    try:
        answer: Json = getattr(through, operation)(**request)
    except ClientError as error:
        answer = dict(error.response)
    status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
    return {"status": status} | answer


def test_it_carries_64_connections_at_once(shim: Shim, client: Any, direct: Any) -> None:
    direct.put_item(TableName=TABLE, Item=thing("popular"))
    all_connected = threading.Barrier(64)

    def read_twice(_: int) -> list[Json]:
        first = client.get_item(TableName=TABLE, Key=key("popular"))
        all_connected.wait(PATIENCE_S)
        return [first["Item"], client.get_item(TableName=TABLE, Key=key("popular"))["Item"]]

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(read_twice, range(64))) == [[thing("popular")] * 2] * 64


def test_a_shim_ends_when_its_parent_is_gone(engine: Engine) -> None:
    """A closed pipe stands for a killed parent: the system closes it in the same way."""
    with Shim(engine.address, Faults(), seed=1) as shim:
        assert shim._process is not None
        assert shim._process.stdin is not None
        shim._process.stdin.close()
        assert shim._process.wait(PATIENCE_S) == 0


def test_a_stopped_shim_leaves_no_process(engine: Engine) -> None:
    with Shim(engine.address, Faults(), seed=1) as shim:
        assert shim._process is not None
        process = shim._process
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_faults_survive_the_way_to_the_process() -> None:
    faults = Faults(conflicts=True, hold_ms=(1.5, 2.0), stale=0.25, late=0.1, late_ms=(1.0, 2.0))
    assert Faults.from_json(faults.to_json()) == faults
    assert Faults.from_json("{}") == Faults()


def test_shares_of_faults_that_end_a_request_sum_up_to_one_at_most() -> None:
    Faults(cut_before=0.5, cut_after=0.5, stale=1.0, unprocessed=1.0)
    with pytest.raises(AssertionError):
        Faults(cut_before=0.6, cut_after=0.5)


def test_faults_can_be_seen_and_changed_while_it_runs(shim: Shim) -> None:
    shim.set(Faults(stale=0.5))
    shown = shim._control("GET")
    assert shown == {
        "faults": json.loads(Faults(stale=0.5).to_json()),
        "seed": 1,
        "counts": {},
    }


# --- reads ------------------------------------------------------------------------------------


def test_an_eventually_consistent_read_shows_a_written_item_as_it_was(
    shim: Shim, client: Any
) -> None:
    client.put_item(TableName=TABLE, Item=thing("old", "before"))
    shim.set(Faults(stale=1.0, stale_ms=60_000))
    client.transact_write_items(TransactItems=puts(thing("old", "after"), thing("new")))
    keys = [key("old"), key("new"), key("never")]
    eventual = client.batch_get_item(RequestItems={TABLE: {"Keys": keys}})
    strong = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    assert eventual["Responses"][TABLE] == [thing("old", "before")]
    assert sorted(item["id"]["S"] for item in strong["Responses"][TABLE]) == ["new", "old"]
    assert "Item" not in client.get_item(TableName=TABLE, Key=key("new"))
    assert client.get_item(TableName=TABLE, Key=key("old"))["Item"] == thing("old", "before")
    fresh = client.get_item(TableName=TABLE, Key=key("old"), ConsistentRead=True)
    assert fresh["Item"] == thing("old", "after")
    assert shim.counts()["BatchGetItem"]["stale"] == 2
    assert shim.counts()["GetItem"]["stale"] == 2


def test_a_refused_write_leaves_no_past(shim: Shim, client: Any) -> None:
    client.put_item(TableName=TABLE, Item=thing("kept"))
    shim.set(Faults(stale=1.0, stale_ms=60_000))
    with pytest.raises(ClientError):
        client.delete_item(
            TableName=TABLE, Key=key("kept"), ConditionExpression="attribute_not_exists(id)"
        )
    client.get_item(TableName=TABLE, Key=key("kept"))
    assert shim.total("stale") == 0


def test_what_the_engine_refuses_is_refused_with_faults_too(shim: Shim, client: Any) -> None:
    shim.set(Faults(conflicts=True, stale=1.0))
    nowhere = {"TableName": "no-such-table"}
    twice = puts(thing("double"), thing("double", "2"))
    refused = [
        answered(client, "put_item", **nowhere, Item=thing("any")),
        answered(client, "delete_item", **nowhere, Key=key("any")),
        answered(client, "put_item", TableName=TABLE, Item={"value": {"S": "no key"}}),
        answered(client, "transact_write_items", TransactItems=twice),
    ]
    assert [answer["status"] for answer in refused] == [400] * 4
    assert [answer["Error"]["Code"] for answer in refused] == [
        *("ResourceNotFoundException", "ResourceNotFoundException"),
        *("ValidationException", "ValidationException"),
    ]


def test_a_deleted_item_comes_back_for_a_stale_reader_alone(shim: Shim, client: Any) -> None:
    client.put_item(TableName=TABLE, Item=thing("gone"))
    shim.set(Faults(stale=1.0, stale_ms=60_000))
    client.delete_item(TableName=TABLE, Key=key("gone"))
    assert client.get_item(TableName=TABLE, Key=key("gone"))["Item"] == thing("gone")
    assert "Item" not in client.get_item(TableName=TABLE, Key=key("gone"), ConsistentRead=True)


def test_the_past_is_forgotten_after_its_time() -> None:
    now = [100.0]
    past = Past(clock=lambda: now[0])
    one, other = item_id(TABLE, key("one")), item_id(TABLE, key("other"))
    past.keep({one: None}, for_s=0.3)
    now[0] += 0.2
    past.keep({one: thing("one")}, for_s=0.3)
    assert past.of(one, within_s=0.3) == [None, thing("one")]
    now[0] += 0.2
    assert past.of(one, within_s=0.3) == [thing("one")]
    now[0] += 0.2
    past.keep({other: None}, for_s=0.3)
    assert past.of(one, within_s=60) == []


def test_a_batch_leaves_some_keys_unprocessed(shim: Shim, client: Any, direct: Any) -> None:
    names = [f"u{n}" for n in range(5)]
    direct.transact_write_items(TransactItems=puts(*map(thing, names)))
    shim.set(Faults(unprocessed=1.0))
    asked = {TABLE: {"Keys": [key(name) for name in names], "ConsistentRead": True}}
    answer = client.batch_get_item(RequestItems=asked)
    left = answer["UnprocessedKeys"][TABLE]
    assert left["ConsistentRead"] is True
    came = [item["id"]["S"] for item in answer["Responses"][TABLE]]
    assert came
    assert left["Keys"]
    assert sorted(came + [k["id"]["S"] for k in left["Keys"]]) == names
    alone = client.batch_get_item(RequestItems={TABLE: {"Keys": [key("u0")]}})
    assert alone["UnprocessedKeys"] == {}
    assert shim.total("unprocessed") == 1


def test_chance_takes_neither_none_nor_all() -> None:
    chance = Chance(1)
    sizes = {len(chance.some("abcd")) for _ in range(200)}
    assert sizes == {1, 2, 3}


def test_a_transaction_takes_the_time_it_is_made_to_take(shim: Shim, client: Any) -> None:
    shim.set(Faults(conflicts=True, hold_ms=(50.0, 60.0)))
    started = time.monotonic()
    client.transact_write_items(TransactItems=puts(thing("slow")))
    assert time.monotonic() - started >= 0.050


# --- all at once ------------------------------------------------------------------------------


def test_every_request_is_counted_once(shim: Shim, client: Any) -> None:
    share = 0.08
    shim.set(
        Faults(
            conflicts=True,
            hold_ms=(1.0, 2.0),
            stale=0.5,
            unprocessed=0.5,
            throttled=share,
            throttled_member=share,
            cut_before=share,
            error_before=share,
            cut_after=share,
            error_after=share,
            late=share,
            late_ms=(1.0, 5.0),
            duplicated=share,
        )
    )

    def work(n: int) -> None:
        hot = [f"hot{n % 3}", f"cold{n}"]
        requests: list[tuple[str, Json]] = [
            ("transact_write_items", {"TransactItems": puts(*map(thing, hot))}),
            ("put_item", {"TableName": TABLE, "Item": thing(hot[0])}),
            ("transact_get_items", {"TransactItems": gets(*hot)}),
            ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [key(name) for name in hot]}}}),
        ]
        for verb, request in requests:
            try:
                getattr(client, verb)(**request)
            except (ClientError, BotoCoreError):
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(150)))
    shim.set(Faults())
    counts = shim.counts()
    outcomes = ("forwarded", "conflicts", "throttled", "cut_before", "error_before")
    for operation in ("TransactWriteItems", "PutItem", "TransactGetItems", "BatchGetItem"):
        assert sum(counts[operation].get(kind, 0) for kind in outcomes) == 150, operation
    for kind in (
        *outcomes,
        "cut_after",
        "error_after",
        "late",
        "duplicated",
        "unprocessed",
        "stale",
    ):
        assert shim.total(kind) > 0, kind

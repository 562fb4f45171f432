"""The contention shim refuses what DynamoDB refuses while a transaction runs, and nothing else.

Nothing here depends on timing: the first of two requests waits in the engine until it is told to
go on.
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.engine import Engine
from tests.engine.shim import Shim
from tests.engine.shim_faults import Faults
from tests.engine.shim_items import Json, Request
from tests.engine.shim_proxy import HOP_BY_HOP, Upstream
from tests.engine.shim_things import (
    PATIENCE_S,
    TABLE,
    client_of,
    gets,
    key,
    make_table,
    puts,
    reasons,
    stored,
    thing,
)

CONFLICTS = Faults(conflicts=True, hold_ms=(0.0, 0.0))


@pytest.fixture(scope="module")
def direct(engine: Engine) -> Iterator[Any]:
    """A client of the engine itself, where the table of these tests is."""
    with closing(client_of(engine.address)) as client:
        make_table(client)
        yield client


class Gate:
    """Stands between shim and engine, and lets one request wait until it is told to go on."""

    def __init__(self, engine: Engine) -> None:
        self.upstream = Upstream(engine.address)
        self.operation = ""
        self._there = threading.Event()
        self._open = threading.Event()

    def passes(self, operation: str) -> None:
        """Wait where this is the request that is to wait."""
        if operation == self.operation:
            self.operation = ""
            self._there.set()
            assert self._open.wait(PATIENCE_S)

    @contextmanager
    def holding(self, through: Any, verb: str, **request: Any) -> Iterator["Future[Json]"]:
        """Keep a request in the engine while the body runs; its answer comes afterwards."""
        self._there.clear()
        self._open.clear()
        self.operation = "".join(word.title() for word in verb.split("_"))
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(getattr(through, verb), **request)
            try:
                assert self._there.wait(PATIENCE_S)
                yield future
            finally:
                self._open.set()


@pytest.fixture(scope="module")
def gated(engine: Engine, direct: Any) -> Iterator[tuple[Gate, Shim, Any]]:
    """A gate, a shim in front of it that does nothing but conflicts, and a client of the shim."""
    gate = Gate(engine)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP}
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            gate.passes(operation)
            answer = gate.upstream.send(Request(operation, content, headers))
            self.send_response_only(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    with ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        address = f"http://127.0.0.1:{server.server_address[1]}"
        shim = stack.enter_context(Shim(address, CONFLICTS, seed=1))
        yield gate, shim, stack.enter_context(closing(client_of(shim.address)))


Gated = tuple[Gate, Shim, Any]


def test_a_transaction_is_refused_while_another_has_one_of_its_items(
    gated: Gated, direct: Any
) -> None:
    gate, shim, client = gated
    first = puts(thing("a1"), thing("a2"))
    with gate.holding(client, "transact_write_items", TransactItems=first) as running:
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=puts(thing("a3"), thing("a2", "other")))
        client.transact_write_items(TransactItems=puts(thing("a4")))
    assert running.result()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert reasons(refused) == ["None", "TransactionConflict"]
    assert stored(direct, "a2") == thing("a2")
    assert stored(direct, "a3") is None
    assert shim.counts()["TransactWriteItems"]["conflicts"] == 1
    # It lets go of its items with its answer.
    client.transact_write_items(TransactItems=puts(thing("a3"), thing("a2", "other")))
    assert stored(direct, "a2") == thing("a2", "other")


def test_a_single_write_is_refused_while_a_transaction_has_its_item(
    gated: Gated, direct: Any
) -> None:
    gate, _, client = gated
    direct.put_item(TableName=TABLE, Item=thing("b1"))
    condition = {
        "TableName": TABLE,
        "Key": key("b1"),
        "ConditionExpression": "attribute_exists(id)",
    }
    member = [{"ConditionCheck": condition}]
    with gate.holding(client, "transact_write_items", TransactItems=member):
        change = {"UpdateExpression": "REMOVE v", "TableName": TABLE, "Key": key("b1")}
        single: list[tuple[str, Json]] = [
            ("put_item", {"TableName": TABLE, "Item": thing("b1", "other")}),
            ("delete_item", {"TableName": TABLE, "Key": key("b1")}),
            ("update_item", change),
        ]
        for verb, write in single:
            with pytest.raises(ClientError) as refused:
                getattr(client, verb)(**write)
            assert refused.value.response["Error"]["Code"] == "TransactionConflictException"
        # Plain reads never are.
        assert client.get_item(TableName=TABLE, Key=key("b1"))["Item"] == thing("b1")
    assert stored(direct, "b1") == thing("b1")


@pytest.mark.parametrize(
    ("verb", "request_"),
    [
        ("transact_write_items", {"TransactItems": puts(thing("c1"))}),
        ("put_item", {"TableName": TABLE, "Item": thing("c1")}),
    ],
)
def test_a_transactional_read_is_refused_while_any_write_has_its_item(
    gated: Gated, verb: str, request_: Json
) -> None:
    gate, _, client = gated
    with gate.holding(client, verb, **request_):
        with pytest.raises(ClientError) as refused:
            client.transact_get_items(TransactItems=gets("c1", "c2"))
        client.transact_get_items(TransactItems=gets("c2"))
    assert reasons(refused) == ["TransactionConflict", "None"]
    read = client.transact_get_items(TransactItems=gets("c1"))
    assert read["Responses"] == [{"Item": thing("c1")}]


def test_a_write_that_meets_a_transactional_read_goes_ahead_and_the_read_is_refused(
    gated: Gated, direct: Any
) -> None:
    gate, _, client = gated
    with gate.holding(client, "transact_get_items", TransactItems=gets("d1", "d2")) as reading:
        client.transact_write_items(TransactItems=puts(thing("d2")))
    with pytest.raises(ClientError) as refused:
        reading.result()
    assert reasons(refused) == ["None", "TransactionConflict"]
    assert stored(direct, "d2") == thing("d2")


def test_two_single_writes_do_not_refuse_each_other(gated: Gated, direct: Any) -> None:
    gate, _, client = gated
    with gate.holding(client, "put_item", TableName=TABLE, Item=thing("e1")):
        client.delete_item(TableName=TABLE, Key=key("e1"))
        client.transact_write_items(TransactItems=puts(thing("e1", "2")))
        assert stored(direct, "e1") == thing("e1", "2")
    assert stored(direct, "e1") == thing("e1")

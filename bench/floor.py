"""A transfer beside the two bare requests that it consists of, in one run.

Interleaved: through the whole Lambda handler, through the verb, as the verb's own two requests made
by a plain botocore client on a copy of the tables, and once more with the same id, which is a
replay. First on DynamoDB Local, then on a stub that answers at once, where only our own work and
botocore's is left.
"""

import datetime
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import botocore.session
import pytest
from rich.console import Console
from rich.progress import track

from bench.handler import ask
from bench.results import Part
from bench.stub import MARK
from chalicelib.auth import staff_token
from chalicelib.config import config
from chalicelib.logs import JsonLines, log
from chalicelib.store.connection import connection
from chalicelib.store.tables import definitions
from cli.local import PROJECT
from tests.engine.conftest import tables_at
from tests.engine.dynamodb_local import DynamoDBLocal
from tests.store.engine import forget
from tests.verbs import shop

Json = dict[str, Any]

ROUNDS: Final = 400
ROUNDS_FULL: Final = 3000
WARM_UP: Final = 40
TWIN: Final = "twin-"
KNOWN: Final = f"{MARK.decode()}1"
"""The id of the transfer that is repeated."""

WAYS: Final = ("bare requests", "verb", "handler", "replay by verb", "replay by handler")
MOST: Final = {
    "verb": 1.2,
    "handler": 1.35,
    "replay by verb": 0.6,
    "replay by handler": 0.6,
}
"""What each way may cost at most, as a multiple of the bare requests."""


@dataclass(slots=True)
class Times:
    """Milliseconds of each way: on the clock, and of this process's processor."""

    wall: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})

    def take(self, way: str, act: Callable[[], object]) -> None:
        """Do something, and note what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        self.cpu[way].append((time.process_time() - cpu) * 1000)
        self.wall[way].append((time.perf_counter() - wall) * 1000)


class Heard:
    """The requests that the store's client sends, as they are given to botocore."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.requests: list[tuple[str, Json]] = []
        self.listens = False

    def attach(self) -> None:
        """Listen to the present client."""
        client: Any = connection().client
        client.meta.events.register("provide-client-params.dynamodb", self._hear)

    def _hear(self, params: Json, model: Any, **_: object) -> None:  # noqa: ANN401  # botocore's
        if self.listens:
            self.requests.append((model.name, params))


def measure(console: Console, *, full: bool) -> Part:
    """Measure on both engines, and return what was found."""
    part = Part()
    rounds = ROUNDS_FULL if full else ROUNDS
    with (
        quiet(),
        TemporaryDirectory() as folder,
        DynamoDBLocal(Path(folder)) as engine,
        tables_at(engine.address),
    ):
        _open_shop()
        _copy_tables()
        _note(part, "DynamoDB Local", _rounds(console, "On DynamoDB Local", rounds, TWIN))
        with _stub(Path(folder)) as address, pytest.MonkeyPatch.context() as patch:
            patch.setenv("DYNAMODB_ENDPOINT", address)
            forget()
            _note(part, "stub", _rounds(console, "On the stub", rounds, ""))
        # What comes after must not find the stub's client.
        forget()
    return part


def _note(part: Part, engine: str, times: Times) -> None:
    for kind, series in (("wall", times.wall), ("cpu", times.cpu)):
        middle = {way: part.note(f"{engine}, {way}, {kind}", "ms", series[way]) for way in WAYS}
        for way, most in MOST.items():
            ratio = middle[way] / middle["bare requests"]
            part.at_most(f"{engine}, {way} / bare requests, {kind}", ratio, most)


# --- the ways -------------------------------------------------------------------------------------


class _Transfers:
    """One transfer after another, each made in every way; `twin` begins the names of the copies."""

    def __init__(self, twin: str) -> None:
        self._twin = twin
        self._heard = Heard()
        self._heard.attach()
        self._bare: Any = botocore.session.get_session().create_client(
            "dynamodb", endpoint_url=config().dynamodb_endpoint
        )
        now = datetime.datetime.now(datetime.UTC)
        self._token = staff_token("bench", [shop.CHANNEL], ["admin"], now=now, life_s=3600)
        # What the handler moves must not make the twins differ; the stub knows two accounts alone.
        self._others = ("alan", "mary") if twin else ("ada", "grace")
        self._number = 0
        self._requests: list[tuple[str, Json]] = []
        self.ways: dict[str, Callable[[], object]] = dict(
            zip(
                WAYS,
                (
                    self._by_requests,
                    self._by_verb,
                    self._by_handler,
                    self._again,
                    self._asked,
                ),
                strict=True,
            )
        )

    def next(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield each way to make the next transfer; the verb comes first, and is listened to."""
        self._number += 1
        self._heard.requests.clear()
        self._heard.listens = True
        yield "verb", self.ways["verb"]
        self._heard.listens = False
        self._requests = [(op, _on_twin(each, self._twin)) for op, each in self._heard.requests]
        yield from ((way, act) for way, act in self.ways.items() if way != "verb")

    def _by_verb(self) -> None:
        shop.send(f"v{self._number}-{self._twin}", "ada", "grace", "0.01")

    def _by_requests(self) -> None:
        _send_bare(self._bare, self._requests)

    def _by_handler(self) -> None:
        _handle(self._token, f"h{self._number}-{self._twin}", *self._others)

    def _again(self) -> None:
        shop.send(KNOWN, "ada", "grace", "0.01")

    def _asked(self) -> None:
        _handle(self._token, KNOWN, "ada", "grace")


def _rounds(console: Console, title: str, rounds: int, twin: str) -> Times:
    times, transfers = Times(), _Transfers(twin)
    for number in track(range(-WARM_UP, rounds), description=title, console=console):
        for way, act in transfers.next():
            if number < 0:
                act()
            else:
                times.take(way, act)
    return times


def _send_bare(client: Any, requests: list[tuple[str, Json]]) -> None:  # noqa: ANN401
    calls = {
        "BatchGetItem": client.batch_get_item,
        "TransactWriteItems": client.transact_write_items,
    }
    assert [operation for operation, _ in requests] == [*calls]
    for operation, params in requests:
        calls[operation](**params)


def _on_twin(params: Json, twin: str) -> Json:
    """Return a request as it goes to the copy of the tables, for botocore to name it anew."""
    prefix = config().table_prefix
    text = json.dumps({n: value for n, value in params.items() if n != "ClientRequestToken"})
    found: Json = json.loads(text.replace(f'"{prefix}', f'"{twin}{prefix}'))
    return found


def _handle(token: str, name: str, source: str, target: str) -> None:
    body = {
        "source_user_pk": source,
        "target_user_pk": target,
        "currency": "TRY",
        "amount": "0.01",
    }
    ask(
        "PUT",
        "/channels/{channel}/transfers/{transfer_id}",
        {"channel": shop.CHANNEL, "transfer_id": name},
        headers={"authorization": f"Bearer {token}"},
        body=body,
    )


# --- what they work on ----------------------------------------------------------------------------


def _open_shop() -> None:
    """Open a shop of four accounts, and make the transfer that is repeated."""
    shop.open_shop()
    shop.open_accounts(ada="10000.00", grace="10000.00", alan="10000.00", mary="10000.00")
    shop.send(KNOWN, "ada", "grace", "0.01")


def _copy_tables() -> None:
    client: Any = connection().client
    prefix = config().table_prefix
    for definition in definitions(prefix):
        name = definition["TableName"]
        definition.pop("StreamSpecification", None)
        client.create_table(**{**definition, "TableName": TWIN + name})
        for item in client.scan(TableName=name)["Items"]:
            client.put_item(TableName=TWIN + name, Item=item)


@contextmanager
def _stub(folder: Path) -> Iterator[str]:
    """Record what the engine answers to a new transfer and to a known one, and answer that."""
    heard = Heard()
    heard.attach()
    heard.listens = True
    shop.send("recorded", "ada", "grace", "0.01")
    shop.send(KNOWN, "ada", "grace", "0.01")
    heard.listens = False
    client: Any = connection().client
    (_, new), _, (_, known) = heard.requests
    text = json.dumps(new).replace('"recorded"', '"unheard-of"').replace("#recorded", "#unheard-of")
    answers = {
        "BatchGetItem": client.batch_get_item(**json.loads(text)),
        "BatchGetItem known": client.batch_get_item(**known),
    }
    for answer in answers.values():
        del answer["ResponseMetadata"]
    file = folder / "answers.json"
    file.write_text(json.dumps({kind: json.dumps(answer) for kind, answer in answers.items()}))
    command = [sys.executable, "-m", "bench.stub", str(file)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@contextmanager
def quiet() -> Iterator[None]:
    """Let the handler write its log as it does in AWS, to nowhere."""
    with Path(os.devnull).open("w") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(JsonLines("dev"))
        log.addHandler(handler)
        was, log.propagate = log.propagate, False
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.propagate = was

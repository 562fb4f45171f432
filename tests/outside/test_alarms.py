"""Each alarm that rests on our own log: its condition is provoked, and its metric seen."""

import datetime
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from chalice.test import Client

from app import app, audit_books
from chalicelib import auth, http, registry
from chalicelib.config import config
from chalicelib.core.errors import Busy
from chalicelib.core.events import account_opened
from chalicelib.core.transitions import PageEvent
from chalicelib.events import publish
from chalicelib.logs import JsonLines
from chalicelib.metrics import METRICS, NAMESPACE
from chalicelib.outside import aws, events, queue, sandbox
from chalicelib.outside.keys import Kept
from chalicelib.routes import schedule
from chalicelib.store import requests
from cli.alarms import ALARMS, Alarm, dimensions_of
from tests.outside.payment_service import SECRETS, serving
from tests.store.engine import ENVIRONMENT
from tests.store.wire import Silence, Wire, tables_of_moto
from tests.verbs import shop

Json = dict[str, Any]
Patch = pytest.MonkeyPatch

STAGE: Final = "prod"
REGION: Final = ENVIRONMENT["AWS_DEFAULT_REGION"]
QUARTER_S: Final = 15 * 60
CLOCK: Final[Json] = {
    "account": "1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "id": "1",
    "region": REGION,
    "resources": [],
    "source": "aws.events",
    "time": "2026-03-01T12:00:00Z",
    "version": "0",
}
"""What AWS starts a function with when its time has come."""


def values_of(alarm: Alarm, records: list[logging.LogRecord]) -> list[float]:
    """Return what CloudWatch takes out of the log for the metric of an alarm."""
    lines = [json.loads(JsonLines(STAGE).format(record)) for record in records]
    wanted = dimensions_of(alarm, STAGE)
    return [
        line[metric["Name"]]
        for line in lines
        for described in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in described["Metrics"]
        if (described["Namespace"], metric["Name"]) == (alarm.namespace, alarm.metric)
        and wanted in [{name: line[name] for name in names} for names in described["Dimensions"]]
    ]


def is_raised(alarm: Alarm, values: list[float]) -> bool:
    """Return whether values that fall into each of its periods raise an alarm."""
    most = max(values, default=0)
    found = {"Sum": sum(values), "Maximum": most, "p99": most}
    if alarm.below is not None:
        return found[alarm.statistic] < alarm.below
    return found[alarm.statistic] > alarm.above


def ask(method: str, path: str, body: Json | None = None) -> int:
    now = datetime.datetime.now(datetime.UTC)
    token = auth.staff_token("me", [shop.CHANNEL], ["admin"], now=now, life_s=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    raw = b"" if body is None else json.dumps(body).encode()
    full = f"/channels/{shop.CHANNEL}{path}"
    return int(Client(app).http.request(method, full, headers, raw).status_code)


@pytest.fixture(autouse=True)
def _anew(wire: Wire, tmp_path: Path, monkeypatch: Patch) -> Iterator[None]:
    """Open a shop, and let nobody pause between attempts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(requests, "MAX_PAUSE_S", 0.0)
    monkeypatch.setattr(queue, "BASE_PAUSE_S", 0.0)
    shop.open_shop()
    shop.open_accounts(ada="50.00", grace="0.00")
    yield
    monkeypatch.undo()
    config.cache_clear()
    aws.forget_clients()


def a_request_fails(_: Wire, patch: Patch) -> None:
    patch.setattr(http, "_answer", None)
    assert ask("GET", "/accounts/ada/TRY") == 500


def answers_are_lost(wire: Wire, _: Patch) -> None:
    wire.always("TransactWriteItems", Silence(done=True))
    body = {"source_user_pk": "ada", "target_user_pk": "grace", "currency": "TRY"}
    for number in range(6):
        assert ask("PUT", f"/transfers/t{number}", {**body, "amount": "0.01"}) in {200, 201, 504}


def requests_are_turned_away(wire: Wire, _: Patch) -> None:
    wire.always("BatchGetItem", Silence(done=False))
    for _number in range(21):
        assert ask("GET", "/accounts/ada/TRY") == 503


def answers_are_late(_: Wire, patch: Patch) -> None:
    clock = iter(range(0, 1000, 4))
    patch.setattr("chalicelib.http.time.monotonic", lambda: float(next(clock)))
    Client(app).http.get("/health")


def nobody_reads_the_keys(_: Wire, patch: Patch) -> None:
    with pytest.raises(Busy):
        Kept(f"arn:aws:secretsmanager:{REGION}:123456789012:secret:none-abcdef").keys()


def the_queue_is_gone(_: Wire, patch: Patch) -> None:
    patch.setenv("DISTRIBUTION_QUEUE", f"https://sqs.{REGION}.amazonaws.com/123456789012/none")
    config.cache_clear()
    with pytest.raises(Busy):
        queue.send([({"step": "close"}, 0)])


def the_bus_is_gone(_: Wire, patch: Patch) -> None:
    patch.setattr(events, "BASE_PAUSE_S", 0.0)
    patch.setenv("EVENT_BUS", "gone")
    config.cache_clear()
    told = [account_opened(shop.account_of("ada"))]
    for _time in range(3):
        with pytest.raises(Busy):
            events.publish(told)


def somebody_deletes_an_entry(_: Wire, patch: Patch) -> None:
    key = {"account": {"S": "demo#ada#TRY"}, "at_seq": {"S": "0" * 23}}
    place = f"arn:aws:dynamodb:{REGION}:1:table/test-entries/stream/now"
    publish([{"eventName": "REMOVE", "eventSourceARN": place, "dynamodb": {"Keys": key}}])


def an_entry_is_gone(_: Wire, patch: Patch) -> None:
    tables_of_moto()["test-entries"].items.clear()
    audit_books(CLOCK, None)


def the_audit_takes_too_long(_: Wire, patch: Patch) -> None:
    patch.setattr(schedule, "AUDIT_S", 0.0)
    audit_books(CLOCK, None)


def the_payment_service_fails(_: Wire, patch: Patch) -> None:
    with serving() as service:
        # Only a local service may send cards without TLS; the folder has no service's file.
        patch.setenv("STAGE", "local")
        patch.setenv("GATEWAY_URL", service.url)
        patch.setenv("GATEWAY_KEYS", f"p1:{SECRETS['p1']}")
        config.cache_clear()
        registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "http")
        shop.come_to_card(card=sandbox.APPROVES)
        service.status = 500
        shop.pay()
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=QUARTER_S + 1)
        for _minute in range(11):
            patch.setattr("chalicelib.routes.schedule.datetime.datetime", _At(at))
            schedule.look()


class _At:
    """A calendar that stands still."""

    def __init__(self, at: datetime.datetime) -> None:
        self._at = at

    def now(self, _: datetime.tzinfo) -> datetime.datetime:
        return self._at


def a_card_is_charged_in_vain(_: Wire, patch: Patch) -> None:
    shop.open_account("ada", "20.00", "USD")
    shop.come_to_card("ada", "5.00", sandbox.LOSES_ANSWER, 2000, currency="USD")
    shop.open_checkout("ada")
    shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
    shop.pay(card=sandbox.LOSES_ANSWER, currency="USD")
    shop.visit("ada", PageEvent.COMPLETE, "true")
    assert shop.code_of(shop.pay(currency="USD")) == "payment_returned"


PROVOKED: Final[dict[str, Callable[[Wire, Patch], None]]] = {
    "InternalErrors": a_request_fails,
    "UnknownOutcomes": answers_are_lost,
    "BusyRequests": requests_are_turned_away,
    "SlowRequests": answers_are_late,
    "UnreadKeys": nobody_reads_the_keys,
    "QueueFailures": the_queue_is_gone,
    "BusFailures": the_bus_is_gone,
    "BooksWrong": an_entry_is_gone,
    "NoAudit": the_audit_takes_too_long,
    "BooksChanged": somebody_deletes_an_entry,
    "GatewayFailures": the_payment_service_fails,
    "OldPayment": the_payment_service_fails,
    "TroubledPayments": a_card_is_charged_in_vain,
}


@pytest.mark.parametrize("name", PROVOKED)
def test_an_alarm_is_raised_by_its_condition(
    name: str, wire: Wire, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "loyalty_money")
    caplog.clear()
    PROVOKED[name](wire, monkeypatch)
    values = values_of(ALARMS[name], caplog.records)
    assert values or ALARMS[name].below is not None
    assert is_raised(ALARMS[name], values), values


def test_every_alarm_of_our_own_is_provoked() -> None:
    assert {name for name, alarm in ALARMS.items() if alarm.namespace == NAMESPACE} == {*PROVOKED}


def test_a_quiet_day_raises_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "loyalty_money")
    assert ask("GET", "/accounts/ada/TRY") == 200
    schedule.look()
    schedule.prove()
    for alarm in ALARMS.values():
        if alarm.namespace == NAMESPACE:
            assert not is_raised(alarm, values_of(alarm, caplog.records)), alarm.says


def test_a_line_without_a_metric_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "loyalty_money")
    ask("GET", "/accounts/ada/TRY")
    for record in caplog.records:
        plain, counted = (json.loads(JsonLines(stage).format(record)) for stage in (None, STAGE))
        assert plain.items() <= counted.items()
        assert "_aws" not in plain
    assert set(METRICS) >= {record.message for record in caplog.records}

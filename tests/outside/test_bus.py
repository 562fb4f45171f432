"""The bus: events go out in their order, and none is forgotten because the bus refuses it."""

import json
import os
from collections.abc import Iterator
from typing import Any, Final

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

from chalicelib import events
from chalicelib.core.accounts import append_entry
from chalicelib.core.errors import Busy
from chalicelib.core.events import SOURCE, Event, entry_posted
from chalicelib.outside import aws
from chalicelib.outside import events as bus
from chalicelib.outside.events import ATTEMPTS
from chalicelib.store.entries import put_entry
from tests.core import made
from tests.outside.bus_line import Answer, Line
from tests.store.engine import ENVIRONMENT, UNSET, forget
from tests.store.wire import NOWHERE, Raw

Json = dict[str, Any]
NAME: Final = "loyalty-money-test"
QUEUE: Final = "dead"
REGION: Final = ENVIRONMENT["AWS_DEFAULT_REGION"]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Give the process a bus and a queue of dead letters."""
    with mock_aws():
        for name in UNSET:
            monkeypatch.delenv(name, raising=False)
        sqs: Any = botocore.session.get_session().create_client("sqs", REGION)
        address = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        own = {"EVENT_BUS": NAME, "EVENT_DEAD_LETTERS": address}
        for name, value in {**ENVIRONMENT, **own}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(bus, "BASE_PAUSE_S", 0.0)
        forget()
        aws.forget_clients()
        aws.client("events").create_event_bus(Name=NAME)
        yield Line()
    forget()
    aws.forget_clients()


def some(count: int) -> list[Event]:
    """Return events of one account, in order."""
    entry = append_entry(
        made.account(), amount=1, at_ms=1, kind="transfer", counterparty="grace", transfer_id="t"
    )
    event = entry_posted(entry)
    return [event.model_copy(update={"id": f"e-{n}", "seq": n}) for n in range(1, count + 1)]


def ids(first: int, last: int) -> list[str]:
    return [f"e-{number}" for number in range(first, last + 1)]


def refuse_from(place: int) -> Answer:
    """Answer as EventBridge does when it takes some, and not the one at `place` of a request."""

    def answer(entries: list[Json]) -> AWSResponse:
        results: list[Json] = [{"EventId": str(number)} for number in range(len(entries))]
        results[place] = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Slow down."}
        body = json.dumps({"FailedEntryCount": 1, "Entries": results}).encode()
        return AWSResponse(NOWHERE, 200, HTTPHeaders(), Raw(body))

    return answer


def say_nothing(entries: list[Json]) -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url=NOWHERE)


def test_events_go_out_ten_at_a_time_in_their_order(line: Line) -> None:
    bus.publish(some(23))
    assert line.ids == [ids(1, 10), ids(11, 20), ids(21, 23)]


def test_an_entry_names_its_bus_its_source_its_type_and_its_time(line: Line) -> None:
    (event,) = some(1)
    bus.publish([event])
    ((entry,),) = line.requests
    assert (entry["EventBusName"], entry["Source"]) == (NAME, SOURCE)
    assert entry["DetailType"] == "transfer.posted"
    assert json.loads(entry["Detail"]) == event.model_dump()
    assert entry["Time"] == 0.001


def test_what_was_refused_goes_out_again_with_all_after_it(line: Line) -> None:
    line.planned.extend([refuse_from(3), refuse_from(0), None])
    bus.publish(some(12))
    assert line.ids == [ids(1, 10), ids(4, 10), ids(4, 10), ids(11, 12)]


def test_a_bus_that_does_not_answer_is_asked_again(line: Line) -> None:
    line.planned.extend([say_nothing, None])
    bus.publish(some(2))
    assert line.ids == [ids(1, 2), ids(1, 2)]


@pytest.mark.parametrize("answer", [say_nothing, refuse_from(1)])
def test_a_bus_that_takes_nothing_has_the_changes_come_again(line: Line, answer: Answer) -> None:
    line.lasting = answer
    with pytest.raises(Busy):
        bus.publish(some(12))
    assert len(line.requests) == ATTEMPTS


def test_nothing_that_comes_later_overtakes_what_was_refused(line: Line) -> None:
    line.lasting = say_nothing
    with pytest.raises(Busy):
        bus.publish(some(12))
    assert "e-11" not in {each for request in line.ids for each in request}


def test_a_change_goes_on_the_bus_as_its_event(line: Line) -> None:
    entry = append_entry(
        made.account(), amount=1, at_ms=1, kind="transfer", counterparty="grace", transfer_id="t"
    )
    row = put_entry(entry).request["Item"]
    key = {name: row[name] for name in ("account", "at_seq")}
    record = {
        "eventName": "INSERT",
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:1:table/test-entries/stream/now",
        "dynamodb": {"Keys": key, "NewImage": row},
    }
    events.publish([record])
    assert line.told == [entry_posted(entry).model_dump()]


def test_nothing_is_asked_of_the_bus_where_nothing_has_happened(line: Line) -> None:
    events.publish([])
    assert line.requests == []


def test_a_change_that_cannot_be_read_becomes_a_dead_letter_without_its_content(line: Line) -> None:
    key = {"account": {"S": "demo#ada#TRY"}, "at_seq": {"S": "0" * 23}}
    record = {
        "eventName": "INSERT",
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:1:table/test-entries/stream/now",
        "dynamodb": {"Keys": key, "NewImage": {**key, "note": {"S": "private"}}},
    }
    events.publish([record])
    found = aws.client("sqs").receive_message(QueueUrl=os.environ["EVENT_DEAD_LETTERS"])
    (letter,) = found["Messages"]
    assert json.loads(letter["Body"]) == {
        "table": "entries",
        "key": {name: value["S"] for name, value in key.items()},
        "change": "INSERT",
    }


def test_without_a_bus_listeners_hear_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("EVENT_BUS", raising=False)
    forget()
    bus.forget_lately()
    heard: list[Event] = []
    with bus.listening(heard.append):
        bus.publish(some(3))
    bus.publish(some(1))
    assert [event.id for event in heard] == ids(1, 3)
    assert [event.id for event in bus.lately()] == ["e-1", *ids(1, 3)[::-1]]
    bus.forget_lately()
    forget()

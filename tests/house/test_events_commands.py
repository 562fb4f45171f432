"""The commands `events` and `dead-letters`: what is told again, and what they say in the way."""

import json
import os
import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from chalicelib import events
from chalicelib.config import config
from chalicelib.core.names import time_text, to_ms
from chalicelib.outside import aws
from cli.__main__ import app
from cli.local import LocalError
from tests.outside.bus_line import Line
from tests.store.engine import empty_store, tables_on_moto
from tests.verbs import shop

Json = dict[str, Any]

BUS: Final = "loyalty-money-test"


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


@pytest.fixture
def line(tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Give a deployed shop a bus and a queue of dead letters."""
    aws.forget_clients()
    with empty_store():
        dead = aws.client("sqs").create_queue(QueueName=secrets.token_hex(8))["QueueUrl"]
        monkeypatch.setenv("EVENT_BUS", BUS)
        monkeypatch.setenv("EVENT_DEAD_LETTERS", dead)
        monkeypatch.setattr("cli.dead_letters.WAIT_S", 0)
        config.cache_clear()
        if BUS not in {
            bus["Name"] for bus in aws.client("events").list_event_buses()["EventBuses"]
        }:
            aws.client("events").create_event_bus(Name=BUS)
        shop.open_shop()
        shop.open_accounts(ada="50.00", grace="0.00")
        shop.send("t-1", "ada", "grace", "1.00", after_s=600)
        yield Line()
    monkeypatch.undo()
    config.cache_clear()
    aws.forget_clients()


def run(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def put_aside(*letters: Json) -> None:
    for letter in letters:
        aws.client("sqs").send_message(
            QueueUrl=os.environ["EVENT_DEAD_LETTERS"], MessageBody=json.dumps(letter)
        )


def entry(user: str, seq: int) -> Json:
    """Return the event of an account's movement."""
    (found,) = [
        each for each in known().values() if (each["user_pk"], each.get("seq")) == (user, seq)
    ]
    return found


def known() -> dict[str, Json]:
    """Return every event of the channel, by id."""
    found = events.tell_again(shop.call, shop.CHANNEL, 0, 10**13)
    return {event.id: event.model_dump() for event in found}


# --- events -------------------------------------------------------------------------------------


def test_events_are_printed_a_line_each_and_go_nowhere(line: Line) -> None:
    printed = [json.loads(line) for line in run("events", "--channel", "demo")]
    assert {event["id"]: event for event in printed} == known()
    assert len(printed) == 5
    assert line.told == []


def test_events_of_a_period_go_on_the_bus_once_more(line: Line) -> None:
    since = time_text(to_ms(shop.call(600).now))
    printed = [json.loads(line) for line in run("events", "--since", since, "--publish")]
    assert [event["transfer"] for event in printed] == ["t-1", "t-1"]
    assert line.told == printed


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_explained(line: Line, text: str) -> None:
    with pytest.raises(LocalError, match="is no time: write 2026-10-01"):
        run("events", "--until", text)


def test_a_channel_that_is_not_there_is_named_as_such(line: Line) -> None:
    with pytest.raises(LocalError, match="channel"):
        run("events", "--channel", "nowhere")


@pytest.mark.parametrize("command", [["events", "--publish"], ["dead-letters"]])
def test_a_stage_without_a_bus_says_so(
    line: Line, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENT_BUS")
    config.cache_clear()
    with pytest.raises(LocalError, match="This stage has no bus"):
        run(*command)


# --- dead letters -------------------------------------------------------------------------------


def an_event() -> Json:
    return entry("grace", 1)


def a_letter_of_a_receiver() -> Json:
    """Return what EventBridge keeps of an event that a receiver did not take."""
    event = an_event()
    return {"source": "loyalty-money", "detail-type": event["type"], "detail": event}


def a_letter_of_ours() -> Json:
    ada = shop.entries_of("ada")[-1]
    at_seq = f"{ada.at_ms:013d}{ada.seq:010d}"
    return {
        "table": "entries",
        "key": {"account": "demo#ada#TRY", "at_seq": at_seq},
        "change": "INSERT",
    }


def a_letter_of_lambda() -> Json:
    """Return what Lambda keeps of changes that it gave up: their time alone."""
    at = time_text(to_ms(shop.call(600).now)).replace(".123", "")
    return {
        "requestContext": {"condition": "MaxRecordAgeExceeded"},
        "DDBStreamBatchInfo": {
            "approximateArrivalOfFirstRecord": at,
            "approximateArrivalOfLastRecord": at,
            "batchSize": 2,
        },
    }


def test_letters_are_shown_and_stay(line: Line) -> None:
    put_aside(a_letter_of_receiver := a_letter_of_a_receiver(), a_letter_of_ours())
    printed = run("dead-letters")
    assert printed[-1] == "2 dead letters."
    assert json.loads(printed[0]) == a_letter_of_receiver
    assert line.told == []


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (a_letter_of_a_receiver, [("grace", 1)]),
        (an_event, [("grace", 1)]),
        (a_letter_of_ours, [("ada", 2)]),
        (
            a_letter_of_lambda,
            # A minute to each side is told, too: the opening credit of 60 s before.
            [("ada", 2), ("grace", 1)],
        ),
    ],
)
def test_a_letter_is_told_once_more_and_taken_out(
    line: Line, letter: Any, expected: list[tuple[str, int]]
) -> None:
    put_aside(letter())
    printed = run("dead-letters", "--publish")
    assert printed[-1] == "1 dead letters, told once more."
    assert line.told == [entry(*each) for each in expected]
    assert run("dead-letters") == ["0 dead letters."]


def test_letters_that_were_shown_can_be_told_at_once(line: Line) -> None:
    put_aside(a_letter_of_ours())
    assert run("dead-letters")[-1] == "1 dead letters."
    assert run("dead-letters", "--publish")[-1] == "1 dead letters, told once more."


@pytest.mark.parametrize(
    "broken",
    [
        {"table": "nowhere", "key": {}, "change": "INSERT"},
        {"detail": {"type": "account.opened", "id": 7}},
        {"DDBStreamBatchInfo": {}},
        [1],
    ],
    ids=str,
)
def test_a_letter_that_cannot_be_read_stays_and_stops_no_other(line: Line, broken: Any) -> None:
    put_aside(broken, a_letter_of_ours())
    done = CliRunner().invoke(app, ["dead-letters", "--publish"])
    assert isinstance(done.exception, LocalError)
    assert str(done.exception) == "1 cannot be read, and stay: see the lines above."
    assert json.dumps(broken) in done.output
    assert "1 dead letters, told once more." in done.output
    assert line.told == [entry("ada", 2)]
    assert run("dead-letters") == [json.dumps(broken), "1 dead letters."]


def test_a_letter_that_names_a_time_alone_is_told_of_every_channel(line: Line) -> None:
    shop.open_shop("other")
    shop.register("alan", channel="other")
    put_aside(a_letter_of_lambda())
    shop.open_account("alan", "5.00", channel="other", after_s=600)
    run("dead-letters", "--publish")
    assert {event["channel"] for event in line.told} == {"demo", "other"}


def test_a_letter_that_the_bus_does_not_take_stays(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_aside(a_letter_of_ours())
    with monkeypatch.context() as patch:
        patch.setenv("EVENT_BUS", "gone")
        patch.setattr("chalicelib.outside.events.BASE_PAUSE_S", 0.0)
        config.cache_clear()
        with pytest.raises(LocalError, match="the rest stays where it is"):
            run("dead-letters", "--publish")
    config.cache_clear()
    assert run("dead-letters", "--publish")[-1] == "1 dead letters, told once more."
    assert line.told[-1] == entry("ada", 2)

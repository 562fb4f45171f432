"""Events: what the streams hand out is told, once it has happened, and the books tell it again."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest

from app import publish as publish_entry
from chalicelib import events
from chalicelib.core.events import EVENTS, DistributionChanged, Event, parse_event, types_of
from chalicelib.core.names import time_text, to_ms
from chalicelib.core.transitions import PageEvent
from chalicelib.outside import aws
from chalicelib.outside.events import forget_lately, lately
from chalicelib.store.connection import connection
from chalicelib.store.events import Record
from chalicelib.store.tables import PUT_ONCE, ROWS, key_names, noun
from cli.streams import Streams
from tests.store.engine import keep_streams
from tests.store.wire import Wire
from tests.verbs import campaigns, shop

Log = pytest.LogCaptureFixture

SECRET: Final = "Galata-1"
"""What no event may carry: it stands in a note and in a basket."""


@pytest.fixture
def streams(counted: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """Read what changes from now on, in a shop where ada has 50.00 and grace nothing."""
    # Streams of an account have an address of their own, which moto does not know.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    aws.forget_clients()
    forget_lately()
    keep_streams()
    yield Streams()
    forget_lately()
    aws.forget_clients()


def told(streams: Streams) -> list[Event]:
    """Publish what has changed, and return every event so far, the oldest first."""
    streams.publish(events.publish)
    return lately()[::-1]


def records_of(streams: Streams) -> list[Record]:
    """Return what has changed."""
    found: list[Record] = []

    def keep(records: Sequence[Record]) -> None:
        found.extend(records)

    streams.publish(keep)
    return found


def by_the_books(since_ms: int = 0, until_ms: int = 10**13) -> list[Event]:
    return [*events.tell_again(shop.call, shop.CHANNEL, since_ms, until_ms)]


def live() -> None:
    """Let everything happen of which an event tells."""
    shop.register("new")
    shop.open_account("new", "5.00", "USD", after_s=1)
    shop.send("t-1", "ada", "grace", "10.00", note=SECRET, after_s=2)
    shop.reverse("t-1", after_s=3)
    shop.adjust("a-1", after_s=4)
    shop.hold("h-1", after_s=5)
    shop.capture("h-1", amount="4.00", order="o-1", after_s=6)
    shop.refund_hold("r-1", "h-1", "1.00", after_s=7)
    shop.hold("h-2", after_s=8)
    shop.void("h-2", after_s=9)
    content = json.dumps({"basket": {"basketitem_set": []}, "shipping_address": SECRET})
    shop.open_checkout("ada", 1000, content=content)
    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    assert shop.visit("ada", PageEvent.COMPLETE, "true").refusal is None
    shop.refund_order("r-1", "2.00", after_s=10)
    campaigns.open_primary()
    campaigns.distribute("spring", campaigns.rows_for("ada", "grace", note=SECRET), after_s=11)


def test_everything_that_happens_is_told_as_the_books_tell_it(streams: Streams) -> None:
    opened = {event.id for event in by_the_books()}
    live()
    heard = told(streams)
    campaigns.undo("spring", after_s=20)
    campaigns.work_off(after_s=20)
    heard = told(streams)
    known = {event.id: event for event in by_the_books() if event.id not in opened}
    by_id = {event.id: event for event in heard}
    assert len(by_id) == len(heard)
    # Of a distribution the books know the present state alone.
    earlier = {e.id for e in heard if e.type.startswith("distribution.")} - known.keys()
    assert {each: by_id[each] for each in by_id.keys() - earlier} == known
    assert {event.type for event in heard} == {t for event in EVENTS for t in types_of(event)}


def test_the_movements_of_an_account_are_told_in_order_and_without_a_gap(streams: Streams) -> None:
    live()
    seen: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    for event in told(streams):
        content = event.model_dump()
        if "seq" in content:
            seen[content["user_pk"], content["currency"]].append(content["seq"])
    # The opening credit of ada, with which her accounts began, was told before.
    begins = {("ada", "TRY"): 2}
    assert len(seen) == 4
    for account, numbers in seen.items():
        first = begins.get(account, 1)
        assert numbers == [*range(first, first + len(numbers))], account


def test_no_event_has_an_address_a_note_or_a_basket(streams: Streams) -> None:
    live()
    text = "\n".join(event.model_dump_json() for event in [*told(streams), *by_the_books()])
    assert SECRET not in text
    assert "@" not in text
    assert "staff:" not in text


def test_what_is_told_twice_is_equal(streams: Streams) -> None:
    live()
    records = records_of(streams)
    events.publish(records)
    first = lately()
    forget_lately()
    events.publish(records)
    assert lately() == first


def test_a_refused_write_tells_nothing(streams: Streams) -> None:
    with pytest.raises(Exception, match="available"):
        shop.send("t-1", "ada", "grace", "50.01")
    shop.send("t-2", "ada", "grace", "1.00")
    told(streams)
    shop.send("t-2", "ada", "grace", "1.00")
    assert len(told(streams)) == 2


def test_a_running_distribution_is_told_once(streams: Streams) -> None:
    campaigns.open_primary()
    campaigns.preview("spring", campaigns.rows_for("ada"))
    campaigns.run("spring")
    campaigns.work_off()
    types = [e.type.partition(".")[2] for e in told(streams) if "distribution" in e.type]
    assert types == ["previewed", "running", "closed"]


def test_a_preview_that_finds_more_than_before_is_told_as_of_its_own_time(streams: Streams) -> None:
    campaigns.open_primary()
    campaigns.preview("spring", campaigns.rows_for("ada", "alan"), after_s=10)
    shop.register("alan")
    shop.open_account("alan", "0.00", after_s=20)
    campaigns.preview("spring", campaigns.rows_for("ada", "alan"), after_s=30)
    campaigns.preview("spring", campaigns.rows_for("ada", "alan"), after_s=40)
    heard = [e for e in told(streams) if isinstance(e, DistributionChanged)]
    assert [event.customers for event in heard] == [1, 2]
    times = [shop.call(after_s).now for after_s in (10, 30)]
    assert [event.occurred_at for event in heard] == [time_text(to_ms(at)) for at in times]
    assert len({event.id for event in heard}) == 2


def test_an_event_is_read_as_it_was_written(streams: Streams) -> None:
    live()
    for event in told(streams):
        assert parse_event(event.model_dump_json()) == event


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type": "none"}', '{"type": "order.completed"}']
)
def test_another_text_is_no_event(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of JSON, of pydantic, or our own
        parse_event(text)


def test_a_period_has_its_beginning_and_not_its_end(streams: Streams) -> None:
    start_ms = to_ms(shop.NOW)
    shop.send("t-1", "ada", "grace", "1.00", after_s=10)
    shop.send("t-2", "ada", "grace", "1.00", after_s=20)
    shop.hold("h-1", after_s=15)
    shop.void("h-1", after_s=20)
    found = by_the_books(start_ms + 10_000, start_ms + 20_000)
    told = [(e.type, e.model_dump().get("transfer")) for e in found]
    assert sorted(told, key=str) == [
        ("hold.authorized", None),
        ("transfer.posted", "t-1"),
        ("transfer.posted", "t-1"),
    ]


# --- what must not be -----------------------------------------------------------------------


@pytest.mark.parametrize("change", ["delete_item", "put_item"])
def test_a_row_that_is_put_once_and_changes_raises_an_alarm(
    streams: Streams, change: str, caplog: Log
) -> None:
    live()
    before = len(told(streams))
    client: Any = connection().client
    for row in ROWS:
        table = noun(row)
        if table not in PUT_ONCE - {"audits"}:
            continue
        caplog.clear()
        item = client.scan(TableName=f"test-{table}")["Items"][0]
        key = {name: item[name] for name in key_names(row)}
        if change == "delete_item":
            client.delete_item(TableName=f"test-{table}", Key=key)
        else:
            planted = {**item, "planted": {"S": SECRET}}
            client.put_item(TableName=f"test-{table}", Item=planted)
        assert len(told(streams)) == before
        (line,) = [record for record in caplog.records if record.message == "book_changed"]
        assert vars(line)["table"] == table
        assert vars(line)["key"] == {name: value["S"] for name, value in key.items()}
        assert SECRET not in json.dumps(vars(line), default=str)


def test_a_change_that_cannot_be_read_stops_no_other(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    aside: list[Any] = []
    monkeypatch.setattr("chalicelib.outside.events.set_aside", aside.extend)
    shop.send("t-1", "ada", "grace", "1.00")
    records = records_of(streams)
    broken = [dict(record) for record in records]
    entry = next(n for n, r in enumerate(records) if "entries" in r["eventSourceARN"])
    row = {**records[entry]["dynamodb"]["NewImage"]}
    del row["amount"]
    broken[entry]["dynamodb"] = {**records[entry]["dynamodb"], "NewImage": row}
    events.publish(broken)
    assert len(lately()) == 1
    (letter,) = aside
    assert letter["table"] == "entries"
    assert letter["key"].keys() == {"account", "at_seq"}
    assert "change_unreadable" in [record.message for record in caplog.records]
    # The row itself was right all the time.
    event = events.read_again(shop.call(), letter)
    events.publish([records[entry]])
    assert event == lately()[0]


def test_nothing_tells_of_a_row_that_is_gone(streams: Streams) -> None:
    letter = {"table": "entries", "key": {"account": "x#y#TRY", "at_seq": "1"}, "change": "INSERT"}
    assert events.read_again(shop.call(), letter) is None


def test_the_function_is_started_with_what_changed(streams: Streams, caplog: Log) -> None:
    caplog.set_level(logging.INFO, "loyalty_money")
    shop.send("t-1", "ada", "grace", "1.00")
    publish_entry({"Records": records_of(streams)}, None)
    assert len(lately()) == 2
    counts = [vars(r)["events"] for r in caplog.records if r.message == "published"]
    assert counts == [2]

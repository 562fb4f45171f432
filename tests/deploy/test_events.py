"""What happens is told to others: through the streams, the function, the bus and a webhook."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from chalicelib.core.events import KEY_HEADER, SOURCE
from cli.bus import telling
from cli.rights import BUS
from tests.deploy.stack import Deployed
from tests.house.service import until
from tests.house.staff import Staff, a_transfer

Json = dict[str, Any]

TRANSFERS: Final = 200
KILLS: Final = 8
KEY: Final = "k" * 64

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


class Listener:
    """A queue that gets every event of the bus; `heard` are their details by id, each time."""

    def __init__(self, stack: Deployed) -> None:
        self._sqs = stack.client("sqs")
        events = stack.client("events")
        bus = stack.physical(BUS)
        self._queue = self._sqs.create_queue(QueueName="listener")["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        pattern = json.dumps({"source": [SOURCE]})
        events.put_rule(Name="listener", EventBusName=bus, EventPattern=pattern)
        target = {"Id": "listener", "Arn": asked["Attributes"]["QueueArn"]}
        events.put_targets(Rule="listener", EventBusName=bus, Targets=[target])
        self.heard: dict[str, list[Json]] = {}

    def hear(self, channel: str) -> dict[str, list[Json]]:
        """Take in what has come, and return what was ever heard of a channel."""
        while found := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in found:
                event = json.loads(message["Body"])
                assert event["detail-type"] == event["detail"]["type"]
                self.heard.setdefault(event["detail"]["id"], []).append(event["detail"])
                handle = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=handle)
        return {each: all_ for each, all_ in self.heard.items() if all_[0]["channel"] == channel}


@pytest.fixture(scope="module")
def listener(stack: Deployed) -> Listener:
    return Listener(stack)


def in_the_books(stack: Deployed, staff: Staff) -> dict[str, Json]:
    """Return every event of a channel as its books tell it, by id."""
    events = [json.loads(line) for line in stack.lines("events", "--channel", staff.channel)]
    return {event["id"]: event for event in events}


def test_every_movement_is_told_though_the_publisher_is_killed(
    stack: Deployed, listener: Listener, record_property: Callable[[str, object], None]
) -> None:
    staff = Staff(stack)
    staff.must("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": True})
    staff.open_account("treasury", "1000.00")
    staff.open_account("ada")
    sent = iter(range(TRANSFERS))

    def send() -> None:
        for number in sent:
            wanted = a_transfer("treasury", "ada", "0.10")
            while staff.ask("PUT", f"/transfers/t-{number}", wanted)[0] not in {200, 201}:
                time.sleep(0.1)

    def kill() -> int:
        killed = 0
        for _ in range(KILLS):
            time.sleep(1)
            killed += stack.kill_workers("Publish")
        return killed

    with ThreadPoolExecutor(3) as threads:
        killer = threads.submit(kill)
        writers = [threads.submit(send) for _ in range(2)]
        for writer in writers:
            writer.result()
        killed = killer.result()
    staff.must("PUT", "/accounts/ada/TRY/holds/h1", {"amount": "5.00"})
    staff.must("PUT", "/accounts/ada/TRY/holds/h2", {"amount": "1.00"})
    staff.must("POST", "/accounts/ada/TRY/holds/h1/capture", {"amount": "3.00", "order": "o-1"})
    staff.must("POST", "/accounts/ada/TRY/holds/h2/void")
    expected = in_the_books(stack, staff)
    until(lambda: listener.hear(staff.channel).keys() >= expected.keys(), "every event", seconds=90)
    heard = listener.hear(staff.channel)
    assert {each: copies[0] for each, copies in heard.items()} == expected
    assert all(copy == copies[0] for copies in heard.values() for copy in copies)
    kinds = Counter(event["type"] for event in expected.values())
    # The opening credit, both legs of each transfer, and the capture.
    assert kinds["transfer.posted"] == 1 + 2 * TRANSFERS + 1
    assert (kinds["account.opened"], kinds["hold.authorized"]) == (2, 2)
    assert (kinds["hold.captured"], kinds["hold.voided"]) == (1, 1)
    assert killed
    again = sum(len(copies) - 1 for copies in heard.values())
    record_property(
        "report",
        f"publishers killed: {killed}, events: {len(expected)}, told more than once: {again}",
    )


def test_a_webhook_gets_each_event_with_its_key(stack: Deployed) -> None:
    """ministack makes no webhooks from a template: this one is made by request, of its content."""
    staff = Staff(stack)
    with receiving() as receiver:
        _make_webhook(stack, receiver.address)
        staff.open_account("ada", "5.00")
        expected = in_the_books(stack, staff)
        assert len(expected) == 2
        until(lambda: receiver.heard(staff.channel) == expected, "both events")
    assert {headers[KEY_HEADER] for headers, _ in receiver.calls} == {KEY}
    assert {headers["Content-Type"].partition(";")[0] for headers, _ in receiver.calls} == {
        "application/json"
    }


def _make_webhook(stack: Deployed, address: str) -> None:
    declared = telling(stack.stage)
    client = stack.client("events")
    connection = declared["WebhookConnection"]["Properties"]
    connection["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyValue"] = KEY
    made = client.create_connection(Name="webhook", **connection)
    destination = declared["WebhookDestination"]["Properties"] | {
        "ConnectionArn": made["ConnectionArn"],
        "InvocationEndpoint": address,
    }
    made = client.create_api_destination(Name="webhook", **destination)
    rule = declared["WebhookRule"]["Properties"]
    (target,) = rule["Targets"]
    bus = stack.physical(BUS)
    pattern = json.dumps(rule["EventPattern"])
    client.put_rule(Name="webhook", EventBusName=bus, EventPattern=pattern)
    own = {"Arn": made["ApiDestinationArn"], "Id": target["Id"], "InputPath": target["InputPath"]}
    client.put_targets(Rule="webhook", EventBusName=bus, Targets=[own])


class Receiver:
    """A shop's own service that takes events; `calls` are headers and bodies."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], Json]] = []
        self.address = ""

    def heard(self, channel: str) -> dict[str, Json]:
        """Return the events of a channel that came, by id."""
        return {body["id"]: body for _, body in list(self.calls) if body["channel"] == channel}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.calls.append((dict(self.headers.items()), json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.address = f"http://127.0.0.1:{server.server_port}/events"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()

"""What only a deployed stage does, from end to end: its queue is SQS, and AWS keeps its keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest

from app import distribute
from chalicelib import registry
from chalicelib.config import config
from chalicelib.outside import aws, sandbox
from chalicelib.outside.keys import forget_keys
from tests.outside.payment_service import SECRETS, serving
from tests.routes.test_work import Context, event_of, failed_of
from tests.store.engine import ENVIRONMENT
from tests.store.wire import Wire
from tests.verbs import campaigns, shop

REGION: Final = ENVIRONMENT["AWS_DEFAULT_REGION"]
NAMES: Final = [f"user-{number}" for number in range(60)]


@pytest.fixture(autouse=True)
def _anew(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test set the environment of its stage."""
    aws.forget_clients()
    forget_keys()
    yield
    monkeypatch.undo()
    config.cache_clear()
    forget_keys()
    aws.forget_clients()


def client(service: str) -> Any:
    return botocore.session.get_session().create_client(service, REGION)


def set_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    config.cache_clear()


def test_a_distribution_goes_through_sqs(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = client("sqs")
    address = sqs.create_queue(QueueName="distributions")["QueueUrl"]
    set_variable(monkeypatch, "DISTRIBUTION_QUEUE", address)
    shop.open_shop()
    campaigns.open_primary()
    shop.open_accounts(**dict.fromkeys(NAMES, "0.00"))
    campaigns.preview("spring", campaigns.rows_for(*NAMES, minor=100))
    campaigns.run("spring")

    received = sqs.receive_message(QueueUrl=address, MaxNumberOfMessages=10)["Messages"]
    # The look comes with them where more than its second has passed.
    bodies = [m["Body"] for m in received if json.loads(m["Body"])["step"] == "credit"]
    assert len(bodies) == 2
    # A look that comes while a chunk waits is sent again, later.
    look = json.dumps(json.loads(bodies[0]) | {"step": "close", "chunk": 0, "rows": []})
    assert failed_of(distribute(event_of([look]), Context())) == []
    assert campaigns.standing("spring").job.state == "running"
    assert failed_of(distribute(event_of([*bodies, look]), Context())) == []
    assert campaigns.standing("spring").job.state == "closed"
    assert shop.balance_of(NAMES[-1]) == 100


def test_the_schedule_signs_with_a_key_that_aws_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = client("secretsmanager").create_secret(
        Name="gateway", SecretString=f"p1:{SECRETS['p1']}"
    )
    with serving() as service:
        # Only a local service may send cards without TLS; the folder has no service's file.
        monkeypatch.chdir(tmp_path)
        set_variable(monkeypatch, "STAGE", "local")
        set_variable(monkeypatch, "GATEWAY_URL", service.url)
        set_variable(monkeypatch, "GATEWAY_KEYS", ring["ARN"])
        shop.open_shop()
        registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "http")
        shop.open_accounts(ada="50.00")
        shop.come_to_card(card=sandbox.APPROVES)
        service.status = 500
        shop.pay()
        service.status = 200
        forget_keys()  # the schedule is another function, in another process
        assert shop.end_payments(after_s=1).completed == 1
        assert [request.signed_by for request in service.asked] == ["p1", "p1"]


def test_without_its_key_nothing_is_asked_of_the_payment_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing was sent, so that no card was charged; the shopper's credit stays held till then."""
    nowhere = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:none-abcdef"
    with serving() as service:
        monkeypatch.chdir(tmp_path)
        set_variable(monkeypatch, "STAGE", "local")
        set_variable(monkeypatch, "GATEWAY_URL", service.url)
        set_variable(monkeypatch, "GATEWAY_KEYS", nowhere)
        shop.open_shop()
        registry.set_setting(shop.call(), shop.CHANNEL, "PAYMENT_GATEWAY", "http")
        shop.open_accounts(ada="50.00")
        shop.come_to_card(card=sandbox.APPROVES)
        shop.pay()
        assert service.asked == []
        assert shop.end_payments(after_s=1).in_progress == 1
    assert {record.message for record in caplog.records} >= {"keys_unread"}

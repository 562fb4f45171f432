"""The test wire itself: what it is trusted with must be true."""

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.store.connection import connection
from tests.store.wire import Json, NoConnection, Reply, Silence, Wire, error, size_of

ITEM: Json = {
    "channel": {"S": "demo"},
    "name": {"S": "x"},
    "value": {"S": "1"},
    "by": {"S": "b"},
    "at_ms": {"N": "1"},
}
PUT: Json = {"TableName": "test-settings", "Item": ITEM}
KEY = {"channel": {"S": "demo"}, "name": {"S": "x"}}


def test_what_is_sent_is_recorded_with_its_answer(wire: Wire) -> None:
    connection().dispatch("PutItem", dict(PUT))
    assert wire.operations == ["PutItem"]
    assert wire.sent[0].status == 200
    assert wire.item("test-settings", KEY) == ITEM
    assert wire.operations == ["PutItem"]


@pytest.mark.parametrize(
    "fault", [error("ThrottlingException"), NoConnection(), Silence(done=False)]
)
def test_a_refused_or_lost_request_never_reaches_the_engine(
    wire: Wire, fault: Reply | NoConnection | Silence
) -> None:
    wire.plan("PutItem", fault)
    with pytest.raises(Exception, match=r"planned|nowhere"):
        connection().dispatch("PutItem", dict(PUT))
    assert wire.item("test-settings", KEY) is None
    connection().dispatch("PutItem", dict(PUT))
    assert wire.item("test-settings", KEY) == ITEM


def test_a_lost_answer_leaves_the_write_done(wire: Wire) -> None:
    wire.plan("PutItem", Silence(done=True))
    with pytest.raises(ReadTimeoutError):
        connection().dispatch("PutItem", dict(PUT))
    assert wire.item("test-settings", KEY) == ITEM


def test_botocore_itself_never_repeats_a_request(wire: Wire) -> None:
    """Its hidden retry of a conditional write would fail on its own first write."""
    wire.always("PutItem", error("InternalServerError", 500))
    with pytest.raises(Exception, match="InternalServerError"):
        connection().dispatch("PutItem", dict(PUT))
    assert wire.operations == ["PutItem"]


def test_a_write_is_charged_by_the_started_kilobyte(wire: Wire) -> None:
    wire.weighs = True
    for length in (993, 994):
        item = ITEM | {"value": {"S": "x" * length}}
        assert size_of(item) == 31 + length
        put = {"TableName": "test-settings", "Item": item}
        connection().dispatch("PutItem", dict(put))
        connection().dispatch("TransactWriteItems", {"TransactItems": [{"Put": dict(put)}]})
    assert [sent.units for sent in wire.sent] == [1, 2, 2, 4]
    assert wire.cost == (4, 9)


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "ab"}}, 3),
        ({"a": {"S": "ä"}}, 3),
        ({"ä": {"S": ""}}, 2),
        ({"a": {"N": "0"}}, 3),
        ({"a": {"N": "12"}}, 3),
        ({"a": {"N": "123"}}, 4),
        ({"a": {"N": "-123"}}, 5),
        ({"a": {"BOOL": True}}, 2),
        ({"a": {"NULL": True}, "b": {"S": "x"}}, 4),
        ({"a": {"M": {"b": {"S": "c"}}}}, 7),
        ({"a": {"L": [{"S": "c"}]}}, 6),
    ],
)
def test_a_row_weighs_names_and_values(item: dict[str, object], size: int) -> None:
    assert size_of(item) == size

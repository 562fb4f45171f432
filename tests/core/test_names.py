import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.core.names import Identifier, Reference, TransferId, from_ms, to_ms
from chalicelib.core.transfers import opening_id, order_id

KINDS = {"identifier": (Identifier, 64), "reference": (Reference, 128)}

WRONG = [
    "",
    "a:b",
    "a#b",
    "a b",
    "a/b",
    "a.b",
    "a%20b",
    "ä",
    "a\n",
    "\na",
    "a\x00",
    "\uff11",
    "a+b",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_callers_name_is_of_letters_digits_underscore_and_dash(kind: str) -> None:
    adapter, length = TypeAdapter(KINDS[kind][0]), KINDS[kind][1]
    for good in ("a", "0", "A-b_9", "x" * length):
        assert adapter.validate_python(good) == good
    for wrong in [*WRONG, "x" * (length + 1)]:
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_ids_that_the_service_derives_cannot_be_a_callers() -> None:
    """Else a caller could take the id of somebody's payment before it happens."""
    identifier, transfer_id = TypeAdapter(Identifier), TypeAdapter(TransferId)
    for derived in (opening_id("x" * 64), order_id("y" * 128)):
        assert transfer_id.validate_python(derived) == derived
        with pytest.raises(ValidationError):
            identifier.validate_python(derived)


def test_a_time_becomes_whole_milliseconds_rounded_down() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=datetime.UTC)
    assert to_ms(moment) == 1_767_323_045_678
    assert from_ms(1_767_323_045_678) == moment.replace(microsecond=678_000)


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=3, minutes=30))
    moment = datetime.datetime(2026, 1, 1, 3, 30, tzinfo=zone)
    assert from_ms(to_ms(moment)) == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@given(st.integers(min_value=-(10**12), max_value=7 * 10**12))
def test_milliseconds_survive_the_way_there_and_back(at_ms: int) -> None:
    moment = from_ms(at_ms)
    assert moment.tzinfo is datetime.UTC
    assert to_ms(moment) == at_ms
    assert to_ms(moment + datetime.timedelta(microseconds=999)) == at_ms

"""`make load` finds the books right under traffic and trouble, and would find them wrong."""

from pathlib import Path

import pytest
from rich.console import Console

from bench import load
from tests.house.service import Service


@pytest.mark.long
@pytest.mark.timeout(400)
def test_traffic_and_trouble_lose_and_double_nothing() -> None:
    outcome = load.drive(Console(), seconds=45, users="2,6")
    # What came late says how busy this machine is, and decides nothing here.
    assert outcome.wrong == []
    assert outcome.writes["done"] > 100
    assert {"transfer", "completion", "capture"} <= {each["name"] for each in outcome.requests}
    assert "Writes: " in load.shown(outcome)


def test_a_balance_that_is_not_what_was_answered_is_named(service: Service, tmp_path: Path) -> None:
    shop = load.open_shop(service, tmp_path)
    expected = dict.fromkeys(shop.everybody, load.OPENING)
    assert load.differences(shop.staff, expected) == []
    expected["user-3"] += 1
    assert load.differences(shop.staff, expected) == [
        "user-3 has 10000000 and should have 10000001, in minor units"
    ]


def test_a_percentile_is_the_time_within_which_so_many_were_answered() -> None:
    times = {1: 50, 10: 45, 100: 4, 1000: 1}
    assert [load.percentile(times, share) for share in (50, 95, 99, 100)] == [1, 10, 100, 1000]

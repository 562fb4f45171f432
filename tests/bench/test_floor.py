"""The ways that are compared make the same transfer, and the measurement notes each."""

import pytest
from rich.console import Console

from bench import floor


def test_every_way_is_measured_on_both_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "ROUNDS", 2)
    monkeypatch.setattr(floor, "WARM_UP", 1)
    part = floor.measure(Console(quiet=True), full=False)
    named = {
        f"{engine}, {way}, {kind}"
        for engine in ("DynamoDB Local", "stub")
        for way in floor.WAYS
        for kind in ("wall", "cpu")
    }
    assert set(part.series) == named
    assert {each.runs for each in part.series.values()} == {2}
    assert len(part.targets) == 2 * 2 * len(floor.MOST)

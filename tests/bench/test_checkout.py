"""The four calls of a checkout pay an order, by either way."""

import pytest
from rich.console import Console

from bench import checkout


def test_the_four_calls_are_measured_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "ROUNDS", 2)
    monkeypatch.setattr(checkout, "WARM_UP", 1)
    part = checkout.measure(Console(quiet=True), full=False)
    ways = ("handler", "HTTP")
    assert set(part.series) == {f"{w}, {c}" for w in ways for c in (*checkout.CALLS, "all four")}
    assert {each.runs for each in part.series.values()} == {2}

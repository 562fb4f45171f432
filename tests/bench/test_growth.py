"""Longer histories are made by the ledger's rules, and each operation is timed on each of them."""

import pytest
from rich.console import Console

from bench import growth


def test_every_operation_is_measured_on_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENTRIES": (2, 30),
        "OTHERS": 30,
        "ROUNDS": 2,
        "BLOCKS": 2,
        "WARM_UP": 1,
    }.items():
        monkeypatch.setattr(growth, name, value)
    part = growth.measure(Console(quiet=True), full=False)
    sizes = ("2 entries", "30 entries", growth.FEW, growth.MANY)
    assert set(part.series) == {f"{what}, {size}" for what in growth.OPERATIONS for size in sizes}
    assert len(part.targets) == 2 * len(growth.OPERATIONS)

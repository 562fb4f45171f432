"""What each operation costs: requests, units, and the price of a million of them.

Counted on the wire, on moto, of the same operations whose budgets the tests hold; nothing is timed,
so the figures are the same on every machine. They lie in `costs.json`, and a test compares them.
Index writes and storage are not in them, nor Lambda and API Gateway.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console

from bench.page import put, table
from bench.results import Part
from chalicelib.checkout import payments
from tests.store.engine import empty_store, tables_on_moto
from tests.verbs import test_budgets, test_payment_budgets
from tests.verbs.conftest import open_counted
from tests.verbs.costs import Case, FreeGateway, check

FILE: Final = Path(__file__).parent / "costs.json"

WRITE_USD: Final = 0.625
READ_USD: Final = 0.125
"""Dollars for a million request units on demand in US East (N. Virginia), since November 2024.

Source: Amazon DynamoDB pricing for on-demand capacity.
"""

CASES: Final[dict[str, Case]] = {**test_budgets.CASES, **test_payment_budgets.CASES}

Cost = dict[str, Any]


def measure(console: Console, *, full: bool) -> Part:
    """Count every operation, and write the file and the table of docs/performance.md anew."""
    del full
    console.print(f"Counting {len(CASES)} operations ...")
    costs = counted()
    FILE.write_text(f"{json.dumps(costs, indent=1)}\n")
    put("costs", shown(costs))
    return Part()


def counted() -> dict[str, Cost]:
    """Return what every operation costs, by its name."""
    with pytest.MonkeyPatch.context() as patch, tables_on_moto():
        return {name: _cost(case, patch) for name, case in CASES.items()}


def _cost(case: Case, patch: pytest.MonkeyPatch) -> Cost:
    gateway = FreeGateway()
    patch.setattr(payments, "gateway_named", lambda _: gateway)
    with empty_store() as wire:
        open_counted()
        check(case, wire)
        requests, written = wire.cost
        read = wire.read_units
    dollars = written * WRITE_USD + read * READ_USD
    return {
        "requests": requests,
        "write_units": written,
        "read_units": read,
        "usd_a_million": round(dollars, 2),
    }


def shown(costs: dict[str, Cost]) -> str:
    """Return the table, in Markdown."""
    rows = [
        [
            name,
            str(cost["requests"]),
            str(cost["write_units"]),
            f"{cost['read_units']:g}",
            f"{cost['usd_a_million']:.2f}",
        ]
        for name, cost in costs.items()
    ]
    return table(["operation", "requests", "write units", "read units", "$ a million"], rows)

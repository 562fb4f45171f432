"""Checkouts at internet scale, on paper: what is used a second, of which quota, and the price.

Nothing is measured or simulated here. Units and prices are those of `costs.json`; quotas are what
AWS gives by default, and the time of a request is assumed.
"""

import json
from typing import Any, Final

from rich.console import Console

from bench.costs import FILE
from bench.page import put, table
from bench.results import Part

STEPS: Final = ("open pre-order", "GET usage page", "POST usage page", "completion by credit")
"""One checkout by credit: a request each, named as in `costs.json`."""

RATES: Final = (1_000, 100_000)
"""Checkouts a second."""

REQUEST_S: Final = 0.05
"""How long a function works on a request: assumed, not measured on AWS."""

MONTH_S: Final = 30 * 24 * 3600

TABLE_UNITS: Final = 40_000
"""Units a second of one on-demand table, of reads and of writes.

Source: Quotas in Amazon DynamoDB.
"""

GATEWAY_REQUESTS: Final = 10_000
"""Requests a second of an account in most regions. Source: Amazon API Gateway quotas."""

LAMBDA_CONCURRENCY: Final = 1_000
"""Functions at work at once in an account. Source: Lambda quotas."""


def measure(console: Console, *, full: bool) -> Part:
    """Reckon both rates, and write the table of docs/performance.md anew."""
    del full
    console.print("Reckoning checkouts at scale; nothing is measured ...")
    costs = json.loads(FILE.read_text())
    put("scale", shown(costs))
    return Part()


def used(costs: dict[str, dict[str, Any]], rate: int) -> dict[str, tuple[float, int]]:
    """Return what `rate` checkouts use a second, beside the default quota, by the quota's name.

    Units are held against the quota of one table although they fall on several: no table meets its
    quota earlier.
    """
    written = sum(costs[step]["write_units"] for step in STEPS)
    read = sum(costs[step]["read_units"] for step in STEPS)
    requests = rate * len(STEPS)
    return {
        "API Gateway, requests a second": (requests, GATEWAY_REQUESTS),
        "Lambda, functions at once": (requests * REQUEST_S, LAMBDA_CONCURRENCY),
        "DynamoDB, write units a second": (rate * written, TABLE_UNITS),
        "DynamoDB, read units a second": (rate * read, TABLE_UNITS),
    }


def dollars_a_month(costs: dict[str, dict[str, Any]], rate: int) -> float:
    """Return the price of DynamoDB's request units for 30 days at `rate`."""
    million: float = sum(costs[step]["usd_a_million"] for step in STEPS)
    return million * rate * MONTH_S / 1_000_000


def shown(costs: dict[str, dict[str, Any]]) -> str:
    """Return the table, in Markdown."""
    head = ["checkouts a second", "what", "used", "quota by default", "used / quota"]
    rows = [
        [f"{rate:,}", what, f"{use:,.0f}", f"{quota:,}", f"{use / quota:.2f}"]
        for rate in RATES
        for what, (use, quota) in used(costs, rate).items()
    ]
    prices = [
        [f"{rate:,}", "DynamoDB, $ in 30 days", f"{dollars_a_month(costs, rate):,.0f}", "", ""]
        for rate in RATES
    ]
    return table(head, rows + prices, left=2)

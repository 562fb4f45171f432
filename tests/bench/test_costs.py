"""No operation costs more or less than what is written down, and what is written down is shown."""

import json

from bench import costs
from cli.local import PROJECT

WRITTEN = json.loads(costs.FILE.read_text())


def test_every_operation_costs_what_is_written_down() -> None:
    """A change that was meant is written down by `make bench ARGS=costs`."""
    assert costs.counted() == WRITTEN


def test_the_page_shows_what_is_written_down() -> None:
    assert costs.shown(WRITTEN) in (PROJECT / "docs" / "performance.md").read_text()


def test_a_price_follows_from_the_units() -> None:
    transfer = WRITTEN["transfer by users"]
    assert (transfer["requests"], transfer["write_units"]) == (2, 10)
    assert transfer["usd_a_million"] == round(10 * 0.625 + transfer["read_units"] * 0.125, 2)

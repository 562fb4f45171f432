"""Checkouts at scale, as they are reckoned from the checked-in costs."""

import json

from bench import scale
from bench.costs import FILE
from bench.page import PAGE


def test_the_page_says_what_the_costs_come_to() -> None:
    assert scale.shown(json.loads(FILE.read_text())) in PAGE.read_text()


def test_a_checkout_a_second_costs_its_units_for_a_month() -> None:
    costs = {step: {"usd_a_million": 2.5} for step in scale.STEPS}
    assert scale.dollars_a_month(costs, 1) == 25.92

"""The guide's scenarios through API Gateway, by the client's own code."""

import pytest

from tests.conformance.test_card import test_a_card_pays_the_rest
from tests.conformance.test_scenarios import (
    test_scenario_1_credit_pays_the_order,
    test_scenario_2_first_a_part_then_all_of_it,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

__all__ = [
    "test_a_card_pays_the_rest",
    "test_scenario_1_credit_pays_the_order",
    "test_scenario_2_first_a_part_then_all_of_it",
]

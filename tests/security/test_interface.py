"""Every operation, called with what fits its description and with what does not.

Whatever is sent, the answer is one that the description names, true to its schema, and never a
fault of the service. What breaks the description is refused.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.house.service import Service
from tests.security import interface
from tests.security.interface import Callers

pytestmark = pytest.mark.proof

schema: Final = interface.load()
CHECKS: Final = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
PAGES: Final = "/orders/checkout"
"""Answers in an envelope of its own, with status 200: the client would repeat any other."""

PATIENT: Final = [*HealthCheck]
"""Data that fits a description takes its time to be found."""


@pytest.fixture(scope="module")
def callers(service: Service) -> Callers:
    return interface.open_channel(service)


@schema.parametrize()
@settings(max_examples=max(4, settings().max_examples // 25), suppress_health_check=PATIENT)
def test_every_answer_is_one_that_the_description_names(case: Case[Any], callers: Callers) -> None:
    refuses = [] if case.operation.path == PAGES else [checks.negative_data_rejection]
    answer = case.call_and_validate(**callers.of(case), checks=[*CHECKS, *refuses])
    callers.answered[answer.status_code] += 1


def test_an_answer_that_the_description_does_not_name_is_found(callers: Callers) -> None:
    """So the tests of this file can fail."""
    poorer = interface.described()
    responses = poorer["paths"]["/channels/{channel}/accounts"]["get"]["responses"]
    del responses["422"]
    operation = schemathesis.openapi.from_dict(poorer)["/channels/{channel}/accounts"]["GET"]
    case = operation.Case(path_parameters={"channel": interface.CHANNEL}, query={"limit": "0"})
    with pytest.raises(FailureGroup, match="422"):
        case.call_and_validate(**callers.of(case), checks=CHECKS)


def test_walks_that_follow_from_one_answer_to_the_next_request(callers: Callers) -> None:
    """An account that was opened is held on, a hold captured, a distribution run and undone."""
    wrong: list[FailureGroup] = []

    class Walk(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return callers.of(case)

        def validate_response(
            self, response: Response, case: Case[Any], *_: object, **__: object
        ) -> None:
            callers.walked[response.status_code] += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failure:
                wrong.append(failure)
                raise

    wanted = max(200, settings().max_examples // 2)
    chosen = settings(
        max_examples=20, stateful_step_count=10, database=None, suppress_health_check=PATIENT
    )
    for _ in range(wanted):
        if callers.walked.total() >= wanted:
            break
        try:
            run_state_machine_as_test(Walk, settings=chosen)
        except FlakyStrategyDefinition:
            # What can follow depends on what the service has answered before, which it remembers.
            continue
        finally:
            assert wrong == []
    assert callers.walked.total() >= wanted


def test_there_were_as_many_cases_as_were_promised(
    callers: Callers, record_property: Callable[[str, Any], None]
) -> None:
    promised = 5000 if settings.get_current_profile_name() == "proof" else 500
    count, steps = callers.answered.total(), callers.walked.total()
    record_property(
        "report",
        f"the described interface: {count:,} cases {_shown(callers.answered)}, "
        f"{steps:,} steps of walks {_shown(callers.walked)}",
    )
    assert count + steps >= promised


def _shown(statuses: Counter[int]) -> str:
    return ", ".join(f"{count:,} x {status}" for status, count in sorted(statuses.items()))

"""The functions of a deployed stage are stopped, and run again as they did before."""

from collections.abc import Iterator

import pytest

from chalicelib.outside import aws
from cli import functions
from tests.house.deployed_functions import Fleet, deploy_fleet
from tests.store.engine import tables_on_moto


def interrupt(_: float) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with tables_on_moto():
        aws.forget_clients()
        yield deploy_fleet(monkeypatch)
    aws.forget_clients()


def test_a_stopped_function_runs_nothing_and_takes_no_messages(fleet: Fleet) -> None:
    functions.stop("dev", 0)
    assert fleet.reserved() == [0, 0]
    assert not fleet.takes_messages()
    assert all(function.is_stopped for function in functions.functions_of("dev"))


def test_functions_run_again_as_they_did_before(fleet: Fleet) -> None:
    aws.client("lambda").put_function_concurrency(
        FunctionName=fleet.names[1], ReservedConcurrentExecutions=7
    )
    functions.stop("dev", 0)
    functions.stop("dev", 0)
    functions.let_run("dev")
    assert fleet.reserved() == [None, 7]
    assert fleet.takes_messages()
    assert not any(function.is_stopped for function in functions.functions_of("dev"))


def test_a_stop_that_was_interrupted_has_stopped_nothing_yet(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may still run who began before: only a repeated stop has waited for them."""
    aws.client("lambda").put_function_concurrency(
        FunctionName=fleet.names[1], ReservedConcurrentExecutions=7
    )
    with monkeypatch.context() as patch:
        patch.setattr("cli.functions.time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            functions.stop("dev", 60)
    assert fleet.reserved() == [0, 0]
    assert not any(function.is_stopped for function in functions.functions_of("dev"))
    functions.stop("dev", 0)
    assert all(function.is_stopped for function in functions.functions_of("dev"))
    functions.let_run("dev")
    assert fleet.reserved() == [None, 7]


def test_a_second_stop_that_was_interrupted_has_stopped_nothing_either(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions.stop("dev", 0)
    with monkeypatch.context() as patch:
        patch.setattr("cli.functions.time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            functions.stop("dev", 60)
    assert not any(function.is_stopped for function in functions.functions_of("dev"))


def test_functions_that_were_throttled_by_hand_run_again(fleet: Fleet) -> None:
    for name in fleet.names:
        aws.client("lambda").put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=0
        )
    functions.stop("dev", 0)
    functions.let_run("dev")
    assert fleet.reserved() == [None, None]


def test_a_function_that_somebody_lets_run_is_stopped_no_more(fleet: Fleet) -> None:
    functions.stop("dev", 0)
    aws.client("lambda").delete_function_concurrency(FunctionName=fleet.names[0])
    assert [each.is_stopped for each in functions.functions_of("dev")] == [False, True]


def test_functions_that_were_never_stopped_are_left_as_they_are(fleet: Fleet) -> None:
    aws.client("lambda").put_function_concurrency(
        FunctionName=fleet.names[1], ReservedConcurrentExecutions=7
    )
    functions.let_run("dev")
    assert fleet.reserved() == [None, 7]

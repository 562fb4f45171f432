"""The local clock: it works again and again, whatever happens, until it is stopped."""

import threading

from cli.clock import ticking


def test_it_goes_on_after_a_failure_and_ends_with_its_context() -> None:
    third = threading.Event()
    done: list[int] = []

    def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise ZeroDivisionError
        if len(done) >= 3:
            third.set()

    with ticking(work, every_s=0.001):
        assert third.wait(60)
    after = len(done)
    assert not threading.Event().wait(0.01)
    assert len(done) == after


def test_it_does_nothing_before_the_first_tick() -> None:
    done: list[int] = []
    with ticking(lambda: done.append(1), every_s=3600):
        pass
    assert done == []

"""A hot account, as it is simulated: the same each time, and as the page shows it."""

from bench import hot
from bench.page import PAGE


def test_the_page_shows_what_is_simulated() -> None:
    assert hot.shown() in PAGE.read_text()


def test_everybody_is_done_or_told_busy() -> None:
    for rate in (5, 120):
        day = hot.simulate(rate, arrivals=500)
        assert day.done + day.busy == 500
        assert day.attempts >= day.done / 500


def test_one_who_comes_alone_is_done_at_the_first_write() -> None:
    day = hot.simulate(0.01, arrivals=200)
    assert (day.done, day.busy, day.attempts) == (200, 0, 1.0)
    assert 8 <= day.median_ms <= 12


def test_pausing_after_a_stale_number_is_worse() -> None:
    paused = hot.simulate(50, pauses_when_stale=True, arrivals=3000)
    assert hot.simulate(50, arrivals=3000).busy < paused.busy / 5

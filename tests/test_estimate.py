"""Percent, rate and time left: pure functions of samples."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_progress.estimate import WARM_UP, Estimate, Estimator, percent, remembered


@pytest.mark.parametrize(
    ("done", "total", "ended", "expected"),
    [
        (0, 10, False, 0),
        (999, 1000, False, 99),
        (1000, 1000, False, 99),
        (1000, 1000, True, 100),
        (1500, 1000, False, 99),
        (1, 3, False, 33),
        (5, None, False, None),
        (5, None, True, None),
        (0, 0, False, 0),
        (0, 0, True, 100),
    ],
)
def test_percent_is_floored_and_100_only_at_the_end(
    done: int, total: int | None, ended: bool, expected: int | None
) -> None:
    assert percent(done, total, ended=ended) == expected


def after(samples: Iterable[tuple[float, int]], prior: float | None = None) -> Estimator:
    estimator = Estimator(prior)
    for now, done in samples:
        estimator.sample(now, done)
    return estimator


def estimated(estimator: Estimator, now: float, total: int | None) -> Estimate:
    estimate = estimator.estimate(now, total)
    assert estimate is not None
    return estimate


# --- when something is said -----------------------------------------------------------------------


def test_nothing_is_said_before_the_warm_up_is_over() -> None:
    estimator = Estimator()
    assert estimator.rate(0) is None and estimator.estimate(0, 100) is None
    estimator.sample(0, 0)
    estimator.sample(1.9, 19)
    assert estimator.rate(1.9) is None and estimator.estimate(1.9, 100) is None
    estimator.sample(2, 20)
    assert estimator.rate(2) == pytest.approx(10)
    assert estimated(estimator, 2, 100).eta == pytest.approx(8)


def test_a_prior_is_said_at_once() -> None:
    estimator = after([(0, 0)], prior=0.5)
    assert estimated(estimator, 0, 100).eta == pytest.approx(50)
    assert estimator.estimate(0, None) is None
    assert estimator.rate(0) is None, "earlier runs are no rate of this one"


def test_nothing_is_said_of_a_work_that_does_nothing() -> None:
    estimator = after([(second, 5) for second in range(40)])
    assert estimator.rate(40) is None and estimator.estimate(40, 10) is None


def test_a_step_of_a_minute_is_enough() -> None:
    estimator = after([(0, 0), (59, 0), (60, 1)])
    assert estimated(estimator, 60, 5).eta == pytest.approx(240)
    assert estimated(estimator, 90, 5).eta == pytest.approx(210), "it counts down meanwhile"


def test_nothing_is_left_of_what_is_done() -> None:
    estimator = after([(second, second) for second in range(11)])
    assert estimator.estimate(99, 10) == Estimate(0, 0, 0)


# --- what is said ---------------------------------------------------------------------------------


def test_a_change_of_pace_is_followed() -> None:
    """For a minute four steps a second, then for a minute one: the mean is two and a half."""
    samples = [(second, min(second, 60) * 4 + max(0, second - 60)) for second in range(121)]
    assert after(samples).rate(120) == pytest.approx(1, rel=0.25)


def test_what_was_done_before_the_first_sample_has_no_pace() -> None:
    estimator = after([(second, 18_000 + 10 * second) for second in range(11)])
    assert estimator.rate(10) == pytest.approx(10)
    assert estimated(estimator, 10, 20_000).eta == pytest.approx(190)


def test_a_count_that_begins_anew_begins_the_rate_anew_and_forgets_the_prior() -> None:
    estimator = after([(second, second * 1000) for second in range(10)], prior=0.001)
    estimator.sample(10, 0)
    assert estimator.rate(10) is None and estimator.estimate(10, 100) is None
    estimator.sample(13, 3)
    assert estimated(estimator, 13, 10).eta == pytest.approx(7)


def test_a_prior_gives_way_to_what_is_seen() -> None:
    """Earlier runs took 1 s a step, this one takes 4."""
    run = [(4.0 * step, step) for step in range(91)]
    true = [4.0 * (100 - step) for step in range(91)]
    errors = [
        abs(estimated(after(run[: step + 1], prior=1), run[step][0], 100).eta - true[step])
        for step in (0, 10, 20, 90)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(0)


def test_a_step_that_is_late_stops_the_countdown_and_then_turns_it() -> None:
    estimator = after([(second, second) for second in range(11)])
    etas = [estimated(estimator, now, 20).eta for now in (10, 10.5, 11, 12, 13, 40)]
    assert etas == pytest.approx([10, 9.5, 9, 10, 11, 38])


def test_a_silent_work_has_an_ever_lower_rate() -> None:
    estimator = after([(second, second) for second in range(11)])
    rates = [estimator.rate(now) or 0 for now in (10, 11, 15, 100, 1000)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == rates[1] == pytest.approx(1), "no step has been longer yet"
    assert rates[-1] < 0.1


# --- whatever the samples are ---------------------------------------------------------------------

seconds = st.floats(0, 100, allow_subnormal=False).map(lambda value: round(value, 3))
deltas = st.lists(st.tuples(seconds, st.integers(-3, 1000)), min_size=1, max_size=60)
priors = st.none() | st.floats(1e-6, 1e4)
totals = st.integers(0, 100_000)


def run_of(changes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    now, done, samples = 0.0, 0, []
    for later, more in changes:
        now, done = now + later, max(0, done + more)
        samples.append((now, done))
    return samples


@given(deltas, priors, totals, seconds)
def test_an_estimate_is_a_number_within_its_range(
    changes: list[tuple[float, int]], prior: float | None, total: int, silent: float
) -> None:
    estimator = Estimator(prior)
    for now, done in run_of(changes):
        estimator.sample(now, done)
        for moment in (now, now + silent):
            assert estimator.estimate(moment, None) is None
            rate = estimator.rate(moment)
            assert rate is None or (isfinite(rate) and rate > 0)
            estimate = estimator.estimate(moment, total)
            if estimate is not None:
                assert 0 <= estimate.low <= estimate.eta <= estimate.high < float("inf")


@given(deltas, priors, totals, st.lists(seconds, min_size=2, max_size=20))
def test_a_range_only_widens_in_silence(
    changes: list[tuple[float, int]], prior: float | None, total: int, pauses: list[float]
) -> None:
    samples = run_of(changes)
    estimator, now = after(samples, prior), samples[-1][0]
    wide = 0.0
    for pause in pauses:
        now += pause
        estimator.sample(now, samples[-1][1])
        estimate = estimator.estimate(now, total)
        if estimate is not None:
            assert estimate.high - estimate.low >= wide - 1e-6
            wide = estimate.high - estimate.low


@given(st.floats(0.001, 100), st.integers(1, 1000), st.integers(3, 200), st.integers(0, 10_000))
def test_a_steady_run_is_foreseen_exactly(pause: float, steps: int, times: int, left: int) -> None:
    estimator = after([(n * pause, n * steps) for n in range(times)])
    now, done = (times - 1) * pause, (times - 1) * steps
    estimate = estimator.estimate(now, done + left)
    if left == 0 or now >= WARM_UP:
        assert estimate is not None
        true = left * pause / steps
        assert estimate.eta == pytest.approx(true)
        assert estimate.low * 0.999 <= true <= estimate.high * 1.001


@given(deltas, priors, totals, st.floats(-1e6, 1e6))
def test_no_clock_of_its_own(
    changes: list[tuple[float, int]], prior: float | None, total: int, shift: float
) -> None:
    """The same run at another time of day gives the same."""
    samples = run_of(changes)
    now = samples[-1][0]
    here = after(samples, prior).estimate(now, total)
    there = after([(t + shift, done) for t, done in samples], prior).estimate(now + shift, total)
    if here is not None and there is not None:
        assert there.eta == pytest.approx(here.eta, rel=1e-3, abs=1e-3)


# --- what is remembered ---------------------------------------------------------------------------


def test_the_first_run_is_remembered_as_it_was() -> None:
    assert remembered(None, 10, 100) == pytest.approx(0.1)


@pytest.mark.parametrize(("took", "done"), [(10, 0), (0, 10), (-1, 10), (float("nan"), 10)])
def test_a_run_that_says_nothing_changes_nothing(took: float, done: int) -> None:
    assert remembered(0.5, took, done) == 0.5
    assert remembered(None, took, done) is None


def test_one_run_that_was_stuck_is_soon_forgotten() -> None:
    prior = remembered(1, 1000 * 100, 100)
    assert prior is not None and prior < 10
    for _ in range(5):
        prior = remembered(prior, 100, 100)
    assert prior == pytest.approx(1, rel=0.5)


@given(priors, st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9)), max_size=20))
def test_what_is_remembered_is_usable(prior: float | None, runs: list[tuple[float, int]]) -> None:
    for took, done in runs:
        prior = remembered(prior, took, done)
        assert prior is None or (isfinite(prior) and prior > 0)

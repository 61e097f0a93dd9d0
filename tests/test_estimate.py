"""Percent, rate and time left: pure functions of samples."""

import pytest

from presence_progress.estimate import Estimator, percent


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


def test_a_rate_is_shown_after_the_warm_up_and_not_before() -> None:
    estimator = Estimator()
    assert estimator.rate is None and estimator.eta(100) is None
    estimator.sample(0, 0)
    estimator.sample(1.9, 19)
    assert estimator.rate is None
    estimator.sample(2, 20)
    assert estimator.rate == pytest.approx(10)
    assert estimator.eta(100) == pytest.approx(8)
    assert estimator.eta(None) is None


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    estimator = Estimator()
    for second in range(61):
        estimator.sample(second, min(second, 30) * 100 + max(0, second - 30))
    assert estimator.rate == pytest.approx(1)


def test_a_stalled_work_has_no_time_left_to_tell() -> None:
    estimator = Estimator()
    for second in range(40):
        estimator.sample(second, 5)
    assert estimator.rate == 0 and estimator.eta(10) is None


def test_a_count_that_begins_anew_begins_the_rate_anew() -> None:
    estimator = Estimator()
    for second in range(10):
        estimator.sample(second, second * 1000)
    estimator.sample(10, 0)
    assert estimator.rate is None

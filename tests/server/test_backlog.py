"""What may wait for a client, and when it is too slow: sizes and times alone."""

from __future__ import annotations

import pytest
from engineio.packet import MESSAGE, Packet  # type: ignore[import-untyped]

from presence_progress.server.backlog import Backlog
from presence_progress.settings import Limits

LIMITS = Limits(backlog=100, read_seconds=10)


def backlog_of(*sizes: int, at: float = 0, unsent: int = 0) -> Backlog:
    backlog = Backlog()
    for size in sizes:
        backlog.add(Packet(MESSAGE, "x" * size), at, unsent)
    return backlog


@pytest.mark.parametrize("sizes", [(100_000,), (200, 200, 200), (10,) * 41, (100_000, 400)])
def test_what_is_published_at_once_may_wait(sizes: tuple[int, ...]) -> None:
    assert not backlog_of(*sizes).is_too_long(LIMITS, 0, 0)


@pytest.mark.parametrize("sizes", [(201, 201, 201), (10,) * 42, (100_000, 401)])
def test_nobody_may_let_more_wait_than_four_times_the_limit(sizes: tuple[int, ...]) -> None:
    assert backlog_of(*sizes).is_too_long(LIMITS, 0, 0)


def test_who_takes_nothing_is_too_slow() -> None:
    backlog = backlog_of(60, 60, 60, at=1000, unsent=500)
    assert not backlog.is_too_long(LIMITS, 1010, 500)
    assert backlog.is_too_long(LIMITS, 1010.1, 500)


def test_who_takes_something_of_what_was_sent_before_is_not() -> None:
    backlog = backlog_of(60, 60, 60, at=1000, unsent=500)
    assert not backlog.is_too_long(LIMITS, 1010.1, 499)
    assert not backlog.is_too_long(LIMITS, 1020, 499)
    assert backlog.is_too_long(LIMITS, 1020.2, 499)


def test_who_takes_something_of_what_waits_is_not() -> None:
    backlog = backlog_of(60, 60, 60, 60, at=1000)
    assert len(backlog.take(1, 1009)) == 1
    assert backlog.size == 180
    assert not backlog.is_too_long(LIMITS, 1019, 0)
    assert backlog.is_too_long(LIMITS, 1019.1, 0)


def test_a_little_may_wait_for_ever_and_the_time_begins_with_the_first_packet() -> None:
    backlog = backlog_of(50, 50, at=0)
    assert not backlog.is_too_long(LIMITS, 10_000, 0)
    backlog.take(2, 10_000)
    for _ in range(3):
        backlog.add(Packet(MESSAGE, "x" * 60), 20_000, 0)
    assert not backlog.is_too_long(LIMITS, 20_000, 0)

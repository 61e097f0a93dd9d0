"""What is learnt of a run, and shown in the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from presence_progress import keys, pace, progress, rooms
from presence_progress.task_record import TaskRecord
from tests import jobs
from tests.test_progress import enqueue, until, worker

__all__ = ["worker"]


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def run(clock: Clock, record: TaskRecord, prior: float | None = None) -> pace.Pace:
    """Do 100 steps in 50 s."""
    running = pace.Pace(record, prior)
    for _ in range(100):
        clock.now += 0.5
        record.done += 1
        running.look()
    return running


def a_task(**more: Any) -> TaskRecord:
    return TaskRecord("t", "site", "ann", "Task", method="app.work", state="running", **more)


def test_a_run_teaches_how_long_a_step_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Clock(monkeypatch), a_task(total=100)).learnt() == pytest.approx(0.5)


def test_steps_before_a_resumed_run_are_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Clock(monkeypatch), a_task(done=900, total=1000)).learnt() == pytest.approx(0.5)


def test_several_loops_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, record = Clock(monkeypatch), a_task(total=100)
    running = run(clock, record)
    record.begin_stretch(5, None)
    running.look()
    assert running.learnt() is None


def test_a_loop_after_a_beginning_without_steps_is_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, record = Clock(monkeypatch), a_task()
    running = pace.Pace(record)
    running.look()
    record.begin_stretch(10, None)
    for _ in range(10):
        clock.now += 2
        record.done += 1
        running.look()
    assert running.learnt() == pytest.approx(2.0)


def test_the_next_run_knows_at_once_how_long_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    record = a_task(total=1000)
    Clock(monkeypatch)
    pace.Pace(record, prior=0.5).look()
    assert record.eta == pytest.approx(500)
    assert record.eta_range and record.eta_range[0] < 500 < record.eta_range[1]


def test_weighted_stages_have_one_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    record = a_task(weights={"a": 1, "b": 3}, stage="a", total=100)
    run(clock, record)
    assert record.eta == pytest.approx(150, rel=0.05) and record.rate is None


def test_a_job_that_is_done_is_remembered_by_its_method(
    site: str, client: Any, worker: Callable[[], None]
) -> None:
    task_id = enqueue(site, jobs.import_rows, count=30)
    worker()
    until(task_id, "done")
    method, deadline = "tests.jobs.import_rows", time.monotonic() + 10
    while (known := rooms.run(client, pace.read_call(site, method))) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert 0 < known < 1
    assert client.ttl(keys.pace_key(site, method)) > 0
    assert progress.current_task() is None

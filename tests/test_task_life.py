"""A task over several attempts, with stages, with children, and in code that is no job."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rq

from presence_progress import context, keys, progress, rooms, task_room
from presence_progress import task as running
from presence_progress.task_record import ENDED
from tests import jobs
from tests.conftest import Events
from tests.test_progress import enqueue, state_of, until, worker

__all__ = ["worker"]


def states_told(events: Events, task_id: str) -> list[dict[str, Any]]:
    """Return what was told with each new state of a task since the last look."""
    changes = events.changes(keys.task_room(task_id))
    return [change["set"] for change in changes if "state" in change["set"]]


def states_of(events: Events, task_id: str) -> list[str]:
    return [told["state"] for told in states_told(events, task_id)]


# --- retry and resume -----------------------------------------------------------------------------


def test_a_retry_goes_on_where_the_last_attempt_said_it_was(
    site: str, worker: Callable[[], None], events: Events
) -> None:
    task_id = enqueue(site, jobs.import_until_it_breaks, rows=50, breaks_at=37)
    worker()
    failed = until(task_id, "failed")
    assert (failed["done"], failed["ok"], failed["warnings"]) == (37, 37, 4)
    assert failed["error"] == "row 37 breaks it" and failed["retryable"]

    assert progress.retry(task_id, "ann") == 2
    assert progress.retry(task_id) == 0, "one retry at a time"
    worker()
    done = until(task_id, "done")
    assert (done["attempt"], done["done"], done["ok"], done["warnings"]) == (2, 50, 50, 5)
    assert [message["row"] for message in done["messages"]] == [4, 14, 24, 34, 44]
    details = rooms.run(context.store(), task_room.details_call(site, task_id))
    assert [message["row"] for message in details.messages] == [4, 14, 24, 34, 44]
    assert progress.retry(task_id) == 0, "what is done is done"
    told = states_told(events, task_id)
    states = ["queued", "running", "failed", "queued", "running", "done"]
    assert [one["state"] for one in told] == states
    # The first worker may be there still, and has begun it by now.
    queued = told[3]
    assert (queued["attempt"], queued["retried_by"]) == (2, "ann")
    assert queued["error"] is None and queued["ended_at"] is None


def test_a_retry_is_the_same_job_in_the_same_queue_with_the_same_time(
    site: str, client: Any, worker: Callable[[], None]
) -> None:
    task_id = enqueue(site, jobs.import_until_it_breaks, timeout=77, rows=5, breaks_at=2)
    worker()
    until(task_id, "failed")
    assert progress.retry(task_id) == 2
    # By its id: the worker may be there still, and take it out of the queue.
    job = rq.job.Job.fetch(f"{task_id}-2", connection=client)
    assert (job.origin, job.timeout) == (site, 77)
    assert job.kwargs["arguments"] == {"rows": 5, "breaks_at": 2}


def test_a_job_that_is_done_before_it_hears_of_its_cancellation_is_done(site: str) -> None:
    with progress.Task(total=1) as task:
        until(task.id, "running")
        assert progress.cancel(task.id) == "cancelling"
    assert state_of(task.id)["state"] == "done"
    assert progress.cancel(task.id) == "done"


def test_the_last_value_before_a_pause_is_told(site: str) -> None:
    with progress.Task(total=1_000) as task:
        for _ in range(500):
            task.advance()
        assert reported(task)["done"] == 500


def test_a_traceback_is_kept_out_of_the_room(site: str, worker: Callable[[], None]) -> None:
    task_id = enqueue(site, jobs.fail)
    worker()
    assert "Traceback" not in str(until(task_id, "failed"))
    details = rooms.run(context.store(), task_room.details_call(site, task_id))
    assert details.traceback and "the file is no file" in details.traceback
    assert "tests/jobs.py" in details.traceback


def test_a_cancelled_task_that_rq_runs_again_does_not_run(site: str) -> None:
    with pytest.raises(progress.TaskCancelled), progress.Task() as task:
        until(task.id, "running")
        progress.cancel(task.id)
        raise progress.TaskCancelled
    again = progress.Task()
    again._record.task_id = task.id
    with pytest.raises(progress.TaskCancelled), again:
        pytest.fail("it runs")
    assert state_of(task.id)["state"] == "cancelled"


def test_a_job_that_rq_has_lost_can_be_cancelled(site: str, client: Any) -> None:
    task_id = enqueue(site, jobs.import_rows, count=1)
    client.delete(f"rq:job:{task_id}", f"rq:queue:{site}")
    assert progress.cancel(task_id, "ann") == "cancelled"
    assert progress.retry(task_id) == 2, "its job is noted beside the task"


def test_html_of_a_message_is_read_as_text(site: str) -> None:
    with pytest.raises(ValueError, match="Row"), progress.Task() as task:
        raise ValueError("Row 3:<br><b>Amount</b> &lt; 5 is &quot;bad&quot;, 3 < 5")
    assert state_of(task.id)["error"] == 'Row 3:\nAmount < 5 is "bad", 3 < 5'


# --- stages ---------------------------------------------------------------------------------------


def reported(task: progress.Task) -> dict[str, Any]:
    """Wait until a task's room says what the task says."""
    deadline = time.monotonic() + 10
    while True:
        state, record = state_of(task.id), task._record
        if (state.get("done"), state.get("stage")) == (record.done, record.stage):
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.02)


def test_weighted_stages_add_up_to_one_bar_that_never_goes_back(site: str, events: Events) -> None:
    weights = {"Reading": 1, "Importing": 8, "Cleaning": 1}
    with progress.Task("Import", stages=weights) as task:
        for stage, total in (("Reading", 4), ("Importing", 200), ("Cleaning", None)):
            task.stage(stage, total=total)
            task.advance(total or 0)
            reported(task)
    percents = [
        change["set"]["percent"]
        for change in events.changes(keys.task_room(task.id))
        if "percent" in change["set"]
    ]
    assert percents == sorted(percents) and percents[-1] == 100
    assert {10, 90} <= set(percents)
    state = state_of(task.id)
    assert state["stages"][1] == {"name": "Importing", "weight": 8}
    assert state["stage"] == "Cleaning"


def test_a_weight_is_a_number_above_nought() -> None:
    with pytest.raises(ValueError, match="the weight of stage 'a' is a number above 0"):
        progress.Task(stages={"a": 0})


def test_a_growing_total_is_told_and_the_bar_does_not_go_back(site: str) -> None:
    with progress.Task(total=10) as task:
        task.advance(9)
        assert reported(task)["percent"] == 90
        task.total = 100
        task.advance()
        state = reported(task)
        assert (state["percent"], state["total"], state["total_grown"]) == (90, 100, True)
        task.advance(99)
        state = reported(task)
        assert (state["done"], state["total"], state["percent"]) == (109, 109, 99)


# --- children -------------------------------------------------------------------------------------


def test_a_fan_out_shows_exactly_how_many_are_done_failed_and_left(
    site: str, worker: Callable[[], None], events: Events
) -> None:
    task_id = _fan_out(site, 5)
    worker()
    ended = until(task_id, *ENDED)
    assert ended["children"] == {"total": 5, "done": 4, "failed": 1, "left": 0}
    assert (ended["state"], ended["error"]) == ("failed", "1 of 5 parts failed")
    seen = [
        change["set"]["children"]
        for change in events.changes(keys.task_room(task_id))
        if change["set"].get("children")
    ]
    assert all(one["done"] + one["failed"] + one["left"] == one["total"] for one in seen)
    assert [one["left"] for one in seen[-5:]] == [4, 3, 2, 1, 0]
    # Children are seen in their parent, not beside it.
    assert list(rooms.snapshot("tasks:Administrator").state) == [task_id]


def _fan_out(site: str, count: int) -> str:
    with progress.Task("Send") as task:
        for number in range(count):
            enqueue(site, jobs.send_one, parent=task, number=number)
    state = state_of(task.id)
    assert state["state"] == "running", "its children have not ended"
    assert state["children"] == {"total": count, "done": 0, "failed": 0, "left": count}
    return task.id


def test_a_fan_out_that_is_cancelled_ends_with_its_children(
    site: str, worker: Callable[[], None]
) -> None:
    task_id = _fan_out(site, 3)
    running = enqueue(site, jobs.wait_for_cancel, parent=task_id)
    # The children before it are done when it runs.
    worker()
    until(running, "running")
    assert progress.cancel(task_id, "ann") == "cancelling"
    assert until(running, "cancelled")["cancelled_by"] == "ann"
    ended = until(task_id, *ENDED)
    assert (ended["state"], ended["cancelled_by"]) == ("cancelled", "ann")
    assert ended["children"]["left"] == 0


def test_a_task_whose_children_are_all_queued_is_cancelled_at_once(site: str) -> None:
    task_id = _fan_out(site, 3)
    progress.cancel(task_id, "ann")
    ended = state_of(task_id)
    assert ended["state"] == "cancelled"
    assert ended["children"] == {"total": 3, "done": 0, "failed": 3, "left": 0}


# --- messages of rows -----------------------------------------------------------------------------


def test_of_200_000_rows_all_are_counted_and_redis_does_not_grow(site: str, client: Any) -> None:
    rows = 200_000
    with progress.Task("Rows", total=rows) as task:
        for row in range(rows):
            task.error("x" * 1000, row=row)
            task.advance()
    state = state_of(task.id)
    assert state["errors"] == state["done"] == rows
    assert [message["row"] for message in state["messages"]] == list(range(20))
    assert [message["row"] for message in state["last_messages"]] == list(range(rows - 5, rows))
    details = rooms.run(client, task_room.details_call(site, task.id))
    kept = [*range(500), *range(rows - 500, rows)]
    assert [message["row"] for message in details.messages] == kept
    used = [client.memory_usage(key) or 0 for key in keys.task_keys(site, task.id)]
    assert sum(used) < 1_000_000, used


# --- where there is no job ------------------------------------------------------------------------


async def test_async_iterables_are_tracked(site: str) -> None:
    async def rows() -> AsyncIterator[int]:
        for number in range(5):
            await asyncio.sleep(0)
            yield number

    seen, ids = [], set()
    async for number in progress.track(rows(), total=5, title="Rows"):
        seen.append(number)
        task = progress.current_task()
        assert task
        ids.add(task.id)
    state = state_of(ids.pop())
    assert seen == [0, 1, 2, 3, 4]
    assert (state["state"], state["done"], state["percent"]) == ("done", 5, 100)


SCRIPT = """
    from presence_progress import progress
    for row in progress.track(range(3), title="Rows"):
        pass
    with progress.Task("More", total=2) as task:
        task.advance(2)
        task.checkpoint(2)
    print(task.done, task.total)
"""


def test_a_plain_script_that_is_told_of_no_redis_works_all_the_same() -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PRESENCE_")
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("2 2\n", "", 0)


def test_a_script_that_is_told_half_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(context, "_configured", context._Place(redis_url="redis://127.0.0.1:1"))
    monkeypatch.delenv("PRESENCE_PROGRESS_SITE", raising=False)
    with pytest.raises(context.ContextError, match=r"which site\?"):
        progress.Task()


def test_a_copy_of_the_process_that_does_the_work_goes_on_reporting(
    site: str, tmp_path: Path
) -> None:
    with progress.Task("Forked", total=10) as task:
        until(task.id, "running")
        child = os.fork()
        if child == 0:
            try:
                task.advance(7)
                until(task.id, "running")
                deadline = 200
                while state_of(task.id)["done"] != 7 and deadline:
                    deadline -= 1
                    asyncio.run(asyncio.sleep(0.02))
            finally:
                os._exit(0 if state_of(task.id)["done"] == 7 else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        task.done = 10
    assert state_of(task.id)["state"] == "done"


@pytest.fixture(autouse=True)
def _no_tasks_left() -> Iterator[None]:
    before = set(running._running)
    yield
    assert set(running._running) <= before


def test_a_loop_that_is_forgotten_elsewhere_does_not_end_what_runs_there(site: str) -> None:
    loops = [progress.track(range(5), title="Left")]
    contextvars.copy_context().run(next, loops[0])
    with progress.Task("Here") as task:
        loops.clear()
        assert progress.current_task() is task
    assert progress.current_task() is None

"""Progress: what a watcher of the task's room sees, from real jobs in a real worker and without."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import rq

from presence_progress import context, job_queue, keys, progress, reporter, rooms, task_room
from presence_progress.task_record import Messages, TaskRecord
from tests import jobs
from tests.conftest import Events, RedisServer

SAME = uuid.uuid4().hex


def state_of(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(keys.task_room(task_id)).state


def until(task_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
    """Wait for a task to reach a state."""
    deadline = time.monotonic() + seconds
    while True:
        state = state_of(task_id)
        if state.get("state") in states:
            return state
        assert time.monotonic() < deadline, f"still {state.get('state')}: {state}"
        time.sleep(0.02)


def until_listed(task_id: str, state: str, user: str = "Administrator") -> None:
    """Wait for a task to be listed in a state; lists follow the task's own room."""
    deadline = time.monotonic() + 10
    while True:
        listed = rooms.snapshot(f"tasks:{user}").state
        if listed.get(task_id, {}).get("state") == state:
            return
        assert time.monotonic() < deadline, listed
        time.sleep(0.02)


@pytest.fixture
def worker(redis_url: str, site: str) -> Iterator[Callable[[], None]]:
    """Return a function that works off all that is enqueued for this test, in a real RQ worker."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "--burst"]
        running.append(subprocess.Popen([*command, "--url", redis_url, site]))

    yield start
    for process in running:
        process.wait(30)


def enqueue(site: str, job: Callable[..., Any], **more: Any) -> str:
    # A queue of the test's own, so that nobody else's worker takes the job.
    return progress.enqueue(job, queue=site, **more)


# --- track and Task -----------------------------------------------------------------------------


def test_track_tells_how_far_it_is_and_that_it_is_done(site: str, events: Events) -> None:
    task_id = ""
    for number in progress.track([10, 20, 30], title="Counting"):
        task = progress.current_task()
        assert task
        task_id = task.id
        assert task.done == {10: 0, 20: 1, 30: 2}[number]
    assert progress.current_task() is None
    state = state_of(task_id)
    assert (state["title"], state["state"], state["user"]) == ("Counting", "done", "Administrator")
    assert (state["done"], state["total"], state["percent"]) == (3, 3, 100)
    assert state["queued_at"] <= state["started_at"] <= state["ended_at"]
    last = events.changes(keys.task_room(task_id))[-1]
    assert last["set"]["state"] == "done"


def test_a_generator_without_length_has_no_percent(site: str) -> None:
    seen: list[str] = []
    for _ in progress.track(n for n in range(7)):
        task = progress.current_task()
        assert task
        seen.append(task.id)
    state = state_of(seen[0])
    assert (state["state"], state["done"], state["total"], state["percent"]) == (
        "done",
        7,
        None,
        None,
    )


def test_a_million_steps_make_no_more_traffic_than_a_few(site: str, events: Events) -> None:
    begun = time.monotonic()
    with progress.Task(total=1_000_000) as task:
        for _ in range(1_000_000):
            task.advance()
    seconds = time.monotonic() - begun
    changes = events.changes(keys.task_room(task.id))
    assert len(changes) <= seconds / 0.2 + 3
    assert state_of(task.id)["done"] == 1_000_000


def test_row_results_are_exact_and_the_first_messages_are_kept(site: str) -> None:
    with progress.Task("Rows", total=100) as task:
        task.ok(40)
        for row in range(30):
            task.warn(f"warning {row} " + "x" * 1000, row=row)
            task.error("error", row=row)
            task.advance(2)
        task.stage("Cleaning up")
    state = state_of(task.id)
    assert (state["ok"], state["warnings"], state["errors"], state["done"]) == (40, 30, 30, 60)
    assert len(state["messages"]) == 20 and state["stage"] == "Cleaning up"
    assert state["messages"][0]["row"] == 0 and len(state["messages"][0]["message"]) == 300


def test_what_goes_wrong_is_said_and_raised(site: str) -> None:
    with pytest.raises(ZeroDivisionError), progress.Task() as task:
        task.advance()
        _ = 1 / 0
    state = state_of(task.id)
    assert (state["state"], state["error"]) == ("failed", "division by zero")


def test_a_loop_that_is_left_early_is_not_done(site: str) -> None:
    seen: list[str] = []
    for number in progress.track(range(10)):
        task = progress.current_task()
        assert task
        seen.append(task.id)
        if number == 3:
            break
    state = state_of(seen[0])
    assert (state["state"], state["error"]) == ("failed", "stopped before its end")


def test_a_task_is_listed_for_its_owner_and_its_doctype(site: str, events: Events) -> None:
    with progress.Task("Long", total=5, doctype="Airport") as task:
        # Its own room says so at once, the lists as soon as the thread beside it has come to write.
        until_listed(task.id, "running")
        assert state_of(task.id)["percent"] == 0
    listed = {"tasks:Administrator": [], "tasks:doctype:Airport": []}  # type: ignore[var-annotated]
    for event in events.drain():
        if event["room"] in listed:
            listed[event["room"]].append(event["message"]["set"][task.id]["state"])
    assert all(states == ["running", "done"] for states in listed.values()), listed


def test_a_cancelled_task_stops_at_its_next_step(site: str) -> None:
    with pytest.raises(progress.TaskCancelled), progress.Task("Endless") as task:
        until(task.id, "running")
        assert progress.cancel(task.id, "ann") == "cancelling"
        for _ in range(3000):
            task.advance()
            time.sleep(0.01)
    state = state_of(task.id)
    assert (state["state"], state["cancelled_by"]) == ("cancelled", "ann")
    assert progress.cancel(task.id) == "cancelled"
    assert progress.cancel("no-such-task") == ""


def test_after_the_end_there_is_nothing(site: str, client: Any, events: Events) -> None:
    with progress.Task("Short", total=1) as task:
        task.advance()
    events.drain()
    late = TaskRecord(task.id, site, "ann", "Late", state="running", done=5)
    assert rooms.run(client, task_room.write_call(late)).state == "done"
    assert events.drain() == [] and state_of(task.id)["title"] == "Short"


@pytest.mark.parametrize(("part", "read"), [(TaskRecord, "fields"), (Messages, "take")])
def test_an_end_takes_all_with_it_whatever_is_being_written_then(
    site: str, client: Any, monkeypatch: pytest.MonkeyPatch, part: type, read: str
) -> None:
    look = getattr(part, read)
    has_looked, has_ended = threading.Event(), threading.Event()

    def look_and_wait(*arguments: Any) -> Any:
        seen = look(*arguments)
        if threading.current_thread() is not threading.main_thread():
            has_looked.set()
            assert has_ended.wait(10)
        return seen

    with pytest.raises(ValueError, match="broken"), progress.Task("Rows", total=9) as task:
        until(task.id, "running")
        monkeypatch.setattr(part, read, look_and_wait)
        assert has_looked.wait(10)
        monkeypatch.setattr(reporter.Reporter, "close", before(reporter.Reporter.close, has_ended))
        task.advance(2)
        task.error("is empty", row=2)
        raise ValueError("broken")
    state = state_of(task.id)
    assert (state["state"], state["done"], state["errors"]) == ("failed", 2, 1)
    assert state["messages"] == [{"level": "error", "row": 2, "message": "is empty"}]
    details = rooms.run(client, task_room.details_call(site, task.id))
    assert [message["message"] for message in details.messages] == ["is empty"]
    assert "ValueError: broken" in (details.traceback or "")


def before(close: Callable[[Any], None], event: threading.Event) -> Callable[[Any], None]:
    """Return a ``close`` that sets an event first."""

    def close_then(closing: Any) -> None:
        event.set()
        close(closing)

    return close_then


def test_an_earlier_attempt_cannot_write_over_a_later_one(site: str, client: Any) -> None:
    second = TaskRecord("t", site, "ann", "Second", state="running", attempt=2)
    zombie = TaskRecord("t", site, "ann", "Zombie", state="done", attempt=1)
    rooms.run(client, task_room.write_call(second))
    assert rooms.run(client, task_room.write_call(zombie)).state == "superseded"
    assert state_of("t")["title"] == "Second"


# --- Redis away ----------------------------------------------------------------------------------


@pytest.fixture
def own_redis(tmp_path: Path, site: str) -> Iterator[RedisServer]:
    """A Redis that this test may kill."""
    server = RedisServer(tmp_path)
    server.start()
    context.configure(redis_url=server.url)
    yield server
    server.stop()


def test_a_task_whose_redis_comes_back_empty_is_whole_again(own_redis: RedisServer) -> None:
    with progress.Task("Survivor", total=100) as task:
        task.warn("before", row=1)
        until(task.id, "running")
        first = rooms.snapshot(keys.task_room(task.id))
        own_redis.stop()
        task.advance(50)
        own_redis.start()
        again = until(task.id, "running")
        until_listed(task.id, "running")
        task.advance(50)
    assert again["title"] == "Survivor" and again["warnings"] == 1
    last = rooms.snapshot(keys.task_room(task.id))
    assert last.epoch != first.epoch and last.state["state"] == "done"


def test_a_job_ends_well_without_redis(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reporter, "FINAL_FLUSH_TIMEOUT", 0.3)
    with progress.Task("Alone", total=2) as task:
        until(task.id, "running")
        own_redis.stop()
        task.advance(2)
    assert "the end of task" in caplog.text
    with pytest.raises(redis.ConnectionError):
        state_of(task.id)


def test_a_step_does_not_wait_for_a_redis_that_hangs(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "FINAL_FLUSH_TIMEOUT", 0.3)
    writing = threading.Event()
    with progress.Task("Patient", total=1000) as task:
        until(task.id, "running")
        own_redis.pause()
        asked = rooms.run

        def run(*arguments: Any) -> Any:
            writing.set()
            return asked(*arguments)

        monkeypatch.setattr(rooms, "run", run)
        assert writing.wait(10), "the thread is in the middle of its write"
        task.advance(1000)
        assert task.done == 1000
    own_redis.resume()
    assert task.done == 1000


# --- jobs in a worker ----------------------------------------------------------------------------


def test_a_task_is_there_before_its_job_runs(site: str, worker: Callable[[], None]) -> None:
    task_id = enqueue(site, jobs.import_rows, title="Import", user="ann", count=25)
    state = state_of(task_id)
    assert (state["state"], state["title"], state["user"]) == ("queued", "Import", "ann")
    assert rooms.snapshot("tasks:ann").state[task_id]["state"] == "queued"
    worker()
    state = until(task_id, "done")
    assert (state["title"], state["stage"]) == ("Import", "Importing")
    assert (state["done"], state["total"], state["warnings"]) == (25, 25, 3)
    until_listed(task_id, "done", user="ann")


def test_a_job_that_fails_says_what_of(site: str, worker: Callable[[], None]) -> None:
    task_id = enqueue(site, jobs.fail)
    worker()
    state = until(task_id, "failed")
    assert state["error"] == "the file is no file" and state["title"] == "Fail"
    assert state["percent"] == 33


def test_a_job_that_cannot_be_found_fails(site: str, worker: Callable[[], None]) -> None:
    task_id = progress.enqueue("tests.jobs.no_such_job", queue=site)
    worker()
    assert "no_such_job" in until(task_id, "failed")["error"]


def test_a_job_knows_its_site_and_user(
    site: str, worker: Callable[[], None], events: Events
) -> None:
    task_id = enqueue(site, jobs.tell_where, user="ann")
    worker()
    until(task_id, "done")
    told = [event["message"] for event in events.drain() if event["event"] == "where"]
    assert told == [{"site": site, "user": "ann"}]


@pytest.mark.parametrize("job", [jobs.wait_for_cancel, jobs.ignore_errors_until_cancelled])
def test_a_running_job_is_cancelled_when_it_has_stopped(
    site: str, worker: Callable[[], None], job: Callable[[], None]
) -> None:
    task_id = enqueue(site, job)
    worker()
    until(task_id, "running")
    assert progress.cancel(task_id, "ann") == "cancelling"
    assert until(task_id, "cancelled")["cancelled_by"] == "ann"


def test_a_queued_job_that_is_cancelled_never_runs(
    site: str, worker: Callable[[], None], events: Events
) -> None:
    task_id = enqueue(site, jobs.tell_where)
    assert progress.cancel(task_id) == "cancelled"
    last = enqueue(site, jobs.import_rows, count=1)
    worker()
    until(last, "done")
    assert state_of(task_id)["state"] == "cancelled" and state_of(task_id)["ended_at"]
    assert not [event for event in events.drain() if event["event"] == "where"]


def test_a_plain_job_that_tracks_twice_shows_both(
    site: str,
    worker: Callable[[], None],
    client: Any,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nobody tells a plain job where it is but the environment of its worker.
    monkeypatch.setenv("PRESENCE_PROGRESS_SITE", site)
    task_id = rq.Queue(site, connection=client).enqueue(jobs.track_twice).id
    worker()
    deadline = time.monotonic() + 20
    while (state := state_of(task_id)).get("title") != "Second" or not state["ended_at"]:
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    assert (state["state"], state["attempt"]) == ("done", 2)
    ends = [c["set"]["state"] for c in events.changes(f"task:{task_id}") if "state" in c["set"]]
    assert ends.count("done") == 2


def test_a_job_is_told_what_it_is_about_where_it_asks_for_it(
    site: str, worker: Callable[[], None], events: Events
) -> None:
    task_id = enqueue(site, jobs.tell_about, doctype="ToDo", name="t1", event=None, colour="red")
    worker()
    assert until(task_id, "done")["name"] == "t1"
    [told] = [event["message"] for event in events.drain() if event["event"] == "about"]
    assert told == {"doctype": "ToDo", "name": "t1", "colour": "red"}


@pytest.mark.parametrize("how", [{"now": True}, {"is_async": False}, {"async": False}])
def test_a_job_may_run_here_and_now(site: str, how: dict[str, Any]) -> None:
    with progress.Task("Outer", total=5) as outer:
        outer.advance()
        task_id = enqueue(site, jobs.import_rows, count=25, **how)
        assert progress.current_task() is outer and outer.done == 1
    state = state_of(task_id)
    assert (state["state"], state["done"], state["title"]) == ("done", 25, "Importing")
    with pytest.raises(ValueError, match="no file"):
        enqueue(site, jobs.fail, **how)


def test_the_same_job_is_enqueued_once_while_it_waits(
    site: str, worker: Callable[[], None]
) -> None:
    first = enqueue(site, jobs.import_rows, count=1, job_id=SAME, deduplicate=True)
    again = enqueue(site, jobs.import_rows, count=1, job_id=SAME, deduplicate=True)
    assert again == first and list(rooms.snapshot("tasks:Administrator").state) == [first]
    worker()
    until(first, "done")
    deadline = time.monotonic() + 10
    while (last := enqueue(site, jobs.fail, job_id=SAME, deduplicate=True)) == first:
        assert time.monotonic() < deadline
    worker()
    until(last, "failed")
    with pytest.raises(ValueError, match="job_id"):
        enqueue(site, jobs.import_rows, count=1, deduplicate=True)


def test_who_is_a_moment_too_late_with_the_same_job_is_told(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "put", lambda *_, **__: False)
    task_id = enqueue(site, jobs.import_rows, count=1, job_id=SAME, deduplicate=True)
    state = state_of(task_id)
    assert state["state"] == "cancelled" and "in the queue already" in state["error"]


def test_what_rq_takes_is_passed_on_to_it_and_at_a_retry_again(site: str) -> None:
    task_id = enqueue(site, jobs.import_rows, count=1, on_success=jobs.tell_success, at_front=True)
    [job] = rq.Queue(site, connection=context.redis()).jobs
    assert job.id == task_id and job.success_callback is jobs.tell_success
    progress.cancel(task_id)
    assert progress.retry(task_id) == 2
    job, *_ = rq.Queue(site, connection=context.redis()).jobs
    assert job.id == f"{task_id}-2" and job.success_callback is jobs.tell_success


def test_the_package_has_what_is_needed_most_and_imports_it_when_it_is_asked_for() -> None:
    said = (
        "import sys, presence_progress as p; print('redis' in sys.modules, p.track.__name__, "
        "p.enqueue.__module__, p.Task.__name__, 'redis' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "track", "presence_progress.task_jobs", "Task", "True"]
    with pytest.raises(ImportError):
        from presence_progress import nothing  # noqa: F401


def test_a_job_that_cannot_be_enqueued_is_not_queued_for_ever(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(rq.Queue, "enqueue_call", refuse)
    with pytest.raises(redis.ConnectionError):
        enqueue(site, jobs.import_rows, count=3)
    [task_id] = rooms.snapshot("tasks:Administrator").state
    assert state_of(task_id)["state"] == "failed"
    assert rooms.snapshot("tasks:Administrator").state[task_id]["state"] == "failed"


def test_arguments_that_no_job_can_be_given_are_refused_before_there_is_a_task(site: str) -> None:
    with pytest.raises(Exception, match=r"pickle|Can't"):
        enqueue(site, jobs.import_rows, count=threading.Lock())
    assert rooms.snapshot("tasks:Administrator").state == {}


def test_a_list_of_tasks_forgets_the_oldest_ended_ones(site: str, client: Any) -> None:
    for number in range(25):
        record = TaskRecord(f"t{number}", site, "ann", "Old")
        state = {**record.fields(), "state": "done", "ended_at": number}
        rooms.run_steps(client, task_room.list_steps(site, record.task_id, state))
    enqueue(site, jobs.fail, user="ann")
    listed = rooms.snapshot("tasks:ann").state
    assert len(listed) == 21 and "t4" not in listed and "t5" in listed

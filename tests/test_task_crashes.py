"""What becomes of a task when its worker dies, hangs or is copied, or Redis does: real RQ workers,
real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import rq

from presence_progress import context, keys, rooms, task_room
from tests import task_jobs
from tests.conftest import Events, RedisServer, until_answers
from tests.running import children, is_alive
from tests.test_progress import enqueue, own_redis, state_of, until, until_listed
from tests.test_task_life import states_of

__all__ = ["own_redis"]

SHORT_LEASE = 2_000
"""Milliseconds; long enough for a busy machine."""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(site: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return a function that starts a worker for this test's queue, which ends with its work."""
    running: list[subprocess.Popen[bytes]] = []
    monkeypatch.setenv("PRESENCE_PROGRESS_SITE", site)

    def start(*options: str, lease: int | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.rq_worker", "--quiet", "--burst", *options]
        environment = {**os.environ, **({"TEST_LEASE": str(lease)} if lease else {})}
        url = context._configured.redis_url
        assert url
        process = subprocess.Popen([*command, "--url", url, site], env=environment)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "job.log"


def until_done(task_id: str, steps: int) -> None:
    """Wait until so many steps are shown."""
    deadline = time.monotonic() + 10
    while state_of(task_id)["done"] != steps:
        assert time.monotonic() < deadline, state_of(task_id)
        time.sleep(0.02)


def words(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def until_noted(log: Path, word: str = "") -> str:
    """Wait for a word of the job's, the first one if none is named."""
    deadline = time.monotonic() + 60
    while True:
        noted = words(log)
        if noted and (not word or word in noted):
            return word or noted[0]
        assert time.monotonic() < deadline, noted
        time.sleep(0.02)


@contextmanager
def swept(site: str, task_id: str, client: Any) -> Iterator[None]:
    """Sweep a task all the time, as a server does."""
    is_over = threading.Event()

    def sweep() -> None:
        while not is_over.wait(0.05):
            rooms.run(client, task_room.sweep_call(site, task_id))

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


# --- dead workers ---------------------------------------------------------------------------------


def test_a_work_horse_that_is_killed_is_lost_at_once_and_its_worker_goes_on(
    site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.hang, log=str(log))
    worker = start_worker()
    horse = int(until_noted(log))
    until_done(task_id, 1)
    os.kill(horse, signal.SIGKILL)
    lost = until(task_id, "lost")  # without any server
    assert lost["done"] == 1 and lost["ended_at"]
    until_listed(task_id, "lost")
    after = enqueue(site, task_jobs.loop_often, loops=1)
    start_worker()  # should the first one have found no more work already
    assert until(after, "done")
    assert worker.wait(20) == 0


def test_worker_horse_and_lease_killed_together_are_stalled_and_then_lost(
    site: str,
    start_worker: Start,
    log: Path,
    client: Any,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_room, "TASK_LOST_AFTER", 300)
    task_id = enqueue(site, task_jobs.hang, log=str(log))
    worker = start_worker(lease=SHORT_LEASE)
    horse = int(until_noted(log))
    until(task_id, "running")
    [lease] = children(horse)
    for process in (worker.pid, lease, horse):
        os.kill(process, signal.SIGKILL)
    with swept(site, task_id, client):
        until(task_id, "lost")
    assert states_of(events, task_id) == ["queued", "running", "stalled", "lost"]


def test_a_lease_ends_with_its_job(site: str, start_worker: Start, log: Path) -> None:
    task_id = enqueue(site, task_jobs.end_when_told, log=str(log))
    worker = start_worker()
    until_noted(log, "waits")
    [horse] = children(worker.pid)
    [lease] = children(horse)
    Path(f"{log}.go").touch()
    until(task_id, "done")
    deadline = time.monotonic() + 20
    while is_alive(lease):
        assert time.monotonic() < deadline, "it ends with its work horse"
        time.sleep(0.02)


def test_a_long_call_that_lets_no_thread_run_is_neither_stalled_nor_lost(
    site: str,
    start_worker: Start,
    client: Any,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_room, "TASK_LOST_AFTER", 1_000)
    # Held up for a second or two between two words, the process of the lease is still in time.
    task_id = enqueue(site, task_jobs.hold_the_interpreter, seconds=7)
    start_worker(lease=5_000)
    with swept(site, task_id, client):
        until(task_id, "done", "lost", seconds=30)
    assert states_of(events, task_id) == ["queued", "running", "done"]


# --- cancelled by force ---------------------------------------------------------------------------


def test_a_cancelled_job_that_makes_no_step_is_killed_and_its_worker_does_the_next(
    site: str, start_worker: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_room, "CANCEL_GRACE", 500)
    task_id = enqueue(site, task_jobs.hang, log=str(log))
    after = enqueue(site, task_jobs.loop_often, loops=1)
    worker = start_worker(lease=SHORT_LEASE)
    horse = int(until_noted(log))
    until(task_id, "running")
    assert rooms.run_steps(context.store(), task_room.cancel(site, task_id, "ann")) == "cancelling"
    cancelled = until(task_id, "cancelled")
    assert cancelled["cancelled_by"] == "ann" and not is_alive(horse)
    assert until(after, "done")
    assert worker.wait(20) == 0


def test_a_worker_that_does_its_jobs_itself_is_not_killed_with_one(
    site: str, start_worker: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_room, "CANCEL_GRACE", 100)
    task_id = enqueue(site, task_jobs.work_long_on_one_step, log=str(log), seconds=3)
    after = enqueue(site, task_jobs.loop_often, loops=1)
    worker = start_worker("--worker-class", "rq.SimpleWorker", lease=SHORT_LEASE)
    assert int(until_noted(log)) == worker.pid
    until(task_id, "running")
    rooms.run_steps(context.store(), task_room.cancel(site, task_id, "ann"))
    Path(f"{log}.go").touch()
    assert until(task_id, "cancelled")["cancelled_by"] == "ann"
    assert until(after, "done")
    assert worker.wait(20) == 0


# --- RQ runs it again -----------------------------------------------------------------------------


def test_every_retry_of_rqs_own_is_an_attempt_that_goes_on_from_the_checkpoint(
    site: str, start_worker: Start, client: Any, log: Path
) -> None:
    queue = rq.Queue(site, connection=client)
    job = queue.enqueue(task_jobs.fail_at_first, str(log), 3, retry=rq.Retry(max=3))
    assert start_worker().wait(30) == 0
    state = state_of(job.id)
    assert (state["state"], state["attempt"], state["done"]) == ("done", 4, 10)
    assert words(log) == ["0", "3", "6", "9"]
    assert job.get_status(refresh=True) == "finished"


def test_a_plain_job_may_track_as_many_loops_as_it_likes(
    site: str, start_worker: Start, client: Any
) -> None:
    job = rq.Queue(site, connection=client).enqueue(task_jobs.loop_often, 4)
    assert start_worker().wait(30) == 0
    state = state_of(job.id)
    assert (state["state"], state["title"], state["attempt"]) == ("done", "Loop 3", 4)
    assert job.get_status(refresh=True) == "finished"


# --- copies of the process ------------------------------------------------------------------------


def test_a_job_that_copies_its_process_goes_on_reporting(
    site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.copy_itself, log=str(log))
    start_worker()
    until_noted(log, "waits")
    until_done(task_id, 20)
    Path(f"{log}.go").touch()
    assert until(task_id, "done")["done"] == 30
    assert "copied" in words(log)


# --- Redis ----------------------------------------------------------------------------------------


def test_a_job_goes_on_while_redis_hangs(
    own_redis: RedisServer, site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.step_slowly, log=str(log), steps=100, pause=0.1)
    start_worker()
    until_noted(log, "5")
    own_redis.pause()
    time.sleep(5)
    before = words(log)
    until_noted(log, "60")  # it has gone on, and goes on
    own_redis.resume()
    assert len(before) > 15
    assert until(task_id, "done")["done"] == 100


def test_a_task_is_whole_again_after_redis_has_lost_all(
    own_redis: RedisServer, site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.step_slowly, title="Slow", log=str(log), steps=100, pause=0.1)
    start_worker()
    until_noted(log, "5")
    until(task_id, "running")
    own_redis.stop()
    until_noted(log, "15")
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as client:
        until_answers(client.ping)
        again = until(task_id, "running", "done")  # by the time that somebody looks
        with swept(site, task_id, client):
            seen = until(task_id, "done", "lost")
    assert (again["title"], again["total"]) == ("Slow", 100)
    assert (seen["state"], seen["attempt"], seen["done"]) == ("done", 1, 100)
    until_listed(task_id, "done")


def test_a_job_that_ends_while_redis_is_away_succeeds(
    own_redis: RedisServer, site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.end_when_told, log=str(log))
    start_worker()
    until_noted(log, "waits")
    until(task_id, "running")
    own_redis.pause()
    Path(f"{log}.go").touch()
    until_noted(log, "ended")  # it has not waited for ever
    own_redis.resume()
    deadline = time.monotonic() + 20
    with redis.Redis.from_url(own_redis.url) as client:
        while rq.job.Job.fetch(task_id, connection=client).get_status() != "finished":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_end_is_known_when_redis_comes_back_soon(
    own_redis: RedisServer, site: str, start_worker: Start, log: Path
) -> None:
    task_id = enqueue(site, task_jobs.end_when_told, log=str(log))
    start_worker()
    until_noted(log, "waits")
    until(task_id, "running")
    own_redis.pause()
    Path(f"{log}.go").touch()
    time.sleep(1)
    own_redis.resume()
    assert until(task_id, "done")["done"] == 2
    assert rooms.snapshot(keys.task_room(task_id)).state["percent"] == 100

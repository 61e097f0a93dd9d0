"""What the jobs of a run do, and the truth about them: each process writes down what it does, by
the one clock of this machine, in a file of its own."""

from __future__ import annotations

import ctypes
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from presence_progress import progress

QUEUE = "chaos"
FOLDER = "CHAOS_JOBS"
"""In the environment of a worker: where its jobs write."""


class Planned(Exception):
    """The job fails, as it was to."""


class Diary:
    """What one process of a job does."""

    def __init__(self, task: progress.Task) -> None:
        self._task = task
        self._path = Path(os.environ[FOLDER], f"{os.getpid()}-{task.id}.jsonl")
        self._common = {"task": task.id, "pid": os.getpid()}

    def note(self, kind: str, **what: Any) -> None:
        attempt = self._task._running.record.attempt
        record = {"t": time.monotonic(), "kind": kind, **self._common, "attempt": attempt, **what}
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def work(steps: int, pause: float, does: str) -> None:
    """Make so many steps; ``does``: plain, rows, stages, fails, locks, fans out."""
    task = progress.current_task()
    assert task
    diary = Diary(task)
    diary.note("job started", worker=os.getppid(), resumed=task.resumed)
    try:
        _work(task, diary, steps, pause, does)
    except progress.TaskCancelled as stop:
        diary.note("job ended", how=str(stop))
        raise
    except Planned:
        diary.note("job ended", how="failed")
        raise
    except BaseException as error:
        diary.note("job ended", how=f"broke: {error!r}")
        raise
    diary.note("job ended", how="done")


def _work(task: progress.Task, diary: Diary, steps: int, pause: float, does: str) -> None:
    first = task.resumed or 0
    weights = {"Reading": 1, "Importing": 8} if does == "stages" else None
    with progress.Task(total=steps, stages=weights):
        for step in range(first, steps):
            if does == "locks" and step == steps // 2:
                # One long call that lets no other thread run.
                ctypes.PyDLL(None).sleep(3)
            time.sleep(pause)
            if does == "fails" and step == steps // 2 and not first:
                raise Planned(f"step {step}")
            if weights:
                task.stage("Reading" if step < steps // 3 else "Importing", total=steps)
            if does == "rows":
                task.ok(9)
                task.warn("is odd", row=step)
            if does == "fans out" and step < 4:
                _fan_out(task, diary)
            task.advance()
            diary.note("job step", done=task.done)
            if step % 5 == 4:
                task.checkpoint(step + 1)


def _fan_out(task: progress.Task, diary: Diary) -> None:
    work_of_part: dict[str, Any] = {"steps": 5, "pause": 0.1, "does": "plain"}
    with suppress(redis.RedisError):
        child = progress.enqueue(work, queue=QUEUE, parent=task, title="Part", **work_of_part)
        diary.note("job parts", child=child)


def read_diaries(folder: Path) -> list[dict[str, Any]]:
    """Return what all jobs have written down; a process that was killed may have left half a
    line."""
    records = []
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            with suppress(json.JSONDecodeError):
                records.append(json.loads(line))
    return records

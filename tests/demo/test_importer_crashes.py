"""An import whose worker is killed again and again goes on where its rows are: no row is missing,
none is stored twice, and the counts are exact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from presence_progress import context, keys, progress, rooms, task_room
from presence_progress.demo import checkpoints, database
from presence_progress.demo.config import Config
from presence_progress.demo.importer import import_airports
from presence_progress.settings import MAX_LAST_MESSAGES, MAX_MESSAGES
from presence_progress.task import new_id
from tests.running import children

ROWS = 2_000
HEADER = "icao,name,city,country,elevation,lat,lon"


def code(row: int) -> str:
    # Each twentieth row is the same airport as one of the first five hundred.
    return f"{row % 500 if row % 20 == 0 else row:04}"


def line(row: int) -> str:
    elevation = "" if row % 30 == 7 else "10"
    name = "" if row % 50 == 3 else f"Field {row}"
    return f"{code(row)},{name},Springfield,US,{elevation},1.5,2.5"


ERRORS = [row for row in range(2, ROWS + 2) if row % 50 == 3 or (row % 20 == 0 and row > 500)]
WARNINGS = [row for row in range(2, ROWS + 2) if row % 30 == 7 and row not in ERRORS]


def state_of(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(keys.task_room(task_id)).state


def until(task_id: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not is_so(state := state_of(task_id)):
        # As a server does: a worker that is killed before it has its lease tells nobody.
        rooms.run(context.store(), task_room.sweep_call(context.site(), task_id))
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


def until_running(task_id: str, done: int) -> None:
    until(task_id, lambda task: task["state"] == "running" and task["done"] >= done)


@pytest.fixture
def upload(config: Config) -> Path:
    path = config.uploads / "upload.csv"
    path.write_text("\n".join([HEADER, *(line(row) for row in range(2, ROWS + 2))]))
    with database.connect(config.database) as db:
        # Airports of an import overwrite those that are there: only this tells once from twice.
        db.executescript(
            """
            CREATE TABLE stored (name TEXT);
            CREATE TRIGGER stored_new AFTER INSERT ON airport
                BEGIN INSERT INTO stored VALUES (new.name); END;
            CREATE TRIGGER stored_again AFTER UPDATE ON airport
                BEGIN INSERT INTO stored VALUES (new.name); END;
            """
        )
    return path


@pytest.fixture
def start_worker(redis_url: str, site: str) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Return a function that starts a real worker of the demo's for this test's queue."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "presence_progress.demo.worker"]
        running.append(subprocess.Popen([*command, "--redis", redis_url, "--queue", site]))
        return running[-1]

    yield start
    for worker in running:
        worker.terminate()
        worker.wait(20)


def kill(worker: subprocess.Popen[bytes]) -> None:
    horses = children(worker.pid)
    worker.kill()
    for horse in horses:
        try:
            os.kill(horse, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it does not outlive its worker
    worker.wait(20)


def test_an_import_goes_on_after_each_crash_where_its_rows_are(
    config: Config,
    site: str,
    upload: Path,
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    task_id = progress.enqueue(
        import_airports,
        queue=site,
        title="Import upload.csv",
        path=str(upload),
        database_path=str(config.database),
        # For seconds it is not through, whatever holds this test up before it kills.
        pace=400,
        delete_file=True,
    )
    # From the first row on: it is said to run before the process of its lease is there.
    for attempt, reached in enumerate((1, 100, 101, 200, 300), start=1):
        worker = start_worker()
        until_running(task_id, reached)
        kill(worker)
        lost = until(task_id, lambda task: task["state"] != "running")
        assert (lost["state"], lost["attempt"]) == ("lost", attempt)
        assert upload.exists()
        assert progress.retry(task_id) == attempt + 1
    start_worker()
    task = until(task_id, lambda task: task["state"] not in ("queued", "running"))
    assert (task["state"], task["attempt"]) == ("done", 6)
    assert task["done"] == task["total"] == ROWS
    assert (task["errors"], task["warnings"]) == (len(ERRORS), len(WARNINGS))
    assert task["ok"] == ROWS - len(ERRORS) - len(WARNINGS)
    told = sorted(ERRORS + WARNINGS)
    assert [message["row"] for message in task["messages"]] == told[:MAX_MESSAGES]
    assert [message["row"] for message in task["last_messages"]] == told[-MAX_LAST_MESSAGES:]
    details = rooms.run(context.store(), task_room.details_call(site, task_id))
    assert [(m["n"], m["row"]) for m in details.messages] == [*enumerate(told)]
    with database.connect(config.database) as db:
        stored = sorted(row["name"] for row in db.execute("SELECT name FROM stored"))
        assert not db.execute("SELECT 1 FROM import_seen").fetchone()
    assert stored == sorted(code(row) for row in range(2, ROWS + 2) if row not in ERRORS)
    assert not upload.exists()


def test_an_import_that_was_taken_for_dead_stores_nothing_after_the_next_has_begun(
    config: Config, site: str, upload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = checkpoints.store
    stolen: list[str] = []

    def slow(db: Any, task: progress.Task, value: Any) -> None:
        if value == 300 and not stolen:
            stolen.append(task.id)
            # As another process would in its place; here the first holds the write lock.
            db.execute("UPDATE import_checkpoint SET attempt = 2 WHERE task = ?", (task.id,))
        store(db, task, value)

    monkeypatch.setattr(checkpoints, "store", slow)
    with pytest.raises(progress.TaskCancelled), progress.Task("Import"):
        import_airports(str(upload), str(config.database), delete_file=True)
    with database.connect(config.database) as db:
        assert db.execute("SELECT COUNT(*) FROM import_seen").fetchone()[0] < 300
    assert upload.exists()


def test_an_import_that_was_killed_at_its_very_end_only_has_to_say_so(
    config: Config, site: str, upload: Path
) -> None:
    task_id = new_id()
    for attempt in (1, 2):
        with progress.Task("Import") as task:
            task._record.task_id, task._record.attempt = task_id, attempt
            import_airports(str(upload), str(config.database), delete_file=True)
            assert (task.done, task._record.errors) == (ROWS, len(ERRORS))
        assert not upload.exists()

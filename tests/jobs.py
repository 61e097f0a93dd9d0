"""Jobs that the tests enqueue; a real RQ worker imports them from here."""

from __future__ import annotations

import time

from presence_progress import context, counts, progress


def import_rows(count: int) -> str:
    for row in progress.track(range(count), title="Importing"):
        if row % 10 == 3:
            task = progress.current_task()
            assert task
            task.warn("is odd", row=row)
    return "imported"


def fail() -> None:
    with progress.Task(total=3) as task:
        task.advance()
        raise ValueError("the file is no file")


def tell_where() -> None:
    counts.publish_realtime("where", {"site": context.site(), "user": context.user()})


def tell_about(doctype: str, name: str, **more: object) -> None:
    counts.publish_realtime("about", {"doctype": doctype, "name": name, **more})


def tell_success(job: object, connection: object, result: object) -> None:
    """As RQ calls it when a job has gone well."""
    counts.publish_realtime("success", {"result": result})


def wait_for_cancel() -> None:
    """Work until somebody cancels; a test that forgets to is ended by its own limit."""
    deadline = time.monotonic() + 30
    with progress.Task("Waiting") as task:
        while time.monotonic() < deadline:
            task.advance()
            time.sleep(0.01)


def ignore_errors_until_cancelled() -> None:
    deadline = time.monotonic() + 30
    with progress.Task("Stubborn") as task:
        while time.monotonic() < deadline:
            try:
                task.advance()
            except Exception:
                raise AssertionError("a cancelled task is no bad row") from None
            time.sleep(0.01)


def track_twice() -> None:
    """In a plain job, which nobody made a task for."""
    for title in ("First", "Second"):
        for _ in progress.track(range(3), title=title):
            pass


def import_until_it_breaks(rows: int, breaks_at: int) -> str:
    """Fail at a row in the first attempt; the next one goes on after the last checkpoint."""
    with progress.Task("Rows", total=rows) as task:
        first = task.resumed or 0
        for row in range(first, rows):
            if row == breaks_at and not first:
                raise ValueError(f"row {row} breaks it")
            task.ok()
            if row % 10 == 4:
                task.warn("is odd", row=row)
            task.advance()
            if row % 10 == 9:
                task.checkpoint(row + 1)
    return f"from {first}"


def send_one(number: int) -> None:
    with progress.Task(total=1) as task:
        if number == 2:
            raise ValueError("no such address")
        task.advance()


def hand_out_one_that_waits(to: str) -> None:
    with progress.Task("Handing out") as task:
        progress.enqueue(wait_for_cancel, queue=to, title="A part", parent=task)

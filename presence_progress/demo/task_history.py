"""The history of tasks in SQLite: a row for each that has ended. Who may read it is decided before
anyone comes here."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from presence_progress.demo import checkpoints
from presence_progress.demo.database import transaction

MOST_LISTED = 100
KEPT = 30 * 24 * 3600 * 1000
"""Milliseconds for which a task is remembered, from its end."""

_SHOWN = (
    *("name", "title", "state", "user", "attempt", "done", "total", "ok", "warnings", "errors"),
    *("error", "result", "reference_doctype", "reference_name"),
    *("queued_at", "started_at", "ended_at"),
)
_STORED = (*_SHOWN, "parent_task")
_UPSERT = (
    f"INSERT INTO task_history ({', '.join(_STORED)}) "
    f"VALUES ({', '.join(':' + field for field in _STORED)}) ON CONFLICT (name) DO UPDATE SET "
    + ", ".join(f"{field} = excluded.{field}" for field in _STORED[1:])
    # Told again, an end changes nothing; an earlier attempt's does not overwrite a later one's.
    + " WHERE excluded.attempt > attempt"
)


def record(db: sqlite3.Connection, tasks: Sequence[Mapping[str, Any]]) -> None:
    """Store how tasks have ended, ``{task_id, …the fields of its room}`` each, and forget what is
    too old."""
    with transaction(db):
        db.executemany(_UPSERT, map(_row, tasks))
        oldest = int(time.time() * 1000) - KEPT
        db.execute("DELETE FROM task_history WHERE ended_at < ?", (oldest,))
        checkpoints.forget_old(db)


def of_user(db: sqlite3.Connection, user: str, start: int, limit: int) -> list[dict[str, Any]]:
    """Return a user's tasks, the newest first."""
    return _listed(db, "user = ?", [user], start, limit)


def about(
    db: sqlite3.Connection, doctype: str, name: str | None, start: int, limit: int
) -> list[dict[str, Any]]:
    """Return the tasks about a document, or those about a DocType as such."""
    return _listed(
        db, "reference_doctype = ? AND reference_name IS ?", [doctype, name], start, limit
    )


def _listed(
    db: sqlite3.Connection, where: str, parameters: list[Any], start: int, limit: int
) -> list[dict[str, Any]]:
    # A task that is part of another is seen in that one.
    statement = (
        f"SELECT {', '.join(_SHOWN)} FROM task_history WHERE {where} AND parent_task IS NULL "
        "ORDER BY ended_at DESC, name DESC LIMIT ? OFFSET ?"
    )
    length = min(max(1, limit), MOST_LISTED)
    return [dict(row) for row in db.execute(statement, [*parameters, length, max(0, start)])]


def _row(task: Mapping[str, Any]) -> dict[str, Any]:
    about = {
        "name": task["task_id"],
        "reference_doctype": task.get("doctype"),
        "reference_name": task.get("name"),
        "parent_task": task.get("parent"),
    }
    return {**{field: task.get(field) for field in _STORED}, **about}

"""How far an import is, kept in SQLite beside its rows and written in their transactions: whatever
ends an attempt, the next one goes on after the last row that is stored.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from presence_progress import progress
from presence_progress.demo.database import transaction

KEPT = 30 * 24 * 3600
"""Seconds; by then nobody can start the import again."""


def begin(db: sqlite3.Connection, task: progress.Task, value: Any) -> Any:
    """Begin an attempt, and return how far the earlier ones have come: ``value`` when there was
    none. From then on an earlier one that still runs stores nothing more."""
    with transaction(db):
        found = _stored(db, task)
        if found is None:
            fresh = json.dumps(task.checkpoint(value))
            statement = "INSERT INTO import_checkpoint VALUES (?, ?, ?, ?)"
            db.execute(statement, (task.id, task.attempt, fresh, time.time()))
            return value
        _require_latest(found, task)
        statement = "UPDATE import_checkpoint SET attempt = ? WHERE task = ?"
        db.execute(statement, (task.attempt, task.id))
    # Whatever Redis knows of it: what counts is what is stored with the rows.
    return task.resume(json.loads(found["checkpoint"]))


def store(db: sqlite3.Connection, task: progress.Task, value: Any) -> None:
    """Store how far the import is, in the transaction of its rows; raises
    :class:`~presence_progress.task.TaskCancelled` when a later attempt has begun."""
    _require_latest(_stored(db, task), task)
    reached = json.dumps(task.checkpoint(value))
    statement = "UPDATE import_checkpoint SET checkpoint = ?, modified = ? WHERE task = ?"
    db.execute(statement, (reached, time.time(), task.id))


def first_seen(db: sqlite3.Connection, task: progress.Task, code: str, row: int) -> int:
    """Return in which row of the file a code was first seen: this one, unless it was seen
    before."""
    statement = "INSERT OR IGNORE INTO import_seen VALUES (?, ?, ?)"
    if db.execute(statement, (task.id, code, row)).rowcount:
        return row
    statement = "SELECT row FROM import_seen WHERE task = ? AND code = ?"
    first: int = db.execute(statement, (task.id, code)).fetchone()["row"]
    return first


def forget_seen(db: sqlite3.Connection, task: progress.Task) -> None:
    db.execute("DELETE FROM import_seen WHERE task = ?", (task.id,))


def forget_old(db: sqlite3.Connection) -> None:
    """Forget imports that nobody has started again."""
    statement = "DELETE FROM import_checkpoint WHERE modified < ?"
    if db.execute(statement, (time.time() - KEPT,)).rowcount:
        known = "SELECT task FROM import_checkpoint"
        db.execute(f"DELETE FROM import_seen WHERE task NOT IN ({known})")


def _stored(db: sqlite3.Connection, task: progress.Task) -> Any:
    statement = "SELECT attempt, checkpoint FROM import_checkpoint WHERE task = ?"
    return db.execute(statement, (task.id,)).fetchone()


def _require_latest(stored: Any, task: progress.Task) -> None:
    if stored is None or stored["attempt"] > task.attempt:
        raise progress.TaskCancelled("superseded")

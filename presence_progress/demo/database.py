"""The demo site's one SQLite file: its schema, connections and transactions. What the rows mean is
decided elsewhere.

A connection belongs to one thread and is short-lived: requests and jobs open one, use it and close
it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS airport (
    name TEXT PRIMARY KEY,
    icao TEXT NOT NULL,
    iata TEXT,
    airport_name TEXT NOT NULL,
    city TEXT,
    subdivision TEXT,
    country TEXT,
    elevation INTEGER,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    timezone TEXT,
    modified TEXT NOT NULL,
    modified_by TEXT NOT NULL
) WITHOUT ROWID;

-- COUNT(*) reads the whole table; the importer asks after every batch.
CREATE TABLE IF NOT EXISTS airport_total (total INTEGER NOT NULL);
INSERT INTO airport_total SELECT COUNT(*) FROM airport
    WHERE NOT EXISTS (SELECT 1 FROM airport_total);
CREATE TRIGGER IF NOT EXISTS airport_added AFTER INSERT ON airport
    BEGIN UPDATE airport_total SET total = total + 1; END;
CREATE TRIGGER IF NOT EXISTS airport_removed AFTER DELETE ON airport
    BEGIN UPDATE airport_total SET total = total - 1; END;

CREATE TABLE IF NOT EXISTS session (
    sid TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    expires REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS disabled (user TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS invisible (user TEXT PRIMARY KEY) WITHOUT ROWID;

-- How the last attempt of each task has ended; times in ms since 1970.
CREATE TABLE IF NOT EXISTS task_history (
    name TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    user TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER,
    ok INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    error TEXT,
    result TEXT,
    reference_doctype TEXT,
    reference_name TEXT,
    parent_task TEXT,
    queued_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_history_of_user ON task_history (user, ended_at);
CREATE INDEX IF NOT EXISTS task_history_of_document
    ON task_history (reference_doctype, reference_name, ended_at);

-- How far an import is, and the codes that it has had so far: written with its rows.
CREATE TABLE IF NOT EXISTS import_checkpoint (
    task TEXT PRIMARY KEY,
    attempt INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    modified REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS import_seen (
    task TEXT NOT NULL,
    code TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (task, code)
) WITHOUT ROWID;
"""

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for another writer; the longest transaction of the demo takes milliseconds."""


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for one thread's use and close it at the end."""
    # Autocommit: transactions are begun where one is meant, by transaction().
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous = NORMAL")
        yield db
    finally:
        db.close()


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the one write lock: all of the block is stored, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def create(path: Path) -> None:
    """Make the file and what it lacks; raises ``sqlite3.Error`` when it is no database of ours."""
    with connect(path) as db:
        # WAL: pages are read while an import writes. The file remembers it.
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

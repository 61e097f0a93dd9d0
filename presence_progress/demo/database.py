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

CREATE TABLE IF NOT EXISTS invisible (user TEXT PRIMARY KEY) WITHOUT ROWID;
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

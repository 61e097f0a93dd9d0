"""The demo site with hundreds of users: ``python -m tests.chaos.site``, arguments as the demo's.

Some of them may read nothing.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from presence_progress.demo import database, site
from presence_progress.demo.users import USERS, User

MOST = 3_000
UNREADING = 5


def user(number: int) -> str:
    return f"user{number}@example.com"


def stranger(number: int) -> str:
    """Return a user who may read nothing."""
    return f"stranger{number}@example.com"


def document(number: int) -> str:
    return f"X{number:03}"


def session_of(name: str) -> str:
    """Return the id of a user's session."""
    return f"session-of-{name}"


def prepare(path: Path, users: list[str], documents: int) -> None:
    """Make the database: everybody is signed in, every document is there."""
    database.create(path)
    with database.connect(path) as db, database.transaction(db):
        _fill(db, users, documents)


def _fill(db: sqlite3.Connection, users: list[str], documents: int) -> None:
    expires = time.time() + 24 * 3600
    db.executemany(
        "INSERT INTO session VALUES (?, ?, ?)",
        [(session_of(name), name, expires) for name in users],
    )
    db.executemany(
        "INSERT INTO airport (name, icao, airport_name, latitude, longitude, modified,"
        " modified_by) VALUES (?, ?, '', 0, 0, '', '')",
        [(document(number), document(number)) for number in range(documents)],
    )


def _add_users() -> None:
    reads = frozenset({"read"})
    for number in range(MOST):
        name = user(number)
        USERS[name] = User(name, f"User {number}", "may read", reads)  # type: ignore[arg-type]
    for number in range(UNREADING):
        name = stranger(number)
        USERS[name] = User(name, f"Stranger {number}", "may read nothing")


if __name__ == "__main__":
    _add_users()
    site.main()

"""Who is signed in. Kept in SQLite, so that a restart of the site signs nobody out."""

from __future__ import annotations

import secrets
import sqlite3
import time

from presence_progress.demo.users import GUEST, USERS, User

LIFETIME = 7 * 24 * 3600
"""Seconds from signing in."""


def open_session(db: sqlite3.Connection, user: User) -> str:
    """Return a new session's id; sessions that have ended are forgotten on the way."""
    sid = secrets.token_hex(28)
    now = time.time()
    db.execute("DELETE FROM session WHERE expires < ?", (now,))
    db.execute("INSERT INTO session VALUES (?, ?, ?)", (sid, user.id, now + LIFETIME))
    return sid


def close_session(db: sqlite3.Connection, sid: str) -> None:
    db.execute("DELETE FROM session WHERE sid = ?", (sid,))


def close_sessions(db: sqlite3.Connection, user: User, keep: str = "") -> int:
    """End all sessions of a user but one; returns how many there were."""
    return db.execute("DELETE FROM session WHERE user = ? AND sid != ?", (user.id, keep)).rowcount


def user_of(db: sqlite3.Connection, sid: str) -> User:
    """Return who the session belongs to; an unknown or ended one is a guest's, like that of a user
    who is disabled."""
    found = db.execute(
        "SELECT user FROM session WHERE sid = ? AND expires > ?", (sid, time.time())
    ).fetchone()
    return USERS.get(found["user"], GUEST) if found and is_enabled(db, found["user"]) else GUEST


def is_enabled(db: sqlite3.Connection, user: str) -> bool:
    return db.execute("SELECT 1 FROM disabled WHERE user = ?", (user,)).fetchone() is None


def enable(db: sqlite3.Connection, user: User, enabled: bool) -> None:
    statement = (
        "DELETE FROM disabled WHERE user = ?"
        if enabled
        else ("INSERT OR IGNORE INTO disabled VALUES (?)")
    )
    db.execute(statement, (user.id,))

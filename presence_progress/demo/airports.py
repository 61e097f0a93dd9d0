"""The DocType Airport: reading, writing and counting it. Who may is decided before anyone comes
here."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import redis

from presence_progress import counts
from presence_progress.demo import validation
from presence_progress.demo.database import transaction
from presence_progress.demo.errors import Duplicate, Invalid, Missing, Stale
from presence_progress.demo.queries import Query

DOCTYPE = "Airport"
NOTE = "Airport Note"
"""A second DocType, with a document for each airport: there is nothing in it but who is there."""
TOTAL = "total"

log = logging.getLogger(__name__)

_STORED = ("icao", *validation.EDITABLE)
_UPSERT = (
    f"INSERT INTO airport (name, {', '.join(_STORED)}, modified, modified_by) "
    f"VALUES (:icao, {', '.join(':' + field for field in _STORED)}, :modified, :modified_by) "
    "ON CONFLICT (name) DO UPDATE SET "
    + ", ".join(f"{field} = excluded.{field}" for field in (*_STORED, "modified", "modified_by"))
)


def listed(db: sqlite3.Connection, query: Query) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(query.select, query.parameters)]


def counted(db: sqlite3.Connection, query: Query) -> int:
    number: int = db.execute(query.count, query.parameters).fetchone()[0]
    return number


def exists(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM airport WHERE name = ?", (name,)).fetchone() is not None


def get(db: sqlite3.Connection, name: str) -> dict[str, Any]:
    found = db.execute("SELECT * FROM airport WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise Missing(f"Airport {name[:40]} not found.")
    return {"doctype": DOCTYPE, **dict(found)}


def insert(db: sqlite3.Connection, values: Mapping[str, object], user: str) -> dict[str, Any]:
    airport = _checked(values)
    with transaction(db):
        if exists(db, str(airport["icao"])):
            raise Duplicate(f"Airport {airport['icao']} exists already.")
        store(db, airport, user)
    return get(db, str(airport["icao"]))


def update(
    db: sqlite3.Connection, name: str, changes: Mapping[str, object], user: str
) -> dict[str, Any]:
    """Change some fields. ``modified`` among them says which version the change was made to."""
    with transaction(db):
        current = get(db, name)
        if changes.get("modified") not in (None, current["modified"]):
            raise Stale(
                f"Airport {name} has been changed by {current['modified_by']} meanwhile: reload it."
            )
        if changes.get("icao") not in (None, current["icao"]):
            raise Invalid("The code of an airport cannot be changed.")
        wanted = {field: value for field, value in changes.items() if field in validation.EDITABLE}
        store(db, _checked({**current, **wanted}), user)
    return get(db, name)


def delete(db: sqlite3.Connection, name: str) -> None:
    if not db.execute("DELETE FROM airport WHERE name = ?", (name,)).rowcount:
        raise Missing(f"Airport {name[:40]} not found.")


def delete_all(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM airport")


def store(db: sqlite3.Connection, airport: Mapping[str, object], user: str) -> None:
    """Insert or update a checked airport."""
    stamps = {"modified": f"{datetime.now():%Y-%m-%d %H:%M:%S.%f}", "modified_by": user}
    db.execute(_UPSERT, {**airport, **stamps})


def publish_total(db: sqlite3.Connection) -> None:
    """Tell everyone how many there are; call it after every commit.

    A Redis that is away is not waited for and fails nobody: the next call tells it.
    """
    # The lock is held from counting to telling: else two writers could overtake each other and the
    # count go back in time.
    with transaction(db):
        total = db.execute("SELECT total FROM airport_total").fetchone()[0]
        try:
            counts.set(TOTAL, total, scope=f"doctype:{DOCTYPE}")
        except redis.RedisError as error:
            log.warning("the number of airports could not be published: %s", error)


def announce_many(user: str) -> None:
    """Publish that many airports have changed at once, after the commit. Frappe says so of each; a
    batch of an import says it once. A Redis that is away does not undo what is stored."""
    message = {"doctype": DOCTYPE, "user": user}
    try:
        counts.publish_realtime("list_update", message, doctype=DOCTYPE)
    except redis.RedisError as error:
        log.warning("a change of many airports could not be published: %s", error)


def _checked(values: Mapping[str, object]) -> dict[str, validation.Value]:
    try:
        return validation.check(values)[0]
    except validation.InvalidAirport as error:
        reason = str(error)
        raise Invalid(f"{reason[0].upper()}{reason[1:]}.") from error

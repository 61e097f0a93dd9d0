"""The import of a CSV file, as a job of RQ: rows are judged one by one, stored in small batches,
and told as they go.

A bad row is told and skipped, an odd one is told and stored; neither stops the import. Whatever
ends it, a cancellation too, leaves whole batches behind and no uploaded file.
"""

from __future__ import annotations

import csv
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from presence_progress import context, progress
from presence_progress.demo import airports, database, validation
from presence_progress.demo.csvfile import CsvFile, Record, UnreadableFile, open_csv

BATCH = 100
"""Rows of one commit: few enough that a cancellation is quick, many enough that commits cost
little."""

log = logging.getLogger(__name__)


def import_airports(
    path: str, database_path: str, pace: float = 0, delete_file: bool = False
) -> None:
    """Import a file into the database, at most ``pace`` rows a second (0: as fast as it goes)."""
    try:
        with progress.Task() as task:
            task.stage("Reading the file")
            file = _opened(Path(path))
            task.total = file.total
            if file.note:
                task.warn(file.note)
            task.stage("Importing")
            with database.connect(Path(database_path)) as db:
                _import(task, db, file, pace)
            task.stage(None)
    finally:
        if delete_file:
            Path(path).unlink(missing_ok=True)


def _opened(path: Path) -> CsvFile:
    try:
        return open_csv(path)
    except FileNotFoundError:
        raise UnreadableFile("The uploaded file is gone; upload it again.") from None


def _import(task: progress.Task, db: sqlite3.Connection, file: CsvFile, pace: float) -> None:
    # On disk, not in memory: which codes the file has had so far.
    db.execute("PRAGMA temp_store = FILE")
    db.execute("CREATE TEMP TABLE seen (code TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")
    started, done = time.monotonic(), 0
    for batch in _batches(file, _batch_size(pace)):
        verdicts = _Verdicts()
        with database.transaction(db):
            for row, record in batch:
                verdicts.judge(db, file, row, record)
        airports.publish_total(db)
        airports.announce_many(context.user())
        done += len(batch)
        # Only now, with everything stored: advance() is where a cancellation is raised.
        verdicts.tell(task)
        task.advance(len(batch))
        if pace:
            time.sleep(max(0.0, started + done / pace - time.monotonic()))


def _batch_size(pace: float) -> int:
    # At a slow pace smaller ones, so that ten times a second something moves and a cancellation is
    # heard.
    return min(BATCH, max(1, int(pace / 10))) if pace else BATCH


def _batches(file: CsvFile, size: int) -> Iterator[list[tuple[int, Record]]]:
    records = file.records()
    while batch := list(islice(records, size)):
        yield batch


class _Verdicts:
    """What became of the rows of one batch; told only once the batch is stored."""

    def __init__(self) -> None:
        self.ok = 0
        self.remarks: list[tuple[Callable[[progress.Task, str, int], None], str, int]] = []

    def judge(self, db: sqlite3.Connection, file: CsvFile, row: int, record: Record) -> None:
        """Store one row or say why not."""
        try:
            warnings = _store(db, file, row, record)
        except validation.InvalidAirport as error:
            self.remarks.append((progress.Task.error, str(error), row))
        except sqlite3.OperationalError:
            # A full disk or a lost file is no fault of the row.
            raise
        except Exception as error:
            log.warning("row %s could not be stored", row, exc_info=True)
            self.remarks.append((progress.Task.error, f"could not be stored: {error}", row))
        else:
            if warnings:
                self.remarks.append((progress.Task.warn, "; ".join(warnings), row))
            else:
                self.ok += 1

    def tell(self, task: progress.Task) -> None:
        if self.ok:
            task.ok(self.ok)
        for say, message, row in self.remarks:
            say(task, message, row)


def _store(db: sqlite3.Connection, file: CsvFile, row: int, record: Record) -> list[str]:
    if isinstance(record, csv.Error):
        raise validation.InvalidAirport(f"cannot be read as CSV: {record}")
    cells = {field: record[at] for field, at in file.columns.items() if at < len(record)}
    airport, warnings = validation.check(cells)
    code = airport["icao"]
    if not db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (code, row)).rowcount:
        first = db.execute("SELECT row FROM seen WHERE code = ?", (code,)).fetchone()["row"]
        raise validation.InvalidAirport(f"duplicate code {code}, first seen in row {first}")
    if len(record) > file.width and any(record[file.width :]):
        warnings.append(f"{len(record)} cells under a header of {file.width}")
    airports.store(db, airport, context.user())
    return warnings

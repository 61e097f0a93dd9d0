"""The import of a CSV file, as a job of RQ: rows are judged one by one, stored in small batches,
and told as they go.

A bad row is told and skipped, an odd one is told and stored; neither stops the import. Whatever
ends it, a crash or a cancellation too, leaves whole batches behind, and the next attempt goes on
after them. The uploaded file is kept until the import is done, or can never be.
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
from presence_progress.demo import airports, checkpoints, database, validation
from presence_progress.demo.csvfile import CsvFile, Record, UnreadableFile, open_csv

BATCH = 100
"""Rows of one commit: few enough that a cancellation is quick, many enough that commits cost
little."""

log = logging.getLogger(__name__)


FINISHED = "finished"
"""In the place of how many rows are done."""


def import_airports(
    path: str, database_path: str, pace: float = 0, delete_file: bool = False
) -> None:
    """Import a file into the database, at most ``pace`` rows a second (0: as fast as it goes)."""
    with progress.Task() as task, database.connect(Path(database_path)) as db:
        done = checkpoints.begin(db, task, 0)
        try:
            if done != FINISHED:
                _import(task, db, Path(path), pace, done)
        except UnreadableFile:
            # Nor would it be readable the next time.
            _finish(Path(path), delete_file)
            raise
        _finish(Path(path), delete_file)


def _finish(path: Path, delete_file: bool) -> None:
    if delete_file:
        path.unlink(missing_ok=True)


def _opened(path: Path) -> CsvFile:
    try:
        return open_csv(path)
    except FileNotFoundError:
        raise UnreadableFile("The uploaded file is gone; upload it again.") from None


def _import(
    task: progress.Task, db: sqlite3.Connection, path: Path, pace: float, done: int
) -> None:
    """Import a file from where earlier attempts have left it, after ``done`` records."""
    task.stage("Reading the file")
    file = _opened(path)
    task.total = file.total
    if file.note and not done:
        task.warn(file.note)
    task.stage("Importing")
    for batch in _batches(file, done, _batch_size(pace), pace):
        verdicts = _Verdicts()
        with database.transaction(db):
            for row, record in batch:
                verdicts.judge(db, task, file, row, record)
            done += len(batch)
            # The last thing before the rows are stored, for what is told goes with them.
            verdicts.tell(task)
            task.done = done
            checkpoints.store(db, task, done)
        airports.publish_total(db)
        airports.announce_many(context.user())
        # Only now, with everything stored: this is where a cancellation is raised.
        task.advance(0)
    task.stage(None)
    with database.transaction(db):
        checkpoints.forget_seen(db, task)
        checkpoints.store(db, task, FINISHED)


def _batch_size(pace: float) -> int:
    # At a slow pace smaller ones, so that ten times a second something moves and a cancellation is
    # heard.
    return min(BATCH, max(1, int(pace / 10))) if pace else BATCH


def _batches(
    file: CsvFile, done: int, size: int, pace: float
) -> Iterator[list[tuple[int, Record]]]:
    """Yield the records that are not done, in batches, not faster than the pace."""
    records = islice(file.records(), done, None)
    started, yielded = time.monotonic(), 0
    while batch := list(islice(records, size)):
        yield batch
        yielded += len(batch)
        if pace:
            time.sleep(max(0.0, started + yielded / pace - time.monotonic()))


class _Verdicts:
    """What became of the rows of one batch; told when all of them are stored."""

    def __init__(self) -> None:
        self.ok = 0
        self.remarks: list[tuple[Callable[[progress.Task, str, int], None], str, int]] = []

    def judge(
        self,
        db: sqlite3.Connection,
        task: progress.Task,
        file: CsvFile,
        row: int,
        record: Record,
    ) -> None:
        """Store one row or say why not."""
        try:
            warnings = _store(db, task, file, row, record)
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


def _store(
    db: sqlite3.Connection, task: progress.Task, file: CsvFile, row: int, record: Record
) -> list[str]:
    if isinstance(record, csv.Error):
        raise validation.InvalidAirport(f"cannot be read as CSV: {record}")
    cells = {field: record[at] for field, at in file.columns.items() if at < len(record)}
    airport, warnings = validation.check(cells)
    code = airport["icao"]
    first = checkpoints.first_seen(db, task, str(code), row)
    if first != row:
        raise validation.InvalidAirport(f"duplicate code {code}, first seen in row {first}")
    if len(record) > file.width and any(record[file.width :]):
        warnings.append(f"{len(record)} cells under a header of {file.width}")
    airports.store(db, airport, context.user())
    return warnings

"""The demo's own methods: what its buttons start. Each is a real job of RQ, or done at once when it
is quick."""

from __future__ import annotations

import importlib.util
import secrets
import sqlite3
from pathlib import Path

from aiohttp import BodyPartReader, web

from presence_progress import progress
from presence_progress.demo import airports, importer, jobs
from presence_progress.demo.config import LONG, SHORT
from presence_progress.demo.errors import Invalid, TooLarge
from presence_progress.demo.request import (
    CONFIG,
    answer,
    in_thread,
    permitted,
    signed_in,
    with_database,
)

MAX_UPLOAD = 50 * 1024 * 1024
_CHUNK = 256 * 1024
_LONGEST_JOB = 24 * 3600
"""Seconds. RQ's own default of three minutes ends an import that somebody paced slowly."""


async def import_csv(request: web.Request) -> web.Response:
    """Start an import of the uploaded file, or without one of the airports that come with the
    demo."""
    user = await permitted(request, "write")
    config = request.app[CONFIG]
    uploaded = await _receive(request, config.uploads)
    path, title = uploaded or (bundled_airports(), "Import airports")
    try:
        task_id = await in_thread(
            progress.enqueue,
            importer.import_airports,
            queue=LONG,
            title=title,
            user=user.id,
            doctype=airports.DOCTYPE,
            timeout=_LONGEST_JOB,
            path=str(path),
            database_path=str(config.database),
            pace=config.pace,
            delete_file=uploaded is not None,
        )
    except BaseException:
        if uploaded:
            _forget(path)
        raise
    return answer({"task_id": task_id})


async def count_to_hundred(request: web.Request) -> web.Response:
    user = await signed_in(request)
    task_id = await in_thread(
        progress.enqueue,
        jobs.count_to_hundred,
        queue=SHORT,
        title="Count to a hundred",
        user=user.id,
    )
    return answer({"task_id": task_id})


async def delete_airports(request: web.Request) -> web.Response:
    user = await permitted(request, "write")

    def work(db: sqlite3.Connection) -> None:
        airports.delete_all(db)
        airports.publish_total(db)
        airports.announce_many(user.id)

    await with_database(request, work)
    return answer("ok")


def bundled_airports() -> Path:
    """Return the CSV file of the package airportsdata, without importing it."""
    spec = importlib.util.find_spec("airportsdata")
    if spec is None or spec.origin is None:
        raise Invalid("The package airportsdata is not installed: upload a CSV file instead.")
    return Path(spec.origin).parent / "airports.csv"


async def _receive(request: web.Request, folder: Path) -> tuple[Path, str] | None:
    """Store the file of the form's field ``file``; None when the request has none."""
    if request.content_type != "multipart/form-data":
        return None
    try:
        # The form around the file is small: a body this large holds too large a file.
        if (request.content_length or 0) > MAX_UPLOAD + _CHUNK:
            raise _too_large()
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                path = folder / f"{secrets.token_hex(16)}.csv"
                size = await _store(part, path)
                if size or part.filename:
                    return path, f"Import {_shown(part.filename)}"
                # A form that was sent without a file chosen.
                _forget(path)
    except TooLarge:
        await _drain(request)
        raise
    except (ValueError, AssertionError) as error:
        raise Invalid("The upload cannot be read: it is no valid multipart form.") from error
    return None


async def _drain(request: web.Request) -> None:
    """Read the rest of a body and forget it."""
    # A browser shows no answer to what it has not sent to the end: it says "connection reset". Past
    # the largest that somebody may have meant as a table, that will do.
    left = 20 * MAX_UPLOAD
    while left > 0 and (chunk := await request.content.readany()):
        left -= len(chunk)


async def _store(part: BodyPartReader, path: Path) -> int:
    """Write a part to a file as it arrives, and return its size."""
    size = 0
    try:
        file = await in_thread(path.open, "wb")
        try:
            while chunk := await part.read_chunk(_CHUNK):
                size += len(chunk)
                if size > MAX_UPLOAD:
                    raise _too_large()
                await in_thread(file.write, chunk)
        finally:
            await in_thread(file.close)
    except BaseException:
        _forget(path)
        raise
    return size


def _forget(path: Path) -> None:
    # In the loop's own thread, for it is quick and has to happen while a request is being
    # cancelled.
    path.unlink(missing_ok=True)


def _shown(filename: str | None) -> str:
    """Return a client's file name as a title may show it; it never names a file of ours."""
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in name if character.isprintable()).strip()
    return name if len(name) <= 80 else name[:79] + "…"


def _too_large() -> TooLarge:
    return TooLarge(f"The file is too large: at most {MAX_UPLOAD // 2**20} MB can be imported.")


ROUTES = [
    web.post("/api/method/presence_progress.demo.import_csv", import_csv),
    web.post("/api/method/presence_progress.demo.count_to_hundred", count_to_hundred),
    web.post("/api/method/presence_progress.demo.delete_airports", delete_airports),
]

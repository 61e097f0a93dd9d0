"""``/api/resource/Airport``: Frappe's REST, with Frappe's events after every change."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any

import redis
from aiohttp import web

from presence_progress import counts
from presence_progress.demo import airports
from presence_progress.demo.queries import read_query
from presence_progress.demo.request import arguments_of, permitted, with_database

log = logging.getLogger(__name__)


async def listing(request: web.Request) -> web.Response:
    await permitted(request, "read")
    arguments = await arguments_of(request)
    return await _answer(request, lambda db: airports.listed(db, read_query(arguments)))


async def create(request: web.Request) -> web.Response:
    user = (await permitted(request, "write")).id
    values = await arguments_of(request)

    def work(db: sqlite3.Connection) -> dict[str, Any]:
        airport = airports.insert(db, values, user)
        airports.publish_total(db)
        _announce(airport, user, "list_update")
        return airport

    return await _answer(request, work)


async def read(request: web.Request) -> web.Response:
    await permitted(request, "read")
    return await _answer(request, lambda db: airports.get(db, request.match_info["name"]))


async def update(request: web.Request) -> web.Response:
    user = (await permitted(request, "write")).id
    changes = await arguments_of(request)

    def work(db: sqlite3.Connection) -> dict[str, Any]:
        airport = airports.update(db, request.match_info["name"], changes, user)
        _announce(airport, user, "doc_update", "list_update")
        return airport

    return await _answer(request, work)


async def delete(request: web.Request) -> web.Response:
    user = (await permitted(request, "write")).id

    def work(db: sqlite3.Connection) -> str:
        airport = airports.get(db, request.match_info["name"])
        airports.delete(db, airport["name"])
        airports.publish_total(db)
        _announce(airport, user, "list_update")
        return "ok"

    return await _answer(request, work)


async def _answer(
    request: web.Request, work: Callable[[sqlite3.Connection], object]
) -> web.Response:
    # The JSON too is made in the thread: all airports are 8 MB of it.
    def run(db: sqlite3.Connection) -> web.Response:
        return web.json_response({"data": work(db)})

    return await with_database(request, run)


def _announce(airport: dict[str, Any], user: str, *events: str) -> None:
    """Publish what Frappe publishes after a commit; a Redis that is away does not undo what is
    stored."""
    doctype, name = airports.DOCTYPE, airport["name"]
    messages = {
        "doc_update": {"modified": airport["modified"], "doctype": doctype, "name": name},
        "list_update": {"doctype": doctype, "name": name, "user": user},
    }
    try:
        for event in events:
            counts.publish_realtime(event, messages[event], doctype=doctype, docname=name)
    except redis.RedisError as error:
        log.warning("the change of airport %s could not be published: %s", name, error)


ROUTES = [
    web.get("/api/resource/Airport", listing),
    web.post("/api/resource/Airport", create),
    web.get("/api/resource/Airport/{name}", read),
    web.put("/api/resource/Airport/{name}", update),
    web.delete("/api/resource/Airport/{name}", delete),
]

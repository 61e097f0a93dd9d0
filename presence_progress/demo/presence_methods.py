"""What a site answers about presence that has our app: :mod:`presence_progress.site.presence` does
so in Frappe."""

from __future__ import annotations

import sqlite3

from aiohttp import web
from rq import Queue

from presence_progress import context, counts
from presence_progress.demo import hooks as demo_hooks
from presence_progress.demo.config import SHORT
from presence_progress.demo.errors import Invalid
from presence_progress.demo.request import (
    CONFIG,
    answer,
    arguments_of,
    in_thread,
    require_server,
    signed_in,
    with_database,
)
from presence_progress.demo.users import USERS

_KINDS = ("first_in", "last_out", "entered", "left")


async def people(request: web.Request) -> web.Response:
    await require_server(request)
    wanted = (await arguments_of(request))["users"]
    invisible = await with_database(request, _invisible)
    return answer(
        {
            user: {
                "name": USERS[user].full_name,
                "image": USERS[user].image,
                "invisible": user in invisible,
            }
            for user in wanted
            if user in USERS
        }
    )


def _invisible(db: sqlite3.Connection) -> set[str]:
    return {row["user"] for row in db.execute("SELECT user FROM invisible")}


async def set_invisible(request: web.Request) -> web.Response:
    arguments = await arguments_of(request)
    invisible, user = arguments.get("invisible"), arguments.get("user")
    if not isinstance(invisible, bool):
        raise Invalid("invisible is true or false.")
    if user:
        await require_server(request)
    user = user or (await signed_in(request)).id
    if user not in USERS:
        return answer(False)
    await with_database(request, _set_invisible, user, invisible)
    message = {"user": user, "invisible": invisible}
    await in_thread(counts.publish_realtime, "presence_settings", message, user=user)
    return answer(invisible)


def _set_invisible(db: sqlite3.Connection, user: str, invisible: bool) -> None:
    statement = "INSERT OR IGNORE INTO invisible VALUES (?)"
    db.execute(statement if invisible else "DELETE FROM invisible WHERE user = ?", (user,))


async def hooks(request: web.Request) -> web.Response:
    await require_server(request)
    named = request.app[CONFIG].hooks
    return answer([kind for kind in _KINDS if named.get(f"presence_{kind}")])


async def transitions(request: web.Request) -> web.Response:
    await require_server(request)
    told = (await arguments_of(request))["transitions"]

    def enqueue() -> None:
        queue = Queue(SHORT, connection=context.redis())
        site, named = context.site(), dict(request.app[CONFIG].hooks)
        queue.enqueue(demo_hooks.run_hooks, site, named, told)

    await in_thread(enqueue)
    return answer(None)


ROUTES = [
    web.post(f"/api/method/presence_progress.site.presence.{method.__name__}", method)
    for method in (people, set_invisible, hooks, transitions)
]

"""What ends sessions: users who are disabled, passwords that change, administrators who want it.

There are no passwords here, so that only the sessions are seen to. Events are those of Frappe with
this app.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from typing import Any

import redis
from aiohttp import web

from presence_progress import counts
from presence_progress.demo import sessions
from presence_progress.demo.errors import Forbidden, Missing
from presence_progress.demo.request import (
    answer,
    arguments_of,
    in_thread,
    signed_in,
    with_database,
)
from presence_progress.demo.users import ADMINISTRATOR, GUEST, USERS, User

log = logging.getLogger(__name__)


async def update_user(request: web.Request) -> web.Response:
    """Save a user's document: only whether the user is ``enabled``, and a ``new_password`` that may
    end all sessions with ``logout_all_sessions``, mean something."""
    editor = await signed_in(request)
    user = USERS.get(request.match_info["name"])
    if editor.id != ADMINISTRATOR:
        raise Forbidden(f"{editor.full_name} may not change users.")
    if user is None:
        raise Missing("There is no such user.")
    arguments = await arguments_of(request)

    def save(db: sqlite3.Connection) -> int:
        enabled = bool(arguments.get("enabled", sessions.is_enabled(db, user.id)))
        sessions.enable(db, user, enabled)
        ends = bool(arguments.get("new_password") and arguments.get("logout_all_sessions"))
        keep = request.cookies.get("sid", "")
        return sessions.close_sessions(db, user, keep) if ends or not enabled else 0

    ended = await with_database(request, save)
    await in_thread(announce_logouts, user, ended, by=editor)
    message = {"doctype": "User", "name": user.id, "modified": "now"}
    await in_thread(_publish, "doc_update", message, doctype="User", docname=user.id)
    return web.json_response({"data": {"name": user.id}})


async def update_password(request: web.Request) -> web.Response:
    """Change the password of the user who is signed in, and end their other sessions if that is
    wanted."""
    user = await signed_in(request)
    if (await arguments_of(request)).get("logout_all_sessions"):
        keep = request.cookies.get("sid", "")
        ended = await with_database(request, sessions.close_sessions, user, keep)
        await in_thread(announce_logouts, user, ended, by=user)
    return answer("/app")


def announce_logouts(user: User, count: int, *, by: User) -> None:
    """Publish what Frappe publishes of a row in its Activity Log for each session that has ended,
    and what this app adds: whose it was."""
    for _ in range(count if user != GUEST else 0):
        message = {"doctype": "Activity Log", "name": secrets.token_hex(5), "user": by.id}
        _publish("list_update", message)
        _publish("presence_rights", {"user": user.id}, user=user.id)


def _publish(event: str, message: dict[str, Any], **where: Any) -> None:
    try:
        counts.publish_realtime(event, message, **where)
    except redis.RedisError as error:
        log.warning("%s could not be published: %s", event, error)


ROUTES = [
    web.put("/api/resource/User/{name}", update_user),
    web.post("/api/method/frappe.core.doctype.user.user.update_password", update_password),
]

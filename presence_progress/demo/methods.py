"""The methods under ``/api/method/`` that Frappe itself has: signing in, and what its forms ask.

Answers have Frappe's shapes and its status codes; what a person asks that makes no sense is
refused, never an error of ours.
"""

from __future__ import annotations

import json
import sqlite3

from aiohttp import web

from presence_progress.demo import accounts, airports, sessions, users
from presence_progress.demo.errors import Invalid, Missing, NotSignedIn
from presence_progress.demo.queries import read_query
from presence_progress.demo.request import (
    answer,
    arguments_of,
    in_thread,
    permitted,
    signed_in,
    text_of,
    with_database,
)

# --- signing in -----------------------------------------------------------------------------------


async def login(request: web.Request) -> web.Response:
    user = users.find(text_of(await arguments_of(request), "usr"))
    if user is None:
        raise NotSignedIn(f"There is no such user. Sign in as one of: {', '.join(users.USERS)}.")
    if not await with_database(request, sessions.is_enabled, user.id):
        raise NotSignedIn(f"{user.full_name} is disabled.")
    sid = await with_database(request, sessions.open_session, user)
    response = web.json_response(
        {"message": "Logged In", "home_page": "/", "full_name": user.full_name}
    )
    response.set_cookie("sid", sid, httponly=True, samesite="Lax", max_age=sessions.LIFETIME)
    for name, value in (("user_id", user.id), ("full_name", user.full_name)):
        response.set_cookie(name, value, samesite="Lax", max_age=sessions.LIFETIME)
    return response


async def logout(request: web.Request) -> web.Response:
    if sid := request.cookies.get("sid"):
        user = await with_database(request, sessions.user_of, sid)
        await with_database(request, sessions.close_session, sid)
        await in_thread(accounts.announce_logouts, user, 1, by=user)
    response = web.json_response({})
    for name in ("sid", "user_id", "full_name"):
        response.del_cookie(name)
    return response


async def get_logged_user(request: web.Request) -> web.Response:
    return answer((await signed_in(request)).id)


# --- what a form or a list asks -------------------------------------------------------------------


async def get_user_info_for_viewers(request: web.Request) -> web.Response:
    await signed_in(request)
    wanted = (await arguments_of(request)).get("users")
    try:
        names = json.loads(wanted) if isinstance(wanted, str) else wanted
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list):
        raise Invalid("users is a JSON list of user ids.")
    found = [users.USERS[name] for name in names if isinstance(name, str) and name in users.USERS]
    return answer(
        {
            user.id: {
                "fullname": user.full_name,
                "image": user.image,
                "name": user.id,
                "email": user.id if "@" in user.id else "admin@example.com",
            }
            for user in found
        }
    )


async def get_count(request: web.Request) -> web.Response:
    arguments = await arguments_of(request)
    _require_airport(text_of(arguments, "doctype"))
    await permitted(request, "read")
    return answer(await with_database(request, _counted, arguments))


def _counted(db: sqlite3.Connection, arguments: dict[str, object]) -> int:
    return airports.counted(db, read_query(arguments))


def _require_airport(doctype: str) -> None:
    if doctype != airports.DOCTYPE:
        raise Missing(f"DocType {doctype[:40]} not found.")


ROUTES = [
    web.post("/api/method/login", login),
    web.route("*", "/api/method/logout", logout),
    *(
        web.route(method, f"/api/method/{name}", handler)
        for method in ("GET", "POST")
        for name, handler in (
            ("frappe.auth.get_logged_user", get_logged_user),
            ("frappe.desk.form.load.get_user_info_for_viewers", get_user_info_for_viewers),
            ("frappe.client.get_count", get_count),
            ("frappe.desk.reportview.get_count", get_count),
        )
    ),
]

"""The methods that a realtime server asks, as three versions of Frappe answer them.

v15 has an endpoint for each kind of permission and takes a session's id from the query, too; v16
has one for all of them and answers only to who shows the bench's secret; develop also takes which
right is meant. Refusals have the shape of Frappe's own: an ``exception``, never a ``message``.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from presence_progress import context
from presence_progress.demo import airports, sessions, users
from presence_progress.demo.errors import ApiError, Forbidden, Invalid, Missing
from presence_progress.demo.queries import read_query
from presence_progress.demo.request import (
    CONFIG,
    answer,
    arguments_of,
    in_thread,
    permitted,
    require_server,
    text_of,
    user_of,
    with_database,
)
from presence_progress.demo.users import ADMINISTRATOR, GUEST, Right

INSTALLED_APPS = ["frappe", "presence_progress"]
SECRET_KEY = "socketio_auth_secret"

_Method = Callable[[web.Request], Awaitable[web.Response]]


class MissingArgument(ApiError):
    """A whitelisted function called without one of its parameters."""

    exc_type = "TypeError"


async def get_user_info(request: web.Request) -> web.Response:
    is_v15 = request.app[CONFIG].frappe == "v15"
    if not is_v15 and request.headers.get("X-Frappe-Socket-Secret") != await in_thread(_secret):
        return answer({})
    user = await user_of(request)
    info: dict[str, object]
    if not is_v15:
        info = {"user": user.id, "user_type": user.user_type, "installed_apps": INSTALLED_APPS}
    else:
        # The type is noted when somebody signs in: neither guests nor tokens have done so.
        has_session = "Authorization" not in request.headers and not user.is_guest
        info = {"user": user.id, "user_type": user.user_type if has_session else None}
    ended = user.is_guest and (request.cookies.get("sid") or "Guest") != "Guest"
    return web.json_response({**({"session_expired": 1} if ended else {}), "message": info})


async def has_permission(request: web.Request) -> web.Response:
    arguments = await _required(request, "doctype", "name")
    is_write = request.app[CONFIG].frappe == "develop" and arguments.get("ptype") == "write"
    return await _may(request, "write" if is_write else "read", arguments["name"])


async def can_subscribe_doc(request: web.Request) -> web.Response:
    arguments = await _required(request, "doctype", "docname")
    return await _may(request, "read", arguments["docname"])


async def can_subscribe_doctype(request: web.Request) -> web.Response:
    await _required(request, "doctype")
    return await _may(request, "read", "")


async def look(request: web.Request) -> web.Response:
    """What a site answers that has our app: :mod:`presence_progress.site.rights` does so in
    Frappe."""
    await require_server(request)
    arguments = await arguments_of(request)
    users_of = {
        sid: await with_database(request, sessions.user_of, sid) for sid in arguments["sessions"]
    }
    found = {sid: user for sid, user in users_of.items() if not user.is_guest}
    return answer(
        {
            "users": {sid: user.id for sid, user in found.items()},
            "types": {user.id: user.user_type for user in found.values()},
            "may_read": [await may_read(request, *question) for question in arguments["questions"]],
        }
    )


async def count(request: web.Request) -> web.Response:
    """What a site answers that has our app: :mod:`presence_progress.site.queries` does so in
    Frappe."""
    await require_server(request)
    questions = (await arguments_of(request))["questions"]
    return answer([await _counted(request, *question) for question in questions])


async def _counted(
    request: web.Request, user: str, doctype: str, filters: str, _: bool
) -> dict[str, object]:
    if not await may_read(request, user, doctype, ""):
        return {"reason": "not permitted"}
    if doctype != airports.DOCTYPE:
        return {"value": 0}
    try:
        query = read_query({"filters": filters})
    except Invalid:
        return {"reason": "bad filters"}
    return {"value": await with_database(request, airports.counted, query)}


ERROR_LOG = "Error Log"
"""Frappe's own, in which the demo has no documents: who may read it sees tracebacks."""
_DOCTYPES = airports.DOCTYPE, airports.NOTE


async def may_read(request: web.Request, user: str, doctype: str, name: str) -> bool:
    """Return whether a user may read a document, or with an empty name a DocType."""
    if doctype == ERROR_LOG:
        return user == ADMINISTRATOR and not name
    has_right = "read" in users.USERS.get(user, GUEST).rights and doctype in _DOCTYPES
    return has_right and (not name or await with_database(request, airports.exists, name))


async def _required(request: web.Request, *names: str) -> dict[str, str]:
    arguments = await arguments_of(request)
    for name in names:
        if name not in arguments:
            raise MissingArgument(f"missing 1 required positional argument: '{name}'")
    return {name: text_of(arguments, name) for name in arguments}


async def _may(request: web.Request, right: Right, name: str) -> web.Response:
    doctype = text_of(await arguments_of(request), "doctype")
    if doctype == ERROR_LOG:
        if not await may_read(request, (await user_of(request)).id, doctype, name):
            raise Forbidden(f"Only Administrator may read the {ERROR_LOG}.")
        return answer(True)
    if doctype not in _DOCTYPES:
        raise Missing(f"DocType {doctype[:40]} not found")
    # Rights first: who may not read learns nothing about what there is.
    await permitted(request, right)
    if name and not await with_database(request, airports.exists, name):
        raise Missing(f"Airport {name[:40]} not found")
    return answer(True)


def _secret() -> str:
    """Return the bench's secret, which the first one who is asked makes."""
    redis = context.redis()
    redis.set(SECRET_KEY, secrets.token_hex(16), nx=True)
    found: bytes = redis.get(SECRET_KEY)
    return found.decode()


def _as_frappe(name: str, method: _Method, versions: tuple[str, ...]) -> _Method:
    """Answer as Frappe does, which does not know every method in every version."""

    async def handle(request: web.Request) -> web.Response:
        try:
            if request.app[CONFIG].frappe not in versions:
                raise Invalid(f"Failed to get method for command frappe.realtime.{name}")
            return await method(request)
        except ApiError as error:
            exception = f"frappe.exceptions.{error.exc_type}: {error}"
            return web.json_response(
                {"exception": exception, "exc_type": error.exc_type}, status=error.status
            )

    return handle


ROUTES = [
    web.route(verb, f"/api/method/frappe.realtime.{name}", _as_frappe(name, method, versions))
    for verb in ("GET", "POST")
    for name, method, versions in (
        ("get_user_info", get_user_info, ("v15", "v16", "develop")),
        ("has_permission", has_permission, ("v16", "develop")),
        ("can_subscribe_doc", can_subscribe_doc, ("v15",)),
        ("can_subscribe_doctype", can_subscribe_doctype, ("v15",)),
    )
] + [
    web.post("/api/method/presence_progress.site.rights.look", look),
    web.post("/api/method/presence_progress.site.queries.count", count),
]

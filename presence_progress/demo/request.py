"""What a request carries: who asks, and with which arguments; and the one way to do blocking work
for it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiohttp import web

from presence_progress import context, keys, texts
from presence_progress.demo import database, sessions
from presence_progress.demo.config import Config
from presence_progress.demo.errors import Forbidden, Invalid, NotSignedIn
from presence_progress.demo.users import GUEST, Right, User, find_by_token, require

P = ParamSpec("P")
T = TypeVar("T")

CONFIG = web.AppKey("config", Config)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what blocks (SQLite, Redis, files) outside the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def with_database(
    request: web.Request,
    function: Callable[Concatenate[sqlite3.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a function in a thread, with a database connection as its first argument."""

    def run() -> T:
        with database.connect(request.app[CONFIG].database) as db:
            return function(db, *args, **kwargs)

    return await in_thread(run)


async def user_of(request: web.Request) -> User:
    """Return who asks, by a session or else by a token; whoever has no valid session is a guest."""
    sid = request.cookies.get("sid")
    if request.app[CONFIG].frappe == "v15":
        sid = request.query.get("sid") or sid
    user = await with_database(request, sessions.user_of, sid) if sid else GUEST
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if token and user.is_guest:
        found = find_by_token(token) if scheme.lower() in ("token", "bearer") else None
        if found is None:
            raise NotSignedIn("The token is not valid.")
        return found
    return user


async def signed_in(request: web.Request) -> User:
    user = await user_of(request)
    if user.is_guest:
        raise Forbidden("Sign in first.")
    return user


async def permitted(request: web.Request, right: Right) -> User:
    """Return who asks, who has this right to airports."""
    user = await user_of(request)
    require(user, right)
    return user


async def require_server(request: web.Request) -> None:
    """Raise :class:`Forbidden` for whoever does not show the secret of the realtime servers."""
    shown = request.headers.get(keys.SECRET_HEADER, "")
    secret = await in_thread(context.redis().get, keys.SECRET)
    if not secret or shown.encode(errors="replace") != secret:
        raise Forbidden("This is for the realtime server of the bench.")


async def arguments_of(request: web.Request) -> dict[str, Any]:
    """Return the arguments as Frappe's ``form_dict``: the query, and a form or a JSON object over
    it."""
    arguments: dict[str, Any] = dict(request.query)
    if request.method in ("POST", "PUT"):
        try:
            if request.content_type == "application/json":
                body = json.loads(await request.text() or "{}")
            else:
                body = dict(await request.post())
            is_unicode = texts.is_all_unicode(body)
        except (ValueError, LookupError, RecursionError) as error:
            raise Invalid("The body of the request cannot be read.") from error
        if not isinstance(body, dict):
            raise Invalid("The body of the request is a JSON object.")
        if not is_unicode:
            raise Invalid("The request contains invalid Unicode.")
        arguments.update(body)
    return arguments


def text_of(arguments: dict[str, Any], name: str) -> str:
    """Return an argument that is a text, or a number in place of one; anything else counts as
    missing, which is ``""``."""
    value = texts.number_as_name(arguments.get(name))
    return value if isinstance(value, str) else ""


def answer(message: object) -> web.Response:
    """Answer as Frappe's methods do."""
    return web.json_response({"message": message})

"""The site: answers what a realtime server asks Frappe, always yes, at once.

Except what the attacks need to be as slow as Frappe: sessions that nobody has asked about yet, and
counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from benchmarks.realtime.clients import SITE

SLOW = 0.02
"""Seconds for who a session of many is, or for one count."""
_workers = asyncio.Semaphore(8)
"""Web workers of the site, for what is slow."""


def _user_of(sid: str) -> str:
    return f"user{sid.removeprefix('s').partition('.')[0]}@bench"


async def _user(request: web.Request) -> web.Response:
    sid = request.cookies["sid"]
    if "." in sid:
        async with _workers:
            await asyncio.sleep(SLOW)
    user = {"user": _user_of(sid), "user_type": "System User", "installed_apps": ["frappe"]}
    return web.json_response({"message": user})


async def _yes(_: web.Request) -> web.Response:
    return web.json_response({"message": True})


async def _people(request: web.Request) -> web.Response:
    users = json.loads(request.query["users"])
    return web.json_response(
        {"message": {user: {"fullname": user, "image": None} for user in users}}
    )


async def _look(request: web.Request) -> web.Response:
    asked = await request.json()
    users = {sid: _user_of(sid) for sid in asked["sessions"]}
    answer = {"users": users, "may_read": [True] * len(asked["questions"])}
    return web.json_response({"message": answer})


async def _counts(request: web.Request) -> web.Response:
    """Answer each count with the time, in ms: what it was asked after is seen from it."""
    answers = []
    async with _workers:
        for _ in (await request.json())["questions"]:
            await asyncio.sleep(SLOW)
            answers.append({"value": time.monotonic_ns() // 1_000_000})
    return web.json_response({"message": answers})


@web.middleware
async def _only_this_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.headers.get("X-Frappe-Site-Name", SITE) != SITE:
        raise web.HTTPNotFound(text="no such site")
    return await handler(request)


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    app = web.Application(middlewares=[_only_this_site])
    app.router.add_get("/readyz", _health)
    app.router.add_get("/api/method/frappe.realtime.get_user_info", _user)
    app.router.add_get("/api/method/frappe.realtime.has_permission", _yes)
    people = "/api/method/frappe.desk.form.load.get_user_info_for_viewers"
    app.router.add_get(people, _people)
    app.router.add_post("/api/method/presence_progress.site.rights.look", _look)
    app.router.add_post("/api/method/presence_progress.site.queries.count", _counts)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()

"""The site: answers what a realtime server asks Frappe, always yes, at once."""

from __future__ import annotations

import argparse
import json

from aiohttp import web


async def _user(request: web.Request) -> web.Response:
    number = request.cookies["sid"].removeprefix("s")
    user = {"user": f"user{number}@bench", "user_type": "System User", "installed_apps": ["frappe"]}
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
    users = {sid: f"user{sid.removeprefix('s')}@bench" for sid in asked["sessions"]}
    answer = {"users": users, "may_read": [True] * len(asked["questions"])}
    return web.json_response({"message": answer})


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    app = web.Application()
    app.router.add_get("/readyz", _health)
    app.router.add_get("/api/method/frappe.realtime.get_user_info", _user)
    app.router.add_get("/api/method/frappe.realtime.has_permission", _yes)
    people = "/api/method/frappe.desk.form.load.get_user_info_for_viewers"
    app.router.add_get(people, _people)
    app.router.add_post("/api/method/presence_progress.site.rights.look", _look)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()

"""The pages a person opens, and the files that they load. What is on a page is the front end's;
here it only gets its boot."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from presence_progress import languages
from presence_progress.demo import users
from presence_progress.demo.avatars import portrait
from presence_progress.demo.config import PAGES, SITE, STATIC, Config
from presence_progress.demo.request import CONFIG, answer, in_thread, user_of
from presence_progress.demo.users import User

_PLACEHOLDER = "__BOOT__"
_NO_CACHE = {"Cache-Control": "no-cache"}
# As Frappe's base.html has it: callbacks are collected in the head, and the scripts come last.
_READY = (
    "<script>frappe.ready_events = []; window.socketio_port = frappe.boot.socketio_port;"
    " frappe.ready = (callback) => { frappe.ready_events.push(callback); };</script>"
)
_SCRIPTS = (
    '\n<script src="/static/website.js"></script>'
    '\n<script src="/static/presence_progress_web.js"></script>\n'
)


async def app_page(request: web.Request) -> web.StreamResponse:
    return await _for_signed_in(request, "app.html")


async def count_page(request: web.Request) -> web.StreamResponse:
    return await _for_signed_in(request, "count.html")


async def gallery_page(request: web.Request) -> web.StreamResponse:
    """Show every component in every state; it needs no server behind it, and nobody signed in."""
    return await _page(request, "gallery.html", await user_of(request))


async def snapshot(_: web.Request) -> web.Response:
    """Answer a page that nobody has told its rooms for seconds: our server is there, and will."""
    return answer({"server": True, "rooms": []})


async def messages(request: web.Request) -> web.Response:
    """Answer what a site answers that has our app: :mod:`presence_progress.site.languages` does so
    in Frappe."""
    found = await in_thread(languages.messages, request.query.get("language", ""))
    return answer(found)


async def login_page(request: web.Request) -> web.StreamResponse:
    return await _page(request, "login.html", await user_of(request))


async def own_page(request: web.Request) -> web.StreamResponse:
    """Show a page that a person has saved in the data folder, with what Frappe puts around a Web
    Page; to guests, too, as Frappe does."""
    user = await user_of(request)
    folder = request.app[CONFIG].own_pages
    path = await in_thread(_path_in, folder, f"{request.match_info['name']}.html")
    if path is None:
        raise web.HTTPNotFound(text=f"There is no such page. Save one in {folder} and reload.")
    body = await in_thread(path.read_text, encoding="utf-8", errors="replace")
    boot = _script_safe(_boot(request.app[CONFIG], user))
    head = (
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
        f"<script>window.frappe = {boot};</script>\n{_READY}\n"
    )
    response = web.Response(
        text=head + body + _SCRIPTS, content_type="text/html", headers=_NO_CACHE
    )
    if user.is_guest:
        # Without any session the realtime server would not even ask who this is.
        response.set_cookie("sid", "Guest", httponly=True, samesite="Lax")
    return response


async def static_file(request: web.Request) -> web.StreamResponse:
    path = await in_thread(_path_in, STATIC, request.match_info["path"])
    if path is None:
        raise web.HTTPNotFound(text="There is no such file.")
    return web.FileResponse(path, headers=_NO_CACHE)


async def avatar(request: web.Request) -> web.Response:
    picture = portrait(request.match_info["name"])
    if picture is None:
        raise web.HTTPNotFound(text="There is no such picture.")
    return web.Response(text=picture, content_type="image/svg+xml", headers=_NO_CACHE)


async def healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def missing_pages() -> list[Path]:
    """Return what the front end's build has not made yet."""
    needed = [PAGES / name for name in ("app.html", "login.html", "count.html", "gallery.html")]
    return [path for path in (*needed, STATIC) if not path.exists()]


def _path_in(folder: Path, name: str) -> Path | None:
    """Return the file of that name, None when there is none in the folder itself."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (ValueError, OSError):  # a NUL byte, or a name that is too long
        return None


def _to_login(request: web.Request) -> web.HTTPFound:
    return web.HTTPFound(f"/login?redirect-to={quote(request.path_qs, safe='/')}")


async def _for_signed_in(request: web.Request, name: str) -> web.StreamResponse:
    user = await user_of(request)
    if user.is_guest:
        raise _to_login(request)
    return await _page(request, name, user)


async def _page(request: web.Request, name: str, user: User) -> web.Response:
    try:
        page = await in_thread((PAGES / name).read_text, encoding="utf-8")
    except FileNotFoundError:
        raise web.HTTPServiceUnavailable(
            text=f"The page {name} is missing: build the front end with `make build` (needs Node)."
        ) from None
    boot = _script_safe(_boot(request.app[CONFIG], user))
    return web.Response(
        text=page.replace(_PLACEHOLDER, boot, 1), content_type="text/html", headers=_NO_CACHE
    )


def _boot(config: Config, user: User) -> dict[str, object]:
    """Return what a page knows before it asks; the parts that Frappe's boot has too are named as
    there."""
    return {
        "boot": {
            "sitename": SITE,
            "socketio_port": config.realtime_port,
            "assets_json": _assets(),
        },
        "session": {
            "user": user.id,
            "user_fullname": user.full_name,
            "user_image": user.image,
            "can_read": "read" in user.rights,
            "can_write": "write" in user.rights,
        },
        "users": [
            {"name": who.id, "fullname": who.full_name, "image": who.image, "can": who.can}
            for who in users.USERS.values()
        ],
    }


def _assets() -> dict[str, str]:
    """Return where each bundle is, as Frappe tells its pages."""
    return {
        f"{path.stem}.bundle.js": f"/static/{path.name}"
        for path in STATIC.glob("presence_progress*.js")
    }


def _script_safe(value: object) -> str:
    """Return JSON that can stand in a script element: nothing in it can end the element."""
    text = json.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


ROUTES = [
    web.get("/", app_page),
    web.get("/airport/{icao}", app_page),
    web.get("/login", login_page),
    web.get("/count", count_page),
    web.get("/gallery", gallery_page),
    web.get("/api/method/presence_progress.site.languages.messages", messages),
    web.get("/api/method/presence_progress.site.rooms.snapshot", snapshot),
    web.get("/try/{name}", own_page),
    web.get("/static/{path:.+}", static_file),
    web.get("/files/{name}.svg", avatar),
    web.get("/healthz", healthz),
]

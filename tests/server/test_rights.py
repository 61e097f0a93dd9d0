"""Rights stay true: asked again while somebody stands on them, and at once on Frappe's signals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from presence_progress import counts
from presence_progress.demo import accounts, database
from presence_progress.demo.users import ADMINISTRATOR, USERS
from presence_progress.server.access import Access, Identity
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.engine import end_tasks
from presence_progress.server.questions import Questions
from presence_progress.server.rights import Rights
from presence_progress.server.sessions import Session
from presence_progress.settings import Limits, Settings
from tests.server.conftest import SITE, Client, Connect, Process, Stack, session_of
from tests.server.faults import Fault, Faults, Forward, answer

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"


async def no_to_viewer(request: web.Request, forward: Forward) -> web.StreamResponse:
    """Answer as a site with the app would that has taken a right away."""
    answer = json.loads(cast(web.Response, await forward()).text or "")
    for index, (user, _, _) in enumerate((await request.json())["questions"]):
        answer["message"]["may_read"][index] = user != VIEWER
    return web.json_response(answer)


def no_to(sid: str) -> Fault:
    """Answer no to a session that asks in its user's name, and to others what the site says."""

    async def fault(request: web.Request, forward: Forward) -> web.StreamResponse:
        if request.cookies.get("sid") == sid:
            return web.json_response({"exc_type": "PermissionError"}, status=403)
        return await forward()

    return fault


no_such_method = answer(HTTPStatus.EXPECTATION_FAILED, '{"exc_type": "ValidationError"}')


SIGNALS: dict[str, dict[str, Any]] = {
    "update_user_permissions": {"event": "update_user_permissions", "user": VIEWER},
    "a role taken away": {
        "event": "doc_update",
        "message": {"doctype": "User", "name": VIEWER, "modified": "now"},
        "doctype": "User",
        "docname": VIEWER,
    },
    "a share taken away": {
        "event": "doc_update",
        "message": {"doctype": "DocShare", "name": "x", "modified": "now"},
        "doctype": "DocShare",
        "docname": "x",
    },
}


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
async def test_whoever_loses_the_right_is_ejected_at_once(
    guarded: Process, faults: Faults, sign_in: Connect, signal: dict[str, Any], has_app: bool
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(ROOM)
        await client.say("presence_enter", DOCUMENT)
        await client.say("doc_subscribe", "Airport", "KJFK")
        await client.settle()
    with (
        faults.during("has_permission", fault=no_to(viewer.sid)),
        faults.during("look", fault=no_to_viewer if has_app else no_such_method),
    ):
        counts.publish_realtime(**signal)
        denied = await viewer.wait_for("room_denied", lambda m: m["room"] == ROOM)
        assert denied["reason"] == "not permitted"
        await editor.wait_for_leave(VIEWER)
        await viewer.settle()
        viewer.forget()
        counts.publish_realtime("secret", doctype="Airport", docname="KJFK")
        await editor.say("presence_update", {**DOCUMENT, "activity": "editing"})
        await editor.wait_for("secret")
        await editor.wait_for("room_change", lambda m: EDITOR in m["set"])
        await viewer.settle()
    assert [event for event, _ in viewer.heard] == ["pong"]
    assert not [m for event, m in editor.heard if event == "room_denied"]


async def test_a_session_that_ends_takes_its_sockets_along(
    stack: Stack, guarded: Process, sign_in: Connect
) -> None:
    here, elsewhere = await sign_in(VIEWER, guarded), await sign_in(VIEWER, guarded)
    for client in (here, elsewhere):
        await client.watch(ROOM)
    gone = asyncio.Event()
    here.socket.on("disconnect", gone.set, namespace=f"/{SITE}")
    with database.connect(stack.database) as db:
        db.execute("DELETE FROM session WHERE sid = ?", (here.sid,))
    # Frappe logs a logout, and publishes that the log has a new row.
    counts.publish_realtime("list_update", {"doctype": "Activity Log", "name": "x", "user": VIEWER})
    await asyncio.wait_for(gone.wait(), 15)
    await elsewhere.settle()
    assert not [m for event, m in elsewhere.heard if event == "room_denied"]


async def test_many_sockets_of_a_user_ask_once(
    stack: Stack, guarded: Process, faults: Faults
) -> None:
    sid = await session_of(stack, VIEWER)
    clients = [await Client(sid).connect(guarded.url) for _ in range(10)]
    faults.forget()
    async with faults.held("has_permission"):
        for client in clients:
            await client.say("doc_subscribe", "Airport", "KJFK")
        await faults.wait_asked("has_permission")
    for client in clients:
        await client.settle()
        await client.socket.disconnect()
    assert len(faults.asked("has_permission")) == 1


async def test_a_page_of_a_list_is_asked_for_at_once(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    faults.forget()
    async with faults.held("has_permission"):
        for number in range(10):
            await viewer.say("room_watch", f"presence:Airport/{number}")
        # One after the other, the second would wait for the first one's answer.
        await faults.wait_asked("has_permission", count=Limits.requests_per_user)
    await faults.wait_asked("has_permission", count=10)


# --- whatever waits, whatever is under way --------------------------------------------------------


async def eject_viewer(viewer: Client) -> None:
    """Take the right away that a site with the app is asked about, and wait until it is noticed."""
    counts.publish_realtime("update_user_permissions", user=VIEWER)
    fate = {"room": ROOM, "reason": "not permitted"}
    await viewer.wait_for("room_denied", lambda m: m == fate)
    assert [m for event, m in viewer.heard if event == "room_denied" and m["room"] == ROOM] == [
        fate
    ]


async def hears_nothing(viewer: Client, editor: Client) -> None:
    """Change all that can be heard of the document; the viewer hears none of it."""
    await viewer.settle()
    viewer.forget()
    counts.publish_realtime("secret", doctype="Airport", docname="KJFK")
    for activity in ("editing", "viewing"):
        await editor.say("presence_update", {**DOCUMENT, "activity": activity})
        await editor.wait_for("room_change", lambda m: EDITOR in m["set"])
        editor.forget()
    await viewer.settle()
    assert [event for event, _ in viewer.heard] == ["pong"]


async def test_a_thousand_events_in_line_do_not_hold_an_ejection_up(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(ROOM)
        await client.say("presence_enter", DOCUMENT)
        await client.say("doc_subscribe", "Airport", "KJFK")
        await client.settle()
    with faults.during("look", fault=no_to_viewer):
        async with faults.held("has_permission"):
            await viewer.say("room_watch", "presence:Airport/EDDB")  # waits for Frappe
            for _ in range(250):
                await viewer.say("room_watch", ROOM)
                await viewer.say("presence_enter", DOCUMENT)
                await viewer.say("doc_subscribe", "Airport", "KJFK")
                await viewer.say("doc_open", "Airport", "KJFK")
            await faults.wait_asked("has_permission")
            await eject_viewer(viewer)
            await editor.wait_for_leave(VIEWER)
            editor.forget()
        with faults.during("has_permission", fault=no_to(viewer.sid)):
            await viewer.settle()
            await hears_nothing(viewer, editor)
    assert not [m for event, m in editor.heard if event == "room_change" and VIEWER in m["set"]]


async def test_what_was_under_way_by_an_older_yes_does_not_come_back(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(ROOM)
    await editor.say("presence_enter", DOCUMENT)
    await editor.say("doc_subscribe", "Airport", "KJFK")
    await viewer.wait_until_there(ROOM, EDITOR)
    async with faults.held("people"):
        # It has a yes, and waits for how its user is shown.
        counts.publish_realtime("update_user_permissions", user=VIEWER)
        await viewer.wait_for("update_user_permissions")
        faults.questions.clear()
        await viewer.say("presence_enter", DOCUMENT)
        await faults.wait_asked("people")
        with faults.during("look", fault=no_to_viewer):
            await eject_viewer(viewer)
    denied = await viewer.wait_for("room_denied", lambda m: m["reason"] == "try again")
    assert denied["room"] == ROOM, "our clients ask again, and are judged anew"
    await hears_nothing(viewer, editor)
    assert not [m for event, m in editor.heard if event == "room_change" and VIEWER in m["set"]]


# --- sessions that somebody else ends -------------------------------------------------------------


async def put_user(stack: Stack, **changes: Any) -> None:
    """Save the viewer's user as an administrator does."""
    cookie = {"Cookie": f"sid={await session_of(stack, 'Administrator')}"}
    url = f"{stack.site.url}/api/resource/User/{VIEWER}"
    async with aiohttp.ClientSession(headers=cookie) as http, http.put(url, json=changes) as reply:
        assert reply.status == HTTPStatus.OK


async def reset_password(stack: Stack, sid: str) -> None:
    cookie = {"Cookie": f"sid={sid}"}
    method = "frappe.core.doctype.user.user.update_password"
    url, body = f"{stack.site.url}/api/method/{method}", {"logout_all_sessions": 1}
    async with aiohttp.ClientSession(headers=cookie) as http, http.post(url, json=body) as reply:
        assert reply.status == HTTPStatus.OK


async def log_out(stack: Stack, sid: str) -> None:
    async with aiohttp.ClientSession(headers={"Cookie": f"sid={sid}"}) as http:
        await http.post(f"{stack.site.url}/api/method/logout")


async def sweep(stack: Stack, sid: str) -> None:
    """End a session as the scheduler, or an administrator's command, does: it is logged in their
    name."""
    with database.connect(stack.database) as db:
        db.execute("DELETE FROM session WHERE sid = ?", (sid,))
    await asyncio.to_thread(accounts.announce_logouts, USERS[VIEWER], 1, by=USERS[ADMINISTRATOR])


END: dict[str, Callable[[Stack, str, str], Awaitable[None]]] = {
    "signed out in another tab": lambda stack, ended, _: log_out(stack, ended),
    "password changed elsewhere": lambda stack, _, kept: reset_password(stack, kept),
    "ended by the scheduler or a command": lambda stack, ended, _: sweep(stack, ended),
    "ended by an administrator": lambda stack, *_: put_user(
        stack, new_password="x", logout_all_sessions=1
    ),
    "user disabled": lambda stack, *_: put_user(stack, enabled=0),
}


@pytest.mark.parametrize("end", END.values(), ids=END)
async def test_a_session_that_anybody_ends_hears_nothing_from_then_on(
    stack: Stack, server: Process, sign_in: Connect, end: Callable[..., Awaitable[None]]
) -> None:
    viewer, kept = await sign_in(VIEWER, server), await sign_in(VIEWER, server)
    editor = await sign_in(EDITOR, server)
    gone = asyncio.Event()
    viewer.socket.on("disconnect", gone.set, namespace=f"/{SITE}")
    try:
        await end(stack, viewer.sid, kept.sid)
        # Long before it would be asked for without a signal.
        await asyncio.wait_for(gone.wait(), 15)
    finally:
        await put_user(stack, enabled=1)
    counts.publish_realtime("private", user=VIEWER)
    await editor.settle()
    assert "private" not in [event for event, _ in viewer.heard]
    assert editor.socket.connected


ENDINGS = {
    "deleted": "DELETE FROM session WHERE sid = ?",
    "expired": "UPDATE session SET expires = 0 WHERE sid = ?",
    "its user disabled": "INSERT INTO disabled SELECT user FROM session WHERE sid = ?",
}


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
@pytest.mark.parametrize("statement", ENDINGS.values(), ids=ENDINGS)
async def test_a_session_that_ends_without_a_word_is_found_out_when_it_is_checked(
    stack: Stack, access: Access, monkeypatch: pytest.MonkeyPatch, statement: str, has_app: bool
) -> None:
    if not has_app:
        monkeypatch.setattr(access.app, "lacks", lambda *_: True)
    dropped: asyncio.Queue[Session] = asyncio.Queue()

    def drop(session: Session, why: str) -> None:
        assert why == "session ended"
        dropped.put_nowait(session)

    rights = Rights(access, drop, renewal=0.01, interval=0.01)
    ended, living = [
        cast(Session, Seat(user, await session_of(stack, user))) for user in (VIEWER, EDITOR)
    ]
    for session in (ended, living):
        rights.come(session)
    running = asyncio.ensure_future(rights.run())
    with database.connect(stack.database) as db:
        db.execute(statement, (ended.identity.sid,))
        try:
            assert await asyncio.wait_for(dropped.get(), 10) is ended
        finally:
            db.execute("DELETE FROM disabled")
    assert dropped.empty()
    await end_tasks(running)


class Seat:
    """As much of a session as it takes to ask whose it is."""

    def __init__(self, user: str, sid: str) -> None:
        self.identity = Identity(SITE, user, "System User", {"Cookie": f"sid={sid}"}, ())


@pytest.fixture
async def access(stack: Stack) -> AsyncIterator[Access]:
    settings = Settings(redis_url=stack.redis_server.url, site_url=stack.site.url)
    redis = connect(settings)
    questions = Questions(settings, redis)
    yield Access(questions, redis)
    await questions.close()
    await disconnect(redis)

"""Rights stay true: asked again while somebody stands on them, and at once on Frappe's signals."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, cast

import pytest
from aiohttp import web

from presence_progress import counts
from presence_progress.demo import database
from presence_progress.settings import FRAPPE_QUESTIONS
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
        await faults.wait_asked("has_permission", count=10)


async def test_a_site_is_never_asked_more_at_once_than_it_can_bear(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    faults.forget()
    async with faults.held("has_permission"):
        for client in (viewer, editor):
            for number in range(20):
                await client.say("room_watch", f"presence:Airport/{number}")
        await faults.wait_asked("has_permission", count=FRAPPE_QUESTIONS)
        # That nothing more comes can only be waited for.
        with pytest.raises(AssertionError, match="not asked"):
            await faults.wait_asked("has_permission", count=FRAPPE_QUESTIONS + 1, seconds=0.5)
    await faults.wait_asked("has_permission", count=40)

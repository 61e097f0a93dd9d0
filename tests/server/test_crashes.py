"""What is promised is still true after something was killed: a server, Redis, Frappe."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
import socketio

from presence_progress import counts
from tests.server.conftest import NAMESPACE, Client, Connect, Process, Stack, close, session_of

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"


async def watched_from_elsewhere(stack: Stack, sign_in: Connect) -> tuple[Process, Process, Client]:
    """Start two servers: the editor is in the document on the second, watched from the first."""
    here, there = stack.start_server(), stack.start_server()
    watcher, editor = await sign_in(VIEWER, here), await sign_in(EDITOR, there)
    # He bears a server that stands still for longer than browsers do, which would come again.
    editor.socket.eio.ping_timeout = 60
    await editor.say("presence_enter", DOCUMENT)
    await editor.settle()
    await watcher.watch(ROOM)
    return here, there, watcher


async def test_one_user_on_two_servers_is_one_viewer(own_stack: Stack, sign_in: Connect) -> None:
    first, second = own_stack.start_server(), own_stack.start_server()
    watcher = await sign_in(VIEWER, first)
    here, there = await sign_in(EDITOR, first), await sign_in(EDITOR, second)
    await here.say("presence_enter", DOCUMENT)
    await here.settle()
    await watcher.watch(ROOM)
    await there.say("presence_enter", {**DOCUMENT, "activity": "editing"})
    await watcher.wait_for("room_change", lambda m: m["set"][EDITOR]["activity"] == "editing")
    await there.say_goodbye()
    await watcher.wait_for("room_change", lambda m: m["set"][EDITOR]["activity"] == "viewing")
    await here.say_goodbye()
    await watcher.wait_for("room_change", lambda m: m["unset"] == [EDITOR])
    assert sum(len(change["unset"]) for change in watcher.changes(ROOM)) == 1


@pytest.mark.parametrize("kill", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_server_that_ends_takes_its_viewers_along_but_only_once(
    own_stack: Stack, sign_in: Connect, kill: bool
) -> None:
    _, doomed, watcher = await watched_from_elsewhere(own_stack, sign_in)
    doomed.stop(kill=kill)
    await watcher.wait_for("room_change", lambda m: m["unset"] == [EDITOR])
    assert len(watcher.changes(ROOM)) == 1


@pytest.mark.parametrize("kill", [True, False], ids=["SIGKILL", "SIGTERM"])
async def test_a_viewer_who_moves_to_another_server_never_flickers(
    own_stack: Stack, sign_in: Connect, kill: bool
) -> None:
    survivor, doomed, watcher = await watched_from_elsewhere(own_stack, sign_in)
    doomed.stop(kill=kill)
    moved = await sign_in(EDITOR, survivor)
    await moved.say("presence_enter", DOCUMENT)
    await moved.settle()
    # Something to be seen after all that has happened: it is the first change, none came before.
    await moved.say("presence_update", {**DOCUMENT, "activity": "idle"})
    change = await watcher.wait_for("room_change")
    assert change["unset"] == [] and watcher.changes(ROOM) == [change]


async def test_a_redis_that_comes_back_empty_is_told_everything_again(
    own_stack: Stack, sign_in: Connect
) -> None:
    server = own_stack.start_server()
    watcher, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await editor.say("presence_enter", {**DOCUMENT, "activity": "editing"})
    await editor.settle()
    before = await watcher.watch(ROOM)
    assert EDITOR in before["state"]
    watcher.forget()
    own_stack.redis_server.stop()
    own_stack.redis_server.start()

    def is_back(message: dict[str, Any]) -> bool:
        return bool(message["epoch"] not in ("", before["epoch"]))

    # Either the change that puts the viewer back comes after the fresh state, or it is in it.
    await watcher.wait_for("room_state", lambda m: m["room"] == ROOM)
    while True:
        now = await watcher.watch(ROOM)
        if EDITOR in now["state"]:
            break
        watcher.forget()
    assert is_back(now) and now["state"][EDITOR]["activity"] == "editing"
    counts.publish_realtime("after", user=VIEWER)
    await watcher.wait_for("after")


async def test_a_server_that_is_paused_finds_its_viewers_again(
    own_stack: Stack, sign_in: Connect
) -> None:
    _, paused, watcher = await watched_from_elsewhere(own_stack, sign_in)
    os.kill(paused.pid, signal.SIGSTOP)
    try:
        await watcher.wait_for("room_change", lambda m: m["unset"] == [EDITOR])
    finally:
        os.kill(paused.pid, signal.SIGCONT)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["set"])


async def test_while_frappe_is_away_nobody_is_let_in_and_nobody_is_refused_for_good(
    own_stack: Stack, sign_in: Connect
) -> None:
    server = own_stack.start_server()
    viewer = await sign_in(VIEWER, server)
    sid = await session_of(own_stack, EDITOR)
    own_stack.site.stop()
    await viewer.say("room_watch", ROOM)
    assert await viewer.wait_for("room_denied") == {"room": ROOM, "reason": "try again"}

    late = socketio.AsyncClient(reconnection=False)
    refusals: list[Any] = []
    late.on("connect_error", refusals.append, namespace=NAMESPACE)
    headers = {"Cookie": f"sid={sid}", "Origin": "http://127.0.0.1:8000"}
    await late.connect(server.url, headers, namespaces=[NAMESPACE], wait=False)
    await asyncio.wait_for(late.wait(), 30)
    assert refusals == [], "a refused stock client never tries again; one that is cut off does"

    own_stack.site.start()
    await viewer.watch(ROOM)
    again = await Client(sid).connect(server.url)
    await close(again.socket)
    await close(late)

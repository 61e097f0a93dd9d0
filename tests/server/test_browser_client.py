"""The server driven by the JavaScript client that browsers have, over WebSocket and over
polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from presence_progress import counts
from tests.server.clients import HAS_NPM, MISSING, NPM_NEWEST, Kind, Node, Socket
from tests.server.conftest import SITE, Connect, Process, Stack, session_of

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"

pytestmark = pytest.mark.skipif(not HAS_NPM, reason=MISSING)

Open = Callable[..., Awaitable[Socket]]


@pytest.fixture
async def browse(stack: Stack) -> AsyncIterator[Open]:
    """Return a function that opens a connection for a user and waits until it is there."""
    node = await Node.start(NPM_NEWEST)

    async def open_one(user: str, server: Process, transport: str) -> Socket:
        cookie = f"sid={await session_of(stack, user)}"
        options = {
            "transports": [transport],
            "extraHeaders": {"cookie": cookie, "origin": "http://127.0.0.1:8000"},
            "reconnectionAttempts": 100,
            "reconnectionDelay": 100,
            "reconnectionDelayMax": 500,
        }
        socket = node.open(Kind(NPM_NEWEST, transport), user, SITE, server.url, options)
        assert await socket.wait_until("connect") == transport
        return socket

    yield open_one
    await node.close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_browser_watches_enters_and_leaves(
    server: Process, browse: Open, sign_in: Connect, transport: str
) -> None:
    watcher = await sign_in(VIEWER, server)
    await watcher.watch(ROOM)
    browser = await browse(EDITOR, server, transport)
    await browser.say("room_watch", ROOM)
    state = await browser.wait_for("room_state")
    assert state["room"] == ROOM
    await browser.say("presence_enter", {**DOCUMENT, "activity": "editing"})
    # There may be others before: who has left in another test is soon not shown as such any more.
    change = await browser.wait_for("room_change", lambda m: EDITOR in m["set"])
    assert change["set"][EDITOR]["activity"] == "editing" and change["epoch"]
    counts.publish_realtime("count", {"count": 7}, user=EDITOR)
    assert await browser.wait_for("count") == {"count": 7}
    await browser.say("doc_open", "Airport", "KJFK")
    await browser.say("ping")
    await browser.wait_for("pong")
    await browser.say("room_watch", "count:user:somebody/else")
    assert (await browser.wait_for("room_denied"))["reason"] == "not permitted"
    watcher.forget()
    await browser.disconnect()
    await watcher.wait_for_leave(EDITOR)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_thousand_changes_arrive_in_order(
    server: Process, browse: Open, transport: str
) -> None:
    browser = await browse(VIEWER, server, transport)
    await browser.say("room_watch", "count:website/many")
    seq = (await browser.wait_for("room_state"))["seq"]
    await asyncio.to_thread(lambda: [counts.add("many", scope="website") for _ in range(1000)])
    await browser.wait_for("room_change", lambda m: len(browser.messages("room_change")) >= 1000)
    changes = [change["seq"] for change in browser.messages("room_change")]
    first = changes[0] if seq == 0 else seq + 1
    assert changes == list(range(first, first + 1000))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_browser_comes_back_by_itself_after_a_restart(
    stack: Stack, browse: Open, transport: str
) -> None:
    server = stack.start_server()
    browser = await browse(VIEWER, server, transport)
    browser.forget()
    server.stop()
    assert await browser.wait_until("disconnect") in ("transport close", "transport error")
    server.start()
    assert await browser.wait_until("connect") == transport

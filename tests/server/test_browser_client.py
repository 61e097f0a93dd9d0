"""The server driven by the JavaScript client that browsers have, over WebSocket and over
polling."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from presence_progress import counts
from tests.server.conftest import NAMESPACE, Connect, Process, Stack, session_of

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"
SCRIPT = Path(__file__).parent / "browser.mjs"
HAS_CLIENT = (SCRIPT.parents[2] / "frontend/node_modules/socket.io-client").is_dir()

pytestmark = pytest.mark.skipif(
    not HAS_CLIENT or not shutil.which("node"),
    reason="needs Node and frontend/node_modules: `make frontend` installs them",
)


class Browser:
    """A Node process with socket.io-client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[list[Any]] = []

    async def say(self, event: str, *arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([event, *arguments]).encode() + b"\n")
        await self._process.stdin.drain()

    async def wait_for(self, event: str, matches: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for the next such event; what comes before it is heard and let pass."""
        assert self._process.stdout
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), 20)
            assert line, f"the client has ended; it heard {self.heard}"
            self.heard.append(json.loads(line))
            name, *arguments = self.heard[-1]
            if name == event and matches(arguments[0] if arguments else None):
                return arguments[0] if arguments else None

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 10)


Open = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def browse(stack: Stack) -> AsyncIterator[Open]:
    """Return a function that opens a connection for a user and waits until it is there."""
    browsers: list[Browser] = []

    async def open_one(user: str, server: Process, transport: str) -> Browser:
        process = await asyncio.create_subprocess_exec(
            *(
                "node",
                str(SCRIPT),
                server.url + NAMESPACE,
                await session_of(stack, user),
                transport,
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        browsers.append(Browser(process))
        assert await browsers[-1].wait_for("connect") == transport
        return browsers[-1]

    yield open_one
    for browser in browsers:
        await browser.close()


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
    change = await browser.wait_for("room_change")
    assert change["set"][EDITOR]["activity"] == "editing" and change["epoch"]
    counts.publish_realtime("count", {"count": 7}, user=EDITOR)
    assert await browser.wait_for("count") == {"count": 7}
    await browser.say("doc_open", "Airport", "KJFK")
    await browser.say("ping")
    await browser.wait_for("pong")
    await browser.say("room_watch", "count:user:somebody/else")
    assert (await browser.wait_for("room_denied"))["reason"] == "not permitted"
    watcher.forget()
    await browser.say("disconnect")
    await watcher.wait_for_leave(EDITOR)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_thousand_changes_arrive_in_order(
    server: Process, browse: Open, transport: str
) -> None:
    browser = await browse(VIEWER, server, transport)
    await browser.say("room_watch", "count:website/many")
    seq = (await browser.wait_for("room_state"))["seq"]
    await asyncio.to_thread(lambda: [counts.add("many", scope="website") for _ in range(1000)])
    for number in range(1, 1001):
        change = await browser.wait_for("room_change")
        if seq == 0 and number == 1:
            seq = change["seq"] - 1
        assert change["seq"] == seq + number


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_browser_comes_back_by_itself_after_a_restart(
    stack: Stack, browse: Open, transport: str
) -> None:
    server = stack.start_server()
    browser = await browse(VIEWER, server, transport)
    server.stop()
    assert await browser.wait_for("disconnect") in ("transport close", "transport error")
    server.start()
    assert await browser.wait_for("connect") == transport

"""Everybody comes back at once, as after a restart: nothing of what they say is lost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from presence_progress import counts
from tests.server.conftest import NAMESPACE, Connect, Process, Stack, session_of

VIEWER, EDITOR = "viewer@example.com", "editor@example.com"
PAGES = 300


class Page:
    """A page that answers pings meanwhile, however long the others take."""

    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket
        self._packets: asyncio.Queue[str] = asyncio.Queue()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self._websocket:
            if message.data == "2":
                await self._websocket.send_str("3")
            else:
                self._packets.put_nowait(message.data)

    async def say(self, packet: str) -> None:
        await self._websocket.send_str(packet)

    async def until(self, text: str) -> None:
        """Wait for a packet that has this text in it."""
        while text not in await asyncio.wait_for(self._packets.get(), 30):
            pass

    async def close(self) -> None:
        await self._websocket.close()
        await self._reading


async def test_a_storm_of_pages_loses_nothing(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    # As many as each may have.
    sids = [await session_of(stack, user) for user in (VIEWER, EDITOR)]
    url = f"{server.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def connect(sid: str) -> Page:
            page = Page(await http.ws_connect(url, headers={"Cookie": f"sid={sid}"}))
            await page.say(f"40{NAMESPACE},")
            await page.until(f"40{NAMESPACE}")
            return page

        pages = await asyncio.gather(*(connect(sids[page % 2]) for page in range(PAGES)))
        for page in pages:
            for event in (
                ["task_subscribe", "a task"],
                ["doc_subscribe", "Airport", "KJFK"],
                ["doc_open", "Airport", "KJFK"],
                ["room_watch", "presence:Airport/EDDB"],
                ["ping"],
            ):
                await page.say(f"42{NAMESPACE},{json.dumps(event)}")
        await asyncio.gather(*(page.until('["pong"]') for page in pages))
        counts.publish_realtime("on the task", task_id="a task")
        counts.publish_realtime("on the document", doctype="Airport", docname="KJFK")
        for page in pages:
            await page.until("on the task")
            await page.until("on the document")
        editor = await sign_in(EDITOR, server)
        assert VIEWER in (await editor.watch("presence:Airport/KJFK"))["state"]
        await asyncio.gather(*(page.close() for page in pages))

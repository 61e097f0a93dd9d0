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


async def test_a_storm_of_pages_loses_nothing(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    sid = await session_of(stack, VIEWER)
    url = f"{server.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def connect() -> Any:
            page = await http.ws_connect(url, headers={"Cookie": f"sid={sid}"})
            await page.send_str(f"40{NAMESPACE},")
            await until(page, f"40{NAMESPACE}")
            return page

        pages = await asyncio.gather(*(connect() for _ in range(PAGES)))
        for page in pages:
            for event in (
                ["task_subscribe", "a task"],
                ["doc_subscribe", "Airport", "KJFK"],
                ["doc_open", "Airport", "KJFK"],
                ["room_watch", "presence:Airport/EDDB"],
                ["ping"],
            ):
                await page.send_str(f"42{NAMESPACE},{json.dumps(event)}")
        await asyncio.gather(*(until(page, '["pong"]') for page in pages))
        counts.publish_realtime("on the task", task_id="a task")
        counts.publish_realtime("on the document", doctype="Airport", docname="KJFK")
        for page in pages:
            await until(page, "on the task")
            await until(page, "on the document")
        editor = await sign_in(EDITOR, server)
        assert VIEWER in (await editor.watch("presence:Airport/KJFK"))["state"]
        await asyncio.gather(*(page.close() for page in pages))


async def until(page: Any, text: str) -> None:
    """Wait for a packet that has this text in it, and answer pings meanwhile."""
    while True:
        data: str = (await page.receive(timeout=30)).data
        if data == "2":
            await page.send_str("3")
        elif text in data:
            return

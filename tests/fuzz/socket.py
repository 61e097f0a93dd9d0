"""A client by hand: what it sends is not looked into first, what it hears is."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp

from tests.server.conftest import NAMESPACE

PATIENCE = 20
"""Seconds for an answer, on a machine that has much else to do."""
_PONG = f'42{NAMESPACE},["pong"]'
_EVENT = f"42{NAMESPACE},"


class Lost(Exception):
    """The server has ended the connection, or does not answer."""


class Socket:
    """One connection over a WebSocket, in the site's namespace."""

    def __init__(self, http: aiohttp.ClientSession, url: str, sid: str) -> None:
        self._http, self._url = http, f"{url}/socket.io/?EIO=4&transport=websocket"
        self._headers = {"Cookie": f"sid={sid}", "Origin": "http://127.0.0.1:8000"}
        self._socket: Any = None

    async def open(self) -> None:
        await self.close()
        self._socket = await self._http.ws_connect(self._url, headers=self._headers, max_msg_size=0)
        await self.send(f"40{NAMESPACE},")
        while not (await self.receive()).startswith("40"):
            pass

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def send(self, *frames: str | bytes) -> None:
        try:
            for frame in frames:
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)
        except ConnectionError as error:
            raise Lost(repr(error)) from error

    async def receive(self, until: float | None = None) -> str:
        """Return the next frame that is no heartbeat."""
        until = until or time.monotonic() + PATIENCE
        while True:
            try:
                message = await self._socket.receive(max(0.1, until - time.monotonic()))
            except asyncio.TimeoutError:
                raise Lost("no answer") from None
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise Lost(f"{message.type.name} {message.data}")
            if message.data != "2":
                return str(message.data)
            await self._socket.send_str("3")

    async def hear(self, *frames: str | bytes, pongs: int = 1) -> list[list[Any]]:
        """Send, and return all events up to the answer to a ping behind it: an event's answers come
        before that."""
        await self.send(*frames, f'42{NAMESPACE},["ping"]')
        until = time.monotonic() + PATIENCE
        heard = []
        while pongs:
            frame = await self.receive(until)
            if frame == _PONG:
                pongs -= 1
            elif frame.startswith(_EVENT):
                heard.append(json.loads(frame[len(_EVENT) :]))
        return heard

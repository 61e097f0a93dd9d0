"""One frame to many sockets: in order over every transport, and bounded for who does not read."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from engineio.packet import MESSAGE, Packet  # type: ignore[import-untyped]

from presence_progress import counts, rooms
from presence_progress.server.bus import Event
from presence_progress.server.fanout import Fanout
from tests.server.conftest import (
    NAMESPACE,
    SITE,
    Client,
    Connect,
    Process,
    Stack,
    close,
    session_of,
)
from tests.server.test_engine import Raw, serve
from tests.server.test_websocket import Wire

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"


class Stalled:
    """A WebSocket that reads nothing until it is told to, through the smallest buffer there is."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._reader = asyncio.StreamReader()

    async def connect(self, url: str, sid: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (host, int(port)))
        await self._say(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
            f"Host: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n"
            f"Sec-WebSocket-Version: 13\r\nCookie: sid={sid}\r\n\r\n"
        )
        await self._read_until("101 Switching Protocols")
        await self._frame(f"40{NAMESPACE},")
        await self._read_until(f"40{NAMESPACE}")

    async def say(self, event: str, *arguments: Any) -> None:
        await self._frame(f"42{NAMESPACE}," + json.dumps([event, *arguments]))

    async def _frame(self, text: str) -> None:
        assert len(text) < 126
        # A client's frames are masked: with zeros, they are what they were.
        header = bytes([0x81, 0x80 | len(text)]) + bytes(4)
        await asyncio.get_running_loop().sock_sendall(self._socket, header + text.encode())

    async def _say(self, text: str) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, text.encode())

    async def _read_until(self, text: str) -> None:
        await asyncio.wait_for(self.read(until=text), 10)

    async def read(self, until: str = "") -> str:
        """Read until a text has come, or all until the server hangs up."""
        seen = b""
        while data := await asyncio.get_running_loop().sock_recv(self._socket, 65536):
            seen += data
            if until and until.encode() in seen[-len(data) - len(until) :]:
                break
        return seen.decode(errors="replace")

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """End without a word, as a process does that is killed with data unread."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()


@pytest.fixture
async def stalled(stack: Stack, server: Process) -> AsyncIterator[Stalled]:
    stalled = Stalled()
    await stalled.connect(server.url, await session_of(stack, VIEWER))
    yield stalled
    stalled.close()


async def test_who_does_not_read_is_cut_off_and_costs_the_others_nothing(
    server: Process, sign_in: Connect, stalled: Stalled
) -> None:
    editor = await sign_in(EDITOR, server)
    for number in range(150):
        await asyncio.to_thread(
            counts.publish_realtime, "big", [number, "x" * 200_000], room="website"
        )
        await until_big(editor, number)
    assert [m[0] for event, m in editor.heard if event == "big"] == list(range(150))
    assert "[149," not in await asyncio.wait_for(stalled.read(), 30), "it was cut off before"


async def until_big(client: Client, number: int) -> None:
    await client.wait_for("big", lambda m: m[0] == number)


async def test_who_is_behind_gets_a_room_whole_once_caught_up(
    stack: Stack, server: Process, sign_in: Connect, stalled: Stalled
) -> None:
    room = "count:website/big"
    editor = await sign_in(EDITOR, server)
    await stalled.say("room_watch", room)
    await stalled._read_until("room_state")

    def write(number: int) -> None:
        value = f"{number:04}" + "x" * 100_000
        rooms.run(stack.redis, rooms.set_call(SITE, room, 60, {"value": value}))

    for number in range(400):
        await asyncio.to_thread(write, number)
        # It lives, and says so: that it does not read is no reason to end it.
        await stalled._frame("3")
    # Who watched the room himself might be behind, too: this tells that the server is through.
    await asyncio.to_thread(counts.publish_realtime, "written", user=EDITOR)
    await editor.wait_for("written", seconds=60)
    caught_up = await asyncio.wait_for(stalled.read(until='"value":"0399'), 30)
    assert caught_up.count("room_change") < 300, "changes were left out"
    assert "room_state" in caught_up.partition("room_change")[2], "and the room was sent whole"
    await asyncio.to_thread(write, 400)
    await asyncio.wait_for(stalled.read(until='"value":"0400'), 30)


# Not over polling: this client takes no more than 16 packets at once. test_browser_client does so.
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
async def test_a_stream_stays_in_order_whatever_carries_it(
    stack: Stack, server: Process, transports: list[str]
) -> None:
    sid = await session_of(stack, EDITOR)
    are_there = threading.Event()

    def count() -> None:
        for number in range(3000):
            if number == 2500:
                are_there.wait(60)
            counts.publish_realtime("number", number, user=EDITOR)

    clients = [Client(sid) for _ in range(5)]
    # Some are there from the start, others come, and upgrade, in the middle of it.
    for client in clients[:2]:
        await client.connect(server.url, *transports)
    stream = asyncio.ensure_future(asyncio.to_thread(count))
    for client in clients[2:]:
        await client.connect(server.url, *transports)
    are_there.set()
    await stream
    for client in clients:
        await client.wait_for("number", lambda m: m == 2999, seconds=30)
        numbers = [m for event, m in client.heard if event == "number"]
        assert numbers == list(range(numbers[0], 3000)), "in order, and without a gap"
        await client.socket.disconnect()


async def test_who_vanishes_in_the_middle_of_a_broadcast_is_missed_by_nobody(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    sid = await session_of(stack, VIEWER)
    vanishing = [Stalled() for _ in range(20)]
    for one in vanishing:
        await one.connect(server.url, sid)

    def count() -> None:
        for number in range(2000):
            counts.publish_realtime("number", [number, "x" * 1000], room="website")

    stream = asyncio.ensure_future(asyncio.to_thread(count))
    for wanted, one in enumerate(vanishing):
        await until_number(editor, wanted * 50)
        one.reset()
    await stream
    await until_number(editor, 1999)
    assert [m[0] for event, m in editor.heard if event == "number"] == list(range(2000))


async def until_number(client: Client, number: int) -> None:
    await client.wait_for("number", lambda m: m[0] == number)


@pytest.mark.parametrize("length", [0, 100, 125, 126, 127, 65_535, 65_536, 300_000])
async def test_a_frame_of_any_length_arrives(
    server: Process, sign_in: Connect, length: int
) -> None:
    editor = await sign_in(EDITOR, server)
    counts.publish_realtime("long", "ü" * (length // 2), user=EDITOR)
    counts.publish_realtime("after", user=EDITOR)
    await editor.wait_for("after")
    assert editor.heard[0] == ("long", "ü" * (length // 2))


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_large_messages_that_come_at_once_arrive(
    stack: Stack, server: Process, transports: list[str]
) -> None:
    """More than may wait for a client that does not read: this one has had no time to."""
    client = await Client(await session_of(stack, EDITOR)).connect(server.url, *transports)
    # A little less than this client itself takes over a WebSocket.
    size, count = 4_000_000, 4
    pipeline = stack.redis.pipeline(transaction=False)
    for number in range(count):
        message = {"event": "large", "message": [number, "x" * size], "room": f"user:{EDITOR}"}
        pipeline.publish("events", json.dumps({**message, "namespace": SITE}))
    await asyncio.to_thread(pipeline.execute)
    await client.wait_for("large", lambda m: m[0] == count - 1, seconds=30)
    assert [(m[0], len(m[1])) for _, m in client.heard] == [(n, size) for n in range(count)]
    await close(client.socket)


async def test_a_broadcast_waits_once_for_all_who_are_behind() -> None:
    async with serve() as own, aiohttp.ClientSession() as http:
        fanout, raw = Fanout(), Raw(http, own.url)
        for _ in range(20):
            await raw.open()
        connections = list(own.sio.eio.sockets.values())
        for connection in connections:
            fanout.join(SITE, connection, "room")
        fanout.to_room(SITE, "room", "large", "x" * 5_000_000)
        waiting = {id(connection._line.packets[-1]) for connection in connections}
        assert len(waiting) == 1 and connections[0].backlog > 5_000_000
        assert not any(connection.closed for connection in connections)


async def test_whoever_polls_and_lets_too_much_wait_is_cut_off() -> None:
    async with serve(backlog=1000) as own, aiohttp.ClientSession() as http:
        fanout, raw = Fanout(), Raw(http, own.url)
        reader, idler = [own.sio.eio.sockets[await raw.open()] for _ in range(2)]
        for connection in (reader, idler):
            fanout.join(SITE, connection, None)
        for number in range(200):
            fanout.to_everybody(Event("event", msgspec.Raw(b'"%0100d"' % number)))
            if number % 30 == 0:
                assert (await raw.poll(reader.sid))[0] == 200
        assert idler.closed and not reader.closed
        assert (await raw.poll(idler.sid))[0] == 400


async def test_a_large_message_that_is_being_read_delays_no_ping_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serve() as own:
        wire = await Wire.connect(own, receive_buffer=4096)
        await wire.shake_hands()
        await wire.hear()
        [connection] = own.sio.eio.sockets.values()
        connection.put(Packet(MESSAGE, "x" * 20_000_000))
        connection.ping()
        # Time's up, but it has read some of what is before the ping.
        await wire.reader.readexactly(10_000_000)
        connection.time_out()
        assert not connection.closed
        monkeypatch.setattr(own.sio.eio, "ping_timeout", 0)
        connection.time_out()
        assert connection.closed
        wire.writer.close()

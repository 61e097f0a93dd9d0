"""A subscription that has gone deaf is noticed, made anew, and doubted: what it missed is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from presence_progress import counts
from presence_progress.server.bus import read_event
from tests.server.conftest import Connect, Stack

EDITOR = "editor@example.com"


class Relay:
    """Stands between a server and Redis; deafened, it loses what subscribers would be told.

    New connections hear again: as after a failover of a proxy that forgot whom it had.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._deafened: set[asyncio.StreamWriter] = set()
        self._subscribers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def deafen(self) -> int:
        """Let who subscribes now hear nothing more; returns how many those are."""
        self._deafened |= self._subscribers
        return len(self._deafened)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._port)
        answers = asyncio.ensure_future(self._answer(from_redis, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if b"SUBSCRIBE" in data:
                    self._subscribers.add(writer)
                to_redis.write(data)
        answers.cancel()
        self._subscribers.discard(writer)
        to_redis.close()
        writer.close()

    async def _answer(self, from_redis: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await from_redis.read(65536):
            if writer not in self._deafened:
                writer.write(data)

    async def stop(self) -> None:
        self._server.close()


@pytest.fixture
async def relay(stack: Stack) -> AsyncIterator[Relay]:
    relay = Relay(stack.redis_server.port)
    await relay.start()
    yield relay
    await relay.stop()


async def test_a_deaf_subscription_is_repaired_and_watched_rooms_are_sent_whole(
    stack: Stack, relay: Relay, sign_in: Connect
) -> None:
    server = await asyncio.to_thread(stack.start_server, "--redis", relay.url)
    counts.set("deaf", 1, scope="website")
    editor = await sign_in(EDITOR, server)
    await editor.watch("count:website/deaf")
    assert relay.deafen() == 1
    counts.set("deaf", 2, scope="website")
    await editor.wait_for("room_state", lambda m: m["state"] == {"value": 2}, seconds=30)
    counts.set("deaf", 3, scope="website")
    await editor.wait_for("room_change", lambda m: m["set"] == {"value": 3})
    assert not [m for event, m in editor.heard if event == "room_change" and m["seq"] == 2]
    await asyncio.to_thread(server.stop)


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "1", '{"event": 1}', '{"event": "e", "room": 1}', "[" * 100_000, b"\xff"],
)
def test_what_is_no_event_is_none(data: str | bytes) -> None:
    assert read_event(data) is None


def test_an_event_is_read_with_what_json_does_not_have_as_null() -> None:
    event = read_event(
        '{"event": "e", "message": [NaN, -Infinity, 1], "room": "", "namespace": "s"}'
    )
    assert event and event.message == [None, None, 1]
    assert (event.room, event.site) == (None, "s")

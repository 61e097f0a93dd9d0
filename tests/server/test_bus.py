"""A subscription that has gone deaf is noticed, made anew, and doubted: what it missed is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import ResponseError

from presence_progress import counts
from presence_progress.server.bus import read_event
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.subscription import Subscription, cut
from presence_progress.settings import Settings
from tests.server.conftest import SITE, Connect, Process, Stack

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


ON = b"$7\r\nmessage\r\n$6\r\nevents\r\n"
SENT = (
    b"*3\r\n$9\r\nsubscribe\r\n$6\r\nevents\r\n:1\r\n"
    + b"*3\r\n" + ON + b"$5\r\na\r\nb\r\r\n"
    + b">3\r\n" + ON + b"$0\r\n\r\n"
    + b">3\r\n$7\r\nmessage\r\n$6\r\ncanary\r\n$1\r\nc\r\n"
    + b"*3\r\n" + ON + b"$1\r\nd\r\n"
)  # fmt: skip
MESSAGES = [(b"events", b"a\r\nb\r"), (b"events", b""), (b"canary", b"c"), (b"events", b"d")]


def test_what_redis_sends_is_cut_into_messages_wherever_it_is_broken_off() -> None:
    assert cut(SENT) == (MESSAGES, b"")
    for at in range(len(SENT)):
        begun, rest = cut(SENT[:at])
        ended, nothing = cut(rest + SENT[at:])
        assert begun + ended == MESSAGES and nothing == b""


def test_an_error_of_redis_is_raised() -> None:
    with pytest.raises(ResponseError, match="NOPERM"):
        cut(b"-NOPERM no permission for the channel\r\n")


async def test_a_redis_py_of_another_make_is_read_its_own_way(
    client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncio.StreamReader", dict)
    redis = connect(Settings(redis_url=redis_url))
    subscription = await Subscription.open(redis, "odd")
    try:
        client.publish("odd", "heard")
        messages: list[Any] = []
        while not messages:
            messages = await subscription.read(5)
        assert messages == [(b"odd", b"heard")]
    finally:
        await subscription.close()
        await disconnect(redis)


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "1", '{"event": 1}', '{"event": "e", "room": 1}', "[" * 100_000, b"\xff"],
)
def test_what_is_no_event_is_none(data: str | bytes) -> None:
    assert read_event(data if isinstance(data, bytes) else data.encode()) is None


def test_an_event_is_read_with_what_json_does_not_have_as_null() -> None:
    event = read_event(
        b'{"event": "e", "message": [NaN, -Infinity, 1], "room": "", "namespace": "s"}'
    )
    assert event and event.value == [None, None, 1]
    assert (event.room, event.site) == ("", "s")


async def test_what_cannot_be_delivered_stops_nothing_behind_it(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    odd = f'{{"event":"room_change","message":7,"room":"presence:","namespace":"{SITE}"}}'
    with stack.redis.pipeline() as at_once:
        for number in range(100):
            at_once.publish("events", odd)
            at_once.publish(
                "events",
                f'{{"event":"n","message":{number},"room":"user:{EDITOR}","namespace":"{SITE}"}}',
            )
        at_once.execute()
    await editor.wait_for("n", lambda number: number == 99)
    assert [number for event, number in editor.heard if event == "n"] == list(range(100))

"""Answers belong to their callers: any mixture of calls, bad values, failing scripts, lost
connections and callers who give up leaves each caller with its own answer or an error.

A real Redis, behind a proxy that cuts connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError, ResponseError

from presence_progress import rooms
from presence_progress.server.calls import Calls
from presence_progress.server.connection import connect, disconnect
from presence_progress.settings import Settings
from tests.conftest import RedisServer

SITE = "seam"
ROOMS = [f"count:user:u{number}/private" for number in range(6)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        with redis.Redis.from_url(server.url) as client:
            for number, room in enumerate(ROOMS):
                rooms.run(client, rooms.set_call(SITE, room, 600, {"value": number}))
            client.set("presence_progress:{seam/count:site/broken}", "no hash")
        yield server


class Proxy:
    """Stands before Redis, and resets a connection once so many bytes of replies have passed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.left: int | None = None
        self.cuts = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, redis_writer}
        there = asyncio.ensure_future(self._pass(reader, redis_writer))
        back = asyncio.ensure_future(self._pass(redis_reader, writer, is_reply=True))
        with contextlib.suppress(OSError):
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        await asyncio.gather(there, back, return_exceptions=True)
        for one in (writer, redis_writer):
            self._writers.discard(one)
            one.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_reply: bool = False
    ) -> None:
        while data := await reader.read(1 << 16):
            if is_reply and self.left is not None:
                data, self.left = data[: self.left], self.left - len(data)
                if self.left <= 0:
                    self.left = None
                    self.cuts += 1
                    writer.write(data)
                    reset = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, reset
                    )
                    return
            writer.write(data)


def _raise(_: Any) -> Any:
    raise ValueError("unreadable")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, len(ROOMS) - 1)),
        st.tuples(st.just("note"), st.integers(0, len(ROOMS) - 1)),
        st.tuples(st.just("give up"), st.integers(0, 3)),
        st.tuples(st.just("surrogate"), st.sampled_from(["room", "value", "before"])),
        st.tuples(st.sampled_from(["broken", "unreadable", "unknown script", "forget scripts"])),
        st.tuples(st.just("cut"), st.integers(0, 900)),
        st.tuples(st.just("turns"), st.integers(1, 6)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_each_caller_gets_its_own_answer_or_an_error(
    server: RedisServer, steps: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_run(server, steps))


async def _run(server: RedisServer, steps: list[tuple[Any, ...]]) -> None:
    proxy = Proxy(server.port)
    async with proxy.open() as port:
        client = connect(Settings(redis_url=f"redis://127.0.0.1:{port}"))
        calls = Calls(client)
        with redis.Redis.from_url(server.url) as direct:
            asked = [one for step in steps for one in [await _take(step, calls, proxy, direct)]]
        for step, answer in asked:
            await _judge(step, answer, proxy)
        proxy.left = None
        # Nothing stays behind for those who come later.
        states = await calls.run_all([rooms.snapshot_call(SITE, room) for room in ROOMS])
        assert [state.state for state in states] == [{"value": n} for n in range(len(ROOMS))]
        await calls.close()
        await disconnect(client)


async def _take(
    step: tuple[Any, ...], calls: Calls, proxy: Proxy, direct: Any
) -> tuple[tuple[Any, ...], asyncio.Future[Any] | None]:
    kind, *more = step
    answer: asyncio.Future[Any] | None = None
    if kind == "read":
        answer = calls.run(rooms.snapshot_call(SITE, ROOMS[more[0]]))
    elif kind == "note":
        before = [("SET", "seam:shared", "same"), ("GET", "seam:shared")]
        call = rooms.snapshot_call(SITE, ROOMS[more[0]])
        answer = calls.run(rooms.Call(call.script, call.keys, call.args, call.read, before))
    elif kind == "give up":
        given_up = calls.run(rooms.snapshot_call(SITE, ROOMS[0]))
        for _ in range(more[0]):
            await asyncio.sleep(0)
        given_up.cancel()
    elif kind == "surrogate":
        bad = "\ud83d"
        answer = calls.run(
            rooms.Call(
                "room_snapshot",
                [bad if more[0] == "room" else "seam:key"],
                [bad] if more[0] == "value" else [],
                lambda reply: reply,
                [("SET", "seam:bad", bad)] if more[0] == "before" else (),
            )
        )
    elif kind == "broken":
        answer = calls.run(rooms.snapshot_call(SITE, "count:site/broken"))
    elif kind == "unreadable":
        answer = calls.run(rooms.Call("room_snapshot", ["seam:key"], [], _raise))
    elif kind == "unknown script":
        answer = calls.run(rooms.Call("no_such_script", ["seam:key"], [], _raise))
    elif kind == "forget scripts":
        direct.script_flush()
    elif kind == "cut":
        proxy.left = more[0]
    elif kind == "turns":
        for _ in range(more[0]):
            await asyncio.sleep(0.001)
    return step, answer


async def _judge(step: tuple[Any, ...], answer: asyncio.Future[Any] | None, proxy: Proxy) -> None:
    if answer is None:
        return
    kind, *more = step
    try:
        got = await asyncio.wait_for(answer, 20)
    except (RedisError, OSError, ValueError) as error:
        expected: dict[str, type[Exception]] = {
            "surrogate": UnicodeEncodeError,
            "unknown script": FileNotFoundError,
            "unreadable": ValueError,
            "broken": ResponseError,
        }
        # Twice on one call is more than the one more try that each has.
        is_expected = isinstance(error, expected.get(kind, ()))
        assert is_expected or (isinstance(error, RedisError) and proxy.cuts > 1)
    else:
        assert kind in ("read", "note") and got.state == {"value": more[0]}


@pytest.mark.parametrize("passed", [0, 7])
async def test_a_reset_connection_is_tried_once_more(server: RedisServer, passed: int) -> None:
    proxy = Proxy(server.port)
    async with proxy.open() as port:
        client = connect(Settings(redis_url=f"redis://127.0.0.1:{port}"))
        calls = Calls(client)
        call = rooms.snapshot_call(SITE, ROOMS[3])
        assert (await calls.run(call)).state == {"value": 3}
        proxy.left = passed
        assert (await calls.run(call)).state == {"value": 3}
        assert proxy.cuts == 1
        await calls.close()
        await disconnect(client)

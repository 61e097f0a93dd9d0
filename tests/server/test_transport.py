"""What one connection can do to others, over raw bytes: it is slowed, has its turn like the others,
and what it never finishes ends. ``own`` is a server in the test's own process, with small limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from websockets.frames import Frame, Opcode

from presence_progress.server import http_protocol, metrics, websocket
from presence_progress.server.limits import RateLimit
from presence_progress.server.websocket import TURN
from presence_progress.settings import Limits
from tests.server.test_engine import ROOM, Own, Raw, serve, until
from tests.server.test_websocket import PING, Wire, more, text

WIDE = {"payload": 1_000_000, "events_per_second": 10**6, "events_burst": 10**6}
SLOW = {"events_per_second": 500, "events_burst": 20}


def event(name: object) -> str:
    return f'42{ROOM},["{name}"]'


@contextlib.asynccontextmanager
async def member(own: Own) -> AsyncIterator[Wire]:
    """Join the room over a WebSocket."""
    wire = await Wire.connect(own)
    try:
        await wire.shake_hands()
        wire.send(text(f"40{ROOM},"))
        while b"welcome" not in (await wire.hear()).data:
            pass
        yield wire
    finally:
        wire.writer.close()


def connection_of(own: Own) -> Any:
    [connection] = own.sio.eio.sockets.values()
    return connection


def limited(limit: str) -> float:
    value: float = metrics.LIMITED.labels(limit)._value.get()
    return value


async def hear_limited(wire: Wire) -> str:
    while b'"limited"' not in (said := bytes((await wire.hear()).data)):
        pass
    return said.decode()


# --- rates ----------------------------------------------------------------------------------------


async def test_a_burst_over_the_rate_loses_nothing_keeps_its_order_and_is_named_once() -> None:
    async with serve(**SLOW) as own, member(own) as wire:
        before, began = limited("events_per_second"), time.monotonic()
        wire.send(*(text(event(number)) for number in range(200)), PING)
        named = await hear_limited(wire)
        assert named.startswith(f'42{ROOM},["limited",{{"limit":"events_per_second"')
        assert '"retry_after":0.0' in named
        await wire.hear_pong()
        assert own.seen == [*map(str, range(200)), "ping"]
        assert time.monotonic() - began > 0.3
        assert not any(b"limited" in one.data for one in wire.frames)
        assert limited("events_per_second") == before + 1


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([text(event("unknown"))], id="events"),
        pytest.param([text("3")], id="pongs of Engine.IO"),
        pytest.param([text(f"43{ROOM},5[]")], id="acknowledgements of nothing"),
        pytest.param([Frame(Opcode.PING, b"")], id="pings"),
        pytest.param([Frame(Opcode.PONG, b"")], id="pongs"),
        pytest.param([text("3", fin=False), more("", fin=False), more("")], id="empty fragments"),
    ],
)
async def test_frames_of_every_kind_count(frames: list[Frame]) -> None:
    async with serve(**SLOW) as own, member(own) as wire:
        wire.send(*frames * 50)
        assert '"limit":"events_per_second"' in await hear_limited(wire)
        wire.send(PING)
        await wire.hear_pong()


async def test_over_an_unknown_uvicorn_the_rate_holds_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "WebSocketsSansIOProtocol", None)
    async with serve(**SLOW) as own, member(own) as wire:
        wire.send(*(text(event(number)) for number in range(100)), PING)
        assert '"limit":"events_per_second"' in await hear_limited(wire)
        await wire.hear_pong()
        assert own.seen == [*map(str, range(100)), "ping"]


async def test_bytes_over_the_rate_are_read_more_slowly() -> None:
    limits = {"bytes_burst": 5_000, "bytes_per_second": 100_000}
    async with serve(**limits) as own, member(own) as wire:
        wire.send(*[text(event("x" * 900))] * 40, PING)
        assert '"limit":"bytes_per_second"' in await hear_limited(wire)
        await wire.hear_pong()
        assert len(own.seen) == 41


async def test_a_post_over_the_rate_is_answered_later() -> None:
    async with serve(payload=100_000, **SLOW) as own, aiohttp.ClientSession() as http:
        raw = Raw(http, own.url)
        sid, began = await raw.open(ROOM), time.monotonic()
        assert await raw.post(sid, "\x1e".join(map(event, range(200)))) == (200, "ok")
        assert time.monotonic() - began > 0.3
        assert own.seen == [*map(str, range(200))]
        assert '["limited",{"limit":"events_per_second"' in (await raw.poll(sid))[1]


async def test_a_large_post_over_the_rate_is_answered_later() -> None:
    async with (
        serve(payload=100_000, bytes_per_second=100_000, bytes_burst=20_000) as own,
        aiohttp.ClientSession() as http,
    ):
        raw = Raw(http, own.url)
        sid, began = await raw.open(ROOM), time.monotonic()
        assert await raw.post(sid, event("x" * 60_000)) == (200, "ok")
        assert time.monotonic() - began > 0.3
        assert '["limited",{"limit":"bytes_per_second"' in (await raw.poll(sid))[1]


async def test_a_message_of_too_many_values_ends_its_connection_unread() -> None:
    before = limited("values")
    async with serve(values=100, **WIDE) as own, member(own) as wire, member(own) as other:
        wire.send(text(f'42{ROOM},["many",[{",".join("0" * 200)}]]'))
        assert '["limited",{"limit":"values"' in (await hear_limited(wire))
        assert await own.ends() == "parse error"
        other.send(text(f'42{ROOM},["few",[{",".join("0" * 90)}]]'), PING)
        await other.hear_pong()
        assert own.seen[-2:] == ["few", "ping"]
    assert limited("values") == before + 1


async def test_sockets_may_share_a_limit() -> None:
    limits = Limits(user_events_per_second=500, user_events_burst=20)
    async with serve() as own, member(own) as one, member(own) as other:
        shared = RateLimit(limits, "user_events", time.monotonic())
        for connection in own.sio.eio.sockets.values():
            connection.buckets.append(shared)
        one.send(*[text(event("mine"))] * 100)
        assert '"limit":"user_events_per_second"' in await hear_limited(one)
        other.send(*[text(event("too"))] * TURN, PING)
        assert '"limit":"user_events_per_second"' in await hear_limited(other)
        await other.hear_pong()
        one.send(PING)
        await one.hear_pong()
        assert own.seen.count("mine") == 100


async def test_a_socket_that_is_read_slowly_is_not_expected_to_answer_its_ping() -> None:
    limits = {"events_per_second": 1, "events_burst": 5}
    async with serve(**limits) as own, member(own) as wire:
        wire.send(*[text(event("x"))] * 2 * TURN)
        await hear_limited(wire)
        # Its pong would be behind what has not been read.
        assert connection_of(own).held_until > time.monotonic()


async def test_a_socket_that_stays_over_its_rate_ends() -> None:
    limits = {**SLOW, "throttled_seconds": 0}
    async with serve(**limits) as own, member(own) as wire:
        wire.send(*[text("3")] * 200)
        assert await own.ends() == "too many events"
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                await wire.hear()


async def test_a_socket_that_pauses_is_not_over_its_rate_all_the_time() -> None:
    limits = {"events_per_second": 100, "events_burst": 1, "throttled_seconds": 0}
    async with serve(**limits) as own, member(own):
        connection = connection_of(own)
        await until(lambda: connection.held_until < time.monotonic() - 0.05)
        assert connection.charge(TURN, 0) > 0
        connection.held_until -= 2  # which is how long ago it was read from again
        assert connection.charge(TURN, 0) > 0 and not connection.closed


# --- turns ----------------------------------------------------------------------------------------


def posting(sid: str, *packets: str) -> bytes:
    body = "\x1e".join(packets).encode()
    head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


MANY = 5_000


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([text(event("flood"))] * MANY, id="texts"),
        pytest.param([text(f"43{ROOM},5[]")] * MANY, id="packets the library reads"),
        pytest.param([Frame(Opcode.PING, b"")] + [text(event("flood"))] * MANY, id="odd frames"),
        pytest.param([text("3", fin=False)] + [more("", fin=False)] * MANY + [more("")], id="none"),
    ],
)
async def test_a_flood_over_a_websocket_lets_others_have_their_turn(frames: list[Frame]) -> None:
    async with serve(**WIDE) as own, member(own) as flooder, member(own) as other:
        flooder.send(*frames, text(event("end")))
        other.send(PING)
        await until(lambda: "end" in own.seen)
        events = [name for name in own.seen if name != "flood"]
        assert events == ["ping", "end"]


async def test_a_flood_in_a_post_lets_others_have_their_turn() -> None:
    async with serve(**WIDE) as own, member(own) as other, aiohttp.ClientSession() as http:
        sid = await Raw(http, own.url).open(ROOM)
        flooder = await Wire.connect(own)
        hear = own.sio.on_event

        def hear_and_ping(namespace: str, sid: str, heard: list[Any], *more: Any) -> None:
            hear(namespace, sid, heard, *more)
            if heard[0] == "begin":
                other.send(PING)

        own.sio.on_event = hear_and_ping
        flooder.writer.write(posting(sid, event("begin"), *["3"] * MANY, event("end")))
        await until(lambda: "end" in own.seen)
        assert own.seen == ["begin", "ping", "end"]
        flooder.writer.close()


async def test_a_flood_is_read_on_after_each_turn_and_when_its_client_is_gone_it_is_not() -> None:
    async with serve(**WIDE) as own:
        async with member(own) as wire:
            wire.send(*[text(event("flood"))] * MANY)
            await until(lambda: "flood" in own.seen)
            connection_of(own)._websocket._transport.abort()
        await until(lambda: not own.sio.eio.sockets)
        assert own.seen[-1] == "transport close" and len(own.seen) % TURN == 1


# --- pongs ----------------------------------------------------------------------------------------


async def test_of_the_pongs_that_a_client_does_not_read_only_the_latest_waits() -> None:
    async with serve() as own, member(own) as wire:
        connection = connection_of(own)
        # As the event loop does when the client does not read, and when it reads again.
        connection._websocket.pause_writing()
        wire.send(*(Frame(Opcode.PING, b"%d" % number) for number in range(100)), PING)
        await until(lambda: own.seen == ["ping"])
        connection._websocket.resume_writing()
        pong = await wire.hear()
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"99")
        await wire.hear_pong()


async def test_of_the_probes_that_a_client_does_not_read_none_is_answered() -> None:
    async with serve() as own, aiohttp.ClientSession() as http:
        raw = Raw(http, own.url)
        sid = await raw.open(ROOM)
        async with raw.websocket(sid=sid) as socket:
            await socket.send_str("2probe")
            assert await socket.receive_str() == "3probe"
            upgrading = own.sio.eio.sockets[sid].upgrading._websocket
            upgrading.pause_writing()
            for _ in range(10):
                await socket.send_str("2probe")
            await socket.send_str("5")
            await until(lambda: own.sio.eio.sockets[sid].upgraded)
            upgrading.resume_writing()
            await socket.send_str(event("ping"))
            assert "3probe" not in await socket.receive_str()


# --- HTTP -----------------------------------------------------------------------------------------


async def answer_to(own: Own, *request: bytes) -> bytes:
    """Send a request, and return all that is answered until the server closes the connection."""
    wire = await Wire.connect(own)
    for part in request:
        wire.writer.write(part)
        await asyncio.sleep(0)
    try:
        return await asyncio.wait_for(wire.reader.read(), 20)
    finally:
        wire.writer.close()


GET = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


async def test_a_head_that_does_not_come_ends_the_connection() -> None:
    before = limited("header_seconds")
    async with serve(header_seconds=0.2) as own:
        answer = await answer_to(own, GET, b"X-Slow: 1")
        assert answer.startswith(b"HTTP/1.1 408 ") and b"(header_seconds)" in answer
        assert limited("header_seconds") == before + 1
        # Also on a connection that has been used already.
        answer = await answer_to(own, GET + b"\r\n", GET)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in answer
        # A browser makes connections in advance.
        assert await answer_to(own) == b""
        assert limited("header_seconds") == before + 2


async def test_a_websocket_outlives_the_time_for_a_request() -> None:
    async with serve(header_seconds=0.2, body_seconds=0.2) as own, member(own) as wire:
        await asyncio.sleep(0.5)  # that nothing ends it can only be waited for
        wire.send(PING)
        await wire.hear_pong()


async def test_a_body_that_does_not_come_ends_the_connection_and_the_session() -> None:
    before = limited("body_seconds")
    async with serve(body_seconds=0.2) as own, aiohttp.ClientSession() as http:
        sid = await Raw(http, own.url).open(ROOM)
        answer = await answer_to(own, posting(sid, event("half"))[:-3])
        assert answer.startswith(b"HTTP/1.1 408 ") and b"(body_seconds)" in answer
        assert await own.ends() == "transport error"
        # Also one that has been answered before its end.
        answer = await answer_to(own, posting("nobody", "33")[:-1])
        assert b'"Session ID unknown"' in answer and b"408" not in answer
        assert limited("body_seconds") == before + 2


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        pytest.param(
            GET.replace(b"GET", b"POST") + b"Content-Length: 1\r\n" + CHUNKED + b"0\r\n\r\n",
            b"Content-Length and Transfer-Encoding",
            id="a body of two lengths",
        ),
        pytest.param(GET + b"X: %b\r\n\r\n" % (b"x" * 20_000), b"16384 bytes", id="a long head"),
    ],
)
async def test_a_request_that_could_be_read_in_two_ways_is_refused(
    request_: bytes, why: bytes
) -> None:
    async with serve() as own:
        answer = await answer_to(own, request_)
        assert answer.startswith(b"HTTP/1.1 400 ") and why in answer
        assert not own.sio.eio.sockets


@pytest.mark.parametrize(("chunks", "status"), [(40, b"200"), (60, b"400")])
async def test_a_body_may_have_so_many_chunks(chunks: int, status: bytes) -> None:
    async with serve(chunks=50) as own, aiohttp.ClientSession() as http:
        sid = await Raw(http, own.url).open(ROOM)
        head = posting(sid).partition(b"Content-Length")[0] + b"Connection: close\r\n" + CHUNKED
        body = "\x1e".join("3" * (chunks // 2)).encode()
        chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        answer = await answer_to(own, head + chunked)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (b"chunks" in answer) is (status == b"400")


async def test_nonsense_behind_an_answer_just_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve() as own:
        wire = await Wire.connect(own)
        head = posting("nobody").partition(b"Content-Length")[0]
        wire.writer.write(head + CHUNKED + b"1\r\n3\r\n")
        await wire.reader.readuntil(b"Session ID unknown")
        wire.writer.write(b"no chunk\r\n")
        await asyncio.wait_for(wire.reader.read(), 20)
        wire.writer.close()
    assert not [record for record in caplog.records if record.exc_info]


async def test_an_answer_that_nobody_reads_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "DRAIN_SECONDS", 0.1)
    length = 20_000_000  # more than the kernel takes
    async with serve(backlog=2 * length) as own, aiohttp.ClientSession() as http:
        sid = await Raw(http, own.url).open(ROOM)
        await own.sio.emit("large", "x" * length, namespace=ROOM)
        wire = await Wire.connect(own)
        wire.writer.write(GET.replace(b"polling", f"polling&sid={sid}".encode()) + b"\r\n")
        await wire.reader.readuntil(b"\r\n\r\n")
        connections = own.uvicorn.server_state.connections
        await until(lambda: len(connections) == 1)  # the other client's
        with contextlib.suppress(ConnectionError):
            assert len(await wire.reader.read()) < length
        wire.writer.close()

"""How many sockets a user has, and an address; and the rates that sockets share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
import uvicorn

from presence_progress import keys
from presence_progress.server import limits as limiting
from presence_progress.server import user_limits
from presence_progress.server.access import Identity
from presence_progress.server.app import RealtimeServer
from presence_progress.server.client_address import ClientAddress
from presence_progress.server.engine import Connection
from presence_progress.server.limits import OverLimit
from presence_progress.server.metrics import REGISTRY
from presence_progress.server.user_limits import UserLimits
from presence_progress.settings import Limits, Settings
from tests.server.clients import Frames
from tests.server.conftest import NAMESPACE, SITE, Stack, session_of
from tests.server.faults import Faults
from tests.server.test_engine import until

VIEWER, EDITOR = "viewer@example.com", "editor@example.com"
LIMITS = Limits(
    sockets_per_user=2,
    connections_per_address=3,
    queries_per_user=2,
    pending_events=5,
    pending_bytes=10_000,
)
CONNECT = f"40{NAMESPACE},"
GOODBYE = f"41{NAMESPACE},"


def limited(limit: str) -> float:
    return REGISTRY.get_sample_value("presence_progress_limited_total", {"limit": limit}) or 0


class Own:
    """A realtime server in the tests' own process."""

    def __init__(self, server: RealtimeServer, url: str) -> None:
        self.server = server
        self.url = url
        self.engine = server._sio.eio

    def socket(self, sid: str, **headers: str) -> Frames:
        return Frames(self.url, {"Cookie": f"sid={sid}", "Host": SITE, **headers})

    def nothing_is_left(self) -> bool:
        limits = self.server._user_limits
        rates = limits._rates, self.engine.address_rates
        return not (limits._places._held or any(rates) or self.engine._of_address)


@pytest.fixture
async def own(stack: Stack, faults: Faults) -> AsyncIterator[Own]:
    settings = Settings(redis_url=stack.redis_server.url, site_url=faults.url, limits=LIMITS)
    listening = socket.create_server(("127.0.0.1", 0))
    server = RealtimeServer(settings)
    config = uvicorn.Config(
        server.asgi,
        ws=server.websocket_protocol,
        proxy_headers=False,
        log_level="warning",
        ws_ping_interval=None,
        timeout_graceful_shutdown=1,
    )
    serving = uvicorn.Server(config)
    task = asyncio.ensure_future(serving.serve(sockets=[listening]))
    await until(lambda: serving.started)
    yield Own(server, f"http://127.0.0.1:{listening.getsockname()[1]}")
    await server.end()
    serving.should_exit = True
    await task


async def joined(frames: Frames) -> None:
    await frames.send(CONNECT)
    assert (await frames.receive()).startswith(f'{CONNECT}{{"sid":')


# --- sockets of a user ----------------------------------------------------------------------------


async def test_a_socket_too_many_waits_for_one_that_ends(stack: Stack, own: Own) -> None:
    sids = [await session_of(stack, VIEWER) for _ in range(3)]
    other = await session_of(stack, EDITOR)
    async with own.socket(sids[0]) as first, own.socket(sids[1]), contextlib.AsyncExitStack() as s:
        second = await s.enter_async_context(own.socket(sids[1]))
        for one in (first, second):
            await joined(one)
        third = await s.enter_async_context(own.socket(sids[2]))
        await third.send(CONNECT)
        answer = asyncio.ensure_future(third.receive())
        await until(lambda: bool(own.server._user_limits._places._waiting))
        # Another user is not concerned, nor are guests, who are all one user.
        await joined(await s.enter_async_context(own.socket(other)))
        for _ in range(LIMITS.sockets_per_user + 1):
            await joined(await s.enter_async_context(own.socket("Guest")))
        assert not answer.done()
        await first.send(GOODBYE)
        assert (await answer).startswith(f'{CONNECT}{{"sid":')
    await until(own.nothing_is_left)


async def test_a_socket_too_many_is_refused_in_the_end_and_counted(
    stack: Stack, own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_limits, "SOCKET_PATIENCE", 0.01)
    sid = await session_of(stack, VIEWER)
    before = limited("sockets_per_user")
    async with own.socket(sid) as first, own.socket(sid) as second, own.socket(sid) as third:
        for one in (first, second):
            await joined(one)
        await third.send(CONNECT)
        refusal = {"message": "too many sockets of this user"}
        assert (
            await third.receive() == f"44{NAMESPACE},{json.dumps(refusal, separators=(',', ':'))}"
        )
        assert limited("sockets_per_user") == before + 1
        # On the same connection it may ask again, once there is a place.
        await second.send(GOODBYE)
        await joined(third)
    await until(own.nothing_is_left)


async def test_sockets_that_come_and_go_any_way_leave_no_count_behind(
    stack: Stack, own: Own, faults: Faults
) -> None:
    sid = await session_of(stack, VIEWER)
    async with own.socket(sid) as again, own.socket(sid) as refused:
        for _ in range(LIMITS.sockets_per_user + 2):
            await joined(again)
            await again.send(CONNECT)  # a second time: it is there already
            await again.receive()
            await again.send(GOODBYE)
        for _ in range(LIMITS.sockets_per_user + 1):
            await refused.send("40/another.site,")
            assert (await refused.receive()).startswith("44/another.site,")
    # Gone while Frappe is asked, and while they wait for a place.
    new = await session_of(stack, VIEWER)
    faults.forget()
    async with contextlib.AsyncExitStack() as asking, contextlib.AsyncExitStack() as held:
        await held.enter_async_context(faults.held("get_user_info"))
        for _ in range(LIMITS.sockets_per_user + 2):
            await (await asking.enter_async_context(own.socket(new))).send(CONNECT)
        await faults.wait_asked("get_user_info")
        assert len(own.engine.sockets) == LIMITS.sockets_per_user + 2
        await asking.aclose()
        await until(lambda: not own.engine.sockets)
        await held.aclose()
        await until(lambda: not own.server._sio.manager.connecting)
    async with contextlib.AsyncExitStack() as there, contextlib.AsyncExitStack() as waiting:
        for _ in range(LIMITS.sockets_per_user):
            await joined(await there.enter_async_context(own.socket(new)))
        for _ in range(3):
            await (await waiting.enter_async_context(own.socket(new))).send(CONNECT)
        await until(lambda: len(own.server._sio.manager.connecting) == 3)
        await waiting.aclose()
        await there.aclose()
        await until(lambda: not own.server._sio.manager.connecting)
    await until(own.nothing_is_left)


async def test_live_queries_are_counted_over_all_sockets_of_a_user(stack: Stack, own: Own) -> None:
    rooms = [keys.query_room("Airport", {"name": str(number)}) for number in range(3)]
    sid = await session_of(stack, VIEWER)
    async with own.socket(sid) as first, own.socket(sid) as second:
        for one in (first, second):
            await joined(one)
        for one, room in ((first, rooms[0]), (second, rooms[1])):
            await watch(one, room, "room_state")
        denied = await watch(second, rooms[2], "room_denied")
        assert denied["reason"] == "too many live queries of this user"
        assert limited("queries_per_user")
        await watch(second, rooms[0], "room_state")
        await first.send(f"42{NAMESPACE}," + json.dumps(["room_unwatch", rooms[0]]))
        await second.send(f"42{NAMESPACE}," + json.dumps(["room_unwatch", rooms[0]]))
        await watch(second, rooms[2], "room_state")


@pytest.mark.parametrize(("limit", "count", "size"), [("events", 7, 0), ("bytes", 4, 4_000)])
async def test_a_socket_with_too_many_queued_events_reads_why_and_is_disconnected(
    stack: Stack, own: Own, faults: Faults, limit: str, count: int, size: int
) -> None:
    before = limited(f"pending_{limit}")
    async with own.socket(await session_of(stack, VIEWER)) as one:
        await joined(one)
        async with faults.held("has_permission"):
            for _ in range(count):
                padding = "x" * size
                watching = f'["room_watch","presence:Airport/KJFK","{padding}"]'
                await one.send(f"42{NAMESPACE},{watching}")
            named = f'42{NAMESPACE},["limited",{{"limit":"pending_{limit}","retry_after":0.0}}]'
            assert await one.receive() == named
            await until(lambda: not own.server._sessions)
    assert limited(f"pending_{limit}") == before + 1
    await until(own.nothing_is_left)


async def watch(frames: Frames, room: str, answer: str) -> Any:
    await frames.send(f"42{NAMESPACE}," + json.dumps(["room_watch", room]))
    while True:
        event, message = json.loads((await frames.receive()).removeprefix(f"42{NAMESPACE},"))
        if event == answer and message["room"] == room:
            return message


# --- connections of an address --------------------------------------------------------------------


async def opened(http: aiohttp.ClientSession, own: Own, address: str, **query: str) -> Any:
    request = http.get(
        f"{own.url}/socket.io/",
        params={"EIO": "4", "transport": "polling", **query},
        headers={"X-Forwarded-For": f"made up, {address}"},
    )
    async with request as reply:
        return reply.status, await reply.text()


async def test_an_address_has_so_many_connections_over_any_transport(own: Own) -> None:
    before = limited("connections_per_address")
    async with aiohttp.ClientSession() as http, contextlib.AsyncExitStack() as sockets:
        for _ in range(LIMITS.connections_per_address - 1):
            frames = own.socket("Guest", **{"X-Forwarded-For": "192.0.2.1"})
            last = await sockets.enter_async_context(frames)
        status, body = await opened(http, own, "192.0.2.1")
        assert status == 200
        # Refused so that its client tries again.
        status, refusal = await opened(http, own, "192.0.2.1")
        assert (status, json.loads(refusal)["message"]) == (
            429,
            "Forbidden: too many connections of this address",
        )
        with pytest.raises(aiohttp.WSServerHandshakeError) as over:
            await http.ws_connect(
                f"{own.url}/socket.io/",
                params={"EIO": "4", "transport": "websocket"},
                headers={"X-Forwarded-For": "192.0.2.1"},
            )
        assert over.value.status == 429
        assert limited("connections_per_address") == before + 2
        # An upgrade is no new connection, other addresses are not concerned, nor unknown ones.
        sid = json.loads(body[1:])["sid"]
        upgrade = http.ws_connect(
            f"{own.url}/socket.io/",
            params={"EIO": "4", "transport": "websocket", "sid": sid},
            headers={"X-Forwarded-For": "192.0.2.1"},
        )
        async with upgrade as websocket:
            await websocket.send_str("2probe")
            assert await websocket.receive_str() == "3probe"
            assert (await opened(http, own, "192.0.2.2"))[0] == 200
            for _ in range(LIMITS.connections_per_address + 1):
                await sockets.enter_async_context(own.socket("Guest"))
            await last.__aexit__()
            await until(lambda: own.engine._of_address["192.0.2.1"] < 3)
            assert (await opened(http, own, "192.0.2.1"))[0] == 200
    await own.engine.disconnect()
    await until(own.nothing_is_left)


async def test_a_request_says_whose_peer_it_is_over_any_transport(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def note(_: ClientAddress, environ: dict[str, str]) -> None:
        seen.append((environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR")))

    monkeypatch.setattr(ClientAddress, "of", note)
    # The first is no header of a proxy's, though WSGI has the same name for both.
    headers = {"X_Forwarded_For": "1.1.1.1", "Remote-Addr": "1.1.1.1", "X-Forwarded-For": "8.8.8.8"}
    async with aiohttp.ClientSession() as http, own.socket("Guest", **headers):
        query = {"EIO": "4", "transport": "polling"}
        await http.get(f"{own.url}/socket.io/", params=query, headers=headers)
    assert seen == [("127.0.0.1", "8.8.8.8")] * 2


# --- rates ----------------------------------------------------------------------------------------


def identity(user: str, site: str = SITE, address: str | None = None) -> Identity:
    return Identity(site, user, "System User", {"Cookie": "sid=x"}, (), address)


class Line:
    """As much of a connection as its rates need."""

    def __init__(self) -> None:
        self.buckets: list[Any] = []

    def rate_by_address(self, _: bool) -> None:
        """Its address is not known."""


async def enter(limits: UserLimits, *who: Identity) -> list[Line]:
    lines = [Line() for _ in who]
    for one, line in zip(who, lines, strict=True):
        await limits.enter(one, cast(Connection, line))
    return lines


async def test_connections_without_a_user_share_the_rates_of_their_address(
    stack: Stack, own: Own
) -> None:
    known_by = {"X-Forwarded-For": "192.0.2.7"}
    guests = own.socket("Guest", **known_by), own.socket("Guest", **known_by)
    async with guests[0] as first, guests[1] as second:
        for one in (first, second):
            await one.send("40/elsewhere,")
            assert "Invalid namespace" in await one.receive()
        lone, other = own.engine.sockets.values()
        shared = set(lone.buckets) & set(other.buckets)
        assert {bucket.limit for bucket in shared} == {
            "user_events_per_second",
            "user_bytes_per_second",
        }
        sid = await session_of(stack, VIEWER)
        async with own.socket(sid, **known_by) as viewer:
            await joined(viewer)
            *_, known = own.engine.sockets.values()
            assert not shared & set(known.buckets)
            await viewer.send(GOODBYE)
            await until(lambda: shared < set(known.buckets))
    await until(own.nothing_is_left)


async def test_sockets_share_the_rates_of_their_user_on_a_site_or_of_a_guests_address() -> None:
    limits = UserLimits(Limits())
    ann, ann_too, bob, elsewhere, guest, guest_too, other, unknown = await enter(
        limits,
        *(identity("ann"), identity("ann"), identity("bob"), identity("ann", "other.site")),
        *(identity("Guest", address=address) for address in ("a", "a", "b", None)),
    )
    assert [bucket.limit for bucket in ann.buckets] == [
        "user_events_per_second",
        "user_bytes_per_second",
    ]
    assert ann.buckets == ann_too.buckets and guest.buckets == guest_too.buckets
    lines = (ann, bob, elsewhere, guest, other)
    assert len({bucket for line in lines for bucket in line.buckets}) == 2 * len(lines)
    assert unknown.buckets == []


async def test_rates_end_with_the_last_socket_but_a_debt_stays_until_it_is_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "FORGET_INTERVAL", 0.01)
    limits = UserLimits(Limits(user_events_per_second=1_000, user_events_burst=10))
    ann = identity("ann")
    first, second = await enter(limits, ann, ann)
    for line in (first, second):
        limits.leave(ann, cast(Connection, line))
        assert line.buckets == []
    assert not limits._rates
    [line] = await enter(limits, ann)
    events = line.buckets[0]
    now = time.monotonic()
    monkeypatch.setattr(limiting, "time", SimpleNamespace(monotonic=lambda: now))
    events.take(100, now)
    limits.leave(ann, cast(Connection, line))
    [again] = await enter(limits, ann)
    assert again.buckets[0] is events and len(again.buckets) == 2
    limits.leave(ann, cast(Connection, again))
    now += 0.2
    await until(lambda: not limits._rates)


async def test_who_is_over_the_limit_hears_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_limits, "SOCKET_PATIENCE", 0)
    limits = UserLimits(Limits(sockets_per_user=1))
    await enter(limits, identity("ann"), identity("ann", "other.site"), identity("Guest"))
    with pytest.raises(OverLimit, match="too many sockets of this user"):
        await enter(limits, identity("ann"))
    await enter(limits, identity("Guest"))

"""Server nodes: one that is stopped, one that is deployed anew, clients that vanish without a word,
and who is on the site at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from presence_progress import keys, presence
from presence_progress.settings import NODE_LEASE
from tests.chaos import site as crowd
from tests.conftest import free_port
from tests.server.conftest import NAMESPACE, SITE, Connect, Process, Stack, session_of
from tests.server.faults import PERMISSION, Faults

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
CUSTOMER = "customer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"


class Page:
    """A bare WebSocket, which answers pings for as long as it is told to, and has no patience to
    lose."""

    def __init__(self, http: aiohttp.ClientSession, sid: str) -> None:
        self._http = http
        self._sid = sid
        self.is_there = True

    async def open(self, url: str) -> Page:
        self._socket = await self._http.ws_connect(
            f"{url}/socket.io/?EIO=4&transport=websocket", headers={"Cookie": f"sid={self._sid}"}
        )
        await self._socket.send_str(f"40{NAMESPACE},")
        await self._until(f"40{NAMESPACE}")
        self._living = asyncio.ensure_future(self._live())
        return self

    async def say(self, event: str, *arguments: Any) -> None:
        await self._socket.send_str(f"42{NAMESPACE},{json.dumps([event, *arguments])}")

    def cut_off(self) -> None:
        """Be gone without the goodbye of a WebSocket."""
        self._living.cancel()
        connection = self._socket._conn
        assert connection and connection.transport
        connection.transport.close()

    async def close(self) -> None:
        self._living.cancel()
        await self._socket.close()

    async def wait_cut_off(self) -> None:
        await self._living

    async def _until(self, text: str) -> None:
        while text not in (await self._socket.receive(timeout=30)).data:
            pass

    async def _live(self) -> None:
        async for message in self._socket:
            if message.data == "2" and self.is_there:
                await self._socket.send_str("3")


def sets(user: str) -> Callable[[Any], bool]:
    return lambda change: user in change["set"]


def unsets(user: str) -> Callable[[Any], bool]:
    return lambda change: user in change["unset"]


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield http


async def test_a_server_that_was_stopped_begins_anew_with_those_who_are_still_there(
    own_stack: Stack, sign_in: Connect, http: aiohttp.ClientSession
) -> None:
    survivor, stopped = own_stack.start_server(), own_stack.start_server()
    watcher = await sign_in(VIEWER, survivor)
    await watcher.watch(ROOM)
    stays = await Page(http, await session_of(own_stack, EDITOR)).open(stopped.url)
    goes = await Page(http, await session_of(own_stack, CUSTOMER)).open(stopped.url)
    for page, user in ((stays, EDITOR), (goes, CUSTOMER)):
        await page.say("presence_enter", DOCUMENT)
        await watcher.wait_for("room_change", sets(user))
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        for user in (EDITOR, CUSTOMER):
            await watcher.wait_for("room_change", unsets(user))
        await goes.close()
        watcher.forget()
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["set"])
    assert list(presence.viewers("Airport", "KJFK")) == [EDITOR]
    assert not any(CUSTOMER in change["set"] for change in watcher.changes(ROOM))
    await stays.close()


async def test_a_redis_that_was_stopped_makes_nobody_leave(
    own_stack: Stack, sign_in: Connect
) -> None:
    here, there = own_stack.start_server(), own_stack.start_server()
    watcher, editor = await sign_in(VIEWER, here), await sign_in(EDITOR, there)
    for client in (watcher, editor):
        await client.say("presence_enter", DOCUMENT)
        await client.settle()
    await watcher.watch(ROOM)
    until_then = max(leases(own_stack.redis))
    os.kill(own_stack.redis_server.pid, signal.SIGSTOP)
    try:
        # Longer than any lease: it is time itself that is waited for.
        await asyncio.sleep(NODE_LEASE / 1000 + 2)
    finally:
        os.kill(own_stack.redis_server.pid, signal.SIGCONT)
    # Time did not pass there, and both go on.
    await until(lambda: all(lease > until_then for lease in leases(own_stack.redis)))
    assert len(leases(own_stack.redis)) == 2
    await editor.say("presence_update", {**DOCUMENT, "activity": "idle"})
    await watcher.wait_for("room_change", lambda m: is_idle(m, EDITOR))
    assert not any(change["unset"] for change in watcher.changes(ROOM))


def is_idle(change: Any, user: str) -> bool:
    return bool(change["set"].get(user, {}).get("activity") == "idle")


def leases(redis: Any) -> list[float]:
    """Return until when each node lives."""
    return [until for _, until in redis.zrange(keys.NODES, 0, -1, withscores=True)]


async def test_who_vanishes_without_a_word_is_gone(
    own_stack: Stack, sign_in: Connect, http: aiohttp.ClientSession
) -> None:
    server = own_stack.start_server()
    watcher = await sign_in(VIEWER, server)
    await watcher.watch(ROOM)
    page = await Page(http, await session_of(own_stack, EDITOR)).open(server.url)
    await page.say("presence_enter", DOCUMENT)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["set"])
    page.is_there = False
    # Eleven seconds until it is noticed, three of grace; and some for a busy machine.
    await watcher.wait_for("room_change", lambda m: EDITOR in m["unset"], seconds=20)
    await page.close()


async def test_what_was_said_before_a_connection_was_lost_holds(
    own_stack: Stack, sign_in: Connect, http: aiohttp.ClientSession
) -> None:
    """A page that closes while Frappe is slow has said that it leaves: there is no grace for it."""
    faults = Faults({SITE: own_stack.site.url})
    await faults.start()
    server = await asyncio.to_thread(own_stack.start_server, site_url=faults.url)
    watcher = await sign_in(VIEWER, server)
    await watcher.watch(ROOM)
    page = await Page(http, await session_of(own_stack, EDITOR)).open(server.url)
    await page.say("presence_enter", DOCUMENT)
    await watcher.wait_for("room_change", sets(EDITOR))
    async with faults.held(*PERMISSION):
        await page.say("room_watch", "presence:Airport/EDDB")
        await faults.wait_asked(*PERMISSION, count=3)
        await page.say("presence_leave", DOCUMENT)
        page.cut_off()
        # Well within the eight seconds of a grace.
        await watcher.wait_for("room_change", unsets(EDITOR), seconds=6)
    await faults.stop()


async def test_a_server_that_ends_in_order_leaves_no_work_for_others(own_stack: Stack) -> None:
    server = own_stack.start_server()
    # Ready is who hears Redis; that it lives is another word.
    await until(lambda: own_stack.redis.zcard(keys.NODES) == 1)
    server.stop()
    assert own_stack.redis.zcard(keys.NODES) == 0


# --- a deploy -------------------------------------------------------------------------------------

CROWD = 120
"""More than a large room shows, and few enough to be back within the grace on a busy machine."""


@pytest.fixture
def crowd_site(own_stack: Stack, tmp_path: Path) -> Iterator[Process]:
    """Return a site of many users, on the Redis of the stack."""
    folder = tmp_path / "crowd"
    folder.mkdir()
    crowd.prepare(folder / "site.sqlite", [crowd.user(number) for number in range(CROWD + 1)], 1)
    port = free_port()
    process = Process(
        f"http://127.0.0.1:{port}",
        *("tests.chaos.site", "--port", str(port), "--data", str(folder)),
        *("--redis", own_stack.redis_server.url),
        folder=Path(__file__).parent.parent.parent,
    )
    process.start()
    yield process
    process.stop()


async def test_a_deploy_makes_no_storm_of_leaves(
    own_stack: Stack, crowd_site: Process, http: aiohttp.ClientSession
) -> None:
    old = own_stack.start_server(site_url=crowd_site.url)
    elsewhere = own_stack.start_server(site_url=crowd_site.url)
    document = {"doctype": "Airport", "name": crowd.document(0)}
    room = keys.presence_room(**document)

    async def enter(number: int, url: str) -> Page:
        page = await Page(http, crowd.session_of(crowd.user(number))).open(url)
        await page.say("presence_enter", document)
        return page

    async def come_back(number: int) -> Page:
        await pages[number].wait_cut_off()
        return await enter(number, elsewhere.url)

    pages = await asyncio.gather(*(enter(number, old.url) for number in range(CROWD)))
    await until(lambda: presence.count(**document) == CROWD)
    with contextlib.closing(own_stack.redis.pubsub(ignore_subscribe_messages=True)) as events:
        events.subscribe("events")
        # At once, as pages do, however long the old process takes to end.
        stopping = asyncio.ensure_future(asyncio.to_thread(old.stop))
        pages += await asyncio.gather(*map(come_back, range(CROWD)))
        await stopping
        one_more = await enter(CROWD, elsewhere.url)
        heard: list[Any] = []
        while not any(room_count(event, room) == CROWD + 1 for event in heard):
            message = await asyncio.to_thread(events.get_message, timeout=10)
            if message:
                heard.append(json.loads(message["data"]))
    assert not [event for event in heard if room_count(event, room) not in (None, CROWD, CROWD + 1)]
    assert not [event["message"] for event in heard if unset(event, room)]
    await asyncio.gather(*(page.close() for page in (*pages, one_more)))


def room_count(event: Any, room: str) -> int | None:
    count: int | None = event["message"]["set"].get(":count") if event["room"] == room else None
    return count


def unset(event: Any, room: str) -> list[str]:
    users = event["message"]["unset"] if event["room"] == room else []
    return [user for user in users if not user.startswith(":")]


async def until(is_so: Any) -> None:
    """Wait for what no event tells of."""

    async def look() -> None:
        while not await asyncio.to_thread(is_so):
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 20)


# --- who is on the site ---------------------------------------------------------------------------


async def test_who_is_on_the_site_at_all(own_stack: Stack, sign_in: Connect) -> None:
    here, there = own_stack.start_server(), own_stack.start_server()
    watcher = await sign_in(VIEWER, here)
    await watcher.watch(keys.ONLINE)
    await watcher.watch(keys.ONLINE_COUNT)
    one, two = await sign_in(EDITOR, here), await sign_in(EDITOR, there)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["set"])
    await watcher.wait_for("room_change", lambda m: m["set"].get(":count") == 2)

    def sessions() -> list[str]:
        people = own_stack.redis.hvals(keys.presence_keys(SITE, keys.ONLINE)[1])
        return [session for person in people for session in json.loads(person)["sessions"]]

    # One for each user on each server: who is shown by one of them is not yet known to both.
    await until(lambda: len(sessions()) == len(set(sessions())) == 3)
    await one.say_goodbye()
    await two.say_goodbye()
    await watcher.wait_for("room_change", lambda m: EDITOR in m["unset"])
    await watcher.wait_for("room_change", lambda m: m["set"] == {":count": 1})
    assert sum(EDITOR in change["set"] for change in watcher.changes(keys.ONLINE)) == 1
    assert list(presence.online().viewers) == [VIEWER]
    assert presence.online().left[EDITOR]["name"] == "Elif Editor"


async def test_who_is_on_the_site_is_not_for_everybody(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    customer = await sign_in(CUSTOMER, server)
    for room in (keys.ONLINE, keys.ONLINE_COUNT):
        await customer.say("room_watch", room)
        await customer.wait_for("room_denied", {"room": room, "reason": "not permitted"}.__eq__)

"""Requests that no well-behaved client sends, to our server and to Node's: both do the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from multidict import CIMultiDict

from tests.conftest import free_port, until_answers
from tests.server.clients import MODULES
from tests.server.conformance.conftest import V15, VIEWER, Bench, with_npm
from tests.server.conftest import Process

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = MODULES.parents[1] / "benchmarks/node/server.mjs"
GUEST = [("Cookie", "sid=Guest")]
SITE_HEADERS = [("Origin", "http://127.0.0.1:8000"), ("X-Frappe-Site-Name", V15)]
"""Of v15, where a server needs no secret to learn who somebody is."""
Answer = tuple[int, str]


@pytest.fixture(scope="session")
def node_url(bench: Bench, redis_url: str) -> Iterator[str]:
    """Return the address of socket.io for Node, on the same Redis and before the same site."""
    port = free_port()
    options = {"port": str(port), "redis": redis_url, "site-url": bench.sites[V15], "site": V15}
    pairs = [part for name, text in options.items() for part in (f"--{name}", text)]
    process = subprocess.Popen(["node", str(SCRIPT), *pairs])
    try:
        url = f"http://127.0.0.1:{port}"
        until_answers(lambda: urllib.request.urlopen(f"{url}/readyz").close(), 60)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Raw:
    """Engine.IO by hand, as the user of a cookie."""

    http: aiohttp.ClientSession
    url: str
    cookies: list[tuple[str, str]]

    @property
    def _headers(self) -> CIMultiDict[str]:
        return CIMultiDict([*SITE_HEADERS, *self.cookies])

    async def ask(self, method: str, sid: str = "", body: str | None = None) -> Answer:
        query = {"EIO": "4", "transport": "polling", **({"sid": sid} if sid else {})}
        request = self.http.request(
            method, f"{self.url}/socket.io/", params=query, data=body, headers=self._headers
        )
        async with request as reply:
            return reply.status, await reply.text()

    async def open(self) -> str:
        sid: str = json.loads((await self.ask("GET"))[1][1:])["sid"]
        return sid

    def websocket(self, sid: str = "") -> Any:
        query = {"EIO": "4", "transport": "websocket", **({"sid": sid} if sid else {})}
        return self.http.ws_connect(f"{self.url}/socket.io/", params=query, headers=self._headers)


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    jar, timeout = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as http:
        yield http


@pytest.fixture(params=["ours", pytest.param("node", marks=with_npm)])
def url(request: pytest.FixtureRequest, server: Process) -> str:
    if request.param == "ours":
        return server.url
    url: str = request.getfixturevalue("node_url")
    return url


@pytest.fixture
def raw(http: aiohttp.ClientSession, url: str) -> Raw:
    return Raw(http, url, GUEST)


async def next_text(websocket: Any) -> str:
    """Return the next packet that is no ping; those are answered."""
    while (text := await websocket.receive_str()) == "2":
        await websocket.send_str("3")
    return str(text)


async def is_closed_at_once(raw: Raw, sid: str) -> bool:
    """Return whether a WebSocket for a session is accepted, and closed without a code."""
    async with raw.websocket(sid) as surplus:
        message = await surplus.receive()
        return (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 0)


async def test_a_second_websocket_for_a_session_is_closed_and_the_first_lives(raw: Raw) -> None:
    sid = await raw.open()
    async with raw.websocket(sid) as websocket:
        await websocket.send_str("2probe")
        assert await next_text(websocket) == "3probe"
        assert await is_closed_at_once(raw, sid)  # while the first one is not through yet
        await websocket.send_str("5")
        await websocket.send_str(f"40/{V15},")
        assert (await next_text(websocket)).startswith(f"40/{V15},")
        assert await is_closed_at_once(raw, sid)
        refused = (400, '{"code":3,"message":"Bad request"}')
        assert await raw.ask("GET", sid) == await raw.ask("POST", sid, "3") == refused
        await websocket.send_str(f'42/{V15},["ping"]')
        assert await next_text(websocket) == f'42/{V15},["pong"]'


async def test_an_upgrade_ends_with_its_session(raw: Raw) -> None:
    sid = await raw.open()
    async with raw.websocket(sid) as websocket:
        await websocket.send_str("2probe")
        assert await next_text(websocket) == "3probe"
        assert await raw.ask("POST", sid, "1") == (200, "ok")
        assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_of_two_polls_at_once_the_first_hears_that_it_is_over(raw: Raw) -> None:
    sid = await raw.open()
    first = asyncio.ensure_future(raw.ask("GET", sid))
    # Whichever of the two arrives first.
    second = asyncio.ensure_future(raw.ask("GET", sid))
    assert {await first, await second} == {(200, "1"), (400, "")}
    assert await raw.ask("GET", sid) == (400, '{"code":1,"message":"Session ID unknown"}')


async def test_of_two_posts_at_once_the_second_is_refused(raw: Raw) -> None:
    sid = await raw.open()
    host, port = raw.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Length: 9\r\n\r\n40".encode()
    )
    await writer.drain()
    while (answer := await raw.ask("POST", sid, "3")) == (200, "ok"):
        await asyncio.sleep(0.01)  # the other one has not arrived yet
    assert answer == (400, "")
    assert await raw.ask("GET", sid) == (400, '{"code":1,"message":"Session ID unknown"}')
    writer.close()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_several_cookie_headers_are_one(
    bench: Bench, http: aiohttp.ClientSession, url: str, transport: str
) -> None:
    """As HTTP/2 lets a client send them, and a proxy may hand them on."""
    session = await bench.session_of(VIEWER, V15)
    cookies = [("Cookie", "full_name=Vera"), ("Cookie", f"sid={session}"), ("Cookie", "a=b")]
    raw = Raw(http, url, cookies)
    if transport == "polling":
        sid = await raw.open()
        await raw.ask("POST", sid, f"40/{V15},")
        assert (await raw.ask("GET", sid))[1].startswith(f"40/{V15},{{")
        bench.publish("for_the_viewer", 1, f"user:{VIEWER}", V15)
        assert (await raw.ask("GET", sid))[1] == f'42/{V15},["for_the_viewer",1]'
        return
    async with raw.websocket() as websocket:
        await websocket.receive_str()
        await websocket.send_str(f"40/{V15},")
        assert (await next_text(websocket)).startswith(f"40/{V15},{{")
        bench.publish("for_the_viewer", 1, f"user:{VIEWER}", V15)
        assert await next_text(websocket) == f'42/{V15},["for_the_viewer",1]'

"""A whole stack of the tests' own: the demo site as Frappe, the realtime server, clients.

Every part is a process; the site is the one double, and answers Frappe's contract over real HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
import socketio
from socketio.packet import DISCONNECT, Packet

from presence_progress import context
from presence_progress.demo import database
from presence_progress.presence import LEFT
from tests.conftest import RedisServer, free_port, until_answers
from tests.server.faults import Faults

SITE = "demo.localhost"
NAMESPACE = f"/{SITE}"


class Process:
    """A process of the stack, which a test may kill and start again."""

    def __init__(
        self, url: str, *command: str, folder: Path | None = None, output: Path | None = None
    ) -> None:
        self.url = url
        self._folder = folder
        self._output = output
        self._command = [sys.executable, "-m", *command]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("w") if self._output else contextlib.nullcontext() as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=output, stderr=output
            )
        # A server is ready once it hears Redis, a site as soon as it answers.
        ready = "readyz" if "serve" in self._command else "healthz"
        until_answers(lambda: urllib.request.urlopen(f"{self.url}/{ready}").close(), 60)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self, *, kill: bool = False) -> None:
        if self._process:
            self._process.kill() if kill else self._process.terminate()
            assert self._process.wait(10) is not None
            self._process = None


class Stack:
    """One site, one Redis, and as many realtime servers as a test starts."""

    def __init__(self, redis_server: RedisServer, data: Path) -> None:
        self.redis_server = redis_server
        self.redis: Any = redis.Redis.from_url(redis_server.url)
        self._processes: list[Process] = []
        database.create(data / "site.sqlite")
        self.database = data / "site.sqlite"
        port = free_port()
        self.site = self._start(
            Process(
                f"http://127.0.0.1:{port}",
                *("presence_progress.demo.site", "--port", str(port), "--data", str(data)),
                *("--redis", redis_server.url),
            )
        )

    def start_server(
        self, *options: str, site_url: str = "", output: Path | None = None
    ) -> Process:
        return self._start(self.make_server(*options, site_url=site_url, output=output))

    def make_server(self, *options: str, site_url: str = "", output: Path | None = None) -> Process:
        """Return a server that is not started yet."""
        port = free_port()
        return Process(
            f"http://127.0.0.1:{port}",
            *("presence_progress.cli", "serve", "--port", str(port), "--site", SITE),
            *("--redis", self.redis_server.url, "--site-url", site_url or self.site.url),
            *options,
            output=output,
        )

    def _start(self, process: Process) -> Process:
        self._processes.append(process)
        process.start()
        return process

    def close(self) -> None:
        for process in reversed(self._processes):
            process.stop()
        self.redis.close()


def make_stack(redis_server: RedisServer, data: Path) -> Iterator[Stack]:
    with contextlib.closing(Stack(redis_server, data)) as stack:
        _add_airports(stack)
        yield stack


def _add_airports(stack: Stack) -> None:
    with database.connect(stack.database) as db:
        for code in ("KJFK", "EDDB", "LFPG"):
            db.execute(
                "INSERT INTO airport (name, icao, airport_name, latitude, longitude, modified,"
                " modified_by) VALUES (?, ?, ?, 0, 0, '', '')",
                (code, code, code),
            )


@pytest.fixture(scope="session")
def stack(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the stack that tests share which do not harm it."""
    yield from make_stack(redis_server, tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def server(stack: Stack) -> Process:
    return stack.start_server()


@pytest.fixture
async def faults(stack: Stack) -> AsyncIterator[Faults]:
    """Return a proxy before the shared site, which notes questions and spoils answers."""
    faults = Faults({SITE: stack.site.url})
    await faults.start()
    yield faults
    await faults.stop()


@pytest.fixture
async def guarded(stack: Stack, faults: Faults) -> AsyncIterator[Process]:
    """Return a server that asks its site by way of the proxy."""
    server = await asyncio.to_thread(stack.start_server, site_url=faults.url)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """Return a stack whose parts a test may kill, Redis among them."""
    redis_server = RedisServer(tmp_path)
    redis_server.start()
    yield from make_stack(redis_server, tmp_path)
    redis_server.stop()


@pytest.fixture(autouse=True)
def _in_the_demo_site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "own_stack" if "own_stack" in request.fixturenames else "stack"
    stack: Stack = request.getfixturevalue(name)
    # The two seconds that a job waits for Redis are short for a busy machine.
    place = context._Place(SITE, None, f"{stack.redis_server.url}?socket_timeout=20")
    monkeypatch.setattr(context, "_configured", place)


class Client:
    """A browser, as far as the server can tell: python-socketio's client, and all that it heard."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.heard: list[tuple[str, Any]] = []
        self._known: dict[str, dict[str, Any]] = {}
        """The states of rooms from which on changes are news."""
        self._has_news = asyncio.Event()
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._hear, namespace=NAMESPACE)

    async def connect(self, url: str, *transports: str, **headers: str) -> Client:
        """Connect by a transport, or begin with the first and go on with the second."""
        sent = {"Cookie": f"sid={self.sid}", "Origin": "http://127.0.0.1:8000", **headers}
        await self.socket.connect(
            url,
            sent,
            transports=list(transports or ["websocket"]),
            namespaces=[NAMESPACE],
            # The library's one second is short for a busy machine.
            wait_timeout=20,
        )
        return self

    async def _hear(self, event: str, *messages: Any) -> None:
        message: Any = messages[0] if messages else None
        self.heard.append((event, message))
        if event == "room_state":
            self._known.setdefault(message["room"], message)
        self._has_news.set()

    async def say(self, event: str, *arguments: Any) -> None:
        await self.socket.emit(event, arguments or None, namespace=NAMESPACE)

    async def wait_for(
        self, event: str, matches: Callable[[Any], bool] = lambda _: True, seconds: float = 15
    ) -> Any:
        """Wait until an event was heard, from the start of time or since the last ``forget``."""
        return await self._wait_for(
            event, lambda name, message: name == event and matches(message), seconds
        )

    async def wait_until_there(self, room: str, user: str) -> None:
        """Wait until somebody is in a watched room, whether its state has him or a change did."""

        def has_user(event: str, message: Any) -> bool:
            what = {"room_state": "state", "room_change": "set"}.get(event)
            return what is not None and message["room"] == room and user in message[what]

        await self._wait_for(f"{user} in {room}", has_user, 15)

    async def _wait_for(self, what: str, fits: Callable[[str, Any], bool], seconds: float) -> Any:
        async def look() -> Any:
            while True:
                for event, message in self._news():
                    if fits(event, message):
                        return message
                self._has_news.clear()
                await self._has_news.wait()

        try:
            return await asyncio.wait_for(look(), seconds)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {what} came that fits; heard: {self.heard}") from None

    async def wait_for_leave(self, user: str) -> None:
        """Wait until somebody has left on purpose: well within the eight seconds that a lost
        connection is kept."""
        # The same change may tell of others, who are not shown any more as having left.
        await self.wait_for("room_change", lambda m: user in m["unset"], seconds=6)

    async def settle(self) -> None:
        """Wait until the server has handled all that was said before, and all it sent has come."""
        self.heard = [entry for entry in self.heard if entry[0] != "pong"]
        await self.say("ping")
        await self.wait_for("pong")

    async def watch(self, room: str) -> dict[str, Any]:
        await self.say("room_watch", room)
        state: dict[str, Any] = await self.wait_for("room_state", lambda m: m["room"] == room)
        return state

    def changes(self, room: str) -> list[dict[str, Any]]:
        return [m for event, m in self._news() if event == "room_change" and m["room"] == room]

    def _news(self) -> Iterator[tuple[str, Any]]:
        """Return what was heard but for changes that a state has: one under way when the state is
        read comes before it or after it, as it happens. Nor that somebody left two minutes ago,
        perhaps in another test, and is not shown as such any more."""
        states = dict(self._known)
        for event, message in self.heard:
            if event == "room_change" and _only_forgets(message):
                continue
            if event == "room_state":
                states[message["room"]] = message
            state = states.get(message["room"]) if event == "room_change" else None
            if not state or state["epoch"] != message["epoch"] or message["seq"] > state["seq"]:
                yield event, message

    def forget(self) -> None:
        self._known |= {m["room"]: m for event, m in self.heard if event == "room_state"}
        self.heard.clear()

    async def say_goodbye(self) -> None:
        """Leave the site as a browser's client does; python-socketio's closes before it has said
        so."""
        await self.socket._send_packet(Packet(packet_type=DISCONNECT, namespace=NAMESPACE))

    async def vanish(self) -> None:
        """Lose the connection without goodbye."""
        self.socket.eio.ws._response.connection.transport.abort()
        await self.socket.wait()


def _only_forgets(change: dict[str, Any]) -> bool:
    return not change["set"] and all(field.startswith(LEFT) for field in change["unset"])


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def sign_in(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Return a function that connects a demo user to a server."""
    clients: list[Client] = []

    async def connect(user: str, server: Process, transport: str = "websocket") -> Client:
        name = "own_stack" if "own_stack" in request.fixturenames else "stack"
        stack: Stack = request.getfixturevalue(name)
        clients.append(Client(await session_of(stack, user)))
        return await clients[-1].connect(server.url, transport)

    yield connect
    for client in clients:
        await close(client.socket)


async def close(socket: socketio.AsyncClient) -> None:
    """Disconnect, and close what python-socketio leaves open when a connection has failed."""
    await socket.disconnect()
    if socket.eio.http and not socket.eio.http.closed:
        await socket.eio.http.close()


async def session_of(stack: Stack, user: str) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{stack.site.url}/api/method/login", data={"usr": user, "pwd": "x"}) as reply,
    ):
        return reply.cookies["sid"].value

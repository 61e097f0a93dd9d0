"""One realtime server in front of three Frappes, which several clients try in several ways.

The sites answer as v15, v16 and develop do; between them and the server stands a proxy that notes
what is asked, and spoils answers. All of it is started once, in the event loop of the session.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from presence_progress.demo import airports, database
from tests.conftest import RedisServer, free_port
from tests.server.clients import (
    HAS_NPM,
    KINDS,
    MISSING,
    PACKAGES,
    PYTHON,
    TRANSPORTS,
    Kind,
    Node,
    PythonSocket,
    Socket,
)
from tests.server.conftest import SITE, Process, Stack
from tests.server.faults import Faults

V15, V16, DEVELOP = "v15.localhost", SITE, "develop.localhost"
SITES = {"v15": V15, "v16": V16, "develop": DEVELOP}
"""The site that answers as a version of Frappe does; all three on one server."""

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
CUSTOMER = "customer@example.com"
Doc = tuple[str, str]
"""A document by its DocType and its name."""
SECRET_KEY = "socketio_auth_secret"
PYTHON_WEBSOCKET = Kind(PYTHON, "websocket")
"""For what is the server's alone, and the same whatever the client."""
with_npm = pytest.mark.skipif(not HAS_NPM, reason=MISSING)

_numbers = itertools.count(1)


class Bench:
    """What stands around the server: sites, a proxy in front of them, a Redis."""

    def __init__(self, redis: Any, faults: Faults, sites: dict[str, str]) -> None:
        self.redis, self.faults, self.sites = redis, faults, sites

    async def session_of(self, user: str, site: str = SITE) -> str:
        """Return the id of a new session; a guest's is always the same."""
        if user == "Guest":
            return "Guest"
        async with aiohttp.ClientSession() as http:
            form = {"usr": user, "pwd": "x"}
            async with http.post(f"{self.sites[site]}/api/method/login", data=form) as reply:
                return reply.cookies["sid"].value

    def publish(self, event: str, message: Any, room: str | None, site: str | None = SITE) -> None:
        """Publish as Frappe's emit_via_redis does, in the JSON of its as_json."""
        envelope = {"event": event, "message": message, "room": room, "namespace": site}
        text = json.dumps(envelope, indent=1, sort_keys=True, separators=(",", ": "))
        self.redis.publish("events", text)

    async def reaches(self, room: str, socket: Socket) -> bool:
        """Return whether an event to a room reaches a socket: a later one to all says when it
        would have."""
        number = next(_numbers)
        self.publish("probe", number, room, socket.site)
        self.publish("marker", number, "website", socket.site)
        await socket.wait_for("marker", lambda message: message == number)
        return ["probe", number] in socket.heard


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench(
    stack: Stack, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    sites = {V16: stack.site.url}
    _add_documents(stack.database)
    with contextlib.ExitStack() as stopping:
        # v15 knows no secret, so it may have a database of its own.
        for frappe, redis_url in (("v15", f"{redis_server.url}/1"), ("develop", redis_server.url)):
            data = tmp_path_factory.mktemp(frappe)
            _copy(stack.database, data / "site.sqlite")
            port = free_port()
            process = Process(
                f"http://127.0.0.1:{port}",
                *("presence_progress.demo.site", "--port", str(port), "--data", str(data)),
                *("--redis", redis_url, "--frappe", frappe),
            )
            stopping.callback(process.stop)
            process.start()
            sites[SITES[frappe]] = process.url
        faults = Faults(sites)
        await faults.start()
        yield Bench(stack.redis, faults, sites)
        await faults.stop()


_DOCUMENTS = 1000


def _add_documents(path: Path) -> None:
    blank = ("", 0, 0, "", "")
    with database.connect(path) as db, database.transaction(db):
        db.executemany(
            "INSERT INTO airport (name, icao, airport_name, latitude, longitude, modified,"
            " modified_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(f"D{n}", f"D{n}", *blank) for n in range(1, _DOCUMENTS + 1)],
        )


def _copy(source: Path, target: Path) -> None:
    database.create(target)
    with database.connect(source) as one, database.connect(target) as other:
        one.backup(other)


_documents = (("Airport", f"D{number}") for number in range(1, _DOCUMENTS + 1))


@pytest.fixture
def doc(bench: Bench) -> Doc:
    """Return a document that no other test uses: what a server knows of it, it has just asked."""
    return next(_documents)


@pytest.fixture
def next_doc(bench: Bench) -> Doc:
    """Return another one of the same DocType."""
    return next(_documents)


@pytest.fixture
def other_doc(bench: Bench) -> Doc:
    """Return one of another DocType: of the same one, it would take the place of the first."""
    return airports.NOTE, next(_documents)[1]


def room_of(doc: Doc, kind: str = "doc") -> str:
    return f"{kind}:{doc[0]}/{doc[1]}"


@pytest.fixture
def faults(bench: Bench) -> Iterator[Faults]:
    bench.faults.forget()
    yield bench.faults
    bench.faults.forget()


StartServer = Callable[..., Process]


def start(bench: Bench, redis_url: str, *options: str, folder: Path | None = None) -> Process:
    """Start a realtime server that finds its sites behind the proxy."""
    port = free_port()
    process = Process(
        f"http://127.0.0.1:{port}",
        *("presence_progress.cli", "serve", "--port", str(port), *options),
        *("--redis", redis_url, "--site-url", bench.faults.url),
        folder=folder,
    )
    try:
        process.start()
    except BaseException:
        process.stop()
        raise
    return process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(bench: Bench, redis_url: str) -> AsyncIterator[Process]:
    """Return the server that tests share which do not harm it."""
    server = start(bench, redis_url, "--site", SITE)
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def other_server(bench: Bench, redis_url: str) -> AsyncIterator[Process]:
    """Return a second server beside the first, on the same Redis."""
    server = start(bench, redis_url, "--site", SITE)
    yield server
    server.stop()


@pytest.fixture
def start_server(bench: Bench, redis_url: str, tmp_path: Path) -> Iterator[StartServer]:
    """Return a function that starts a server of the test's own, in a bench with these keys."""
    started: list[Process] = []

    def start_one(**keys: Any) -> Process:
        (tmp_path / "apps").mkdir(exist_ok=True)
        (tmp_path / "sites").mkdir(exist_ok=True)
        (tmp_path / "sites/common_site_config.json").write_text(json.dumps(keys))
        started.append(start(bench, redis_url, folder=tmp_path))
        return started[-1]

    yield start_one
    for process in started:
        process.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nodes() -> AsyncIterator[dict[str, Node]]:
    """Return the processes of the npm clients by the client's name."""
    nodes = {client: await Node.start(client) for client in PACKAGES if HAS_NPM}
    yield nodes
    for node in nodes.values():
        await node.close()


Open = Callable[..., Awaitable[Socket]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_socket(
    bench: Bench, faults: Faults, server: Process, nodes: dict[str, Node]
) -> AsyncIterator[Open]:
    """Return a function that connects a user to a site as if through Frappe's nginx, and waits
    until that is done."""
    sockets: list[Socket] = []

    async def open_one(
        kind: Kind,
        user: str,
        site: str = SITE,
        *,
        to: Process | None = None,
        headers: dict[str, str] | None = None,
        sid: str | None = None,
        wait: bool = True,
    ) -> Socket:
        url = (to or server).url
        if headers is None:
            sid = sid or await bench.session_of(user, site)
            headers = {"Cookie": f"sid={sid}"}
        headers = {"Origin": "http://127.0.0.1", "X-Frappe-Site-Name": site, **headers}
        if kind.client == PYTHON:
            socket = PythonSocket(kind, user, site).open(url, headers)
        else:
            # In small letters: its newest version puts an empty "cookie" beside a "Cookie".
            sent = {name.lower(): text for name, text in headers.items()}
            options = {"transports": TRANSPORTS[kind.way], "extraHeaders": sent}
            socket = nodes[kind.client].open(kind, user, site, url, options)
        sockets.append(socket)
        if wait:
            await is_there(socket)
        return socket

    yield open_one
    for socket in sockets:
        await socket.close()


async def is_there(socket: Socket) -> None:
    """Wait until a socket is connected, and by the way that it shall take."""
    await socket.wait_until("connect")
    if socket.kind.way == "upgrade":
        await socket.wait_until("upgrade")


@pytest.fixture(
    params=[
        pytest.param(kind, id=str(kind), marks=() if kind.client == PYTHON else with_npm)
        for kind in KINDS
    ]
)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture
def every_kind() -> list[Kind]:
    """Return the kinds for a test that takes all of them at once, since what it does is slow."""
    if not HAS_NPM:
        pytest.skip(MISSING)
    return KINDS


@pytest.fixture
def connect(open_socket: Open, kind: Kind) -> Open:
    """Return ``open_socket`` for the client and the way of this test."""

    async def connect_one(user: str, site: str = SITE, **options: Any) -> Socket:
        return await open_socket(kind, user, site, **options)

    return connect_one

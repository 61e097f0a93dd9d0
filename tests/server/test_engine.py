"""Where python-engineio and python-socketio are laxer than Node: raw requests, and their answers.

What Node answers was seen of socket.io 4.7.2. ``server`` is the realtime server itself; ``own`` one
of a test's own, whose handlers tell what they have seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import socketio
import uvicorn
from engineio.packet import MESSAGE, Packet  # type: ignore[import-untyped]
from socketio.exceptions import ConnectionRefusedError

from presence_progress.server import namespaces, websocket
from presence_progress.server.engine import Connection, end_tasks
from presence_progress.server.http_protocol import http_protocol
from presence_progress.settings import PING_INTERVAL, PING_TIMEOUT, Limits
from tests.server.conftest import NAMESPACE, Process, Stack, close, session_of

ROOM = "/room"
UNKNOWN_TRANSPORT = (400, '{"code":0,"message":"Transport unknown"}')
UNKNOWN_SID = (400, '{"code":1,"message":"Session ID unknown"}')
BAD_METHOD = (400, '{"code":2,"message":"Bad handshake method"}')
BAD_REQUEST = (400, '{"code":3,"message":"Bad request"}')
BAD_VERSION = (400, '{"code":5,"message":"Unsupported protocol version"}')
NOOP = (200, "6")
Answer = tuple[int, str]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, for twenty seconds at most."""
    for _ in range(2000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be")


class Raw:
    """A client that speaks Engine.IO by hand."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = f"{url}/socket.io/"

    async def ask(self, method: str = "GET", body: Any = None, **query: str) -> Answer:
        request = self.http.request(method, self.url, params=query, data=body)
        async with request as reply:
            return reply.status, await reply.text()

    async def poll(self, sid: str) -> Answer:
        return await self.ask(EIO="4", transport="polling", sid=sid)

    async def post(self, sid: str, body: Any) -> Answer:
        return await self.ask("POST", body, EIO="4", transport="polling", sid=sid)

    async def open(self, namespace: str = "") -> str:
        _, body = await self.ask(EIO="4", transport="polling")
        sid: str = json.loads(body[1:])["sid"]
        if namespace:
            await self.post(sid, f"40{namespace},")
            assert '{"sid":' in (await self.poll(sid))[1]
        return sid

    def websocket(self, **query: str) -> Any:
        return self.http.ws_connect(
            self.url, params={"EIO": "4", "transport": "websocket", **query}
        )

    async def cut_off(self, request: str) -> None:
        """Send a request, or the beginning of one, and hang up."""
        _, writer = await self.begin(request)
        await asyncio.sleep(0.1)
        writer.close()

    async def begin(self, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        return reader, writer


@pytest.fixture
async def raw(server: Process) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield Raw(http, server.url)


class Own:
    """A server in the tests' own process."""

    def __init__(self, url: str, ping_interval: float, ping_timeout: float, **limits: Any) -> None:
        self.url = url
        self.sio = namespaces.Server(
            sid_prefix="w7-",
            namespaces="*",
            cors_allowed_origins="*",
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            limits=Limits(**{"payload": 1000, **limits}),
        )
        self.uvicorn: uvicorn.Server
        self.seen: list[Any] = []
        """Reasons for the end of sockets; names of events."""
        self.decide = asyncio.Event()
        """Until it is set, the connect handler waits, as it would for Frappe."""
        self.decide.set()
        self.is_asked = asyncio.Event()
        """Set once the connect handler was asked."""
        self.sio.on("connect", self._connect, namespace="*")
        self.sio.on("disconnect", self._disconnect, namespace="*")
        self.sio.on_event = self._hear

    async def _connect(self, namespace: str, sid: str, _: Any, auth: Any = None) -> None:
        self.is_asked.set()
        await self.decide.wait()
        if namespace != ROOM:
            raise ConnectionRefusedError("Invalid namespace")
        if auth == {"break": True}:
            raise RuntimeError("a mistake of ours")
        await self.sio.accept(sid, namespace)
        await self.sio.enter_room(sid, "everybody", namespace=ROOM)
        await self.sio.emit("welcome", 1, room="everybody", namespace=ROOM)

    async def _disconnect(self, namespace: str, sid: str, reason: str) -> None:
        self.seen.append(reason)

    def _hear(self, namespace: str, sid: str, event: list[Any], *_: Any) -> None:
        self.seen.append(event[0])
        if event[0] == "ping":
            self.answering = asyncio.ensure_future(self.sio.emit("pong", room=sid, namespace=ROOM))

    async def until_session(self, is_so: Callable[[Any], bool]) -> None:
        """Wait until something is so of the only session."""
        await until(lambda: [is_so(one) for one in self.sio.eio.sockets.values()] == [True])

    async def ends(self) -> Any:
        """Wait until a socket has ended, and return the reason."""
        await until(lambda: bool(self.seen))
        return self.seen.pop()


@contextlib.asynccontextmanager
async def serve(
    ping_interval: float = 25, ping_timeout: float = 20, **limits: Any
) -> AsyncIterator[Own]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    own = Own(url, ping_interval, ping_timeout, **limits)
    config = uvicorn.Config(
        socketio.ASGIApp(own.sio),
        http=http_protocol(own.sio.eio.limits),
        ws=own.sio.protocol_for_uvicorn(),
        lifespan="off",
        log_level="warning",
        ws_ping_interval=None,
        timeout_graceful_shutdown=1,
    )
    serving = own.uvicorn = uvicorn.Server(config)
    task = asyncio.ensure_future(serving.serve(sockets=[listening]))
    await until(lambda: serving.started)
    try:
        yield own
    finally:
        await own.sio.shutdown()
        serving.should_exit = True
        await task


@pytest.fixture
def pings() -> tuple[float, float]:
    """Return their interval and timeout in seconds; these come in between no test."""
    return 25, 20


# The timeout is one that a busy machine keeps: these tests answer some of the pings.
SHORT_PINGS = pytest.mark.parametrize("pings", [(0.4, 2)], ids=["short pings"])


@pytest.fixture
async def own(pings: tuple[float, float]) -> AsyncIterator[Own]:
    async with serve(*pings) as own:
        yield own


@pytest.fixture
async def raw_own(own: Own) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield Raw(http, own.url)


async def joined(websocket: Any) -> str:
    """Join a room over a WebSocket, and return the socket's id."""
    await websocket.receive_str()
    await websocket.send_str(f"40{ROOM},")
    answer = await next_but_pings(websocket)
    assert await next_but_pings(websocket) == f'42{ROOM},["welcome",1]'
    sid: str = json.loads(answer.removeprefix(f"40{ROOM},"))["sid"]
    return sid


async def next_but_pings(websocket: Any) -> str:
    """Return the next packet that is no ping; those are answered."""
    while (packet := await websocket.receive_str()) == "2":
        await websocket.send_str("3")
    text: str = packet
    return text


def is_polled(session: Connection) -> bool:
    return session._waiter is not None


async def is_alive(websocket: Any) -> bool:
    """Return whether an event is answered; False when the server closes instead."""
    await websocket.send_str(f'42{ROOM},["ping"]')
    while True:
        message = await websocket.receive(timeout=20)
        if message.type != aiohttp.WSMsgType.TEXT:
            return False
        if "pong" in message.data:
            return True


# --- 1: silence -----------------------------------------------------------------------------------


async def test_a_silent_poller_ends_at_its_ping_timeout(raw: Raw) -> None:
    began, sid = time.monotonic(), await raw.open()
    assert await raw.poll(sid) == (200, "2")
    assert await raw.poll(sid) == UNKNOWN_SID
    assert time.monotonic() - began > PING_INTERVAL + PING_TIMEOUT - 0.5


@SHORT_PINGS
async def test_a_poller_that_is_gone_between_two_polls_ends_at_its_ping_timeout(
    own: Own, raw_own: Raw
) -> None:
    began, sid = time.monotonic(), await raw_own.open(ROOM)
    assert await own.ends() == "ping timeout"
    assert time.monotonic() - began > 2.3
    assert await raw_own.poll(sid) == UNKNOWN_SID
    assert await raw_own.post(sid, "3") == UNKNOWN_SID


@SHORT_PINGS
async def test_a_silent_websocket_ends_at_its_ping_timeout(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as websocket:
        await joined(websocket)
        assert await websocket.receive_str() == "2"
        await websocket.send_str("3")
        assert await websocket.receive_str() == "2"
        assert (await websocket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE
    assert await own.ends() == "ping timeout"


async def test_a_frame_is_written_past_the_line_only_while_there_is_none(
    own: Own, raw_own: Raw
) -> None:
    async with raw_own.websocket() as websocket:
        await websocket.send_str(f"40{ROOM},")
        assert (await websocket.receive()).data.startswith("0")
        assert (await websocket.receive()).data.startswith(f"40{ROOM}")
        assert "welcome" in (await websocket.receive()).data
        [connection] = own.sio.eio.sockets.values()
        connection.write(b"\x81\x06direct")
        # As the event loop does when the client does not read, and when it reads again.
        connection._websocket.pause_writing()
        connection.put(Packet(MESSAGE, "in line"))
        assert connection.write is None and connection.backlog == 7
        connection._websocket.resume_writing()
        assert connection.write is not None
        connection.write(b"\x81\x06behind")
        assert connection.backlog == 0
        heard = [(await websocket.receive()).data for _ in range(3)]
        assert heard == ["direct", "4in line", "behind"]


async def test_nothing_is_written_past_a_transport_that_the_last_packet_has_filled(
    own: Own, raw_own: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = websocket.DirectWebSocket.send

    def send_and_fill(self: websocket.DirectWebSocket, message: str | bytes) -> None:
        send(self, message)
        self.pause_writing()

    async with raw_own.websocket() as client:
        await joined(client)
        [connection] = own.sio.eio.sockets.values()
        connection._websocket.pause_writing()
        connection.put(Packet(MESSAGE, "last"))
        monkeypatch.setattr(websocket.DirectWebSocket, "send", send_and_fill)
        connection._websocket.resume_writing()
        assert connection.write is None and connection.backlog == 0
        connection.put(Packet(MESSAGE, "behind"))
        assert connection.backlog == 6
        monkeypatch.undo()
        connection._websocket.resume_writing()
        assert connection.write is not None
        assert [(await client.receive()).data for _ in range(2)] == ["4last", "4behind"]


async def test_with_an_unknown_uvicorn_frames_go_the_ordinary_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "WebSocketsSansIOProtocol", None)
    warnings: list[str] = []
    monkeypatch.setattr(websocket.log, "warning", lambda event, **_: warnings.append(event))
    async with serve() as own, aiohttp.ClientSession() as http:
        raw = Raw(http, own.url)
        async with raw.websocket() as socket:
            await joined(socket)
            [connection] = own.sio.eio.sockets.values()
            assert connection.write is None
            await own.sio.emit("e", ["x", b"y"], namespace=ROOM)
            heard = [(await socket.receive()).data for _ in range(2)]
            assert heard == [f'451-{ROOM},["e",["x",{{"_placeholder":true,"num":0}}]]', b"y"]
            assert await is_alive(socket)
        # And an upgrade.
        sid = await raw.open(ROOM)
        async with raw.websocket(sid=sid) as socket:
            await socket.send_str("2probe")
            assert await socket.receive_str() == "3probe"
            await socket.send_str("5")
            assert await is_alive(socket)
            async with raw.websocket(sid=sid) as surplus:
                assert (await surplus.receive()).type == aiohttp.WSMsgType.CLOSE
            assert await is_alive(socket)
            await own.sio.shutdown()
            assert (await socket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE
    assert warnings == ["frames are sent the ordinary way, one by one"]


async def test_a_session_that_joins_no_namespace_ends(
    own: Own, raw_own: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[Any] = []
    monkeypatch.setattr(namespaces, "after", lambda *timer: timers.append(timer))
    async with raw_own.websocket() as idle, raw_own.websocket() as member:
        await joined(member)
        own.decide.clear()
        async with raw_own.websocket() as undecided:
            await undecided.send_str(f"40{ROOM},")
            await until(lambda: len(own.sio.manager.connecting) == 1)
            # The time is over for all three: were it a short one, a busy machine might join later.
            for seconds, drop, eio_sid in timers:
                assert seconds == namespaces.CONNECT_TIMEOUT
                drop(eio_sid)
            async for _ in idle:
                pass  # it lives, and asks for nothing until it is ended
            own.decide.set()
            assert await is_alive(undecided)
        assert await is_alive(member)


async def test_a_poll_that_breaks_off_ends_the_session_at_once(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    await raw_own.cut_off(
        f"GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert await own.ends() == "transport error"


# --- 2: the close packet --------------------------------------------------------------------------


async def test_a_close_packet_answers_the_poll_that_waits(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    poll = asyncio.ensure_future(raw_own.poll(sid))
    await own.until_session(is_polled)
    assert await raw_own.post(sid, "1") == (200, "ok")
    assert await poll == NOOP
    assert await own.ends() == "client disconnect"
    assert await raw_own.poll(sid) == UNKNOWN_SID


# --- 3: overlap -----------------------------------------------------------------------------------


async def test_two_polls_at_once_close_the_session(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    first = asyncio.ensure_future(raw_own.poll(sid))
    await own.until_session(is_polled)
    assert await raw_own.poll(sid) == (400, "")
    assert await first == (200, "1")
    assert await own.ends() == "transport error"


async def test_two_posts_at_once_close_the_session(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    _, writer = await raw_own.begin(
        f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 30\r\n\r\n42"
    )
    await own.until_session(lambda session: session.posting)
    assert (await raw_own.post(sid, "3"))[0] == 400
    assert await own.ends() == "transport error"
    writer.close()


# --- 4: an upgrade; what a second WebSocket does is in conformance/test_beside_node.py ------------


async def test_a_session_goes_on_polling_when_its_upgrade_fails(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    async with raw_own.websocket(sid=sid) as websocket:
        await websocket.send_str("2probe")
        assert await websocket.receive_str() == "3probe"
    await raw_own.post(sid, f'42{ROOM},["ping"]')
    assert "pong" in (await raw_own.poll(sid))[1]


# --- 5: errors in Node's words --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "query", "answer"),
    [
        ("GET", {"EIO": "4"}, UNKNOWN_TRANSPORT),
        ("GET", {"EIO": "4", "transport": "pigeon"}, UNKNOWN_TRANSPORT),
        ("GET", {"EIO": "4", "transport": "polling", "sid": "x"}, UNKNOWN_SID),
        ("POST", {"EIO": "4", "transport": "polling", "sid": "x"}, UNKNOWN_SID),
        ("POST", {"EIO": "4", "transport": "polling"}, BAD_METHOD),
        ("GET", {"EIO": "4", "transport": "websocket"}, BAD_REQUEST),
        ("GET", {"EIO": "3", "transport": "polling"}, BAD_VERSION),
        ("GET", {"transport": "polling"}, BAD_VERSION),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_in_nodes_words(
    raw: Raw, method: str, query: dict[str, str], answer: Answer
) -> None:
    assert await raw.ask(method, **query) == answer


@pytest.mark.parametrize(
    "query", [{"EIO": "3"}, {"sid": "x"}, {"transport": "polling"}, {"transport": "pigeon"}]
)
async def test_a_websocket_that_makes_no_sense_is_refused(raw: Raw, query: dict[str, str]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await raw.websocket(**query)


# --- 6: malformed bodies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"9x", 400, "parse error"),
        (b"3\x1e9", 400, "parse error"),
        (b"", 400, "parse error"),
        (b"4\xff\xfe", 400, "parse error"),
        (b"4" + b"x" * 1000, 413, "transport error"),
        (b"2", 200, "transport error"),  # pings are the server's to send
    ],
)
async def test_a_malformed_body_closes_the_session(
    own: Own, raw_own: Raw, body: bytes, status: int, reason: str
) -> None:
    sid = await raw_own.open(ROOM)
    assert (await raw_own.post(sid, body))[0] == status
    assert await own.ends() == reason
    assert await raw_own.poll(sid) == UNKNOWN_SID


async def test_a_body_that_breaks_off_closes_the_session(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    await raw_own.cut_off(
        f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
        f'Content-Length: 99\r\n\r\n42{ROOM},["half"]'
    )
    assert await own.ends() == "transport error"
    assert own.seen == []  # the half was not taken for the whole


async def test_a_body_may_have_many_packets(own: Own, raw_own: Raw) -> None:
    """As Node's: a client sends all at once that it has been keeping."""
    sid = await raw_own.open(ROOM)
    assert await raw_own.post(sid, "\x1e".join([f'42{ROOM},["n"]'] * 50)) == (200, "ok")
    assert own.seen == ["n"] * 50


# --- 7: namespaces --------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["/nowhere.localhost", "/"])
async def test_an_unknown_namespace_is_refused_once(raw: Raw, namespace: str) -> None:
    sid = await raw.open()
    prefix = "" if namespace == "/" else f"{namespace},"
    await raw.post(sid, f"40{prefix}")
    assert await raw.poll(sid) == (200, f'44{prefix}{{"message":"Invalid namespace"}}')
    assert await raw.poll(sid) == (200, "2")


async def test_a_namespace_without_a_handler_is_refused_alike(own: Own, raw_own: Raw) -> None:
    own.sio.namespaces, own.sio.handlers = ["/"], {}
    sid = await raw_own.open()
    await raw_own.post(sid, f"40{ROOM},\x1e40")
    refused = '{"message":"Invalid namespace"}'
    await own.until_session(lambda session: session.backlog == len(f"4{ROOM},{refused}4{refused}"))
    assert await raw_own.poll(sid) == (200, f"44{ROOM},{refused}\x1e44{refused}")


# --- 8: CONNECT comes first -----------------------------------------------------------------------


async def test_nothing_comes_before_connect_and_everything_after(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as early, raw_own.websocket() as late:
        await joined(early)
        await late.receive_str()
        own.decide.clear()
        own.is_asked.clear()
        await late.send_str(f"40{ROOM},")
        await own.is_asked.wait()
        await own.sio.emit("to everybody", namespace=ROOM)
        assert "to everybody" in await early.receive_str()
        own.decide.set()
        assert (await late.receive_str()).startswith(f'40{ROOM},{{"sid":')
        assert await late.receive_str() == f'42{ROOM},["welcome",1]'


@SHORT_PINGS
async def test_a_client_is_heard_while_its_connect_handler_is_at_work(
    own: Own, raw_own: Raw
) -> None:
    own.decide.clear()
    async with raw_own.websocket() as websocket:
        await websocket.receive_str()
        await websocket.send_str(f"40{ROOM},")
        for _ in range(7):  # longer than the ping timeout
            assert await websocket.receive_str() == "2"
            await websocket.send_str("3")
        own.decide.set()
        assert await is_alive(websocket)


async def test_who_leaves_while_connecting_is_disconnected_afterwards(
    own: Own, raw_own: Raw
) -> None:
    own.decide.clear()
    async with raw_own.websocket() as websocket:
        await websocket.send_str(f"40{ROOM},")
        await own.is_asked.wait()
    await until(lambda: not own.sio.eio.sockets)
    assert own.seen == []
    own.decide.set()
    assert await own.ends() == "transport close"
    assert not own.sio.manager.rooms and not own.sio.manager.connecting and not own.sio.environ


async def test_a_broken_connect_handler_refuses_nobody_for_good(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as websocket:
        await websocket.receive_str()
        await websocket.send_str(f'40{ROOM},{{"break":true}}')
        assert (await websocket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE


# --- 9, 11: the opening packet --------------------------------------------------------------------


async def test_pings_are_announced_in_milliseconds_and_ids_have_a_prefix(raw_own: Raw) -> None:
    _, body = await raw_own.ask(EIO="4", transport="polling")
    opening = json.loads(body[1:])
    assert opening.pop("sid").startswith("w7-")
    assert opening == {
        "upgrades": ["websocket"],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 1000,
    }


# --- 10: a second CONNECT -------------------------------------------------------------------------


async def test_a_second_connect_is_acknowledged_again(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as websocket:
        sid = await joined(websocket)
        await websocket.send_str(f"40{ROOM},")
        assert await websocket.receive_str() == f'40{ROOM},{{"sid":"{sid}"}}'
        assert await is_alive(websocket)
        assert own.seen == ["ping"]


async def test_two_connects_at_once_make_one_socket(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as websocket:
        await websocket.send_str(f"40{ROOM},")
        await websocket.send_str(f"40{ROOM},")
        while "welcome" not in await websocket.receive_str():
            pass
        assert await is_alive(websocket)
        assert len(own.sio.manager.rooms[ROOM]["everybody"]) == 1


# --- 12: leaving on purpose -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, "client disconnect"), (1001, "transport close")]
)
async def test_code_1000_is_a_goodbye(own: Own, raw_own: Raw, code: int, reason: str) -> None:
    async with raw_own.websocket() as websocket:
        await joined(websocket)
        await websocket.close(code=code)
    assert await own.ends() == reason


# --- 13: dropped, to come again -------------------------------------------------------------------


async def test_a_dropped_transport_just_ends(own: Own, raw_own: Raw) -> None:
    sid = await raw_own.open(ROOM)
    poll = asyncio.ensure_future(raw_own.poll(sid))
    await own.until_session(is_polled)
    await own.sio.drop(sid)
    assert await poll == UNKNOWN_SID
    assert await own.ends() == "server disconnect"

    async with raw_own.websocket() as websocket:
        await joined(websocket)
        await own.sio.shutdown()
        assert (await websocket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_dropped_client_comes_again_by_itself(own: Own, transport: str) -> None:
    client = socketio.AsyncClient(reconnection_delay=0.1, randomization_factor=0)
    sids: list[str] = []
    client.on("welcome", lambda _: sids.append(client.get_sid(ROOM)), namespace=ROOM)
    # The library's one second is short for a busy machine.
    await client.connect(own.url, namespaces=[ROOM], transports=[transport], wait_timeout=20)
    await until(lambda: len(sids) == 1)
    await own.sio.drop(client.eio.sid)
    # There it has no other, and may need another try.
    await until(lambda: len(sids) > 1)
    assert own.seen[0] == "server disconnect"
    await close(client)


# --- Socket.IO packets that are none --------------------------------------------------------------

ATTACHED = f'451-{ROOM},["x",{{"_placeholder":true,"num":%d}}]'


@pytest.mark.parametrize(
    "junk",
    [
        [f'42{ROOM},["ping",'],
        [f'42{ROOM},["ping",NaN]'],
        [f'42{ROOM},{{"a":1}}'],
        [f"42{ROOM},[]"],
        [f'42{ROOM},[["ping"]]'],
        [f'42{ROOM},["connect"]'],
        [f'42{ROOM},["disconnect"]'],
        [f"42{ROOM},{'[' * 900}"],
        [f'44{ROOM},"x"'],
        [f"41{ROOM},{{}}"],
        ['42/nowhere,["ping"]'],
        [f"40/{'x' * 400},"],
        ["47"],
        ["4"],
        ["4null"],
        ['4{"a":1}'],
        ["9"],
        [""],
        [b"junk"],
        [ATTACHED % 0, f'42{ROOM},["ping"]'],
        [ATTACHED % 7, b"x"],
        [f'450-{ROOM},["x"]'],
        [f'4599-{ROOM},["x"]'],
        ["4" + "x" * 1000],
    ],
)
async def test_a_packet_that_is_none_closes_the_connection(
    own: Own, raw_own: Raw, caplog: pytest.LogCaptureFixture, junk: list[str | bytes]
) -> None:
    async with raw_own.websocket() as websocket:
        await joined(websocket)
        for message in junk:
            send = websocket.send_bytes if isinstance(message, bytes) else websocket.send_str
            await send(message)
        assert not await is_alive(websocket)
    assert await own.ends() in ("parse error", "transport error")
    assert not caplog.records and not own.sio._binary_packet


@pytest.mark.parametrize(
    "packet",
    [
        f"43{ROOM},5[]",
        f"43{ROOM},0[]",
        f"43{ROOM},[]",
        f"42{ROOM},[5]",
        f'42{ROOM},["*"]',
        "0",
        "6",
    ],
)
async def test_a_packet_that_nobody_asked_for_is_ignored(
    own: Own, raw_own: Raw, caplog: pytest.LogCaptureFixture, packet: str
) -> None:
    async with raw_own.websocket() as websocket:
        await joined(websocket)
        await websocket.send_str(packet)
        assert await is_alive(websocket)
    assert not caplog.records


async def test_an_event_may_have_attachments(own: Own, raw_own: Raw) -> None:
    async with raw_own.websocket() as websocket:
        await joined(websocket)
        await websocket.send_str(ATTACHED % 0)
        await websocket.send_bytes(b"x")
        assert await is_alive(websocket)
    assert own.seen[:2] == ["x", "ping"]


# --- nothing else broke ---------------------------------------------------------------------------


async def test_the_realtime_server_takes_an_upgrade_in_the_middle_of_its_events(
    stack: Stack, server: Process
) -> None:
    session = await session_of(stack, "editor@example.com")
    headers = {"Cookie": f"sid={session}", "Origin": "http://127.0.0.1:8000"}
    client = socketio.AsyncClient(reconnection=False)
    heard: list[Any] = []
    client.on("pong", lambda *_: heard.append(client.transport()), namespace=NAMESPACE)
    await client.connect(server.url, headers, namespaces=[NAMESPACE], wait_timeout=20)
    for _ in range(50):
        await client.emit("ping", namespace=NAMESPACE)
    await until(lambda: len(heard) == 50)
    assert heard[-1] == "websocket"
    await close(client)


# --- its tasks ------------------------------------------------------------------------------------


async def test_a_task_that_swallows_that_it_is_cancelled_ends_all_the_same() -> None:
    async def swallow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(swallow())
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks(task), 15)
    assert task.cancelled()


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        ("content-type", True),
        ("X-Frappe-Site-Name", False),
        ("content-type, x-browser-origin", False),
    ],
)
async def test_a_page_may_not_send_the_headers_in_which_proxies_name_the_site(
    server: Process, asked: str, is_allowed: bool
) -> None:
    headers = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": asked,
    }
    async with (
        aiohttp.ClientSession() as http,
        http.options(f"{server.url}/socket.io/?EIO=4&transport=polling", headers=headers) as reply,
    ):
        assert (reply.headers.get("Access-Control-Allow-Headers") == asked) is is_allowed

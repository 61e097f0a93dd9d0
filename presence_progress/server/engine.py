"""Engine.IO sessions that are as strict as Node's engine.io 6, over python-engineio.

The library gives the packets, and how a request is answered; here is a session's life, where the
library is laxer than Node.

Upstream belong: a session's end at its ping timeout, at a lost poll, at a close packet and at two
requests at once; the error bodies; posts cut off or of too many packets for the library; the second
WebSocket; repeated headers; and ``pingInterval`` in milliseconds. Ours alone are ``sid_prefix`` and
what code 1000 means.

Left out, as no client of protocol 4 asks for it: JSONP, and the cookie with the session's id.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import engineio  # type: ignore[import-untyped]
from engineio import packet as eio_packet

from presence_progress.server import metrics
from presence_progress.server.backlog import Backlog, Message
from presence_progress.server.client_address import ClientAddress
from presence_progress.server.headers import read_headers
from presence_progress.server.heartbeat import Heartbeat
from presence_progress.server.limits import RateLimit, SharedRates
from presence_progress.server.websocket import (
    PART,
    PROTOCOL_ERRORS,
    TOO_BIG,
    TURN,
    AsgiWebSocket,
    DirectWebSocket,
    Listener,
    Refused,
    WebSocket,
    frame,
)
from presence_progress.settings import DEFAULT_LIMITS, Limits

UPGRADE_TIMEOUT = 10.0
"""Seconds for a polling session to finish moving to a WebSocket: Node's."""
UPGRADE_POLL = 0.1
"""Seconds that a poll waits meanwhile: the client moves only once no poll is under way."""
CLOSED_ON_PURPOSE = 1000
"""The code of a WebSocket that python-socketio's client closes, whose goodbye mostly comes too late
to be sent. Browsers send other ones; their client says goodbye in words."""
KEPT = (
    "HTTP_HOST",
    "HTTP_ORIGIN",
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_X_FRAPPE_SITE_NAME",
    "HTTP_X_BROWSER_ORIGIN",
)
"""What a connect handler may read of a request."""
TOO_SLOW = "too slow"
"""The reason of a session whose client does not read what it is sent."""
TOO_MANY_EVENTS = "too many events"
"""The reason of a session whose client sends too much, and does not stop."""
LIMITED_INTERVAL = 10.0
"""Seconds between two words to a client that it is read slowly, because it sends too much."""
_SETTLED = TURN, 16_384
"""Messages and bytes that are charged together: one by one it would cost as much as reading."""
SLOWEST = 100_000
"""Bytes a second that a client reads at least, of a large answer to a poll."""
PARSE_ERROR = "parse error"
"""Node's reason for a session that ends by what its client sent."""
_COMPRESSION = 6
"""The level of Node's zlib; the highest one takes twice as long."""
_COMPRESSED_AT_ONCE = 65_536
"""Bytes: a millisecond or two."""
_PING = eio_packet.Packet(eio_packet.PING)
_PING_FRAME = frame(str(eio_packet.PING))
_UNKNOWN_TRANSPORT = '{"code":0,"message":"Transport unknown"}'
_UNKNOWN_SID = '{"code":1,"message":"Session ID unknown"}'
_BAD_METHOD = '{"code":2,"message":"Bad handshake method"}'
_BAD_REQUEST = '{"code":3,"message":"Bad request"}'
_BAD_VERSION = '{"code":5,"message":"Unsupported protocol version"}'
_TOO_MANY_CONNECTIONS = '{"code":4,"message":"Forbidden: too many connections of this address"}'

_OF_PROXIES = "x-frappe-site-name", "x-browser-origin"
"""Headers that a page of another site may not send: it would name itself as the site."""

_tasks: set[asyncio.Task[None]] = set()


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(work)
    _tasks.add(task)  # the event loop would let it be collected half way
    task.add_done_callback(_tasks.discard)
    return task


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until each has ended: before Python 3.12, ``wait_for`` may swallow it once."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=1)
    # Errors of theirs are no news any more.
    await asyncio.gather(*tasks, return_exceptions=True)


_KINDS = {str(kind): kind for kind in range(7)}


def _decode(packet: str | bytes) -> tuple[int, str | bytes]:
    """Return an Engine.IO packet's type and data; ``ValueError`` when it is none.

    Not the library's, which reads the data as JSON, and hands on what it has read.
    """
    if isinstance(packet, bytes):
        return eio_packet.MESSAGE, packet
    if packet.startswith("b"):
        return eio_packet.MESSAGE, base64.b64decode(packet[1:])
    if packet[:1] not in _KINDS:
        raise ValueError("unknown packet type")
    return _KINDS[packet[:1]], packet[1:]


def _split(body: bytes) -> Iterator[str]:
    """Yield the packets of a body one by one: there may be as many as it has bytes."""
    start = 0
    while (end := body.find(b"\x1e", start)) >= 0:
        yield body[start:end].decode()
        start = end + 1
    yield body[start:].decode()


def _send(websocket: WebSocket, packet: Any) -> None:
    if isinstance(packet, Message) and isinstance(websocket, DirectWebSocket):
        websocket.write(packet.frame)
    else:
        websocket.send(packet.encode())


class Connection:
    """One Engine.IO session: its packets to be sent, and whether its client is still there."""

    __slots__ = (
        "_address_rates",
        "_ended",
        "_engine",
        "_heard",
        "_is_pinged",
        "_limited_at",
        "_line",
        "_messages",
        "_missed",
        "_reading_until",
        "_reason",
        "_size",
        "_throttled_since",
        "_waiter",
        "_websocket",
        "address",
        "beat",
        "buckets",
        "closed",
        "held_until",
        "posting",
        "sid",
        "upgrading",
        "write",
    )

    def __init__(
        self, engine: Engine, sid: str, websocket: WebSocket | None, address: str | None
    ) -> None:
        self.sid = sid
        self.address = address
        """Where its client is, where that is known."""
        self.upgrading: Upgrade | None = None
        self.posting = False
        self.closed = False
        self._engine = engine
        self._websocket = websocket
        """What it runs over, from the start or by now; before that, it polls."""
        self._line = Backlog()
        self._missed: set[tuple[str, str]] | None = None
        """Sites and rooms whose changes were not put in line, since the line was too long."""
        self._waiter: asyncio.Future[None] | None = None
        """Set while a poll has nothing to answer."""
        self._heard: deque[str | bytes] | None = None
        """What has come while a message before it is still being handled."""
        self.write: Callable[[bytes], None] | None = None
        """Writes ready-made frames past the line; None while there is a line, or nothing that takes
        them."""
        self._reading_until = 0.0
        """Until when a polling client may be busy reading the last answer."""
        self._reason = ""
        self._ended: asyncio.Task[None] | None = None
        self.beat = 0
        self._is_pinged = False
        now = time.monotonic()
        self.buckets = [RateLimit(engine.limits, what, now) for what in ("events", "bytes")]
        self._address_rates = engine.address_rates.enter(address) if address else []
        self.rate_by_address(True)
        """All are charged with what comes; the longest wait counts. Sockets may share some."""
        self._messages: float = 0
        self._size = 0
        """What has come and is not charged yet."""
        self.held_until = 0.0
        self._throttled_since: float | None = None
        """Since when it has been over its limits without a pause."""
        self._limited_at = -LIMITED_INTERVAL
        engine.heartbeat.begin(self)

    @property
    def upgraded(self) -> bool:
        """Whether it runs over a WebSocket."""
        return self._websocket is not None

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent, about."""
        return self._line.size

    @property
    def _unsent(self) -> int:
        return self._websocket.unsent if self._websocket is not None else 0

    # --- is the client still there? ---

    def ping(self) -> None:
        self._is_pinged = True
        if self.write is not None:
            self.write(_PING_FRAME)
        else:
            self.put(_PING)

    def time_out(self) -> None:
        now = asyncio.get_running_loop().time()
        idle = now - self._line.last_taken(now, self._unsent)
        is_reading = idle < self._engine.ping_timeout or now < self._reading_until
        if _PING in self._line.packets and is_reading:
            # The ping waits behind a large message, which is being read.
            self._engine.heartbeat.wait_on(self)
        else:
            self.end(self._engine.reason.PING_TIMEOUT)

    # --- does it send too much? ---

    def rate_by_address(self, is_rated: bool) -> None:
        """Charge what comes to its address as well, for as long as nobody has signed in here."""
        for bucket in self._address_rates:
            if is_rated and bucket not in self.buckets:
                self.buckets.append(bucket)
            elif not is_rated and bucket in self.buckets:
                self.buckets.remove(bucket)

    def charge(self, messages: float, size: int) -> float:
        """Count what has come, and return the seconds that this client shall not be read from."""
        self._messages += messages
        self._size += size
        if self._messages < _SETTLED[0] and self._size < _SETTLED[1]:
            return 0.0
        messages, size, self._messages, self._size = self._messages, self._size, 0, 0
        now = time.monotonic()
        longest, over = 0.0, None
        for bucket in self.buckets:
            wait = bucket.take(size if bucket.counts_bytes else messages, now)
            if wait > longest:
                longest, over = wait, bucket
        if over is None:
            self._throttled_since = None
        else:
            self._throttle(over.limit, longest, now)
        return longest

    def _throttle(self, limit: str, wait: float, now: float) -> None:
        if self.closed:
            return
        # What comes a second after the wait was not waiting: a client that shares a bucket with
        # others, and sends little.
        if self._throttled_since is None or now > self.held_until + 1:
            self._throttled_since = now
        self.held_until = now + wait
        if now - self._throttled_since > self._engine.limits.throttled_seconds:
            self.exceed("throttled_seconds", TOO_MANY_EVENTS)
        elif now - self._limited_at >= LIMITED_INTERVAL:
            self._limited_at = now
            metrics.LIMITED.labels(limit).inc()
            self._engine.on_limited(self.sid, limit, wait)

    # --- from the client ---

    def hear(self, message: str | bytes) -> None:
        """Take a message of a WebSocket."""
        try:
            self.receive(*_decode(message))
        except ValueError:
            self.end(PARSE_ERROR)

    def receive(self, kind: int, data: str | bytes) -> None:
        if self.closed:
            return
        if kind == eio_packet.MESSAGE:
            self._handle(data)
        elif kind == eio_packet.PONG:
            # Only an answer counts: a client that sends them unasked would be pinged for each.
            if self._is_pinged:
                self._is_pinged = False
                self.beat += 1
                self._engine.heartbeat.begin(self)
        elif kind == eio_packet.CLOSE:
            self.end(self._engine.reason.CLIENT_DISCONNECT)
        elif kind == eio_packet.PING:
            self.end(self._engine.reason.TRANSPORT_ERROR)

    def _handle(self, data: str | bytes) -> None:
        """Handle a message at once, as nearly all can be; else what comes behind it waits."""
        if self._heard is not None:
            self._heard.append(data)
            if len(self._heard) > self._engine.limits.pending_events:
                self.exceed("pending_events", TOO_MANY_EVENTS)
            return
        rest = self._engine.on_message(self.sid, data)
        if rest is not None:
            self._heard = deque()
            spawn(self._handle_rest(rest))

    async def _handle_rest(self, rest: Coroutine[Any, Any, None] | None) -> None:
        for handled in itertools.count(1):
            if rest is not None:
                try:
                    await rest
                except Exception:
                    self._engine.logger.exception("a message could not be handled")
            if handled % TURN == 0:
                await asyncio.sleep(0)  # others have their turn
            if not self._heard or self.closed:
                break
            rest = self._engine.on_message(self.sid, self._heard.popleft())
        self._heard = None

    # --- to the client ---

    def put(self, packet: Any) -> None:
        """Send a packet, or put it in line; a client that lets the line grow too long is cut
        off."""
        if self.closed:
            return
        websocket, line = self._websocket, self._line
        if websocket is not None and websocket.is_ready and not line.packets:
            _send(websocket, packet)
            return
        now, unsent = asyncio.get_running_loop().time(), self._unsent
        line.add(packet, now, unsent)
        if line.is_too_long(self._engine.limits, now, unsent):
            metrics.LIMITED.labels("backlog").inc()
            self.end(TOO_SLOW)
        self._wake()

    def miss(self, site: str, room: str) -> None:
        """Note that a room shall be sent whole once this client has caught up."""
        if self._missed is None:
            self._missed = set()
        self._missed.add((site, room))

    def pause(self) -> None:
        self.write = None

    def go_on(self) -> None:
        """Send over the WebSocket what is in line, as far as it goes."""
        websocket, line, sent = self._websocket, self._line, 0
        if websocket is None or self.closed:
            return
        while websocket.is_ready and sent < len(line.packets):
            _send(websocket, line.packets[sent])
            sent += 1
        line.take(sent, asyncio.get_running_loop().time(), websocket.unsent)
        # The last one may have been one too many already.
        if websocket.is_ready and isinstance(websocket, DirectWebSocket):
            self.write = websocket.write
        self._catch_up()

    def _catch_up(self) -> None:
        if self._missed and not self._line.packets:
            missed, self._missed = self._missed, None
            spawn(self._engine.on_caught_up(self.sid, missed))

    # --- over polling ---

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, gone: asyncio.Future[Any], seconds: float | None) -> None:
        """Wait until there is something to be sent, the session has ended, or the poll has."""
        if self._line.packets or self.closed:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait(
                {self._waiter, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._waiter = None

    async def poll(self, receive: Any) -> list[Any]:
        """Return the packets that a poll is answered with, as soon as there are any."""
        if self._waiter is not None:
            # Node: "overlap from client".
            self.end(self._engine.reason.TRANSPORT_ERROR)
            # The first one is told that it is over, this one nothing.
            self._line.add(eio_packet.Packet(eio_packet.CLOSE), 0, 0)
            raise Refused("")
        gone = asyncio.ensure_future(receive())
        try:
            await self._wait(gone, UPGRADE_POLL if self.upgrading else None)
        finally:
            is_gone = gone.done()
            gone.cancel()
        if is_gone:
            # Node: "poll connection closed prematurely".
            self.end(self._engine.reason.TRANSPORT_ERROR)
        is_told = self._line.packets or self._reason == self._engine.reason.CLIENT_DISCONNECT
        if self.closed and not is_told:
            # Not a close packet, as Node sends one: for python-socketio's client that is a server
            # which wants it gone for good.
            raise Refused(_UNKNOWN_SID)
        packets: list[Any] = []
        if not self.upgraded:
            now = asyncio.get_running_loop().time()
            packets = self._line.take(len(self._line.packets), now)
            # It cannot poll before it has read this answer, which may take a slow network a while.
            seconds = sum(len(packet.data or "") for packet in packets) / SLOWEST
            self._reading_until = now + min(seconds, self._engine.limits.throttled_seconds)
            self._catch_up()
        return packets or [eio_packet.Packet(eio_packet.NOOP)]

    async def post(self, event: Any, receive: Any) -> str:
        """Take the packets of a polling client, and return the status that it is answered with."""
        reason = self._engine.reason.TRANSPORT_ERROR
        if self.posting:
            # Node: "data request overlap from client".
            self.end(reason)
            return "400 BAD REQUEST"
        body = bytearray(event.get("body", b""))
        self.posting = True
        try:
            while event.get("more_body") and len(body) <= self._engine.max_http_buffer_size:
                if wait := self.charge(PART, 0):
                    await asyncio.sleep(wait)
                event = await receive()
                body += event.get("body", b"")
            if len(body) > self._engine.max_http_buffer_size:
                self.end(reason)
                metrics.LIMITED.labels("payload").inc()
                return "413 PAYLOAD TOO LARGE"
            if self.closed:
                # By another post, at the same time: Node hangs up.
                return "400 BAD REQUEST"
            if event["type"] == "http.disconnect":
                # Node: "data request connection closed prematurely".
                self.end(reason)
                return "400 BAD REQUEST"
            await self._receive_all(bytes(body))
        except ValueError:
            self.end(PARSE_ERROR)
            return "400 BAD REQUEST"
        finally:
            self.posting = False
        return "200 OK"

    async def _receive_all(self, body: bytes) -> None:
        """Receive all packets, as many as there are: a client sends all at once that it has been
        keeping. One that has sent too many is answered later."""
        wait = self.charge(0, len(body))
        for number, packet in enumerate(_split(body), 1):
            self.receive(*_decode(packet))
            wait = max(wait, self.charge(1, 0))
            if wait or number % TURN == 0:
                await asyncio.sleep(wait)
                wait = 0.0
            if self.closed:
                return

    # --- its transport's end, and its own ---

    def move_to(self, websocket: WebSocket) -> None:
        """Run over a WebSocket from now on."""
        self._websocket = websocket
        websocket.listener = self
        self._wake()  # a poll that still waits: what comes next belongs to the WebSocket
        self.go_on()

    def lose(self, code: int) -> None:
        """Know that the WebSocket has ended."""
        reason = self._engine.reason
        if code == TOO_BIG:
            metrics.LIMITED.labels("payload").inc()
        if code == CLOSED_ON_PURPOSE:
            self.end(reason.CLIENT_DISCONNECT)
        else:
            is_error = code in PROTOCOL_ERRORS
            self.end(reason.TRANSPORT_ERROR if is_error else reason.TRANSPORT_CLOSE)

    def exceed(self, limit: str, reason: str) -> None:
        """End the session over a limit, and send its client the limit's name, if it still reads."""
        if not self.closed:
            metrics.LIMITED.labels(limit).inc()
            self._engine.on_limited(self.sid, limit, 0.0)
            self.end(reason)

    def end(self, reason: str) -> asyncio.Task[None]:
        """End the session: no word to the client but its transport's end, after which it may come
        again. Returns what waits until everybody concerned has heard of it."""
        if self._ended is None:
            self.closed = True
            self._reason = reason
            self.beat = -1
            self.write = None
            self._line = Backlog()
            self._engine.forget(self)
            self._wake()
            if self._websocket is not None:
                self._websocket.close()
            if self.upgrading is not None:
                self.upgrading.give_up()
            self._ended = spawn(
                self._engine._trigger_event("disconnect", self.sid, reason, run_async=False)
            )
        return self._ended


class _TooManyConnections(Refused):
    """Not for good: Socket.IO's clients try again after an error of HTTP, and mostly only then."""

    status = "429 Too Many Requests"


class Upgrade:
    """A WebSocket that a polling session may move to, if its client goes through with it."""

    def __init__(self, connection: Connection, websocket: WebSocket) -> None:
        self._connection = connection
        self._websocket = websocket
        self._timer = after(UPGRADE_TIMEOUT, self.give_up)
        connection.upgrading = self

    def hear(self, message: str | bytes) -> None:
        if message == "2probe":
            if self._websocket.is_ready:
                self._websocket.send("3probe")
            self._connection._wake()
            return
        if message == "5" and not self._connection.closed:
            self._end()
            self._connection.move_to(self._websocket)
        else:
            self.give_up()

    def charge(self, messages: float, size: int) -> float:
        return self._connection.charge(messages, size)

    def pause(self) -> None:
        """Nothing is sent but one word."""

    def go_on(self) -> None:
        """Nothing has had to wait."""

    def lose(self, code: int) -> None:
        self._end()

    def give_up(self) -> None:
        """Close the WebSocket; the session goes on polling, if it has not ended."""
        self._end()
        self._websocket.close()

    def _end(self) -> None:
        self._timer.cancel()
        if self._connection.upgrading is self:  # and not another that has begun meanwhile
            self._connection.upgrading = None


class Surplus:
    """A WebSocket for a session that has one already, or is about to: Node accepts it, closes it
    and leaves the session alone."""

    def __init__(self, connection: Connection, websocket: WebSocket) -> None:
        self._connection = connection
        self._websocket = websocket

    def hear(self, message: str | bytes) -> None:
        """Ignore it."""

    def charge(self, messages: float, size: int) -> float:
        return self._connection.charge(messages, size)

    def pause(self) -> None:
        """Nothing is sent."""

    def go_on(self) -> None:
        self._websocket.close()

    def lose(self, code: int) -> None:
        """Nothing is lost."""


def after(seconds: float, call: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call, *arguments)


def _returning(event: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def receive() -> Any:
        return event

    return receive


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """Answers requests as engine.io 6 does."""

    on_open: Callable[[str, Mapping[str, str]], None]
    """Called with a new connection and its request, in the names of WSGI."""
    on_message: Callable[[str, str | bytes], Coroutine[Any, Any, None] | None]
    """Called with what a connection has said; returns what cannot be done at once."""
    on_caught_up: Callable[[str, set[tuple[str, str]]], Coroutine[Any, Any, None]]
    """Called with a connection, and the sites and rooms that it has missed changes of."""
    on_limited: Callable[[str, str, float], None]
    """Called with a connection that is read slowly, the limit it is over, and for how long now."""

    def __init__(
        self,
        sid_prefix: str = "",
        limits: Limits = DEFAULT_LIMITS,
        trusted_proxies: Iterable[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(max_http_buffer_size=limits.payload, **options)
        self.limits = limits
        self._client_address = ClientAddress(trusted_proxies)
        self.address_rates: SharedRates[str] = SharedRates(limits)
        self._of_address: Counter[str] = Counter()
        """How many connections each address has here."""
        self._sid_prefix = sid_prefix
        self.heartbeat = Heartbeat(self.ping_interval, self.ping_timeout, limits.throttled_seconds)

    def generate_id(self) -> str:
        return f"{self._sid_prefix}{super().generate_id()}"

    async def send_packet(self, sid: str, packet: Any) -> None:
        connection = self.sockets.get(sid)
        if connection is not None:
            connection.put(packet)

    async def disconnect(self, sid: str | None = None) -> None:
        if sid is None:
            ended = list(self.sockets.values())
        else:
            ended = [self.sockets[sid]] if sid in self.sockets else []
        await asyncio.gather(*(one.end(self.reason.SERVER_DISCONNECT) for one in ended))

    def greet(self, environ: Mapping[str, str], websocket: WebSocket) -> Listener:
        """Return who speaks over a new WebSocket; :class:`Refused` when it makes no sense."""
        connection = self._find(environ, is_websocket=True)
        if connection is None:
            return self._open(environ, websocket)
        if connection.upgrading or connection.upgraded:
            return Surplus(connection, websocket)
        return Upgrade(connection, websocket)

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        # Some versions of the library read a body whole, however big, before anything is checked.
        head = {**event, "body": b"", "more_body": False}
        environ = await self._async["translate_request"](scope, _returning(head), send)
        if not environ:
            return  # gone already
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        environ = {
            **{key: value for key, value in environ.items() if not key.startswith("HTTP_")},
            **read_headers(pairs),
            "REMOTE_ADDR": (scope.get("client") or [""])[0],
        }
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower()
        if any(name in wanted for name in _OF_PROXIES):
            del environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"]
        try:
            if event["type"] == "websocket.connect":
                websocket = AsgiWebSocket(receive, send)
                websocket.listener = self.greet(environ, websocket)
                await websocket.run()
                return
            response = await self._answer(environ, event, receive)
        except Refused as refused:
            response = _response(refused.status.upper(), str(refused), "application/json")
        encodings = environ.get("HTTP_ACCEPT_ENCODING", "")
        is_long = len(response["response"]) >= self.compression_threshold
        if self.http_compression and is_long and "gzip" in encodings:
            response["response"] = await _compress(response["response"])
            response["headers"].append(("Content-Encoding", "gzip"))
        await self._make_response(response, environ)

    async def _answer(self, environ: Any, event: Any, receive: Any) -> dict[str, Any]:
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return _response("200 OK", "")
        connection = self._find(environ, is_websocket=False) or self._open(environ, None)
        if method == "POST":
            status = await connection.post(event, receive)
            return _response(status, "ok" if status.startswith("200") else "")
        packets = await connection.poll(receive)
        return _response("200 OK", "\x1e".join(packet.encode(b64=True) for packet in packets))

    def _find(self, environ: Mapping[str, str], is_websocket: bool) -> Connection | None:
        """Return the session that a request names, if it names one; refuse a request that makes no
        sense, in the order and the words of engine.io 6."""
        query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
        connection: Connection | None = self.sockets.get(query.get("sid"))
        transport = query.get("transport")
        if transport not in self.transports:
            raise Refused(_UNKNOWN_TRANSPORT)
        origin, allowed = environ.get("HTTP_ORIGIN"), self._cors_allowed_origins(environ)
        is_checked = origin and allowed is not None and self.cors_allowed_origins != []
        if is_checked and origin not in allowed:
            raise Refused(_BAD_REQUEST)
        if is_websocket and transport != "websocket":
            raise Refused(_BAD_REQUEST)
        method = environ["REQUEST_METHOD"]
        if "sid" in query:
            if connection is None:
                raise Refused(_UNKNOWN_SID)
            if not is_websocket and (connection.upgraded or transport != "polling"):
                raise Refused(_BAD_REQUEST)
            if method not in ("GET", "POST"):
                raise Refused(_BAD_REQUEST)
        elif method != "GET":
            raise Refused(_BAD_METHOD)
        elif transport == "websocket" and not is_websocket:
            raise Refused(_BAD_REQUEST)
        elif query.get("EIO") != "4":
            raise Refused(_BAD_VERSION)
        return connection

    def _open(self, environ: Mapping[str, str], websocket: WebSocket | None) -> Connection:
        address = self._client_address.of(environ)
        if address is not None:
            if self._of_address[address] >= self.limits.connections_per_address:
                metrics.LIMITED.labels("connections_per_address").inc()
                raise _TooManyConnections(_TOO_MANY_CONNECTIONS)
            self._of_address[address] += 1
        connection = Connection(self, self.generate_id(), websocket, address)
        self.sockets[connection.sid] = connection
        can_upgrade = not websocket and self.allow_upgrades and "websocket" in self.transports
        opening = {
            "sid": connection.sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": int(self.ping_interval * 1000),
            "pingTimeout": int(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        connection.put(eio_packet.Packet(eio_packet.OPEN, opening))
        # Not all of it: it is kept for as long as the connection lives.
        self.on_open(connection.sid, {key: environ[key] for key in KEPT if key in environ})
        return connection

    def forget(self, connection: Connection) -> None:
        """Count a connection that has ended no more."""
        self.sockets.pop(connection.sid, None)
        address = connection.address
        if address is not None:
            self.address_rates.leave(address)
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]


async def _compress(body: bytes) -> bytes:
    """Compress a body as Node does: a large one, which takes a second or two, in a thread."""
    if len(body) <= _COMPRESSED_AT_ONCE:
        return gzip.compress(body, _COMPRESSION)
    return await asyncio.to_thread(gzip.compress, body, _COMPRESSION)


def _response(status: str, body: str, kind: str = "text/plain; charset=UTF-8") -> dict[str, Any]:
    # no-store: a poll must be asked anew, whatever a proxy thinks.
    headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
    return {"status": status, "headers": headers, "response": body.encode()}

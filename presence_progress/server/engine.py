"""A Socket.IO server that is as strict as Node's, over python-engineio and python-socketio.

Those two give the packets, the rooms and the handlers; here are an Engine.IO session's life and a
Socket.IO namespace's door, where they are laxer than Node's engine.io 6 and socket.io 4.

Upstream belong: a session's end at its ping timeout, at a lost poll, at a close packet and at two
requests at once; the error bodies; posts cut off or of too many packets for the library; the second
WebSocket; ``pingInterval`` in milliseconds; packets that are none; "Invalid namespace"; and nothing
to a namespace's clients before their CONNECT. Ours alone are ``sid_prefix``, ``accept``, the answer
to a second CONNECT, and what code 1000 means.

Left out, as no client of protocol 4 asks for it: JSONP, and the cookie with the session's id.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import engineio  # type: ignore[import-untyped]
import socketio
import structlog
from bidict import bidict
from engineio import packet as eio_packet
from socketio import packet as sio_packet
from socketio.exceptions import ConnectionRefusedError

try:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
except ImportError:  # another uvicorn than those that we know
    WebSocketsSansIOProtocol = None  # type: ignore[assignment,misc]

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 45.0
"""Seconds after which a session ends that has not asked for a namespace: Node's."""
UPGRADE_TIMEOUT = 10.0
"""Seconds for a polling session to finish moving to a WebSocket: Node's."""
UPGRADE_POLL = 0.1
"""Seconds that a poll waits meanwhile: the client moves only once no poll is under way."""
MAX_ATTACHMENTS = 10
"""Binary parts of one packet: Node's."""
CLOSED_ON_PURPOSE = 1000
"""The code of a WebSocket that python-socketio's client closes, whose goodbye mostly comes too late
to be sent. Browsers send other ones; their client says goodbye in words."""
MAX_BACKLOG = 4_000_000
"""Bytes that wait for one client, beyond which it is cut off: it comes back, and begins anew."""
WRITE_BUFFER = 65_536
"""Bytes of a WebSocket that may wait to leave, beyond which the next frame waits in line."""
TOO_SLOW = "too slow"
"""The reason of a session whose client does not read what it is sent."""
PARSE_ERROR = "parse error"
"""Node's reason for a session that ends by what its client sent."""
RESERVED_EVENTS = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
}

_UNKNOWN_TRANSPORT, _UNKNOWN_SID, _BAD_METHOD, _BAD_REQUEST, _BAD_VERSION = 0, 1, 2, 3, 5
_MESSAGES = {
    _UNKNOWN_TRANSPORT: "Transport unknown",
    _UNKNOWN_SID: "Session ID unknown",
    _BAD_METHOD: "Bad handshake method",
    _BAD_REQUEST: "Bad request",
    _BAD_VERSION: "Unsupported protocol version",
}

_NEEDED: dict[Any, str] = {
    engineio.AsyncServer: "_trigger_event _make_response _cors_allowed_origins _gzip"
    " generate_id reason",
    socketio.AsyncServer: "_engineio_server_class _handle_eio_message _handle_eio_disconnect"
    " _handle_connect _handle_disconnect _handle_event _handle_ack _trigger_event _send_packet"
    " _handle_eio_connect reason",
    socketio.AsyncManager: "basic_enter_room eio_sid_from_sid sid_from_eio_sid is_connected",
}
for _owner, _names in _NEEDED.items():
    if _gone := [name for name in _names.split() if not hasattr(_owner, name)]:
        raise ImportError(
            f"{_owner.__module__} has no {', '.join(_gone)} any more: install"
            " python-socketio 5.12 to 5.18, which this server is made for"
        )

_tasks: set[asyncio.Task[None]] = set()


def _spawn(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    _tasks.add(task)  # the event loop would let it be collected half way
    task.add_done_callback(_tasks.discard)


class _Refused(Exception):
    """A request that is answered with an error; the session that it names is not touched."""

    def __init__(self, code: int) -> None:
        self.code = code


# --- Engine.IO ------------------------------------------------------------------------------------


def _decode(packet: str | bytes) -> tuple[int, str | bytes]:
    """Return an Engine.IO packet's type and data; ``ValueError`` when it is none.

    Not the library's, which reads the data as JSON, and hands on what it has read.
    """
    if isinstance(packet, bytes):
        return eio_packet.MESSAGE, packet
    if packet.startswith("b"):
        return eio_packet.MESSAGE, base64.b64decode(packet[1:])
    if packet[:1] not in set("0123456"):
        raise ValueError("unknown packet type")
    return int(packet[0]), packet[1:]


class Connection:
    """One Engine.IO session: its packets to be sent, and whether its client is still there."""

    def __init__(self, engine: Engine, sid: str) -> None:
        self.sid = sid
        self.upgraded = False
        """Whether it runs over a WebSocket, from the start or by now."""
        self.upgrading = False
        self.posting = False
        self.closed = False
        self.session: dict[str, Any] = {}
        """For the library's ``get_session``."""
        self._engine = engine
        self.backlog = 0
        """Characters that wait to be sent, about as many bytes."""
        self._packets: list[Any] = []
        self._transport: Any = None
        """Where a WebSocket's frames go, when it is known that nothing stands in between."""
        self.missed: set[tuple[str, str]] = set()
        """Namespaces and rooms whose changes were not put in line, since the line was too long."""
        self._waiter: asyncio.Future[None] | None = None
        """Set while a poll, or a WebSocket's writer, has nothing to send."""
        self._reason = ""
        self._timer = self._after(engine.ping_interval, self._ping)

    # --- is the client still there? ---

    def _after(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, call)

    def _ping(self) -> None:
        self.put(eio_packet.Packet(eio_packet.PING))
        self._timer = self._after(self._engine.ping_timeout, self._time_out)

    def _time_out(self) -> None:
        _spawn(self.close(self._engine.reason.PING_TIMEOUT))

    # --- from the client ---

    async def receive(self, kind: int, data: str | bytes) -> None:
        if self.closed:
            return
        if kind == eio_packet.MESSAGE:
            await self._engine._trigger_event("message", self.sid, data, run_async=False)
        elif kind == eio_packet.PONG:
            self._timer.cancel()
            self._timer = self._after(self._engine.ping_interval, self._ping)
        elif kind == eio_packet.CLOSE:
            await self.close(self._engine.reason.CLIENT_DISCONNECT)
        elif kind == eio_packet.PING:
            await self.close(self._engine.reason.TRANSPORT_ERROR)

    # --- to the client ---

    def write(self, frame: bytes) -> bool:
        """Write a WebSocket frame past the line; False when there is a line, or no WebSocket."""
        waiter = self._waiter
        if (
            self._transport is None
            or waiter is None
            or waiter.done()
            or self._transport.get_write_buffer_size() > WRITE_BUFFER
        ):
            return False
        self._transport.write(frame)
        return True

    async def send(self, packet: Any) -> None:
        self.put(packet)

    def put(self, packet: Any) -> None:
        """Put a packet in line; a client that lets the line grow too long is cut off."""
        self._packets.append(packet)
        self.backlog += len(packet.data or "")
        if self.backlog > MAX_BACKLOG and not self.closed:
            _spawn(self.close(TOO_SLOW))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, *others: asyncio.Future[Any], seconds: float | None = None) -> None:
        """Wait until there is something to be sent, or the session has ended."""
        if self._packets or self.closed:
            return
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait(
                {waiter, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if self._waiter is waiter:  # not the writer's that an upgrade has begun meanwhile
                self._waiter = None

    def _take(self) -> list[Any]:
        packets, self._packets, self.backlog = self._packets, [], 0
        if self.missed:
            missed, self.missed = self.missed, set()
            _spawn(self._engine.on_caught_up(self.sid, missed))
        return packets

    async def poll(self, receive: Any) -> list[Any]:
        """Return the packets that a poll is answered with, as soon as there are any."""
        if self._waiter is not None:
            # Node: "overlap from client".
            await self.close(self._engine.reason.TRANSPORT_ERROR)
            raise _Refused(_BAD_REQUEST)
        gone = asyncio.ensure_future(receive())
        try:
            await self._wait(gone, seconds=UPGRADE_POLL if self.upgrading else None)
        finally:
            is_gone = gone.done()
            gone.cancel()
        if is_gone:
            # Node: "poll connection closed prematurely".
            await self.close(self._engine.reason.TRANSPORT_ERROR)
        if self.closed and self._reason != self._engine.reason.CLIENT_DISCONNECT:
            # Not a close packet, as Node sends one: for python-socketio's client that is a server
            # which wants it gone for good.
            raise _Refused(_UNKNOWN_SID)
        packets = [] if self.upgraded else self._take()
        return packets or [eio_packet.Packet(eio_packet.NOOP)]

    async def post(self, event: Any, receive: Any) -> str:
        """Take the packets of a polling client, and return the status that it is answered with."""
        reason = self._engine.reason.TRANSPORT_ERROR
        if self.posting:
            # Node: "data request overlap from client".
            await self.close(reason)
            return "400 BAD REQUEST"
        body: bytes = event.get("body", b"")
        self.posting = True
        try:
            while event.get("more_body") and len(body) <= self._engine.max_http_buffer_size:
                event = await receive()
                body += event.get("body", b"")
        finally:
            self.posting = False
        if len(body) > self._engine.max_http_buffer_size:
            await self.close(reason)
            return "413 PAYLOAD TOO LARGE"
        if event["type"] == "http.disconnect":
            # Node: "data request connection closed prematurely".
            await self.close(reason)
            return "400 BAD REQUEST"
        try:
            # As many packets as there are: a client sends all at once that it has been keeping.
            packets = [_decode(packet) for packet in body.decode().split("\x1e")]
        except ValueError:
            await self.close(PARSE_ERROR)
            return "400 BAD REQUEST"
        for kind, data in packets:
            await self.receive(kind, data)
        return "200 OK"

    # --- over a WebSocket ---

    async def upgrade(self, receive: Any, send: Any) -> None:
        """Move a polling session to a WebSocket, if its client goes through with it."""
        self.upgrading = True
        try:
            await send({"type": "websocket.accept"})
            is_upgrade = await asyncio.wait_for(self._probe(receive, send), UPGRADE_TIMEOUT)
        except asyncio.TimeoutError:
            is_upgrade = False
        finally:
            self.upgrading = False
        if not is_upgrade or self.closed:
            await _close(send)
            return
        self.upgraded = True
        self._wake()  # a poll that still waits: what comes next belongs to the WebSocket
        await self.speak(receive, send)

    async def _probe(self, receive: Any, send: Any) -> bool:
        while True:
            packet = (await receive()).get("text")
            if packet != "2probe":
                return bool(packet == "5")
            await send({"type": "websocket.send", "text": "3probe"})
            self._wake()

    async def speak(self, receive: Any, send: Any) -> None:
        """Serve a WebSocket until it closes, or the session ends."""
        self._transport = _transport_of(send)
        writer = asyncio.ensure_future(self._write(send))
        try:
            await self.close(await self._read(receive))
            await writer
        finally:
            writer.cancel()

    async def _read(self, receive: Any) -> str:
        """Receive until the WebSocket closes, and return the reason why."""
        reason = self._engine.reason
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                on_purpose = event.get("code") == CLOSED_ON_PURPOSE
                return str(reason.CLIENT_DISCONNECT if on_purpose else reason.TRANSPORT_CLOSE)
            message = event.get("text")
            if message is None:
                message = event["bytes"]
            if len(message) > self._engine.max_http_buffer_size:
                return str(reason.TRANSPORT_ERROR)
            try:
                packet = _decode(message)
            except ValueError:
                return PARSE_ERROR
            await self.receive(*packet)

    async def _write(self, send: Any) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # closed meanwhile: the reader is told
            while not self.closed:
                await self._wait()
                for packet in self._take():
                    data = packet.encode()
                    kind = "bytes" if isinstance(data, bytes) else "text"
                    await send({"type": "websocket.send", kind: data})
        await _close(send)

    # --- its end ---

    async def close(self, reason: str) -> None:
        """End the session: no word to the client but its transport's end, after which it may come
        again."""
        if self.closed:
            return
        self.closed = True
        self._reason = reason
        self._timer.cancel()
        if self._transport and self._transport.get_write_buffer_size() > WRITE_BUFFER:
            # A close frame would wait behind all that the client does not read.
            self._transport.abort()
        self._transport = None
        self._packets.clear()
        self._engine.sockets.pop(self.sid, None)
        self._wake()
        await self._engine._trigger_event("disconnect", self.sid, reason, run_async=False)


def _transport_of(send: Any) -> Any:
    """Return the transport below an ASGI ``send``; None where it is not known to be uvicorn's, with
    frames as they are: then uvicorn makes and sends each."""
    protocol = getattr(send, "__self__", None)
    if (
        WebSocketsSansIOProtocol is None
        or not isinstance(protocol, WebSocketsSansIOProtocol)
        or getattr(getattr(protocol, "conn", None), "extensions", True)
        or not hasattr(protocol, "transport")
    ):
        _log_ordinary(type(protocol).__name__)
        return None
    return protocol.transport


@functools.cache
def _log_ordinary(protocol: str) -> None:
    log.warning("frames are sent the ordinary way, one by one", protocol=protocol)


def _returning(event: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def receive() -> Any:
        return event

    return receive


async def _close(send: Any) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # closed already
        await send({"type": "websocket.close"})


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """Answers requests as engine.io 6 does."""

    def __init__(self, sid_prefix: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._sid_prefix = sid_prefix
        self.on_caught_up: Callable[[str, set[tuple[str, str]]], Coroutine[Any, Any, None]] = (
            _nothing
        )
        """Called with a connection and the rooms it has missed changes of."""

    def generate_id(self) -> str:
        return f"{self._sid_prefix}{super().generate_id()}"

    async def send_packet(self, sid: str, packet: Any) -> None:
        connection = self.sockets.get(sid)
        if connection is not None:
            await connection.send(packet)

    async def disconnect(self, sid: str | None = None) -> None:
        if sid is None:
            ended = list(self.sockets.values())
        else:
            ended = [self.sockets[sid]] if sid in self.sockets else []
        await asyncio.gather(*(one.close(self.reason.SERVER_DISCONNECT) for one in ended))

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        # Some versions of the library read a body whole, however big, before anything is checked.
        head = {**event, "body": b"", "more_body": False}
        environ = await self._async["translate_request"](scope, _returning(head), send)
        if not environ:
            return  # gone already
        try:
            response = await self._handle(environ, event, receive, send)
        except _Refused as refused:
            message = _MESSAGES[refused.code]
            body = f'{{"code":{refused.code},"message":"{message}"}}'
            response = _response("400 BAD REQUEST", body, "application/json")
        if response:
            encodings = environ.get("HTTP_ACCEPT_ENCODING", "")
            is_long = len(response["response"]) >= self.compression_threshold
            if self.http_compression and is_long and "gzip" in encodings:
                response["response"] = self._gzip(response["response"])
                response["headers"].append(("Content-Encoding", "gzip"))
            await self._make_response(response, environ)

    async def _handle(
        self, environ: Any, event: Any, receive: Any, send: Any
    ) -> dict[str, Any] | None:
        """Answer a request; None when it was a WebSocket that has ended."""
        is_websocket = event["type"] == "websocket.connect"
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return _response("200 OK", "")
        query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
        connection: Connection | None = self.sockets.get(query.get("sid"))
        self._check(environ, query, connection, is_websocket)

        if is_websocket and connection is not None:
            await connection.upgrade(receive, send)
            return None
        if is_websocket:
            await send({"type": "websocket.accept"})
        if connection is None:
            connection = await self._open(environ, is_websocket)
        if is_websocket:
            await connection.speak(receive, send)
            return None
        if method == "POST":
            status = await connection.post(event, receive)
            return _response(status, "ok" if status.startswith("200") else "")
        packets = await connection.poll(receive)
        return _response("200 OK", "\x1e".join(packet.encode(b64=True) for packet in packets))

    def _check(
        self, environ: Any, query: dict[str, str], connection: Connection | None, is_websocket: bool
    ) -> None:
        """Refuse a request that makes no sense, in the order and the words of engine.io 6."""
        transport = query.get("transport")
        if transport not in self.transports:
            raise _Refused(_UNKNOWN_TRANSPORT)
        origin, allowed = environ.get("HTTP_ORIGIN"), self._cors_allowed_origins(environ)
        is_checked = origin and allowed is not None and self.cors_allowed_origins != []
        if is_checked and origin not in allowed:
            raise _Refused(_BAD_REQUEST)
        if is_websocket and transport != "websocket":
            raise _Refused(_BAD_REQUEST)
        method = environ["REQUEST_METHOD"]
        if "sid" in query:
            if connection is None:
                raise _Refused(_UNKNOWN_SID)
            if is_websocket and (connection.upgrading or connection.upgraded):
                raise _Refused(_BAD_REQUEST)
            if not is_websocket and (connection.upgraded or transport != "polling"):
                raise _Refused(_BAD_REQUEST)
            if method not in ("GET", "POST"):
                raise _Refused(_BAD_REQUEST)
        elif method != "GET":
            raise _Refused(_BAD_METHOD)
        elif transport == "websocket" and not is_websocket:
            raise _Refused(_BAD_REQUEST)
        elif query.get("EIO") != "4":
            raise _Refused(_BAD_VERSION)

    async def _open(self, environ: Any, is_websocket: bool) -> Connection:
        connection = Connection(self, self.generate_id())
        connection.upgraded = is_websocket
        self.sockets[connection.sid] = connection
        can_upgrade = not is_websocket and self.allow_upgrades and "websocket" in self.transports
        opening = {
            "sid": connection.sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": int(self.ping_interval * 1000),
            "pingTimeout": int(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        await connection.send(eio_packet.Packet(eio_packet.OPEN, opening))
        await self._trigger_event("connect", connection.sid, environ, run_async=False)
        return connection


async def _nothing(eio_sid: str, missed: set[tuple[str, str]]) -> None:
    """Care about nothing that was missed."""


def _response(status: str, body: str, kind: str = "text/plain; charset=UTF-8") -> dict[str, Any]:
    # no-store: a poll must be asked anew, whatever a proxy thinks.
    headers = [("Content-Type", kind), ("Cache-Control", "no-store")]
    return {"status": status, "headers": headers, "response": body.encode()}


# --- Socket.IO ------------------------------------------------------------------------------------


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


class Packet(sio_packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet as Node would take it."""

    # Python takes NaN and Infinity, and would pass them on to browsers, which choke on them.
    json = SimpleNamespace(
        loads=functools.partial(sio_packet.Packet.json.loads, parse_constant=_no_number),
        dumps=sio_packet.Packet.json.dumps,
    )

    def is_valid(self) -> bool:
        is_binary = self.packet_type in (sio_packet.BINARY_EVENT, sio_packet.BINARY_ACK)
        if not int(is_binary) <= self.attachment_count <= MAX_ATTACHMENTS * is_binary:
            return False
        if self.packet_type == sio_packet.CONNECT:
            return self.data is None or isinstance(self.data, dict)
        if self.packet_type == sio_packet.DISCONNECT:
            return self.data is None
        if self.packet_type in (sio_packet.EVENT, sio_packet.BINARY_EVENT):
            return isinstance(self.data, list) and self._is_event_name(*self.data[:1])
        is_ack = self.packet_type in (sio_packet.ACK, sio_packet.BINARY_ACK)
        return is_ack and isinstance(self.data, list)

    def _is_event_name(self, name: Any = None) -> bool:
        return type(name) in (int, float) or (isinstance(name, str) and name not in RESERVED_EVENTS)


class Manager(socketio.AsyncManager):  # type: ignore[misc]
    """Rooms hold those only who have been told that they are connected.

    The library's hold everybody who has asked: what is sent to a whole namespace then reaches
    clients before their CONNECT, and those too that are going to be refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connecting: bidict[str, tuple[str, str]] = bidict()
        """By socket: its connection and namespace, while its connect handler is at work."""

    def eio_sid_from_sid(self, sid: str, namespace: str) -> Any:
        if sid in self.connecting:
            return self.connecting[sid][0]
        return super().eio_sid_from_sid(sid, namespace)


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """Takes the library's options, and ``sid_prefix``: what every session's id begins with."""

    def __init__(self, **options: Any) -> None:
        super().__init__(client_manager=Manager(), serializer=Packet, async_mode="asgi", **options)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def accept(self, sid: str, namespace: str) -> None:
        """Tell a client that it is connected, once.

        A connect handler says so once it has decided, before the socket joins a room or is sent
        anything: Node has middlewares that decide, and a connection event afterwards. Without it,
        the handler's end is its yes.
        """
        entry = self.manager.connecting.pop(sid, None)
        if entry is not None:
            eio_sid = entry[0]
            await self._send_packet(
                eio_sid, Packet(sio_packet.CONNECT, {"sid": sid}, namespace=namespace)
            )
            self.manager.basic_enter_room(sid, namespace, None, eio_sid=eio_sid)
            self.manager.basic_enter_room(sid, namespace, sid, eio_sid=eio_sid)

    async def drop(self, eio_sid: str, reason: str = "") -> None:
        """End a connection such that its client comes again by itself, soon."""
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            await connection.close(reason or self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """Drop everybody."""
        await self.eio.disconnect()

    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        asyncio.get_running_loop().call_later(CONNECT_TIMEOUT, self._drop_idle, eio_sid)

    def _drop_idle(self, eio_sid: str) -> None:
        is_connecting = any(eio_sid == other for other, _ in self.manager.connecting.values())
        is_connected = any(
            self.manager.sid_from_eio_sid(eio_sid, namespace)
            for namespace in self.manager.get_namespaces()
        )
        if not is_connecting and not is_connected:
            _spawn(self.drop(eio_sid))

    async def _handle_connect(self, eio_sid: str, namespace: str, auth: Any) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is not None:
            # Node closes the connection; the library says "Unable to connect".
            await self._send_packet(
                eio_sid, Packet(sio_packet.CONNECT, {"sid": sid}, namespace=namespace)
            )
        elif (eio_sid, namespace) not in self.manager.connecting.inverse:
            sid = self.eio.generate_id()
            self.manager.connecting[sid] = (eio_sid, namespace)
            # Not waited for: meanwhile the client's pong, or its goodbye, shall be heard.
            _spawn(self._connect(sid, self.environ[eio_sid], auth))

    async def _connect(self, sid: str, environ: Any, auth: Any) -> None:
        eio_sid, namespace = self.manager.connecting[sid]
        refusal = None
        try:
            answer = self.not_handled
            if self.namespaces == "*" or namespace in {*self.namespaces, *self.handlers}:
                answer = await self._trigger_event("connect", namespace, sid, environ, auth)
            if answer is self.not_handled or answer is False:
                raise ConnectionRefusedError("Invalid namespace")
        except ConnectionRefusedError as error:
            refusal = error.error_args
        except Exception:
            # A refused client never comes back, but our trouble may pass.
            self.logger.exception("connect handler")
            refusal = {"message": "Internal error"}
            await self.drop(eio_sid)
        if refusal is None:
            await self.accept(sid, namespace)
            if eio_sid not in self.eio.sockets:
                # Gone while the handler was at work: it shall hear of it, now that it is through.
                await self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
        elif self.manager.connecting.pop(sid, None):
            await self._send_packet(
                eio_sid, Packet(sio_packet.CONNECT_ERROR, refusal, namespace=namespace)
            )
        else:
            await self.disconnect(sid, namespace)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            packet = self._parse(eio_sid, data)
        except (ValueError, TypeError, LookupError, RecursionError):
            await self.drop(eio_sid, PARSE_ERROR)
            return
        if packet is None:
            return
        namespace = packet.namespace or "/"
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if packet.packet_type == sio_packet.CONNECT:
            await self._handle_connect(eio_sid, namespace, packet.data)
        elif sid is None:
            # Node: "invalid state".
            await self.drop(eio_sid, PARSE_ERROR)
        elif packet.packet_type == sio_packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif packet.packet_type in (sio_packet.EVENT, sio_packet.BINARY_EVENT):
            if packet.data[0] != "*":  # which the library would take for its own, and miscall
                # Without its id: the library acknowledges every event, Node those only whose
                # handler does, and none of ours does.
                await self._handle_event(eio_sid, namespace, None, packet.data)
        elif packet.id and packet.id in self.manager.callbacks.get(sid, ()):
            # Others nobody has asked for; the library keeps its counter under 0, and calls that.
            await self._handle_ack(eio_sid, namespace, packet.id, packet.data)

    def _parse(self, eio_sid: str, data: str | bytes) -> Any:
        """Return a Socket.IO packet; None as long as its attachments are missing."""
        packet = self._binary_packet.pop(eio_sid, None)
        if packet is None:
            if not isinstance(data, str) or not data:
                raise ValueError("no packet")
            packet = Packet(encoded_packet=data)
            if not packet.is_valid():
                raise ValueError("not a packet that a client sends")
            is_whole = packet.attachment_count == 0
        elif isinstance(data, str):
            raise ValueError("an attachment is missing")
        else:
            is_whole = packet.add_attachment(data)
        if not is_whole:
            self._binary_packet[eio_sid] = packet
        return packet if is_whole else None

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

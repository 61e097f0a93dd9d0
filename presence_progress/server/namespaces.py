"""A Socket.IO server whose namespaces have doors as strict as Node's socket.io 4, over
python-socketio.

The library gives packets and handlers; a packet that is none, and who is let in when, are judged
here, where it is laxer than Node.

Upstream belong: packets that are none; "Invalid namespace"; and nothing to a namespace's clients
before their CONNECT. Ours alone are ``accept``, the answer to a second CONNECT, and that events go
to one function instead of handlers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import engineio  # type: ignore[import-untyped]
import msgspec
import socketio
from bidict import bidict
from engineio import packet as eio_packet
from socketio import packet as sio_packet
from socketio.exceptions import ConnectionRefusedError

from presence_progress import texts
from presence_progress.server.engine import PARSE_ERROR, Engine, after, spawn
from presence_progress.server.websocket import protocol_for_uvicorn

CONNECT_TIMEOUT = 45.0
"""Seconds after which a session ends that has not asked for a namespace: Node's."""
MAX_ATTACHMENTS = 10
"""Binary parts of one packet: Node's."""
MAX_CONNECT = 10_000
"""Longest CONNECT in characters: what it shows is kept while Frappe is asked."""
MAX_NAMESPACE = 300
"""Longest namespace in characters: a site's is "/" and a host name, which has at most 253."""
MAX_ID = 2**53
"""What an acknowledgement's id stays below. JavaScript knows no others apart, and Node would answer
another one than was meant."""
_EVENT = str(sio_packet.EVENT)
RESERVED_EVENTS = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
}


_NEEDED: dict[Any, str] = {
    engineio.AsyncServer: "_trigger_event _make_response _cors_allowed_origins generate_id reason",
    socketio.AsyncServer: "_engineio_server_class _handle_eio_message _handle_eio_disconnect"
    " _handle_connect _handle_disconnect _handle_ack _trigger_event _send_packet reason",
    socketio.AsyncManager: "basic_enter_room eio_sid_from_sid sid_from_eio_sid is_connected",
}
for _owner, _names in _NEEDED.items():
    if _gone := [name for name in _names.split() if not hasattr(_owner, name)]:
        raise ImportError(
            f"{_owner.__module__} has no {', '.join(_gone)} any more: install"
            " python-socketio 5.12 to 5.18, which this server is made for"
        )


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
        if len(self.namespace or "") > MAX_NAMESPACE:
            return False
        is_binary = self.packet_type in (sio_packet.BINARY_EVENT, sio_packet.BINARY_ACK)
        if not int(is_binary) <= self.attachment_count <= MAX_ATTACHMENTS * is_binary:
            return False
        if self.id is not None and self.id >= MAX_ID:
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


def _read_event(data: str | bytes) -> tuple[str, list[Any], int | None] | None:
    """Return the namespace of an event, its arguments, and the id under which it is to be
    acknowledged. Nearly all packets are events; None when this is not clearly one, and the library
    shall look at it."""
    if not isinstance(data, str) or data[:1] != _EVENT:
        return None
    start = 1
    namespace = "/"
    if data[1:2] == "/":
        start = data.find(",") + 1
        namespace = data[1 : start - 1]
    begin = data.find("[", start)
    if begin < 0:
        return None
    ack_id = None
    if begin != start:
        digits = data[start:begin]
        if not (len(digits) < 16 and digits.isascii() and digits.isdecimal()):
            return None
        ack_id = int(digits)
    if "?" in namespace:
        return None
    try:
        arguments = msgspec.json.decode(data[begin:])
    except (msgspec.DecodeError, RecursionError):
        return None
    is_event = bool(arguments) and isinstance(arguments[0], str)
    is_free = is_event and arguments[0] not in RESERVED_EVENTS
    return (namespace, arguments, ack_id) if is_free else None


class Manager(socketio.AsyncManager):  # type: ignore[misc]
    """Rooms hold those only who have been told that they are connected.

    The library's hold everybody who has asked: what is sent to a whole namespace then reaches
    clients before their CONNECT, and those too that are going to be refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connecting: bidict[str, tuple[str, str]] = bidict()
        """By socket: its connection and namespace, while its connect handler is at work."""

    def get_participants(self, namespace: str, room: Any) -> Iterable[tuple[str, str]]:
        # A socket's own room is not kept for each: it is seen from its name.
        if isinstance(room, str) and room in self.rooms.get(namespace, {}).get(None, {}):
            return [(room, self.eio_sid_from_sid(room, namespace))]
        participants: Iterable[tuple[str, str]] = super().get_participants(namespace, room)
        return participants

    def eio_sid_from_sid(self, sid: str, namespace: str) -> Any:
        if sid in self.connecting:
            return self.connecting[sid][0]
        return super().eio_sid_from_sid(sid, namespace)


async def _nothing(eio_sid: str, missed: set[tuple[str, str]]) -> None:
    """Care about nothing that was missed."""


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """Takes the library's options, and ``sid_prefix``: what every session's id begins with.

    Events do not go to the library's handlers, but to ``on_event``, at once and in their order.
    """

    on_event: Callable[[str, str, list[Any], int | None, int], None]
    """Called with namespace, socket, an event's name and arguments, and the id under which its
    client wants an acknowledgement, if it wants one: sending it is left to who is called."""
    on_garbled_event: Callable[[str, str, list[Any], int | None, int], None]
    """Called instead for an event with invalid Unicode."""

    def __init__(self, **options: Any) -> None:
        super().__init__(client_manager=Manager(), serializer=Packet, async_mode="asgi", **options)
        self.eio.on_open = self._note
        self.eio.on_message = self._hear
        self.eio.on_caught_up = _nothing
        self.eio.on_limited = self._say_limited
        self.on_event = self.on_garbled_event = lambda namespace, sid, event, ack_id, size: None

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def _say_limited(self, eio_sid: str, limit: str, wait: float) -> None:
        """Send a client the name of the limit that it is over, in each of its namespaces."""
        message = ["limited", {"limit": limit, "retry_after": round(wait, 3)}]
        connection = self.eio.sockets.get(eio_sid)
        for namespace in list(self.manager.get_namespaces()):
            if connection and self.manager.sid_from_eio_sid(eio_sid, namespace):
                packet = Packet(data=message, namespace=namespace)
                connection.put(eio_packet.Packet(eio_packet.MESSAGE, packet.encode()))

    def protocol_for_uvicorn(self) -> Any:
        """Return uvicorn's option ``ws`` for this server."""
        return protocol_for_uvicorn(self.eio.greet, self.eio.max_http_buffer_size)

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

    async def drop(self, eio_sid: str, reason: str = "") -> None:
        """End a connection such that its client comes again by itself, soon."""
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            await connection.end(reason or self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """Drop everybody."""
        await self.eio.disconnect()

    def _note(self, eio_sid: str, environ: Mapping[str, str]) -> None:
        self.environ[eio_sid] = environ
        after(CONNECT_TIMEOUT, self._drop_idle, eio_sid)

    def _drop_idle(self, eio_sid: str) -> None:
        is_connecting = any(eio_sid == other for other, _ in self.manager.connecting.values())
        is_connected = any(
            self.manager.sid_from_eio_sid(eio_sid, namespace)
            for namespace in self.manager.get_namespaces()
        )
        if not is_connecting and not is_connected:
            spawn(self.drop(eio_sid))

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
            spawn(self._connect(sid, self.environ[eio_sid], auth))

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

    def _hear(self, eio_sid: str, data: str | bytes) -> Coroutine[Any, Any, None] | None:
        if isinstance(data, str) and self._has_too_many_values(data):
            self.eio.sockets[eio_sid].exceed("values", PARSE_ERROR)
            return None
        event = None if eio_sid in self._binary_packet else _read_event(data)
        sid = self.manager.sid_from_eio_sid(eio_sid, event[0]) if event else None
        if event is None or sid is None:
            return self._handle_eio_message(eio_sid, data)
        self.on_event(event[0], sid, event[1], event[2], len(data))
        return None

    def _has_too_many_values(self, data: str) -> bool:
        most: int = self.eio.limits.values
        return len(data) > most and sum(map(data.count, ",[{")) > most

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            packet = self._parse(eio_sid, data)
            # What msgspec reads is Unicode: only here can it be something else.
            is_unicode = packet is None or texts.is_all_unicode(packet.data)
        except (ValueError, TypeError, LookupError, RecursionError):
            await self.drop(eio_sid, PARSE_ERROR)
            return
        if packet is None:
            return
        namespace = packet.namespace or "/"
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if packet.packet_type == sio_packet.CONNECT:
            if len(data) > MAX_CONNECT:
                await self.drop(eio_sid, PARSE_ERROR)
                return
            await self._handle_connect(eio_sid, namespace, packet.data)
        elif sid is None:
            # Node: "invalid state".
            await self.drop(eio_sid, PARSE_ERROR)
        elif packet.packet_type == sio_packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif packet.packet_type in (sio_packet.EVENT, sio_packet.BINARY_EVENT):
            hear = self.on_event if is_unicode else self.on_garbled_event
            hear(namespace, sid, packet.data, packet.id, len(data))
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

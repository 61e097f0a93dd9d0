"""WebSockets: what a frame is, and two ways to serve a connection.

:class:`DirectWebSocket` stands on uvicorn's transport itself: no task, no queue and no ASGI message
for each frame, which is where a Python server spends most of its time and memory.
:class:`AsgiWebSocket` goes the ordinary way, through whatever ASGI server there is. Both serve a
:class:`Listener`, and know nothing of what is said.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any, Protocol, cast

import structlog
import uvicorn
from websockets.frames import Frame, Opcode, apply_mask  # type: ignore[attr-defined]
from websockets.protocol import Protocol as Library
from websockets.protocol import Side
from websockets.utils import accept_key

from presence_progress.server.headers import read_headers

try:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
except ImportError:  # another uvicorn than those that we know
    WebSocketsSansIOProtocol = None  # type: ignore[assignment,misc]

WRITE_BUFFER = 65_536
"""Bytes that may wait to leave, beyond which a WebSocket is not ready for more."""
CLOSE_TIMEOUT = 10.0
"""Seconds for a client to answer a close frame."""
TURN = 16
"""Messages of one client that are handled before others have their turn: well under a
millisecond of most, a few of the dearest."""
PIECE = 1024
"""Bytes that the library is given at once: so many empty frames take it a millisecond or two."""
PART = 0.1
"""What a read that completes no frame counts as. A large message is hundreds of them."""
LOST = 1006
"""The code of a WebSocket that ended without one."""
TOO_BIG = 1009
"""The code of a WebSocket whose client has sent a message that is too long."""
PROTOCOL_ERRORS = frozenset({1002, 1007, TOO_BIG})
"""The codes of a WebSocket that this side ends because of what has come."""

_TEXT, _BINARY = 0x81, 0x82
"""The first byte of a whole message."""
_CLOSE_FRAME = b"\x88\x00"

log = structlog.get_logger(__name__)


def frame(message: str | bytes) -> bytes:
    """Return a message's one frame, as a server sends it: without a mask."""
    payload, first = (message.encode(), _TEXT) if isinstance(message, str) else (message, _BINARY)
    return frame_of(payload, first)


def frame_of(payload: bytes, first: int = _TEXT) -> bytes:
    """Return the frame of a text that is in UTF-8 already, or what else the first byte says."""
    length = len(payload)
    if length < 126:
        return b"%c%c%b" % (first, length, payload)
    if length < 65536:
        return b"%c\x7e%b%b" % (first, length.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (first, length.to_bytes(8, "big"), payload)


class Listener(Protocol):
    """Whoever speaks over a WebSocket."""

    def hear(self, message: str | bytes) -> None: ...

    def charge(self, messages: float, size: int) -> float:
        """Count what has come, and return the seconds that it shall not be read from."""

    def pause(self) -> None:
        """Know that the WebSocket is not ready any more, as its client reads too slowly."""

    def go_on(self) -> None:
        """Send what has had to wait: the WebSocket is ready, or is so again."""

    def lose(self, code: int) -> None:
        """Know that the WebSocket has ended."""


class WebSocket(Protocol):
    """A connection to be written to."""

    is_ready: bool
    """Whether a message would leave at once; if not, the listener shall keep it until told."""
    listener: Listener

    @property
    def unsent(self) -> int:
        """Bytes that were sent and have not left yet, as far as it is known."""

    def send(self, message: str | bytes) -> None: ...

    def close(self) -> None: ...


class Refused(Exception):
    """A handshake that is answered with an error."""

    status = "400 Bad Request"


Environ = dict[str, str]
Greet = Callable[[Environ, WebSocket], Listener]
"""Finds the listener to a handshake, or :class:`Refused`. Says nothing before it is told to go on:
the handshake's answer comes first."""


class DirectWebSocket(asyncio.Protocol):
    """A WebSocket on uvicorn's transport, made by uvicorn in place of its own.

    What a browser mostly sends, whole short messages, is read here. From the first frame on that is
    anything else, a fragment, half a frame, a ping, the library reads this connection.
    """

    __slots__ = (
        "_closing",
        "_connections",
        "_greet",
        "_library",
        "_max_size",
        "_resuming",
        "_transport",
        "_unread",
        "is_ready",
        "listener",
        "write",
    )

    listener: Listener

    def __init__(self, greet: Greet, max_size: int, *, server_state: Any, **_: Any) -> None:
        self._greet: Greet | None = greet
        self._max_size = max_size
        self._connections = server_state.connections
        self._library: _LibraryReader | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._resuming: asyncio.Handle | None = None
        """Set while it is not read from."""
        self._unread = b""
        """What has come, and has to wait for its turn."""
        self.is_ready = False

    # --- called by the event loop, and by uvicorn ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self._connections.add(self)
        self.write = transport.write
        """Takes ready-made frames, as long as this is ready."""

    def data_received(self, data: bytes) -> None:
        if self._greet is not None:
            # uvicorn has read the request, and hands it over as one.
            greet, self._greet = self._greet, None
            self._shake_hands(greet, data)
        elif self._resuming is not None:
            self._unread += data
        else:
            self._read(data)

    def pause_writing(self) -> None:
        self.is_ready = False
        self.listener.pause()

    def resume_writing(self) -> None:
        if not self.has_said_goodbye:
            self.is_ready = True
            if self._library is not None:
                self._library.send_pong()
            self.listener.go_on()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_ready = False
        self._unread = b""
        self._connections.discard(self)
        for timer in (self._closing, self._resuming):
            if timer is not None:
                timer.cancel()
        if hasattr(self, "listener"):
            self.listener.lose(LOST)

    def shutdown(self) -> None:
        """End, as uvicorn does."""
        self.close()

    # --- the handshake ---

    def _shake_hands(self, greet: Greet, request: bytes) -> None:
        environ = {**_read_request(request), "REMOTE_ADDR": _peer_of(self._transport)}
        try:
            if environ["PATH_INFO"].rstrip("/") != "/socket.io":
                self._refuse("404 Not Found", "Not found")
                return
            if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or not _is_key(
                environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
            ):
                raise Refused("Not a WebSocket's handshake")
            self.listener = greet(environ, self)
        except Refused as refused:
            self._refuse(refused.status, str(refused))
            return
        accepted = accept_key(environ["HTTP_SEC_WEBSOCKET_KEY"]).encode()
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accepted
        )
        self.is_ready = True
        self.listener.go_on()

    def _refuse(self, status: str, body: str) -> None:
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        self.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self._transport.close()

    # --- from the client ---

    def _read(self, data: bytes) -> None:
        """Read what one turn takes; the rest waits for the next, as long as its client has to."""
        start, frames = 0, 0
        if self._library is None:
            start, frames = self._read_texts(data)
            if start < len(data) and frames < TURN:
                self._library = _LibraryReader(self, self._transport, self._max_size)
        if self._library is not None:
            start, frames = self._library.read(data, start, frames)
        wait = self.listener.charge(frames or PART, start)
        if wait or start < len(data):
            self._hold(data[start:], wait)

    def _hold(self, unread: bytes, seconds: float) -> None:
        if self._transport.is_closing():
            return
        if seconds and self.has_said_goodbye:
            self._transport.close()  # its answer to the goodbye is not worth the wait
            return
        self._unread = unread
        self._transport.pause_reading()
        loop = asyncio.get_running_loop()
        self._resuming = (
            loop.call_later(seconds, self._resume) if seconds else loop.call_soon(self._resume)
        )

    def _resume(self) -> None:
        self._resuming = None
        unread, self._unread = self._unread, b""
        if self._transport.is_closing():
            return
        if unread:
            self._read(unread)
        if self._resuming is None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _read_texts(self, data: bytes) -> tuple[int, int]:
        """Read whole texts; returns where the first of anything else begins, and how many."""
        start, size, frames = 0, len(data), 0
        while start < size and frames < TURN:
            # One whole text, masked, whose length stands in its second byte or behind it.
            length, begin = (data[start + 1] - 128, start + 6) if start + 1 < size else (-1, 0)
            if length == 126:
                length, begin = int.from_bytes(data[start + 2 : start + 4], "big"), start + 8
            end = begin + length
            if data[start] != _TEXT or length < 0 or length == 127 or end > size:
                break
            if length > self._max_size:
                break
            try:
                text = apply_mask(data[begin:end], data[begin - 4 : begin]).decode()
            except UnicodeDecodeError:
                break  # the library knows what to say
            start = end
            frames += 1
            self.listener.hear(text)
        return start, frames

    # --- to the client ---

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def has_said_goodbye(self) -> bool:
        return self._closing is not None

    def send(self, message: str | bytes) -> None:
        self.write(frame(message))

    def close(self) -> None:
        if self.has_said_goodbye or self._transport.is_closing():
            return
        if self.is_ready:
            self.write(_CLOSE_FRAME)
            if self._resuming is not None:
                self._transport.close()  # the answer would not be read before all that waits
        else:
            # A close frame would wait behind all that the client does not read.
            self._transport.abort()
        self.finish()

    def finish(self) -> None:
        """Wait for the end of the connection, and not for ever."""
        self.is_ready = False
        if self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(CLOSE_TIMEOUT, self._transport.abort)


class _LibraryReader:
    """Reads what is unusual, as strictly as RFC 6455 wants it."""

    def __init__(
        self, websocket: DirectWebSocket, transport: asyncio.Transport, max_size: int
    ) -> None:
        self._websocket = websocket
        self._transport = transport
        self._library = Library(Side.SERVER, max_size=max_size)
        self._opcode = Opcode.TEXT
        self._message = bytearray()
        """What has come of a message; not a list, as fragments may have no more than a byte."""
        self._pong = b""
        """The answer to the latest ping, while the client does not read those before it."""

    def read(self, data: bytes, start: int, frames: int) -> tuple[int, int]:
        """Read from ``start`` on until the turn's frames are full; returns both anew."""
        size = len(data)
        while start < size and frames < TURN and not self._transport.is_closing():
            frames += self._read_piece(data[start : start + PIECE])
            start = min(start + PIECE, size)
        return start, frames

    def _read_piece(self, data: bytes) -> int:
        self._library.receive_data(data)
        events = self._library.events_received()
        for received in events:
            assert isinstance(received, Frame)
            if received.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._put_together(received)
        if self._transport.is_closing():
            return len(events)
        # Pongs, and a close frame, in answer to the client's or because of what it has sent: but
        # nothing follows one of ours.
        answers = self._library.data_to_send()
        ended_by = self._library.close_rcvd or self._library.close_sent
        if not self._websocket.has_said_goodbye and answers:
            if self._websocket.is_ready or ended_by:
                self._transport.write(b"".join(answers))
            else:
                self._pong = answers[-1]
        if ended_by is not None:
            self._websocket.is_ready = False
            self._transport.close()
            self._websocket.finish()
            self._websocket.listener.lose(ended_by.code)
        return len(events)

    def send_pong(self) -> None:
        """Answer the ping that came while the client read too slowly: the latest is enough."""
        pong, self._pong = self._pong, b""
        if pong:
            self._transport.write(pong)

    def _put_together(self, received: Frame) -> None:
        if received.opcode is not Opcode.CONT:
            self._opcode = received.opcode
        self._message += received.data
        if not received.fin:
            return
        payload, self._message = bytes(self._message), bytearray()
        if self._opcode is Opcode.BINARY:
            self._websocket.listener.hear(payload)
            return
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            self._library.fail(1007, "invalid UTF-8")
        else:
            self._websocket.listener.hear(text)


def _read_request(request: bytes) -> Environ:
    """Return a request in the names of WSGI; uvicorn has found it to be well-formed."""
    head, *lines = request.decode("latin-1").split("\r\n")
    method, target, _ = head.split(" ", 2)
    path, _, query = target.partition("?")
    headers = (line.partition(": ")[::2] for line in lines if line)
    environ = read_headers(headers)
    environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    return environ


def _peer_of(transport: asyncio.Transport) -> str:
    """Return the address of the other side; empty for a Unix socket."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


# --- the ordinary way -----------------------------------------------------------------------------


class AsgiWebSocket:
    """A WebSocket of an ASGI server's, which reads it and writes to it message by message."""

    listener: Listener

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._waiting: list[str | bytes] = []
        self._news = asyncio.Event()
        self._is_closed = False
        self.is_ready = True
        self.unsent = 0
        """Unknown: the server says only when all has left."""

    def send(self, message: str | bytes) -> None:
        self._waiting.append(message)
        self.is_ready = False
        self._news.set()

    def close(self) -> None:
        self._is_closed = True
        self._news.set()

    async def run(self) -> None:
        """Serve it until it has ended."""
        await self._send({"type": "websocket.accept"})
        writing = asyncio.ensure_future(self._write())
        self.listener.go_on()
        try:
            self.listener.lose(await self._read())
            self.close()
            await writing
        finally:
            writing.cancel()

    async def _read(self) -> int:
        for number in itertools.count(1):
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return int(event.get("code") or LOST)
            text = event.get("text")
            message = event["bytes"] if text is None else text
            self.listener.hear(message)
            wait = self.listener.charge(1, len(message))
            if wait or number % TURN == 0:
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _write(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # closed meanwhile: the reader is told
            while not self._is_closed:
                await self._news.wait()
                self._news.clear()
                waiting, self._waiting = self._waiting, []
                for message in waiting:
                    kind = "text" if isinstance(message, str) else "bytes"
                    await self._send({"type": "websocket.send", kind: message})
                if not self._waiting and not self._is_closed:
                    self.is_ready = True
                    self.listener.go_on()
            await self._send({"type": "websocket.close"})


def protocol_for_uvicorn(greet: Greet, max_size: int) -> Any:
    """Return what uvicorn's option ``ws`` has to be, so that it makes WebSockets direct ones.

    A uvicorn that makes them in another way than those that we know serves them the ordinary way.
    """
    made_with: set[str] = set()
    if WebSocketsSansIOProtocol is not None:
        made_with = set(inspect.signature(WebSocketsSansIOProtocol).parameters)
    if {"config", "server_state", "app_state"} <= made_with:
        return functools.partial(DirectWebSocket, greet, max_size)
    log.warning("frames are sent the ordinary way, one by one", uvicorn=uvicorn.__version__)
    return "auto"

"""Load: thousands of raw WebSockets in one epoll loop, and events put into Redis in one write.

Both cost as little as Python can do it with, since they share two cores with what is measured. No
library: python-socketio's client costs more than either server.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

SITE = "bench.localhost"
USERS = 20
"""Few, so that who they are is answered from the servers' caches."""

_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
    "Host: {host}\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36\r\n"
    "Upgrade: websocket\r\n"
    "Origin: http://{host}\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Cookie: {cookie}\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)

TEXT, _CLOSE = 0x81, 0x88
"""The first byte of a frame that is a whole text, and of one that ends a WebSocket."""

_RESET = b"\1\0\0\0\0\0\0\0"
"""The option SO_LINGER that makes a close a reset: a thousand ports that wait would be missing in
the next run."""

OnEvent = Callable[["Client", bytes], None]


class Failure(Exception):
    """A server did not do what was asked of it: what was measured is worth nothing."""


class Client:
    """One WebSocket; ``heard`` counts the events that came."""

    __slots__ = ("heard", "is_connected", "is_upgraded", "number", "rest", "socket")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self.rest = b""
        self.heard = 0
        self.is_upgraded = False
        self.is_connected = False


class Crowd:
    """All clients of one server."""

    def __init__(self, port: int) -> None:
        self.clients: list[Client] = []
        self.heard = 0
        self.lost = 0
        self.on_event: OnEvent | None = None
        """Called with each event; without it they are counted only."""
        self._port = port
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Client] = {}
        self._connected = 0
        self._buffer = memoryview(bytearray(256 * 1024))

    # --- their lives ---

    def connect(
        self, count: int, *, user: int | None = None, receive_buffer: int = 0
    ) -> list[Client]:
        """Connect clients to the site's namespace, 64 at a time, and return them."""
        first, wanted = len(self.clients), len(self.clients) + count
        deadline = time.monotonic() + 60
        while self._connected < wanted:
            while len(self.clients) < min(wanted, self._connected + 64):
                number = len(self.clients)
                self.begin(number % USERS if user is None else user, receive_buffer)
            self.turn(1)
            if self.lost or time.monotonic() > deadline:
                got_in = f"{self._connected} of {wanted} clients got in within a minute"
                raise Failure(f"{got_in}, {self.lost} were cut off")
        return self.clients[first:]

    def begin(self, user: int | str, receive_buffer: int = 0) -> Client:
        """Have one more client connect, and return it: it is connected after some turns."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect(("127.0.0.1", self._port))
        connection.setblocking(False)
        client = Client(len(self.clients), connection)
        self.clients.append(client)
        self._by_descriptor[connection.fileno()] = client
        self._poll.register(connection.fileno(), select.EPOLLIN)
        connection.send(handshake(f"127.0.0.1:{self._port}", cookie_of(user)))
        return client

    def stop_reading(self, clients: Iterable[Client]) -> None:
        """Let what comes for them pile up."""
        for client in clients:
            self._poll.unregister(client.socket.fileno())

    def close(self) -> None:
        for client in self.clients:
            reset(client.socket)
        self._poll.close()

    # --- what they say and hear ---

    def say(self, client: Client, *packets: bytes) -> None:
        """Send packets made with :func:`packet`, in one write."""
        client.socket.send(b"".join(packets))

    def listen(self, seconds: float) -> None:
        """Read what comes, for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.turn(left)

    def listen_until(self, is_done: Callable[[], bool], what: str, nap: float = 0) -> None:
        """Read what comes until something has happened, and sleep in between.

        A sleep does not end when something comes: else the server would pay, in each of its writes,
        for waking us up, which clients on other machines do not cost it.
        """
        deadline = time.monotonic() + 60
        while not is_done():
            if nap:
                time.sleep(nap)
            self.turn(0 if nap else 1)
            if self.lost:
                raise Failure(f"a client was cut off while waiting for {what}")
            if time.monotonic() > deadline:
                raise Failure(f"waited a minute for {what}")

    def turn(self, seconds: float) -> None:
        """Read what has come, or comes within some seconds."""
        for descriptor, _ in self._poll.poll(seconds, 4096):
            self._read(self._by_descriptor[descriptor])

    def _read(self, client: Client) -> None:
        try:
            size = client.socket.recv_into(self._buffer)
        except ConnectionError:
            size = 0
        if not size:
            self._lose(client)
            return
        data = client.rest + bytes(self._buffer[:size])
        if not client.is_upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                client.rest = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise Failure(f"no WebSocket: {head[:80]!r}")
            client.is_upgraded = True
        start, end_of_data = 0, len(data)
        while end_of_data - start >= 2:
            length, begin = data[start + 1], start + 2
            if length == 126:
                length, begin = int.from_bytes(data[start + 2 : start + 4], "big"), start + 4
            elif length == 127:
                length, begin = int.from_bytes(data[start + 2 : start + 10], "big"), start + 10
            end_of_frame = begin + length
            if end_of_frame > end_of_data:
                break
            if data[start] == _CLOSE:
                self._lose(client)
                return
            start = end_of_frame
            if data[begin : begin + 2] == b"42":
                client.heard += 1
                self.heard += 1
                if self.on_event is not None:
                    self.on_event(client, data[begin:end_of_frame])
            else:
                self._answer(client, data[begin:end_of_frame])
        client.rest = data[start:]

    def _lose(self, client: Client) -> None:
        self.lost += 1
        self._poll.unregister(client.socket.fileno())

    def _answer(self, client: Client, text: bytes) -> None:
        """Do what the protocol asks of a client."""
        if text == b"2":
            client.socket.send(frame(b"3"))
        elif text[:1] == b"0":
            client.socket.send(frame(f"40/{SITE},".encode()))
        elif text[:2] == b"40":
            client.is_connected = True
            self._connected += 1
        else:
            raise Failure(f"unexpected: {text[:80]!r}")


def handshake(host: str, cookie: str) -> bytes:
    """Return how a browser's page asks its own host for a WebSocket."""
    return _HANDSHAKE.format(host=host, cookie=cookie).encode()


def cookie_of(user: int | str) -> str:
    """Return the cookie that a browser of a user's shows; ``"7.1"`` is a session of user 7's own,
    which has to be asked about."""
    number = str(user).partition(".")[0]
    return f"sid=s{user}; system_user=yes; full_name=Somebody; user_id=user{number}%40bench"


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


def packet(event: str, *arguments: Any) -> bytes:
    """Return what a client says, ready to be sent."""
    return frame(f"42/{SITE},{json.dumps([event, *arguments], separators=(',', ':'))}".encode())


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """Return a frame as a client sends it; its first byte says what it is."""
    # Masked, as a client's must be, with zeros: the payload stays as it is.
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65_536:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    return bytes([first]) + size + bytes(4) + payload


PING = packet("ping")

# --- Redis ----------------------------------------------------------------------------------------


class Publisher:
    """Puts messages into Frappe's channel, many in one write."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def publish(self, *messages: bytes) -> None:
        self._socket.sendall(
            b"".join(
                b"*3\r\n$7\r\nPUBLISH\r\n$6\r\nevents\r\n$%d\r\n%b\r\n" % (len(one), one)
                for one in messages
            )
        )
        answers = 0
        while answers < len(messages):
            answers += self._socket.recv(65_536).count(b":")

    def close(self) -> None:
        self._socket.close()


def event(room: str, message: Any, name: str = "bench") -> bytes:
    """Return an event as Frappe publishes it, down to its blanks and the order of its keys."""
    envelope = {"event": name, "message": message, "namespace": SITE, "room": room}
    return json.dumps(envelope, indent=1, sort_keys=True, separators=(",", ": ")).encode()


def message(number: int = 0, size: int = 100) -> dict[str, str]:
    """Return a message of 100 bytes in JSON: a number, the time in ns, and something to fill it."""
    fields = {"filler": "", "number": f"{number:08d}", "time": f"{time.monotonic_ns():020d}"}
    return fields | {"filler": "x" * (size - len(json.dumps(fields, separators=(",", ":"))))}


def field(text: bytes, name: bytes) -> int:
    """Return a number of a :func:`message` from the text that came."""
    start = text.index(b'"%b":' % name) + len(name) + 3
    start = text.index(b'"', start) + 1
    return int(text[start : text.index(b'"', start)])

"""``python -m benchmarks.realtime.attack NAME URL``: one hostile client, in a process of its own.

It does one thing as fast as it can, comes again whenever it is cut off, and says in the end how
often that was. Against a server on this machine it comes from an address of its own, 127.0.0.2.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.realtime.clients import (
    SITE,
    cookie_of,
    frame,
    handshake,
    reset,
)

USER = 1_000
"""Who attacks."""
HUGE = 900_000
"""Characters of a name: as many as a server takes that takes messages of 1 MB."""

_FRAGMENT, _MORE, _PING = 0x01, 0x00, 0x89
"""The first bytes of frames: a text's first part, a further part, and a ping."""
_GULP = 65_536


class Refused(OSError):
    """The server has said no, or something that is no answer."""


class Target:
    """Where the attack goes and how long it lasts; what came of it is counted."""

    def __init__(self, url: str, site: str, cookie: str | None, seconds: float) -> None:
        place = urlsplit(url)
        self.site = site
        self.host = place.netloc
        self.connections = self.failures = self.sent = 0
        self._address = place.hostname or "", place.port or 80
        self._cookie = cookie
        self._end = time.monotonic() + seconds
        self._buffer = bytearray(1024 * 1024)

    def left(self) -> float:
        """Return for how many seconds it still lasts."""
        return max(0.0, self._end - time.monotonic())

    def cookie(self, session: int | None = None) -> str:
        """Return the attacker's cookie, or that of another session of the same user."""
        return self._cookie or cookie_of(USER if session is None else f"{USER}.{session}")

    # --- connections ---

    def connect(self) -> socket.socket:
        self.connections += 1
        connection = socket.socket()
        connection.settimeout(self.left() + 0.1)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._address[0].startswith("127."):
                connection.bind(("127.0.0.2", 0))
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        connection = self.connect()
        try:
            yield connection
        finally:
            reset(connection)

    @contextlib.contextmanager
    def websocket(self) -> Iterator[socket.socket]:
        """Yield a WebSocket that has got in."""
        with self.connected() as connection:
            connection.sendall(handshake(self.host, self.cookie()))
            self.wait_for(b'0{"sid"', connection)
            connection.sendall(self.say("40"))
            self.wait_for(b"40/", connection)
            yield connection

    def again(self, attack_once: Callable[[], None]) -> None:
        """Attack until the time is over, whenever it ends or fails."""
        while self.left():
            try:
                attack_once()
            except OSError:
                self.failures += 1
                time.sleep(0.001)

    # --- what is said ---

    def say(self, kind: str, data: str = "", site: str = "") -> bytes:
        """Return a Socket.IO packet for the site's namespace, as a frame."""
        return frame(f"{kind}/{site or self.site},{data}".encode())

    def event(self, name: str, *arguments: Any) -> bytes:
        return self.say("42", json.dumps([name, *arguments], separators=(",", ":")))

    def request(self, method: str, query: str, *headers: str, host: str = "") -> bytes:
        host = host or self.host
        lines = [f"Host: {host}", f"Origin: http://{host}", f"Cookie: {self.cookie()}", *headers]
        head = f"{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1"
        return "\r\n".join([head, *lines, "", ""]).encode()

    def wait_for(self, what: bytes, connection: socket.socket) -> bytes:
        """Read until something comes; :class:`Refused` when the connection ends before."""
        heard = b""
        while what not in heard:
            if not (more := connection.recv(_GULP)):
                raise Refused(heard)
            heard += more
        return heard

    def polling(self, connection: socket.socket) -> str:
        """Begin a session over polling, and return its id."""
        connection.sendall(self.request("GET", ""))
        answer = self.wait_for(b"}", connection)
        return str(json.loads(answer[answer.index(b"{") : answer.index(b"}") + 1])["sid"])

    def pour(
        self,
        data: bytes,
        *connections: socket.socket,
        times: float = float("inf"),
        reads: bool = True,
    ) -> None:
        """Send each the same again and again, as fast as it is taken, and read what comes."""
        poll = select.poll()
        rests: dict[int, memoryview] = {}
        by_descriptor = {one.fileno(): one for one in connections}
        for descriptor, connection in by_descriptor.items():
            connection.setblocking(False)
            poll.register(descriptor, select.POLLOUT | (select.POLLIN if reads else 0))
            rests[descriptor] = memoryview(data)
        while self.left() and times:
            for descriptor, happened in poll.poll(100):
                connection = by_descriptor[descriptor]
                if happened & select.POLLIN and not connection.recv_into(self._buffer):
                    raise Refused
                if happened & (select.POLLERR | select.POLLHUP):
                    raise Refused
                if happened & select.POLLOUT:
                    sent = connection.send(rests[descriptor])
                    self.sent += sent
                    rests[descriptor] = rests[descriptor][sent:]
                    if not rests[descriptor]:
                        rests[descriptor] = memoryview(data)
                        times -= 1

    def listen(self, *connections: socket.socket) -> None:
        """Read what comes, until the time is over."""
        poll = select.poll()
        by_descriptor = {one.fileno(): one for one in connections}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while self.left():
            for descriptor, _ in poll.poll(100):
                if not by_descriptor[descriptor].recv_into(self._buffer):
                    raise Refused

    def rest(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self.left())))


Run = Callable[[Target], None]


@dataclass(frozen=True)
class Attack:
    name: str
    title: str
    run: Run
    is_ours_alone: bool = False
    """Whether it is at something that Node's server does not have."""


# --- messages -------------------------------------------------------------------------------------


def _flood(make: Callable[[Target], bytes], *, reads: bool = True) -> Run:
    """Return an attack that says something over one WebSocket, as fast as it is taken."""

    def run(target: Target) -> None:
        once = make(target)
        data = once * (_GULP // len(once) + 1)

        def attack() -> None:
            with target.websocket() as connection:
                target.pour(data, connection, reads=reads)

        target.again(attack)

    return run


def _fragments(target: Target) -> None:
    """A message that never ends."""

    def attack() -> None:
        with target.websocket() as connection:
            connection.sendall(frame(b"4", _FRAGMENT))
            target.pour(frame(b"x", _MORE) * 10_000, connection)

    target.again(attack)


def _names(target: Target) -> None:
    """Names that are as long as a message may be, each another."""
    numbers = itertools.count()

    def attack() -> None:
        with target.websocket() as connection:
            # Some 300 MB in all: a server that keeps them shows it without filling the machine.
            for number in itertools.takewhile(lambda number: number < 330, numbers):
                name = f"{number:09d}" + "x" * HUGE
                event = (
                    ("room_watch", f"task:{name}"),
                    ("doc_open", "Note", name),
                    ("task_subscribe", name),
                )[number % 3]
                target.pour(target.event(*event), connection, times=1)
            target.listen(connection)

    target.again(attack)


def _crowd(target: Target) -> None:
    """Ping over 20 sockets of one user."""

    def attack() -> None:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(target.websocket()) for _ in range(20)]
            target.pour(target.event("ping") * 100, *connections)

    target.again(attack)


# --- over polling ---------------------------------------------------------------------------------


def _chunks(target: Target) -> None:
    """11 MB of chunks of one byte."""

    def attack() -> None:
        with target.connected() as connection:
            query = f"&sid={target.polling(connection)}"
            connection.sendall(target.request("POST", query, "Transfer-Encoding: chunked"))
            target.pour(b"1\r\n3\r\n" * 10_000, connection, times=184)

    target.again(attack)


def _packets(target: Target) -> None:
    """A body of half a million packets."""
    body = b"\x1e".join([b"3"] * 500_000)

    def attack() -> None:
        with target.connected() as connection:
            query = f"&sid={target.polling(connection)}"
            head = target.request("POST", query, f"Content-Length: {len(body)}")
            while target.left():
                target.pour(head + body, connection, times=1)
                connection.settimeout(target.left() + 0.1)
                target.wait_for(b"HTTP/1.1 200", connection)

    target.again(attack)


def _heads(target: Target) -> None:
    """1,000 requests whose heads never end."""

    def attack() -> None:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(target.connected()) for _ in range(1_000)]
            for connection in connections:
                connection.sendall(target.request("GET", "")[:-2])
            while target.left():
                for connection in connections:
                    connection.sendall(b"X-More: 1\r\n")
                target.rest(1)

    target.again(attack)


# --- connections ----------------------------------------------------------------------------------


def _storm(
    target: Target, count: int, hold: float, identity: Callable[[], tuple[str, str, str]]
) -> None:
    """Open many WebSockets at once, hold them a while and drop all of them, again and again;
    ``identity`` returns host, site and cookie of one more."""

    def attack() -> None:
        until = time.monotonic() + hold
        with contextlib.ExitStack() as stack:
            opened = []
            for _ in range(count):
                host, site, cookie = identity()
                connection = stack.enter_context(target.connected())
                connection.sendall(handshake(host, cookie))
                opened.append((connection, site))
            for connection, site in opened:
                with contextlib.suppress(Refused):
                    target.wait_for(b'0{"sid"', connection)
                    connection.sendall(target.say("40", site=site))
            for connection, site in opened:
                with contextlib.suppress(Refused):
                    target.wait_for(f"/{site},".encode(), connection)
            target.rest(until - time.monotonic())

    target.again(attack)


def _sockets(target: Target) -> None:
    """200 sockets of one user at once, each of a session of its own."""
    sessions = itertools.count()
    _storm(target, 200, 1.0, lambda: (target.host, target.site, target.cookie(next(sessions))))


def _reconnects(target: Target) -> None:
    _storm(target, 32, 0, lambda: (target.host, target.site, target.cookie()))


def _hosts(target: Target) -> None:
    """Site names that nobody has heard of."""
    numbers = itertools.count()

    def identity() -> tuple[str, str, str]:
        site = f"site{next(numbers)}.example"
        return site, site, target.cookie()

    _storm(target, 32, 0, identity)


def _queries(target: Target) -> None:
    """1,000 live queries of one user, 50 a socket."""

    def attack() -> None:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(target.websocket()) for _ in range(20)]
            for number in range(1_000):
                room = f'query:ToDo/{{"idx":{number}}}'
                connections[number // 50].sendall(target.event("room_watch", room))
            target.listen(*connections)

    target.again(attack)


def _nothing(target: Target) -> None:
    target.rest(float("inf"))


_ping = _flood(lambda target: target.event("ping"))
_unknown = _flood(lambda target: target.event("no such event"))
_pongs = _flood(lambda target: frame(b"3"))
_unread = _flood(lambda target: frame(b"x" * 100, _PING), reads=False)
_empty = _flood(lambda target: frame(b""))
_objects = _flood(lambda target: target.event("no such event", [{}] * (HUGE // 3)))
_rejoin = _flood(lambda target: target.say("40") + target.say("41"))

ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("nothing", "nothing", _nothing),
        Attack("pings", "ping events over one WebSocket", _ping),
        Attack("crowd", "the same over 20 WebSockets", _crowd),
        Attack("unknown", "unknown events", _unknown),
        Attack("objects", "events of 300,000 objects", _objects),
        Attack("names", "names of 900 kB", _names),
        Attack("rejoin", "joining and leaving the site", _rejoin),
        Attack("pongs", "bare pongs", _pongs),
        Attack("unread", "WebSocket pings, reading nothing", _unread),
        Attack("empty", "empty text frames", _empty),
        Attack("fragments", "an endless message in one-byte fragments", _fragments),
        Attack("chunks", "11 MB of one-byte chunks in a POST", _chunks),
        Attack("packets", "500,000 packets in a POST", _packets),
        Attack("heads", "1,000 HTTP heads that never end", _heads),
        Attack("sockets", "200 sockets of one user at once", _sockets),
        Attack("reconnects", "connecting and dropping", _reconnects),
        Attack("hosts", "invented site names", _hosts),
        Attack("queries", "1,000 live queries of one user", _queries, is_ours_alone=True),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.realtime.attack",
        epilog="\n".join(f"  {one.name:<12} {one.title}" for one in ATTACKS.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=ATTACKS, metavar="NAME", help="one of those below")
    parser.add_argument("url", metavar="URL", help="for instance http://127.0.0.1:9000")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--site", default=SITE, help=f"the site's name  [{SITE}]")
    parser.add_argument("--cookie", help="for instance sid=Guest  [the benchmark's]")
    options = parser.parse_args()
    # A thousand connections, where the system lets us.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    target = Target(options.url, options.site, options.cookie, options.seconds)
    ATTACKS[options.name].run(target)
    megabytes = target.sent / 1e6
    print(f"{megabytes:.1f} MB sent, {target.connections} connections, {target.failures} cut off")


if __name__ == "__main__":
    main()

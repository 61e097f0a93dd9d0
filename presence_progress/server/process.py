"""One process of the realtime server: where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import stat
from pathlib import Path
from typing import Any

import uvicorn

from presence_progress.server import logs
from presence_progress.server.app import RealtimeServer
from presence_progress.server.http_protocol import http_protocol
from presence_progress.settings import DRAIN_TIMEOUT, Settings


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: each connection is one, and 1024 are few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(settings: Settings) -> socket.socket:
    """Return the listening socket; ``OSError`` when it cannot be had."""
    if settings.uds is not None:
        return _listen_unix(Path(settings.uds))
    address = settings.host, settings.port
    if not settings.host and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            # Every interface of both families. A kernel without IPv6 gets the other one, below.
            return socket.create_server(
                address, family=socket.AF_INET6, backlog=2048, dualstack_ipv6=True
            )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=2048)


def _listen_unix(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        try:
            listening.connect(str(path))
        except ConnectionRefusedError:
            # What a server left behind that was killed.
            path.unlink()
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen(2048)
    return listening


class Process(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, then ends within a few seconds.

    Connections are cut off without a goodbye of the server's: a stock client that is sent one never
    comes back.
    """

    def __init__(self, settings: Settings, sid_prefix: str = "") -> None:
        self._realtime = RealtimeServer(settings, sid_prefix)
        super().__init__(
            uvicorn.Config(
                self.asgi,
                interface="asgi3",
                proxy_headers=False,
                http=http_protocol(settings.limits),
                ws=self._realtime.websocket_protocol,
                loop="uvloop",
                log_config=None,
                access_log=False,
                # Sockets never end by themselves: waiting longer for them helps nobody.
                timeout_graceful_shutdown=DRAIN_TIMEOUT,
                # Frames are small, and compressing them costs more than sending them.
                ws_per_message_deflate=False,
                ws_ping_interval=None,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # All that is loaded by now stays: each full collection would look at it, and everybody
        # wait for a tenth of a second.
        gc.collect()
        gc.freeze()
        await super().startup(sockets)

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        await self._realtime.asgi(scope, receive, send)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._realtime.end()
        await super().shutdown(sockets)


class HandedProcess(Process):
    """Serves the connections that its parent hands over, and ends when the parent is gone."""

    def __init__(self, settings: Settings, number: int, channel: socket.socket) -> None:
        super().__init__(settings, sid_prefix=f"{number}-")
        self._channel = channel
        self._taking: set[asyncio.Future[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel, self._take)

    def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            loop.remove_reader(self._channel)
            self.should_exit = True
        for descriptor in descriptors:
            taking = asyncio.ensure_future(
                loop.connect_accepted_socket(self._protocol, socket.socket(fileno=descriptor))
            )
            self._taking.add(taking)
            taking.add_done_callback(self._taking.discard)

    def _protocol(self) -> asyncio.Protocol:
        # As uvicorn makes them for connections that it accepts itself.
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_and_close(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await super().asgi(scope, receive, send_and_close if scope["type"] == "http" else send)


def run(settings: Settings, listening: socket.socket) -> None:
    """Serve what arrives at a listening socket."""
    logs.configure()
    raise_file_limit()
    Process(settings).run(sockets=[listening])

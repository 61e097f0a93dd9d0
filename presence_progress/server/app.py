"""Puts the realtime server together, and runs it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import socketio
import uvicorn
from redis.exceptions import RedisError
from socketio.exceptions import ConnectionRefusedError

from presence_progress import rooms
from presence_progress.server import room_events, stock_events
from presence_progress.server.access import Access, Refused, Unavailable
from presence_progress.server.bus import Bus, Event
from presence_progress.server.closing import ClosingNoted
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.fanout import Fanout
from presence_progress.server.keeper import Keeper
from presence_progress.server.sessions import Services, Session
from presence_progress.settings import (
    MAX_PAYLOAD,
    PING_INTERVAL,
    PING_TIMEOUT,
    RECONNECT_GRACE,
    Settings,
)

logger = logging.getLogger(__name__)

EVENTS = {**stock_events.EVENTS, **room_events.EVENTS}


class RealtimeServer:
    """Sockets on one side, Redis on the other, Frappe to be asked."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis_url)
        self._sio = socketio.AsyncServer(
            async_mode="asgi",
            namespaces="*",
            # Our handlers only put an event in line: in the order of arrival, without a task each.
            async_handlers=False,
            cors_allowed_origins="*",
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            max_http_buffer_size=MAX_PAYLOAD,
            logger=logging.getLogger("socketio.server"),
            engineio_logger=logging.getLogger("engineio.server"),
        )
        self._services = Services(self._redis, Access(settings, self._redis), Fanout(self._sio))
        self._sessions: dict[str, Session] = {}
        self._bus = Bus(self._redis, self._deliver, self._send_states)
        self._keeper = Keeper(self._redis, self._sessions.values)
        self._tasks: list[asyncio.Task[None]] = []
        self.asgi = ClosingNoted(
            socketio.ASGIApp(
                self._sio, self._health, on_startup=self._start, on_shutdown=self._stop
            )
        )
        self._sio.on("connect", self._connect, namespace="*")
        self._sio.on("disconnect", self._disconnect, namespace="*")
        self._sio.on("*", self._receive, namespace="*")

    # --- its own life ---

    async def _start(self) -> None:
        self._tasks = [
            asyncio.ensure_future(self._bus.run()),
            asyncio.ensure_future(self._keeper.run()),
        ]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._services.access.close()
        await disconnect(self._redis)

    async def _health(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/healthz":
            status, body = 404, b"not found\n"
        elif self._bus.is_listening:
            status, body = 200, b"ok\n"
        else:
            status, body = 503, b"Redis is away\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    # --- sockets ---

    async def _connect(self, namespace: str, sid: str, environ: Any, auth: Any = None) -> None:
        if sid in self._sessions:
            return  # an event of the client's that is called "connect"
        try:
            identity = await self._services.access.identify(environ, namespace)
        except Refused as error:
            raise ConnectionRefusedError(str(error)) from error
        except (Unavailable, RedisError, OSError) as error:
            # A refused stock client never comes back; one that loses its transport tries again.
            logger.warning("cannot tell who connects: %s", error)
            await self._drop(namespace, sid)
            raise ConnectionRefusedError("Unavailable") from error
        if self._eio_sid(namespace, sid) not in self._sio.eio.sockets:
            # Gone while Frappe was being asked: nobody would ever say that it left.
            raise ConnectionRefusedError("Gone")
        self._sessions[sid] = Session(self._services, sid, identity, EVENTS)
        for room in identity.rooms:
            await self._services.fanout.join(identity.site, sid, room)

    async def _drop(self, namespace: str, sid: str) -> None:
        await self._sio.eio.disconnect(self._eio_sid(namespace, sid))

    def _eio_sid(self, namespace: str, sid: str) -> str:
        """Return the connection that a socket runs on; it may carry sockets of several sites."""
        eio_sid: str = self._sio.manager.eio_sid_from_sid(sid, namespace)
        return eio_sid

    async def _receive(self, event: str, namespace: str, sid: str, *arguments: Any) -> None:
        session = self._sessions.get(sid)
        if session and not session.receive(event, arguments):
            logger.warning("%s sends faster than can be: disconnected", session.identity.user)
            await self._drop(namespace, sid)

    async def _disconnect(self, namespace: str, sid: str, reason: str = "") -> None:
        session = self._sessions.pop(sid, None)
        if session:
            environ = self._sio.get_environ(sid, namespace) or {}
            left = reason == self._sio.reason.CLIENT_DISCONNECT or self.asgi.was_on_purpose(
                self._eio_sid(namespace, sid), environ
            )
            await session.close(grace=0 if left else RECONNECT_GRACE)

    # --- Redis ---

    async def _deliver(self, event: Event) -> None:
        fanout = self._services.fanout
        if event.room is None:
            await fanout.to_everybody(event.event, event.message)
        elif event.site is not None:
            await fanout.to_room(event.site, event.room, event.event, event.message)
            if event.event == "room_change" and event.room.startswith("presence:"):
                await stock_events.tell_viewers(self._services, event)

    async def _send_states(self) -> None:
        """Something may have been missed: send everybody what he watches, whole."""
        watched = {
            (session.identity.site, room)
            for session in self._sessions.values()
            for room in session.watched
        }
        for site, room in watched:
            snapshot = await rooms.run_async(self._redis, rooms.snapshot_call(site, room))
            await self._services.fanout.to_room(site, room, "room_state", snapshot.wire())


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; ``OSError`` when the port cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    server = RealtimeServer(settings)
    config = uvicorn.Config(
        server.asgi,
        ws="websockets-sansio",
        loop="uvloop",
        log_level="warning",
        access_log=False,
        # Sockets never end by themselves: waiting longer for them helps nobody.
        timeout_graceful_shutdown=1,
        # Frames are small, and compressing them costs more than sending them.
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    uvicorn.Server(config).run(sockets=[listening])

"""Puts the realtime server together: sockets, Redis, Frappe, and what goes between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import groupby
from operator import attrgetter
from typing import Any

import socketio
import structlog
from redis.exceptions import RedisError
from socketio.exceptions import ConnectionRefusedError

from presence_progress import keys, rooms
from presence_progress.server import (
    extensions,
    invisible,
    metrics,
    namespaces,
    presence_list,
    room_events,
    stock_events,
    stock_runs,
)
from presence_progress.server.access import Access
from presence_progress.server.bus import Bus, Event
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.count_questions import CountQuestions
from presence_progress.server.engine import (
    TOO_MANY_EVENTS,
    TOO_SLOW,
    Connection,
    end_tasks,
    spawn,
)
from presence_progress.server.fanout import Fanout
from presence_progress.server.handshake import Refused, read_handshake
from presence_progress.server.health import Health
from presence_progress.server.keeper import Keeper, Sweeper
from presence_progress.server.limits import OverLimit
from presence_progress.server.live_queries import LiveQueries
from presence_progress.server.node import Node
from presence_progress.server.online import Online
from presence_progress.server.presence_sweeper import PresenceSweeper
from presence_progress.server.questions import Questions, Unavailable
from presence_progress.server.rights import RIGHTS_EVENTS, Rights
from presence_progress.server.rule_changes import RuleChanges
from presence_progress.server.sessions import Services, Session
from presence_progress.server.site_settings import SiteSettings
from presence_progress.server.stock_progress import StockProgress
from presence_progress.server.store import Single, open_store
from presence_progress.server.task_sweeper import TaskSweeper
from presence_progress.server.transitions import Transitions
from presence_progress.server.user_limits import UserLimits
from presence_progress.server.viewers import Viewers
from presence_progress.settings import (
    DRAIN_TIMEOUT,
    PING_INTERVAL,
    PING_TIMEOUT,
    RECONNECT_GRACE,
    Settings,
)

log = structlog.get_logger(__name__)
_place = attrgetter("site", "room")


class RealtimeServer:
    """Sockets on one side, Redis on the other, Frappe to be asked."""

    def __init__(self, settings: Settings, sid_prefix: str = "") -> None:
        self._settings = settings
        self._redis = connect(settings)
        self._sio = namespaces.Server(
            sid_prefix=sid_prefix,
            namespaces="*",
            cors_allowed_origins="*",
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            limits=settings.limits,
            trusted_proxies=settings.trusted_proxies,
            logger=logging.getLogger("socketio.server"),
            engineio_logger=logging.getLogger("engineio.server"),
        )
        fanout = Fanout()
        self._store = open_store(settings)
        calls = self._store.calls
        self._questions = Questions(settings, self._redis)
        site_settings = SiteSettings(settings.bench)
        self._access = Access(self._questions, self._redis, site_settings)
        self._transitions = Transitions(self._access.app)
        self._node = Node(calls, self._transitions.has_hooks)
        self._online = Online(self._node)
        self._queries = LiveQueries(CountQuestions(self._questions, self._access.app))
        self._rights = Rights(self._access, self._drop_session, self._queries.doubt)
        self._services = Services(
            self._redis,
            calls,
            self._access,
            self._rights,
            fanout,
            Viewers(calls, fanout),
            self._node,
            self._online,
            self._queries,
            settings.developer_mode,
            settings.limits,
        )
        self._events = {
            **stock_events.EVENTS,
            **room_events.EVENTS,
            **presence_list.EVENTS,
            **invisible.EVENTS,
        }
        if settings.bench:
            self._events |= extensions.load_events(settings.bench, self._events)
        self._sessions: dict[str, Session] = {}
        self._user_limits = UserLimits(settings.limits)
        self._sio.eio.on_caught_up = self._catch_up
        self._bus = Bus(
            Single(self._redis),
            self._store.source if self._store.is_heard else None,
            self._deliver,
            self._send_states,
            self._queries.doubt_all,
        )
        presence_sweeper = PresenceSweeper(calls, self._node, self._transitions)
        sweepers: dict[str, Sweeper] = {
            "presence": presence_sweeper,
            keys.ONLINE: presence_sweeper,
            "task": TaskSweeper(calls, self._access.app),
        }
        self._keeper = Keeper(calls, sweepers, self._watched)
        self._rule_changes = RuleChanges(site_settings, self._sessions.values)
        self._stock_progress = StockProgress(calls, self._listeners)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False
        self.websocket_protocol = self._sio.protocol_for_uvicorn()
        self.asgi = socketio.ASGIApp(
            self._sio,
            Health(self._why_not_ready, self._store.why_not_ready, self._bus.away),
            on_startup=self._start,
            on_shutdown=self._stop,
        )
        self._sio.on("connect", self._connect, namespace="*")
        self._sio.on("disconnect", self._disconnect, namespace="*")
        self._sio.on_event = self._receive
        self._sio.on_garbled_event = self._refuse

    # --- its own life ---

    async def _start(self) -> None:
        self._tasks = [
            asyncio.ensure_future(part.run())
            for part in (
                self._bus,
                self._node,
                self._keeper,
                self._rights,
                self._rule_changes,
                self._stock_progress,
                self._queries,
            )
        ]

    async def _stop(self) -> None:
        await end_tasks(*self._tasks)
        await self._questions.close()
        await self._store.close()
        await disconnect(self._redis)

    async def end(self) -> None:
        """Cut everybody off, so that he comes back elsewhere or to a successor."""
        self._is_ending = True
        try:
            await asyncio.wait_for(self._node.end(), DRAIN_TIMEOUT)
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            log.warning("viewers leave when this node's lease ends", error=str(error))
        await self._sio.shutdown()

    def _why_not_ready(self) -> str | None:
        if self._is_ending:
            return "ending"
        deaf = self._bus.deaf()
        return f"{' and '.join(deaf)} is away" if deaf else None

    # --- sockets ---

    async def _connect(self, namespace: str, sid: str, environ: Any, auth: Any = None) -> None:
        connection = self._sio.eio.sockets.get(self._eio_sid(namespace, sid))
        if connection is None:
            raise ConnectionRefusedError("Gone")
        try:
            handshake = read_handshake(environ, namespace, self._settings)
            identity = await self._access.identify(handshake, connection.address)
            await self._user_limits.enter(identity, connection)
        except (Refused, OverLimit) as error:
            metrics.REFUSED.labels(str(error)).inc()
            log.info("refused", namespace=namespace, why=str(error))
            raise ConnectionRefusedError(str(error)) from error
        except Unavailable as error:
            # A refused stock client never comes back; one that loses its transport tries again.
            if not connection.closed:
                self._drop(connection, "Frappe is away")
            raise ConnectionRefusedError("Unavailable") from error
        with contextlib.ExitStack() as refused:
            refused.callback(self._user_limits.leave, identity, connection)
            if connection.closed:
                # Gone in the meantime: nobody would ever say that it left.
                raise ConnectionRefusedError("Gone")
            await self._sio.accept(sid, namespace)
            session = Session(self._services, sid, connection, identity, self._events)
            self._sessions[sid] = session
            refused.pop_all()
        self._rights.come(session)
        metrics.count_socket(identity.site, 1)
        self._online.come(session)
        if not identity.is_guest:
            spawn(invisible.introduce(session))

    def _receive(
        self, namespace: str, sid: str, event: list[Any], ack_id: int | None, size: int
    ) -> None:
        session = self._sessions.get(sid)
        limit = session and session.receive(event[0], event[1:], ack_id, size)
        if session and limit:
            session.connection.exceed(limit, TOO_MANY_EVENTS)

    def _refuse(
        self, namespace: str, sid: str, event: list[Any], ack_id: int | None, _: int
    ) -> None:
        session = self._sessions.get(sid)
        if session:
            session.refuse(event[0], event[1:], ack_id)

    async def _disconnect(self, namespace: str, sid: str, reason: str = "") -> None:
        session = self._sessions.pop(sid, None)
        if session:
            self._user_limits.leave(session.identity, session.connection)
            self._rights.go(session)
            metrics.count_socket(session.identity.site, -1)
            if reason in (TOO_SLOW, TOO_MANY_EVENTS):
                metrics.DROPPED.labels(reason).inc()
                log.warning(
                    "dropped", site=session.identity.site, user=session.identity.user, why=reason
                )
            grace = self._grace_after(reason)
            await asyncio.gather(session.close(grace), self._online.go(session, grace))

    def _grace_after(self, reason: str) -> int:
        """Return how long, in ms, others shall not notice that a client is gone."""
        if reason == self._sio.reason.CLIENT_DISCONNECT:
            return 0
        if reason == self._sio.reason.PING_TIMEOUT:
            # So long has he been gone already, at least.
            return RECONNECT_GRACE - PING_TIMEOUT * 1000
        return RECONNECT_GRACE

    def _drop_session(self, session: Session, why: str) -> None:
        log.info("dropped", site=session.identity.site, user=session.identity.user, why=why)
        self._drop(session.connection, why)

    def _drop(self, connection: Connection, why: str) -> None:
        """Cut a connection off; a client that means well comes back by itself."""
        metrics.DROPPED.labels(why).inc()
        connection.end(self._sio.reason.SERVER_DISCONNECT)

    def _eio_sid(self, namespace: str, sid: str) -> str:
        """Return the connection that a socket runs on; it may carry sockets of several sites."""
        eio_sid: str = self._sio.manager.eio_sid_from_sid(sid, namespace)
        return eio_sid

    # --- Redis ---

    def _deliver(self, events: list[Event]) -> None:
        """Deliver what has come at once; what is for one room in a row goes there in one write."""
        for (site, room), run in groupby(events, _place):
            try:
                self._deliver_to(site, room, list(run))
            except Exception:
                # What cannot be delivered must not stop what comes behind it.
                log.exception("events could not be delivered", site=site, room=room)

    def _deliver_to(self, site: str | None, room: str | None, events: list[Event]) -> None:
        for event in events:
            try:
                self._heed(event)
            except Exception as error:
                # What we make nothing of is passed on all the same.
                log.warning("an event cannot be read", event_name=event.event, error=repr(error))
        if not room:
            for event in events:
                self._services.fanout.to_everybody(event)
        elif site:
            self._services.fanout.pass_on(site, room, events)
            self._queries.hear(site, room, events)
            if room.startswith("presence:"):
                self._services.viewers.note_change(site, room)

    def _heed(self, event: Event) -> None:
        if event.event in RIGHTS_EVENTS:
            self._rights.hear(event)
        elif event.event == invisible.SETTINGS:
            invisible.hear(event, self._access, self._sessions.values())
        elif event.event in stock_runs.EVENTS:
            self._stock_progress.hear(event)

    async def _catch_up(self, eio_sid: str, missed: set[tuple[str, str]]) -> None:
        """Send a client that was too slow for their changes some rooms whole."""
        for site, room in missed:
            sid = self._sio.manager.sid_from_eio_sid(eio_sid, f"/{site}")
            session = self._sessions.get(sid)
            if session and room in session.watched:
                await session.send_state(room)

    def _listeners(self, site: str, room: str) -> set[str]:
        """Return the users whose sockets here are in a room; Guests are nobody."""
        return {
            session.identity.user
            for session in self._sessions.values()
            if session.identity.site == site
            and not session.identity.is_guest
            and session.is_in(room)
        }

    def _watched(self) -> set[tuple[str, str]]:
        """Return the rooms that somebody here watches and whose state is on Redis."""
        return {
            (session.identity.site, room)
            for session in self._sessions.values()
            for room in session.watched
            if not keys.is_query(room)
        }

    async def _send_states(
        self, places: set[tuple[str, str]] | None = None
    ) -> set[tuple[str, str]]:
        """Something may have been missed: send everybody what he watches, whole, or of it these
        rooms of sites; returns those that could not be read."""
        if places is None:
            spawn(invisible.look_again(self._access, self._sessions.values()))
        watched = self._watched()
        if places is not None:
            watched &= places
        calls = [rooms.snapshot_call(site, room) for site, room in watched]
        snapshots = await self._services.calls.try_all(calls)
        left = set()
        for (site, room), snapshot in zip(watched, snapshots, strict=True):
            if isinstance(snapshot, BaseException):
                left.add((site, room))
            else:
                self._services.fanout.to_room(site, room, "room_state", snapshot.wire())
        # After the states: what is said now are changes of them.
        self._node.say_again(places)
        return left

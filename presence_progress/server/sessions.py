"""One socket's life: who it is, which rooms it watches, which documents it is in, its events in
order.

A session's events wait in a line and are handled one by one, so that ``doc_open`` and the
``doc_close`` behind it never overtake each other while Frappe is being asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from presence_progress import presence, rooms
from presence_progress.keys import BadRoom
from presence_progress.rooms import BadField
from presence_progress.server.access import Access, Identity, Unavailable
from presence_progress.server.fanout import Fanout
from presence_progress.settings import MAX_PENDING_EVENTS, MAX_ROOMS_PER_SOCKET

logger = logging.getLogger(__name__)


class TooManyRooms(Exception):
    """A socket that wants to be everywhere; the text says how many rooms it may join."""


@dataclass(frozen=True)
class Services:
    """What every session shares."""

    redis: Any
    access: Access
    fanout: Fanout


Handler = Callable[..., Awaitable[None]]


class Session:
    """One socket in one site."""

    def __init__(
        self, services: Services, sid: str, identity: Identity, events: Mapping[str, Handler]
    ) -> None:
        self.services = services
        self.sid = sid
        self.identity = identity
        self.presences: dict[str, presence.Presence] = {}
        """By room: the documents that this socket is in; the keeper renews them."""
        self.watched: set[str] = set()
        """The rooms whose state this socket follows; after a doubt they are sent anew."""
        self._joined: set[str] = set()
        self._events = events
        self._line: asyncio.Queue[tuple[Handler, tuple[Any, ...]]] = asyncio.Queue()
        self._writing: asyncio.Future[Any] | None = None
        self._worker = asyncio.ensure_future(self._work())

    # --- events ---

    def receive(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Put an event in line; False when the line is too long for a client in its right mind."""
        handler = self._events.get(event)
        if handler is not None:
            self._line.put_nowait((handler, arguments))
        return self._line.qsize() <= MAX_PENDING_EVENTS

    def re_enter(self, room: str) -> None:
        """Enter a document again, in line: Redis has lost this session, unless it has left
        meanwhile."""

        async def enter_again(session: Session) -> None:
            if room in session.presences:
                await session.enter(session.presences[room])

        self._line.put_nowait((enter_again, ()))

    async def _work(self) -> None:
        while True:
            handler, arguments = await self._line.get()
            try:
                await handler(self, *arguments)
            except (BadRoom, BadField, TooManyRooms) as error:
                logger.debug("%s: %s ignored: %s", self.identity.user, handler.__name__, error)
            except (Unavailable, RedisError, OSError) as error:
                logger.warning("%s of %s: %s", handler.__name__, self.identity.user, error)
            except Exception:
                logger.exception("%s of %s", handler.__name__, self.identity.user)

    async def close(self, grace: int) -> None:
        """Leave every document, after a grace in milliseconds: 0 when the client has said
        goodbye."""
        self._worker.cancel()
        if self._writing is not None:
            # An entry under way is not taken back by cancelling it: it must arrive before its
            # leave.
            await asyncio.gather(self._writing, return_exceptions=True)
        calls = [presence.leave_call(entered, grace) for entered in self.presences.values()]
        self.presences.clear()
        if calls:
            try:
                await rooms.run_all_async(self.services.redis, calls)
            except (RedisError, OSError) as error:
                logger.warning("%s leaves when the lease ends: %s", self.identity.user, error)

    # --- what the handlers do with it ---

    async def send(self, event: str, message: Any) -> None:
        await self.services.fanout.to_socket(self.identity.site, self.sid, event, message)

    async def join(self, room: str) -> None:
        if room not in self._joined:
            self._require_room_for(self._joined)
        self._joined.add(room)
        await self.services.fanout.join(self.identity.site, self.sid, room)

    def _require_room_for(self, held: Collection[str]) -> None:
        if len(held) >= MAX_ROOMS_PER_SOCKET:
            raise TooManyRooms(f"a socket joins, and enters, at most {MAX_ROOMS_PER_SOCKET} rooms")

    async def leave(self, room: str) -> None:
        self._joined.discard(room)
        await self.services.fanout.leave(self.identity.site, self.sid, room)

    async def may_read(self, doctype: str, name: str = "") -> bool:
        return await self.services.access.may_read(self.identity, doctype, name)

    async def snapshot(self, room: str) -> rooms.Snapshot:
        call = rooms.snapshot_call(self.identity.site, room)
        return await rooms.run_async(self.services.redis, call)

    async def send_state(self, room: str) -> None:
        await self.send("room_state", (await self.snapshot(room)).wire())

    async def enter(self, entered: presence.Presence) -> None:
        if entered.room not in self.presences:
            self._require_room_for(self.presences)
        # Noted before it is written: whatever happens in between, the session knows what to leave.
        self.presences[entered.room] = entered
        await self._write(presence.enter_call(entered))

    async def exit(self, room: str) -> None:
        entered = self.presences.pop(room, None)
        if entered:
            await self._write(presence.leave_call(entered))

    async def _write(self, call: rooms.Call[Any]) -> None:
        self._writing = asyncio.ensure_future(rooms.run_async(self.services.redis, call))
        try:
            await asyncio.shield(self._writing)
        finally:
            if self._writing.done():
                self._writing = None

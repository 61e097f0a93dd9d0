"""One socket's life: who it is, which rooms it watches, which documents it is in, its events in
order.

A session's events wait in a line and are handled one by one, so that ``doc_open`` and the
``doc_close`` behind it never overtake each other while Frappe is being asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import RedisError

from presence_progress import presence, rooms
from presence_progress.keys import BadRoom
from presence_progress.rooms import BadField
from presence_progress.server import metrics
from presence_progress.server.access import Access, Document, Identity
from presence_progress.server.calls import Calls
from presence_progress.server.fanout import Fanout
from presence_progress.server.questions import Unavailable
from presence_progress.settings import MAX_FORESEEN, MAX_PENDING_EVENTS, MAX_ROOMS_PER_SOCKET

if TYPE_CHECKING:
    from presence_progress.server.viewers import Viewers

NOT_PERMITTED = "not permitted"

log = structlog.get_logger(__name__)


class TooManyRooms(Exception):
    """A socket that wants to be everywhere; the text says how many rooms it may join."""


@dataclass(frozen=True)
class Services:
    """What every session shares."""

    redis: Any
    calls: Calls
    access: Access
    fanout: Fanout
    viewers: Viewers
    developer_mode: bool = False


@dataclass(frozen=True)
class Handler:
    """What an event of a client's does, and which document it will have to be able to read for
    it."""

    handle: Callable[..., Awaitable[None]]
    document: Callable[..., Document | None] | None = None
    """From the event's arguments. Frappe is asked ahead of the event's turn, so that twenty rows of
    a list are asked for at once and still handled in order."""


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
        self.opened: set[Document] = set()
        """The documents that are open as stock clients open them."""
        self._joined: dict[str, Document | None] = {}
        """The rooms, and because of which document the socket may be in them."""
        self._events = events
        self._line: deque[tuple[str, Callable[..., Awaitable[None]], tuple[Any, ...]]] = deque()
        self._is_closed = False
        self._writing: asyncio.Future[Any] | None = None
        self._foreseen: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None
        """Set while there are events in line: most sockets have nothing to say most of the time."""

    # --- events ---

    def receive(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Put an event in line; False when the line is too long for a client in its right mind."""
        handler = self._events.get(event)
        if handler is not None:
            metrics.CLIENT_EVENTS.labels(event).inc()
            self._foresee(handler, arguments)
            self._put(event, handler.handle, arguments)
        return len(self._line) <= MAX_PENDING_EVENTS

    def re_enter(self, room: str) -> None:
        """Enter a document again, in line: Redis has lost this session, unless it has left
        meanwhile."""

        async def enter_again(session: Session) -> None:
            if room in session.presences:
                await session.enter(session.presences[room])

        self._put("re_enter", enter_again)

    def eject(self, document: Document) -> None:
        """Leave, in line, everything that this socket is in because its user could read a
        document."""

        async def leave_all(session: Session) -> None:
            lost = {room for room, reads in session._joined.items() if reads == document}
            lost |= {
                room for room, here in session.presences.items() if _document_of(here) == document
            }
            for room in sorted(lost):
                session.watched.discard(room)
                await session.leave(room)
                await session.exit(room)
                await session.send("room_denied", {"room": room, "reason": NOT_PERMITTED})
            session.close_document(document)
            metrics.EJECTED.inc(len(lost))

        self._put("eject", leave_all)

    def _put(
        self, event: str, handle: Callable[..., Awaitable[None]], arguments: tuple[Any, ...] = ()
    ) -> None:
        self._line.append((event, handle, arguments))
        if self._worker is None and not self._is_closed:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while self._line:
            event, handle, arguments = self._line.popleft()
            try:
                await handle(self, *arguments)
            except (BadRoom, BadField, TooManyRooms) as error:
                log.debug(
                    "event ignored", event_name=event, user=self.identity.user, why=str(error)
                )
            except (Unavailable, RedisError, OSError) as error:
                self._note_failure(event, error)
            except Exception as error:
                self._note_failure(event, error, exc_info=True)
        self._worker = None

    def _note_failure(self, event: str, error: Exception, **more: Any) -> None:
        metrics.FAILURES.labels(event).inc()
        log.warning(
            "event failed",
            event_name=event,
            site=self.identity.site,
            user=self.identity.user,
            error=str(error),
            **more,
        )

    def _foresee(self, handler: Handler, arguments: tuple[Any, ...]) -> None:
        if handler.document is None or len(self._foreseen) >= MAX_FORESEEN:
            return
        document = handler.document(*arguments)
        if document is not None:
            asking = asyncio.ensure_future(self._ask_ahead(document))
            self._foreseen.add(asking)
            asking.add_done_callback(self._foreseen.discard)

    async def _ask_ahead(self, document: Document) -> None:
        # What went wrong is told when it is the event's turn, and it is asked again then.
        with contextlib.suppress(Unavailable):
            await self.may_read(document)

    async def close(self, grace: int) -> None:
        """Leave every document, after a grace in milliseconds: 0 when the client has said
        goodbye."""
        self._is_closed = True
        if self._worker is not None:
            self._worker.cancel()
        for document in list(self.opened):
            self.close_document(document)
        if self._writing is not None:
            # An entry under way is not taken back by cancelling it: it must arrive before its
            # leave.
            await asyncio.gather(self._writing, return_exceptions=True)
        calls = [presence.leave_call(entered, grace) for entered in self.presences.values()]
        self.presences.clear()
        if calls:
            try:
                await asyncio.gather(*map(self.services.calls.run, calls))
            except (RedisError, OSError) as error:
                log.warning("leaves when the lease ends", user=self.identity.user, error=str(error))

    # --- what the handlers do with it ---

    async def send(self, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        self.services.fanout.to_socket(self.identity.site, self.sid, event, *message)

    async def may_read(self, document: Document) -> bool:
        return await self.services.access.may_read(self.identity, document)

    async def join(self, room: str, reads: Document | None = None) -> None:
        """Join a room; ``reads`` names the document that the user must be able to read for it."""
        if room not in self._joined:
            self._require_room_for(self._joined)
        self._joined[room] = reads
        await self.services.fanout.join(self.identity.site, self.sid, room)

    async def join_as_reader(self, room: str, document: Document) -> bool:
        """Join a room of a document's readers, if the user is one; returns whether he is."""
        if not await self.may_read(document):
            return False
        await self.join(room, document)
        return True

    async def leave(self, room: str) -> None:
        self._joined.pop(room, None)
        await self.services.fanout.leave(self.identity.site, self.sid, room)

    def documents(self) -> set[Document]:
        """Return what the user must be able to read for this socket to stay where it is."""
        rooms_joined = {document for document in self._joined.values() if document}
        return rooms_joined | {_document_of(entered) for entered in self.presences.values()}

    async def open_document(self, document: Document) -> None:
        self.opened.add(document)
        await self.services.viewers.open(self, *document)

    def close_document(self, document: Document) -> None:
        self.opened.discard(document)
        self.services.viewers.close(self, *document)

    async def snapshot(self, room: str) -> rooms.Snapshot:
        call = rooms.snapshot_call(self.identity.site, room)
        return await self.services.calls.run(call)

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

    def _require_room_for(self, held: Collection[str]) -> None:
        if len(held) >= MAX_ROOMS_PER_SOCKET:
            raise TooManyRooms(f"a socket joins, and enters, at most {MAX_ROOMS_PER_SOCKET} rooms")

    async def _write(self, call: rooms.Call[Any]) -> None:
        self._writing = asyncio.ensure_future(self.services.calls.run(call))
        try:
            await asyncio.shield(self._writing)
        finally:
            if self._writing.done():
                self._writing = None


def _document_of(entered: presence.Presence) -> Document:
    return entered.doctype, entered.name

"""One socket's life: who it is, which rooms it watches, which documents it is in, its events in
order.

A session's events wait in a line and are handled one by one, so that ``doc_open`` and the
``doc_close`` behind it never overtake each other while Frappe is being asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import RedisError

from presence_progress import keys, presence, rooms, texts
from presence_progress.keys import BadRoom
from presence_progress.presence import Activity
from presence_progress.room_rights import Document, may_enter, right_to_watch
from presence_progress.rooms import BadField
from presence_progress.server import metrics
from presence_progress.server.access import SYSTEM_USERS, Access, Identity
from presence_progress.server.calls import Calls
from presence_progress.server.engine import Connection, spawn
from presence_progress.server.fanout import Fanout
from presence_progress.server.limits import OverLimit
from presence_progress.server.node import Node
from presence_progress.server.questions import Unavailable
from presence_progress.server.websocket import TURN
from presence_progress.settings import DEFAULT_LIMITS, MAX_FORESEEN, Limits
from presence_progress.site_rules import PresenceRules

if TYPE_CHECKING:
    from presence_progress.server.live_queries import LiveQueries
    from presence_progress.server.online import Online
    from presence_progress.server.rights import Rights
    from presence_progress.server.viewers import Viewers

NO_SUCH_EVENT = "no such event"
NO_UNICODE = "invalid Unicode"
NOT_PERMITTED = "not permitted"
TRY_AGAIN = "try again"
FAILED = "failed"
PRESENCE_IS_OFF = "presence is off"
TOO_MANY_ROOMS = "too many rooms"

log = structlog.get_logger(__name__)


class Gone(Exception):
    """The socket has ended while one of its events was handled: the rest of it is not wanted."""


_Event = tuple[str, Callable[..., Awaitable[Any] | None], Sequence[Any], "int | None", int]
"""Its name, what it does, with which arguments, the id to acknowledge it with, and its bytes."""


class Denied(Exception):
    """An event is refused; ``reason`` is what its client reads."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Overtaken(Exception):
    """A right was lost while an event was under way that has been judged by what held before."""


class Follow(IntFlag):
    """Why a socket follows a room; it leaves when the last reason ends."""

    WATCH = 1
    """It has asked for this room."""
    LIST = 2
    """It has the row on screen."""


@dataclass(frozen=True)
class Services:
    """What every session shares."""

    redis: Any
    calls: Calls
    access: Access
    rights: Rights
    fanout: Fanout
    viewers: Viewers
    node: Node
    online: Online
    queries: LiveQueries
    developer_mode: bool = False
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True)
class Handler:
    """What an event of a client's does, and which document it will have to be able to read for
    it."""

    handle: Callable[..., Awaitable[Any] | None]
    """Returns what cannot be done at once; what that returns is the acknowledgement's content."""
    document: Callable[..., Document | None] | None = None
    """From the event's arguments. Frappe is asked ahead of the event's turn, so that twenty rows of
    a list are asked for at once and still handled in order."""
    refuse: Callable[..., None] | None = None
    """Answers an event that is not handled at all: there is text among its arguments that is no
    Unicode."""


class Session:
    """One socket in one site."""

    __slots__ = (
        "_events",
        "_foreseen",
        "_is_closed",
        "_joined",
        "_line",
        "_line_size",
        "_lost",
        "_worker",
        "_writing",
        "announced",
        "connection",
        "has_heard_wish",
        "identity",
        "is_invisible",
        "opened",
        "presences",
        "services",
        "sid",
        "watched",
    )

    def __init__(
        self,
        services: Services,
        sid: str,
        connection: Connection,
        identity: Identity,
        events: Mapping[str, Handler],
    ) -> None:
        self.services = services
        self.sid = sid
        self.connection = connection
        self.identity = identity
        self.is_invisible = False
        """Whether the user does not want to be shown to others."""
        self.has_heard_wish = False
        """Whether an event has told what its user wants: what was asked before that is old."""
        self.presences: dict[str, presence.Presence] = {}
        """By room: the documents that this socket is in."""
        self.announced: set[str] = set()
        """Those of which a client of ours has said so: Frappe's own, on the same page, does not end
        them."""
        self.watched: dict[str, Follow] = {}
        """The rooms whose state this socket follows; after a doubt they are sent anew."""
        self.opened: set[Document] = set()
        """The documents that are open as stock clients open them."""
        self._joined: dict[str, Document | None] = {}
        """The rooms, and because of which document the socket may be in them."""
        self._events = events
        self._line: deque[_Event] | None = None
        self._line_size = 0
        self._lost: set[Document] | None = None
        """The documents whose readers the user has ceased to be since the event under way began."""
        self._is_closed = False
        self._writing: asyncio.Future[Any] | None = None
        self._foreseen: set[asyncio.Task[None]] | None = None
        self._worker: asyncio.Task[None] | None = None
        """Set while an event is being handled: what comes meanwhile waits in line."""
        for room in (None, *identity.rooms):
            services.fanout.join(identity.site, connection, room)

    # --- events ---

    def receive(
        self, event: str, arguments: Sequence[Any], ack_id: int | None = None, size: int = 0
    ) -> str | None:
        """Handle an event of so many bytes, or put it in line; returns the limit that the line is
        over, if it is. With an id, it is acknowledged once it has been handled."""
        handler = self._events.get(event)
        if handler is None:
            if ack_id is None:
                return None
            event, handler = "unknown", _UNKNOWN
        metrics.count_client_event(event)
        if self._worker is not None:
            self._foresee(handler, arguments)
        self._put(event, handler.handle, arguments, ack_id, size)
        limits = self.services.limits
        if self._line is None:
            return None
        if len(self._line) > limits.pending_events:
            return "pending_events"
        return "pending_bytes" if self._line_size > limits.pending_bytes else None

    def refuse(self, event: str, arguments: Sequence[Any], ack_id: int | None = None) -> None:
        """Answer an event with invalid Unicode, and do nothing else for it."""
        handler = self._events.get(event)
        if handler is not None:
            metrics.count_client_event(event)
            log.debug(
                "event ignored", event_name=event, user=self.identity.user, why="invalid Unicode"
            )
            if handler.refuse is not None:
                handler.refuse(self, *arguments)
        if ack_id is not None:
            self._put("garbled", _deny_garbled, (), ack_id)

    def eject(self, document: Document, reason: str) -> None:
        """Leave at once, whatever waits in line, everything that this socket is in because its user
        could read a document."""
        if self._worker is not None:
            self._lost = {document, *(self._lost or ())}
        lost = {room for room, reads in self._joined.items() if reads == document}
        lost |= {room for room, here in self.presences.items() if _document_of(here) == document}
        self.lose(lost, reason)
        self.close_document(document)

    def lose(self, lost: Collection[str], reason: str) -> None:
        """Leave rooms at once that the user may not be in any more, and say so."""
        for room in sorted(lost):
            self.watched.pop(room, None)
            self.leave(room)
            if entered := self._forget_presence(room):
                self._withdraw(entered)
            self.deny(room, reason)
        metrics.EJECTED.inc(len(lost))

    def at_once(self, what: str, handle: Callable[[Session], None]) -> None:
        """Do something before all that waits in line, and once more when the event under way has
        ended, which may go on by what held before."""
        handle(self)
        if self._worker is not None:
            self._line = self._line or deque()
            self._line.appendleft((what, handle, (), None, 0))

    def do(self, what: str, handle: Callable[[Session], Awaitable[Any] | None]) -> None:
        """Do something in line with the client's events; ``what`` is its name in the log."""
        self._put(what, handle, ())

    def _put(
        self,
        event: str,
        handle: Callable[..., Awaitable[Any] | None],
        arguments: Sequence[Any],
        ack_id: int | None = None,
        size: int = 0,
    ) -> None:
        if self._worker is not None:
            if self._line is None:
                self._line = deque()
            self._line.append((event, handle, arguments, ack_id, size))
            self._line_size += size
        elif not self._is_closed:
            rest = self._begin(event, handle, arguments, ack_id)
            if rest is not None:
                self._worker = asyncio.ensure_future(self._work(event, rest, ack_id))

    def _begin(
        self,
        event: str,
        handle: Callable[..., Awaitable[Any] | None],
        arguments: Sequence[Any],
        ack_id: int | None,
    ) -> Awaitable[Any] | None:
        try:
            rest = handle(self, *arguments)
        except Exception as error:
            self._fail(event, error, ack_id)
            return None
        if rest is None and ack_id is not None:
            self._acknowledge(event, ack_id)
        return rest

    async def _work(self, event: str, rest: Awaitable[Any] | None, ack_id: int | None) -> None:
        for handled in itertools.count(1):
            if rest is not None:
                try:
                    result = await rest
                except Exception as error:
                    self._fail(event, error, ack_id)
                else:
                    if ack_id is not None:
                        self._acknowledge(event, ack_id, *(() if result is None else (result,)))
            if handled % TURN == 0:
                await asyncio.sleep(0)  # others have their turn
            if not self._line or self._is_closed:
                break
            event, handle, arguments, ack_id, size = self._line.popleft()
            self._line_size -= size
            self._lost = None
            rest = self._begin(event, handle, arguments, ack_id)
        self._worker = self._line = self._lost = None

    def _fail(self, event: str, error: Exception, ack_id: int | None) -> None:
        self._note(event, error)
        if ack_id is not None:
            self._acknowledge(event, ack_id, {"error": _reason_of(error)})

    def _acknowledge(self, event: str, ack_id: int, *answer: Any) -> None:
        if self._is_closed:
            return
        acknowledge, site = self.services.fanout.acknowledge, self.identity.site
        try:
            acknowledge(site, self.connection, ack_id, answer)
        except Exception as error:
            # An app's answer may be anything.
            self._note_failure(event, error)
            acknowledge(site, self.connection, ack_id, [{"error": FAILED}])

    def _note(self, event: str, error: Exception) -> None:
        """Put down why an event came to nothing: its client's fault, somebody else's or ours."""
        if isinstance(error, Gone):
            return
        if isinstance(error, (BadRoom, BadField, Denied, OverLimit, Overtaken)):
            log.debug("event ignored", event_name=event, user=self.identity.user, why=str(error))
        elif isinstance(error, (Unavailable, RedisError, OSError)):
            self._note_failure(event, error)
        else:
            self._note_failure(event, error, exc_info=error)

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

    def _foresee(self, handler: Handler, arguments: Sequence[Any]) -> None:
        if self._foreseen is None:
            self._foreseen = set()
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
        said, writing = _left_on_purpose(self._line or ()), self._writing
        if self._worker is not None:
            # Not at once: it may not have begun, and would leave a coroutine that never does.
            asyncio.get_running_loop().call_soon(self._worker.cancel)
        for document in list(self.opened):
            self.close_document(document)
        joined, self._joined = self._joined, {}
        for room in (None, *self.identity.rooms, *joined):
            self.services.fanout.leave(self.identity.site, self.connection, room)
        for room in filter(keys.is_query, joined):
            self.services.queries.leave(self, room)
        for reads in (*joined.values(), *map(_document_of, self.presences.values())):
            if reads:
                self.services.rights.release(self, reads)
        if writing is not None:
            # An entry under way goes on: it must arrive before its leave.
            await asyncio.wait({writing})
        leaving = [
            self.services.node.leave(here, 0 if room in said else grace)
            for room, here in self.presences.items()
        ]
        self.presences.clear()
        for left in await asyncio.gather(*leaving, return_exceptions=True):
            if isinstance(left, BaseException):
                log.warning("Redis is told later", user=self.identity.user, error=str(left))

    def require_open(self) -> None:
        """Raise :class:`Gone` once the socket has ended.

        Each book that a session stands in asks this before it takes one, so that a handler which
        goes on after an ``await`` leaves nothing behind.
        """
        if self._is_closed:
            raise Gone

    # --- what the handlers do with it ---

    def send(self, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        self.services.fanout.to_socket(self.identity.site, self.connection, event, *message)

    def deny(self, room: object, reason: str) -> None:
        """Tell the client that it is not in a room, which is named as it was, as far as it can be
        sent back."""
        self.send("room_denied", {"room": texts.echo(room), "reason": reason})

    async def may_read(self, document: Document) -> bool:
        return await self.services.access.may_read(self.identity, document)

    def is_in(self, room: str) -> bool:
        """Return whether it has joined a room by itself."""
        return room in self._joined

    def join(self, room: str, reads: Document | None = None) -> None:
        """Join a room; ``reads`` names the document that the user must be able to read for it."""
        self.require_open()
        if room not in self._joined:
            self._require_room_for(self._joined)
        before = self._joined.get(room)
        if reads != before:
            if reads:
                self._stand_on(reads)
            if before:
                self.services.rights.release(self, before)
        self._joined[room] = reads
        self.services.fanout.join(self.identity.site, self.connection, room)

    async def join_as_reader(self, room: str, document: Document) -> None:
        """Join a room of a document's readers; :class:`Denied` when the user is none."""
        if not await self.may_read(document):
            raise Denied(NOT_PERMITTED)
        self.join(room, document)

    def join_if_reader(self, room: str, document: Document) -> Awaitable[None] | None:
        """Do the same at once, if it is known that the user is one."""
        if not self.services.access.is_reader(self.identity, document):
            return self.join_as_reader(room, document)
        self.join(room, document)
        return None

    def leave(self, room: str) -> None:
        """Leave a room; what a socket is in from the start it stays in."""
        if room in self._joined:
            if reads := self._joined.pop(room):
                self.services.rights.release(self, reads)
            self.services.fanout.leave(self.identity.site, self.connection, room)
            if keys.is_query(room):
                self.services.queries.leave(self, room)

    def follow(self, room: str, why: Follow, reads: Document | None = None) -> None:
        """Join a room whose state the client wants; who calls sends it the state."""
        if keys.is_query(room) and room not in self.watched:
            queries = sum(map(keys.is_query, self.watched))
            if queries >= self.services.limits.queries_per_socket:
                raise OverLimit("queries_per_socket", TOO_MANY_ROOMS)
            self.services.queries.require_room_for(self, room)
        self.join(room, reads)
        self.watched[room] = self.watched.get(room, Follow(0)) | why

    def unfollow(self, room: str, why: Follow) -> None:
        """Leave a room, unless the client wants it for another reason, too."""
        left = self.watched.get(room, Follow(0)) & ~why
        if left:
            self.watched[room] = left
        elif self.watched.pop(room, None):
            self.leave(room)

    @property
    def rules(self) -> PresenceRules:
        """What the site has set about presence."""
        return self.services.access.rules(self.identity.site)

    def set_user_type(self, user_type: str) -> None:
        """Leave what only System Users may be in, when the user is none any more.

        Not by ending the socket: Frappe v15 gives a session the type that its user had at first.
        """
        was_system_user = self.identity.is_system_user
        if user_type == self.identity.user_type:
            return
        self.identity = replace(self.identity, user_type=user_type)
        if was_system_user and not self.identity.is_system_user:
            self.services.fanout.leave(self.identity.site, self.connection, SYSTEM_USERS)
            self.lose(
                {
                    room
                    for room in self.watched
                    if (parsed := keys.parse_room(room)).kind in ("count", "online", "online_count")
                    and right_to_watch(self.identity, parsed, {}, self.rules) is False
                },
                NOT_PERMITTED,
            )

    def set_invisible(self, invisible: bool) -> None:
        """Hide from others at once, or be shown to them again, in line."""
        self.is_invisible = invisible
        if invisible:
            spawn(self.services.online.go(self, 0))
            for entered in self.presences.values():
                self._withdraw(entered)
        self.do("set_invisible", Session._follow_wish)

    async def _follow_wish(self) -> None:
        # Also when it is known already: then not everything may have followed it.
        if self.is_invisible:
            await self.services.online.go(self, 0)
        else:
            self.services.online.come(self)
        for room, entered in list(self.presences.items()):
            if self.presences.get(room) is entered:
                await self._show(entered)

    def _stand_on(self, document: Document) -> None:
        """Stand on a right from now on, by the newest that is known of it: the event under way may
        have been judged by what was known before."""
        self._require(document)
        if self.services.access.known(self.identity, document) is False:
            raise Overtaken
        self.services.rights.hold(self, document)

    def _require(self, document: Document) -> None:
        if self._lost and document in self._lost:
            raise Overtaken

    def open_document(self, document: Document) -> None:
        self._require(document)
        self.services.viewers.open(self, *document)
        self.opened.add(document)

    def close_document(self, document: Document) -> None:
        self.opened.discard(document)
        self.services.viewers.close(self, *document)

    async def snapshot(self, room: str) -> rooms.Snapshot:
        call = rooms.snapshot_call(self.identity.site, room)
        return await self.services.calls.run(call)

    async def send_state(self, room: str) -> None:
        if keys.is_query(room):
            # Sent as soon as it is known: a slow count holds up nothing else that a client asks.
            self.services.queries.show(self, room)
            return
        snapshot = await self.snapshot(room)
        if room in self.watched:  # still
            self.send("room_state", snapshot.wire())

    async def enter(
        self, document: Document, activity: Activity = "viewing", focus: str | None = None
    ) -> None:
        """Be a viewer of a document, or say something new of it."""
        room = keys.presence_room(*document)
        if room not in self.presences:
            self._require_room_for(self.presences)
        identity = self.identity
        person = await self.services.access.person(identity)
        if person.invisible != self.is_invisible:
            # The site's event is still under way, or was lost.
            self.is_invisible = person.invisible
            await self._follow_wish()
        self.require_open()
        if not may_enter(identity, self.rules):
            raise Overtaken
        entered = presence.Presence(
            *(identity.site, *document, self.sid, identity.user, person.who, activity, focus)
        )
        if room not in self.presences:
            self._stand_on(document)
        # Noted before it is written: whatever happens in between, the session knows what to leave.
        self.presences[room] = entered
        await self._show(entered)

    async def _show(self, entered: presence.Presence) -> None:
        self.require_open()
        node = self.services.node
        await self._write(
            node.leave(entered) if self.is_invisible else node.enter(entered, self._pulse)
        )

    async def exit(self, room: str) -> None:
        if entered := self._forget_presence(room):
            await self._write(self.services.node.leave(entered))

    def _forget_presence(self, room: str) -> presence.Presence | None:
        self.announced.discard(room)
        entered = self.presences.pop(room, None)
        if entered and not self._is_closed:
            self.services.rights.release(self, _document_of(entered))
        return entered

    def _withdraw(self, entered: presence.Presence) -> None:
        """Take a viewer away without waiting, though not before what is being written of it."""

        def leave(_: Any = None) -> None:
            here = self.presences.get(keys.presence_room(*_document_of(entered)))
            if here is None or self.is_invisible:
                self.services.node.leave(entered)

        if self._writing is None:
            leave()
        else:
            self._writing.add_done_callback(leave)

    def _pulse(self) -> int:
        return self.connection.beat

    def _require_room_for(self, held: Collection[str]) -> None:
        if len(held) >= self.services.limits.rooms_per_socket:
            raise OverLimit("rooms_per_socket", TOO_MANY_ROOMS)

    async def _write(self, writing: asyncio.Future[Any]) -> None:
        self._writing = writing
        try:
            await asyncio.shield(writing)
        finally:
            self._writing = None


def _deny_unknown(session: Session, *_: Any) -> None:
    raise Denied(NO_SUCH_EVENT)


def _deny_garbled(session: Session) -> None:
    raise Denied(NO_UNICODE)


_UNKNOWN = Handler(_deny_unknown)
"""Of an event that nobody here handles, and whose client waits for an acknowledgement."""


def _reason_of(error: Exception) -> str:
    """Return what a client is told about an event that failed; our own mistakes are not its."""
    if isinstance(error, (Denied, OverLimit)):
        return error.reason
    if isinstance(error, (BadRoom, BadField)):
        return str(error)[:300]  # it may repeat what the client has sent
    return TRY_AGAIN if isinstance(error, (Overtaken, Unavailable, RedisError, OSError)) else FAILED


def _left_on_purpose(line: Iterable[_Event]) -> set[str]:
    """Return the rooms of which a client has said that it leaves, in events that will not be
    handled any more."""
    left = set()
    for event, _, arguments, _, _ in line:
        if event == "presence_leave" and arguments and isinstance(arguments[0], dict):
            with contextlib.suppress(BadRoom):
                payload = arguments[0]
                left.add(keys.presence_room(payload.get("doctype"), payload.get("name")))
    return left


def _document_of(entered: presence.Presence) -> Document:
    return entered.doctype, entered.name

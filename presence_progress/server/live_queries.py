"""Live queries: how many documents of a DocType a user may see that fit some filters, at any time.

The number is each user's own, so what is kept here is kept by site, user and room, and sent to the
sockets that watch it and to no others. It is derived: it lives in this process's memory, has an
epoch for as long as somebody watches, and other server processes ask for their own watchers. A
count is asked for anew when Frappe tells of a change of its DocType, which it does after a commit;
when something may have been missed; when rights may have changed; and now and then. Never twice at
once: what changes while it is being asked is in the next question.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import structlog

from presence_progress import keys
from presence_progress.server.bus import Event
from presence_progress.server.count_questions import Asked, Counted, CountQuestions
from presence_progress.server.debounce import Debounce
from presence_progress.server.fair_queue import FairQueue
from presence_progress.server.limits import OverLimit
from presence_progress.server.questions import Asker, Unavailable
from presence_progress.server.sessions import NOT_PERMITTED, Follow, Session
from presence_progress.settings import (
    QUERY_BATCH,
    QUERY_QUESTIONS,
    QUERY_REFRESH,
    QUERY_WAIT,
)

_CHANGES = frozenset({"list_update", "doc_update"})
"""What Frappe says of a DocType, or of a document, after a commit; of some DocTypes only the
second."""

_PAUSES = 1, 2, 5, 10, 30
"""Seconds before a count that could not be had is asked for again; the last one is repeated."""
_LONGEST_REST = 10
TOO_MANY_QUERIES = "too many live queries of this user"

log = structlog.get_logger(__name__)

_Doubt = tuple[str, str | None, str | None]
"""A site, and the DocType or the user whose counts may have changed; None for all."""


class LiveQueries:
    """Keeps the numbers that somebody watches on this server true."""

    def __init__(self, questions: CountQuestions) -> None:
        self._ask = questions.ask
        self._queries: dict[tuple[str, str, str], _Query] = {}
        self._of_doctype: defaultdict[tuple[str, str], set[_Query]] = defaultdict(set)
        self._watched: defaultdict[tuple[str, Asker], Counter[str]] = defaultdict(Counter)
        """By site and user, or a guest's address: how many sockets watch each number."""
        self._debounce: Debounce[_Doubt] = Debounce(*QUERY_WAIT, self._resolve)
        self._due: defaultdict[str, _Due] = defaultdict(_Due)
        """By site: what waits to be asked."""
        self._workers: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    async def run(self) -> None:
        """Ask now and then, whatever is heard, until cancelled."""
        try:
            while True:
                await asyncio.sleep(QUERY_REFRESH / 10)
                now = time.monotonic()
                for query in self._queries.values():
                    # At random, so that those who came together do not ask together for ever.
                    if now - query.asked_at > QUERY_REFRESH * random.uniform(0.8, 1):
                        self._make_due(query)
        finally:
            self._debounce.stop()
            for worker in [task for tasks in self._workers.values() for task in tasks]:
                worker.cancel()

    # --- who watches ---

    def require_room_for(self, session: Session, room: str) -> None:
        """:class:`OverLimit` when a socket's user has too many live queries for one more, whatever
        sockets watch them. One that is watched already costs nothing more."""
        watched = self._watched.get(_owner(session), ())
        most = session.services.limits.queries_per_user
        # Guests of whom nothing is known are not one client.
        if room not in watched and len(watched) >= most and session.identity.asker.name:
            raise OverLimit("queries_per_user", TOO_MANY_QUERIES)

    def show(self, session: Session, room: str) -> None:
        """Have a socket follow a number, whose user may read the DocType; it is sent the state,
        now or once it is known, or a denial."""
        session.require_open()
        site, user = session.identity.site, session.identity.user
        query = self._queries.get((site, user, room))
        if query is None:
            query = _Query(site, session.identity.asker, user, room)
            self._queries[site, user, room] = query
            self._of_doctype[site, query.doctype].add(query)
            self._make_due(query)
        if session not in query.watchers:
            query.watchers[session] = None
            self._watched[_owner(session)][room] += 1
        if query.value is not None:
            session.send("room_state", query.state())

    def leave(self, session: Session, room: str) -> None:
        query = self._queries.get((session.identity.site, session.identity.user, room))
        if query is not None and session in query.watchers:
            del query.watchers[session]
            self._count_out(session, room)
            if not query.watchers:
                self._remove(query)

    def _count_out(self, session: Session, room: str) -> None:
        watched = self._watched[_owner(session)]
        watched[room] -= 1
        if not watched[room]:
            del watched[room]
        if not watched:
            del self._watched[_owner(session)]

    def _remove(self, query: _Query) -> None:
        del self._queries[query.site, query.user, query.room]
        if due := self._due.get(query.site):
            due.discard(query)
        for session in query.watchers:
            self._count_out(session, query.room)
        of_doctype = self._of_doctype[query.site, query.doctype]
        of_doctype.discard(query)
        if not of_doctype:
            del self._of_doctype[query.site, query.doctype]

    def _is_watched(self, query: _Query) -> bool:
        return self._queries.get((query.site, query.user, query.room)) is query

    # --- what may have changed ---

    def hear(self, site: str, room: str, events: Iterable[Event]) -> None:
        """Take what Frappe has published to a room."""
        kind, _, rest = room.partition(":")
        if not self._of_doctype or kind not in ("doctype", "doc"):
            return
        doctype = rest.partition("/")[0]
        if (site, doctype) in self._of_doctype and any(e.event in _CHANGES for e in events):
            self._debounce.note((site, doctype, None))

    def doubt(self, site: str, user: str) -> None:
        """Rights of a user may have changed, or, with an empty name, of anybody."""
        if self._queries:
            self._debounce.note((site, None, user or None))

    def doubt_all(self) -> None:
        """Some of Frappe's events may have been missed."""
        for site in {query.site for query in self._queries.values()}:
            self._debounce.note((site, None, None))

    def _resolve(self, doubt: _Doubt) -> None:
        site, doctype, user = doubt
        if doctype is not None:
            doubted = self._of_doctype.get((site, doctype), set())
        else:
            doubted = {
                q for q in self._queries.values() if q.site == site and user in (None, q.user)
            }
        for query in doubted:
            self._make_due(query)

    # --- asking ---

    def _make_due(self, query: _Query) -> None:
        if not self._is_watched(query):
            return
        query.is_due = True
        if query.is_asked:
            return
        self._due[query.site].add(query)
        if len(self._workers[query.site]) < QUERY_QUESTIONS:
            worker = asyncio.ensure_future(self._work(query.site))
            self._workers[query.site].add(worker)

    async def _work(self, site: str) -> None:
        worker = asyncio.current_task()
        assert worker
        try:
            await self._ask_all(site, self._due[site])
        finally:
            # In the same step as the last look at what is due: what comes next needs a new one.
            self._workers[site].discard(worker)
            if not self._workers[site]:
                del self._workers[site], self._due[site]

    async def _ask_all(self, site: str, due: _Due) -> None:
        while batch := due.take_batch():
            for query in batch:
                query.is_due, query.is_asked = False, True
                query.asked_at = time.monotonic()
            began = time.monotonic()
            counted = await self._count(site, batch)
            took = time.monotonic() - began
            due.note_answer(batch)
            for query in batch:
                query.is_asked = False
            for query, count in zip(batch, counted, strict=True):
                self._take(query, count)
            if took > QUERY_WAIT[0] and any(count.value is not None for count in counted):
                # Slow counts: the database has half of the time for others.
                await asyncio.sleep(min(took, _LONGEST_REST))

    async def _count(self, site: str, batch: list[_Query]) -> list[Counted]:
        try:
            return await self._ask(site, [query.question() for query in batch])
        except Unavailable:
            pass
        except Exception:
            log.exception("live queries could not be asked", site=site)
        return [Counted()] * len(batch)

    def _take(self, query: _Query, counted: Counted) -> None:
        if not self._is_watched(query):
            return
        if counted.refusal:
            # Whoever asks again from now on is asked about anew.
            self._remove(query)
            for session in list(query.watchers):
                _lose(session, query.room, counted.refusal)
            return
        if counted.value is not None:
            query.failures, query.is_alone = 0, False
            self._tell(query, counted.value)
            if query.is_due:
                self._make_due(query)
        elif counted.is_late:
            self._make_due(query)
        else:
            self._try_later(query)

    def _try_later(self, query: _Query) -> None:
        # By itself the next time: it may be the one that was too slow, and the others late by it.
        query.is_alone = True
        pause = _PAUSES[min(query.failures, len(_PAUSES) - 1)] * random.uniform(1, 1.3)
        query.failures += 1
        asyncio.get_running_loop().call_later(pause, self._make_due, query)
        if query.value is None:
            for session in query.watchers:
                session.send("room_denied", {"room": query.room, "reason": "try again"})

    def _tell(self, query: _Query, value: int) -> None:
        is_first = query.value is None
        if value == query.value:
            return
        query.value = value
        query.seq += 1
        event, message = (
            ("room_state", query.state()) if is_first else ("room_change", query.change())
        )
        for session in query.watchers:
            session.send(event, message)


class _Query:
    """One number: whose, of what, and who watches it."""

    def __init__(self, site: str, asker: Asker, user: str, room: str) -> None:
        parsed = keys.parse_room(room)
        self.site, self.user, self.room = site, user, room
        self.asker = asker
        """Whose turn it is asked in: that of who watched it first."""
        self.doctype, self.filters = parsed.doctype or "", parsed.filters or ""
        self.epoch, self.seq = uuid.uuid4().hex[:12], 0
        self.value: int | None = None
        self.watchers: dict[Session, None] = {}
        self.is_asked = self.is_due = self.is_alone = False
        """Whether it is being asked now, may have changed since, is asked apart from others."""
        self.failures = 0
        self.asked_at = time.monotonic()

    def question(self) -> Asked:
        credentials: list[Any] = []
        for session in self.watchers:
            if session.identity.credentials not in credentials:
                credentials.append(session.identity.credentials)
        return Asked(self.user, self.doctype, self.filters, credentials)

    def state(self) -> dict[str, Any]:
        return self._message(state={"value": self.value})

    def change(self) -> dict[str, Any]:
        return self._message(set={"value": self.value}, unset=[])

    def _message(self, **more: Any) -> dict[str, Any]:
        return {"room": self.room, "epoch": self.epoch, "seq": self.seq, **more}


class _Due:
    """What waits to be asked at one site: of each user one number in turn."""

    def __init__(self) -> None:
        self._first: FairQueue[Asker, _Query] = FairQueue()
        self._again: FairQueue[Asker, _Query] = FairQueue()
        self._alone: FairQueue[Asker, _Query] = FairQueue()
        """Those that are asked apart from others: one at a time, so that others go on."""
        self._is_alone_asked = False

    def add(self, query: _Query) -> None:
        self._queue_of(query).add(query.asker, query)

    def discard(self, query: _Query) -> None:
        self._queue_of(query).discard(query.asker, query)

    def _queue_of(self, query: _Query) -> FairQueue[Asker, _Query]:
        # The same for as long as it waits: what decides it changes with an answer.
        if query.is_alone:
            return self._alone
        return self._first if query.value is None else self._again

    def take_batch(self) -> list[_Query]:
        """Return what is asked in the next question; nothing when that would be too much now."""
        if not self._is_alone_asked and (alone := self._alone.pop()):
            self._is_alone_asked = True
            return [alone[1]]
        batch: list[_Query] = []
        # Half of it are those of whom somebody waits for the first number, if there are so many:
        # neither these nor the others wait for ever.
        while len(batch) < QUERY_BATCH and (self._first or self._again):
            for queue in (self._first, self._again):
                if taken := queue.pop():
                    batch.append(taken[1])
        return batch

    def note_answer(self, batch: list[_Query]) -> None:
        if batch[0].is_alone:
            self._is_alone_asked = False


def _owner(session: Session) -> tuple[str, Asker]:
    return session.identity.site, session.identity.asker


def _lose(session: Session, room: str, reason: str) -> None:
    if room not in session.watched:
        return
    if reason == NOT_PERMITTED:
        session.lose({room}, reason)
        return
    session.unfollow(room, Follow.WATCH)
    session.send("room_denied", {"room": room, "reason": reason})

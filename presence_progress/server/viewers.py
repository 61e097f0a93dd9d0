"""Who views a document, as stock Frappe clients are told it: ``doc_viewers``.

Presence is the truth; here it is translated. Each socket that has a document open is told the user
ids whenever they change, and never that it is alone when it knew of nobody else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import structlog

from presence_progress import keys, rooms
from presence_progress.presence import read_state
from presence_progress.server.calls import Calls
from presence_progress.server.fanout import Fanout
from presence_progress.server.sessions import Session

log = structlog.get_logger(__name__)

Place = tuple[str, str, str]
"""Site, DocType, name."""


class Viewers:
    """The sockets of this server that have a document open as stock clients do."""

    def __init__(self, calls: Calls, fanout: Fanout) -> None:
        self._calls = calls
        self._fanout = fanout
        self._told: defaultdict[Place, dict[Session, set[str] | None]] = defaultdict(dict)
        """Of whom each socket was told last: nobody is told the same twice."""
        self._reading: dict[Place, asyncio.Future[rooms.Snapshot]] = {}
        self._again: set[Place] = set()
        """What has changed while it was being read."""

    def open(self, session: Session, doctype: str, name: str) -> None:
        """Take note of a socket, and tell it soon who else is here."""
        session.require_open()
        place = (session.identity.site, doctype, name)
        self._told[place][session] = None
        self._tell_soon(place)

    def close(self, session: Session, doctype: str, name: str) -> None:
        place = (session.identity.site, doctype, name)
        openers = self._told.get(place, {})
        openers.pop(session, None)
        if not openers:
            self._told.pop(place, None)

    def note_change(self, site: str, room: str) -> None:
        """Tell the sockets concerned, after a change of a presence room."""
        if not self._told:
            return
        try:
            parsed = keys.parse_room(room)
        except keys.BadRoom:
            return  # Anybody can publish to a room that is none.
        place = (site, parsed.doctype or "", parsed.name or "")
        if place in self._told:
            self._tell_soon(place)

    def _tell_soon(self, place: Place) -> None:
        """Read a room once for all that has happened there meanwhile."""
        if place in self._reading:
            self._again.add(place)
            return
        self._again.discard(place)
        site, doctype, name = place
        call = rooms.snapshot_call(site, keys.presence_room(doctype, name))
        reading = self._reading[place] = self._calls.run(call)
        reading.add_done_callback(lambda _: self._tell(place, reading))

    def _tell(self, place: Place, reading: asyncio.Future[rooms.Snapshot]) -> None:
        del self._reading[place]
        if place in self._again:
            self._tell_soon(place)
        if reading.cancelled():
            return
        if error := reading.exception():
            # The next change, or the next socket, has it read again.
            log.warning("viewers were not told", place="/".join(place), error=str(error))
            return
        site, doctype, name = place
        viewers = read_state(reading.result().state).viewers
        users, now = list(viewers), set(viewers)
        for session, told in list(self._told.get(place, {}).items()):
            self._told[place][session] = now
            # Whoever knows of nobody else is not told that he is alone.
            known = {session.identity.user} & now if told is None else told
            if now != known:
                message = {"doctype": doctype, "docname": name, "users": users}
                self._fanout.to_socket(site, session.connection, "doc_viewers", message)

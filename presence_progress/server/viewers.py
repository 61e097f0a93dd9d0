"""Who views a document, as stock Frappe clients are told it: ``doc_viewers``.

Presence is the truth; here it is translated. Each socket that has a document open is told the user
ids whenever they change, and never that it is alone when it knew of nobody else.
"""

from __future__ import annotations

from collections import defaultdict

from presence_progress import keys, rooms
from presence_progress.server.calls import Calls
from presence_progress.server.fanout import Fanout
from presence_progress.server.sessions import Session

Place = tuple[str, str, str]
"""Site, DocType, name."""


class Viewers:
    """The sockets of this server that have a document open as stock clients do."""

    def __init__(self, calls: Calls, fanout: Fanout) -> None:
        self._calls = calls
        self._fanout = fanout
        self._told: defaultdict[Place, dict[Session, rooms.Snapshot | None]] = defaultdict(dict)
        """What each socket was told last: nobody is told the same twice, nor what is older."""

    async def open(self, session: Session, doctype: str, name: str) -> None:
        """Take note of a socket, and tell it who else is here."""
        place = (session.identity.site, doctype, name)
        self._told[place][session] = None
        await self._tell(place)

    def close(self, session: Session, doctype: str, name: str) -> None:
        place = (session.identity.site, doctype, name)
        openers = self._told.get(place, {})
        openers.pop(session, None)
        if not openers:
            self._told.pop(place, None)

    async def note_change(self, site: str, room: str) -> None:
        """Tell the sockets concerned, after a change of a presence room."""
        parsed = keys.parse_room(room)
        place = (site, parsed.doctype or "", parsed.name or "")
        if place in self._told:
            await self._tell(place)

    async def _tell(self, place: Place) -> None:
        site, doctype, name = place
        call = rooms.snapshot_call(site, keys.presence_room(doctype, name))
        now = await self._calls.run(call)
        users = list(now.state)
        openers = self._told.get(place, {})
        for session, told in list(openers.items()):
            is_old = told and told.epoch == now.epoch and told.seq >= now.seq
            if session not in openers or is_old:
                continue
            openers[session] = now
            # Whoever knows of nobody else is not told that he is alone.
            known = told.state.keys() if told else {session.identity.user} & set(users)
            if set(users) != set(known):
                message = {"doctype": doctype, "docname": name, "users": users}
                self._fanout.to_socket(site, session.connection, "doc_viewers", message)

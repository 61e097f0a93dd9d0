"""Keeps rights true: asks again for every right that somebody stands on, and ejects who has lost
it.

A socket in a room was allowed in once. Its user may have signed out since, lost a role, or had a
share taken away. So Frappe is asked again at least every minute, and at once when one of Frappe's
own events tells of such a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import structlog

from presence_progress.room_rights import Document
from presence_progress.server.access import Access, Look
from presence_progress.server.bus import Event
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import Session
from presence_progress.settings import IDENTITY_RENEWAL, PERMISSION_RENEWAL, RIGHTS_INTERVAL

_PERMISSIONS_UPDATE = "update_user_permissions"
RIGHTS_EVENTS = frozenset({_PERMISSIONS_UPDATE, "doc_update", "list_update"})
"""Frappe's events that may tell of changed rights."""

log = structlog.get_logger(__name__)

SESSION_ENDED = "session ended"

_OF_A_SITE = frozenset(
    {
        "Custom DocPerm",
        "DocShare",
        "DocType",
        "Role",
        "Role Profile",
        "User Group",
        "User Permission",
    }
)
"""DocTypes whose change may give or take anybody's rights, without saying whose."""

_SITE_PAUSE = 10
"""Seconds between two doubts about a whole site: somebody may import a thousand user
permissions."""

_AT_ONCE = 500
"""Rights, and sessions, in one question to a site; what is left is asked right after it."""


class Rights:
    """Looks after the rights of all sessions of this server."""

    def __init__(
        self,
        access: Access,
        sessions: Callable[[], Iterable[Session]],
        drop: Callable[[Session, str], Awaitable[None]],
        on_doubt: Callable[[str, str], None] = lambda site, user: None,
    ) -> None:
        """``on_doubt`` gets a site and the user whose rights may have changed, "" for everybody."""
        self._access = access
        self._on_doubt = on_doubt
        self._sessions = sessions
        self._drop = drop
        self._site_doubted: dict[str, float] = {}
        self._sites_to_doubt: set[str] = set()
        self._identity_due: dict[Session, float] = {}
        self._renewing: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        """Sites to look after once more, as soon as what is under way there has ended."""
        self._now = asyncio.Event()

    async def run(self) -> None:
        """Ask again until cancelled; each site by itself, so that a slow one holds up no other."""
        try:
            while True:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._now.wait(), RIGHTS_INTERVAL)
                self._now.clear()
                self._start_renewing()
        finally:
            for task in self._renewing.values():
                task.cancel()

    def _start_renewing(self) -> None:
        for site in list(self._sites_to_doubt):
            self._doubt(site, "")
        by_site: defaultdict[str, list[Session]] = defaultdict(list)
        for session in self._sessions():
            by_site[session.identity.site].append(session)
        self._identity_due = {
            session: self._identity_due.get(session, _soon())
            for sessions in by_site.values()
            for session in sessions
        }
        for site, sessions in by_site.items():
            if site in self._renewing:
                self._again.add(site)
            else:
                self._renewing[site] = asyncio.ensure_future(self._renew(site, sessions))

    def hear(self, event: Event) -> None:
        """Take one of :data:`RIGHTS_EVENTS`."""
        user = _whose_rights(event)
        if user is not None and event.site:
            self._doubt(event.site, user)

    def _doubt(self, site: str, user: str) -> None:
        """Believe nothing about a user any more, or, with an empty name, about anybody."""
        now = time.monotonic()
        if not user and now < self._site_doubted.get(site, -_SITE_PAUSE) + _SITE_PAUSE:
            self._sites_to_doubt.add(site)
            return
        if not user:
            self._site_doubted[site] = now
            self._sites_to_doubt.discard(site)
        self._access.forget(site, user or None)
        self._on_doubt(site, user)
        for session in self._sessions():
            if session.identity.site == site and session.identity.user == user:
                self._identity_due[session] = now
        self._now.set()

    async def _renew(self, site: str, sessions: list[Session]) -> None:
        try:
            due = self._due_sessions(sessions)[:_AT_ONCE]
            readers = dict(itertools.islice(self._due_rights(sessions).items(), _AT_ONCE))
            if _AT_ONCE in (len(due), len(readers)):
                self._now.set()
            if due or readers:
                look = await self._access.look(site, {s.identity.sid for s in due}, [*readers])
                if look:
                    await self._take(look, due, readers)
                else:
                    # In their own names, since the site does not have this app.
                    await asyncio.gather(*map(self._renew_identity, due))
                    await asyncio.gather(*map(self._renew_right, readers.values(), readers))
        except Unavailable:
            pass
        except Exception:
            log.exception("rights were not asked again", site=site)
        finally:
            del self._renewing[site]
            if site in self._again:
                self._again.remove(site)
                self._now.set()

    def _due_sessions(self, sessions: list[Session]) -> list[Session]:
        now = time.monotonic()
        return [
            session
            for session in sessions
            if self._identity_due[session] <= now and not session.identity.is_guest
        ]

    def _due_rights(self, sessions: list[Session]) -> dict[tuple[str, Document], list[Session]]:
        """Return the rights that somebody stands on and that are due, and who does."""
        readers: defaultdict[tuple[str, Document], list[Session]] = defaultdict(list)
        for session in sessions:
            for document in session.documents():
                readers[session.identity.user, document].append(session)
        return {
            right: standing
            for right, standing in readers.items()
            if self._access.age(standing[0].identity, right[1])
            > random.uniform(*PERMISSION_RENEWAL)
        }

    async def _take(
        self,
        look: Look,
        due: list[Session],
        readers: dict[tuple[str, Document], list[Session]],
    ) -> None:
        for session in due:
            if not session.identity.sid:
                await self._renew_identity(session)
            elif look.users.get(session.identity.sid) == session.identity.user:
                self._identity_due[session] = time.monotonic() + IDENTITY_RENEWAL
            else:
                await self._drop(session, SESSION_ENDED)
        for ((_, document), standing), is_granted in zip(
            readers.items(), look.may_read, strict=True
        ):
            if is_granted is False:
                self._eject(standing, document)

    async def _renew_identity(self, session: Session) -> None:
        try:
            is_still = await self._access.is_still(session.identity)
        except Unavailable:
            return
        self._identity_due[session] = time.monotonic() + IDENTITY_RENEWAL
        if not is_still:
            await self._drop(session, SESSION_ENDED)

    async def _renew_right(self, standing: list[Session], right: tuple[str, Document]) -> None:
        document = right[1]
        try:
            for session in standing:
                if await self._access.may_still_read(session.identity, document):
                    return
                # The no may be for a session that has ended; the user's others still have a say.
                if await self._access.is_still(session.identity):
                    break
                await self._drop(session, SESSION_ENDED)
        except Unavailable:
            return
        self._eject(standing, document)

    def _eject(self, standing: list[Session], document: Document) -> None:
        log.info("right lost", user=standing[0].identity.user, document="/".join(document))
        for session in standing:
            session.eject(document)


def _soon() -> float:
    # At random, so that those who came together do not ask together for ever.
    return time.monotonic() + IDENTITY_RENEWAL * random.uniform(0.5, 1)


def _whose_rights(event: Event) -> str | None:
    """Return whose rights an event tells to have changed: a user's, "" for everybody's, or None."""
    if event.event == _PERMISSIONS_UPDATE:
        kind, _, user = (event.room or "").partition(":")
        return user if kind == "user" else ""
    message = event.value
    if not isinstance(message, dict):
        return None
    doctype = str(message.get("doctype"))
    if doctype in _OF_A_SITE:
        return ""
    # Roles are rows of a user's own document; a login or logout is logged, by the user it is of.
    whose = message.get({"User": "name", "Activity Log": "user"}.get(doctype, ""))
    return whose if isinstance(whose, str) else None

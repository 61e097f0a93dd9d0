"""Keeps rights true: asks again for every right that somebody stands on, and ejects who has lost
it.

A socket in a room was allowed in once. Its user may have signed out since, lost a role, or had a
share taken away. So Frappe is asked again at least every minute, and at once when one of Frappe's
own events tells of such a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import structlog

from presence_progress.server.access import Access, Document
from presence_progress.server.bus import Event
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import Session
from presence_progress.settings import IDENTITY_RENEWAL, PERMISSION_RENEWAL, RIGHTS_INTERVAL

log = structlog.get_logger(__name__)

SESSION_ENDED = "session ended"

_OF_A_USER = frozenset({"User", "Activity Log"})
"""DocTypes whose change concerns one user: roles are rows of User, a login or logout is logged."""

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


class Rights:
    """Looks after the rights of all sessions of this server."""

    def __init__(
        self,
        access: Access,
        sessions: Callable[[], Iterable[Session]],
        drop: Callable[[Session, str], Awaitable[None]],
    ) -> None:
        self._access = access
        self._sessions = sessions
        self._drop = drop
        self._doubts: defaultdict[str, set[str]] = defaultdict(set)
        """By site: the users whose rights have changed; "" is everybody."""
        self._site_doubted: dict[str, float] = {}
        self._identity_due: dict[Session, float] = {}
        self._renewing: dict[str, asyncio.Task[None]] = {}
        self._now = asyncio.Event()

    async def run(self) -> None:
        """Ask again until cancelled; each site by itself, so that a slow one holds up no other."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._now.wait(), RIGHTS_INTERVAL)
            self._now.clear()
            by_site: defaultdict[str, list[Session]] = defaultdict(list)
            for session in self._sessions():
                by_site[session.identity.site].append(session)
            self._identity_due = {
                session: self._identity_due.get(session, _soon())
                for sessions in by_site.values()
                for session in sessions
            }
            for site, sessions in by_site.items():
                if site not in self._renewing:
                    self._settle_doubts(site, sessions)
                    self._renewing[site] = asyncio.ensure_future(self._renew(site, sessions))

    def hear(self, event: Event) -> None:
        """Take an event of Frappe's that tells of changed rights."""
        user = _whose_rights(event)
        if user is not None and event.site:
            self._doubts[event.site].add(user)
            self._now.set()

    def _settle_doubts(self, site: str, sessions: list[Session]) -> None:
        now = time.monotonic()
        doubts = self._doubts.pop(site, set())
        if "" in doubts:
            if now - self._site_doubted.get(site, 0) < _SITE_PAUSE:
                self._doubts[site].add("")
                doubts.remove("")
            else:
                self._site_doubted[site] = now
        for user in doubts:
            self._access.forget(site, user or None)
        for session in sessions:
            if session.identity.user in doubts:
                self._identity_due[session] = now

    async def _renew(self, site: str, sessions: list[Session]) -> None:
        try:
            await self._renew_identities(sessions)
            await self._renew_permissions(sessions)
        except Exception:
            log.exception("rights were not asked again", site=site)
        finally:
            del self._renewing[site]
            if self._doubts[site] - {""}:
                self._now.set()

    # --- are they still who they were? ---

    async def _renew_identities(self, sessions: list[Session]) -> None:
        now = time.monotonic()
        due = [
            session
            for session in sessions
            if self._identity_due[session] <= now and not session.identity.is_guest
        ]
        await asyncio.gather(*map(self._renew_identity, due))

    async def _renew_identity(self, session: Session) -> None:
        try:
            is_still = await self._access.is_still(session.identity)
        except Unavailable:
            return
        self._identity_due[session] = time.monotonic() + IDENTITY_RENEWAL
        if not is_still:
            await self._drop(session, SESSION_ENDED)

    # --- may they still read it? ---

    async def _renew_permissions(self, sessions: list[Session]) -> None:
        standing: defaultdict[tuple[str, Document], list[Session]] = defaultdict(list)
        for session in sessions:
            for document in session.documents():
                standing[session.identity.user, document].append(session)
        await asyncio.gather(
            *(
                self._renew_permission(document, readers)
                for (_, document), readers in standing.items()
                if self._access.age(readers[0].identity, document)
                > random.uniform(*PERMISSION_RENEWAL)
            )
        )

    async def _renew_permission(self, document: Document, readers: list[Session]) -> None:
        try:
            for session in readers:
                if await self._access.may_still_read(session.identity, document):
                    return
                # The no may be for a session that has ended; the user's others still have a say.
                if await self._access.is_still(session.identity):
                    break
                await self._drop(session, SESSION_ENDED)
        except Unavailable:
            return
        log.info("right lost", user=readers[0].identity.user, document="/".join(document))
        for session in readers:
            session.eject(document)


def _soon() -> float:
    # At random, so that those who came together do not ask together for ever.
    return time.monotonic() + IDENTITY_RENEWAL * random.uniform(0.5, 1)


def _whose_rights(event: Event) -> str | None:
    """Return whose rights an event tells to have changed: a user's, "" for everybody's, or None."""
    if event.event == "update_user_permissions":
        kind, _, user = (event.room or "").partition(":")
        return user if kind == "user" else ""
    if event.event == "list_update" and isinstance(event.message, dict):
        doctype = event.message.get("doctype")
        if doctype in _OF_A_SITE:
            return ""
        if doctype in _OF_A_USER:
            # A log names who acts; a user's own document is named for its user.
            whose = event.message.get("name" if doctype == "User" else "user")
            return whose if isinstance(whose, str) else None
    return None

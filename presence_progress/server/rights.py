"""Keeps rights true: asks again for every right that somebody stands on, and ejects who has lost
it.

A socket in a room was allowed in once. Its user may have signed out since, lost a role, or had a
share taken away. So Frappe is asked again all the time, and at once when an event tells of such a
change. What a site that answers cannot confirm in time nobody stands on any more: their clients
come again. While a site does not answer at all, everybody stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from presence_progress.room_rights import Document
from presence_progress.server import metrics
from presence_progress.server.access import Access, Identity
from presence_progress.server.bus import Event
from presence_progress.server.claims import Claim, Claims
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import NOT_PERMITTED, TRY_AGAIN, Session
from presence_progress.settings import (
    RIGHTS_AT_ONCE,
    RIGHTS_INTERVAL,
    RIGHTS_PATIENCE,
    RIGHTS_QUESTIONS,
    RIGHTS_RENEWAL,
    RIGHTS_RETRY,
    RIGHTS_SITE_PAUSE,
)

_PERMISSIONS_UPDATE = "update_user_permissions"
_OURS = "presence_rights"
"""What sites with this app publish to a user whose session has ended, or whose rights changed."""
RIGHTS_EVENTS = frozenset({_OURS, _PERMISSIONS_UPDATE, "doc_update", "list_update"})
"""The events that may tell of changed rights."""

log = structlog.get_logger(__name__)

SESSION_ENDED = "session ended"
NOT_CONFIRMED = "session not confirmed"

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

_STOPPED = 2.0
"""Seconds that the event loop is late by, after which this process must have been stopped."""

_STEP = 50
"""Claims in one turn of the event loop, which others need, too."""

Drop = Callable[[Session, str], None]


class Rights:
    """Looks after the rights of all sessions of this server."""

    def __init__(
        self,
        access: Access,
        drop: Drop,
        on_doubt: Callable[[str, str], None] = lambda site, user: None,
        *,
        renewal: float = RIGHTS_RENEWAL,
        patience: float = RIGHTS_PATIENCE,
        interval: float = RIGHTS_INTERVAL,
    ) -> None:
        """``on_doubt`` gets a site and the user whose rights may have changed, "" for everybody."""
        self._access = access
        self._drop = drop
        self._on_doubt = on_doubt
        self._timings = renewal, patience, interval
        self._sites: dict[str, _Site] = {}
        self._new = asyncio.Event()

    async def run(self) -> None:
        """Ask again until cancelled; each site by itself, so that a slow one holds up no other."""
        try:
            while True:
                for name, site in list(self._sites.items()):
                    if site.task is None:
                        site.task = asyncio.ensure_future(self._run(name, site))
                self._new.clear()
                await self._new.wait()
        finally:
            for site in self._sites.values():
                if site.task:
                    site.task.cancel()

    async def _run(self, name: str, site: _Site) -> None:
        while site.is_held():
            try:
                await site.look_after()
            except Exception:
                log.exception("rights were not asked again", site=name)
                await asyncio.sleep(RIGHTS_RETRY)
        # In the same step as the last look: who comes next begins it anew.
        del self._sites[name]

    # --- who stands on what ---

    def come(self, session: Session) -> None:
        """Look after whose session a socket's is."""
        identity = session.identity
        if not identity.is_guest:
            asked_at = self._access.identified_at(identity)
            site = self._site(identity.site)
            site.hold(site.of_sessions(identity), identity.user, _who(identity), session, asked_at)

    def go(self, session: Session) -> None:
        """Take note that a socket is gone."""
        identity = session.identity
        if not identity.is_guest and (site := self._sites.get(identity.site)):
            site.of_sessions(identity).release(identity.user, _who(identity), session)

    def hold(self, session: Session, document: Document) -> None:
        """Look after a right on which a session stands, once more."""
        identity = session.identity
        asked_at = self._access.asked_at(identity, document)
        site = self._site(identity.site)
        site.hold(site.rights, identity.user, document, session, asked_at)

    def release(self, session: Session, document: Document) -> None:
        """Take one :meth:`hold` back."""
        if site := self._sites.get(session.identity.site):
            site.rights.release(session.identity.user, document, session)

    def _site(self, name: str) -> _Site:
        site = self._sites.get(name)
        if site is None:
            site = self._sites[name] = _Site(name, self._access, self._drop, *self._timings)
            self._new.set()
        return site

    # --- what is doubted ---

    def hear(self, event: Event) -> None:
        """Take one of :data:`RIGHTS_EVENTS`."""
        user = _whose_rights(event)
        if user is not None and event.site:
            self._doubt(event.site, user)

    def _doubt(self, name: str, user: str) -> None:
        """Believe nothing about a user any more, or, with an empty name, about anybody."""
        self._access.forget(name, user or None)
        site = self._sites.get(name)
        if user:
            self._on_doubt(name, user)
            if site:
                site.doubt(user)
        elif site and not site.is_doubt_planned:
            pause = max(0.0, site.doubted_at + RIGHTS_SITE_PAUSE - time.monotonic())
            site.is_doubt_planned = True
            asyncio.get_running_loop().call_later(pause, self._doubt_all, name, site)

    def _doubt_all(self, name: str, site: _Site) -> None:
        site.is_doubt_planned, site.doubted_at = False, time.monotonic()
        self._on_doubt(name, "")
        site.doubt("")


class _Site:
    """What is believed of one site's users, checked round by round."""

    def __init__(
        self,
        name: str,
        access: Access,
        drop: Drop,
        renewal: float,
        patience: float,
        interval: float,
    ) -> None:
        self._name = name
        self._access = access
        self._drop = drop
        self._patience = patience
        self._interval = interval
        self.sessions: Claims[str, Session] = Claims(renewal)
        """By the ids of Frappe's sessions."""
        self.tokens: Claims[str, Session] = Claims(renewal)
        """Of those who have shown one; Frappe has no session of theirs that could be looked up."""
        self.rights: Claims[Document, Session] = Claims(renewal)
        self.task: asyncio.Task[None] | None = None
        self.doubted_at = float("-inf")
        self.is_doubt_planned = False
        self._wake = asyncio.Event()
        self._took = 0.0
        """Seconds that the last request took."""
        self._outages: deque[tuple[float, float]] = deque()
        """From when to when the site did not answer, or this process was stopped: that is nothing
        for which anybody has to go."""
        self._places = asyncio.Semaphore(RIGHTS_QUESTIONS)

    def is_held(self) -> bool:
        return bool(self.sessions or self.tokens or self.rights or self.is_doubt_planned)

    def of_sessions(self, identity: Identity) -> Claims[str, Session]:
        return self.sessions if identity.sid else self.tokens

    def hold(
        self,
        claims: Claims[Any, Session],
        user: str,
        what: Any,
        session: Session,
        asked_at: float | None,
    ) -> None:
        checked_at = time.monotonic() if asked_at is None else asked_at
        # Doubted since it was asked, or long ago: its turn is now.
        claims.hold(user, what, session, checked_at, doubted=asked_at is None)
        if asked_at is None:
            self._wake.set()

    def doubt(self, user: str) -> None:
        for claims in (self.sessions, self.tokens, self.rights) if user else (self.rights,):
            claims.doubt(user, time.monotonic())
        self._wake.set()

    # --- one round ---

    async def look_after(self) -> None:
        """Give up what is late, ask for what is next, and rest."""
        await self._give_up()
        began = time.monotonic()
        try:
            share = await self._ask()
        except Unavailable:
            await asyncio.sleep(RIGHTS_RETRY)
            self._note_outage(began)
            return
        # The fuller this question was, the sooner comes the next one: an even load, and no pause
        # while more is due than fits into one.
        await self._rest(self._interval * (1 - share))

    async def _rest(self, seconds: float) -> None:
        began = time.monotonic()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()
        if time.monotonic() - began - seconds > _STOPPED:
            self._note_outage(began + seconds)

    def _note_outage(self, began: float) -> None:
        if self._outages and began - self._outages[-1][1] < RIGHTS_RETRY:
            began, _ = self._outages.pop()  # it goes on
        self._outages.append((began, time.monotonic()))

    def _late(self) -> tuple[float, float]:
        """Return now, and before when a claim must have been checked to be late: so long ago that
        the site would have had the time, outages not counted."""
        now = at = time.monotonic()
        left = self._patience
        for began, ended in reversed(self._outages):
            if at - ended >= left:
                break
            left -= at - ended
            at = began
        while self._outages and self._outages[0][1] < at - left:
            self._outages.popleft()
        return now, at - left

    async def _give_up(self) -> None:
        """End what could not be confirmed in time, though the site does answer."""
        count = 0
        while late := self.rights.late(*self._late(), _STEP):
            count += len(late)
            for right in late:
                self._eject(right, TRY_AGAIN)
            await asyncio.sleep(0)
        for claims in (self.sessions, self.tokens):
            while late_sessions := claims.late(*self._late(), _STEP):
                count += len(late_sessions)
                for claim in late_sessions:
                    self._end(claim, NOT_CONFIRMED)
                await asyncio.sleep(0)
        if count:
            metrics.UNCONFIRMED.inc(count)
            log.warning("the site is too slow to confirm rights", site=self._name, count=count)

    async def _ask(self) -> float:
        """Ask for what is next; returns how full the question was, from 0 to 1."""
        has_app = not self._access.app.lacks(self._name, "rights.look")
        now, most = time.monotonic(), RIGHTS_AT_ONCE if has_app else RIGHTS_QUESTIONS
        # What comes due while a slow site answers would have to wait for the next request.
        soon = now + self._took
        tokens = self.tokens.take(soon, RIGHTS_QUESTIONS)
        sessions, rights = self.sessions.take(soon, most), self.rights.take(soon, most)
        try:
            checks = [self._check_session(claim, now) for claim in tokens]
            if has_app and (sessions or rights):
                checks.append(self._look(now, sessions, rights))
            else:
                # In their own names, since the site does not have this app.
                checks += [self._check_session(claim, now) for claim in sessions]
                checks += [self._check_right(right, now) for right in rights]
            answered = await asyncio.gather(*checks)
            self._took = time.monotonic() - now
        finally:
            # At once, if all that is known now is that the site does not have this app.
            is_new = has_app and self._access.app.lacks(self._name, "rights.look")
            retry_at = now if is_new else now + self._interval
            self.tokens.put_off(tokens, retry_at)
            self.sessions.put_off(sessions, retry_at)
            self.rights.put_off(rights, retry_at)
        if answered and not any(answered):
            raise Unavailable
        if is_new:
            return 1
        return max(len(sessions) / most, len(rights) / most, len(tokens) / RIGHTS_QUESTIONS)

    async def _look(
        self,
        now: float,
        sessions: list[Claim[str, Session]],
        rights: list[Claim[Document, Session]],
    ) -> bool:
        """Ask for all of it at once; returns whether the site has answered."""
        asked = [(right.user, right.what) for right in rights]
        try:
            look = await self._access.look(self._name, [s.what for s in sessions], asked)
        except Unavailable:
            return False
        if look is None:
            return True  # It does not have this app, and is asked otherwise from now on.
        for number, claim in enumerate(sessions, 1):
            if look.users.get(claim.what) == claim.user:
                self.sessions.confirm(claim, now)
                if user_type := look.types.get(claim.user):
                    for session in list(claim.holders):
                        session.set_user_type(user_type)
            else:
                self._end(claim, SESSION_ENDED)
            if not number % _STEP:
                await asyncio.sleep(0)
        for number, (right, is_granted) in enumerate(zip(rights, look.may_read, strict=True), 1):
            if is_granted:
                self.rights.confirm(right, now)
            elif is_granted is False:
                self._eject(right, NOT_PERMITTED)
            if not number % _STEP:
                await asyncio.sleep(0)
        return True

    async def _check_session(self, claim: Claim[str, Session], now: float) -> bool:
        session = next(iter(claim.holders), None)
        if session is None:
            return True
        async with self._places:
            try:
                is_still = await self._access.is_still(session.identity)
            except Unavailable:
                return False
        if is_still:
            self.of_sessions(session.identity).confirm(claim, now)
        else:
            self._end(claim, SESSION_ENDED)
        return True

    async def _check_right(self, right: Claim[Document, Session], now: float) -> bool:
        async with self._places:
            try:
                for session in list(right.holders):
                    if await self._access.may_still_read(session.identity, right.what):
                        self.rights.confirm(right, now)
                        return True
                    # The no may be for a session that has ended; the user's others have a say.
                    if await self._access.is_still(session.identity):
                        break
                    self._drop(session, SESSION_ENDED)
            except Unavailable:
                return False
        self._eject(right, NOT_PERMITTED)
        return True

    # --- what is lost ---

    def _eject(self, right: Claim[Document, Session], reason: str) -> None:
        for session in self.rights.end(right):
            session.eject(right.what, reason)

    def _end(self, claim: Claim[str, Session], why: str) -> None:
        for claims in (self.sessions, self.tokens):
            for session in claims.end(claim):
                self._drop(session, why)


def _who(identity: Identity) -> str:
    """Return what tells a user's sessions apart: its id, or the token that was shown."""
    return identity.sid or json.dumps(identity.credentials)


def _whose_rights(event: Event) -> str | None:
    """Return whose rights an event tells to have changed: a user's, "" for everybody's, or None."""
    if event.event in (_OURS, _PERMISSIONS_UPDATE):
        kind, _, user = (event.room or "").partition(":")
        return user if kind == "user" else ""
    message = event.value
    if not isinstance(message, dict):
        return None
    doctype = str(message.get("doctype"))
    if doctype in _OF_A_SITE:
        return ""
    # Roles are rows of a user's own document; a login or logout is logged, by whoever caused it.
    whose = message.get({"User": "name", "Activity Log": "user"}.get(doctype, ""))
    return whose if isinstance(whose, str) else None

"""Makes a site's settings hold for those, too, who were there before they changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from presence_progress import keys
from presence_progress.room_rights import is_off, may_enter, right_to_watch
from presence_progress.server.engine import spawn
from presence_progress.server.sessions import NOT_PERMITTED, PRESENCE_IS_OFF, Session
from presence_progress.server.site_settings import SiteSettings
from presence_progress.settings import SITE_SETTINGS_INTERVAL
from presence_progress.site_rules import PresenceRules

log = structlog.get_logger(__name__)


class RuleChanges:
    """Looks after the settings of all sites that have sockets here."""

    def __init__(
        self, site_settings: SiteSettings, sessions: Callable[[], Iterable[Session]]
    ) -> None:
        self._site_settings = site_settings
        self._sessions = sessions
        self._held: dict[str, PresenceRules] = {}

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(SITE_SETTINGS_INTERVAL)
            try:
                self._look()
            except Exception:
                log.exception("settings of sites were not looked at")

    def _look(self) -> None:
        sessions = list(self._sessions())
        now = {
            site: self._site_settings.of(site)
            for site in {session.identity.site for session in sessions}
        }
        # A socket may have come after the last look, under what held before.
        changed = {site for site, rules in now.items() if self._held.get(site) != rules}
        self._held = now
        for session in sessions:
            if session.identity.site in changed:
                session.at_once("rules", _obey)


def _obey(session: Session) -> None:
    """Leave what the user may not be in by his site's settings."""
    rules, identity = session.rules, session.identity
    followed = {room: keys.parse_room(room) for room in session.watched}
    lost = {
        room
        for room, parsed in followed.items()
        if parsed.kind in ("presence", "online", "online_count")
        and not right_to_watch(identity, parsed, {}, rules)
    }
    if not may_enter(identity, rules):
        lost |= set(session.presences)
        for document in list(session.opened):
            session.close_document(document)
        spawn(session.services.online.go(session, 0))
    elif not session.is_invisible:
        # He may have come while the site wanted nobody to be seen.
        session.services.online.come(session)
    is_all = any(is_off(parsed, rules) for parsed in followed.values()) or not rules.presence
    session.lose(lost, PRESENCE_IS_OFF if is_all else NOT_PERMITTED)

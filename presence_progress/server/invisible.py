"""Whether a user is shown to others: asked by any of his sockets, stored by the site, followed by
all of them, on every server.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from presence_progress import rooms
from presence_progress.server.access import Access
from presence_progress.server.app_questions import NoApp
from presence_progress.server.bus import Event
from presence_progress.server.questions import Unavailable
from presence_progress.server.room_events import answered
from presence_progress.server.sessions import Session

SETTINGS = "presence_settings"
"""What a site publishes to a user's own sockets when it has changed: ``{user, invisible}``."""


async def presence_invisible(session: Session, invisible: Any = None) -> None:
    """Have the site store it; its event then reaches every server, this one too."""
    if not isinstance(invisible, bool):
        raise rooms.BadField("invisible is true or false")
    try:
        if not session.identity.is_guest:
            await session.services.access.set_invisible(session.identity, invisible)
            return
    except NoApp:
        pass
    # Nobody who could store it: the page shall not show what is not so.
    session.send(SETTINGS, {"user": session.identity.user, "invisible": False})


def hear(event: Event, access: Access, sessions: Iterable[Session]) -> None:
    """Take a :data:`SETTINGS` event of a site: its user's sessions hide, or show themselves
    again."""
    told = event.value
    if not event.site or not isinstance(told, dict) or not isinstance(told.get("invisible"), bool):
        return
    site, user = event.site, str(told.get("user"))
    access.forget_person(site, user)
    for session in sessions:
        if (session.identity.site, session.identity.user) == (site, user):
            session.has_heard_wish = True
            session.set_invisible(told["invisible"])


async def introduce(session: Session) -> None:
    """Tell a new socket when its user is invisible: its page shows it."""
    try:
        person = await session.services.access.person(session.identity)
    except Unavailable:
        return  # It is seen when it enters a document.
    if person.invisible and not session.has_heard_wish:
        session.set_invisible(True)
        session.send(SETTINGS, {"user": session.identity.user, "invisible": True})


async def look_again(access: Access, sessions: Iterable[Session]) -> None:
    """Ask anew about everybody who is here: an event may have been missed."""
    by_user: defaultdict[tuple[str, str], list[Session]] = defaultdict(list)
    for session in sessions:
        if not session.identity.is_guest:
            by_user[session.identity.site, session.identity.user].append(session)

    async def look(own: list[Session]) -> None:
        try:
            person = await access.renew_person(own[0].identity)
        except Unavailable:
            return  # It is seen when they enter the next document.
        for session in own:
            if person and person.invisible != session.is_invisible:
                session.set_invisible(person.invisible)

    await asyncio.gather(*map(look, by_user.values()))


EVENTS = {"presence_invisible": answered(presence_invisible, room_of=lambda _: SETTINGS)}

"""Who is here: enter, update and leave a document, and read its viewers.

A **session** is one tab, one device, one job; the sessions of one user merge into one **viewer**,
in one atomic step inside Redis. A session lives by a lease that somebody must renew by entering
again. This module never decides who may enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from presence_progress import context, keys, rooms
from presence_progress.settings import (
    PRESENCE_TTL,
    RECONNECT_GRACE,
    SESSION_LEASE,
    SWEEP_CLAIM,
)

Activity = Literal["viewing", "editing", "idle"]
ACTIVITIES: tuple[Activity, ...] = get_args(Activity)

MAX_FOCUS = 140
"""Longest field name, as Frappe's."""


@dataclass(frozen=True)
class Who:
    """How a user is shown: a name and a picture's URL."""

    name: str
    image: str | None = None


@dataclass(frozen=True)
class Session:
    """One tab, device or job of a user in one document; whoever holds it can enter it again at any
    time."""

    site: str
    doctype: str
    name: str
    session: str
    user: str
    who: Who
    activity: Activity = "viewing"
    focus: str | None = None

    @property
    def room(self) -> str:
        return keys.presence_room(self.doctype, self.name)


# --- in a job or a web request -------------------------------------------------------------------


def viewers(doctype: str, name: str) -> dict[str, dict[str, Any]]:
    """Return who is in a document: user id → ``{name, image, activity, focus, since}``."""
    site, room = context.site(), keys.presence_room(doctype, name)
    rooms.run(context.redis(), sweep_call(site, room))
    return rooms.run(context.redis(), rooms.snapshot_call(site, room)).state


def enter(
    doctype: str,
    name: str,
    *,
    session: str,
    user: str | None = None,
    who: Who | None = None,
    activity: Activity = "viewing",
    focus: str | None = None,
) -> None:
    """Enter a document, or renew what is there; without another call the session ends after its
    lease of 9 s."""
    user = user or context.user()
    entering = Session(
        context.site(), doctype, name, session, user, who or Who(user), activity, focus
    )
    rooms.run(context.redis(), enter_call(entering))


update = enter
"""To say something new of a session is to enter again."""


def leave(
    doctype: str, name: str, *, session: str, user: str | None = None, grace: int = 0
) -> None:
    """Leave a document, at once or after a grace in milliseconds."""
    user = user or context.user()
    leaving = Session(context.site(), doctype, name, session, user, Who(user))
    rooms.run(context.redis(), leave_call(leaving, grace))


# --- the calls, for whoever runs them ------------------------------------------------------------


def enter_call(session: Session) -> rooms.Call[tuple[str, int]]:
    """Enter, update or renew a session; returns the room's epoch and seq."""
    if session.activity not in ACTIVITIES:
        raise rooms.BadField(
            f"activity is one of {', '.join(ACTIVITIES)}; got {session.activity!r}"
        )
    who = {"name": session.who.name, "image": session.who.image}
    return rooms.Call(
        "presence_enter",
        _keys(session.site, session.room),
        [
            *_common(session),
            SESSION_LEASE,
            session.activity,
            rooms.to_json(session.focus, "focus"),
            rooms.to_json(who, "who"),
        ],
        rooms.read_position,
        before=_note_due(session),
    )


def leave_call(session: Session, grace: int = 0) -> rooms.Call[tuple[str, int]]:
    """Leave at once, or after a grace in milliseconds; returns the room's epoch and seq."""
    return rooms.Call(
        "presence_leave",
        _keys(session.site, session.room),
        [*_common(session), grace],
        rooms.read_position,
        before=_note_due(session),
    )


def lost_call(session: Session) -> rooms.Call[tuple[str, int]]:
    """The session's connection is lost: it may come back within the grace, unnoticed by others."""
    return leave_call(session, RECONNECT_GRACE)


def sweep_call(site: str, room: str) -> rooms.Call[int]:
    """End what has expired in a room; returns when the next lease ends (ms since 1970), or -1."""
    return rooms.Call("presence_sweep", _keys(site, room), [site, room, PRESENCE_TTL], int)


@dataclass(frozen=True)
class Due:
    """Rooms taken for sweeping, until ``claimed_until`` (ms since 1970); after that others may take
    them."""

    claimed_until: int
    rooms: list[tuple[str, str]]


def due_call(limit: int) -> rooms.Call[Due]:
    """Take rooms in which a lease may be over, for whoever sweeps."""

    def read(reply: list[Any]) -> Due:
        claimed_until, *members = reply
        return Due(int(claimed_until), [keys.read_due_member(rooms.text(m)) for m in members])

    return rooms.Call("presence_due", [keys.PRESENCE_DUE], [limit, SWEEP_CLAIM, PRESENCE_TTL], read)


def schedule_call(site: str, room: str, claimed_until: int, due: int) -> rooms.Call[None]:
    """Note when a swept room is due again; ``due`` as :func:`sweep_call` answers."""
    return rooms.Call(
        "presence_schedule",
        [keys.PRESENCE_DUE],
        [keys.due_member(site, room), claimed_until, due],
        lambda reply: None,
    )


def _keys(site: str, room: str) -> list[str]:
    return [keys.room_key(site, room), keys.sessions_key(site, room), keys.leases_key(site, room)]


def _common(session: Session) -> list[str | int]:
    if not session.session or any(character.isspace() for character in session.session):
        raise rooms.BadField(f"a session's id is a text without blanks, got {session.session!r}")
    if not session.user or session.user.startswith(":"):
        raise rooms.BadField(f"a user's id is not empty and no ':…', got {session.user!r}")
    return [session.site, session.room, PRESENCE_TTL, session.session, session.user]


def _note_due(session: Session) -> list[tuple[str | int, ...]]:
    # Before the room is written: a crash in between leaves a room to look at in vain, never a ghost
    # that nobody looks for. Score 0, so that no clock but Redis's is asked; the sweep finds out
    # when the next lease ends.
    member = keys.due_member(session.site, session.room)
    return [
        ("ZADD", keys.PRESENCE_DUE, 0, member),
        ("EXPIRE", keys.PRESENCE_DUE, PRESENCE_TTL),
    ]

"""Who is here: enter, update and leave a document, and read its viewers.

A **session** is one tab, one device, one job; the sessions of one user merge into one **viewer**,
in one atomic step inside Redis. A session lives by a lease that somebody must renew by entering
again. This module never decides who may enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

from presence_progress import context, keys, rooms
from presence_progress.settings import (
    PRESENCE_TTL,
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
class Presence:
    """One session in one document; whoever holds it can enter it again at any time."""

    site: str
    doctype: str
    name: str
    session: str
    user: str
    who: Who
    activity: Activity = "viewing"
    focus: str | None = None

    @cached_property
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
    entering = Presence(
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
    leaving = Presence(context.site(), doctype, name, session, user, Who(user))
    rooms.run(context.redis(), leave_call(leaving, grace))


# --- the calls, for whoever runs them ------------------------------------------------------------


def enter_call(presence: Presence) -> rooms.Call[tuple[str, int]]:
    """Enter, update or renew a session; returns the room's epoch and seq."""
    if presence.activity not in ACTIVITIES:
        raise rooms.BadField(
            f"activity is one of {', '.join(ACTIVITIES)}; got {presence.activity!r}"
        )
    return rooms.Call(
        "presence_enter",
        _keys(presence.site, presence.room),
        [
            *_common(presence),
            SESSION_LEASE,
            presence.activity,
            rooms.to_json(presence.focus, "focus"),
            _who_json(presence.who),
        ],
        rooms.read_position,
        before=_note_due(presence),
    )


def leave_call(presence: Presence, grace: int = 0) -> rooms.Call[tuple[str, int]]:
    """Leave at once, or after a grace in milliseconds; returns the room's epoch and seq."""
    return rooms.Call(
        "presence_leave",
        _keys(presence.site, presence.room),
        [*_common(presence), grace],
        rooms.read_position,
        before=_note_due(presence),
    )


def renew_call(presence: Presence) -> rooms.Call[bool]:
    """Renew a session's lease; False when Redis does not know the session, which must enter again.

    Not the same as entering: a renewal that overtakes a leave must not bring the session back.
    """
    return rooms.Call(
        "presence_renew",
        _keys(presence.site, presence.room),
        [*_common(presence), SESSION_LEASE],
        bool,
    )


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


@lru_cache(maxsize=1024)
def _who_json(who: Who) -> str:
    return rooms.to_json({"name": who.name, "image": who.image}, "who")


def _keys(site: str, room: str) -> list[str]:
    return [keys.room_key(site, room), keys.sessions_key(site, room), keys.leases_key(site, room)]


def _common(presence: Presence) -> list[str | int]:
    if not presence.session or any(character.isspace() for character in presence.session):
        raise rooms.BadField(f"a session's id is a text without blanks, got {presence.session!r}")
    if not presence.user or presence.user.startswith(":"):
        raise rooms.BadField(f"a user's id is not empty and no ':…', got {presence.user!r}")
    return [presence.site, presence.room, PRESENCE_TTL, presence.session, presence.user]


def _note_due(presence: Presence) -> list[tuple[str | int, ...]]:
    # Before the room is written: a crash in between leaves a room to look at in vain, never a ghost
    # that nobody looks for. Score 0, so that no clock but Redis's is asked; the sweep finds out
    # when the next lease ends.
    member = keys.due_member(presence.site, presence.room)
    return [
        ("ZADD", keys.PRESENCE_DUE, 0, member),
        ("EXPIRE", keys.PRESENCE_DUE, PRESENCE_TTL),
    ]

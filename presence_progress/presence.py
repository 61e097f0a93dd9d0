"""Who is here: enter, update and leave a document, and read its viewers.

A **session** is one tab, one device, one job; the sessions of one user merge into one **viewer**,
in one atomic step inside Redis. A socket's session lives for as long as the server **node** that
speaks for it, any other by a lease that it must renew by entering again. This module never decides
who may enter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha1
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from presence_progress import context, due, keys, rooms, texts
from presence_progress.settings import (
    EDITING_LEASE,
    FOCUS_LEASE,
    LARGE_ROOM,
    LEFT_SHOWN,
    NODE_LEASE,
    PRESENCE_TTL,
    ROOM_BATCH,
    SESSION_LEASE,
    SWEEP_CLAIM,
)

T = TypeVar("T")
Activity = Literal["viewing", "editing", "idle"]
ACTIVITIES: tuple[Activity, ...] = get_args(Activity)

MAX_FOCUS = 140
"""Longest field name, as Frappe's."""

COUNT, LEFT = ":count", ":left:"
"""Beside the viewers, a room's state has their exact number, and who has left a moment ago."""
HOOKS = {kind: f"presence_{kind}" for kind in ("first_in", "last_out", "entered", "left")}
"""The hooks of an app that is told who comes and who leaves, by the kind of the transition."""
_NOBODY = "*"
"""In the place of a node: the session lives by a lease of its own."""


@dataclass(frozen=True)
class Who:
    """How a user is shown: a name and a picture's URL."""

    name: str
    image: str | None = None


@dataclass(frozen=True)
class Presence:
    """One session in one document, or, without a document, on the site at all; whoever holds it
    can enter it again at any time."""

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
        return keys.presence_room(self.doctype, self.name) if self.doctype else keys.ONLINE

    @property
    def place(self) -> tuple[str, str]:
        return self.site, self.room

    def faded(self, age: float) -> Presence:
        """Return what is left of it some seconds after it was said: who edits or has a field in
        focus says so again and again."""
        if self.activity == "editing" and age * 1000 >= EDITING_LEASE:
            return replace(self, activity="viewing").faded(age)
        if self.focus and age * 1000 >= FOCUS_LEASE:
            return replace(self, focus=None)
        return self


@dataclass(frozen=True)
class Here:
    """A room's state taken apart: the viewers that are shown, the exact number of all, and those
    who have left a moment ago. Each is user id → what is shown of him."""

    viewers: dict[str, dict[str, Any]]
    count: int
    left: dict[str, dict[str, Any]]


def read_state(state: Mapping[str, Any]) -> Here:
    """Take the state of a presence room apart."""
    viewers = {user: viewer for user, viewer in state.items() if not user.startswith(":")}
    left = {
        name.removeprefix(LEFT): person for name, person in state.items() if name.startswith(LEFT)
    }
    return Here(viewers, int(state.get(COUNT, len(viewers))), left)


# --- in a job or a web request -------------------------------------------------------------------


def here(doctype: str, name: str | int) -> Here:
    """Return who is in a document, how many, and who has just left.

    A viewer is ``{name, image, activity, focus, since}``, one who has left ``{name, image,
    last_seen}``, times in ms since 1970. Of more than 100 viewers some 100 are named, all counted.
    """
    return _read(keys.presence_room(doctype, name))


def viewers(doctype: str, name: str | int) -> dict[str, dict[str, Any]]:
    """Return who is in a document: user id → ``{name, image, activity, focus, since}``."""
    return here(doctype, name).viewers


def count(doctype: str, name: str | int) -> int:
    """Return how many users are in a document."""
    return here(doctype, name).count


def online() -> Here:
    """Return who is on this site at all."""
    return _read(keys.ONLINE)


def _read(room: str) -> Here:
    rooms.run(context.store(), sweep_call(context.site(), room, has_hooks=_has_hooks()))
    return read_state(rooms.snapshot(room).state)


def enter(
    doctype: str,
    name: str | int,
    *,
    session: str,
    user: str | None = None,
    who: Who | None = None,
    activity: Activity = "viewing",
    focus: str | None = None,
) -> None:
    """Enter a document, or renew what is there; without another call the session ends after its
    lease of 9 s. ``BadRoom`` and ``BadField`` name what cannot be stored."""
    user, document = user or context.user(), keys.document(doctype, name)
    entering = Presence(context.site(), *document, session, user, who or Who(user), activity, focus)
    rooms.run(context.store(), enter_call(entering, has_hooks=_has_hooks()))


update = enter
"""To say something new of a session is to enter again."""


def leave(
    doctype: str, name: str | int, *, session: str, user: str | None = None, grace: int = 0
) -> None:
    """Leave a document, at once or after a grace in milliseconds."""
    user, document = user or context.user(), keys.document(doctype, name)
    leaving = Presence(context.site(), *document, session, user, Who(user))
    rooms.run(context.store(), leave_call(leaving, grace, has_hooks=_has_hooks()))


def _has_hooks() -> bool:
    return any(context.hooks(hook) for hook in HOOKS.values())


# --- the calls, for whoever runs them ------------------------------------------------------------


class Position(NamedTuple):
    """Where a room is after a call."""

    epoch: str
    seq: int
    wants_sweep: bool
    """The room has become large, and nobody gathers its changes yet: :func:`note_call`."""


def enter_call(
    presence: Presence,
    *,
    node: str = _NOBODY,
    is_noted: bool = False,
    age: float = 0,
    has_hooks: bool = False,
) -> rooms.Call[Position | None]:
    """Enter, update or renew a session.

    ``node`` speaks for it; with ``is_noted`` it has a session in the room already, else the room is
    noted among its places on the way. ``age`` says how many seconds ago the presence was said.
    Returns None when the room was not noted after all: call again without ``is_noted``.
    """
    if presence.activity not in ACTIVITIES:
        raise rooms.BadField(
            f"activity is one of {', '.join(ACTIVITIES)}; got {presence.activity!r}"
        )
    if presence.focus and not texts.is_name(presence.focus, MAX_FOCUS):
        raise rooms.BadField(
            f"focus is a text in Unicode, at most {MAX_FOCUS} characters;"
            f" got {str(presence.focus)[:80]!r}"
        )
    presence, past = presence.faded(age), int(age * 1000)
    before: list[tuple[str | int, ...]] = []
    if node != _NOBODY and not is_noted:
        before += _note_place(node, *presence.place)
    if node == _NOBODY or presence.activity == "editing" or presence.focus or has_hooks:
        before += due.note(*presence.place)
    return _call(
        "presence_enter",
        *presence.place,
        [
            *_of_session(presence),
            node,
            SESSION_LEASE,
            0 if is_noted else 1,
            presence.activity,
            EDITING_LEASE - past,
            presence.focus or "",
            FOCUS_LEASE - past,
            _who_json(presence.who),
        ],
        _position,
        before,
        has_hooks,
    )


def leave_call(
    presence: Presence, grace: int = 0, *, has_hooks: bool = False
) -> rooms.Call[Position | None]:
    """Leave at once, or after a grace in milliseconds."""
    return _call(
        "presence_leave",
        *presence.place,
        [*_of_session(presence), grace],
        _position,
        due.note(*presence.place),
        has_hooks,
    )


def keep_call(site: str, room: str, node: str, sessions: Iterable[str]) -> rooms.Call[bool]:
    """Say which sessions a node has in a room; False when Redis knows otherwise, and the node must
    say all anew: :func:`reconcile_call`, then enter each."""
    return _call("presence_keep", site, room, [node, sum(map(_number_of, sessions))], bool)


@lru_cache(maxsize=100_000)
def _number_of(session: str) -> int:
    # As mark() in scripts/_presence.lua has it.
    return int(sha1(session.encode(), usedforsecurity=False).hexdigest()[:7], 16) + 1


def reconcile_call(
    site: str,
    room: str,
    node: str,
    sessions: Sequence[str] = (),
    *,
    cursor: str = "0",
    grace: int = 0,
    has_hooks: bool = False,
) -> rooms.Call[str]:
    """End what a node does not have any more in a room; returns the cursor to go on from, ``"0"``
    at the end."""
    return _call(
        "presence_reconcile",
        site,
        room,
        [node, cursor, grace, *sessions],
        rooms.text,
        due.note(site, room),
        has_hooks,
    )


@dataclass(frozen=True)
class Swept:
    """A room after a sweep: in how many ms it is due again, or -1, which nodes have sessions
    there, and what the site's hooks are still to be told, as Redis has it."""

    due: int
    nodes: list[str]
    transitions: list[str]


def sweep_call(site: str, room: str, *, has_hooks: bool = False) -> rooms.Call[Swept]:
    """Let happen what happens by itself in a room, and show what was gathered."""

    def read(reply: list[Any]) -> Swept:
        due, nodes, transitions = reply
        return Swept(int(due), [*map(rooms.text, nodes)], [*map(rooms.text, transitions)])

    return _call("presence_sweep", site, room, [], read, has_hooks=has_hooks)


def told_call(site: str, room: str, transitions: Sequence[str]) -> rooms.Call[None]:
    """Note that the site's hooks have been told of some transitions."""
    return _call("presence_told", site, room, transitions, lambda reply: None)


def note_call(site: str, room: str, *, has_hooks: bool = False) -> rooms.Call[Swept]:
    """Sweep a room, and have it swept again when it is due."""
    return replace(sweep_call(site, room, has_hooks=has_hooks), before=due.note(site, room))


# --- server nodes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lease:
    """Until when a node lives, in ms by the scripts' clock, and all nodes that anybody knows of,
    also dead ones."""

    until: int
    nodes: frozenset[str]


def renew_call(node: str, told: int = 0) -> rooms.Call[Lease]:
    """Renew a node's lease, which it was ``told`` to have until then; 0 begins one.

    Returns one until 0 when it is over, or Redis has gone back to an earlier state: the node must
    begin anew under another id.
    """
    return rooms.Call(
        "node_renew",
        [keys.NODES, keys.node_places_key(node)],
        [node, NODE_LEASE, PRESENCE_TTL, told],
        lambda reply: Lease(int(reply[0]), frozenset(map(rooms.text, reply[1]))),
    )


def take_call() -> rooms.Call[list[str]]:
    """Take the nodes that are dead, to end their sessions."""
    return rooms.Call(
        "node_take", [keys.NODES], [SWEEP_CLAIM], lambda reply: [*map(rooms.text, reply)]
    )


def bury_call(
    node: str, seen_to: Sequence[tuple[str, str]] = ()
) -> rooms.Call[list[tuple[str, str]]]:
    """Strike out places of a dead node, and return others; without any the node is forgotten."""
    return rooms.Call(
        "node_bury",
        [keys.NODES, keys.node_places_key(node)],
        [node, SWEEP_CLAIM, *(keys.place(*place) for place in seen_to)],
        lambda reply: [keys.read_place(rooms.text(place)) for place in reply],
    )


def forget_call(node: str, site: str, room: str) -> rooms.Call[None]:
    """Strike a room from a node's places: it has no session there any more."""
    return rooms.Call(
        "node_forget", [keys.node_places_key(node)], [keys.place(site, room)], lambda reply: None
    )


def lost_node_call(
    node: str, site: str, room: str, *, has_hooks: bool = False
) -> rooms.Call[Swept]:
    """Note a node that nobody knows of any more, for somebody to take."""
    sweep = sweep_call(site, room, has_hooks=has_hooks)
    return replace(sweep, before=_note_place(node, site, room))


# --- what they are made of ------------------------------------------------------------------------


def _call(
    script: str,
    site: str,
    room: str,
    arguments: Sequence[str | int],
    read: Callable[[Any], T],
    before: Sequence[tuple[str | int, ...]] = (),
    has_hooks: bool = False,
) -> rooms.Call[T]:
    common: list[str | int] = [
        *(site, room, PRESENCE_TTL, LARGE_ROOM, ROOM_BATCH, LEFT_SHOWN, int(has_hooks))
    ]
    return rooms.Call(script, keys.presence_keys(site, room), [*common, *arguments], read, before)


def _position(reply: list[Any]) -> Position | None:
    return Position(rooms.text(reply[0]), int(reply[1]), bool(reply[2])) if reply else None


@lru_cache(maxsize=1024)
def _who_json(who: Who) -> str:
    return rooms.to_json({"name": who.name, "image": who.image}, "who")


def _of_session(presence: Presence) -> list[str]:
    session, user = presence.session, presence.user
    if not texts.is_name(session, keys.MAX_NAME) or session.split() != [session]:
        raise rooms.BadField(
            f"a session's id is a text in Unicode without blanks, got {str(session)[:80]!r}"
        )
    if not texts.is_name(user, keys.MAX_NAME) or user.startswith(":"):
        raise rooms.BadField(
            f"a user's id is a text in Unicode, not empty and no ':…', got {str(user)[:80]!r}"
        )
    return [session, user]


def _note_place(node: str, site: str, room: str) -> list[tuple[str | int, ...]]:
    # Before the room is written, too. A node that is not known, or not any more, is noted as dead:
    # whatever it still writes will be found.
    places = keys.node_places_key(node)
    return [
        ("ZADD", keys.NODES, "NX", 0, node),
        ("EXPIRE", keys.NODES, PRESENCE_TTL),
        ("SADD", places, keys.place(site, room)),
        ("EXPIRE", places, PRESENCE_TTL),
    ]

"""What presence promises, in plain Python: no Redis, no server, no clock but ``now``.

A :class:`Place` is one document. Sessions (a tab, a device, a job) come and go; what others see of
it is :meth:`Place.state`, and nothing else. The real thing is a handful of Lua scripts, called by
server nodes, jobs and web requests; ``tests/test_presence_model.py`` leads both through the same
life, call by call, and compares them. All times are milliseconds: ``now`` is when something ends,
``wall`` what people are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

STRENGTH = ("idle", "viewing", "editing")
ANYONE = ""
"""The last of those who leave at once, or the first who come."""


@dataclass(frozen=True)
class Limits:
    """How long things last, and how many are shown."""

    session_lease: int = 9_000
    editing: int = 15_000
    focus: int = 60_000
    left: int = 120_000
    left_kept: int = 20
    large_room: int = 100


@dataclass
class Session:
    """What one tab, device or job has said of itself."""

    node: str | None
    """Which server node speaks for it; None: nobody, it lives by a lease of its own."""
    activity: str
    focus: str | None
    at: int
    """When it last said something new, or stopped editing."""
    ends: int | None = None
    """When it is over by itself: a job's lease, or a lost connection's grace."""
    editing_until: int | None = None
    focus_until: int | None = None
    lost_at: int | None = None
    """Since when nobody speaks for it."""


@dataclass
class Stay:
    """One user in one place, from the first of his sessions to the last: one viewer."""

    since: int
    last_seen: int = 0
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def shown(self) -> Session:
        """Return the session that decides what is shown: the strongest, of those the newest."""
        name = max(
            self.sessions,
            key=lambda name: (
                STRENGTH.index(self.sessions[name].activity),
                self.sessions[name].at,
                name,
            ),
        )
        return self.sessions[name]


@dataclass(frozen=True)
class Left:
    """Whoever has left a moment ago."""

    last_seen: int
    until: int


class Place:
    """One document, and who is in it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stays: dict[str, Stay] = {}
        self.left: dict[str, Left] = {}
        self.untold: list[tuple[str, str]] = []
        """The transitions that the site's hooks have not been told of: (kind, user)."""
        self._told: set[tuple[str, str, int]] = set()
        self._was_entered = False
        self.wall: int | None = None
        """What people are shown as the time; None: the same as ``now``."""

    # --- what is done to it: each begins with something that somebody says, and ends with what
    # --- ends by itself ---

    def enter(
        self,
        now: int,
        session: str,
        user: str,
        *,
        node: str | None = None,
        activity: str = "viewing",
        focus: str | None = None,
        age: int = 0,
    ) -> None:
        """A session enters, says something new, or says the same again: one and the same. ``age``
        is how long ago it said so, for a node that repeats what it knows."""
        if activity == "editing" and age >= self.limits.editing:
            activity = "viewing"
        if focus and age >= self.limits.focus:
            focus = None
        self._was_entered = True
        is_first_in = not self.stays
        if user not in self.stays:
            self.stays[user] = Stay(self._shown(now))
            self.left.pop(user, None)
            self.untold += [("first_in", ANYONE)] * is_first_in + [("entered", user)]
        stay = self.stays[user]
        stay.since = min(stay.since, self._shown(now))
        before = stay.sessions.get(session)
        is_news = not before or (before.activity, before.focus) != (activity, focus)
        # Whoever is back needs no grace any more: his lost sessions end here.
        for name in [name for name, one in stay.sessions.items() if one.lost_at is not None]:
            stay.last_seen = max(stay.last_seen, stay.sessions.pop(name).lost_at or 0)
        stay.sessions[session] = Session(
            node,
            activity,
            focus,
            at=now if is_news or not before else before.at,
            ends=None if node else now + self.limits.session_lease,
            editing_until=now - age + self.limits.editing if activity == "editing" else None,
            focus_until=now - age + self.limits.focus if focus else None,
        )
        self.settle(now)

    def leave(self, now: int, session: str, user: str, grace: int = 0) -> None:
        """A session leaves: at once, or unless its user comes back within the grace."""
        if user in self.stays and session in self.stays[user].sessions:
            self._lose(now, user, [session], grace)
        self.settle(now)

    def reconcile(self, now: int, node: str, held: Collection[str] = (), grace: int = 0) -> None:
        """A node has these sessions here and no more; none, when it is dead."""
        for user, stay in list(self.stays.items()):
            its = [name for name, one in stay.sessions.items() if one.node == node]
            self._lose(now, user, [name for name in its if name not in held], grace)
        self.settle(now)

    def settle(self, now: int) -> None:
        """What ends by itself ends."""
        for user, stay in list(self.stays.items()):
            for session in stay.sessions.values():
                if _is_over(session.editing_until, now):
                    session.activity, session.editing_until, session.at = "viewing", None, now
                if _is_over(session.focus_until, now):
                    session.focus, session.focus_until = None, None
            self._end(
                now, user, [name for name, s in stay.sessions.items() if _is_over(s.ends, now)]
            )
        for user, left in list(self.left.items()):
            if _is_over(left.until, now):
                del self.left[user]

    def tell(self, transitions: Iterable[tuple[str, str, int]]) -> None:
        """The site's hooks have been told of some transitions: (kind, user, at)."""
        for kind, user, at in transitions:
            if (kind, user, at) not in self._told and (kind, user) in self.untold:
                self.untold.remove((kind, user))
                self._told.add((kind, user, at))

    def _lose(self, now: int, user: str, sessions: list[str], grace: int) -> None:
        if not grace:
            self._end(now, user, sessions)
            return
        for session in (self.stays[user].sessions[name] for name in sessions):
            if session.lost_at is None:
                session.node, session.lost_at, session.ends = None, self._shown(now), now + grace

    def _shown(self, now: int) -> int:
        return now if self.wall is None else self.wall

    def _end(self, now: int, user: str, sessions: list[str]) -> None:
        stay = self.stays[user]
        for name in sessions:
            lost_at = stay.sessions.pop(name).lost_at
            seen_at = self._shown(now) if lost_at is None else lost_at
            stay.last_seen = max(stay.last_seen, seen_at)
        if stay.sessions:
            return
        del self.stays[user]
        self.untold += [("left", user)] + [("last_out", ANYONE)] * (not self.stays)
        self.left[user] = Left(stay.last_seen, now + self.limits.left)
        for forgotten in sorted(self.left, key=lambda user: self.left[user].until)[
            : -self.limits.left_kept
        ]:
            del self.left[forgotten]

    # --- what others see of it ---

    def viewer(self, user: str) -> dict[str, Any]:
        stay = self.stays[user]
        return {
            **who(user),
            "activity": stay.shown.activity,
            "focus": stay.shown.focus,
            "since": stay.since,
        }

    def state(self) -> dict[str, Any]:
        """Return what is published of a place that is not large; nothing before anybody came."""
        if not self._was_entered:
            return {}
        return {
            **{user: self.viewer(user) for user in self.stays},
            **{
                f":left:{user}": {**who(user), "last_seen": left.last_seen}
                for user, left in self.left.items()
            },
            ":count": len(self.stays),
        }

    def doubts(self, state: dict[str, Any]) -> list[str]:
        """Return what is untrue of a published state, when the place is large: of many viewers some
        are shown, and all are counted; whoever edits is always shown."""
        shown = {user for user in state if not user.startswith(":")}
        editors = {user for user, stay in self.stays.items() if stay.shown.activity == "editing"}
        checks = {
            "the count is exact": state.get(":count", 0) == len(self.stays),
            "nobody is shown who is not here": shown <= self.stays.keys(),
            "whoever edits is shown": editors <= shown,
            "who is shown is shown as he is": all(
                state[user] == self.viewer(user) for user in shown & self.stays.keys()
            ),
            "whoever is here has not left": not any(
                f":left:{user}" in state for user in self.stays
            ),
            "who is not one of many is shown": len(self.stays) > self.limits.large_room
            or shown == self.stays.keys(),
        }
        return [promise for promise, is_kept in checks.items() if not is_kept]


def who(user: str) -> dict[str, Any]:
    """How a user is shown: here everybody's name and picture follow from his id."""
    return {"name": user.title(), "image": f"/{user}.png"}


def _is_over(deadline: int | None, now: int) -> bool:
    return deadline is not None and deadline <= now

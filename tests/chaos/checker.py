"""Judges a history: was presence true at every moment, for every watcher, within its bounds?

Pure functions over the records of ``history.py``. What is required of a moment is worked out from
what the tabs did; what was shown then is replayed from what each watcher heard. Time in which
Redis, a watcher's server or the driver itself was away, and a while to recover, counts for nobody.
"""

from __future__ import annotations

import bisect
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from presence_progress.rooms import Change, Snapshot
from tests.chaos.history import Record
from tests.chaos.spans import Span, Spans, after, cut, subtract, union
from tests.chaos.view import View

LARGE_ROOM = 100
"""Viewers up to which every one of them has a field of his own."""


@dataclass(frozen=True)
class Bounds:
    """Seconds that are promised, and how much later an observer on a busy machine may hear."""

    left: float = 1.0
    lost: float = 8.0
    killed: float = 10.0
    vanished: float = 15.0
    appears: float = 1.0
    answered: float = 5.0
    grace: float = 7.0
    """A stay with a gap up to here, by a lost connection, is one stay."""
    killed_grace: float = 5.0
    """The same when the server was killed: its lease may be nearly over by then."""
    lease: float = 10.0
    """What a paused server held is over then, whether or not it goes on."""
    redis_recovery: float = 5.0
    """From when Redis is back until all is as it should be."""
    older_recovery: float = 10.0
    """The same when it came back with an older state: who has left since then is in it."""
    server_recovery: float = 3.0
    driver_recovery: float = 3.0
    """Whatever held up the driver held up the servers, too."""
    task_lost: float = 15.0
    """From when a job's process is killed until its task is lost."""
    margin: float = 1.5


@dataclass(frozen=True)
class Violation:
    """One promise broken, and the evidence."""

    kind: str
    t: float
    room: str
    text: str
    watcher: str = ""
    user: str = ""
    others: int = 0
    """How many more watchers say the same."""

    def __str__(self) -> str:
        who = self.watcher + (f" (and {self.others} more)" if self.others else "")
        return f"{self.kind}: {self.room} at {self.t:.2f} s: {who} {self.text}".replace(":  ", ": ")


@dataclass
class Session:
    """A tab in a document."""

    id: str
    user: str
    room: str
    server: int
    start: float
    activity: str
    end: float = float("inf")
    how: str = ""


@dataclass
class Outage:
    part: str
    cause: str
    start: float
    end: float


@dataclass
class Shown:
    """What one watcher saw of one room."""

    known: Spans = field(default_factory=list)
    """When it had a connection and a snapshot."""
    users: dict[str, Spans] = field(default_factory=lambda: defaultdict(list))
    unset: list[tuple[float, str, str]] = field(default_factory=list)
    """Time, epoch and user of each one who went away by a change."""
    last: Snapshot | None = None


@dataclass
class Verdict:
    """What the checker found."""

    violations: list[Violation]
    counts: dict[str, int]
    worst: dict[str, str]
    """What was measured, in words."""

    def and_of(self, other: Verdict) -> Verdict:
        """Return both in one."""
        return Verdict(
            [*self.violations, *other.violations],
            {**self.counts, **other.counts},
            {**self.worst, **other.worst},
        )


def check(
    records: Sequence[Record], bounds: Bounds | None = None, *, has_count: bool = True
) -> Verdict:
    """Check a whole history. ``has_count``: the state of a room tells its number of viewers."""
    facts = Facts(records, bounds or Bounds())
    violations = [
        *facts.replay_violations,
        *(_counts(facts) if has_count else ()),
        *_ghosts(facts),
        *_missing(facts),
        *_flaps(facts),
        *_secrets(facts),
        *_unanswered(facts),
        *_end(facts),
    ]
    return Verdict(_together(violations), _tally(facts), _measure(facts))


def _together(violations: list[Violation]) -> list[Violation]:
    """Put what several watchers saw of one thing into one violation."""
    result: list[Violation] = []
    by_thing: dict[tuple[str, str, str], int] = {}
    for one in sorted(violations, key=lambda violation: violation.t):
        thing = (one.kind, one.room, one.user)
        first = by_thing.get(thing)
        if first is not None and one.watcher and one.t - result[first].t < 1:
            result[first] = replace(result[first], others=result[first].others + 1)
        else:
            by_thing[thing] = len(result)
            result.append(one)
    return result


def viewers_of(state: dict[str, Any]) -> set[str]:
    return {name for name in state if not name.startswith(":")}


class Facts:
    """A history, put in order."""

    def __init__(self, records: Sequence[Record], bounds: Bounds) -> None:
        self.records = records
        self.bounds = bounds
        self.end = records[-1]["t"] if records else 0.0
        run = records[0] if records and records[0]["kind"] == "run" else {}
        self.may_not_read = frozenset(run.get("may_not_read", ()))
        self.sessions = _sessions(records, self.end)
        self.of_user: dict[tuple[str, str], list[Session]] = defaultdict(list)
        for session in self.sessions:
            self.of_user[session.room, session.user].append(session)
        self.outages = _outages(records, self.end)
        self._holes = {
            part: union(self._padded(outage) for outage in self.outages if outage.part == part)
            for part in {outage.part for outage in self.outages}
        }
        self.watchers = sorted({r["watcher"] for r in records if "watcher" in r})
        self.positions: dict[tuple[int, str, str, int], tuple[str, str]] = {}
        """By life of Redis, room, epoch and seq: the state there, as text, and who saw it first."""
        self.life = 0
        """Goes up when Redis comes back with an older state, and repeats itself from there."""
        self.states: list[tuple[float, str, Snapshot]] = []
        """Time and watcher of every state that was believed."""
        self.replay_violations: list[Violation] = []
        self.shown: dict[tuple[str, str], Shown] = {}
        self._served: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
        self._replay()
        self._watcher_holes = {watcher: self._holes_of(watcher) for watcher in self.watchers}

    def _padded(self, outage: Outage) -> Span:
        if outage.cause == "redis older":
            return outage.start, outage.end + self.bounds.older_recovery
        more = {
            "redis": self.bounds.redis_recovery,
            "server": self.bounds.server_recovery,
            "driver": self.bounds.driver_recovery,
        }
        return outage.start, outage.end + more.get(outage.part.split()[0], 1.0)

    def holes(self, part: str) -> Spans:
        """Return when a part was away or recovered."""
        return self._holes.get(part, [])

    def watcher_holes(self, watcher: str) -> Spans:
        """Return when nothing can be required of what a watcher sees."""
        return self._watcher_holes[watcher]

    def _holes_of(self, watcher: str) -> Spans:
        own = [
            cut(self.holes(f"server {server}"), start, end)
            for server, start, end in self._served[watcher]
        ]
        return union(self.holes("redis"), self.holes("driver"), self.holes(watcher), *own)

    def paused(self, session: Session) -> Spans:
        """Return when a session's server was paused; after its lease it holds nobody any more, and
        when it goes on it sees whose connection is closed. Who has vanished it must ask first."""
        part = f"server {session.server}"
        most = float("inf") if session.how == "vanished" else self.bounds.lease
        return union(
            (outage.start, min(outage.end, outage.start + most))
            for outage in self.outages
            if outage.part == part and outage.cause == "stop server"
        )

    def bound(self, session: Session) -> float:
        """Return how long a session may be seen after its end."""
        bounds = self.bounds
        seconds = {
            "left": bounds.left,
            "goodbye": bounds.left,
            "vanished": bounds.vanished,
        }.get(session.how, bounds.lost)
        if session.how in ("left", "goodbye", "lost", "denied") and self._was_killed(session):
            # Its server did not live to see to it, or was what ended it.
            seconds = max(seconds, bounds.killed)
        if session.how == "vanished":
            # Its server may die before it has noticed: then the lease sees to it.
            part = f"server {session.server}"
            ends = [
                outage.start - session.end + bounds.killed
                for outage in self.outages
                if outage.part == part
                and outage.cause in ("kill server", "deploy server")
                and session.end <= outage.start <= session.end + bounds.vanished
            ]
            seconds = max([seconds, *ends])
        return seconds + bounds.margin

    def _was_killed(self, session: Session) -> bool:
        part = f"server {session.server}"
        ends = ("kill server", "deploy server")
        return any(
            (
                outage.part == part
                and outage.cause in ends
                and session.end - 1.5 < outage.start < session.end + self.bounds.lost
            )
            # A leave that nobody could hear, or write down: the lease sees to it.
            or (
                outage.part in (part, "redis")
                and outage.start - 1.5 <= session.end <= outage.end + 0.5
            )
            for outage in self.outages
        )

    def deadline(self, session: Session, holes: Spans) -> float:
        """Return until when a session may be seen, where these holes do not count."""
        if session.end == float("inf"):
            return session.end
        return after(session.end, self.bound(session), union(holes, self.paused(session)))

    # --- what was seen ---

    def _replay(self) -> None:
        views: dict[tuple[str, str], View] = {}
        since: dict[tuple[str, str], float] = {}
        began: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        connected: dict[str, tuple[int, float]] = {}
        order = _Order()
        for record in self.records:
            if record["kind"] == "lost data":
                self.life += 1
                order.forget(record["t"] + self.bounds.redis_recovery)
            watcher = record.get("watcher")
            if watcher is None:
                continue
            t, kind = record["t"], record["kind"]
            if kind == "hears":
                connected[watcher] = record["server"], t
                order.reconnect(watcher)
                continue
            if kind == "deaf":
                if watcher in connected:
                    self._served[watcher].append((*connected.pop(watcher), t))
                for key in [key for key in since if key[0] == watcher]:
                    self._forget(key, t, since, began)
                    views.pop(key, None)
                continue
            key = (watcher, record.get("room", ""))
            if key not in views:
                views[key] = View()
            view = views[key]
            if kind == "asked":
                view.ask()
                continue
            if kind not in ("state", "change"):
                continue
            if bad := order.judge(record):
                self.replay_violations.append(bad)
            states: list[Snapshot] = []
            view._on_state = states.append
            if kind == "state":
                view.hear_state(Snapshot(key[1], record["epoch"], record["seq"], record["state"]))
            else:
                change = Change(
                    key[1], record["epoch"], record["seq"], record["set"], record["unset"]
                )
                before = viewers_of(view.snapshot.state) if view.snapshot else set()
                view.hear_change(change)
                if states:
                    gone = before & set(change.unset)
                    shown = self.shown[key]
                    shown.unset.extend((t, change.epoch, user) for user in gone)
            for snapshot in states:
                self._see(key, t, snapshot, since, began)
        for watcher, (server, start) in connected.items():
            self._served[watcher].append((server, start, self.end))
        for key in list(since):
            self._forget(key, self.end, since, began)

    def _see(
        self,
        key: tuple[str, str],
        t: float,
        snapshot: Snapshot,
        since: dict[tuple[str, str], float],
        began: dict[tuple[str, str], dict[str, float]],
    ) -> None:
        watcher, room = key
        shown = self.shown.setdefault(key, Shown())
        since.setdefault(key, t)
        users = viewers_of(snapshot.state)
        for user in users - began[key].keys():
            began[key][user] = t
        for user in began[key].keys() - users:
            shown.users[user].append((began[key].pop(user), t))
        shown.last = snapshot
        self.states.append((t, watcher, snapshot))
        text = json.dumps(snapshot.state, sort_keys=True)
        position = (self.life, room, snapshot.epoch, snapshot.seq)
        first, who = self.positions.setdefault(position, (text, watcher))
        if first != text:
            self.replay_violations.append(
                Violation(
                    "two states at one seq",
                    t,
                    room,
                    f"{watcher} has {text} at {snapshot.epoch}/{snapshot.seq}, {who} had {first}",
                )
            )

    def _forget(
        self,
        key: tuple[str, str],
        t: float,
        since: dict[tuple[str, str], float],
        began: dict[tuple[str, str], dict[str, float]],
    ) -> None:
        shown = self.shown.setdefault(key, Shown())
        shown.known.append((since.pop(key), t))
        for user, start in began.pop(key, {}).items():
            shown.users[user].append((start, t))


class _Order:
    """Is nothing older heard after what is newer?"""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[str, int]] = {}
        self._retired: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._told_twice_until = float("-inf")

    def reconnect(self, watcher: str) -> None:
        # Which epochs are over is remembered; a new connection may begin anywhere in one.
        for key in [key for key in self._last if key[0] == watcher]:
            epoch, _ = self._last.pop(key)
            self._retired[key].discard(epoch)

    def forget(self, told_twice_until: float) -> None:
        """Redis has gone back. Until it knows again that servers live, changes are told in Frappe's
        own rooms, too."""
        self._last.clear()
        self._told_twice_until = told_twice_until

    def judge(self, record: Record) -> Violation | None:
        key = (record["watcher"], record["room"])
        epoch, seq = record["epoch"], record["seq"]
        if not epoch:
            return None
        last = self._last.get(key)
        if epoch in self._retired[key]:
            return Violation(
                "older after newer", record["t"], key[1], f"hears {epoch} again", key[0]
            )
        if last and last[0] != epoch:
            self._retired[key].add(last[0])
        if record["kind"] == "state":
            # An answer may cross with changes: what the view makes of it is checked elsewhere.
            if not last or last[0] != epoch:
                self._last[key] = epoch, 0
            return None
        is_repeated = last == (epoch, seq) and record["t"] < self._told_twice_until
        if last and last[0] == epoch and seq <= last[1] and not is_repeated:
            return Violation(
                "older after newer",
                record["t"],
                key[1],
                f"hears change {seq} of {epoch} after {last[1]}",
                key[0],
            )
        self._last[key] = epoch, seq
        return None


def _difference(one: str, other: str) -> list[str]:
    """Return the fields in which two states differ."""
    mine, theirs = json.loads(one), json.loads(other)
    return sorted(
        name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)
    )


def _sessions(records: Iterable[Record], end: float) -> list[Session]:
    sessions: dict[str, Session] = {}
    for record in records:
        if record["kind"] == "enter":
            sessions[record["session"]] = Session(
                record["session"],
                record["user"],
                record["room"],
                record["server"],
                record["t"],
                record["activity"],
            )
        elif record["kind"] == "update":
            sessions[record["session"]].activity = record["activity"]
        elif record["kind"] == "end":
            session = sessions[record["session"]]
            session.end, session.how = record["t"], record["how"]
    return [*sessions.values()]


def _outages(records: Iterable[Record], end: float) -> list[Outage]:
    outages: list[Outage] = []
    for record in records:
        if record["kind"] == "down":
            outages.append(Outage(record["part"], record["cause"], record["t"], end))
        elif record["kind"] == "up":
            for outage in reversed(outages):
                if outage.part == record["part"]:
                    outage.end = record["t"]
                    break
    return outages


# --- the promises -------------------------------------------------------------------------------


def _counts(facts: Facts) -> Iterable[Violation]:
    """``:count`` is the size of the set, at every state that anybody had."""
    seen: set[tuple[str, str, int]] = set()
    for t, watcher, snapshot in facts.states:
        position = (snapshot.room, snapshot.epoch, snapshot.seq)
        if position in seen:
            continue
        seen.add(position)
        size, count = len(viewers_of(snapshot.state)), snapshot.state.get(":count")
        if not snapshot.epoch and count is None:
            continue
        if count is None or (count != size and max(count, size) <= LARGE_ROOM):
            yield Violation(
                "wrong count",
                t,
                snapshot.room,
                f"{watcher} at {snapshot.epoch}/{snapshot.seq}: count {count}, {size} viewers",
            )


def _ghost_spans(
    facts: Facts, watcher: str, room: str, *, excused: bool
) -> Iterable[tuple[str, Span]]:
    shown = facts.shown[watcher, room]
    holes = facts.watcher_holes(watcher) if excused else []
    for user, spans in shown.users.items():
        sessions = facts.of_user.get((room, user), [])
        allowed = union((s.start - 0.05, facts.deadline(s, holes)) for s in sessions)
        for span in subtract(union(spans), allowed):
            yield user, span


def _ghosts(facts: Facts) -> Iterable[Violation]:
    """Nobody is seen longer after the end of his last session than its end allows."""
    for watcher, room in facts.shown:
        for user, (start, end) in _ghost_spans(facts, watcher, room, excused=True):
            before = [s for s in facts.of_user.get((room, user), []) if s.end <= start]
            last = max(before, key=lambda session: session.end, default=None)
            story = (
                f"whose last session {last.id} on server {last.server} ended ({last.how})"
                f" at {last.end:.2f} s, {end - last.end:.2f} s before the end of that"
                if last
                else "who never was there"
            )
            yield Violation(
                "ghost",
                start,
                room,
                f"sees {user} from then to {end:.2f} s, {story}",
                watcher,
                user,
            )


def _required(facts: Facts, session: Session, watcher: str, *, excused: bool) -> Spans:
    """Return when a watcher must see a session's user."""
    bounds = facts.bounds
    holes: Spans = []
    if excused:
        holes = union(facts.watcher_holes(watcher), facts.holes(f"server {session.server}"))
    start = after(session.start, bounds.appears + bounds.margin, holes)
    end = min(session.end, facts.end)
    return subtract([(start, end)], holes) if start < end else []


def _missing_spans(
    facts: Facts, watcher: str, room: str, *, excused: bool
) -> Iterable[tuple[str, Span, Session]]:
    shown = facts.shown[watcher, room]
    bounds = facts.bounds
    # A watcher that has just come must have been answered; until then nothing is shown to it.
    known = [(start + bounds.margin, end) for start, end in union(shown.known)]
    blind = subtract([(0.0, facts.end)], union(known))
    for (_, user), sessions in _of_room(facts, room):
        visible = union(shown.users.get(user, []), blind)
        for session in sessions:
            for span in subtract(_required(facts, session, watcher, excused=excused), visible):
                yield user, span, session


def _of_room(facts: Facts, room: str) -> Iterable[tuple[tuple[str, str], list[Session]]]:
    return ((key, value) for key, value in facts.of_user.items() if key[0] == room)


def _missing(facts: Facts) -> Iterable[Violation]:
    """Everybody who is there is seen."""
    for watcher, room in facts.shown:
        for user, (start, end), session in _missing_spans(facts, watcher, room, excused=True):
            if user in facts.may_not_read:
                continue
            yield Violation(
                "missing",
                start,
                room,
                f"does not see {user} from then to {end:.2f} s, whose session"
                f" {session.id} on server {session.server} began at {session.start:.2f} s"
                f" and ended at {session.end:.2f} s ({session.how or 'not yet'})",
                watcher,
                user,
            )


def _gaps(facts: Facts, sessions: list[Session], holes: Spans) -> Spans:
    """Return when a user may be unset: after the end of each stay, once each."""
    bounds = facts.bounds
    # Said is not heard: a stay may begin as much later as an enter is given time, and one that its
    # server did not live to hear of makes no stay longer.
    heard = [replace(s, start=_heard(facts, s, holes)) for s in sessions]
    heard = [s for s in heard if s.start < s.end - 0.01 or s.how not in ("lost", "vanished")]
    said = sorted(session.start for session in sessions)
    by_end = {
        **_gaps_between(facts, heard, holes, said),
        **_gaps_between(facts, sessions, holes, said),
    }
    for session in sessions:
        # Two tabs of one user, while Redis is away: what they say may arrive in any order.
        if session.how in ("left", "goodbye") and cut(holes, session.end, session.end + 0.001):
            by_end.setdefault(session.end, (session.end, facts.deadline(session, holes)))
    windows = [*by_end.values()]
    for session in sessions:
        # Whom a paused server held may be gone once its lease is over, and come back with it.
        windows.extend(
            (outage.start + bounds.killed_grace, outage.end + bounds.server_recovery)
            for outage in facts.outages
            if outage.part == f"server {session.server}"
            and outage.cause == "stop server"
            and outage.end - outage.start > bounds.killed_grace
            and session.start < outage.end
            and session.end > outage.start
        )
    return windows


def _heard(facts: Facts, session: Session, holes: Spans) -> float:
    """Return by when a session must have been entered, or has ended."""
    away = union(holes, facts.holes(f"server {session.server}"))
    seconds = facts.bounds.appears + facts.bounds.margin
    return min(after(session.start, seconds, away), session.end - 0.001)


def _gaps_between(
    facts: Facts, sessions: list[Session], holes: Spans, said: list[float]
) -> dict[float, Span]:
    """Return, by the end of each stay, when it may be heard of."""
    bounds = facts.bounds
    windows: dict[float, Span] = {}
    living = union((session.start, session.end) for session in sessions)
    for index, (_, end) in enumerate(living):
        if end == float("inf"):
            continue
        ended = [session for session in sessions if session.end <= end]
        last = [session for session in ended if session.end == end]
        if index + 1 == len(living):
            windows[end] = end, facts.end
            continue
        # What he says when he is back takes a moment to be heard.
        back = after(living[index + 1][0], bounds.appears + bounds.margin, holes)
        grace = 0.0
        if all(session.how in ("lost", "vanished") for session in last):
            is_killed = any(facts.bound(session) >= bounds.killed for session in last)
            grace = bounds.killed_grace if is_killed else bounds.grace
        if back - end <= grace:
            continue
        # Before he is back it can be late, which is a ghost's matter, but is no flap.
        until = max(facts.deadline(session, holes) for session in ended)
        # If he says so within his grace, it must last until then; later, nobody sees a flap.
        again = next((start for start in said if start >= end), float("inf"))
        is_soon = again - end <= grace
        windows[end] = end + grace if is_soon else end, max(until, back)
    return windows


def _flaps(facts: Facts) -> Iterable[Violation]:
    """Whoever stays is not unset and set again: each unset has an end of a stay of its own."""
    lossy = union(
        facts._padded(outage)
        for outage in facts.outages
        if outage.part == "redis" and outage.cause in ("redis loss", "redis older")
    )
    for (watcher, room), shown in facts.shown.items():
        by_user: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for t, epoch, user in shown.unset:
            by_user[user].append((t, epoch))
        holes = facts.watcher_holes(watcher)
        for user, unsets in by_user.items():
            windows = sorted(
                _gaps(facts, facts.of_user.get((room, user), []), holes), key=lambda w: w[1]
            )
            for t, _ in unsets:
                if any(start <= t <= end for start, end in lossy):
                    continue
                fits = next((w for w in windows if w[0] - 0.05 <= t <= w[1] + 0.05), None)
                if fits:
                    windows.remove(fits)
                    continue
                sessions = facts.of_user.get((room, user), [])
                near = [s for s in sessions if s.start - 20 < t < s.end + 20]
                story = "; ".join(
                    f"{s.id} on server {s.server} {s.start:.2f} to {s.end:.2f} s ({s.how})"
                    for s in near
                )
                yield Violation(
                    "flap", t, room, f"hears {user} unset, who stays: {story}", watcher, user
                )


def _secrets(facts: Facts) -> Iterable[Violation]:
    """Who may not read a room hears nothing of it, and is not seen in it."""
    for record in facts.records:
        if record["kind"] == "leak":
            yield Violation(
                "secret told",
                record["t"],
                record["room"],
                f"{record['user']} may not read it and is sent {record['event']}",
            )
    for (watcher, room), shown in facts.shown.items():
        for user in shown.users.keys() & facts.may_not_read:
            start = min(span[0] for span in shown.users[user])
            yield Violation("secret entered", start, room, f"{watcher} sees {user}")


def _unanswered(facts: Facts) -> Iterable[Violation]:
    """Who asks for a room is answered."""
    asked: dict[tuple[str, str], float] = {}

    def late(key: tuple[str, str], t: float) -> Iterable[Violation]:
        watcher, room = key
        start = asked.pop(key)
        limit = after(
            start,
            facts.bounds.answered + facts.bounds.margin,
            facts.watcher_holes(watcher),
        )
        if t > limit:
            yield Violation("no answer", start, room, f"{watcher} asks and waits {t - start:.1f} s")

    for record in facts.records:
        kind = record["kind"]
        if kind == "deaf":
            for key in [key for key in asked if key[0] == record["watcher"]]:
                yield from late(key, record["t"])
        elif kind in ("asked", "state", "denied"):
            key = (record["watcher"], record["room"])
            if kind == "asked":
                asked.setdefault(key, record["t"])
            elif key in asked:
                yield from late(key, record["t"])
    for key in list(asked):
        yield from late(key, facts.end)


def _end(facts: Facts) -> Iterable[Violation]:
    """When all is quiet, every watcher has what Redis has, and that is what is true."""
    living: dict[str, dict[str, list[Session]]] = defaultdict(lambda: defaultdict(list))
    for session in facts.sessions:
        if session.end == float("inf"):
            living[session.room][session.user].append(session)
    for record in facts.records:
        if record["kind"] == "redis":
            snapshot = Snapshot(record["room"], record["epoch"], record["seq"], record["state"])
            yield from _end_of_room(facts, snapshot, living[snapshot.room])


def _end_of_room(
    facts: Facts, snapshot: Snapshot, living: dict[str, list[Session]]
) -> Iterable[Violation]:
    room = snapshot.room
    here, there = viewers_of(snapshot.state), set(living)
    if here != there:
        yield Violation(
            "wrong at the end",
            facts.end,
            room,
            f"Redis has too many: {sorted(here - there)}, too few: {sorted(there - here)}",
        )
    for user in here & there:
        said = {session.activity for session in living[user]}
        activity = snapshot.state[user]["activity"]
        if activity not in _strongest(said):
            yield Violation(
                "wrong at the end", facts.end, room, f"{user} is {activity}, said {sorted(said)}"
            )
    for watcher in facts.watchers:
        seen = facts.shown.get((watcher, room))
        mine = seen.last if seen else None
        # It may be further on: what was shown as just gone ends by itself.
        if mine is None or mine.epoch != snapshot.epoch or mine.seq < snapshot.seq:
            at = f"{mine.epoch}/{mine.seq}" if mine else "nothing"
            text = f"has {at}, Redis {snapshot.epoch}/{snapshot.seq}"
            yield Violation("wrong at the end", facts.end, room, text, watcher)
    text = json.dumps(snapshot.state, sort_keys=True)
    seen_there, who = facts.positions.get(
        (facts.life, room, snapshot.epoch, snapshot.seq), (text, "")
    )
    if seen_there != text:
        difference = _difference(seen_there, text)
        yield Violation(
            "wrong at the end", facts.end, room, f"has not what Redis has: {difference}", who
        )


def _strongest(said: set[str]) -> set[str]:
    """Return what may be shown: ``editing`` ends by itself when it is not said again."""
    if "editing" in said:
        return {"editing", "viewing"}
    return {"viewing"} if "viewing" in said else {"idle"}


# --- figures ------------------------------------------------------------------------------------


def _tally(facts: Facts) -> dict[str, int]:
    counts = Counter[str]()
    for record in facts.records:
        kind = record["kind"]
        if kind == "end":
            counts[f"ended: {record['how']}"] += 1
        elif kind == "down" and record["part"] != "driver":
            counts[record["cause"]] += 1
        elif kind in ("enter", "update", "asked", "state", "change", "denied", "lost data"):
            counts[kind] += 1
        elif kind == "refused":
            counts["refused to who may not read"] += 1
    counts["users seen"] = len({user for _, user in facts.of_user})
    counts["positions"] = len(facts.positions)
    return dict(counts)


def _measure(facts: Facts) -> dict[str, str]:
    """Return the times observed: how late each thing was seen, with and without faults near."""
    calm: dict[str, list[float]] = defaultdict(list)
    broken: dict[str, list[float]] = defaultdict(list)
    trouble = union(*(facts._holes.values()))
    for (_, room), shown in facts.shown.items():
        known = union(shown.known)
        ends = [end for _, end in known]
        for user, spans in shown.users.items():
            sessions = facts.of_user.get((room, user), [])
            before = 0.0
            for start, end in union(spans):
                _time_leave(facts, sessions, end, ends, trouble, calm, broken)
                _time_enter(sessions, before, start, known, trouble, calm, broken)
                before = end
    result: dict[str, str] = {}
    for title, times in itertools.chain(
        ((f"{what}", times) for what, times in sorted(calm.items())),
        ((f"{what}, near a fault", times) for what, times in sorted(broken.items())),
    ):
        result[title] = _describe(times)
    result.update(_convergence(facts))
    return result


def _time_leave(
    facts: Facts,
    sessions: list[Session],
    end: float,
    known_ends: list[float],
    trouble: Spans,
    calm: dict[str, list[float]],
    broken: dict[str, list[float]],
) -> None:
    if end in known_ends or any(s.start < end < s.end for s in sessions):
        return
    before = [s for s in sessions if s.end <= end]
    if not before:
        return
    last = max(before, key=lambda session: session.end)
    # Whoever is held by the grace of an earlier session says nothing about the last one.
    if any(s is not last and s.end > last.end - 20 for s in before):
        return
    near = cut(trouble, last.end - 1, end + 0.01)
    (broken if near else calm)[f"gone after: {last.how}"].append(end - last.end)


def _time_enter(
    sessions: list[Session],
    before: float,
    start: float,
    known: Spans,
    trouble: Spans,
    calm: dict[str, list[float]],
    broken: dict[str, list[float]],
) -> None:
    index = bisect.bisect_right([a for a, _ in known], start) - 1
    if index < 0 or start - known[index][0] < 0.5:
        return
    living = [s for s in sessions if s.start <= start < s.end]
    if not living:
        return
    first = min(living, key=lambda session: session.start)
    if first.start < before:
        return  # Seen before, and again after a fault.
    near = cut(trouble, first.start - 0.01, start + 0.01)
    (broken if near else calm)["seen after: enter"].append(start - first.start)


def _describe(times: list[float]) -> str:
    times = sorted(times)
    p50, p99 = times[len(times) // 2], times[min(len(times) * 99 // 100, len(times) - 1)]
    return (
        f"{len(times):6d} times   median {p50:7.3f} s   p99 {p99:7.3f} s   max {times[-1]:7.3f} s"
    )


def _convergence(facts: Facts) -> dict[str, str]:
    """Return, by kind of fault, how long after it the last wrong view was right again."""
    wrong = [
        span
        for watcher, room in facts.shown
        for span in (
            *(s for _, s in _ghost_spans(facts, watcher, room, excused=False)),
            *(s for _, s, _ in _missing_spans(facts, watcher, room, excused=False)),
        )
    ]
    by_cause: dict[str, list[float]] = defaultdict(list)
    faults = sorted(
        (outage for outage in facts.outages if outage.part.startswith(("redis", "server"))),
        key=lambda outage: outage.start,
    )
    for fault, following in itertools.zip_longest(faults, faults[1:]):
        until = following.start if following else facts.end
        last = max(
            (end for start, end in wrong if fault.start <= start < max(until, fault.end)),
            default=0.0,
        )
        by_cause[fault.cause].append(max(last - fault.end, 0.0))
    return {
        f"all true again after: {cause}": f"{len(times):6d} times   max {max(times):7.3f} s"
        for cause, times in sorted(by_cause.items())
    }

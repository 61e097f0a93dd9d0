"""The checker finds each kind of violation, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.history import Record
from tests.chaos.spans import after, subtract, union

ROOM, ADA, BEN = "presence:Airport/X000", "ada@example.com", "ben@example.com"
STRANGER = "stranger@example.com"
VIEWER = {"activity": "viewing"}


class Story:
    """A history by hand: two watchers on server 0 hear what is told, tabs do what is told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._seq = 0
        self._state: dict[str, Any] = {":count": 0}
        self.epoch = "e1"
        self.note(0, "run", may_not_read=[STRANGER])
        for watcher in ("watcher 0", "watcher 1"):
            self.note(0, "hears", watcher=watcher, server=0)
            self.note(0, "asked", watcher=watcher, room=ROOM)
        self.state(0.1)

    def note(self, t: float, kind: str, **what: Any) -> None:
        self.records.append({"t": float(t), "kind": kind, **what})

    def enter(self, t: float, session: str, user: str, server: int = 1) -> None:
        what = {"user": user, "room": ROOM, "server": server, "activity": "viewing"}
        self.note(t, "enter", session=session, **what)

    def end(self, t: float, session: str, how: str) -> None:
        self.note(t, "end", session=session, how=how)

    def fault(self, cause: str, start: float, end: float, part: str = "server 1") -> None:
        self.note(start, "down", part=part, cause=cause)
        self.note(end, "up", part=part, cause=cause)

    def state(self, t: float, *watchers: str) -> None:
        """Both watchers, or these, are sent the room whole."""
        for watcher in watchers or ("watcher 0", "watcher 1"):
            position = {"epoch": self.epoch, "seq": self._seq, "state": dict(self._state)}
            self.note(t, "state", watcher=watcher, room=ROOM, **position)

    def sets(self, t: float, user: str, **to: Any) -> None:
        self._change(t, {user: VIEWER}, [], **to)

    def unsets(self, t: float, user: str, **to: Any) -> None:
        self._change(t, {}, [user], **to)

    def _change(
        self,
        t: float,
        new: dict[str, Any],
        unset: list[str],
        watchers: tuple[str, ...] = ("watcher 0", "watcher 1"),
        count: int | None = None,
        seq: int | None = None,
    ) -> None:
        self._seq += 1
        for user in unset:
            self._state.pop(user, None)
        self._state.update(new)
        size = sum(not name.startswith(":") for name in self._state)
        changed = {**new, ":count": size if count is None else count}
        self._state.update(changed)
        for watcher in watchers:
            what = {"epoch": self.epoch, "seq": self._seq if seq is None else seq}
            self.note(t, "change", watcher=watcher, room=ROOM, set=changed, unset=unset, **what)

    def new_life(self, t: float, epoch: str, *users: str) -> None:
        """Redis has lost the room, and it begins anew with these users."""
        self.epoch, self._seq = epoch, 1
        self._state = {**dict.fromkeys(users, VIEWER), ":count": len(users)}
        self.state(t)

    def stop(self, t: float, **changed: Any) -> None:
        what = {"epoch": self.epoch, "seq": self._seq, "state": self._state, **changed}
        self.note(t, "redis", room=ROOM, **what)
        self.note(t, "end of run")

    def found(self) -> list[str]:
        records = sorted(self.records, key=lambda record: record["t"])
        return sorted({violation.kind for violation in check(records).violations})


def good(story: Story) -> None:
    """Ada comes, goes on purpose and comes back; Ben stays through a reload."""
    story.enter(1, "a1", ADA)
    story.sets(1.1, ADA)
    story.enter(2, "b1", BEN)
    story.sets(2.1, BEN)
    story.end(5, "a1", "left")
    story.unsets(5.2, ADA)
    story.end(6, "b1", "lost")
    story.enter(6.1, "a2", ADA)
    story.sets(6.2, ADA)
    story.enter(9, "b2", BEN, server=2)


def killed(story: Story) -> None:
    """Two are on a server that is killed; one comes back elsewhere, one does not."""
    good(story)
    story.enter(10, "c1", "c@example.com")
    story.sets(10.1, "c@example.com")
    story.fault("kill server", 12, 16)
    story.end(12, "a2", "lost")
    story.end(12, "c1", "lost")
    story.enter(14, "a3", ADA, server=2)
    story.unsets(21.5, "c@example.com")


def paused(story: Story) -> None:
    """A server is paused until its lease is over, and finds its viewer again."""
    good(story)
    story.fault("stop server", 12, 27)
    story.unsets(21.5, ADA)
    story.sets(28, ADA)


def lost_by_redis(story: Story) -> None:
    good(story)
    story.fault("redis loss", 12, 13, part="redis")
    story.note(13, "lost data", cause="redis loss")
    story.new_life(14, "e2", ADA)
    story.sets(14.5, BEN)


def told_twice_while_servers_are_unknown(story: Story) -> None:
    """A Redis that has lost its data takes no server for alive until they renew their lease."""
    lost_by_redis(story)
    story.records.append({**_last_change(story), "t": 14.6})


def many_tabs(story: Story) -> None:
    """Two tabs of one user are one viewer until the last one has left."""
    good(story)
    story.enter(12, "a3", ADA, server=0)
    story.end(13, "a2", "goodbye")
    story.end(15, "a3", "goodbye")
    story.unsets(15.4, ADA)


def crossed(story: Story) -> None:
    """An answer that is older than what was heard meanwhile is no news."""
    good(story)
    story.state(10)
    story.enter(12, "c1", "c@example.com")
    older = {"epoch": "e1", "seq": story._seq, "state": dict(story._state)}
    story.sets(12.1, "c@example.com")
    story.note(12.2, "state", watcher="watcher 0", room=ROOM, **older)


def crossed_at_redis(story: Story) -> None:
    """Redis is paused; a leave said in it overtakes an enter of the same user's other tab."""
    good(story)
    story.fault("redis pause", 20, 24, part="redis")
    story.enter(21, "a3", ADA, server=2)
    story.end(23, "a2", "left")
    story.unsets(24.1, ADA)
    story.sets(24.2, ADA)


def killed_before_it_noticed(story: Story) -> None:
    """A client vanishes, and then its server is killed: its lease runs from there."""
    good(story)
    story.end(20, "a2", "vanished")
    story.fault("kill server", 30, 32)
    story.unsets(40.5, ADA)


GOOD = [
    good,
    killed,
    paused,
    lost_by_redis,
    told_twice_while_servers_are_unknown,
    many_tabs,
    crossed,
    crossed_at_redis,
    killed_before_it_noticed,
]


@pytest.mark.parametrize("tell", GOOD)
def test_what_is_as_promised_is_no_violation(tell: Callable[[Story], None]) -> None:
    story = Story()
    tell(story)
    story.stop(50)
    assert story.found() == []


# --- each kind of violation ---------------------------------------------------------------------


def ghost_after_a_leave(story: Story) -> None:
    story.end(20, "a2", "left")
    story.unsets(23, ADA)


def ghost_after_a_lost_connection(story: Story) -> None:
    story.end(20, "a2", "lost")
    story.unsets(30, ADA)


def ghost_after_it_vanished(story: Story) -> None:
    story.end(20, "a2", "vanished")
    story.unsets(37, ADA)


def ghost_of_a_killed_server(story: Story) -> None:
    story.fault("kill server", 20, 22)
    story.end(20, "a2", "lost")
    story.unsets(32, ADA)


def ghost_of_a_server_that_woke_up(story: Story) -> None:
    story.fault("stop server", 12, 40)
    story.end(13, "a2", "left")
    story.unsets(21, ADA)
    story.sets(41, ADA)
    story.unsets(42, ADA)


def ghost_for_one_watcher(story: Story) -> None:
    story.end(20, "a2", "left")
    story.unsets(20.1, ADA, watchers=("watcher 0",))
    story.state(30, "watcher 1")


def ghost_out_of_nothing(story: Story) -> None:
    story.sets(20, "nobody@example.com")
    story.unsets(21, "nobody@example.com")


def never_seen(story: Story) -> None:
    story.enter(20, "c1", "c@example.com")
    story.end(24, "c1", "left")


def seen_late(story: Story) -> None:
    story.enter(20, "c1", "c@example.com")
    story.sets(24, "c@example.com")


def not_found_again_by_a_server_that_was_paused(story: Story) -> None:
    story.fault("stop server", 12, 27)
    story.unsets(21.5, ADA)
    story.sets(33, ADA)


def lost_by_redis_and_not_told_again(story: Story) -> None:
    story.fault("redis loss", 12, 13, part="redis")
    story.new_life(14, "e2", BEN)
    story.sets(25, ADA)


def flap_in_a_stay(story: Story) -> None:
    story.unsets(20, ADA)
    story.sets(20.1, ADA)


def flap_at_a_reload(story: Story) -> None:
    story.end(20, "a2", "lost")
    story.unsets(20.1, ADA)
    story.enter(23, "a3", ADA)
    story.sets(23.1, ADA)


def flap_at_a_move_from_a_killed_server(story: Story) -> None:
    story.fault("kill server", 20, 22)
    story.end(20, "a2", "lost")
    story.unsets(20.2, ADA)
    story.enter(21, "a3", ADA, server=2)
    story.sets(21.1, ADA)


def flap_of_whom_redis_forgot_to_keep(story: Story) -> None:
    """A connection is lost while Redis restarts with its data: its grace is lost, too."""
    story.fault("redis restart", 20, 21, part="redis")
    story.end(20.5, "a2", "lost")
    story.unsets(24.1, ADA)
    story.enter(24.2, "a3", ADA)
    story.sets(24.3, ADA)


def left_twice(story: Story) -> None:
    story.end(20, "a2", "left")
    story.unsets(20.1, ADA)
    story.enter(20.2, "a3", ADA)
    story.sets(20.3, ADA)
    story.unsets(20.4, ADA)
    story.sets(20.5, ADA)


def wrong_count(story: Story) -> None:
    story.enter(20, "c1", "c@example.com")
    story.sets(20.1, "c@example.com", count=2)


def change_heard_twice(story: Story) -> None:
    story.records.append({**_last_change(story), "t": 20.0})


def epoch_that_was_over(story: Story) -> None:
    before = _last_change(story)
    story.new_life(20, "e2", ADA, BEN)
    story.records.append({**before, "t": 21.0})


def two_states_at_one_seq(story: Story) -> None:
    story.enter(20, "c1", "c@example.com")
    story.sets(20.1, "c@example.com", watchers=("watcher 0",))
    last = _last_change(story)
    story.note(
        20.1, **{**last, "kind": "change", "watcher": "watcher 1", "set": {**last["set"], "d": {}}}
    )
    story.note(20.2, "state", watcher="watcher 1", **_position(story))
    story.end(20.2, "c1", "left")
    story.unsets(20.3, "c@example.com")


def told_to_a_stranger(story: Story) -> None:
    story.note(20, "leak", user=STRANGER, room=ROOM, event="room_state")


def entered_by_a_stranger(story: Story) -> None:
    story.enter(20, "s1", STRANGER)
    story.sets(20.1, STRANGER)


def question_without_answer(story: Story) -> None:
    story.note(20, "asked", watcher="watcher 0", room=ROOM)


def behind_at_the_end(story: Story) -> None:
    story.enter(45, "c1", "c@example.com")
    story.sets(45.1, "c@example.com", watchers=("watcher 0",))


def _last_change(story: Story) -> Record:
    record = next(r for r in reversed(story.records) if r["kind"] == "change")
    return {key: value for key, value in record.items() if key != "t"}


def _position(story: Story) -> dict[str, Any]:
    return {"room": ROOM, "epoch": story.epoch, "seq": story._seq, "state": dict(story._state)}


BAD = [
    (ghost_after_a_leave, "ghost"),
    (ghost_after_a_lost_connection, "ghost"),
    (ghost_after_it_vanished, "ghost"),
    (ghost_of_a_killed_server, "ghost"),
    (ghost_of_a_server_that_woke_up, "ghost"),
    (ghost_for_one_watcher, "ghost"),
    (ghost_out_of_nothing, "ghost"),
    (never_seen, "missing"),
    (seen_late, "missing"),
    (not_found_again_by_a_server_that_was_paused, "missing"),
    (lost_by_redis_and_not_told_again, "missing"),
    (flap_in_a_stay, "flap"),
    (flap_at_a_reload, "flap"),
    (flap_at_a_move_from_a_killed_server, "flap"),
    (flap_of_whom_redis_forgot_to_keep, "flap"),
    (left_twice, "flap"),
    (wrong_count, "wrong count"),
    (change_heard_twice, "older after newer"),
    (epoch_that_was_over, "older after newer"),
    (two_states_at_one_seq, "two states at one seq"),
    (told_to_a_stranger, "secret told"),
    (entered_by_a_stranger, "secret entered"),
    (question_without_answer, "no answer"),
    (behind_at_the_end, "wrong at the end"),
]


@pytest.mark.parametrize(("tell", "kind"), BAD, ids=[tell.__name__ for tell, _ in BAD])
def test_each_violation_is_found(tell: Callable[[Story], None], kind: str) -> None:
    story = Story()
    good(story)
    tell(story)
    story.stop(50)
    assert kind in story.found()


@pytest.mark.parametrize(
    ("changed", "who"),
    [
        ({"state": {ADA: VIEWER}}, "too few"),
        ({"state": {ADA: VIEWER, BEN: VIEWER, "c": VIEWER}}, "too many"),
        ({"state": {ADA: {"activity": "editing"}, BEN: VIEWER}}, "is editing"),
    ],
)
def test_what_redis_holds_at_the_end_is_who_is_there(changed: dict[str, Any], who: str) -> None:
    story = Story()
    good(story)
    story.stop(50, **changed)
    records = sorted(story.records, key=lambda record: record["t"])
    assert any(who in violation.text for violation in check(records).violations)


def test_a_state_without_its_count_is_a_violation_unless_said_otherwise() -> None:
    story = Story()
    del story._state[":count"]
    story._seq += 1
    story.state(1)
    story.stop(50)
    assert story.found() == ["wrong count"]
    assert not check(story.records, has_count=False).violations


def test_spans() -> None:
    assert union([(3, 4), (1, 2)], [(2, 3), (6, 6)]) == [(1, 4)]
    assert subtract([(0, 10)], [(1, 2), (4, 11)]) == [(0, 1), (2, 4)]
    assert subtract([(0, 1), (5, 6)], [(0.5, 5.5)]) == [(0, 0.5), (5.5, 6)]
    assert after(0, 5, []) == 5
    assert after(0, 5, [(1, 2), (4, 8)]) == 10
    assert after(3, 1, [(0, 2), (4, 8)]) == 4

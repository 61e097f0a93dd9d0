"""The checker of tasks finds each kind of violation, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import Bounds
from tests.chaos.history import Record
from tests.chaos.task_checker import check

TASK = "t1"
ROOM = f"task:{TASK}"
WATCHERS = ("task watcher 0", "task watcher 1")
HORSE, WORKER, LEASE = 12, 11, 13


class Story:
    """A history by hand: two watchers of one task hear what is told, its jobs write down what is
    told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.epoch, self.seq = "e1", 0
        self.state: dict[str, Any] = {}
        self.note(0, "run", may_not_read=[])
        for number, watcher in enumerate(WATCHERS):
            self.note(0, "hears", watcher=watcher, server=number)

    def note(self, t: float, kind: str, **what: Any) -> None:
        self.records.append({"t": float(t), "kind": kind, **what})

    def ask(self, t: float, what: str, task: str = TASK) -> None:
        self.note(t, "ask", what=what, task=task)

    def watch(self, t: float, *watchers: str) -> None:
        for watcher in watchers or WATCHERS:
            self.note(t, "asked", watcher=watcher, room=ROOM)
            self.answer(t + 0.1, watcher)

    def answer(self, t: float, watcher: str, seq: int | None = None) -> None:
        position = {"epoch": self.epoch, "seq": self.seq if seq is None else seq}
        self.note(t, "state", watcher=watcher, room=ROOM, state=dict(self.state), **position)

    def say(self, t: float, *watchers: str, **fields: Any) -> None:
        """The task's room changes."""
        self.seq += 1
        self.state.update(fields)
        for watcher in watchers or WATCHERS:
            what = {"epoch": self.epoch, "seq": self.seq, "set": fields, "unset": []}
            self.note(t, "change", watcher=watcher, room=ROOM, **what)

    def job(self, t: float, kind: str, pid: int = HORSE, attempt: int = 1, **what: Any) -> None:
        common = {"task": TASK, "pid": pid, "attempt": attempt}
        if kind == "started":
            what = {"worker": WORKER, **what}
        self.note(t, f"job {kind}", **common, **what)

    def kill(self, t: float, *pids: int, what: str = "kill horse") -> None:
        self.note(t, "kill", what=what, pids=list(pids or (HORSE,)), horse=HORSE)

    def freeze(self, start: float, end: float) -> None:
        self.note(start, "freeze", horse=HORSE, seconds=end - start)
        self.note(end, "thaw", horse=HORSE)

    def fault(self, cause: str, start: float, end: float, part: str = "redis") -> None:
        self.note(start, "down", part=part, cause=cause)
        self.note(end, "up", part=part, cause=cause)

    def begin(self) -> None:
        """It is queued, watched, and runs from 2 s on."""
        queued = {"state": "queued", "attempt": 1, "done": 0, "total": None, "percent": None}
        self.state, self.seq = {**queued, "children": None, "error": None}, 3
        self.ask(1, "enqueue", "")
        self.watch(1.2)
        self.say(2, state="running", total=10, percent=0)
        self.job(2, "started")

    def retry(self, t: float) -> None:
        self.ask(t, "retry")
        self.say(t + 0.1, state="queued", attempt=2, error=None, percent=0, done=0)

    def stop(self, t: float, **rq: str) -> None:
        what = {"epoch": self.epoch, "seq": self.seq, "state": self.state}
        self.note(t, "redis", room=ROOM, **what)
        for attempt, status in rq.items():
            self.note(t, "rq", task=TASK, attempt=int(attempt[-1]), status=status)
        self.note(t, "end of run")

    def found(self) -> list[str]:
        records = sorted(self.records, key=lambda record: record["t"])
        return sorted({one.kind for one in check(records, Bounds()).violations})


# --- what is as promised --------------------------------------------------------------------------


def done(story: Story) -> None:
    story.begin()
    story.say(4, done=5, percent=50)
    story.watch(5, WATCHERS[1])
    story.job(6, "ended", how="done")
    story.say(6.1, state="done", done=10, percent=100)
    story.stop(60, attempt1="finished")


def failed_and_done_by_a_retry(story: Story) -> None:
    story.begin()
    story.job(6, "ended", how="failed")
    story.say(6.1, state="failed", error="step 5")
    story.retry(8)
    story.say(9, state="running")
    story.job(9, "started", pid=22, attempt=2)
    story.job(12, "ended", pid=22, attempt=2, how="done")
    story.say(12.1, state="done", percent=100)
    story.stop(60, attempt1="finished", attempt2="finished")


def killed_and_lost(story: Story) -> None:
    story.begin()
    story.kill(5, WORKER, LEASE, HORSE, what="kill all")
    story.say(11, state="stalled")
    story.say(17.5, state="lost")
    story.stop(60)


def killed_and_done_by_a_retry(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.say(5.2, state="lost")
    story.retry(8)
    story.say(9, state="running")
    story.job(9, "started", pid=22, attempt=2)
    story.job(12, "ended", pid=22, attempt=2, how="done")
    story.say(12.1, state="done", percent=100)
    story.stop(60, attempt2="finished")


def killed_twice(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.say(5.2, state="lost")
    story.kill(5.4)
    story.stop(60)


def stood_still_when_its_worker_was_killed(story: Story) -> None:
    story.begin()
    story.freeze(5, 25)
    story.kill(6, WORKER, what="kill worker")
    story.say(11, state="stalled")
    story.say(17.5, state="lost")
    story.stop(60)


def killed_before_its_end_was_known(story: Story) -> None:
    story.begin()
    story.job(6, "ended", how="done")
    story.kill(6.01)
    story.say(6.2, state="lost")
    story.stop(60, attempt1="failed")


def killed_before_rq_knew_its_end(story: Story) -> None:
    story.begin()
    story.job(6, "ended", how="done")
    story.say(6.1, state="done", done=10, percent=100)
    story.kill(6.2)
    story.stop(60, attempt1="failed")


def killed_at_its_end_while_its_parts_go_on(story: Story) -> None:
    story.begin()
    story.say(4, children={"total": 1, "done": 0, "failed": 0, "left": 1})
    story.job(6, "ended", how="done")
    story.kill(6.1)
    story.say(40, children={"total": 1, "done": 1, "failed": 0, "left": 0})
    story.say(40.1, state="done", percent=100)
    story.stop(60)


def killed_while_redis_was_away(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.fault("redis pause", 6, 16)
    story.say(24, state="lost")
    story.stop(60)


def killed_and_forgotten(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.fault("redis loss", 6, 7)
    story.note(6.5, "lost data", cause="redis loss")
    story.epoch, story.seq, story.state = "", 0, {}
    story.stop(60)


def stood_still_and_went_on(story: Story) -> None:
    story.begin()
    story.freeze(5, 22)
    story.say(11, state="stalled")
    story.say(17.5, state="lost")
    story.say(22.1, state="running", attempt=2)
    story.job(22.2, "step", attempt=2, done=5)
    story.job(24, "ended", attempt=2, how="done")
    story.say(24.1, state="done", percent=100)
    story.stop(60)


def cancelled(story: Story) -> None:
    story.begin()
    story.ask(5, "cancel")
    story.say(5.1, state="cancelling")
    story.job(5.3, "ended", how="cancelling")
    story.say(5.4, state="cancelled")
    story.stop(60, attempt1="finished")


def sent_unasked_while_it_was_asked_for(story: Story) -> None:
    story.begin()
    before = {"epoch": story.epoch, "seq": story.seq, "state": dict(story.state)}
    story.say(4, WATCHERS[0], done=5)
    story.note(5, "asked", watcher=WATCHERS[1], room=ROOM)
    story.note(5.1, "state", watcher=WATCHERS[1], room=ROOM, **before)
    story.answer(5.2, WATCHERS[1])
    story.job(6, "ended", how="done")
    story.say(6, state="done", percent=100)
    story.stop(60, attempt1="finished")


GOOD = [
    done,
    failed_and_done_by_a_retry,
    killed_and_lost,
    killed_and_done_by_a_retry,
    killed_twice,
    stood_still_when_its_worker_was_killed,
    killed_before_its_end_was_known,
    killed_before_rq_knew_its_end,
    killed_at_its_end_while_its_parts_go_on,
    killed_while_redis_was_away,
    killed_and_forgotten,
    stood_still_and_went_on,
    cancelled,
    sent_unasked_while_it_was_asked_for,
]


@pytest.mark.parametrize("tell", GOOD)
def test_what_is_as_promised_is_no_violation(tell: Callable[[Story], None]) -> None:
    story = Story()
    tell(story)
    assert story.found() == []


# --- each kind of violation -----------------------------------------------------------------------


def two_ends(story: Story) -> None:
    done(story)
    story.say(30, state="lost")


def a_word_after_the_end(story: Story) -> None:
    done(story)
    story.say(30, error="late")


def an_attempt_that_is_taken_back(story: Story) -> None:
    failed_and_done_by_a_retry(story)
    story.say(30, attempt=1, state="running", percent=0)


def more_done_than_there_is(story: Story) -> None:
    story.begin()
    story.say(3, done=11)


def whole_before_its_end(story: Story) -> None:
    story.begin()
    story.say(3, percent=100)


def a_bar_that_goes_back(story: Story) -> None:
    story.begin()
    story.say(3, percent=50)
    story.say(4, percent=40)


def a_negative_count(story: Story) -> None:
    story.begin()
    story.say(3, children={"total": 0, "done": 1, "failed": 0, "left": -1})


def done_before_its_parts(story: Story) -> None:
    story.begin()
    parts = {"total": 1, "done": 0, "failed": 0, "left": 1}
    story.say(3, state="done", percent=100, children=parts)


def an_old_snapshot(story: Story) -> None:
    story.begin()
    story.say(4, WATCHERS[0], done=5)
    story.note(5, "asked", watcher=WATCHERS[1], room=ROOM)
    story.answer(5.1, WATCHERS[1], story.seq - 1)


def an_old_snapshot_that_nothing_follows_for_long(story: Story) -> None:
    an_old_snapshot(story)
    story.answer(30, WATCHERS[1])


def killed_and_never_lost(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.stop(60)


def killed_and_lost_late(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.say(25, state="lost")
    story.stop(60)


def killed_and_lost_for_one_only(story: Story) -> None:
    story.begin()
    story.kill(5)
    story.say(6, WATCHERS[0], state="lost")
    story.stop(60)


def alive_and_lost(story: Story) -> None:
    story.begin()
    story.say(15, state="lost")
    story.job(30, "ended", how="done")


def alive_and_stalled(story: Story) -> None:
    story.begin()
    story.say(15, state="stalled")
    story.job(30, "ended", how="done")


def ended_and_lost(story: Story) -> None:
    story.begin()
    story.job(5, "ended", how="done")
    story.say(20, state="lost")
    story.stop(60)


def broken_by_its_progress(story: Story) -> None:
    story.begin()
    story.job(5, "ended", how="broke: ConnectionError()")
    story.say(5.1, state="failed")
    story.stop(60)


def cancelled_by_nobody(story: Story) -> None:
    story.begin()
    story.job(5, "ended", how="cancelled")
    story.say(5.1, state="cancelled")
    story.stop(60)


def superseded_by_nobody(story: Story) -> None:
    story.begin()
    story.job(5, "ended", how="superseded")
    story.stop(60)


def a_job_that_vanished(story: Story) -> None:
    story.begin()
    story.stop(60)


def rq_thinks_otherwise(story: Story) -> None:
    done(story)
    story.note(60, "rq", task=TASK, attempt=1, status="failed")


def redis_thinks_otherwise(story: Story) -> None:
    story.begin()
    story.job(5, "ended", how="done")
    story.say(5.1, state="failed")
    story.stop(60, attempt1="finished")


def a_watcher_behind(story: Story) -> None:
    done(story)
    story.say(6, WATCHERS[0], done=9)


BAD = {
    two_ends: "two ends",
    a_word_after_the_end: "something after the end",
    an_attempt_that_is_taken_back: "an attempt taken back",
    more_done_than_there_is: "more than all",
    whole_before_its_end: "100 % and not done",
    a_bar_that_goes_back: "a bar that goes back",
    a_negative_count: "wrong count of parts",
    done_before_its_parts: "done before its parts",
    an_old_snapshot: "a late snapshot is old",
    an_old_snapshot_that_nothing_follows_for_long: "a late snapshot is old",
    killed_and_never_lost: "killed and not lost",
    killed_and_lost_late: "killed and not lost",
    killed_and_lost_for_one_only: "killed and not lost",
    alive_and_lost: "alive and lost",
    alive_and_stalled: "alive and stalled",
    ended_and_lost: "alive and lost",
    broken_by_its_progress: "a job broke",
    cancelled_by_nobody: "cancelled by nobody",
    superseded_by_nobody: "superseded by nobody",
    a_job_that_vanished: "a job vanished",
    rq_thinks_otherwise: "RQ disagrees",
    redis_thinks_otherwise: "wrong at the end",
    a_watcher_behind: "wrong at the end",
}


@pytest.mark.parametrize(("tell", "kind"), BAD.items())
def test_each_kind_of_violation_is_found(tell: Callable[[Story], None], kind: str) -> None:
    story = Story()
    tell(story)
    assert kind in story.found()

"""A small world of tasks that the tests rule: real scripts on a real Redis, the real life of an
attempt in processes that are none, and time that passes when the tests say so.

* A :class:`Process` makes an attempt (``task_attempt.py``) without its threads: its reporter writes
  and its lease is renewed when the tests say so, or time passes. It may be killed, stand still and
  come back, or be cut off from Redis in the middle of what it says.
* The :class:`TaskWorld` sees all that is published and judges it, change by change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from redis.exceptions import ConnectionError

from presence_progress import context, due, keys, rooms, task_attempt, task_room
from presence_progress.settings import TASK_LEASE, TASK_LOST_AFTER, TASK_RENEWAL
from presence_progress.task_attempt import Attempt
from presence_progress.task_record import ENDED, State, TaskRecord
from tests.model.presence import Limits
from tests.model.world import Disagreement, World, rule_time

SWEEP = 500
"""Milliseconds between two sweeps, as of a server."""
WireState = Literal["up", "cut", "deaf", "stutters"]

_FOLLOWING = {
    "queued": {"queued", "running", "cancelled", "failed", "done"},
    "running": {"running", "stalled", "cancelling", *ENDED},
    "stalled": {"stalled", "running", "cancelling", *ENDED},
    "cancelling": {"cancelling", *ENDED},
    **{state: set() for state in ENDED},
}
"""What may follow in one attempt. Redis may have forgotten that a job runs that ends now."""


def rule(patch: pytest.MonkeyPatch, world: TaskWorld) -> None:
    """Take Redis, its clock and that of processes into the tests' hands."""
    clock = SimpleNamespace(time=lambda: world.now / 1000, monotonic=lambda: world.now / 1000)
    patch.setattr(task_attempt, "time", clock)
    patch.setattr(rooms, "run", world.run_on)
    patch.setattr(context, "store", lambda: world.store)


class Wire:
    """What a process says to Redis by."""

    def __init__(self) -> None:
        self.state: WireState = "up"
        self.next_state: WireState = "up"
        self.calls = 0
        """After so many calls it is in the next state."""

    def take(self) -> WireState:
        """Return in which state one call finds it."""
        if self.calls == 0:
            self.state = self.next_state
        self.calls -= 1
        return self.state

    def set(self, state: WireState, after: int = 0) -> None:
        self.next_state, self.calls = state, after


class Process:
    """A work horse, and the process that holds its lease."""

    def __init__(self, world: TaskWorld, task_id: str, attempt: int) -> None:
        self.world, self.task_id = world, task_id
        self.job = (task_id, attempt)
        self.wire = Wire()
        self.is_alive = True
        self.is_paused = False
        self.has_begun = False
        self.has_told_gone = False
        self.heard_at = 0
        """When Redis last knew that it lives."""
        self.ended_at: int | None = None
        parent = world.parents.get(task_id)
        record = TaskRecord(
            task_id, world.site, "ann", "Task", parent=parent, attempt=attempt, total=10
        )
        record.queued_at = world.now
        record.state = "running"
        record.started_at = world.now
        with world.at(self):
            self.attempt = Attempt(record, is_stored=True)

    def __repr__(self) -> str:
        return f"<process of {self.task_id}, attempt {self.record.attempt}>"

    @property
    def record(self) -> TaskRecord:
        return self.attempt.record

    @property
    def holder(self) -> str:
        return self.attempt._holder

    @property
    def is_up(self) -> bool:
        return self.is_alive and not self.is_paused

    def begin(self) -> None:
        with self.world.at(self), suppress(ConnectionError):
            checkpoint = self.attempt._begin()
            if not self.attempt.stop:
                self.attempt._go_on_from(checkpoint)

    def write(self) -> None:
        """What the reporter does five times a second, and the job itself at its end."""
        with self.world.at(self):
            try:
                self.attempt._write()
            except ConnectionError:
                return
        if self.record.state in ENDED:
            self.exit()

    def end(self, state: State) -> None:
        self.attempt.is_ended = True
        self.record.error = "bad" if state == "failed" else None
        self.record.state = state
        self.ended_at = self.world.now
        self.write()

    def heed(self) -> None:
        """Make the step at which it hears that it is to stop."""
        if self.attempt.stop and self.record.state not in ENDED:
            self.end("cancelled")

    def exit(self) -> None:
        """Its lease ends with it: it has said itself what has become of it, or has given up."""
        self.is_alive = False
        self.has_told_gone = True

    def kill(self) -> None:
        self.is_alive = False

    def tell_gone(self) -> None:
        self.has_told_gone = True
        with self.world.at(self), suppress(ConnectionError):
            self.attempt._tell_gone()

    def renew(self) -> None:
        if self.record.state in ENDED:
            return
        with self.world.at(self), suppress(ConnectionError):
            if self.attempt._renew():
                self.kill()


class TaskWorld(World):
    """Redis, what time it is, and what must be so of tasks."""

    def __init__(self, client: Any, site: str) -> None:
        super().__init__(client, site, Limits())
        self.parents: dict[str, str | None] = {}
        self.processes: list[Process] = []
        self.makers: dict[str, tuple[int, str]] = {}
        """By task: its attempt, and who has last begun one, as far as Redis knows."""
        self.wires: dict[str, Wire] = {}
        self.store: Any = None
        self.reason = ""
        """Whose word is being heard."""
        self.last_trouble = 0
        self.swept_from = 0
        self.seen: dict[str, rooms.Snapshot] = {}
        self.ends: dict[tuple[str, str, int], str] = {}
        self.web = Wire()

    @contextmanager
    def at(self, process: Process | None) -> Iterator[None]:
        before, self.store = self.store, process or self.web
        try:
            yield
        finally:
            self.store = before

    # --- calls ---

    def snapshot(self, room: str) -> rooms.Snapshot:
        snapshot: rooms.Snapshot = self.run(rooms.snapshot_call(self.site, room))
        return snapshot

    def run_on(self, store: Process | Wire, call: rooms.Call[Any]) -> Any:
        """Run a call of somebody's, by what it is said by."""
        process = store if isinstance(store, Process) else None
        wire = process.wire if process else store
        assert isinstance(wire, Wire)
        state = wire.take()
        if state == "cut":
            raise ConnectionError("the wire is cut")
        result = self._run_and_judge(process, call)
        if state == "stutters":
            self.run(call)
            again = self._read_changes_of_tasks()
            assert not again, f"{call.script} a second time changes something: {again}"
        if state == "deaf":
            raise ConnectionError("the answer is lost")
        return result

    def _run_and_judge(self, process: Process | None, call: rooms.Call[Any]) -> Any:
        self.reason = call.script
        result = self.run(call)
        if process and call.script == "task_begin" and result.state == "running":
            process.has_begun = True
            self.makers[process.task_id] = result.attempt, process.holder
            process.heard_at = self.now
        elif process and call.script == "task_write" and result.is_taken:
            attempt, holder = self.makers.get(process.task_id, (0, ""))
            mine = process.record.attempt
            assert mine > attempt or (mine == attempt and holder in ("", process.holder)), (
                f"{process} is taken at its word, and attempt {attempt} has been begun"
            )
            self.makers[process.task_id] = mine, process.holder
            process.heard_at = self.now
        elif (
            process
            and call.script == "task_renew"
            and result.state
            in (
                "running",
                "cancelling",
            )
        ):
            process.heard_at = self.now
        self.judge()
        return result

    def maker(self, task_id: str) -> Process | None:
        _, holder = self.makers.get(task_id, (0, ""))
        return next((one for one in self.processes if one.holder == holder), None)

    def state(self, task_id: str) -> dict[str, Any]:
        return self.snapshot(keys.task_room(task_id)).state

    def tell_all(self) -> None:
        """Whoever was to be told is told, as a server does with every end."""
        for task_id in self.parents:
            with self.at(None):
                rooms.run_steps(self.store, task_room.tell(self.site, task_id))

    # --- time ---

    def pass_time(self, ms: int) -> None:
        until = self.now + ms
        renewal = int(TASK_RENEWAL * 1000)
        while self.now < until:
            step = min(SWEEP, until - self.now)
            for process in self.processes:
                if process.is_up and (self.now // renewal != (self.now + step) // renewal):
                    process.renew()
            self.advance(step)
            self.sweep()

    def sweep(self) -> None:
        """Do what a server's keeper does."""
        with self.at(None):
            taken = rooms.run(self.store, due.take_call(100))
            for site, room in taken.rooms:
                task_id = room.partition(":")[2]
                swept = rooms.run(self.store, task_room.sweep_call(site, task_id))
                if swept.has_changed or swept.is_unsettled:
                    told = rooms.run_steps(self.store, task_room.tell(site, task_id))
                    if swept.is_unsettled:
                        note = task_room.note_call(site, task_id, "settled", told["attempt"])
                        rooms.run(self.store, note)
                rooms.run(self.store, due.schedule_call(site, room, taken.claimed_until, swept.due))

    # --- Redis loses its memory ---

    def trouble(self) -> None:
        self.last_trouble = self.now

    def forget(self) -> None:
        super().forget()
        self.makers.clear()
        self.seen.clear()
        self.trouble()

    def remember(self) -> Any:
        return super().remember(), dict(self.makers), dict(self.seen)

    def restore(self, memory: Any) -> None:
        redis, makers, seen = memory
        super().restore(redis)
        self.makers, self.seen = dict(makers), dict(seen)
        # What is said in the epochs of before is said again, and perhaps otherwise.
        self.ends.clear()
        self.trouble()

    # --- what must be so ---

    def _read_changes_of_tasks(self) -> list[rooms.Change]:
        changes = [rooms.Change(**event["message"]) for event in self._events.drain()]
        return [change for change in changes if change.room.startswith("task:")]

    def judge(self) -> None:
        """Judge all that was published since the last look."""
        for change in self._read_changes_of_tasks():
            task_id = change.room.partition(":")[2]
            before = self.seen.get(task_id)
            if before and before.epoch == change.epoch:
                outcome, after = rooms.apply_change(before, change)
                self._require(outcome == "applied", task_id, "a change follows the one before")
                self._judge_step(task_id, before.state, after.state)
            else:
                self._require(change.seq == 1, task_id, "a life begins with its first change")
                after = rooms.Snapshot(change.room, change.epoch, 1, change.set)
            self._judge_state(task_id, after.state)
            if after.state["state"] in ENDED:
                self._judge_end(task_id, after)
            self.seen[task_id] = after

    def _require(self, is_so: bool, task_id: str, promise: str, found: Any = "") -> None:
        if not is_so:
            raise Disagreement(f"{task_id} by {self.reason}: {promise} {found}")

    def _judge_step(self, task_id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        was, now = before["state"], after["state"]
        story = f"({before['attempt']} {was} → {after['attempt']} {now})"
        if after["attempt"] == before["attempt"]:
            self._require(was not in ENDED, task_id, "after an end is nothing", story)
            self._require(now in _FOLLOWING[was], task_id, "a state follows the one before", story)
            is_first_child = bool(after.get("children")) and not before.get("children")
            is_known = after["percent"] is not None and before["percent"] is not None
            fell = is_known and after["percent"] < before["percent"]
            self._require(not fell or is_first_child, task_id, "the percent never falls", story)
            heeded = (was, now) != ("cancelling", "lost") or self.last_trouble > 0
            self._require(heeded, task_id, "whoever was cancelled does not go on", story)
            self._judge_silence(task_id, was, now, story)
        else:
            grows = after["attempt"] > before["attempt"]
            self._require(grows, task_id, "an attempt is never taken back", story)
            ends_first = was in ENDED or was == "queued"
            self._require(ends_first, task_id, "an attempt ends before the next", story)
            self._require(now in ("queued", "running", *ENDED), task_id, "it begins anew", story)

    def _judge_silence(self, task_id: str, was: str, now: str, story: str) -> None:
        """Nobody who lives is called stalled, lost or cancelled."""
        maker = self.maker(task_id)
        if maker is None or not maker.is_alive or was == now:
            return
        if self.reason == "task_begin" or (self.reason == "task_write" and now == "lost"):
            return  # another process takes over; or, when Redis has gone back, one that it forgot
        silence = self.now - max(maker.heard_at, self.last_trouble)
        if now == "stalled":
            self._require(silence >= TASK_LEASE, task_id, "whoever lives is not stalled", story)
        elif now == "lost" or (now == "cancelled" and self.reason == "task_sweep"):
            least = TASK_LEASE + TASK_LOST_AFTER if self.last_trouble == 0 else TASK_LOST_AFTER
            self._require(silence >= least, task_id, "whoever lives is not given up", story)
        elif now == "cancelled":
            has_stopped = maker.ended_at is not None or was == "queued"
            self._require(has_stopped, task_id, "a job that goes on is not cancelled", story)

    def _judge_state(self, task_id: str, state: dict[str, Any]) -> None:
        done, total, percent = state.get("done", 0), state.get("total"), state.get("percent")
        self._require(total is None or done <= total, task_id, "done ≤ total", state)
        is_whole = percent == 100
        self._require(not is_whole or state["state"] == "done", task_id, "100 is done", state)
        parts = state.get("children")
        if parts:
            numbers = parts["done"], parts["failed"], parts["left"]
            self._require(min(numbers) >= 0, task_id, "no count is negative", parts)
            self._require(sum(numbers) == parts["total"], task_id, "they add up", parts)
            if state["state"] in ("done", "failed", "cancelled"):
                self._require(parts["left"] == 0, task_id, "it ends with its children", parts)

    def _judge_end(self, task_id: str, snapshot: rooms.Snapshot) -> None:
        state = snapshot.state
        key = (task_id, snapshot.epoch, state["attempt"])
        known = self.ends.setdefault(key, state["state"])
        self._require(known == state["state"], task_id, "an attempt ends once", known)
        self._require(state.get("ended_at") is not None, task_id, "an end has its time")

    def check(self) -> None:
        self.judge()
        for task_id in self.parents:
            snapshot = self.snapshot(keys.task_room(task_id))
            seen = self.seen.get(task_id)
            self._require(
                snapshot == seen if seen else not snapshot.epoch,
                task_id,
                "the changes lead to what a snapshot says",
                (snapshot, seen),
            )
            self._check_children(task_id, snapshot.state)
        endless = [key for key in self._keys() if self.client.ttl(key) < 0]
        assert not endless, f"nothing is kept for ever: {endless}"

    def _children(self, task_id: str) -> dict[str, str]:
        kept = self.client.hgetall(keys.task_keys(self.site, task_id)[3])
        return {child.decode(): text.decode() for child, text in kept.items()}

    def _check_children(self, task_id: str, state: dict[str, Any]) -> None:
        states = [text.split()[1] for text in self._children(task_id).values() if " " in text]
        recount = None
        if states:
            failed = sum(one in ENDED and one != "done" for one in states)
            done = states.count("done")
            left = len(states) - done - failed
            recount = {"total": len(states), "done": done, "failed": failed, "left": left}
        found = state.get("children")
        self._require(found == recount, task_id, "children are counted", (found, recount))

    def check_told(self) -> None:
        """Raise unless everybody knows what there is to know, once all are told."""
        self.tell_all()
        self.judge()
        for task_id in self.parents:
            state = self.state(task_id)
            listed = self.snapshot("tasks:ann").state.get(task_id)
            if state and not state["parent"]:
                assert listed, f"{task_id} is listed"
                assert (listed["state"], listed["ended_at"]) == (
                    state["state"],
                    state["ended_at"],
                ), f"the list says of {task_id} what is so"
            for child, text in self._children(task_id).items():
                known = self.state(child)
                if known and text != "parted" and state["state"] not in ENDED:
                    told = f"{known['attempt']} {known['state']}"
                    assert text == told, f"{task_id} knows of {child}: {text}, and it is {told}"
            outcome = self.client.hget(keys.task_keys(self.site, task_id)[1], "outcome")
            if outcome and state["state"] not in ENDED:
                assert state["children"]["left"], f"{task_id} waits for its children alone"

    def check_nobody_is_forgotten(self) -> None:
        """Raise if somebody is shown to run who has been dead for long."""
        bound = TASK_LEASE + TASK_LOST_AFTER + 3 * SWEEP
        for task_id in self.parents:
            maker, state = self.maker(task_id), self.state(task_id)
            if maker is None or maker.is_up or not state:
                continue
            silence = self.now - max(maker.heard_at, self.last_trouble)
            work = keys.task_keys(self.site, task_id)[1]
            if silence > bound and not self.client.hexists(work, "outcome"):
                shown = state["state"]
                is_over = shown in ENDED or shown == "queued"
                self._require(is_over, task_id, f"whoever is silent for {silence} ms is lost")


def enqueue(world: TaskWorld, task_id: str, parent: str | None) -> None:
    world.parents[task_id] = parent
    record = TaskRecord(task_id, world.site, "ann", "Task", parent=parent, queued_at=world.now)
    with world.at(None):
        rooms.run(world.store, task_room.write_call(record))
        rooms.run(world.store, task_room.note_call(world.site, task_id, "job", json.dumps("job")))
        rooms.run_steps(world.store, task_room.tell(world.site, task_id))


__all__ = ["Process", "TaskWorld", "Wire", "enqueue", "rule", "rule_time"]

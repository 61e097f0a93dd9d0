"""Judges what was seen of tasks against the truth that their jobs have written down.

Pure functions over the records of ``history.py``, as ``checker.py``, whose bounds, outages and
replay of what watchers heard they share.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from presence_progress.rooms import Snapshot
from presence_progress.task_record import ENDED
from tests.chaos import checker
from tests.chaos.checker import Bounds, Facts, Verdict, Violation
from tests.chaos.history import Record
from tests.chaos.spans import Spans, after, cut

_LEASE = 6.0
"""Seconds for which a job that stood still is known to live."""
_END_IS_TRIED = 8.0
"""Seconds that the end of a job is tried to be written, and the call before it may take."""
_RUNS = ("running", "stalled", "cancelling")


def is_of_tasks(record: Record) -> bool:
    """Return whether a record is of a task's room, or of who watches those."""
    room, watcher = record.get("room", ""), record.get("watcher", "")
    return str(room).startswith("task:") or str(watcher).startswith("task watcher")


@dataclass
class Process:
    """A job's process, by its own diary."""

    pid: int
    task: str
    start: float
    worker: int
    attempts: list[tuple[float, int]]
    """Since when it made which."""
    end: float = float("inf")
    how: str = ""
    killed: float = float("inf")
    killed_by: str = ""
    worker_killed: float = float("inf")
    frozen: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_frozen(self) -> bool:
        return bool(self.frozen) and self.frozen[-1][1] == float("inf")

    def attempt_at(self, t: float) -> int:
        index = bisect.bisect_right(self.attempts, (t, 1 << 30)) - 1
        return self.attempts[max(index, 0)][1]


@dataclass
class _Story:
    """A history of tasks, put in order."""

    facts: Facts
    bounds: Bounds
    processes: list[Process]
    of_task: dict[str, list[Process]]
    lost_data: list[float]
    asked: dict[tuple[str, str], list[float]]
    """By what was asked and the task: when."""
    sequences: dict[tuple[int, str, str], list[tuple[float, Snapshot]]]
    """By life of Redis, room and epoch: the states that were seen, by seq, and when first."""
    views: dict[tuple[str, str], list[tuple[float, Snapshot]]]
    """By watcher and room."""
    last: dict[str, Snapshot]
    """What Redis held at the end."""

    @property
    def away(self) -> Spans:
        return self.facts.holes("redis")

    def is_troubled(self, start: float, end: float) -> bool:
        """Return whether Redis or the driver was away then."""
        return bool(cut(self.away, start, end) or cut(self.facts.holes("driver"), start, end))

    def has_lost(self, start: float, end: float) -> bool:
        return any(start <= t <= end for t in self.lost_data)


def check(records: Sequence[Record], bounds: Bounds) -> Verdict:
    """Check all that a history tells of tasks."""
    story = _read(records, bounds)
    violations = [
        *story.facts.replay_violations,
        *checker._unanswered(story.facts),
        *_orders(story),
        *_late_snapshots(story),
        *_killed(story),
        *_living(story),
        *_jobs(story),
        *_ends(story),
    ]
    return Verdict(checker._together(violations), _tally(story, records), _measure(story))


def _read(records: Sequence[Record], bounds: Bounds) -> _Story:
    facts = Facts(
        [one for one in records if is_of_tasks(one) or not {"room", "session"} & one.keys()],
        bounds,
    )
    processes = _processes(records)
    of_task: dict[str, list[Process]] = defaultdict(list)
    for process in processes:
        of_task[process.task].append(process)
    asked: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record["kind"] == "ask":
            asked[record["what"], record["task"]].append(record["t"])
    first: dict[tuple[int, str, str, int], tuple[float, Snapshot]] = {}
    views: dict[tuple[str, str], list[tuple[float, Snapshot]]] = defaultdict(list)
    lost_data = [one["t"] for one in records if one["kind"] == "lost data"]
    for t, watcher, snapshot in facts.states:
        views[watcher, snapshot.room].append((t, snapshot))
        if snapshot.epoch:
            life = bisect.bisect_right(lost_data, t)
            first.setdefault((life, snapshot.room, snapshot.epoch, snapshot.seq), (t, snapshot))
    sequences: dict[tuple[int, str, str], list[tuple[float, Snapshot]]] = defaultdict(list)
    for (life, room, epoch, _), seen in sorted(first.items()):
        sequences[life, room, epoch].append(seen)
    last = {
        one["room"]: Snapshot(one["room"], one["epoch"], one["seq"], one["state"])
        for one in records
        if one["kind"] == "redis" and is_of_tasks(one)
    }
    return _Story(facts, bounds, processes, of_task, lost_data, asked, sequences, views, last)


def _processes(records: Sequence[Record]) -> list[Process]:
    found: dict[tuple[int, str], Process] = {}
    for record in records:
        if not record["kind"].startswith("job "):
            continue
        key = record["pid"], record["task"]
        t, attempt = record["t"], record["attempt"]
        if record["kind"] == "job started":
            found[key] = Process(*key, t, record["worker"], [(t, attempt)])
        process = found[key]
        if process.attempts[-1][1] != attempt:
            process.attempts.append((t, attempt))
        if record["kind"] == "job ended":
            process.end, process.how = t, record["how"]
    for record in records:
        if record["kind"] not in ("kill", "freeze", "thaw"):
            continue
        for process in found.values():
            _strike(process, record)
    return sorted(found.values(), key=lambda process: process.start)


def _strike(process: Process, record: Record) -> None:
    t = record["t"]
    if record["kind"] == "kill":
        is_worker, is_frozen = process.worker in record["pids"], process.is_frozen
        if is_worker:
            process.worker_killed = min(process.worker_killed, t)
        # Linux ends what stands still when its parent is gone.
        is_hit = process.pid in record["pids"] or (is_worker and is_frozen)
        # Also one that has written down its end, which nobody else may know of yet.
        if is_hit and process.start <= t < process.killed:
            process.killed, process.killed_by = t, record["what"]
    elif record["horse"] == process.pid:
        if record["kind"] == "freeze":
            process.frozen.append((t, float("inf")))
        elif process.is_frozen:
            process.frozen[-1] = process.frozen[-1][0], t


def _task_of(room: str) -> str:
    return room.partition(":")[2]


# --- the promises ---------------------------------------------------------------------------------


def _orders(story: _Story) -> Iterable[Violation]:
    """One end of an attempt, and nothing after it; nothing goes back."""
    for (_, room, epoch), sequence in story.sequences.items():
        for t, snapshot in sequence:
            for kind, text in _wrong(snapshot.state):
                yield Violation(kind, t, room, f"at {epoch}/{snapshot.seq}: {text}")
        for (_, before), (t, now) in itertools.pairwise(sequence):
            for kind, text in _steps_back(before.state, now.state):
                yield Violation(kind, t, room, f"{epoch}/{before.seq} to {now.seq}: {text}")


def _wrong(state: dict[str, Any]) -> Iterable[tuple[str, str]]:
    done, total = state.get("done") or 0, state.get("total")
    if total is not None and done > total:
        yield "more than all", f"{done} of {total}"
    if state.get("percent") == 100 and state.get("state") != "done":
        yield "100 % and not done", f"{state.get('state')}"
    parts = state.get("children")
    if parts:
        numbers = [parts["done"], parts["failed"], parts["left"]]
        if min(numbers) < 0 or sum(numbers) != parts["total"]:
            yield "wrong count of parts", f"{parts}"
        if state.get("state") == "done" and parts["left"]:
            yield "done before its parts", f"{parts}"


def _steps_back(before: dict[str, Any], now: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if not before or not now:
        return
    attempts = before["attempt"], now["attempt"]
    if attempts[1] < attempts[0]:
        yield "an attempt taken back", f"{attempts[0]} to {attempts[1]}"
    if attempts[0] != attempts[1]:
        return
    if before["state"] in ENDED:
        if now["state"] != before["state"]:
            yield "two ends", f"{before['state']}, then {now['state']}"
        elif now != before:
            changed = sorted(name for name in now if now[name] != before.get(name))
            yield "something after the end", f"{changed} after {before['state']}"
        return
    is_first_part = now.get("children") and not before.get("children")
    # The job's own loop counts from 0, once, when it begins.
    begins = before.get("total") != now.get("total")
    if None in (before["percent"], now["percent"]) or is_first_part or begins:
        return
    if now["percent"] < before["percent"]:
        yield "a bar that goes back", f"{before['percent']} to {now['percent']} %"


def _late_snapshots(story: _Story) -> Iterable[Violation]:
    """Who asks is told of all that anybody has heard of before he asked."""
    heard: dict[tuple[str, str], int] = {}
    asked: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    # A server that hears Redis again sends all rooms unasked: such a state may be on its way when
    # somebody asks, and his answer follows it soon, unless he is cut off.
    old: dict[tuple[str, str], Violation] = {}
    for record in story.facts.records:
        kind, key = record["kind"], (record.get("watcher", ""), record.get("room", ""))
        if kind == "lost data":
            heard.clear()
            asked.clear()
            old.clear()
        elif kind == "hears":
            old = {of: found for of, found in old.items() if of[0] != key[0]}
        elif kind == "denied":
            asked.pop(key, None)
            old.pop(key, None)
        elif kind == "asked":
            if key in old:
                yield old.pop(key)
            asked[key] = {known: seq for known, seq in heard.items() if known[0] == key[1]}
        elif kind in ("state", "change") and key[0]:
            position, seq = (key[1], record["epoch"]), record["seq"]
            least = asked[key].get(position, 0) if key in asked else 0
            if kind == "state" and seq >= least:
                asked.pop(key, None)
                found = old.pop(key, None)
                if found and record["t"] - found.t > story.bounds.answered:
                    yield found
            elif kind == "state":
                text = f"{key[0]} is told of {seq}, when {least} was heard before"
                found = Violation("a late snapshot is old", record["t"], key[1], text, key[0])
                old.setdefault(key, found)
            heard[position] = max(heard.get(position, 0), seq)
    yield from old.values()


def _killed(story: _Story) -> Iterable[Violation]:
    """Whose process was killed is lost on every screen, within the bound."""
    for process in story.processes:
        if process.killed == float("inf"):
            continue
        room, attempt = f"task:{process.task}", process.attempt_at(process.killed)
        for watcher in story.facts.watchers:
            holes = story.facts.watcher_holes(watcher)
            deadline = after(process.killed, story.bounds.task_lost + story.bounds.margin, holes)
            if deadline > story.facts.end or story.has_lost(process.killed - 10, deadline):
                continue
            state = _shown_at(story, watcher, room, deadline)
            if state is None or state.get("attempt") != attempt or state["state"] not in _RUNS:
                continue
            is_over = state["state"] == "cancelling" or process.end <= process.killed
            if is_over and (state.get("children") or {}).get("left"):
                continue  # it ends with its parts
            text = (
                f"still sees {state['state']} at {deadline:.2f} s, attempt {attempt} of process"
                f" {process.pid}, dead ({process.killed_by}) since {process.killed:.2f} s"
            )
            yield Violation("killed and not lost", deadline, room, text, watcher)


def _shown_at(story: _Story, watcher: str, room: str, t: float) -> dict[str, Any] | None:
    """Return what a watcher sees who has been there for a while, or None."""
    shown = story.facts.shown.get((watcher, room))
    settles = story.bounds.answered
    if not shown or not any(start + settles <= t < end for start, end in shown.known):
        return None
    view = story.views[watcher, room]
    index = bisect.bisect_right([at for at, _ in view], t) - 1
    return view[index][1].state if index >= 0 else None


def _living(story: _Story) -> Iterable[Violation]:
    """No job that lives is called stalled or lost; nor is one that has ended."""
    for (_, room, _), sequence in story.sequences.items():
        told: set[tuple[int, str]] = set()
        for t, snapshot in sequence:
            shown = snapshot.state.get("state", "")
            attempt = snapshot.state.get("attempt", 0)
            if shown not in ("stalled", "lost") or (attempt, shown) in told:
                continue
            told.add((attempt, shown))
            if reason := _no_reason(story, _task_of(room), attempt, shown, t):
                yield Violation(f"alive and {shown}", t, room, f"attempt {attempt}: {reason}")


def _no_reason(story: _Story, task: str, attempt: int, shown: str, t: float) -> str:
    """Return what speaks against a task's being stalled or lost; "" when it is so with reason."""
    processes = [one for one in story.of_task[task] if one.start <= t + 1]
    for process in processes:
        if process.killed <= t:
            return ""
        if any(start <= t and min(end, t) - start >= _LEASE - 1 for start, end in process.frozen):
            return ""
        unheard = process.end, process.end + _END_IS_TRIED
        if process.end <= t and story.is_troubled(*unheard):
            return ""
    if len({process.pid for process in processes}) > 1 and shown == "lost":
        return ""  # another process has begun: the first is out of it
    if shown == "stalled" and story.is_troubled(t - _LEASE - 2, t):
        return ""
    return (
        "; ".join(
            f"process {one.pid} from {one.start:.2f} to {one.end:.2f} s ({one.how or 'goes on'})"
            for one in processes
        )
        or "it has not begun"
    )


def _jobs(story: _Story) -> Iterable[Violation]:
    """No job fails, stops or vanishes because of its progress."""
    rq = {
        (one["task"], one["attempt"]): one["status"]
        for one in story.facts.records
        if one["kind"] == "rq"
    }
    for process in story.processes:
        task, room = process.task, f"task:{process.task}"
        cancels = [t for t in story.asked["cancel", task] if t <= process.end]
        if process.how.startswith("broke"):
            yield Violation("a job broke", process.end, room, process.how)
        elif process.how in ("cancelling", "cancelled") and not _may_stop(story, process):
            text = f"process {process.pid} was told {process.how}, and nobody had cancelled it"
            yield Violation("cancelled by nobody", process.end, room, text)
        elif process.how == "superseded" and len(story.of_task[task]) < 2:
            if not process.frozen and not story.asked["retry", task]:
                text = f"process {process.pid} is the only one"
                yield Violation("superseded by nobody", process.end, room, text)
        elif not process.how and process.killed == float("inf") and not cancels:
            last = story.last.get(room)
            if not last or last.state.get("cancelled_at") is None:
                text = f"process {process.pid} has neither ended nor was it killed"
                yield Violation("a job vanished", process.start, room, text)
        if process.how == "done":
            yield from _rq_agrees(story, process, rq)


def _may_stop(story: _Story, process: Process) -> bool:
    if story.asked["cancel", process.task]:
        return True
    parents = [one["task"] for one in story.facts.records if one.get("child") == process.task]
    return any(story.asked["cancel", parent] for parent in parents)


def _rq_agrees(
    story: _Story, process: Process, rq: dict[tuple[str, int], str]
) -> Iterable[Violation]:
    status = rq.get((process.task, process.attempts[0][1]))
    is_disturbed = (
        story.is_troubled(process.end - 1, process.end + 15)
        or story.has_lost(process.start, story.facts.end)
        or process.worker_killed < process.end + 5
        or process.killed < float("inf")
        or process.frozen
        or len(story.of_task[process.task]) > 1
    )
    if status not in (None, "finished") and not is_disturbed:
        text = f"process {process.pid} has done it, and RQ says {status}"
        yield Violation("RQ disagrees", process.end, f"task:{process.task}", text)


def _ends(story: _Story) -> Iterable[Violation]:
    """At the end Redis says what the last process says, and watchers say what Redis does."""
    for room, snapshot in story.last.items():
        state = snapshot.state
        processes = story.of_task[_task_of(room)]
        if state and state["state"] not in ENDED:
            text = f"is {state['state']} for ever, attempt {state['attempt']}"
            if state["state"] != "queued" and not story.has_lost(0, story.facts.end):
                yield Violation("wrong at the end", story.facts.end, room, text)
        yield from _truth_at_the_end(story, room, state, processes)
        for watcher in story.facts.watchers:
            seen = story.facts.shown.get((watcher, room))
            mine = seen.last if seen else None
            if mine and snapshot.epoch and (mine.epoch, mine.seq) != (snapshot.epoch, snapshot.seq):
                text = f"has {mine.epoch}/{mine.seq}, Redis {snapshot.epoch}/{snapshot.seq}"
                yield Violation("wrong at the end", story.facts.end, room, text, watcher)


def _truth_at_the_end(
    story: _Story, room: str, state: dict[str, Any], processes: list[Process]
) -> Iterable[Violation]:
    if not state or not processes:
        return
    last = processes[-1]
    if last.how not in ("done", "failed") or last.attempts[-1][1] != state["attempt"]:
        return
    if any(one.how and one.end > last.start for one in processes[:-1]):
        return  # two at once, after Redis was away
    parts = state.get("children") or {}
    fits = {last.how, *(("failed", "cancelled") if parts.get("failed") else ())}
    if state["state"] in fits or story.has_lost(last.start, story.facts.end):
        return
    is_killed = last.killed < float("inf")
    if story.is_troubled(last.end - 1, last.end + _END_IS_TRIED) or last.frozen or is_killed:
        return  # its end could not be written
    text = f"is {state['state']}, and process {last.pid} says {last.how} at {last.end:.2f} s"
    yield Violation("wrong at the end", story.facts.end, room, text)


# --- figures --------------------------------------------------------------------------------------


def _tally(story: _Story, records: Sequence[Record]) -> dict[str, int]:
    counts = Counter[str]()
    for record in records:
        kind = record["kind"]
        if kind == "ask":
            counts[f"tasks: asked to {record['what']}"] += 1
        elif kind == "kill":
            counts[f"tasks: {record['what']}"] += 1
        elif kind == "freeze":
            counts["tasks: process stood still"] += 1
        elif kind == "job step":
            counts["tasks: steps of jobs"] += 1
        elif kind in ("state", "change") and is_of_tasks(record):
            counts[f"tasks: {kind} heard"] += 1
    for process in story.processes:
        counts[f"tasks: process {process.how or 'was killed'}"] += 1
    for snapshot in story.last.values():
        counts[f"tasks: at the end {snapshot.state.get('state', 'forgotten')}"] += 1
    counts["tasks: positions"] = sum(map(len, story.sequences.values()))
    counts["tasks: attempts"] = len(
        {(process.task, attempt) for process in story.processes for _, attempt in process.attempts}
    )
    return dict(counts)


def _measure(story: _Story) -> dict[str, str]:
    """Return how long after a kill its task was seen to have ended, without trouble near."""
    times: dict[str, list[float]] = defaultdict(list)
    for process in story.processes:
        t = process.killed
        if t == float("inf") or process.end < t:
            continue
        attempt = process.attempt_at(t)
        for watcher in story.facts.watchers:
            view = story.views.get((watcher, f"task:{process.task}"), [])
            end = next(
                (
                    at
                    for at, snapshot in view
                    if at >= t
                    and snapshot.state.get("attempt") == attempt
                    and snapshot.state["state"] in ENDED
                ),
                None,
            )
            if end is not None:
                near = cut(story.facts.watcher_holes(watcher), t - 1, end)
                times[process.killed_by + (", near a fault" if near else "")].append(end - t)
    return {
        f"seen as ended after: {what}": checker._describe(list_of)
        for what, list_of in sorted(times.items())
    }

"""What a chaos run writes down: one JSON object a line, in the order in which it happened.

Each has ``t`` (seconds since the run began, by the driver's one clock) and ``kind``:

    run       seed, command, users who may not read, flags; the first line
    enter     session, user, room, server, activity     a tab says that it enters; written before
    update    session, activity
    end       session, how: left | goodbye | lost | vanished | denied; written before it is done
    down, up  part: "redis", "server 1", "watcher 3", "driver"; cause
    lost data Redis has come back without what it knew, or with an older state
    hears     watcher, server      it has a connection; deaf: it has none any more
    asked     watcher, room        it asks for a snapshot
    state     watcher, room, epoch, seq, state          as heard, in the order heard
    change    watcher, room, epoch, seq, set, unset
    denied    watcher, room, reason
    redis     room, epoch, seq, state                   what Redis held at the end

and of tasks, whose watchers are called "task watcher 1", … :

    ask       what: enqueue | cancel | retry, task      before it is done; then: answer, no answer
    kill      what, pids, horse    before it is done; freeze, thaw: a job's processes stand still
    job started, step, parts, ended     task, pid, attempt: the jobs' own truth, read at the end
    rq        task, attempt, status     what RQ thought of a job at the end
    end of run
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class History:
    """Takes notes, in memory and, line by line, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        self._begin = time.monotonic()
        self._file = path.open("w")

    def now(self) -> float:
        return time.monotonic() - self._begin

    def at(self, monotonic: float) -> float:
        """Return the time, in this history, of what another process has seen by its own clock."""
        return monotonic - self._begin

    def note(self, kind: str, *, at: float | None = None, **what: Any) -> None:
        """Write down what happens now, or has happened ``at`` a time."""
        record = {"t": round(self.now() if at is None else at, 4), "kind": kind, **what}
        self.records.append(record)
        self._file.write(json.dumps(record, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


def load(path: Path) -> list[Record]:
    """Read a history back."""
    with path.open() as lines:
        return sorted((json.loads(line) for line in lines), key=lambda record: record["t"])

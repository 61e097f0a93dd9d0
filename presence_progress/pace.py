"""How fast a job is and how long still, with what earlier runs of its method have taught."""

from __future__ import annotations

import time
from typing import Any

from presence_progress import keys, rooms
from presence_progress.estimate import Estimator, remembered
from presence_progress.settings import PACE_TTL
from presence_progress.task_record import TaskRecord


class Pace:
    """The pace of one attempt; ``prior`` is in seconds a step, None where there was no earlier
    run."""

    def __init__(self, record: TaskRecord, prior: float | None = None) -> None:
        self._record = record
        self._prior = prior
        self._estimator = Estimator(prior)
        self._begun = time.monotonic()
        self._stretch = record.stretch
        self._first = self._last = record.workload()[0]
        self._is_comparable = True

    def look(self) -> None:
        """Note how far the job is, and put rate and time left into its record."""
        record, now = self._record, time.monotonic()
        done, total = record.workload()
        if record.stretch != self._stretch:
            # Of several loops the steps of one are not those of another.
            self._is_comparable = self._last == self._first
            self._stretch, self._first = record.stretch, record.begun_at
        self._last = done
        self._estimator.sample(now, done)
        record.rate = None if record.weights else self._estimator.rate(now)
        left = self._estimator.estimate(now, total)
        record.eta, record.eta_range = (left.eta, (left.low, left.high)) if left else (None, None)

    def learnt(self) -> float | None:
        """Return what is to be remembered when the job is done; None when it cannot be compared
        with others."""
        if not self._is_comparable:
            return None
        seconds = time.monotonic() - self._begun
        return remembered(self._prior, seconds, self._record.workload()[0] - self._first)


def read_call(site: str, method: str) -> rooms.Call[float | None]:
    """Read what earlier runs of a method have taught: seconds a step."""

    def read(reply: Any) -> float | None:
        return float(reply) if reply else None

    return rooms.Call("", (), (), read, [("GET", keys.pace_key(site, method))])


def remember_call(site: str, method: str, seconds: float) -> rooms.Call[None]:
    """Remember it for the next run."""
    command = ("SET", keys.pace_key(site, method), f"{seconds:.6g}", "EX", PACE_TTL)
    return rooms.Call("", (), (), lambda reply: None, [command])

"""What a step costs: a bare loop, track(), and Task.advance(), on one Redis, in turns."""

from __future__ import annotations

from benchmarks.measure import medians, own_redis, report
from presence_progress import progress


def bare(steps: int) -> None:
    for _ in range(steps):
        pass


def track(steps: int) -> None:
    for _ in progress.track(range(steps)):
        pass


def advance(steps: int) -> None:
    with progress.Task(total=steps) as task:
        for _ in range(steps):
            task.advance()


if __name__ == "__main__":
    with own_redis():
        jobs = {"for _ in range(n)": bare, "track(range(n))": track, "task.advance()": advance}
        report("a step", 1e-9, "ns", medians(1_000_000, jobs))

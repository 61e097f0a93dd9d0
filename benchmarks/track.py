"""What a step costs: a bare loop, tqdm, track(), and Task.advance(), on one Redis, in turns; and
what a million steps make of traffic."""

from __future__ import annotations

import io
import statistics
import time
from typing import Any

from tqdm import tqdm

from benchmarks.measure import own_redis, report, rounds
from presence_progress import progress

STEPS = 1_000_000


def bare(steps: int) -> None:
    for _ in range(steps):
        pass


def with_tqdm(steps: int) -> None:
    for _ in tqdm(range(steps), file=io.StringIO()):
        pass


def update_tqdm(steps: int) -> None:
    with tqdm(total=steps, file=io.StringIO()) as bar:
        for _ in range(steps):
            bar.update()


def track(steps: int) -> None:
    for _ in progress.track(range(steps)):
        pass


def advance(steps: int) -> None:
    with progress.Task(total=steps) as task:
        for _ in range(steps):
            task.advance()


def writes(client: Any, seconds: float, pause: float) -> tuple[int, int]:
    """Run a task for some seconds, and return its steps and the scripts that it had Redis run."""

    def calls() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    before, steps, end = calls(), 0, time.monotonic() + seconds
    with progress.Task() as task:
        while time.monotonic() < end:
            task.advance()
            steps += 1
            if pause:
                time.sleep(pause)
    return steps, calls() - before


AGAINST = {"track(range(n))": "tqdm(range(n))", "task.advance()": "tqdm.update()"}


if __name__ == "__main__":
    with own_redis() as client:
        jobs = {
            "for _ in range(n)": bare,
            "tqdm(range(n))": with_tqdm,
            "track(range(n))": track,
            "tqdm.update()": update_tqdm,
            "task.advance()": advance,
        }
        found = rounds(STEPS, jobs)
        medians = {name: statistics.median(seconds) for name, seconds in found.items()}
        report(f"a step, of {STEPS:,}", 1e-9, "ns", medians)
        for ours, theirs in AGAINST.items():
            ratios = [own / other for own, other in zip(found[ours], found[theirs], strict=True)]
            low, high = min(ratios), max(ratios)
            ratio = f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
            print(f"  {ours} takes {ratio} times as long as {theirs}")
        print("traffic of a task that lasts 5 seconds")
        for name, pause in (("as fast as it goes", 0.0), ("five steps a second", 0.2)):
            steps, calls = writes(client, 5, pause)
            print(f"  {name:<46} {steps:>12,} steps {calls:>6} scripts run in Redis")

"""What both benchmarks need: a Redis of their own, and the median of several interleaved runs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from presence_progress import context
from tests.conftest import RedisServer

RUNS = 7


@contextmanager
def own_redis() -> Iterator[Any]:
    """Start a Redis, point the package at it, and yield a client."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        context.configure(site="bench.localhost", redis_url=server.url)
        with redis.Redis.from_url(server.url) as client:
            yield client
        server.stop()


def rounds(steps: int, jobs: Mapping[str, Callable[[int], None]]) -> dict[str, list[float]]:
    """Return the seconds a step of each job, round by round; the jobs take turns, so that drift
    hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, job in jobs.items():
            begun = time.perf_counter()
            job(steps)
            seconds[name].append((time.perf_counter() - begun) / steps)
    return seconds


def medians(steps: int, jobs: Mapping[str, Callable[[int], None]]) -> dict[str, float]:
    """Return the median seconds a step of each job."""
    return {name: statistics.median(values) for name, values in rounds(steps, jobs).items()}


def report(title: str, unit: float, unit_name: str, found: dict[str, float]) -> None:
    """Print each job, and how many times as long it takes as the first one."""
    base = next(iter(found.values()))
    print(title)
    for name, value in found.items():
        print(f"  {name:<46} {value / unit:8.2f} {unit_name}  {value / base:6.2f} x")

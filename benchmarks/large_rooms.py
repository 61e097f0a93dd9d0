"""What a document costs that very many have open: a join in Redis, memory, what others are sent.

``python -m benchmarks.large_rooms``: at several sizes, in one run.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from benchmarks.measure import own_redis
from presence_progress import keys, presence, rooms
from presence_progress.presence import Presence, Who
from presence_progress.settings import SWEEP_INTERVAL

SITE, DOCTYPE, NAME = "bench.localhost", "ToDo", "a"
ROOM = keys.presence_room(DOCTYPE, NAME)
SIZES = 100, 1_000, 10_000
JOINS = 500
"""Measured at each size, by Redis's own count of the time in scripts."""


def viewer(number: int) -> Presence:
    user = f"user{number}@example.com"
    return Presence(SITE, DOCTYPE, NAME, f"s{number}", user, Who(f"User {number}"))


class Sweeper:
    """Sweeps the room as servers do; counts what is published meanwhile."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_over = threading.Event()
        self.events = self.octets = 0

    def __enter__(self) -> Sweeper:
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(keys.EVENTS_CHANNEL)
        self._threads = [threading.Thread(target=run) for run in (self._sweep, self._hear)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(2 * SWEEP_INTERVAL / 1000)
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._pubsub.close()

    def _sweep(self) -> None:
        while not self._is_over.wait(SWEEP_INTERVAL / 1000):
            rooms.run(self._client, presence.sweep_call(SITE, ROOM))

    def _hear(self) -> None:
        while not self._is_over.is_set():
            message = self._pubsub.get_message(timeout=0.1)
            if message:
                self.events += 1
                self.octets += len(message["data"])


def script_time(client: Any) -> float:
    """Return the µs that Redis has spent in scripts."""
    commands = client.info("commandstats").items()
    return float(sum(found["usec"] for name, found in commands if "_eval" in name))


def enter(client: Any, numbers: range) -> None:
    is_noted = False
    for start in range(0, len(numbers), 100):
        with client.pipeline(transaction=False) as pipeline:
            for number in numbers[start : start + 100]:
                call = presence.enter_call(viewer(number), node="node", is_noted=is_noted)
                rooms.fill(pipeline, call)
                is_noted = True
            replies = pipeline.execute()
        position = call.read(replies[-1])
        if position and position.wants_sweep:
            # As the node does that has entered them: from now on changes are gathered.
            rooms.run(client, presence.note_call(SITE, ROOM))


def memory(client: Any) -> int:
    keys_of_room = keys.presence_keys(SITE, ROOM)
    return sum(client.memory_usage(key, samples=0) or 0 for key in keys_of_room)


def main() -> None:
    with own_redis() as client:
        rooms.run(client, presence.enter_call(viewer(0), node="node"))
        print("viewers  a join in Redis     x   kB each   sent to each watcher during the joins")
        first = 0.0
        for before, size in itertools.pairwise((1, *SIZES)):
            with Sweeper(client) as sweeper:
                begun = time.perf_counter()
                enter(client, range(before, size - JOINS if size > JOINS else before))
                spent = script_time(client)
                enter(client, range(max(before, size - JOINS), size))
                seconds = time.perf_counter() - begun
                microseconds = (script_time(client) - spent) / min(JOINS, size - before)
            first = first or microseconds
            print(
                f"{size:7,}  {microseconds:9.1f} µs  {microseconds / first:7.2f}"
                f"  {memory(client) / size / 1000:8.2f}"
                f"   {sweeper.events:,} changes, {sweeper.octets / 1000:,.0f} kB,"
                f" of {size - before:,} joins in {seconds:.1f} s"
            )
        here = presence.here(DOCTYPE, NAME)
        assert here.count == SIZES[-1]
        state = rooms.to_json(rooms.snapshot(ROOM).state)
        print(
            f"a snapshot: {len(here.viewers)} viewers of {here.count:,}, {len(state) / 1000:.0f} kB"
        )


if __name__ == "__main__":
    main()

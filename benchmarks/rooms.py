"""What keeping a room's state costs, against telling and keeping nothing: Frappe's plain event."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import medians, own_redis, report
from presence_progress import counts, presence, rooms


def plain_events(steps: int) -> None:
    for step in range(steps):
        counts.publish_realtime("count", {"count": step}, user="Administrator")


def kept_counts(steps: int) -> None:
    for step in range(steps):
        counts.set("count", step)


def kept_counts_that_do_not_change(steps: int) -> None:
    for _ in range(steps):
        counts.set("count", -1)


def enters(steps: int) -> None:
    for step in range(steps):
        presence.enter("ToDo", "a", session=f"s{step % 200}", user=f"u{step % 100}")


def keeps(client: Any, steps: int) -> None:
    call = presence.keep_call("bench.localhost", "presence:ToDo/a", "node", ())
    for _ in range(steps):
        rooms.run(client, call)


if __name__ == "__main__":
    with own_redis() as client:
        jobs = {
            "publish_realtime(): told, not kept": plain_events,
            "counts.set(): kept and told": kept_counts,
            "counts.set(): kept, nothing new to tell": kept_counts_that_do_not_change,
            "presence.enter(): 100 users in one document": enters,
            "presence: a node keeps a document": lambda steps: keeps(client, steps),
        }
        report("a round trip", 1e-6, "µs", medians(2_000, jobs))

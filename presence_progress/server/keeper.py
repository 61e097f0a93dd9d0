"""Keeps rooms true: lets happen in them what happens by itself. Any number of servers may do so
side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from presence_progress import due
from presence_progress.due import Place
from presence_progress.server.calls import Calls
from presence_progress.server.node import BATCH, repeat
from presence_progress.settings import SWEEP_INTERVAL, WATCHED_SWEEP_INTERVAL


class Sweeper(Protocol):
    """Sweeps rooms of one kind."""

    async def sweep(self, places: Sequence[Place]) -> list[int | None]:
        """Sweep rooms, and return in how many ms each is due again, or -1; None where its
        shard is away."""


class Keeper:
    """Runs for as long as the server does; Redis being away stops nothing, it is tried again."""

    def __init__(
        self,
        calls: Calls,
        sweepers: Mapping[str, Sweeper],
        watched: Callable[[], Iterable[Place]],
    ) -> None:
        self._calls = calls
        self._sweepers = sweepers
        """By the first word of the rooms' names."""
        self._watched = watched

    async def run(self) -> None:
        """Sweep until cancelled."""
        await asyncio.gather(
            repeat(self._sweep_due, SWEEP_INTERVAL / 1000),
            repeat(self._sweep_watched, WATCHED_SWEEP_INTERVAL / 1000),
        )

    async def _sweep_due(self) -> None:
        taken = await self._calls.run(due.take_call(BATCH))
        again = await self._sweep(taken.rooms)
        await self._calls.run_all(
            [
                due.schedule_call(*place, taken.claimed_until, due_at)
                for place, due_at in again.items()
                if due_at is not None
            ]
        )

    async def _sweep_watched(self) -> None:
        """Sweep what somebody looks at, should Redis have lost that it is due."""
        places = [place for place in self._watched() if _kind(place) in self._sweepers]
        for start in range(0, len(places), BATCH):
            await self._sweep(places[start : start + BATCH])

    async def _sweep(self, places: Sequence[Place]) -> dict[Place, int | None]:
        again: dict[Place, int | None] = {}
        for kind, sweeper in self._sweepers.items():
            of_kind = [place for place in places if _kind(place) == kind]
            if of_kind:
                again.update(zip(of_kind, await sweeper.sweep(of_kind), strict=True))
        return again


def _kind(place: Place) -> str:
    return place[1].partition(":")[0]

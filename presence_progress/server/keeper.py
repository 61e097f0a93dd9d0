"""Keeps presence true: lets happen in rooms what happens by itself, and tells the sites' hooks of
it. Any number of servers may do so side by side.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from redis.exceptions import RedisError

from presence_progress import presence
from presence_progress.presence import Swept
from presence_progress.server.calls import Calls
from presence_progress.server.engine import spawn
from presence_progress.server.node import BATCH, Node, Place, repeat
from presence_progress.server.questions import Unavailable
from presence_progress.settings import SWEEP_INTERVAL, WATCHED_SWEEP_INTERVAL


class Hooks(Protocol):
    """A site's hooks of presence."""

    def has_hooks(self, site: str) -> bool: ...

    async def tell(self, site: str, room: str, transitions: list[Any]) -> None: ...


class Keeper:
    """Runs for as long as the server does; Redis being away stops nothing, it is tried again."""

    def __init__(
        self, calls: Calls, node: Node, hooks: Hooks, watched: Callable[[], Iterable[Place]]
    ) -> None:
        self._calls = calls
        self._node = node
        self._hooks = hooks
        self._watched = watched
        self._telling: set[Place] = set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await asyncio.gather(
            repeat(self._sweep_due, SWEEP_INTERVAL / 1000),
            repeat(self._sweep_watched, WATCHED_SWEEP_INTERVAL / 1000),
        )

    async def _sweep_due(self) -> None:
        due = await self._calls.run(presence.due_call(BATCH))
        swept = await self._sweep(due.rooms)
        await self._calls.run_all(
            [
                presence.schedule_call(site, room, due.claimed_until, room_swept.due)
                for (site, room), room_swept in zip(due.rooms, swept, strict=True)
                if room_swept
            ]
        )

    async def _sweep_watched(self) -> None:
        """Sweep what somebody looks at, should Redis have lost that it is due."""
        places = list(self._watched())
        for start in range(0, len(places), BATCH):
            await self._sweep(places[start : start + BATCH])

    async def _sweep(self, places: list[Place]) -> list[Swept | None]:
        """Return what came of it in each room, None where its shard is away."""
        hooked = [self._hooks.has_hooks(site) for site, _ in places]
        results = await self._calls.try_all(
            [
                presence.sweep_call(*place, has_hooks=has_hooks)
                for place, has_hooks in zip(places, hooked, strict=True)
            ]
        )
        swept = [None if isinstance(result, BaseException) else result for result in results]
        for place, has_hooks, room in zip(places, hooked, swept, strict=True):
            if room is None:
                continue
            if room.transitions and place not in self._telling:
                spawn(self._tell(place, room.transitions))
            for node in room.nodes:
                if node not in self._node.known:
                    call = presence.lost_node_call(node, *place, has_hooks=has_hooks)
                    await self._calls.run(call)
        return swept

    async def _tell(self, place: Place, transitions: list[str]) -> None:
        self._telling.add(place)
        try:
            await self._hooks.tell(*place, [json.loads(one) for one in transitions])
            await self._calls.run(presence.told_call(*place, transitions))
        except (Unavailable, RedisError, OSError):
            pass  # They stay in Redis, and are told at the next sweep.
        finally:
            self._telling.discard(place)

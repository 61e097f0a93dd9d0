"""Lets happen in presence rooms what happens by itself, and tells the sites' hooks of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from redis.exceptions import RedisError

from presence_progress import presence
from presence_progress.due import Place
from presence_progress.presence import Swept
from presence_progress.server.calls import Calls
from presence_progress.server.engine import spawn
from presence_progress.server.node import Node
from presence_progress.server.questions import Unavailable


class Hooks(Protocol):
    """A site's hooks of presence."""

    def has_hooks(self, site: str) -> bool: ...

    async def tell(self, site: str, room: str, transitions: list[Any]) -> None: ...


class PresenceSweeper:
    """Knows what a sweep of a presence room brings to light."""

    def __init__(self, calls: Calls, node: Node, hooks: Hooks) -> None:
        self._calls = calls
        self._node = node
        self._hooks = hooks
        self._telling: set[Place] = set()

    async def sweep(self, places: Sequence[Place]) -> list[int | None]:
        """Sweep rooms, and return in how many ms each is due again; None where its shard
        is away."""
        hooked = [self._hooks.has_hooks(site) for site, _ in places]
        results = await self._calls.try_all(
            [
                presence.sweep_call(*place, has_hooks=has_hooks)
                for place, has_hooks in zip(places, hooked, strict=True)
            ]
        )
        swept = [None if isinstance(result, BaseException) else result for result in results]
        for place, has_hooks, room in zip(places, hooked, swept, strict=True):
            if room is not None:
                await self._see_to(place, room, has_hooks)
        return [None if room is None else room.due for room in swept]

    async def _see_to(self, place: Place, room: Swept, has_hooks: bool) -> None:
        if room.transitions and place not in self._telling:
            spawn(self._tell(place, room.transitions))
        for node in room.nodes:
            if node not in self._node.known:
                call = presence.lost_node_call(node, *place, has_hooks=has_hooks)
                await self._calls.run(call)

    async def _tell(self, place: Place, transitions: list[str]) -> None:
        self._telling.add(place)
        try:
            await self._hooks.tell(*place, [json.loads(one) for one in transitions])
            await self._calls.run(presence.told_call(*place, transitions))
        except (Unavailable, RedisError, OSError):
            pass  # They stay in Redis, and are told at the next sweep.
        finally:
            self._telling.discard(place)

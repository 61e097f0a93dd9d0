"""Where rooms live, as the server uses it: something that calls go to, and that a bus hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from redis.exceptions import ResponseError

from presence_progress import rooms
from presence_progress.address import ClusterAddress, read_address
from presence_progress.server.calls import Calls
from presence_progress.server.cluster import Cluster, ClusterCalls
from presence_progress.server.connection import (
    connect,
    connect_to,
    connect_to_node,
    disconnect,
)
from presence_progress.server.subscription import Subscription
from presence_progress.settings import Settings


class Source(Protocol):
    """What a bus hears: one Redis, or several that tell each other what is published."""

    async def publishers(self) -> Mapping[str, Any]:
        """Return a client for each Redis that events come from, by its name; ``RedisError`` when
        that cannot be told now."""
        ...

    async def subscribe(self, *channels: str) -> Subscription:
        """Subscribe to what all of them publish."""
        ...

    async def close(self) -> None: ...


class Single:
    """One Redis by itself, which has no name among others."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def publishers(self) -> Mapping[str, Any]:
        return {"": self._redis}

    async def subscribe(self, *channels: str) -> Subscription:
        return await Subscription.open(self._redis, *channels)

    async def close(self) -> None:
        await disconnect(self._redis)


@dataclass(frozen=True)
class Store:
    """Calls, and the connections behind them.

    ``is_heard`` says whether the bus must hear the source beside Frappe's Redis.
    """

    calls: Calls
    source: Source
    is_heard: bool = True
    probes: int = 1
    """Calls that reach every shard, more or less."""

    async def why_not_ready(self) -> str | None:
        """Return why no call succeeds, or None: one shard that is away leaves the others."""
        name = "the store" if self.is_heard else "Redis"
        results = await self.calls.try_all([rooms.probe_call(n) for n in range(self.probes)])
        if any(result is True for result in results):
            return None
        failure = results[0]
        if isinstance(failure, ResponseError):
            return f"{name} refuses writes: {failure}"
        return f"{name} is away" if isinstance(failure, BaseException) else f"{name} forgets"

    async def close(self) -> None:
        await self.calls.close()
        await self.source.close()


_OWN = {"socket_timeout": None}
"""Calls have a time limit for each pipeline."""


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name, or else Frappe's Redis; nothing is sent yet."""
    address = read_address(settings.store_url) if settings.store_url else None
    if isinstance(address, ClusterAddress):
        cluster = Cluster(address, connect_to_node)
        return Store(ClusterCalls(cluster), cluster, probes=16)
    # A client of its own: whatever uses up Frappe's connections, calls have theirs.
    own = connect_to(address, **_OWN) if address else connect(settings, **_OWN)
    return Store(Calls(own), Single(own), is_heard=address is not None)

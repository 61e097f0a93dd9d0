"""Where rooms live, as the server uses it: something that calls go to, and that a bus hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from presence_progress.address import ClusterAddress, read_address
from presence_progress.server.calls import Calls
from presence_progress.server.cluster import Cluster, ClusterCalls
from presence_progress.server.connection import connect_to, connect_to_node, disconnect
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
    """Calls, and what to hear beside Frappe's Redis: None where that is the store."""

    calls: Calls
    source: Source | None = None

    async def close(self) -> None:
        await self.calls.close()
        if self.source:
            await self.source.close()


def open_store(settings: Settings, redis: Any) -> Store:
    """Return the store that the settings name, or else Frappe's ``redis``; nothing is sent yet."""
    if settings.store_url is None:
        return Store(Calls(redis))
    address = read_address(settings.store_url)
    if isinstance(address, ClusterAddress):
        cluster = Cluster(address, connect_to_node)
        return Store(ClusterCalls(cluster), cluster)
    own = connect_to(address)
    return Store(Calls(own), Single(own))

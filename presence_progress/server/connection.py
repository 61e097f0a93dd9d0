"""One Redis client for the server, alike for every redis-py that a bench may have."""

from __future__ import annotations

from typing import Any

import redis.asyncio

from presence_progress.settings import REDIS_TIMEOUT


def connect(url: str) -> Any:
    """Return a client; nothing is sent before its first use."""
    # Not socket_connect_timeout as well: redis-py 4 knows none for unix:// and takes this for both.
    return redis.asyncio.Redis.from_url(url, socket_timeout=REDIS_TIMEOUT)


async def disconnect(client: Any) -> None:
    """Close a client's connections; redis-py 4 leaves them open when it closes the client."""
    await client.connection_pool.disconnect()


async def unsubscribe(pubsub: Any) -> None:
    """End a subscription: redis-py 4 knows only close(), later ones warn of it."""
    await getattr(pubsub, "aclose", pubsub.close)()

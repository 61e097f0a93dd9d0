"""One Redis client for the server, alike for every redis-py that a bench may have."""

from __future__ import annotations

from typing import Any

import redis.asyncio

from presence_progress.settings import REDIS_TIMEOUT


def connect(url: str) -> Any:
    """Return a client; nothing is sent before its first use."""
    # Not socket_connect_timeout as well: redis-py 4 knows none for unix:// and takes this for both.
    return redis.asyncio.Redis.from_url(url, socket_timeout=REDIS_TIMEOUT)


async def close(connection: Any) -> None:
    """Close a client or a subscription: redis-py 4 knows only close(), later ones warn of it."""
    await getattr(connection, "aclose", connection.close)()

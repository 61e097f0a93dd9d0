"""The server's Redis clients, alike for every redis-py that a bench may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import redis.asyncio
from hiredis import pack_command
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from presence_progress.settings import REDIS_CONNECTIONS, REDIS_TIMEOUT, Sentinel, Settings


def connect(settings: Settings, **more: Any) -> Any:
    """Return a client of the Redis that carries Frappe's events; nothing is sent before its first
    use."""
    return connect_to(settings.sentinel or settings.redis_url, **more)


def connect_to(address: str | Sentinel, **more: Any) -> Any:
    """Return a client of a single Redis; nothing is sent before its first use."""
    # Not socket_connect_timeout as well: redis-py 4 knows none for unix:// and takes this for both.
    options: dict[str, Any] = {
        # Whoever finds all of them taken waits; redis-py's other pool fails there.
        "max_connections": REDIS_CONNECTIONS,
        "timeout": REDIS_TIMEOUT,
        "socket_timeout": REDIS_TIMEOUT,
        # That Redis has closed an idle connection is noticed only at its next use. One that hangs
        # has had its time: it is not asked twice.
        "retry": Retry(NoBackoff(), 1, (ConnectionError,)),
        "retry_on_error": [ConnectionError],
        **more,
    }
    if isinstance(address, str):
        pool = redis.asyncio.BlockingConnectionPool.from_url(address, **options)
    else:
        pool = redis.asyncio.BlockingConnectionPool(
            connection_class=_ConnectionToMaster,
            given=address,
            username=address.username,
            password=address.password,
            **options,
        )
    kind = pool.connection_class
    pool.connection_class = type(kind.__name__, (_PackedInC, kind), {})
    return redis.asyncio.Redis(connection_pool=pool)


def connect_to_node(url: str) -> Any:
    """Return a client of one node of a cluster, which fails at once: whether and where it is tried
    again is for whoever knows the cluster."""
    return connect_to(url, retry=Retry(NoBackoff(), 0))


class _PackedInC:
    """Packs a pipeline in C: redis-py's own packing is most of what a script call costs."""

    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> list[bytes]:
        return [b"".join([pack_command(tuple(command)) for command in commands])]


class _ConnectionToMaster(redis.asyncio.Connection):
    """Asks the sentinels each time where the master is; they cut us off when it has changed.

    redis-py has one like it, but no subscription can be made with that of Frappe v15's 4.5.5.
    """

    def __init__(self, *, given: Sentinel, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._service = given.service
        self._sentinel = redis.asyncio.Sentinel(  # type: ignore[no-untyped-call]
            given.nodes,
            sentinel_kwargs={
                "username": given.sentinel_username,
                "password": given.sentinel_password,
                "socket_timeout": REDIS_TIMEOUT,
            },
        )

    async def connect(self) -> None:
        if not self.is_connected:
            self.host, self.port = await self._sentinel.discover_master(self._service)
            for client in self._sentinel.sentinels:
                await disconnect(client)
        await super().connect()  # type: ignore[no-untyped-call]


async def disconnect(client: Any) -> None:
    """Close a client's connections; redis-py 4 leaves them open when it closes the client."""
    await client.connection_pool.disconnect()


async def subscribe(client: Any, *channels: str) -> Any:
    """Return a subscription that fails when its connection is lost: mended unnoticed, it would miss
    what is said meanwhile."""
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(*channels)
    pubsub.connection.retry = Retry(NoBackoff(), 0)
    return pubsub


async def unsubscribe(pubsub: Any) -> None:
    """End a subscription: redis-py 4 knows only close(), later ones warn of it."""
    await getattr(pubsub, "aclose", pubsub.close)()

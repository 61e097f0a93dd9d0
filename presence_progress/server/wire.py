"""A connection to Redis, as bytes: for the subscription and its canary, and for nothing else.

Messages are read in gulps here, since redis-py reads one at a time, which costs more than all the
rest of a delivery. Every message names its channel, so there are no replies that could reach the
wrong caller; calls, which have them, go through redis-py (``calls.py``). redis-py makes the
connection: address, password, TLS, sentinels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
import structlog
from redis.exceptions import ConnectionError

_GULP = 1 << 18

log = structlog.get_logger(__name__)


class Wire:
    """Open until it is closed; ``RedisError`` or ``OSError`` when Redis is gone."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, redis: Any) -> Wire | None:
        """Return a connection of its own; None, and a log line, when this redis-py keeps its bytes
        elsewhere than those that we know."""
        pool = redis.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        await connection.connect()
        streams = getattr(connection, "_reader", None), getattr(connection, "_writer", None)
        if isinstance(streams[0], asyncio.StreamReader) and streams[1] is not None:
            return cls(connection)
        log.warning("this redis-py is used the slow way", connection=type(connection).__name__)
        await connection.disconnect()
        return None

    def send(self, commands: Iterable[Sequence[str | int]]) -> None:
        packed = (hiredis.pack_command(tuple(command)) for command in commands)  # type: ignore[arg-type]
        self._connection._writer.write(b"".join(packed))

    async def read(self) -> bytes:
        """Return what has come."""
        data: bytes = await self._connection._reader.read(_GULP)
        if not data:
            raise ConnectionError("Connection closed by server.")
        return data

    def abort(self) -> None:
        """Let the read that waits fail."""
        self._connection._writer.transport.abort()

    async def close(self) -> None:
        await self._connection.disconnect()

"""Script calls of all sockets, in as few round trips as can be.

What comes up while one round trip is under way goes with the next: a storm of five hundred pages
that come back together is a handful of pipelines on one connection, not five hundred connections.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from presence_progress import rooms

T = TypeVar("T")

_MOST = 200
"""Calls in one round trip: enough to be cheap, few enough not to hold up Redis."""


class Calls:
    """Runs script calls; a failure of Redis reaches all that were under way, one of a script the
    one that made it."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._waiting: list[tuple[rooms.Call[Any], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    def run(self, call: rooms.Call[T]) -> asyncio.Future[T]:
        """Put a call in line; the answer is there to be awaited."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        if self._sending is None:
            self._sending = asyncio.ensure_future(self._send())
        return answer

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                results = await rooms.run_each_async(self._redis, [call for call, _ in batch])
            except Exception as error:
                results = [error] * len(batch)
            for (_, answer), result in zip(batch, results, strict=True):
                if answer.done():  # whoever asked has gone meanwhile
                    continue
                if isinstance(result, Exception):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)
        self._sending = None

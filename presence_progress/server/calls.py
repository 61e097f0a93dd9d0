"""Script calls of all sockets, over one connection.

What comes up in one turn of the event loop goes out in one write, and nobody waits for the answers
before: a storm of five hundred pages that come back together is a handful of writes, not five
hundred connections.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import hiredis
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from presence_progress import rooms
from presence_progress.server.wire import Wire
from presence_progress.settings import REDIS_TIMEOUT

T = TypeVar("T")

_NOTHING = object()
_ERRORS = {"NOSCRIPT": NoScriptError, "LOADING": BusyLoadingError}


class _Asked(Generic[T]):
    """A call, and who waits for its answer."""

    __slots__ = ("answer", "call", "is_again", "replies_left", "sent_at")

    def __init__(self, call: rooms.Call[T]) -> None:
        self.call = call
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.is_again = False
        """Whether it is sent once more: its connection was lost, or its script unknown."""
        self.replies_left = 0
        self.sent_at = 0.0

    def fail(self, error: Exception) -> None:
        if not self.answer.done():  # whoever asked has gone meanwhile
            self.answer.set_exception(error)


class Calls:
    """Runs script calls; a failure of Redis reaches all that were under way, one of a script the
    one that made it. Each must bear repetition: after a lost connection it is sent once more."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._waiting: list[_Asked[Any]] = []
        self._sent: deque[_Asked[Any]] = deque()
        self._wire: Wire | None = None
        self._serving: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        """Set while answers are due: a Redis that hangs shall not be waited for without end."""

    def run(self, call: rooms.Call[T]) -> asyncio.Future[T]:
        """Put a call in line; the answer is there to be awaited."""
        asked = _Asked(call)
        self._waiting.append(asked)
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._serve())
        elif len(self._waiting) == 1 and self._wire is not None:
            asyncio.get_running_loop().call_soon(self._send)
        return asked.answer

    async def run_steps(self, steps: rooms.Steps[T]) -> T:
        """Run calls that depend on one another, and return what they come to."""
        try:
            call = next(steps)
            while True:
                call = steps.send(await self.run(call))
        except StopIteration as end:
            result: T = end.value
            return result

    async def run_all(self, calls: Sequence[rooms.Call[T]]) -> list[T]:
        return await asyncio.gather(*map(self.run, calls))

    async def try_all(self, calls: Sequence[rooms.Call[T]]) -> list[T | BaseException]:
        """Run many, with what Redis failed at in the place of its result: of several shards one may
        be away."""
        results = await asyncio.gather(*map(self.run, calls), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, (RedisError, OSError)):
                raise result
        return results

    async def close(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    def _give_up(self, asked: list[_Asked[Any]] | deque[_Asked[Any]]) -> None:
        for one in asked:
            one.fail(ConnectionError("the server ends"))
        asked.clear()

    # --- the connection ---

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._serve_once()
        finally:
            self._serving = None
            self._give_up(self._waiting)

    async def _serve_once(self) -> None:
        """Connect, and answer for as long as Redis does."""
        try:
            self._wire = await Wire.open(self._redis)
        except (RedisError, OSError) as error:
            waiting, self._waiting = self._waiting, []
            for asked in waiting:
                asked.fail(error)
            return
        if self._wire is None:
            await self._run_waiting()
            return
        try:
            self._send()
            reader = hiredis.Reader(notEnoughData=_NOTHING)
            while True:
                reader.feed(await self._wire.read())
                while (reply := reader.gets()) is not _NOTHING:
                    self._take(reply)
        except (RedisError, OSError) as error:
            self._lose(error)
        finally:
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
            self._give_up(self._sent)
            wire, self._wire = self._wire, None
            await wire.close()

    def _lose(self, error: Exception) -> None:
        lost, self._sent = self._sent, deque()
        again = []
        for asked in lost:
            # A connection that lay idle may have been closed meanwhile.
            if asked.is_again or not isinstance(error, ConnectionError):
                asked.fail(error)
            else:
                asked.is_again = True
                again.append(asked)
        self._waiting[:0] = again

    def _check(self) -> None:
        """Give up a Redis that has not answered for too long."""
        self._watch = None
        if self._sent and self._wire is not None:
            left = self._sent[0].sent_at + REDIS_TIMEOUT - time.monotonic()
            if left <= 0:
                self._lose(TimeoutError("Redis does not answer"))
                self._wire.abort()
            else:
                self._watch = asyncio.get_running_loop().call_later(left, self._check)

    # --- out and in ---

    def _send(self) -> None:
        if self._wire is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        now, loaded = time.monotonic(), set()
        commands: list[Sequence[str | int]] = []
        for asked in waiting:
            call = asked.call
            before = len(commands)
            if asked.is_again and call.script and call.script not in loaded:
                loaded.add(call.script)
                commands.append(("SCRIPT", "LOAD", rooms.source(call.script)))
            commands += rooms.commands(call)
            asked.replies_left, asked.sent_at = len(commands) - before, now
        self._sent += waiting
        self._wire.send(commands)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(REDIS_TIMEOUT, self._check)

    def _take(self, reply: Any) -> None:
        asked = self._sent[0]
        asked.replies_left -= 1
        if asked.replies_left:
            return
        self._sent.popleft()
        if isinstance(reply, hiredis.ReplyError):
            kind, _, text = str(reply).partition(" ")
            error = _ERRORS.get(kind, ResponseError)(text if kind in _ERRORS else str(reply))
            if isinstance(error, NoScriptError) and not asked.is_again:
                asked.is_again = True
                self._waiting.append(asked)
                if len(self._waiting) == 1:
                    asyncio.get_running_loop().call_soon(self._send)
            else:
                asked.fail(error)
        elif not asked.answer.done():
            try:
                asked.answer.set_result(asked.call.read(reply))
            except Exception as error:
                asked.fail(error)

    # --- the slow way ---

    async def _run_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            results = await rooms.run_each_async(self._redis, [asked.call for asked in waiting])
        except Exception as error:
            results = [error] * len(waiting)
        for asked, result in zip(waiting, results, strict=True):
            if isinstance(result, Exception):
                asked.fail(result)
            elif not asked.answer.done():
                asked.answer.set_result(result)

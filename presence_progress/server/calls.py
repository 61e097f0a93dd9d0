"""Script calls of all sockets, one pipeline of redis-py's after the other.

Calls made in one turn of the event loop share a round trip, so a storm of five hundred pages that
come back together is a handful of round trips, not five hundred connections. redis-py pairs replies
with commands: a wire of our own was cheaper by some 14 µs a call, and a single exception in it gave
one user the answers of another. Each call is encoded before it is queued, so what cannot be encoded
fails its caller alone. A batch ends before the next begins: calls keep their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hiredis import pack_command
from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError

from presence_progress import rooms
from presence_progress.settings import REDIS_TIMEOUT

T = TypeVar("T")
_Command = tuple[str | int, ...]


@dataclass
class _Pending(Generic[T]):
    """A call, the command of its script, and the future its caller waits for."""

    call: rooms.Call[T]
    command: _Command | None
    answer: asyncio.Future[T]

    def fail(self, error: Exception) -> None:
        if not self.answer.done():  # the caller may have given up
            self.answer.set_exception(error)

    def settle(self, replies: Sequence[Any]) -> None:
        """Answer the caller: the last reply is the result, any error is the call's failure."""
        error = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if error is not None:
            self.fail(error)
        elif not self.answer.done():
            try:
                self.answer.set_result(self.call.read(replies[-1]))
            except Exception as unreadable:
                self.fail(unreadable)


class _Batch:
    """The commands of some calls, in order, and where the replies to each call are.

    Calls of one kind mostly share the commands before them: what was sent already is not sent
    again, unless a script that may have changed its key came in between.
    """

    def __init__(self, batch: Iterable[_Pending[Any]]) -> None:
        self.commands: list[_Command] = []
        self._places: list[tuple[_Pending[Any], list[int]]] = []
        sent: dict[_Command, int] = {}
        keys: set[Any] = set()
        for pending in batch:
            places = []
            for command in pending.call.before:
                if command not in sent:
                    sent[command] = self._add(command)
                    keys.add(command[1])
                places.append(sent[command])
            if pending.command:
                places.append(self._add(pending.command))
                if not keys.isdisjoint(pending.call.keys):
                    sent.clear()
                    keys.clear()
            self._places.append((pending, places))

    def _add(self, command: _Command) -> int:
        self.commands.append(command)
        return len(self.commands) - 1

    def pair(self, replies: Sequence[Any]) -> Iterator[tuple[_Pending[Any], list[Any]]]:
        """Yield each call with the replies to its commands."""
        for pending, places in self._places:
            yield pending, [replies[place] for place in places]


class Calls:
    """Runs script calls. A failing script fails its caller; a lost Redis all that are under way.

    Each call must bear repetition: after a lost connection its batch is sent once more.
    """

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._waiting: list[_Pending[Any]] = []
        self._working: asyncio.Task[None] | None = None

    def run(self, call: rooms.Call[T]) -> asyncio.Future[T]:
        """Queue a call, and return the future of its answer."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            command = rooms.command(call) if call.script else None
            for sent in (*call.before, *([command] if command else [])):
                pack_command(sent)  # type: ignore[arg-type]
        except Exception as error:
            answer.set_exception(error)
            return answer
        self._waiting.append(_Pending(call, command, answer))
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
        return answer

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
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    # --- batch by batch ---

    async def _work(self) -> None:
        batch: list[_Pending[Any]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._run_batch(batch)
                except Exception as error:
                    for pending in batch:
                        pending.fail(error)
        finally:
            self._working = None
            for pending in (*batch, *self._waiting):
                pending.fail(ConnectionError("the server ends"))
            self._waiting.clear()

    async def _run_batch(self, batch: Sequence[_Pending[Any]]) -> None:
        unknown = await self._run_once(batch)
        if unknown:
            # All of them, whichever is missing: a Redis that knows some scripts only would run the
            # calls of one socket out of order.
            await self._send([("SCRIPT", "LOAD", rooms.source(name)) for name in rooms.scripts()])
            for pending in await self._run_once(unknown):
                pending.fail(NoScriptError("Redis forgets its scripts"))

    async def _run_once(self, pending: Sequence[_Pending[Any]]) -> list[_Pending[Any]]:
        """Run calls, and return those whose script Redis does not know."""
        batch = _Batch(pending)
        unknown = []
        for one, replies in batch.pair(await self._send(batch.commands)):
            if isinstance(replies[-1], NoScriptError):
                unknown.append(one)
            else:
                one.settle(replies)
        return unknown

    async def _send(self, commands: Sequence[Any]) -> list[Any]:
        """Return the reply to each command, an exception where Redis refused it."""
        try:
            return await self._send_once(commands)
        except ConnectionError:
            # Redis may have closed a connection that lay idle.
            return await self._send_once(commands)

    async def _send_once(self, commands: Sequence[Any]) -> list[Any]:
        # One time limit for all: redis-py's own, for each reply, costs a tenth of the server's CPU.
        executing = asyncio.ensure_future(self._execute(commands))
        try:
            await asyncio.wait({executing}, timeout=REDIS_TIMEOUT)
        finally:
            executing.cancel()  # redis-py closes the connection then, whose replies are to come
        if not executing.done() or executing.cancelled():
            raise TimeoutError("Redis does not answer")
        return executing.result()

    async def _execute(self, commands: Sequence[Any]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies

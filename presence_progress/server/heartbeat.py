"""The heartbeat of all connections: a ping each, and who does not answer in time is gone.

One timer for all. Each of thousands of connections waits equally long, so those who are due stand
in front; a timer for each would cost more than the ping itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

_PAUSE = 1.0
"""Seconds that the timer is late by, after which this process must have been stopped."""


class Pinged(Protocol):
    """A connection."""

    beat: int
    """Changes with each answer; negative once it has ended."""

    def ping(self) -> None: ...

    def time_out(self) -> None: ...


class Heartbeat:
    """Runs while there is anybody; ``interval`` from an answer to the next ping, ``timeout`` from
    there to the next answer, in seconds, to a fiftieth of the interval."""

    def __init__(self, interval: float, timeout: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self._to_ping: deque[tuple[float, Pinged]] = deque()
        self._to_answer: deque[tuple[float, int, Pinged]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, one: Pinged) -> None:
        """Ping a connection when the interval is over, from now or from its answer."""
        loop = asyncio.get_running_loop()
        self._to_ping.append((loop.time() + self._interval, one))
        if self._timer is None:
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + self._interval / 50
        self._timer = loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now > self._due + _PAUSE:
            # This process was stopped. What has been answered meanwhile is yet to be read.
            self._to_answer = deque(
                (now + self._timeout, beat, one) for _, beat, one in self._to_answer
            )
        while self._to_ping and self._to_ping[0][0] <= now:
            _, one = self._to_ping.popleft()
            if one.beat >= 0:
                one.ping()
                self._to_answer.append((now + self._timeout, one.beat, one))
        while self._to_answer and self._to_answer[0][0] <= now:
            _, beat, one = self._to_answer.popleft()
            if one.beat == beat:
                one.time_out()
        self._timer = None
        if self._to_ping or self._to_answer:
            self._wait(loop)

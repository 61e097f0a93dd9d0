"""The heartbeat of all connections: a ping each, and who does not answer in time is gone.

One timer for all. Each of thousands of connections waits equally long, so those who are due stand
in front; a timer for each would cost more than the ping itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class Pinged(Protocol):
    """A connection."""

    beat: int
    """Changes with each answer; negative once it has ended."""

    held_until: float
    """The loop's time until which this side does not read from it."""

    def ping(self) -> None: ...

    def time_out(self) -> None: ...


class Heartbeat:
    """Runs while there is anybody; ``interval`` from an answer to the next ping, ``timeout`` from
    there to the next answer, in seconds, to a twentieth of the interval. A connection that is read
    slowly is excused for ``patience`` seconds, and pinged on.

    Answers are waited for on a clock of its own, which counts no more than two ticks for each, and
    a tick judges what the one before it has counted. So whatever held the event loop up, each
    answer that came in time has been read before its connection is judged; and who keeps the loop
    busy is judged after so many ticks all the same.
    """

    def __init__(self, interval: float, timeout: float, patience: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self._patience = patience
        self._period = interval / 50
        self._to_ping: deque[tuple[float, Pinged]] = deque()
        self._to_answer: deque[tuple[float, int, Pinged, float]] = deque()
        """Each with when it is due, and when it was pinged."""
        self._clock = 0.0
        self._ticked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, one: Pinged) -> None:
        """Ping a connection when the interval is over, from now or from its answer."""
        loop = asyncio.get_running_loop()
        self._to_ping.append((loop.time() + self._interval, one))
        if self._timer is None:
            self._ticked = loop.time()
            self._timer = loop.call_later(self._period, self._tick)

    def wait_on(self, one: Pinged) -> None:
        """Give a connection, whose time is over, as much again to answer."""
        self._to_answer.append((self._clock + self._timeout, one.beat, one, self._clock))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._to_answer and self._to_answer[0][0] <= self._clock:
            _, beat, one, pinged = self._to_answer.popleft()
            if one.beat != beat:
                continue
            is_held = now < one.held_until + self._timeout
            if is_held and self._clock < pinged + self._patience:
                one.ping()  # else it would take this side for dead
                self._to_answer.append((self._clock + self._timeout, beat, one, pinged))
            else:
                one.time_out()
        self._clock += min(now - self._ticked, 2 * self._period)
        self._ticked = now
        # By the loop's own time: clients wait for their pings by a clock of theirs.
        while self._to_ping and self._to_ping[0][0] <= now:
            _, one = self._to_ping.popleft()
            if one.beat >= 0:
                one.ping()
                self._to_answer.append((self._clock + self._timeout, one.beat, one, self._clock))
        self._timer = None
        if self._to_ping or self._to_answer:
            self._timer = loop.call_later(self._period, self._tick)

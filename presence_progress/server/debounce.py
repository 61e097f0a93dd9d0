"""Many notes of one thing in a row are acted on once: soon after the last, and never long after the
first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Debounce(Generic[K]):
    """Calls ``act`` for each key that was noted, ``wait`` seconds after it was noted last, or
    ``max_wait`` after it was noted first."""

    def __init__(self, wait: float, max_wait: float, act: Callable[[K], None]) -> None:
        self._wait = wait
        self._max_wait = max_wait
        self._act = act
        self._noted: dict[K, _Note] = {}

    def note(self, key: K) -> None:
        """Take note; cheap, for it is done for every save of an import."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        noted = self._noted.get(key)
        if noted is None:
            self._noted[key] = noted = _Note(now)
            noted.timer = loop.call_at(now + self._wait, self._look, key, noted)
        noted.last = now

    def stop(self) -> None:
        """Act on nothing any more."""
        for noted in self._noted.values():
            if noted.timer:
                noted.timer.cancel()
        self._noted.clear()

    def _look(self, key: K, noted: _Note) -> None:
        # The timer is not moved with each note: that would cost more than the note.
        loop = asyncio.get_running_loop()
        due = min(noted.last + self._wait, noted.first + self._max_wait)
        if due > loop.time():
            noted.timer = loop.call_at(due, self._look, key, noted)
        else:
            del self._noted[key]
            self._act(key)


class _Note:
    __slots__ = ("first", "last", "timer")

    def __init__(self, now: float) -> None:
        self.first = self.last = now
        self.timer: asyncio.TimerHandle | None = None

"""Answers that are kept for a while; one question is asked only once at a time, whoever asks it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from itertools import chain
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Ask = Callable[[], Awaitable[T]]


class Answers(Generic[K, T]):
    """Known answers by question; ``keep`` says for how many seconds one is believed."""

    def __init__(self, keep: Callable[[T], float]) -> None:
        self._keep = keep
        self.times_forgotten = 0
        """Whoever asks in another way looks whether something was forgotten meanwhile."""
        self._known: _Known[K, T] = _Known(keep)
        self._asking: dict[K, asyncio.Task[tuple[T, bool]]] = {}

    async def get(self, key: K, ask: Ask[T]) -> T:
        """Return the answer that is known, or ask; raises what ``ask`` raises."""
        known = self._fresh(key)
        return known[1] if known else await self.renew(key, ask)

    def peek(self, key: K) -> T | None:
        """Return the answer that is known, or None."""
        known = self._fresh(key)
        return known[1] if known else None

    def _fresh(self, key: K) -> tuple[float, T] | None:
        known = self._known.get(key)
        return known if known and time.monotonic() - known[0] < self._keep(known[1]) else None

    async def renew(self, key: K, ask: Ask[T]) -> T:
        """Ask, whatever is known; a question that is being asked already is not asked twice."""
        answer, is_current = await self._ask_together(key, ask)
        if is_current:
            return answer
        if known := self._fresh(key):
            return known[1]
        # Once: where all changes all the time, an old answer is better than none.
        answer, _ = await self._ask_together(key, ask)
        return answer

    async def _ask_together(self, key: K, ask: Ask[T]) -> tuple[T, bool]:
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(key, ask))
            asking.add_done_callback(_retrieve)
        # Shielded: one who gives up waiting does not take the answer from the others.
        return await asyncio.shield(asking)

    def put(self, key: K, answer: T, asked_at: float) -> None:
        """Take an answer that has come another way; ``asked_at`` as ``time.monotonic()`` says."""
        self._known.pop(key, None)
        self._known[key] = (asked_at, answer)

    def age(self, key: K) -> float:
        """Return how many seconds ago the question of a known answer was asked; else infinity."""
        known = self._known.get(key)
        return time.monotonic() - known[0] if known else float("inf")

    def forget(self, matches: Callable[[K], bool]) -> None:
        """Believe these answers no more, those under way included: their questions are too old."""
        self.times_forgotten += 1
        for held in (self._known, self._asking):
            for key in [key for key in held if matches(key)]:
                held.pop(key)

    async def _ask(self, key: K, ask: Ask[T]) -> tuple[T, bool]:
        """Return the answer, and whether it may be believed: it was not forgotten meanwhile."""
        # From when it was asked: what has changed since is not in it.
        asked_at, this = time.monotonic(), asyncio.current_task()
        try:
            answer = await ask()
            is_current = self._asking.get(key) is this
            if is_current:
                self.put(key, answer, asked_at)
            return answer, is_current
        finally:
            if self._asking.get(key) is this:
                del self._asking[key]


class _Known(Generic[K, T]):
    """Answers, and when they were asked for: those that are believed equally long by themselves, so
    that a client who has many things denied pushes out nothing that others may do."""

    MOST = 50_000
    """Of each kind, beyond which the oldest go: as much as fits into some 10 MB."""

    def __init__(self, keep: Callable[[T], float]) -> None:
        self._keep = keep
        self._by_keep: dict[float, OrderedDict[K, tuple[float, T]]] = {}

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._by_keep.values())

    def get(self, key: K) -> tuple[float, T] | None:
        for answers in self._by_keep.values():
            if key in answers:
                return answers[key]
        return None

    def pop(self, key: K, default: tuple[float, T] | None = None) -> tuple[float, T] | None:
        for answers in self._by_keep.values():
            if key in answers:
                return answers.pop(key)
        return default

    def __setitem__(self, key: K, known: tuple[float, T]) -> None:
        keep = self._keep(known[1])
        answers = self._by_keep.setdefault(keep, OrderedDict())
        answers[key] = known
        over = time.monotonic() - keep
        # The first are the oldest; this one may be over, too.
        while answers and (len(answers) > self.MOST or next(iter(answers.values()))[0] <= over):
            answers.popitem(last=False)


def _retrieve(asked: asyncio.Task[tuple[T, bool]]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()

"""Answers that are kept for a while; one question is asked only once at a time, whoever asks it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound="tuple[Any, ...]")
T = TypeVar("T")

Ask = Callable[[], Awaitable[T]]

_NEVER = float("-inf")


class Answers(Generic[K, T]):
    """Known answers by question, a tuple; ``keep`` says for how many seconds one is believed."""

    _REMEMBERED = 150
    """Seconds that it is known what was forgotten: longer than any answer is believed."""

    def __init__(self, keep: Callable[[T], float]) -> None:
        self._keep = keep
        self._known: _Known[K, T] = _Known(keep)
        self._asking: dict[tuple[str, K], tuple[float, asyncio.Task[tuple[float, T]]]] = {}
        """By line: what the server asks for itself does not wait behind a user's own requests."""
        self._forgotten: dict[tuple[Any, ...], float] = {}
        """When, by the beginning of questions. To forget is one entry here, however many answers
        it is about."""

    async def get(self, key: K, ask: Ask[T]) -> T:
        """Return the answer that is known, or ask; raises what ``ask`` raises."""
        known = self._fresh(key)
        return known[1] if known else await self.renew(key, ask)

    def peek(self, key: K) -> T | None:
        """Return the answer that is known, or None."""
        known = self._fresh(key)
        return known[1] if known else None

    def asked_at(self, key: K) -> float | None:
        """Return when the answer that is known was asked for, as ``time.monotonic()`` says."""
        known = self._fresh(key)
        return known[0] if known else None

    def _fresh(self, key: K) -> tuple[float, T] | None:
        known = self._known.get(key)
        if known is None or self._is_forgotten(key, known[0]):
            return None
        return known if time.monotonic() - known[0] < self._keep(known[1]) else None

    def _is_forgotten(self, key: K, asked_at: float) -> bool:
        if not self._forgotten:
            return False
        forgotten = self._forgotten
        return asked_at <= max(forgotten.get(key[:1], _NEVER), forgotten.get(key[:2], _NEVER))

    async def renew(self, key: K, ask: Ask[T], line: str = "") -> T:
        """Ask, whatever is known; a question that is being asked already in the same line is not
        asked twice."""
        asked_at, answer = await self._ask_together(key, ask, line)
        if not self._is_forgotten(key, asked_at):
            return answer
        if known := self._fresh(key):
            return known[1]
        # Once: where all changes all the time, an old answer is better than none.
        _, answer = await self._ask_together(key, ask, line)
        return answer

    async def _ask_together(self, key: K, ask: Ask[T], line: str) -> tuple[float, T]:
        began, asking = self._asking.get((line, key), (_NEVER, None))
        if asking is None or self._is_forgotten(key, began):
            # From when it was asked: what has changed since is not in it.
            began = time.monotonic()
            asking = asyncio.ensure_future(self._ask(key, ask, line, began))
            self._asking[line, key] = began, asking
            asking.add_done_callback(_retrieve)
        # Shielded: one who gives up waiting does not take the answer from the others.
        return await asyncio.shield(asking)

    def put(self, key: K, answer: T, asked_at: float) -> tuple[float, T]:
        """Take an answer that was asked for at ``asked_at``, as ``time.monotonic()`` says; return
        the newest there is, and when it was asked for."""
        newest = self._known.pop(key)
        if newest is None or newest[0] <= asked_at:
            newest = asked_at, answer
        self._known[key] = newest
        return newest

    def forget(self, *beginning: Any) -> None:
        """Believe no answer any more whose question begins so, with one or two parts; those under
        way included: their questions are too old."""
        now = time.monotonic()
        self._forgotten.pop(beginning, None)
        self._forgotten[beginning] = now
        while (oldest := next(iter(self._forgotten.items())))[1] < now - self._REMEMBERED:
            del self._forgotten[oldest[0]]

    async def _ask(self, key: K, ask: Ask[T], line: str, asked_at: float) -> tuple[float, T]:
        this = asyncio.current_task()
        try:
            return self.put(key, await ask(), asked_at)
        finally:
            if self._asking.get((line, key), (_NEVER, None))[1] is this:
                del self._asking[line, key]


class _Known(Generic[K, T]):
    """Answers, and when they were asked for: those that are believed equally long by themselves, so
    that a client who has many things denied pushes out nothing that others may do."""

    MOST = 50_000
    """Of each kind, beyond which the oldest go: as much as fits into some 10 MB."""

    def __init__(self, keep: Callable[[T], float]) -> None:
        self._keep = keep
        self._by_keep: dict[float, OrderedDict[K, tuple[float, T]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_keep.values()))

    def get(self, key: K) -> tuple[float, T] | None:
        for answers in self._by_keep.values():
            if key in answers:
                return answers[key]
        return None

    def pop(self, key: K) -> tuple[float, T] | None:
        for answers in self._by_keep.values():
            if key in answers:
                return answers.pop(key)
        return None

    def __setitem__(self, key: K, known: tuple[float, T]) -> None:
        keep = self._keep(known[1])
        answers = self._by_keep.setdefault(keep, OrderedDict())
        answers[key] = known
        over = time.monotonic() - keep
        # The first are the oldest; this one may be over, too.
        while answers and (len(answers) > self.MOST or next(iter(answers.values()))[0] <= over):
            answers.popitem(last=False)


def _retrieve(asked: asyncio.Task[Any]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()

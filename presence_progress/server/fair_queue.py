"""Queues that are fair between owners: nobody's many items delay another's few. No I/O."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class FairQueue(Generic[K, T]):
    """Items by owner: each owner's first item is taken in turn (round robin)."""

    def __init__(self) -> None:
        self._lines: OrderedDict[K, OrderedDict[T, None]] = OrderedDict()
        """The owner whose turn is next comes first."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, owner: K, item: T) -> None:
        """Queue an item; one that waits already keeps its place."""
        self._lines.setdefault(owner, OrderedDict())[item] = None

    def discard(self, owner: K, item: T) -> None:
        line = self._lines.get(owner)
        if line is not None:
            line.pop(item, None)
            if not line:
                del self._lines[owner]

    def pop(self, may: Callable[[K], bool] = lambda owner: True) -> tuple[K, T] | None:
        """Take the next item of an owner who may have a turn; None when there is none."""
        owner = next(filter(may, self._lines), None)
        if owner is None:
            return None
        line = self._lines[owner]
        item, _ = line.popitem(last=False)
        if line:
            self._lines.move_to_end(owner)
        else:
            del self._lines[owner]
        return owner, item


class Places(Generic[K]):
    """A semaphore that is fair: ``total`` places, of which an owner holds at most ``most(owner)``;
    free ones go to the owners who wait in turn."""

    def __init__(self, total: int, most: Callable[[K], int]) -> None:
        self._free = total
        self._most = most
        self._held: Counter[K] = Counter()
        self._waiting: FairQueue[K, asyncio.Future[None]] = FairQueue()

    async def take(self, owner: K, seconds: float) -> bool:
        """Take a place, to be given back; False when there was none for so long."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.add(owner, place)
        self._grant()
        is_taken = False
        try:
            if not place.done():
                await asyncio.wait({place}, timeout=seconds)
            is_taken = place.done()
        finally:
            if not is_taken:
                # Granted to a caller that has just been cancelled, or still waiting.
                self.give_back(owner) if place.done() else self._waiting.discard(owner, place)
        return is_taken

    def give_back(self, owner: K) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._grant()

    def _grant(self) -> None:
        while self._free and (granted := self._waiting.pop(self._may_have_one)):
            owner, place = granted
            self._free -= 1
            self._held[owner] += 1
            place.set_result(None)

    def _may_have_one(self, owner: K) -> bool:
        return self._held[owner] < self._most(owner)

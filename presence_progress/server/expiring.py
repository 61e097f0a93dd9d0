"""What is known of sites and the like for a while: a dict that forgets."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Expiring(Generic[K, V]):
    """A dict that forgets each entry ``seconds`` after it was put, and beyond ``MOST`` the oldest.

    Clients choose some keys, the name of a site for one: without end, they cost no more than that.
    """

    MOST = 10_000

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Not a dict: its first entry is slow to find once many before it have gone.
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        """With when it was put; the oldest first."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        return self._entries[key][1] if self.age(key) < self._seconds else None

    def put(self, key: K, value: V) -> None:
        now = time.monotonic()
        self._entries[key] = now, value
        self._entries.move_to_end(key)
        while len(self._entries) > self.MOST or self._oldest() <= now - self._seconds:
            self._entries.popitem(last=False)

    def pop(self, key: K) -> None:
        self._entries.pop(key, None)

    def age(self, key: K) -> float:
        """Return how many seconds ago an entry was put; infinity when there is none."""
        entry = self._entries.get(key)
        return time.monotonic() - entry[0] if entry else float("inf")

    def _oldest(self) -> float:
        return next(iter(self._entries.values()))[0]

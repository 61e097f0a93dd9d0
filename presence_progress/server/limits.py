"""Token buckets, alone or shared, and the error that names a limit. No I/O.

What each limit is for stands at :class:`~presence_progress.settings.Limits`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

from presence_progress.server import metrics
from presence_progress.settings import Limits

K = TypeVar("K", bound=Hashable)

FORGET_INTERVAL = 1.0
"""Seconds between two looks whether what was sent before the last one left still counts."""


class OverLimit(Exception):
    """A client is over a limit: ``limit`` is its setting, the text what the client reads."""

    def __init__(self, limit: str, reason: str) -> None:
        super().__init__(reason)
        self.limit = limit
        self.reason = reason
        metrics.LIMITED.labels(limit).inc()


class TokenBucket:
    """A rate limit: ``rate`` tokens a second, at most ``burst`` at once.

    What is over the limit is taken as well and leaves a debt: whoever takes waits until it is paid,
    so that nothing is lost and everything keeps its order.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._tokens = float(burst)
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take tokens, and return the seconds to wait before the next ones: 0 within the limit."""
        tokens = self._tokens + (now - self._at) * self._rate
        self._tokens = (tokens if tokens < self._burst else self._burst) - amount
        self._at = now
        return 0.0 if self._tokens >= 0 else -self._tokens / self._rate

    def is_full(self, now: float) -> bool:
        """Return whether it has been unused for so long that a new one would be the same."""
        return self._tokens + (now - self._at) * self._rate >= self._burst


class RateLimit(TokenBucket):
    """What may come of one of: ``events``, ``bytes``, ``user_events``, ``user_bytes``."""

    __slots__ = ("counts_bytes", "limit")

    def __init__(self, limits: Limits, what: str, now: float) -> None:
        self.limit = f"{what}_per_second"
        self.counts_bytes = what.endswith("bytes")
        super().__init__(getattr(limits, self.limit), getattr(limits, f"{what}_burst"), now)


class SharedRates(Generic[K]):
    """The rates that all sockets of a user share, or all connections of an address, by its key."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rates: dict[K, _Rates] = {}

    def __bool__(self) -> bool:
        return bool(self._rates)

    def enter(self, key: K) -> list[RateLimit]:
        """Return the buckets to charge, one holder more of which there is now."""
        rates = self._rates.setdefault(key, _Rates(self._limits))
        rates.holders += 1
        return rates.buckets

    def leave(self, key: K) -> list[RateLimit]:
        """Return the buckets, one holder less of which there is now."""
        rates = self._rates[key]
        rates.holders -= 1
        self._forget(key)
        return rates.buckets

    def _forget(self, key: K) -> None:
        rates = self._rates.get(key)
        if rates is None or rates.holders:
            return
        now = time.monotonic()
        if all(bucket.is_full(now) for bucket in rates.buckets):
            del self._rates[key]
        else:
            # Kept: a client that comes again would begin without a debt.
            asyncio.get_running_loop().call_later(FORGET_INTERVAL, self._forget, key)


class _Rates:
    def __init__(self, limits: Limits) -> None:
        now = time.monotonic()
        self.buckets = [RateLimit(limits, what, now) for what in ("user_events", "user_bytes")]
        self.holders = 0

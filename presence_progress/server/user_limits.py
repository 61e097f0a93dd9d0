"""What all sockets of a user on a site share: how many there are, and the rates of what they send.

Guests are one user to Frappe. They are told apart by their address, whose connections are counted
already (``engine.py``); where that is not known, each of their sockets is on its own.
"""

from __future__ import annotations

import asyncio
import sys
import time

from presence_progress.server.access import Identity
from presence_progress.server.engine import Connection
from presence_progress.server.fair_queue import Places
from presence_progress.server.limits import OverLimit, RateLimit
from presence_progress.server.questions import Asker
from presence_progress.settings import PING_INTERVAL, PING_TIMEOUT, Limits

TOO_MANY_SOCKETS = "too many sockets of this user"
SOCKET_PATIENCE = PING_INTERVAL + PING_TIMEOUT + 1
"""Seconds that a socket over the limit waits for a place. By then it is known of all connections
that were lost, to a network that has failed for instance, and a client that is refused mostly never
comes back: Socket.IO's own does not."""
FORGET_INTERVAL = 5.0
"""Seconds between two looks whether what a user has sent before going still counts."""

_Key = tuple[str, Asker]
"""A site, and a user or a guest's address there."""


class UserLimits:
    """Counts sockets in and out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: Places[_Key] = Places(sys.maxsize, lambda _: limits.sockets_per_user)
        self._rates: dict[_Key, _Rates] = {}

    async def enter(self, identity: Identity, connection: Connection) -> None:
        """Count a socket in, to be counted out with :meth:`leave`; :class:`OverLimit` when its user
        has too many, and none of them ends in time."""
        key = identity.site, identity.asker
        if not identity.is_guest and not await self._places.take(key, SOCKET_PATIENCE):
            raise OverLimit("sockets_per_user", TOO_MANY_SOCKETS)
        if identity.asker.name is not None:
            rates = self._rates.setdefault(key, _Rates(self._limits))
            rates.sockets += 1
            connection.buckets += rates.buckets

    def leave(self, identity: Identity, connection: Connection) -> None:
        key = identity.site, identity.asker
        if not identity.is_guest:
            self._places.give_back(key)
        if rates := self._rates.get(key):
            rates.sockets -= 1
            for bucket in rates.buckets:
                connection.buckets.remove(bucket)
            self._forget(key)

    def _forget(self, key: _Key) -> None:
        rates = self._rates.get(key)
        if rates is None or rates.sockets:
            return
        if rates.are_unused():
            del self._rates[key]
        else:
            # Kept: who comes again would begin without a debt.
            asyncio.get_running_loop().call_later(FORGET_INTERVAL, self._forget, key)


class _Rates:
    """The token buckets that some sockets share, and how many those are."""

    def __init__(self, limits: Limits) -> None:
        now = time.monotonic()
        self.buckets = [RateLimit(limits, what, now) for what in ("user_events", "user_bytes")]
        self.sockets = 0

    def are_unused(self) -> bool:
        now = time.monotonic()
        return all(bucket.is_full(now) for bucket in self.buckets)

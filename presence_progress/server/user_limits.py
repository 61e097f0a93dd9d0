"""What all sockets of a user on a site share: how many there are, and the rates of what they send.

Guests are one user to Frappe. They are told apart by their address, whose connections are counted
already (``engine.py``); where that is not known, each of their sockets is on its own.
"""

from __future__ import annotations

import sys

from presence_progress.server.access import Identity
from presence_progress.server.engine import Connection
from presence_progress.server.fair_queue import Places
from presence_progress.server.limits import OverLimit, SharedRates
from presence_progress.server.questions import Asker
from presence_progress.settings import PING_INTERVAL, PING_TIMEOUT, Limits

TOO_MANY_SOCKETS = "too many sockets of this user"
SOCKET_PATIENCE = PING_INTERVAL + PING_TIMEOUT + 1
"""Seconds that a socket over the limit waits for a place. By then it is known of all connections
that were lost, to a network that has failed for instance, and a client that is refused mostly never
comes back: Socket.IO's own does not."""
_Key = tuple[str, Asker]
"""A site, and a user or a guest's address there."""


class UserLimits:
    """Counts sockets in and out."""

    def __init__(self, limits: Limits) -> None:
        self._places: Places[_Key] = Places(sys.maxsize, lambda _: limits.sockets_per_user)
        self._rates: SharedRates[_Key] = SharedRates(limits)

    async def enter(self, identity: Identity, connection: Connection) -> None:
        """Count a socket in, to be counted out with :meth:`leave`; :class:`OverLimit` when its user
        has too many, and none of them ends in time."""
        key = identity.site, identity.asker
        if not identity.is_guest:
            if not await self._places.take(key, SOCKET_PATIENCE):
                raise OverLimit("sockets_per_user", TOO_MANY_SOCKETS)
            connection.rate_by_address(False)
        if identity.asker.name is not None:
            connection.buckets += self._rates.enter(key)

    def leave(self, identity: Identity, connection: Connection) -> None:
        key = identity.site, identity.asker
        if not identity.is_guest:
            self._places.give_back(key)
            connection.rate_by_address(True)
        if identity.asker.name is not None:
            for bucket in self._rates.leave(key):
                connection.buckets.remove(bucket)

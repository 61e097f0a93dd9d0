"""Keeps presence true: renews the leases of this server's sockets, and ends those of anybody's that
nobody renews. Any number of servers may do so side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from redis.exceptions import RedisError

from presence_progress import presence
from presence_progress.server.calls import Calls
from presence_progress.server.sessions import Session
from presence_progress.settings import LEASE_RENEWAL, SWEEP_INTERVAL

log = structlog.get_logger(__name__)

_BATCH = 200
"""Calls in one round trip: enough to be cheap, few enough not to hold up Redis."""


class Keeper:
    """Runs for as long as the server does; Redis being away stops nothing, it is tried again."""

    def __init__(self, calls: Calls, sessions: Callable[[], Iterable[Session]]) -> None:
        self._calls = calls
        self._sessions = sessions

    async def run(self) -> None:
        """Renew and sweep until cancelled."""
        await asyncio.gather(
            self._repeat(self._renew, LEASE_RENEWAL / 1000),
            self._repeat(self._sweep, SWEEP_INTERVAL / 1000),
        )

    async def _repeat(self, work: Callable[[], Any], interval: float) -> None:
        while True:
            try:
                await work()
            except (RedisError, OSError) as error:
                # The bus says loudly that Redis is away; here it is known.
                log.debug("Redis is away", work=work.__name__, error=str(error))
            except Exception:
                log.exception("failed, and is tried again", work=work.__name__)
            await asyncio.sleep(interval)

    async def _renew(self) -> None:
        held = [
            (session, room, entered)
            for session in self._sessions()
            for room, entered in session.presences.items()
        ]
        for start in range(0, len(held), _BATCH):
            batch = held[start : start + _BATCH]
            calls = [presence.renew_call(entered) for _, _, entered in batch]
            renewed = await self._calls.run_all(calls)
            for (session, room, _), is_known in zip(batch, renewed, strict=True):
                if not is_known:
                    session.re_enter(room)

    async def _sweep(self) -> None:
        due = await self._calls.run(presence.due_call(_BATCH))
        if not due.rooms:
            return
        sweeps = [presence.sweep_call(site, room) for site, room in due.rooms]
        next_due = await self._calls.run_all(sweeps)
        await self._calls.run_all(
            [
                presence.schedule_call(site, room, due.claimed_until, at)
                for (site, room), at in zip(due.rooms, next_due, strict=True)
            ]
        )

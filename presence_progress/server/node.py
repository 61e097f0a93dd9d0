"""This process among the server nodes: its lease in Redis, and the book of who is here through it.

Sessions of sockets have no lease each: they live for as long as their node does. When one dies, a
survivor takes its sessions away; a node that was only paused, or whose Redis has lost its memory,
notices that its lease is gone, and begins anew under another id. Any number of nodes do so side by
side, and none is more than another.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import RedisError

from presence_progress import presence
from presence_progress.presence import Lease, Position, Presence
from presence_progress.server import metrics
from presence_progress.server.calls import Calls
from presence_progress.settings import (
    KEEP_ALL_INTERVAL,
    KEEP_INTERVAL,
    NODE_LEASE,
    NODE_RENEWAL,
    RECONNECT_GRACE,
    SWEEP_INTERVAL,
)

log = structlog.get_logger(__name__)

Place = tuple[str, str]
"""A site and a room."""

BATCH = 200
"""Calls in one round trip: enough to be cheap, few enough not to hold up Redis."""
_PROOF_INTERVAL = 0.25
_PAUSE = 2.0
"""Seconds that the event loop is late by, after which this process must have been stopped."""
_PATIENCE = 3.0
"""Seconds for which a node that has just found Redis again does not judge others: all leases may be
over because Redis was away."""


@dataclass
class _Stay:
    """One session in one room, as this node knows it."""

    presence: Presence
    said_at: float
    pulse: Callable[[], int]
    """Changes whenever its client is heard."""
    is_doubted: bool = False
    """Whether its client must be heard first: this process was stopped, and he may have gone."""


class Node:
    """Speaks to Redis for the sessions of this process."""

    def __init__(self, calls: Calls, has_hooks: Callable[[str], bool]) -> None:
        self._calls = calls
        self._has_hooks = has_hooks
        self._stays: dict[Place, dict[str, _Stay]] = {}
        """By place and session. A place stays in the book until Redis knows, too, that it is
        empty."""
        self.id = _new_id()
        self.known: frozenset[str] = frozenset()
        """All nodes that Redis knows of, dead or alive."""
        self._lives_until = 0
        """By Redis's clock, ms; what Redis knows of it later may be less: it has gone back then."""
        self._sure_until = float("-inf")
        """By its own clock, and not after Redis takes it for dead. Past that it says nothing of
        those who are here: what a dead node says is taken away."""
        self._running: asyncio.Future[Any] | None = None
        self._is_ending = False
        self._woke_at = self._found_at = float("-inf")
        """When this process was last found to have been stopped, and Redis to have been away."""
        self._unsure: set[Place] = set()
        """Where something was said since Redis was asked whether it knows the same."""
        self._all_due = float("-inf")
        self._noting: set[Place] = set()
        self._back_by: dict[Place, float] = {}
        """Until when somebody may come back unnoticed to a room, of which Redis could not be told
        that he has left."""
        self._proving: asyncio.Task[None] | None = None

    # --- who is here ---

    def enter(self, entering: Presence, pulse: Callable[[], int]) -> asyncio.Future[Any]:
        """Enter, or say something new; a failure is mended later, unless the session leaves."""
        if self._is_ending:
            return _nothing()
        stay = _Stay(entering, time.monotonic(), pulse)
        is_noted = bool(self._stays.get(entering.place))
        # Before it is in the book, from which it is entered again and again.
        entered = self._enter(stay, is_noted)
        self._stays.setdefault(entering.place, {})[entering.session] = stay
        return entered

    def leave(self, leaving: Presence, grace: int = 0) -> asyncio.Future[Any]:
        """Leave at once, or after a grace in milliseconds."""
        if self._stays.get(leaving.place, {}).pop(leaving.session, None) is None:
            return _nothing()
        self._unsure.add(leaving.place)
        call = presence.leave_call(leaving, grace, has_hooks=self._has_hooks(leaving.site))
        done = self._calls.run(call)
        back_by = time.monotonic() + grace / 1000
        done.add_done_callback(lambda done: self._left(leaving.place, back_by, done))
        return done

    def _left(self, place: Place, back_by: float, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception():
            self._back_by[place] = max(back_by, self._back_by.get(place, 0))

    def _enter(self, stay: _Stay, is_noted: bool) -> asyncio.Future[Position | None]:
        stay.is_doubted = False
        self._unsure.add(stay.presence.place)
        call = presence.enter_call(
            stay.presence,
            node=self.id,
            is_noted=is_noted,
            age=time.monotonic() - stay.said_at,
            has_hooks=self._has_hooks(stay.presence.site),
        )
        if time.monotonic() >= self._sure_until:
            return _nothing()  # said with the next lease
        entering = self._calls.run(call)
        entering.add_done_callback(lambda done: self._entered(stay, done))
        return entering

    def _entered(self, stay: _Stay, done: asyncio.Future[Position | None]) -> None:
        if done.cancelled() or done.exception():
            return  # _keep will find out
        position, place = done.result(), stay.presence.place
        if position is None:
            if self._stays.get(place, {}).get(stay.presence.session) is stay:
                self._enter(stay, is_noted=False)
        elif position.wants_sweep and place not in self._noting:
            self._noting.add(place)
            noting = self._calls.run(
                presence.note_call(*place, has_hooks=self._has_hooks(place[0]))
            )
            noting.add_done_callback(lambda done: self._noted(place, done))

    def _noted(self, place: Place, done: asyncio.Future[Any]) -> None:
        self._noting.discard(place)
        done.cancelled() or done.exception()  # whoever enters next wants it, too

    # --- its own life ---

    async def run(self) -> None:
        """Renew the lease, and look after the book and the other nodes, until cancelled."""
        self._running = asyncio.gather(
            self._watch_time(),
            repeat(self._renew, NODE_RENEWAL / 1000),
            repeat(self._keep, KEEP_INTERVAL / 1000),
            repeat(self._take_over, SWEEP_INTERVAL / 1000),
        )
        await self._running

    async def end(self) -> None:
        """Leave all rooms, with a grace: whoever was here comes back elsewhere, or to a
        successor."""
        self._is_ending = True
        if self._running:
            # By the book, empty from now on, it would see to it that nobody is here, at once.
            self._running.cancel()
        places, self._stays = list(self._stays), {}
        await self._calls.run(presence.bury_call(self.id))
        ended = await self._end_sessions(self.id, places, RECONNECT_GRACE)
        await self._calls.run(presence.bury_call(self.id, ended))

    async def _watch_time(self) -> None:
        while True:
            asleep_at = time.monotonic()
            await asyncio.sleep(_PROOF_INTERVAL)
            if time.monotonic() - asleep_at > _PAUSE:
                self._woke_at = time.monotonic()

    async def _renew(self) -> None:
        sure_until = self._sure_until
        try:
            lease = await self._take_lease(self._lives_until)
        except (RedisError, OSError):
            self._found_at = time.monotonic()
            raise
        self.known = lease.nodes
        if not lease.until:
            self._found_at = time.monotonic()
            await self._begin_anew(sure_until)
        elif time.monotonic() >= sure_until:
            self.say_again()

    async def _take_lease(self, told: int = 0) -> Lease:
        asked_at = time.monotonic()
        lease: Lease = await self._calls.run(presence.renew_call(self.id, told))
        if lease.until:
            self._lives_until = lease.until
            self._sure_until = asked_at + NODE_LEASE / 1000
        return lease

    async def _begin_anew(self, sure_until: float) -> None:
        metrics.FENCED.inc()
        self.id, old = _new_id(), self.id
        log.warning("taken for dead: begins anew", node=self.id, before=old)
        await self._take_lease()
        stays = [stay for stays in self._stays.values() for stay in stays.values()]
        if time.monotonic() - self._woke_at > NODE_LEASE / 1000:
            entering = self._enter_all(stays)
            await asyncio.gather(*entering, return_exceptions=True)
            # Who is not here any more may be in Redis yet, under the old name.
            await self._bury(old)
            return
        # Whoever left meanwhile must not come back for a moment: his client has to be heard, if it
        # has not been since.
        if self._proving:
            self._proving.cancel()
        for stay in stays:
            stay.is_doubted = stay.said_at < sure_until
        doubted = [(stay, stay.pulse()) for stay in stays if stay.is_doubted]
        self._proving = asyncio.ensure_future(self._prove(doubted))
        self.say_again()

    async def _prove(self, doubted: list[tuple[_Stay, int]]) -> None:
        while doubted:
            self._enter_all([stay for stay, pulse in doubted if stay.pulse() != pulse])
            doubted = [one for one in doubted if one[0].is_doubted and self._is_held(one[0])]
            await asyncio.sleep(_PROOF_INTERVAL)

    def _enter_all(self, stays: Iterable[_Stay]) -> list[asyncio.Future[Any]]:
        return [self._enter(stay, is_noted=False) for stay in stays if self._is_held(stay)]

    def _is_held(self, stay: _Stay) -> bool:
        held = self._stays.get(stay.presence.place, {})
        return held.get(stay.presence.session) is stay

    def _held(self, place: Place) -> list[_Stay]:
        return [stay for stay in self._stays.get(place, {}).values() if not stay.is_doubted]

    def _held_sessions(self, place: Place) -> list[str]:
        return [stay.presence.session for stay in self._held(place)]

    def say_again(self, places: Collection[Place] | None = None) -> None:
        """Enter again whoever is here, or is in some rooms: Redis was away, and may have lost what
        it was told last."""
        for place in list(self._stays) if places is None else places:
            self._enter_all(self._held(place))

    async def _keep(self) -> None:
        """See that Redis has what the book has: where something was said of late, and now and then
        everywhere."""
        if time.monotonic() >= self._all_due:
            self._unsure |= self._stays.keys()
            self._all_due = time.monotonic() + KEEP_ALL_INTERVAL / 1000
        places, self._unsure = list(self._unsure), set()
        for start in range(0, len(places), BATCH):
            try:
                await self._keep_some(places[start : start + BATCH])
            except Exception:
                self._unsure.update(places[start:])
                raise

    async def _keep_some(self, places: list[Place]) -> None:
        kept = await self._calls.try_all(
            [presence.keep_call(*place, self.id, self._held_sessions(place)) for place in places]
        )
        for place, is_right in zip(places, kept, strict=True):
            if isinstance(is_right, BaseException):
                self._unsure.add(place)  # Redis, or its shard, is away: next time.
            elif not is_right:
                metrics.RECONCILED.inc()
                await self._reconcile(place)
            elif not self._stays.get(place, True):
                del self._stays[place]
                self._back_by.pop(place, None)
                await self._calls.run(presence.forget_call(self.id, *place))

    async def _reconcile(self, place: Place) -> None:
        self._unsure.add(place)
        cursor = None
        while cursor != "0":
            grace = max(0, int((self._back_by.get(place, 0) - time.monotonic()) * 1000))
            # Asked each time: who has entered meanwhile is not to be ended.
            held = self._held_sessions(place)
            cursor = await self._calls.run(
                presence.reconcile_call(
                    *place,
                    self.id,
                    held,
                    cursor=cursor or "0",
                    grace=grace,
                    has_hooks=self._has_hooks(place[0]),
                )
            )
        self._back_by.pop(place, None)
        self._enter_all(self._held(place))

    # --- the other nodes ---

    async def _take_over(self) -> None:
        if time.monotonic() - self._found_at < _PATIENCE:
            return
        for node in await self._calls.run(presence.take_call()):
            log.info("a node is dead: its sessions end", node=node)
            metrics.TAKEN_OVER.inc()
            await self._bury(node)

    async def _bury(self, node: str) -> None:
        seen_to: list[Place] = []
        while places := await self._calls.run(presence.bury_call(node, seen_to)):
            seen_to = await self._end_sessions(node, places, 0)
            if not seen_to:
                break  # Their shard is away: somebody takes them again.

    async def _end_sessions(self, node: str, places: list[Place], grace: int) -> list[Place]:
        """End what a node has in some rooms, each in pieces, so that none takes long; returns the
        rooms that could be seen to."""
        left = [(place, "0") for place in places]
        failed = set()
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            cursors = await self._calls.try_all(
                [
                    presence.reconcile_call(
                        *place,
                        node,
                        cursor=cursor,
                        grace=grace,
                        has_hooks=self._has_hooks(place[0]),
                    )
                    for place, cursor in batch
                ]
            )
            for (place, _), cursor in zip(batch, cursors, strict=True):
                if isinstance(cursor, BaseException):
                    failed.add(place)
                elif cursor != "0":
                    left.append((place, cursor))
        return [place for place in places if place not in failed]


async def repeat(work: Callable[[], Coroutine[Any, Any, None]], interval: float) -> None:
    """Do something again and again, with a pause in seconds; nothing that fails ends it."""
    while True:
        try:
            await work()
        except (RedisError, OSError) as error:
            # The bus says loudly that Redis is away; here it is known.
            log.debug("Redis is away", work=work.__name__, error=str(error))
        except Exception:
            log.exception("failed, and is tried again", work=work.__name__)
        await asyncio.sleep(interval)


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


def _nothing() -> asyncio.Future[Any]:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done

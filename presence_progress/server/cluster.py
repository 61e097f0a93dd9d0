"""A cluster as the server uses it: one client and one line of calls for each primary."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from redis.exceptions import RedisError, TimeoutError

from presence_progress import rooms
from presence_progress.address import ClusterAddress, Place
from presence_progress.cluster import (
    PAUSES,
    REFRESH_INTERVAL,
    Slots,
    judge,
    key_of,
    places_to_ask,
    read_slots,
)
from presence_progress.server.calls import Calls
from presence_progress.server.connection import disconnect
from presence_progress.server.subscription import Subscription

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Cluster:
    """Which primary has which slots, and a client for each; ``connect`` makes one for a URL."""

    def __init__(self, address: ClusterAddress, connect: Callable[[str], Any]) -> None:
        self._address = address
        self._connect = connect
        self._clients: dict[Place, Any] = {}
        self._slots: Slots | None = None
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def client(self, place: Place) -> Any:
        if place not in self._clients:
            self._clients[place] = self._connect(self._address.url(place))
        return self._clients[place]

    async def owner(self, key: str) -> Place:
        """Return the primary that has a key; ``RedisError`` when no node says."""
        if self._slots is None:
            await self.refresh()
        assert self._slots
        return self._slots.owner(key)

    async def refresh(self, suspect: Place | None = None) -> None:
        """Learn the slots anew, from another node than ``suspect`` if there is one; those who come
        together ask once."""
        if self._looking is None:
            if self._slots and time.monotonic() - self._looked_at < REFRESH_INTERVAL:
                return
            self._looked_at = time.monotonic()
            self._looking = asyncio.ensure_future(self._refresh(suspect))
            self._looking.add_done_callback(self._has_looked)
        # Shielded: one who gives up waiting does not take the answer from the others.
        await asyncio.shield(self._looking)

    def _has_looked(self, looking: asyncio.Task[None]) -> None:
        self._looking = None
        if not looking.cancelled():
            looking.exception()

    async def _refresh(self, suspect: Place | None) -> None:
        failure: Exception | None = None
        for place in places_to_ask(self._address, self._slots, suspect):
            try:
                reply = await self.client(place).execute_command("CLUSTER", "SLOTS")
                slots = read_slots(reply, place)
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                failure = error
                continue
            if self._slots is None or slots.primaries != self._slots.primaries:
                log.info("the cluster is known", primaries=list(map(name_of, slots.primaries)))
            self._slots = slots
            return
        assert failure
        raise failure

    # --- as a bus hears it ---

    async def publishers(self) -> Mapping[str, Any]:
        """Return the primaries by name."""
        await self.refresh()
        assert self._slots
        return {name_of(place): self.client(place) for place in self._slots.primaries}

    async def subscribe(self, *channels: str) -> Subscription:
        """Subscribe on any node: what is published on one is heard on all."""
        clients = list((await self.publishers()).values())
        random.shuffle(clients)
        for client in clients[:-1]:
            try:
                return await Subscription.open(client, *channels)
            except (RedisError, OSError):
                continue
        return await Subscription.open(clients[-1], *channels)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for client in self._clients.values():
            await disconnect(client)


class ClusterCalls(Calls):
    """Runs script calls as :class:`Calls` does, each on the primary that has its room."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(None)
        self._cluster = cluster
        self._lines: dict[Place, Calls] = {}

    def run(self, call: rooms.Call[T]) -> asyncio.Future[T]:
        """Put a call in line; the answer is there to be awaited."""
        return asyncio.ensure_future(self._run(call))

    async def close(self) -> None:
        for line in self._lines.values():
            await line.close()

    async def _run(self, call: rooms.Call[T]) -> T:
        if call.before:
            await self._run_before(call.before)
            call = replace(call, before=())
        return await self._run_in_line(call, call.keys[0])

    async def _run_before(self, commands: Sequence[tuple[str | int, ...]]) -> None:
        """Run plain commands, wherever their keys are; those of one key in their order."""
        by_key: dict[str, list[tuple[str | int, ...]]] = {}
        for command in commands:
            by_key.setdefault(key_of(command), []).append(command)
        await asyncio.gather(
            *(
                self._run_in_line(rooms.Call("", [key], [], lambda _: None, before=together), key)
                for key, together in by_key.items()
            )
        )

    async def _run_in_line(self, call: rooms.Call[T], key: str) -> T:
        for pause in (*PAUSES, None):
            asked = ("", 0)
            try:
                asked = await self._cluster.owner(key)
                return await self._line(asked).run(call)
            except (RedisError, OSError) as error:
                verdict = judge(error, asked)
                if verdict.kind == "ask":
                    return await self._ask(verdict.place, call)
                if isinstance(error, TimeoutError):
                    # Its successor, if it gets one, is for the next call.
                    self._look_later(asked)
                if verdict.kind == "final" or pause is None:
                    raise
            await asyncio.sleep(pause)
            await self._cluster.refresh(asked)
        raise AssertionError("unreachable")

    def _line(self, place: Place) -> Calls:
        if place not in self._lines:
            self._lines[place] = Calls(self._cluster.client(place))
        return self._lines[place]

    def _look_later(self, suspect: Place) -> None:
        looking = asyncio.ensure_future(self._cluster.refresh(suspect))
        looking.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _ask(self, place: Place, call: rooms.Call[T]) -> T:
        """Run a call on the node that a slot is moving to, which takes it only when asked so."""
        async with self._cluster.client(place).pipeline(transaction=False) as pipeline:
            for command in rooms.commands(call, whole=True):
                pipeline.execute_command("ASKING")
                pipeline.execute_command(*command)
            return call.read((await pipeline.execute())[-1])


def name_of(place: Place) -> str:
    return f"{place[0]}:{place[1]}"

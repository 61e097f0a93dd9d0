"""A kept count never goes back: not under many who add at once, and not over a Redis that dies."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import redis

from presence_progress import counts, keys, rooms
from presence_progress.rooms import Change, Snapshot
from tests.chaos.view import View
from tests.server.conftest import Client, Connect, Stack

VIEWER = "viewer@example.com"
ROOM = keys.count_room("website", "added")
ADDERS = 8


class Watcher:
    """A page that shows the count: believes what a browser believes, and asks when one asks."""

    def __init__(self, client: Client) -> None:
        self.states: list[Snapshot] = []
        self._client = client
        self._view = View(self.states.append)
        self._read = 0

    @property
    def value(self) -> int:
        value: int = self.states[-1].state.get("value", 0) if self.states else 0
        return value

    async def watch(self) -> None:
        self._view.ask()
        await self._client.say("room_watch", ROOM)

    async def until(self, holds: Callable[[], bool]) -> None:
        async def follow() -> None:
            while not holds():
                heard = self._client.heard[self._read :]
                self._read += len(heard)
                # Each of them is heard, whatever the one before it asks for.
                if sum(self._hear(event, message) for event, message in heard):
                    await self._client.say("room_watch", ROOM)
                if not heard:
                    self._client._has_news.clear()
                    await self._client._has_news.wait()

        await asyncio.wait_for(follow(), 60)

    def _hear(self, event: str, message: dict[str, object]) -> bool:
        if event == "room_state":
            return self._view.hear_state(Snapshot(**message))  # type: ignore[arg-type]
        if event == "room_change":
            return self._view.hear_change(Change(**message))  # type: ignore[arg-type]
        return False

    def lives(self) -> list[list[Snapshot]]:
        """Return what was shown of each life of the room; fails when one that had ended came back.

        Before the first and between two there may be a moment in which the room does not exist.
        """
        shown = itertools.groupby(self.states, lambda state: state.epoch)
        lives = [(epoch, list(states)) for epoch, states in shown if epoch]
        epochs = [epoch for epoch, _ in lives]
        assert len(set(epochs)) == len(epochs), f"an epoch came back: {epochs}"
        return [states for _, states in lives]


def add(times: int) -> list[tuple[int, int]]:
    """Add until it is enough or Redis is gone; return what was added, and what it was then."""
    added = []
    for _ in range(times):
        amount = random.randint(1, 9)
        try:
            added.append((amount, counts.add("added", amount, scope="website")))
        except redis.RedisError:
            break
    return added


async def test_a_count_never_goes_back_and_its_sum_is_exact(
    own_stack: Stack, sign_in: Connect
) -> None:
    servers = [await asyncio.to_thread(own_stack.start_server) for _ in range(2)]
    watchers = [Watcher(await sign_in(VIEWER, server)) for server in servers]
    for watcher in watchers:
        await watcher.watch()

    # Many at once, until Redis dies under them.
    adding = [asyncio.to_thread(add, 100_000) for _ in range(ADDERS)]
    dying = asyncio.gather(*adding)
    for watcher in watchers:
        await watcher.until(lambda watcher=watcher: watcher.value > 2_000)  # type: ignore[misc]
    late = Watcher(await sign_in(VIEWER, servers[0]))
    await late.watch()
    await late.until(lambda: late.value > 3_000)
    own_stack.redis_server.stop()
    before = await dying
    require_one_order(before)

    # It comes back empty: another life, in which all of it is true again.
    await asyncio.to_thread(own_stack.redis_server.start)
    after = await asyncio.gather(*(asyncio.to_thread(add, 250) for _ in range(ADDERS)))
    require_one_order(after)
    total = sum(amount for added in after for amount, _ in added)
    assert [len(added) for added in after] == [250] * ADDERS
    now = rooms.snapshot(ROOM)
    assert now.state["value"] == total
    for watcher in (*watchers, late):
        # Not the number alone, which the life before may have passed.
        await watcher.until(lambda watcher=watcher: watcher.states[-1:] == [now])  # type: ignore[misc]
        first, second = watcher.lives()
        for life in (first, second):
            positions = [state.seq for state in life]
            values = [state.state["value"] for state in life]
            assert positions == sorted(positions) and values == sorted(values)
        assert second[-1].seq == ADDERS * 250


def require_one_order(all_added: list[list[tuple[int, int]]]) -> None:
    """Every addition saw another number, each its own on top of one that somebody else saw."""
    steps = sorted((then, amount) for added in all_added for amount, then in added)
    pairs = itertools.pairwise(steps)
    missed = sum(now - amount != last for (last, _), (now, amount) in pairs)
    # Whose answer Redis took with it has added, and does not know.
    assert missed <= ADDERS
    assert len({then for then, _ in steps}) == len(steps)

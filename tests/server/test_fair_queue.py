"""Queues that are fair between owners, however many items one of them has."""

from __future__ import annotations

import asyncio

import pytest

from presence_progress.server.fair_queue import FairQueue, Places


def drain(queue: FairQueue[str, int]) -> list[tuple[str, int]]:
    return [*iter(queue.pop, None)]


def test_owners_take_turns_and_each_ones_items_keep_their_order() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number in range(3):
        queue.add("flood", number)
    queue.add("ann", 7)
    queue.add("bob", 8)
    queue.add("bob", 9)
    queue.discard("bob", 9)
    queue.discard("nobody", 1)
    assert drain(queue) == [("flood", 0), ("ann", 7), ("bob", 8), ("flood", 1), ("flood", 2)]
    assert not queue


def test_an_owner_who_may_not_have_a_turn_holds_up_nobody() -> None:
    queue: FairQueue[str, int] = FairQueue()
    queue.add("full", 1)
    queue.add("ann", 2)
    assert queue.pop(lambda owner: owner != "full") == ("ann", 2)
    assert queue.pop(lambda owner: owner != "full") is None
    assert queue.pop() == ("full", 1)


class Askers:
    """Callers that hold their place until a test ends them; ``held`` is who has got one so far."""

    def __init__(self, places: Places[str]) -> None:
        self.places = places
        self.held: list[str] = []
        self._gates: dict[str, list[asyncio.Future[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, *owners: str) -> list[asyncio.Task[None]]:
        came = [asyncio.ensure_future(self._hold(owner)) for owner in owners]
        self._tasks += came
        await settle()
        return came

    async def _hold(self, owner: str) -> None:
        if await self.places.take(owner, 60):
            gate = asyncio.get_running_loop().create_future()
            self._gates.setdefault(owner, []).append(gate)
            self.held.append(owner)
            try:
                await gate
            finally:
                self.places.give_back(owner)

    async def end(self, owner: str) -> None:
        self._gates[owner].pop(0).set_result(None)
        await settle()

    async def end_all(self) -> None:
        while not all(task.done() for task in self._tasks):
            for gates in self._gates.values():
                while gates:
                    gates.pop().set_result(None)
            await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_flood_has_its_share_and_others_the_next_turn() -> None:
    askers = Askers(Places(4, lambda owner: 3))
    await askers.come(*["flood"] * 50)
    assert askers.held == ["flood"] * 3
    await askers.come("ann", "bob", "cid")
    assert askers.held[3:] == ["ann"]
    for _ in range(4):
        await askers.end("flood")
    # A turn each, though 47 of the flood's came earlier.
    assert askers.held[4:] == ["flood", "bob", "cid", "flood"]
    await askers.end_all()
    assert askers.held.count("flood") == 50


async def test_a_caller_that_stops_waiting_takes_no_place() -> None:
    places: Places[str] = Places(1, lambda owner: 1)
    askers = Askers(places)
    await askers.come("ann")
    assert not await places.take("late", 0.001)
    (gone, granted) = await askers.come("gone", "granted")
    gone.cancel()
    await settle()
    # Cancelled in the very moment in which the place is granted.
    askers._gates["ann"][0].set_result(None)
    while places._held != {"granted": 1}:
        await asyncio.sleep(0)
    granted.cancel()
    await settle()
    assert askers.held == ["ann"]
    assert await places.take("next", 0)
    for task in (gone, granted):
        with pytest.raises(asyncio.CancelledError):
            await task

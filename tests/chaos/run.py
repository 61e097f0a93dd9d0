"""One run: starts the world, lets people live in it, breaks it by the plan, and waits for quiet."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import redis

from presence_progress import rooms
from tests.chaos import site
from tests.chaos.checker import viewers_of
from tests.chaos.history import History
from tests.chaos.people import Person, Stranger, Tab, TaskWatcher, Watcher, room_of
from tests.chaos.plan import DOCUMENTS, SERVERS, Fault, Plan
from tests.chaos.tasks import Office, Workers
from tests.chaos.world import World
from tests.server.conftest import SITE

Say = Callable[[str], None]
WATCHERS = 6
TASK_WATCHERS = 3
_LATE = 0.5
"""Seconds that the driver may be late; beyond that what it heard when is not known."""
_QUIET = 20.0
"""Seconds after the last action within which all must be true: the longest bound and a margin."""
_LAST = 2.0
"""Seconds to hear what was published until Redis was read."""


async def run(plan: Plan, path: Path, command: str, say: Say) -> None:
    """Carry a plan out, and leave its history in a file."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        history = History(path)
        # What a client thinks of a connection that was frozen is no news.
        logging.getLogger("engineio").setLevel(logging.CRITICAL)
        logging.getLogger("engineio.client").setLevel(logging.CRITICAL)
        strangers = [site.stranger(number) for number in range(site.UNREADING)]
        history.note(
            "run", seed=plan.seed, clients=plan.clients, command=command, may_not_read=strangers
        )
        world = World(Path(folder), history)
        crowd = _Crowd(plan, world, history, strangers)
        workers = Workers(world.redis_server.url, Path(folder), history)
        office = Office(world.redis_server.url, workers, crowd.task_watchers, history)
        # To the end: who waits for quiet hears things late, too.
        watching = asyncio.ensure_future(_watch_driver(history))
        try:
            world.prepare(crowd.users)
            await world.start()
            workers.start()
            say(f"{SERVERS} servers, a Redis and a site are up")
            await crowd.connect()
            say(f"{len(crowd.people)} clients are connected")
            await _live(plan, world, crowd, office, history, say)
            await office.calm_down()
            say(f"{len(office.tasks)} tasks have come to their end")
            await _calm_down(world, history, crowd, say)
            office.write_down()
        finally:
            watching.cancel()
            await crowd.close()
            await workers.close()
            await world.close()
            history.note("end of run")
            history.close()


class _Crowd:
    """Everybody in a run."""

    def __init__(self, plan: Plan, world: World, history: History, strangers: list[str]) -> None:
        urls = [server.url for server in world.servers]

        def dice(name: str) -> random.Random:
            return random.Random(f"{plan.seed} {name}")

        # Every third tab is a second one of somebody.
        people = max(1, plan.clients * 2 // 3)
        self.tabs = [
            Tab(f"tab{n}", site.user(n % people), n % SERVERS, urls, history, dice(f"tab{n}"))
            for n in range(plan.clients)
        ]
        self.watchers = [
            Watcher(
                f"watcher {n}",
                site.user(site.MOST - 1 - n),
                n % SERVERS,
                urls,
                history,
                dice(f"watcher{n}"),
            )
            for n in range(WATCHERS)
        ]
        self.task_watchers = [
            TaskWatcher(
                f"task watcher {n}",
                site.user(site.MOST - 1 - n),
                n % SERVERS,
                urls,
                history,
                dice(f"task watcher{n}"),
            )
            for n in range(TASK_WATCHERS)
        ]
        self.strangers = [
            Stranger(f"stranger{n}", user, n % SERVERS, urls, history, dice(user))
            for n, user in enumerate(strangers)
        ]
        self.people: list[Person] = [
            *self.watchers,
            *self.task_watchers,
            *self.strangers,
            *self.tabs,
        ]
        self.users = sorted({person.user for person in self.people})
        self._tasks: list[asyncio.Task[Any]] = []

    async def connect(self) -> None:
        """Connect everybody, a few at a time."""
        gate = asyncio.Semaphore(20)

        async def connect(person: Person) -> None:
            async with gate:
                await person.connect()
                await person.on_back()

        await asyncio.gather(*map(connect, self.people))
        self._tasks = [asyncio.ensure_future(person.keep_trying()) for person in self.strangers]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(person.close() for person in self.people), return_exceptions=True)


async def _live(
    plan: Plan, world: World, crowd: _Crowd, office: Office, history: History, say: Say
) -> None:
    begin = history.now()
    tasks: set[asyncio.Task[None]] = set()

    def start(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def until(at: float) -> None:
        await asyncio.sleep(max(begin + at - history.now(), 0))

    async def act() -> None:
        for action in plan.actions:
            await until(action.at)
            start(crowd.tabs[action.tab].act(action))

    async def ask() -> None:
        for one in plan.asks:
            await until(one.at)
            start(office.act(one))

    async def strike() -> None:
        for fault in plan.faults:
            await until(fault.at)
            say(f"{fault}")
            if fault.kind == "slow watchers":
                await _slow(fault, world, crowd)
            else:
                await world.strike(fault)

    reporting = asyncio.ensure_future(_report(plan, begin, history, crowd, say))
    try:
        await asyncio.gather(act(), ask(), strike())
        while tasks:
            # A failure of the driver's own ends the run; it is no violation.
            await asyncio.gather(*tasks)
    finally:
        for task in (reporting, *tasks):
            task.cancel()


async def _slow(fault: Fault, world: World, crowd: _Crowd) -> None:
    """Let one watcher in two read nothing, while much is sent to them."""
    slow = crowd.watchers[::2]
    reading = [asyncio.ensure_future(watcher.be_slow(fault.seconds)) for watcher in slow]
    noise = "x" * 50_000
    client = redis.Redis.from_url(world.redis_server.url)
    try:
        for _ in range(40):
            for watcher in slow:
                envelope = {
                    "event": "noise",
                    "message": noise,
                    "room": f"user:{watcher.user}",
                    "namespace": SITE,
                }
                await asyncio.to_thread(client.publish, "events", json.dumps(envelope))
            await asyncio.sleep(fault.seconds / 50)
    finally:
        client.close()
    await asyncio.gather(*reading)


async def _watch_driver(history: History) -> None:
    """Note when this process itself was held up."""
    while True:
        before = history.now()
        await asyncio.sleep(0.1)
        if history.now() - before > _LATE:
            # Known only when it is over.
            history.note("down", at=before, part="driver", cause="late")
            history.note("up", part="driver")


async def _report(plan: Plan, begin: float, history: History, crowd: _Crowd, say: Say) -> None:
    while True:
        await asyncio.sleep(5)
        inside = sum(bool(tab.document is not None) for tab in crowd.tabs)
        say(
            f"{history.now() - begin:6.1f} s of {plan.seconds:.0f}: {inside} tabs are in documents,"
            f" {len(history.records)} records"
        )


async def _calm_down(world: World, history: History, crowd: _Crowd, say: Say) -> None:
    """Wait until Redis holds who is there, or until it should have; then write down what it
    holds."""
    say("waiting for quiet")
    began = history.now()
    with redis.Redis.from_url(world.redis_server.url) as client:

        def read() -> list[rooms.Snapshot]:
            names = [room_of(number) for number in range(DOCUMENTS)]
            return [rooms.run(client, rooms.snapshot_call(SITE, name)) for name in names]

        while history.now() - began < _QUIET:
            snapshots = await asyncio.to_thread(read)
            there: dict[str, set[str]] = {}
            for tab in crowd.tabs:
                if tab.document is not None:
                    there.setdefault(room_of(tab.document), set()).add(tab.user)
            if all(
                viewers_of(snapshot.state) == there.get(snapshot.room, set())
                for snapshot in snapshots
            ) and not any(person.is_coming for person in crowd.people):
                break
            await asyncio.sleep(0.5)
        say(f"quiet after {history.now() - began:.1f} s")
        await asyncio.sleep(_LAST)
        # Read last of all: whatever changes by itself meanwhile is in nobody's way.
        snapshots = await asyncio.to_thread(read)
        await asyncio.sleep(_LAST)
    for snapshot in snapshots:
        history.note(
            "redis",
            room=snapshot.room,
            epoch=snapshot.epoch,
            seq=snapshot.seq,
            state=snapshot.state,
        )

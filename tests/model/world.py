"""A small world that the tests rule: real scripts on a real Redis, real server nodes, and time that
passes when they say so.

* **Time**: the scripts ask Redis's clock, and that can't be set; so the one question, ``TIME``, is
  replaced in their text, and nothing else. ``step`` is by how much that clock is wrong. Nodes sleep
  in event loops of their own, by the world's time and each by a clock that is wrong in its own way.
  A failing example fails again.
* **Nodes** are :class:`~presence_progress.server.node.Node` and the keeper, running as in a server;
  between them and Redis is a :class:`Wire` that can be cut.
* **The model** is told of every call that reaches Redis, in the order in which it does, so that it
  knows what must be published then, change by change.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, fields
from functools import cache
from hashlib import sha1
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from presence_progress import keys, presence, rooms
from presence_progress.presence import Presence, Who
from presence_progress.server import node as node_module
from presence_progress.server.keeper import Keeper
from presence_progress.server.node import Node
from presence_progress.server.presence_sweeper import PresenceSweeper
from tests.conftest import Events
from tests.model.presence import ANYONE, Limits, Place, who

CLOCK = "test:clock"
_START = 1_800_000_000_000
_ASK_REDIS = "redis.call('TIME')"
# A microsecond passes with every question: no two lives of a room begin in the same one.
_ASK_US = f"""
local function test_time()
  local now = redis.call('INCR', '{CLOCK}')
  return {{ math.floor(now / 1000000), now % 1000000 }}
end
"""


# --- what is changed in the real thing ------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Watched(rooms.Call[Any]):
    """A call that the model is told of, once Redis has run it."""

    place: tuple[str, str]
    effect: Callable[[Place, int, Any], None]


def rule_time(patch: pytest.MonkeyPatch) -> None:
    """Take the scripts' time into the tests' hands, until ``patch`` undoes it."""
    real_source = rooms.source

    @cache
    def source(script: str) -> str:
        return _ASK_US + real_source(script).replace(_ASK_REDIS, "test_time()")

    @cache
    def digest(script: str) -> str:
        return sha1(source(script).encode(), usedforsecurity=False).hexdigest()

    patch.setattr(rooms, "source", source)
    patch.setattr(rooms, "digest", digest)


def rule(patch: pytest.MonkeyPatch, limits: Limits) -> None:
    """Take time and limits of presence into the tests' hands, until ``patch`` undoes it."""
    rule_time(patch)
    patch.setattr(presence, "SESSION_LEASE", limits.session_lease)
    patch.setattr(presence, "EDITING_LEASE", limits.editing)
    patch.setattr(presence, "FOCUS_LEASE", limits.focus)
    patch.setattr(presence, "LEFT_SHOWN", limits.left)
    patch.setattr(presence, "LARGE_ROOM", limits.large_room)
    # Loops tell the time of whoever runs in them; it is all that a node ever asks.
    monotonic = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    patch.setattr(node_module, "time", monotonic)
    patch.setattr(node_module, "log", _Log())

    def watch(name: str, effect_of: Callable[..., tuple[tuple[str, str], Any]]) -> None:
        real = getattr(presence, name)

        def build(*args: Any, **more: Any) -> Watched:
            call = real(*args, **more)
            place, effect = effect_of(*args, **more)
            parts = {one.name: getattr(call, one.name) for one in fields(call)}
            return Watched(**parts, place=place, effect=effect)

        patch.setattr(presence, name, build)

    watch("enter_call", _enter)
    watch("leave_call", _leave)
    watch("reconcile_call", _reconcile)
    watch("sweep_call", _sweep)
    watch("told_call", _told)


class _Log:
    """What goes wrong in a node ends it here, where a server would go on."""

    def info(self, *_: Any, **__: Any) -> None:
        pass

    debug = warning = info

    def exception(self, *_: Any, **__: Any) -> None:
        raise


def _enter(entering: Presence, *, node: str = "", age: float = 0, **_: Any) -> Any:
    def effect(place: Place, now: int, position: Any) -> None:
        if position is not None:  # the node must note the place first, and say it again
            place.enter(
                now,
                entering.session,
                entering.user,
                node=node or None,
                activity=entering.activity,
                focus=entering.focus,
                age=int(age * 1000),
            )

    return entering.place, effect


def _leave(leaving: Presence, grace: int = 0, **_: Any) -> Any:
    return (
        leaving.place,
        lambda place, now, _: place.leave(now, leaving.session, leaving.user, grace),
    )


def _reconcile(
    site: str, room: str, node: str, sessions: Sequence[str] = (), *, grace: int = 0, **_: Any
) -> Any:
    held = list(sessions)
    return (site, room), lambda place, now, _: place.reconcile(now, node, held, grace)


def _sweep(site: str, room: str, **_: Any) -> Any:
    return (site, room), lambda place, now, _: place.settle(now)


def _told(site: str, room: str, transitions: Sequence[str]) -> Any:
    told = [_transition(text) for text in transitions]
    return (site, room), lambda place, now, _: place.tell(told)


def _transition(text: str | bytes) -> tuple[str, str, int]:
    transition = json.loads(text)
    is_his = transition["kind"] in ("entered", "left")
    return transition["kind"], transition["user"] if is_his else ANYONE, transition["at"]


# --- nodes ----------------------------------------------------------------------------------------

State = Literal["up", "cut", "deaf", "stutters"]
"""Of a wire: no call arrives; calls arrive and no answer comes back; each call arrives twice."""


class Wire:
    """Runs a node's calls, as :class:`~presence_progress.server.calls.Calls` does."""

    def __init__(self, world: World) -> None:
        self.state: State = "up"
        self.lag = 0
        """How long answers are under way, ms."""
        self._world = world

    def run(self, call: rooms.Call[Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        try:
            if self.state == "cut":
                raise ConnectionError("the wire is cut")
            result = self._world.run(call)
            if self.state == "stutters":
                result = self._world.run(call)
            if self.state == "deaf":
                raise ConnectionError("the answer is lost")
            if self.lag:
                loop.call_later(self.lag / 1000, answer.set_result, result)
            else:
                answer.set_result(result)
        except ConnectionError as error:
            answer.set_exception(error)
            answer.exception()  # not everybody waits for it
        return answer

    async def run_all(self, calls: Sequence[rooms.Call[Any]]) -> list[Any]:
        return await asyncio.gather(*map(self.run, calls))

    async def try_all(self, calls: Sequence[rooms.Call[Any]]) -> list[Any]:
        return await asyncio.gather(*map(self.run, calls), return_exceptions=True)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that lives in the world's time, by a clock that is wrong."""

    def __init__(self, world: World, skew: int) -> None:
        super().__init__()
        self._world, self._skew = world, skew

    def time(self) -> float:
        return (self._world.now + self._skew - _START) / 1000

    @property
    def next_at(self) -> int | None:
        """When somebody wants to wake up, by the world's time."""
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if not timers:
            return None
        when: float = timers[0].when()
        return math.ceil(when * 1000 - 1e-3) + _START - self._skew

    def run_due(self) -> None:
        """Run all that is to run by now."""
        while self._ready or (self.next_at or self._world.now + 1) <= self._world.now:  # type: ignore[attr-defined]
            self.call_soon(self.stop)
            self.run_forever()


class Server:
    """One server process: its node and keeper, and the sockets that are connected to it."""

    def __init__(self, world: World, name: str, skew: int) -> None:
        self.name = name
        self.wire = Wire(world)
        self.loop = _Loop(world, skew)
        self.tabs: dict[str, Tab] = {}
        self.is_paused = False
        self._world = world
        self.node = Node(self.wire, lambda site: True)  # type: ignore[arg-type]
        sweeper = PresenceSweeper(self.wire, self.node, world)  # type: ignore[arg-type]
        sweepers = {"presence": sweeper, keys.ONLINE: sweeper}
        keeper = Keeper(self.wire, sweepers, lambda: list(world.places))  # type: ignore[arg-type]
        self._tasks = [self.loop.create_task(self.node.run()), self.loop.create_task(keeper.run())]
        self.loop.run_due()

    def __repr__(self) -> str:
        return self.name

    def check(self) -> None:
        """Raise what has gone wrong in it."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    @property
    def is_well(self) -> bool:
        return not self.is_paused and self.wire.state in ("up", "stutters")

    def do(self, what: Callable[[], Any]) -> None:
        """Do something in this server, as an event of a socket's does."""
        self.loop.call_soon(what)
        self.loop.run_due()

    def kill(self) -> None:
        """End without a word: kill -9."""
        self.wire.state = "cut"
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_due()
        self.loop.close()

    def end(self) -> None:
        """End in peace: SIGTERM."""
        self.do(lambda: self.loop.create_task(self._end()))
        self.kill()

    async def _end(self) -> None:
        with suppress(ConnectionError):
            await self.node.end()


@dataclass
class Tab:
    """A page in somebody's browser."""

    presence: Presence
    server: Server
    gone_at: int | None = None
    """When it vanished without a word; its server does not know yet."""

    def __repr__(self) -> str:
        return f"<{self.presence.session}: {self.presence.user} in {self.presence.name}>"


# --- the world ------------------------------------------------------------------------------------


class Disagreement(AssertionError):
    """The real thing does not do what the model promises."""


class Watcher:
    """Somebody who watches a room over a network that loses changes."""

    def __init__(self, world: World, room: str) -> None:
        self.misses = 0
        """How many of the next changes do not reach him."""
        self.is_behind = False
        """Whether he may not know it yet: the last change was lost, or all of Redis's memory."""
        self._world, self.room = world, room
        self._read()

    def _read(self) -> None:
        self._snapshot = self._world.snapshot(self.room)
        self.is_behind = False

    def doubt(self) -> None:
        """Be sent the room whole, as after every doubt about the network."""
        self._read()

    def receive(self, change: rooms.Change) -> None:
        if self.misses:
            self.misses -= 1
            self.is_behind = True
            return
        outcome, self._snapshot = rooms.apply_change(self._snapshot, change)
        if outcome == "resync":
            self._read()

    def check(self) -> None:
        if not self.is_behind:
            assert self._snapshot == self._world.snapshot(self.room), "a watcher sees what is"


@dataclass
class _Seen:
    """What somebody who misses nothing has seen of a room, and what he must see next."""

    epoch: str = ""
    seq: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    to_come: list[dict[str, Any]] = field(default_factory=list)


class World:
    """Redis, what time it is, and what must be so."""

    def __init__(self, client: Any, site: str, limits: Limits) -> None:
        self.now = _START
        self.step = 0
        """By how much Redis's clock is wrong, ms."""
        self.clock_of: Callable[[tuple[str, str]], str] = lambda place: keys.CLOCK
        self.client = client
        self.site = site
        self.limits = limits
        self.places: dict[tuple[str, str], Place] = {}
        self.changes: list[rooms.Change] = []
        """All that was published since the last :meth:`check`."""
        self.servers: list[Server] = []
        self._seen: defaultdict[tuple[str, str], _Seen] = defaultdict(_Seen)
        self._questions = 0
        self._events = Events(client, site)
        pool = client.connection_pool
        self._wire = pool.connection_class(**pool.connection_kwargs)

    @property
    def is_large(self) -> bool:
        return self.limits.large_room < 50

    def presence(self, session: str, user: str, name: str, activity: Any, focus: Any) -> Presence:
        """Return a session in a document, or on the site at all, when it has no name."""
        doctype, shown = "ToDo" if name else "", Who(**who(user))
        return Presence(self.site, doctype, name, session, user, shown, activity, focus)

    def run(self, call: rooms.Call[Any]) -> Any:
        """Run a call, at this moment of the world's time, and tell the model."""
        # By a number that has no factor in common with a thousand: no two calls of one moment
        # begin in the same microsecond, by which Redis tells one transition from another.
        self._questions = (self._questions + 7) % 990
        wall = self.now + self.step
        clock = ("SET", CLOCK, wall * 1000 + self._questions)
        result = self._ask([clock, *rooms.commands(call)], call)
        if isinstance(call, Watched):
            place = self.places.setdefault(call.place, Place(self.limits))
            before = place.state()
            place.wall = wall
            # The model need not know how time is counted: by all that happens, it is counted well.
            offset = self.client.hget(self.clock_of(call.place), "offset")
            call.effect(place, wall + int(offset), result)
            if place.state() != before:
                self._seen[call.place].to_come.append(place.state())
        return result

    def viewers(self, room: str) -> set[str]:
        """Return who is in a room, by the model, which agrees with what is published."""
        place = self.places.get((self.site, room))
        return set(place.stays) if place else set()

    def _ask(self, commands: list[Any], call: rooms.Call[Any]) -> Any:
        # By hand: a life is some thousand calls, and a pipeline of redis-py's takes longer than
        # Redis does.
        self._wire.send_packed_command(self._wire.pack_commands(commands))
        replies = [self._read_reply() for _ in commands]
        if isinstance(replies[-1], NoScriptError):
            self.client.script_load(rooms.source(call.script))
            return self._ask(commands, call)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return call.read(replies[-1])

    def _read_reply(self) -> Any:
        try:
            return self._wire.read_response()
        except ResponseError as error:
            return error

    def snapshot(self, room: str) -> rooms.Snapshot:
        return rooms.run(self.client, rooms.snapshot_call(self.site, room))

    def advance(self, ms: int) -> None:
        """Let time pass, and everybody do what he does when his time comes."""
        end = self.now + ms
        while True:
            running = [server for server in self.servers if not server.is_paused]
            first = min(running, key=lambda one: one.loop.next_at or end + 1, default=None)
            if first is None or (first.loop.next_at or end + 1) > end:
                break
            self.now = max(self.now, first.loop.next_at or 0)
            first.loop.run_due()
        self.now = end

    # --- hooks, as the keeper knows them ---

    def has_hooks(self, site: str) -> bool:
        return True

    async def tell(self, site: str, room: str, transitions: list[str]) -> None:
        pass

    # --- Redis loses its memory ---

    def forget(self) -> None:
        self.client.flushdb()
        self.places.clear()
        self._seen.clear()

    def _keys(self) -> set[str]:
        return {key.decode() for key in self.client.scan_iter()} - {CLOCK}

    def remember(self) -> Any:
        dumped = {key: self.client.dump(key) for key in self._keys()}
        # An expiry in Redis's own time, a day away; what matters here is that there is one.
        return dumped, deepcopy(self.places), deepcopy(self._seen)

    def restore(self, memory: Any) -> None:
        """Redis has come back with old data."""
        self.forget()
        dumped, places, seen = memory
        for key, value in dumped.items():
            self.client.restore(key, 86_400_000, value)
        self.places.update(deepcopy(places))
        self._seen.update(deepcopy(seen))

    # --- what must be so ---

    def check(self) -> None:
        """Raise :class:`Disagreement` unless Redis and all that was published agree with the
        model."""
        for server in self.servers:
            server.check()
        self._read_changes()
        for (site, room), place in list(self.places.items()):
            snapshot = self.snapshot(room)
            seen = self._seen[site, room]
            with self._explained(room):
                assert snapshot.state == seen.state, "the changes lead to what a snapshot says"
                assert (snapshot.epoch, snapshot.seq) == (seen.epoch, seen.seq)
                if self.is_large:
                    continue  # its changes are gathered: check_large
                assert snapshot.state == place.state(), "the state is as the model says"
                assert not seen.to_come, "every change is published"
            transitions = self.client.lrange(keys.presence_keys(site, room)[4], 0, -1)
            untold = Counter(_transition(text)[:2] for text in transitions)
            assert untold == Counter(place.untold), "the site's hooks hear of all, once"
        endless = [key for key in self._keys() if self.client.ttl(key) < 0]
        assert not endless, "nothing is kept for ever"

        self._check_online_count()

    def _check_online_count(self) -> None:
        online = self.places.get((self.site, keys.ONLINE))
        if online and not self.is_large:
            count = self.snapshot(keys.ONLINE_COUNT)
            assert count.state == ({":count": len(online.stays)} if online.state() else {})

    def check_nothing_is_left(self) -> None:
        """Raise unless there is nothing in Redis but empty rooms and the nodes that live."""
        left = self._keys() - {keys.NODES, keys.CLOCK}
        left -= {keys.room_key(site, room) for site, room in self.places}
        left -= {keys.online_count_key(self.site)}
        assert not left, "nothing is left over"
        for place in self.places.values():
            assert place.state() in ({}, {":count": 0})
        nodes = {node.decode() for node in self.client.zrange(keys.NODES, 0, -1)}
        assert nodes == {server.node.id for server in self.servers}, "the dead are forgotten"

    def _read_changes(self) -> None:
        self.changes = [rooms.Change(**event["message"]) for event in self._events.drain()]
        for change in self.changes:
            if change.room == keys.ONLINE_COUNT:
                continue
            seen = self._seen[self.site, change.room]
            with self._explained(change.room):
                assert (
                    change.seq == seen.seq + 1 and change.epoch == seen.epoch
                    if seen.epoch
                    else change.seq == 1
                ), "a change follows the one before"
                assert all(seen.state.get(name) != value for name, value in change.set.items()), (
                    "what is set is new"
                )
                assert all(name in seen.state for name in change.unset), "what is unset was there"
                state = {name: v for name, v in seen.state.items() if name not in change.unset}
                seen.state = {**state, **change.set}
                seen.epoch, seen.seq = change.epoch, change.seq
                if not self.is_large:
                    assert seen.to_come, f"nothing has changed, but this was published: {change}"
                    assert seen.state == seen.to_come.pop(0), "what is published is so"

    def check_large(self) -> None:
        """Raise unless what is shown of rooms that may be large is true, once all is shown."""
        for (site, room), place in self.places.items():
            self.run(presence.sweep_call(site, room, has_hooks=True))
            snapshot = self.snapshot(room)
            with self._explained(room):
                assert not place.doubts(snapshot.state), f"{snapshot.state} of {place.stays}"

    @contextmanager
    def _explained(self, room: str) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            raise Disagreement(f"{room} at {self.now - _START} ms: {error}") from None

    def close(self) -> None:
        for server in self.servers:
            server.kill()
        self._events.close()
        self._wire.disconnect()

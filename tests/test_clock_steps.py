"""Redis's clock is set while people are here and jobs run: real scripts and real nodes in the small
world of the models, whose time the tests rule."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1
from typing import Any

import pytest
import redis

from presence_progress import keys, presence, rooms, task_room
from presence_progress.settings import (
    EDITING_LEASE,
    NODE_LEASE,
    NODE_RENEWAL,
    RECONNECT_GRACE,
    SWEEP_INTERVAL,
    TASK_LEASE,
    TASK_LOST_AFTER,
    TASK_RENEWAL,
)
from presence_progress.task_record import TaskRecord
from tests.conftest import RedisServer
from tests.model import world as worlds
from tests.model.presence import Limits
from tests.model.world import Server, World

HOUR = 3_600_000
STEPS = pytest.mark.parametrize(
    "step", [-HOUR, -5_000, 12_000, HOUR], ids=lambda ms: f"{ms // 1000:+}s"
)
LEAP = 2_000
"""What a leap may take from a lease; see scripts/_clock.lua."""
ROOM = "presence:ToDo/a"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a Redis of this module's own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        client = redis.Redis.from_url(server.url)
        yield client
        client.close()


@pytest.fixture
def world(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Return a world with two servers and somebody on each of them."""
    worlds.rule(monkeypatch, Limits())
    client.flushdb()
    world = World(client, "site.localhost", Limits())
    world.servers += [Server(world, "here", 0), Server(world, "there", 0)]
    world.advance(10 * NODE_RENEWAL)
    for server, user in zip(world.servers, ("ann", "bob"), strict=True):
        enter(world, server, f"tab-{user}", user)
    world.check()
    yield world
    world.close()


def enter(world: World, server: Server, session: str, user: str, activity: str = "viewing") -> None:
    entering = world.presence(session, user, "a", activity, None)
    server.do(lambda: server.node.enter(entering, lambda: 0))


def lose(world: World, server: Server, session: str, user: str) -> None:
    leaving = world.presence(session, user, "a", "viewing", None)
    server.do(lambda: server.node.leave(leaving, RECONNECT_GRACE))


def kill(world: World) -> None:
    """Kill the server that bob is on."""
    world.servers.pop().kill()


def seen(world: World, ms: int) -> list[str]:
    """Let time pass, and return whose fields changed meanwhile."""
    world.advance(ms)
    world.check()
    return [user for change in world.changes for user in (*change.set, *change.unset)]


@STEPS
def test_nobody_comes_or_goes(world: World, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [server.node.id for server in world.servers]
    world.advance(2 * SWEEP_INTERVAL)
    hooks: list[Any] = []
    monkeypatch.setattr(World, "tell", lambda *transitions: hooks.append(transitions))
    world.step = step
    assert seen(world, 30_000) == []
    assert hooks == [], "the site's hooks hear of nobody"
    assert [server.node.id for server in world.servers] == ids, "no server is taken for dead"
    assert world.viewers(ROOM) == {"ann", "bob"}


@STEPS
def test_who_is_on_a_killed_server_is_gone_within_ten_seconds(world: World, step: int) -> None:
    world.advance(2_000)
    kill(world)
    world.advance(1_000)
    world.step = step
    assert "bob" in seen(world, NODE_LEASE + NODE_RENEWAL)
    assert world.viewers(ROOM) == {"ann"}


@STEPS
def test_who_reloads_shows_nothing(world: World, step: int) -> None:
    here, _ = world.servers
    lose(world, here, "tab-ann", "ann")
    world.advance(100)
    world.step = step
    assert seen(world, RECONNECT_GRACE - LEAP - SWEEP_INTERVAL) == []
    enter(world, here, "tab-2", "ann")
    seen(world, 20_000)
    assert not any(change.unset for change in world.changes)


@STEPS
def test_who_is_lost_is_gone_after_the_grace(world: World, step: int) -> None:
    here, _ = world.servers
    lose(world, here, "tab-ann", "ann")
    world.advance(100)
    world.step = step
    assert "ann" in seen(world, RECONNECT_GRACE + 2 * SWEEP_INTERVAL)


@STEPS
def test_editing_fades_in_its_time(world: World, step: int) -> None:
    here, _ = world.servers
    enter(world, here, "tab-ann", "ann", "editing")
    world.check()
    world.advance(100)
    world.step = step
    assert seen(world, EDITING_LEASE - LEAP - SWEEP_INTERVAL) == []
    assert "ann" in seen(world, LEAP + 3 * SWEEP_INTERVAL)
    assert world.snapshot(ROOM).state["ann"]["activity"] == "viewing"


def test_a_second_step_is_noticed_as_well(world: World) -> None:
    for step in (HOUR, 0, -HOUR, 0):
        world.step = step
        assert seen(world, 5_000) == []
    kill(world)
    world.step = -HOUR
    assert "bob" in seen(world, NODE_LEASE + NODE_RENEWAL)


def test_where_no_server_lives_time_passes_unseen(world: World) -> None:
    """A job's presence ends, whether or not anybody looked meanwhile."""
    while world.servers:
        kill(world)
    for _ in range(NODE_LEASE // LEAP + 1):
        world.advance(5_000)
        world.run(rooms.has_server_call())
    assert not world.run(rooms.has_server_call()), "their leases end, however seldom anybody looks"
    job = world.presence("job", "kim", "a", "viewing", None)
    world.run(presence.enter_call(job))
    assert "kim" in world.viewers(ROOM)
    world.advance(60_000)
    world.run(presence.sweep_call(world.site, ROOM))
    assert "kim" not in world.viewers(ROOM)


@pytest.mark.parametrize("step", [-HOUR, -5_000])
def test_a_room_on_another_shard_has_a_clock_that_is_not_set_back_either(
    world: World, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, is_refused = rooms.source, "({ err = 'MOVED' })"

    def elsewhere(script: str) -> str:
        text = source(script)
        if script.startswith("presence_"):
            text = text.replace("redis.pcall('HMGET', key, 'last', 'offset')", is_refused)
            assert is_refused in text
        return text

    monkeypatch.setattr(rooms, "source", elsewhere)
    digest = lambda script: sha1(elsewhere(script).encode()).hexdigest()  # noqa: E731
    monkeypatch.setattr(rooms, "digest", digest)
    world.clock_of = lambda place: keys.room_key(*place) + ":clock"
    here, _ = world.servers
    enter(world, here, "tab-ann", "ann", "editing")
    lose(world, world.servers[1], "tab-bob", "bob")
    world.check()
    world.advance(100)
    world.step = step
    # The rest of a lease may be counted once more.
    assert "bob" in seen(world, RECONNECT_GRACE + 2 * SWEEP_INTERVAL)
    seen(world, EDITING_LEASE)
    assert world.snapshot(ROOM).state["ann"]["activity"] == "viewing"
    assert world.client.ttl(world.clock_of((world.site, ROOM))) > 0


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_what_people_are_shown_is_redis_s_time(world: World, step: int) -> None:
    here, _ = world.servers
    world.step = step
    world.advance(1_000)
    enter(world, here, "tab-2", "kim")
    enter(world, here, "tab-3", "ann")
    wall = world.now + step
    state = world.snapshot(ROOM).state
    assert state["kim"]["since"] == wall
    assert state["ann"]["since"] <= wall, "nobody is here since later than now"
    here.do(lambda: here.node.leave(world.presence("tab-2", "kim", "a", "viewing", None)))
    assert world.snapshot(ROOM).state[":left:kim"]["last_seen"] == wall


class Task:
    """A task whose job lives until it is killed, in a world with servers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._record = TaskRecord("t", world.site, "ann", "Task", state="running")
        self._record.started_at = world.now + world.step
        world.run(task_room.begin_call(self._record, "horse"))

    def pass_time(self, ms: int, *, is_alive: bool = True) -> list[str]:
        """Let time pass, and return the states that it was in."""
        states: list[str] = []
        renewal, world = int(TASK_RENEWAL * 1000), self._world
        for past in range(0, ms, SWEEP_INTERVAL):
            world.advance(SWEEP_INTERVAL)
            if is_alive and (past + SWEEP_INTERVAL) % renewal == 0:
                world.run(task_room.renew_call(world.site, "t", "horse"))
            swept = world.run(task_room.sweep_call(world.site, "t"))
            if swept.state not in states[-1:]:
                states.append(swept.state)
        return states


@STEPS
def test_a_job_that_lives_is_not_given_up(world: World, step: int) -> None:
    task = Task(world)
    task.pass_time(1_500)
    world.step = step
    assert task.pass_time(20_000) == ["running"]


@STEPS
def test_a_job_that_was_killed_is_lost_in_its_time(world: World, step: int) -> None:
    task = Task(world)
    world.step = step
    quiet = task.pass_time(TASK_LEASE - LEAP - SWEEP_INTERVAL, is_alive=False)
    assert quiet == ["running"]
    states = task.pass_time(TASK_LOST_AFTER + LEAP + 4 * SWEEP_INTERVAL, is_alive=False)
    assert states[-2:] == ["stalled", "lost"]
    state = world.snapshot("task:t").state
    assert state["started_at"] <= state["ended_at"]

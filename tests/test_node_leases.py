"""A server node around the end of its lease, to the millisecond: real scripts and real nodes in the
small world of the models, whose time the tests rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from presence_progress.server import node
from presence_progress.settings import KEEP_INTERVAL, NODE_LEASE, NODE_RENEWAL, RECONNECT_GRACE
from tests.conftest import RedisServer
from tests.model import world as worlds
from tests.model.presence import Limits
from tests.model.world import Server, World

ROOM = "presence:ToDo/a"
PAUSE = NODE_LEASE + 2_000


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a Redis of this module's own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        client = redis.Redis.from_url(server.url)
        yield client
        client.close()


@pytest.fixture
def world(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    worlds.rule(monkeypatch, Limits())
    client.flushdb()
    world = World(client, "site.localhost", Limits())
    world.servers += [Server(world, "here", 0), Server(world, "there", 0)]
    yield world
    world.close()


def enter(world: World, server: Server, session: str, user: str, name: str = "a") -> None:
    entering = world.presence(session, user, name, "viewing", None)
    server.do(lambda: server.node.enter(entering, lambda: 0))


def gone(world: World, ms: int) -> list[str]:
    """Let time pass, and return who was heard to go meanwhile."""
    world.advance(ms)
    world.check()
    return [user for change in world.changes for user in change.unset if user[0] != ":"]


def pause(world: World, server: Server, ms: int) -> None:
    server.is_paused = True
    world.advance(ms)
    world.check()
    server.is_paused = False


def test_whoever_comes_to_a_server_that_was_just_stopped_stays(world: World) -> None:
    _, stopped = world.servers
    pause(world, stopped, PAUSE)
    # What it was doing when it was stopped is overdue, and fails; so does its next renewal.
    stopped.wire.state = "cut"
    stopped.loop.run_due()
    stopped.wire.state = "up"
    enter(world, stopped, "tab", "ann")
    assert gone(world, 3 * NODE_RENEWAL) == []
    assert world.viewers(ROOM) == {"ann"}


def test_a_server_that_ends_lets_its_viewers_come_back_whatever_it_was_doing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "BATCH", 1)
    _, ending = world.servers
    documents = [f"a{number}" for number in range(12)]
    world.advance(KEEP_INTERVAL - 100)
    for name in documents:
        enter(world, ending, f"tab-{name}", "ann", name)
    # It has begun to look after its rooms, one after the other, and ends meanwhile.
    ending.wire.lag = 20
    assert gone(world, 110) == []
    ending.do(lambda: ending.loop.create_task(ending.node.end()))
    assert gone(world, RECONNECT_GRACE - 1_000) == []
    assert gone(world, 2_000) == ["ann"] * len(documents)

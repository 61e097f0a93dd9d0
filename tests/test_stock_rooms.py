"""While no realtime server of ours runs, changes are told in Frappe's own rooms, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from presence_progress import counts, keys, progress, rooms
from tests.conftest import Events, RedisServer


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own: in that of all others their servers live."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def no_server(client: Any) -> Iterator[None]:
    """Of the nodes that other tests have left in this Redis nothing is known."""
    kept = client.zrange(keys.NODES, 0, -1, withscores=True)
    client.delete(keys.NODES)
    yield
    if kept:
        client.zadd(keys.NODES, dict(kept))


def told(events: Events, room: str) -> set[str]:
    """Return the rooms of Frappe's in which a change of a room was told."""
    return {
        event["room"] for event in events.drain(copies=True) if event["message"]["room"] == room
    }


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize(
    ("scope", "stock"),
    [
        ("website", "website"),
        ("site", "all"),
        ("user:ann@x.com", "user:ann@x.com"),
        ("doctype:Sales Order", "doctype:Sales Order"),
        ("doc:Sales Order/SO/1", "doc:Sales Order/SO/1"),
    ],
)
def test_a_count_is_told_to_the_readers_of_its_scope(
    site: str, events: Events, scope: str, stock: str
) -> None:
    counts.set("things", 3, scope=scope)
    assert told(events, f"count:{scope}/things") == {stock}


@pytest.mark.usefixtures("no_server")
def test_a_task_is_told_to_its_owner_and_to_readers_of_what_it_is_about(
    site: str, events: Events
) -> None:
    with progress.Task("Import", user="ann", doctype="File", name="a/b") as task:
        pass
    copies = events.drain(copies=True)
    rooms_of = {room: set[str]() for room in {event["message"]["room"] for event in copies}}
    for event in copies:
        rooms_of[event["message"]["room"]].add(event["room"])
    assert rooms_of == {
        f"task:{task.id}": {"user:ann", "doc:File/a/b"},
        "tasks:ann": {"user:ann"},
        "tasks:doctype:File": {"doctype:File"},
        "tasks:doc:File/a/b": {"doc:File/a/b"},
    }
    with progress.Task("Import", user="ann", doctype="File") as task:
        pass
    assert told(events, f"task:{task.id}") == {"user:ann", "doctype:File"}


@pytest.mark.usefixtures("no_server")
def test_a_guests_task_is_not_told_to_all_guests(site: str, events: Events) -> None:
    with progress.Task("Import", user="Guest"):
        pass
    assert events.drain(copies=True) == []


@pytest.mark.usefixtures("no_server")
def test_while_a_server_of_ours_lives_nothing_is_told_twice(
    client: Any, site: str, events: Events
) -> None:
    assert not rooms.run(client, rooms.has_server_call())
    client.zadd(keys.NODES, {"node": int(time.time() * 1000) + 60_000})
    counts.set("things", 3, scope="website")
    assert rooms.run(client, rooms.has_server_call())
    assert events.drain(copies=True) == []
    client.zadd(keys.NODES, {"node": int(time.time() * 1000) - 1})
    counts.set("things", 4, scope="website")
    assert not rooms.run(client, rooms.has_server_call())
    assert told(events, "count:website/things") == {"website"}

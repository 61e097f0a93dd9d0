"""Writers on a cluster: every operation there, slots that move, and a shard that dies."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis
from redis.crc import key_slot

from presence_progress import context, counts, keys, presence, progress, rooms
from presence_progress.cluster import PAUSES, SLOTS, Cluster, judge, read_slots
from tests.cluster import Shards, until
from tests.conftest import free_port

A, B = ("127.0.0.1", 1), ("127.0.0.1", 2)


@pytest.fixture
def in_cluster(shards: Shards, site: str) -> Iterator[str]:
    context.configure(store_url=shards.url)
    yield site


def names_on_all(shards: Shards, site: str) -> list[str]:
    def room(name: str) -> str:
        return keys.count_room("site", name)

    return [shards.name_on(shard, site, room) for shard in shards.all]


# --- pure ----------------------------------------------------------------------------------------


def test_slots_are_read_whatever_a_node_calls_itself() -> None:
    slots = read_slots([[0, 99, [b"", 7]], [100, SLOTS - 1, ["other", 8, b"id"], [b"r", 9]]], A)
    assert slots.primaries == [("127.0.0.1", 7), ("other", 8)]
    assert slots.owners[99] == ("127.0.0.1", 7) and slots.owners[100] == ("other", 8)
    assert len(slots.owners) == SLOTS


def test_a_slot_of_nobody_is_said_so() -> None:
    slots = read_slots([[0, 0, ["h", 7]]], A)
    with pytest.raises(redis.exceptions.ClusterDownError):
        slots.owner("a")
    with pytest.raises(redis.exceptions.ClusterDownError):
        read_slots([], A)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (redis.ResponseError("MOVED 3 127.0.0.1:2"), "again"),
        (redis.exceptions.MovedError("3 127.0.0.1:2"), "again"),
        (redis.ResponseError("CLUSTERDOWN The cluster is down"), "again"),
        (redis.ResponseError("TRYAGAIN Multiple keys"), "again"),
        (redis.ConnectionError("refused"), "again"),
        (redis.exceptions.BusyLoadingError("loading"), "again"),
        (ConnectionResetError(), "again"),
        (redis.ResponseError("ASK 3 127.0.0.1:2"), "ask"),
        (redis.exceptions.AskError("3 127.0.0.1:2"), "ask"),
        (redis.ResponseError("ASK 3 :2"), "ask"),
        (redis.TimeoutError("hangs"), "final"),
        (redis.ResponseError("WRONGTYPE Operation"), "final"),
        (redis.exceptions.NoScriptError("no"), "final"),
        (redis.exceptions.NoPermissionError("no"), "final"),
    ],
)
def test_what_a_failure_means(error: Exception, kind: str) -> None:
    verdict = judge(error, A)
    assert verdict.kind == kind
    assert kind != "ask" or verdict.place == B


# --- every operation -----------------------------------------------------------------------------


def test_counts_are_kept_on_every_shard(shards: Shards, in_cluster: str) -> None:
    for name in names_on_all(shards, in_cluster):
        counts.set(name, 4)
        assert counts.add(name, 3) == 7
        assert counts.get(name) == 7
        key = keys.room_key(in_cluster, keys.count_room("site", name))
        assert shards.of_key(key).client.hget(key, "value") == "7"


def test_a_script_that_a_node_does_not_know_is_sent(shards: Shards, in_cluster: str) -> None:
    for shard in shards.all:
        shard.client.script_flush()
    for name in names_on_all(shards, in_cluster):
        assert counts.add(name) == 1


def test_changes_are_heard_on_every_node(shards: Shards, in_cluster: str) -> None:
    names = names_on_all(shards, in_cluster)
    for shard in shards.all:
        with shard.client.pubsub(ignore_subscribe_messages=True) as hearing:
            hearing.subscribe("events")
            hearing.get_message(timeout=5)
            for name in names:
                counts.add(name)
            # What comes from another node may come late: also from the tests before.
            awaited = {keys.count_room("site", name) for name in names}
            deadline = time.monotonic() + 10
            while awaited:
                assert time.monotonic() < deadline, f"not heard: {awaited}"
                message = hearing.get_message(timeout=1)
                event = json.loads(message["data"]) if message else {}
                if event.get("namespace") == in_cluster:
                    awaited.discard(event["room"])


def test_presence_is_entered_and_left(shards: Shards, in_cluster: str) -> None:
    def room(name: str) -> str:
        return keys.presence_room("ToDo", name)

    for name in [shards.name_on(shard, in_cluster, room) for shard in shards.all]:
        presence.enter("ToDo", name, session="s1", user="a@x")
        presence.enter("ToDo", name, session="s2", user="b@x", activity="editing")
        viewers = presence.viewers("ToDo", name)
        assert {user: viewer["activity"] for user, viewer in viewers.items()} == {
            "a@x": "viewing",
            "b@x": "editing",
        }
        presence.leave("ToDo", name, session="s1", user="a@x")
        assert list(presence.viewers("ToDo", name)) == ["b@x"]


def test_tasks_are_tracked_listed_and_cancelled(in_cluster: str) -> None:
    for number in range(6):
        with progress.Task(f"task {number}", total=2, user="a@x") as task:
            task.advance(2)
        state = rooms.snapshot(keys.task_room(task.id)).state
        assert (state["state"], state["done"], state["percent"]) == ("done", 2, 100)
        assert task.id in rooms.snapshot(keys.user_tasks_room("a@x")).state
    with pytest.raises(progress.TaskCancelled), progress.Task("stopped", user="a@x") as task:
        until(lambda: bool(rooms.snapshot(keys.task_room(task.id)).state))
        assert progress.cancel(task.id) == "cancelling"
        while True:
            task.advance(0)  # raises, as soon as the cancellation has come
            time.sleep(0.01)
    assert rooms.snapshot(keys.task_room(task.id)).state["state"] == "cancelled"


# --- slots that move -----------------------------------------------------------------------------


def test_a_slot_that_moves_is_followed(shards: Shards, in_cluster: str) -> None:
    [here, there, _] = shards.all
    name = shards.name_on(here, in_cluster, lambda name: keys.count_room("site", name))
    counts.get(name)  # the slots are known now
    key = keys.room_key(in_cluster, keys.count_room("site", name))
    slot = key_slot(key.encode())
    ids = {shard: shard.client.execute_command("CLUSTER", "MYID") for shard in (here, there)}
    there.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[here])
    here.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[there])
    # Its key is not here any more, and the slot still is: ASK.
    assert counts.add(name, 5) == 5
    assert there.client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) == 1
    for shard in (there, here):
        shard.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[there])
    # MOVED, and the second time nobody has to be told.
    assert counts.add(name, 1) == 6
    client = context.store()
    assert client._slots.owner(key) == ("127.0.0.1", there.port)


# --- a shard that dies ---------------------------------------------------------------------------


def test_a_lost_shard_is_nobodys_trouble_but_its_own_rooms(
    own_shards: Shards,
    site: str,
) -> None:
    context.configure(store_url=own_shards.url)
    names = names_on_all(own_shards, site)
    for name in names:
        counts.set(name, 1)
    lost, *others = names
    # The node that the URL names: the others are known by now.
    shard = own_shards.of(site, keys.count_room("site", lost))
    assert shard is own_shards.all[0]
    shard.kill()
    begun = time.monotonic()
    with pytest.raises(redis.RedisError):
        counts.add(lost)
    assert time.monotonic() - begun < sum(PAUSES) + 10
    assert [counts.add(name) for name in others] == [2, 2]
    shard.start()
    until(lambda: counts.add(lost, 0) is not None)
    assert counts.get(lost) == (1 if shard._append_only == "yes" else 0)


def test_a_shard_that_hangs_is_not_waited_for_long(own_shards: Shards, site: str) -> None:
    context.configure(store_url=own_shards.url)
    [name, other, _] = names_on_all(own_shards, site)
    counts.set(name, 1)
    shard = own_shards.of(site, keys.count_room("site", name))
    os.kill(shard.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(redis.RedisError):
            counts.set(name, 2)
        assert time.monotonic() - begun < 20
        counts.set(other, 2)
    finally:
        os.kill(shard.pid, signal.SIGCONT)
    until(lambda: counts.get(name) in (1, 2))


def test_a_cluster_that_is_away_is_told_as_redis_is(site: str) -> None:
    context.configure(store_url=f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}")
    assert isinstance(context.store(), Cluster)
    with pytest.raises(redis.ConnectionError):
        counts.get("c")
    # And a job does not fail because of it.
    with progress.Task("alone") as task:
        task.advance()


def test_a_shard_whose_clock_is_set_back_keeps_nobody(
    in_cluster: str, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "SESSION_LEASE", 300)
    hour = 3_600_000

    def room(name: str) -> str:
        return keys.presence_room("ToDo", name)

    for shard in shards.all:
        name = shards.name_on(shard, in_cluster, room)
        presence.enter("ToDo", name, session="job", user="ann")
        assert list(presence.viewers("ToDo", name)) == ["ann"]
        # As it looks afterwards: what was just now is in an hour.
        own = keys.room_key(in_cluster, room(name)) + ":clock"
        shard.client.hincrby(own if shard.client.exists(own) else keys.CLOCK, "last", hour)
        shard.client.zincrby(keys.presence_keys(in_cluster, room(name))[2], hour, "end job ann")
        until(lambda name=name: not presence.viewers("ToDo", name), 5)  # type: ignore[misc]

"""The server's script calls on a cluster: alike for slots that move and for shards that fail."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest
import redis as redis_py
from redis.crc import key_slot

from presence_progress import counts, keys, rooms
from presence_progress.server.store import Store, open_store
from presence_progress.settings import Settings
from tests.cluster import Shards


@pytest.fixture
async def store(shards: Shards, redis_url: str) -> AsyncIterator[Store]:
    store = open_store(Settings(redis_url=redis_url, store_url=shards.url))
    yield store
    await store.close()


def rooms_on_all(shards: Shards, site: str) -> list[str]:
    def room(name: str) -> str:
        return keys.count_room("site", name)

    return [room(shards.name_on(shard, site, room)) for shard in shards.all]


async def test_many_at_once_on_all_shards_are_in_order(
    store: Store, shards: Shards, site: str
) -> None:
    for shard in shards.all:
        shard.client.script_flush()
    found = rooms_on_all(shards, site)
    calls = [rooms.set_call(site, room, 60, {"value": n}) for n in range(300) for room in found]
    positions = await store.calls.run_all(calls)
    for number, _ in enumerate(found):
        assert [seq for _, seq in positions[number::3]] == list(range(1, 301))


async def test_what_goes_ahead_is_there_first_wherever_it_is(
    store: Store, shards: Shards, site: str
) -> None:
    for room in rooms_on_all(shards, site):
        ahead = [("ZADD", f"ahead {room}", 0, "a"), ("ZADD", "ahead", 0, room)]
        adding = counts.add_call(site, room, 1)
        call = rooms.Call(adding.script, adding.keys, adding.args, adding.read, ahead)
        assert await store.calls.run(call) == 1
        for _, key, _, member in ahead:
            assert shards.of_key(str(key)).client.zscore(key, member) == 0
        failing = rooms.Call(call.script, call.keys, call.args, call.read, [("ZADD", "ahead")])
        with pytest.raises(redis_py.ResponseError):
            await store.calls.run(failing)
        assert (await store.calls.run(rooms.snapshot_call(site, room))).state == {"value": 1}


async def test_a_slot_that_moves_is_followed(store: Store, shards: Shards, site: str) -> None:
    [_, here, there] = shards.all
    room = rooms_on_all(shards, site)[1]
    await store.calls.run(rooms.snapshot_call(site, room))  # the slots are known now
    slot = key_slot(keys.room_key(site, room).encode())
    ids = {shard: shard.client.execute_command("CLUSTER", "MYID") for shard in (here, there)}
    there.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[here])
    here.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[there])
    assert await store.calls.run(counts.add_call(site, room, 5)) == 5  # ASK
    for shard in (there, here):
        shard.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[there])
    assert await store.calls.run(counts.add_call(site, room, 1)) == 6  # MOVED


async def test_a_shard_that_hangs_holds_up_nobody_else(
    store: Store, shards: Shards, site: str
) -> None:
    hanging, *others = rooms_on_all(shards, site)
    calls = [counts.add_call(site, room, 1) for room in (hanging, *others)]
    await store.calls.run_all(calls)
    os.kill(shards.of(site, hanging).pid, signal.SIGSTOP)
    try:
        late = store.calls.run(calls[0])
        assert await store.calls.run_all(calls[1:]) == [2, 2]
        assert not late.done()
        with pytest.raises(redis_py.TimeoutError):
            await late
        result, *rest = await store.calls.try_all(calls)
        assert isinstance(result, redis_py.TimeoutError) and rest == [3, 3]
    finally:
        os.kill(shards.all[0].pid, signal.SIGCONT)
    shards.until_whole()
    assert await store.calls.run(calls[0]) >= 2


async def test_a_cluster_that_is_away_is_told_as_redis_is(redis_url: str) -> None:
    store = open_store(Settings(store_url="redis+cluster://127.0.0.1:1"))
    with pytest.raises(redis_py.ConnectionError):
        await store.calls.run(rooms.snapshot_call("site", "count:site/a"))
    await store.close()

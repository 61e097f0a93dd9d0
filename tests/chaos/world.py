"""What a run breaks: a Redis, the site, three servers; each a process that ends with the run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from tests.chaos import site
from tests.chaos.history import History
from tests.chaos.plan import DOCUMENTS, OLDER, SERVERS, Fault
from tests.conftest import RedisServer, free_port
from tests.server.conftest import SITE, Process

_ROOT = Path(__file__).parent.parent.parent


class World:
    """All processes but the driver's own."""

    def __init__(self, folder: Path, history: History) -> None:
        self._folder = folder
        self._history = history
        self._redis_folder, self._copy = folder / "redis", folder / "older"
        self._redis_folder.mkdir()
        # What is written is in the file before it is answered: killed, it loses nothing.
        self.redis_server = RedisServer(
            self._redis_folder, "--appendonly", "yes", "--appendfsync", "no"
        )
        self.redis_server.start()
        site_port = free_port()
        self._site = Process(
            f"http://127.0.0.1:{site_port}",
            *("tests.chaos.site", "--port", str(site_port), "--data", str(folder)),
            *("--redis", self.redis_server.url),
            folder=_ROOT,
        )
        self.servers = [self._server(number) for number in range(SERVERS)]

    def _server(self, number: int) -> Process:
        port = free_port()
        return Process(
            f"http://127.0.0.1:{port}",
            *("presence_progress.cli", "serve", "--port", str(port), "--site", SITE),
            *("--redis", self.redis_server.url, "--site-url", self._site.url),
            folder=_ROOT,
            output=self._folder / f"server{number}.log",
        )

    def prepare(self, users: list[str]) -> None:
        site.prepare(self._folder / "site.sqlite", users, DOCUMENTS)

    async def start(self) -> None:
        await asyncio.gather(
            *(asyncio.to_thread(process.start) for process in (self._site, *self.servers))
        )

    async def close(self) -> None:
        for process in (*self.servers, self._site):
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.stop(kill=True)
        self.redis_server.stop()

    def _copy_redis(self) -> None:
        # While it is being written to: a last line that is not whole is one that Redis leaves out.
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._redis_folder, self._copy)

    # --- faults ---

    async def strike(self, fault: Fault) -> None:
        """Do what a fault says, and return when it is over."""
        if fault.kind == "redis older":
            await asyncio.to_thread(self._copy_redis)
            await asyncio.sleep(OLDER)
        if fault.kind.startswith("redis"):
            async with self._away("redis", fault.kind):
                await self._strike_redis(fault)
        else:
            async with self._away(f"server {fault.server}", fault.kind):
                await self._strike_server(fault)

    @contextlib.asynccontextmanager
    async def _away(self, part: str, cause: str) -> AsyncIterator[None]:
        self._history.note("down", part=part, cause=cause)
        try:
            yield
        finally:
            self._history.note("up", part=part, cause=cause)

    async def _strike_server(self, fault: Fault) -> None:
        server = self.servers[fault.server]
        if fault.kind == "stop server":
            os.kill(server.pid, signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            os.kill(server.pid, signal.SIGCONT)
            return
        await asyncio.to_thread(server.stop, kill=fault.kind == "kill server")
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(server.start)

    async def _strike_redis(self, fault: Fault) -> None:
        if fault.kind == "redis pause":
            os.kill(self.redis_server.pid, signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            os.kill(self.redis_server.pid, signal.SIGCONT)
            return
        await asyncio.to_thread(self.redis_server.stop)
        if fault.kind != "redis restart":
            data = self._redis_folder
            await asyncio.to_thread(shutil.rmtree, data)
            if fault.kind == "redis older":
                await asyncio.to_thread(shutil.copytree, self._copy, data)
            else:
                data.mkdir()
        await asyncio.sleep(fault.seconds)
        if fault.kind != "redis restart":
            # What was said before has been heard by now.
            self._history.note("lost data", cause=fault.kind)
        await asyncio.to_thread(self.redis_server.start)
